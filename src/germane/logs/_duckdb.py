"""The engine in this process: DuckDB."""

from __future__ import annotations

import re
import shutil
import tempfile
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidParameter, MalformedFile, TooLarge
from ._engines import FILE, ROW, Closing, Columns, Progress, by_layout
from ._files import log_format
from ._sql import Kind, identifier, text_literal


class DuckDB(Closing):
    """DuckDB in this process: out of core, within a memory cap.

    Args:
        memory_mb: what it may hold in memory; beyond that it spills to disk. The process itself,
            with NumPy and what is read ahead, comes on top.
        threads: how many; ``None`` for every core.
        spill: folder to spill to; ``None`` for a temporary one.

    Raises:
        InvalidParameter: ``memory_mb`` or ``threads`` is not positive.
    """

    def __init__(
        self,
        *,
        memory_mb: int = 700,
        threads: int | None = None,
        spill: Path | str | None = None,
    ) -> None:
        if memory_mb < 1 or (threads is not None and threads < 1):
            raise InvalidParameter(
                f"memory_mb and threads must be at least 1; got {memory_mb} and {threads}"
            )
        self._own_spill = spill is None
        self._spill = Path(tempfile.mkdtemp(prefix="germane-")) if spill is None else Path(spill)
        self._files: dict[str, Sequence[Path]] = {}
        cap = {"memory_limit": f"{memory_mb}MB", "temp_directory": str(self._spill)}
        many = {} if threads is None else {"threads": threads}
        self._connection = duckdb.connect(config={**cap, **many})
        self._connection.execute("CREATE TEMP MACRO epoch_seconds(x) AS epoch(x)")
        odd = " OR ".join(f"contains(x, '{text}')" for text in ("_", "+-", "n", "N"))
        self._connection.execute(
            f"CREATE TEMP MACRO as_number(x) AS CASE WHEN NOT ({odd}) THEN TRY_CAST(x AS DOUBLE) END"
        )
        # It turns a TRY_CAST of a CSV column into a type of the file: an error for what should be NULL.
        if self._execute("FROM duckdb_optimizers() WHERE name = 'type_pushdown'")["name"].size:
            self._connection.execute("SET disabled_optimizers = 'type_pushdown'")

    @property
    def name(self) -> str:
        return f"duckdb {duckdb.__version__}"

    def view(
        self, name: str, files: Sequence[Path], *, ordered: bool = False
    ) -> Mapping[str, Kind]:
        self._files[name] = files
        text = " UNION ALL BY NAME ".join(f"FROM {part}" for part in self._parts(files, ordered))
        if ordered and log_format(files) != "parquet":
            text = f'SELECT *, ROW_NUMBER() OVER () AS "{ROW}" FROM ({text})'
        self._execute(f"CREATE OR REPLACE TEMP VIEW {identifier(name)} AS {text}")
        return self._kinds(name)

    def table(self, name: str, columns: Mapping[str, NDArray[Any]]) -> Mapping[str, Kind]:
        self._connection.register(name, dict(columns))
        return self._kinds(name)

    def query(self, sql: str, *, progress: Progress | None = None) -> Columns:
        if progress is None:
            return self._execute(sql)
        done = threading.Event()

        def watch() -> None:
            while not done.wait(0.2):
                progress(max(self._connection.query_progress(), 0.0) / 100)

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            return self._execute(sql)
        finally:
            done.set()
            watcher.join()

    def close(self) -> None:
        self._connection.close()
        if self._own_spill:
            shutil.rmtree(self._spill, ignore_errors=True)

    def _parts(self, files: Sequence[Path], ordered: bool) -> Iterator[str]:
        """What reads the files: one reader for Parquet and JSONL, one for each layout of CSV."""
        options = "hive_partitioning=false" + (f", filename='{FILE}'" if ordered else "")
        format_ = log_format(files)
        if format_ == "parquet":
            options += ", union_by_name=true" + (", file_row_number=true" if ordered else "")
            text = f"read_parquet({_listed(files)}, {options})"
            rename = f' RENAME (file_row_number AS "{ROW}")' if ordered else ""
            yield f"(SELECT *{rename} FROM {text})"
        elif format_ == "jsonl":
            text = f"read_json({_listed(files)}, format='newline_delimited', "
            # The first pass is for the names alone: a key may appear in the last row only.
            keys = self._execute(f"DESCRIBE FROM {text} sample_size=-1, union_by_name=true)")
            yield f"{text} columns={_all_text(keys['column_name'])}, {options})"
        else:
            for (delimiter, names), alike in by_layout(files).items():
                yield (
                    f"read_csv({_listed(alike)}, auto_detect=false, header=true, quote='\"', "
                    f"escape='\"', delim={text_literal(delimiter)}, columns={_all_text(names)}, {options})"
                )

    def _kinds(self, name: str) -> dict[str, Kind]:
        found = self._execute(f"DESCRIBE {identifier(name)}")
        pairs = zip(found["column_name"], found["column_type"])
        return {column: _kind(type_) for column, type_ in pairs if column not in (FILE, ROW)}

    def _execute(self, sql: str) -> Columns:
        try:
            found = self._connection.execute(sql).fetchnumpy()
        except duckdb.OutOfMemoryException as error:
            raise TooLarge(f"DuckDB needs more memory than it may use: {_line(error)}") from error
        except duckdb.Error as error:
            raise self._blamed(error) from error
        return {column: _plain(values) for column, values in found.items()}

    def _blamed(self, error: duckdb.Error) -> Exception:
        """The error with the name of the file that is at fault, if one is."""
        message = str(error)
        files = [path for opened in self._files.values() for path in opened]
        culprits = [path for path in files if str(path) in message]
        for path in files if not culprits else ():
            try:
                (part,) = self._parts([path], False)
                self._connection.execute(f"SELECT BIT_XOR(HASH(a_row)) FROM {part} AS a_row")
            except (duckdb.Error, MalformedFile):
                culprits = [path]
                break
        if not culprits:
            return error
        reason = _line(error).partition("Error: ")[2] or _line(error)
        if "Malformed JSON" in reason:  # DuckDB 2.0 counts the lines of JSONL from 2
            return MalformedFile(culprits[0], None, f"a row is no JSON: {reason.split(': ')[-1]}")
        line = re.search(r"\b[Ll]ine:? (\d+)", message)
        return MalformedFile(culprits[0], int(line[1]) if line else None, reason)


def _kind(type_: str) -> Kind:
    if type_.startswith(("TIMESTAMP", "DATE")):
        return "time"
    if type_ in {"TINYINT", "SMALLINT", "INTEGER", "BIGINT"}:
        return "integer"
    if type_.startswith(("FLOAT", "DOUBLE", "DECIMAL")) or type_.endswith(("INT", "INTEGER")):
        return "number"  # unsigned ones too: -1 - x is none of them
    return {"BOOLEAN": "boolean", "VARCHAR": "text"}.get(type_, "other")  # type: ignore[return-value]


def _plain(values: Any) -> NDArray[Any]:
    if not isinstance(values, np.ma.MaskedArray):
        return np.asarray(values)
    if values.dtype.kind in "iuf":
        return np.ma.filled(values.astype(np.float64), np.nan)
    plain = np.array(values.data, dtype=object)
    plain[np.ma.getmaskarray(values)] = None
    return plain


def _all_text(names: Iterable[str]) -> str:
    return "{" + ", ".join(f"{text_literal(name)}: 'VARCHAR'" for name in names) + "}"


def _listed(files: Sequence[Path]) -> str:
    """A list of paths in DuckDB's SQL, in which a path is a glob: brackets keep a bracket itself."""
    return (
        "["
        + ", ".join(text_literal(re.sub(r"([\[*?])", r"[\1]", str(path))) for path in files)
        + "]"
    )


_CSV_FAULTS = {
    r"Expected Number of Columns: (\d+) Found: (\d+)": r"must have \1 fields; got \2",
    r"unterminated quote": "a quote is not closed",
    r"state machine reached an invalid state": "lines must end alike (LF or CR LF); quotes must be closed",
}
"""What DuckDB says of CSV files behind its first line, and what that means."""


def _line(error: BaseException) -> str:
    """What an error says, in a line."""
    message = str(error)
    for fault, meaning in _CSV_FAULTS.items():
        if found := re.search(fault, message):
            return found.expand(meaning)
    return next((line.strip() for line in message.splitlines() if line.strip()), "no reason given")
