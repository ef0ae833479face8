"""Where SQL texts are run: DuckDB in this process, or Spark for what outgrows one machine.

An engine opens the files of a log as a *view*, runs texts, and hands back columns. A text is the same
for every engine, so it may use only what both dialects have:

- names of columns in double quotes (``"dl_buffer [bytes]"``), texts in single ones, doubled inside;
- ``TRY_CAST``, ``CASE``, ``COALESCE``, ``FILTER (WHERE ...)``, common table expressions, ``LEAD`` and the
  other window functions, ``PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY x)``, ``FLOOR``, ``%``,
  ``REGEXP_EXTRACT(text, pattern, group)``;
- ``CAST(SUM(x) AS BIGINT)`` for sums of whole numbers, and ``0.5e0`` for a number that is a double;
- ``epoch_seconds(x)``: seconds since 1970 of a timestamp, UTC where it names no zone; both engines define it.
  A text is made one by ``TRY_CAST(x AS TIMESTAMP)``;
- ``as_number(x)``: the double that a text is, blanks around it aside; NULL for every other text, ``inf`` and
  ``nan`` among them, but infinite where it is too large for a double. Both engines define it, since they
  differ in what else they take for a number: ``1_000``, ``1d``.

What differs is hidden here: reading files, quoting, kinds of columns. The columns of CSV and JSONL files
are all *text*: nothing is sniffed, a text says what it makes of them with ``TRY_CAST``. Blanks and
empty fields of a CSV file are NULL.
"""

from __future__ import annotations

import importlib.util
import logging
import re
import shutil
import tempfile
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import duckdb
import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidParameter, MalformedFile, MissingExtra, TooLarge
from ._files import csv_layout, log_format
from ._sql import NUMBERS, Kind, identifier, text_literal

Columns = dict[str, NDArray[Any]]
Progress = Callable[[float], object]

FILE, ROW = "_file", "_row"
"""Columns of an ordered view: the path of a row's file, and a number that grows along it."""


class Engine(Protocol):
    """What runs the texts. Close it, or use it in a ``with`` statement."""

    @property
    def name(self) -> str:
        """Name and version, for the record."""
        ...

    def view(
        self, name: str, files: Sequence[Path], *, ordered: bool = False
    ) -> Mapping[str, Kind]:
        """Opens log files, all of one format, as the view ``name``.

        Columns go by their names, in whatever order a file has them; a file without one of them has
        NULL there.

        Args:
            name: what texts call it.
            files: as :func:`find_files` lists them.
            ordered: add the columns ``_file``, a row's path, and ``_row``, which grows in the order
                of the rows of a file.

        Returns:
            the kind of each of the log's own columns.

        Raises:
            MalformedFile: a file is not what its suffix says.
        """
        ...

    def table(self, name: str, columns: Mapping[str, NDArray[Any]]) -> Mapping[str, Kind]:
        """Opens equally long arrays as the view ``name``; returns the kind of each."""
        ...

    def query(self, sql: str, *, progress: Progress | None = None) -> Columns:
        """The columns that a text selects.

        A NULL is NaN among numbers, which are doubles then, and ``None`` among texts. Select a time as
        ``epoch_seconds``: how a timestamp comes back depends on the engine.

        Args:
            sql: in the common dialect.
            progress: called now and then with the share of the work that is done, where known.

        Raises:
            MalformedFile: a file turns out to be damaged.
            TooLarge: the memory allowed does not suffice.
        """
        ...

    def close(self) -> None:
        """Lets go of memory, files and threads."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...


class _Closing:
    """Closes when a ``with`` statement ends."""

    def close(self) -> None:
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class DuckDB(_Closing):
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
        self._files: list[Path] = []
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
        self._files += [path for path in files if path not in self._files]
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
            for (delimiter, names), alike in _by_layout(files).items():
                yield (
                    f"read_csv({_listed(alike)}, auto_detect=false, header=true, quote='\"', "
                    f"escape='\"', delim={text_literal(delimiter)}, columns={_all_text(names)}, {options})"
                )

    def _kinds(self, name: str) -> dict[str, Kind]:
        found = self._execute(f"DESCRIBE {identifier(name)}")
        pairs = zip(found["column_name"], found["column_type"])
        return {column: _duckdb_kind(type_) for column, type_ in pairs if column not in (FILE, ROW)}

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
        culprits = [path for path in self._files if str(path) in message]
        for path in self._files if not culprits else ():
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


class Spark(_Closing):
    """Spark: this machine's cores, or the cluster of a session that is given.

    Args:
        session: a ``pyspark.sql.SparkSession`` to work in, under settings of our own; ``None`` for the
            one that is running, or else a new one with ``master``, which is stopped when closed.
        master: where a new session runs.

    Raises:
        MissingExtra: pyspark is not installed, or finds no Java.
    """

    def __init__(self, session: Any = None, *, master: str = "local[*]") -> None:
        if importlib.util.find_spec("pyspark") is None:
            raise MissingExtra("counting with Spark", "spark")
        logging.getLogger("SQLQueryContextLogger").setLevel(logging.CRITICAL)
        self._is_own = session is None and not _spark_is_running()
        self._session = (_spark_session(master) if session is None else session).newSession()
        for key, value in _SPARK_DIALECT.items():
            self._session.conf.set(key, value)
        self._session.sql(
            "CREATE TEMPORARY FUNCTION epoch_seconds(x TIMESTAMP) RETURNS DOUBLE "
            "RETURN unix_micros(x) / 1e6"
        )
        self._session.sql(
            "CREATE TEMPORARY FUNCTION as_number(x STRING) RETURNS DOUBLE "
            "RETURN CASE WHEN NOT x RLIKE '[dDfFnNxX\\x00]' THEN TRY_CAST(x AS DOUBLE) END"
        )
        self._scratch = Path(tempfile.mkdtemp(prefix="germane-"))

    @property
    def name(self) -> str:
        return f"spark {self._session.version}"

    def view(
        self, name: str, files: Sequence[Path], *, ordered: bool = False
    ) -> Mapping[str, Kind]:
        return self._open(name, self._read(files, ordered))

    def table(self, name: str, columns: Mapping[str, NDArray[Any]]) -> Mapping[str, Kind]:
        file = self._scratch / f"{name}.parquet"
        with DuckDB() as engine:
            engine.table("given", columns)
            engine.query(f"COPY given TO {text_literal(file)} (FORMAT parquet)")
        return self.view(name, [file])

    def query(self, sql: str, *, progress: Progress | None = None) -> Columns:
        frame = self._guarded(lambda: self._session.sql(sql))
        rows = self._guarded(frame.collect)
        columns = list(zip(*rows)) if rows else [()] * len(frame.columns)
        return {
            column: _from_spark(values, _spark_kind(type_))
            for (column, type_), values in zip(frame.dtypes, columns)
        }

    def close(self) -> None:
        if self._is_own:
            self._session.stop()
        shutil.rmtree(self._scratch, ignore_errors=True)

    def _open(self, name: str, frame: Any) -> dict[str, Kind]:
        frame.createOrReplaceTempView(name)
        return {
            column: _spark_kind(type_)
            for column, type_ in frame.dtypes
            if column not in (FILE, ROW)
        }

    def _read(self, files: Sequence[Path], ordered: bool) -> Any:
        reader = self._session.read.option("mode", "FAILFAST")
        format_ = log_format(files)
        if format_ == "parquet":
            reader = reader.option("mergeSchema", True)
            frames = [self._guarded(lambda: reader.parquet(*map(_escaped, files)))]
        elif format_ == "jsonl":
            reader = reader.option("primitivesAsString", True)
            frames = [self._guarded(lambda: reader.json([_escaped(path) for path in files]))]
        else:
            frames = [
                reader.csv(
                    [_escaped(path) for path in alike],
                    schema=", ".join(f"`{name.replace('`', '``')}` STRING" for name in names),
                    header=True,
                    sep=delimiter,
                    quote='"',
                    escape='"',
                    enforceSchema=True,
                )
                for (delimiter, names), alike in _by_layout(files).items()
            ]
        if ordered:
            frames = [_with_order(frame) for frame in frames]
        first, *others = frames
        for other in others:
            first = first.unionByName(other, allowMissingColumns=True)
        return first

    def _guarded(self, work: Callable[[], Any]) -> Any:
        from py4j.protocol import Py4JJavaError
        from pyspark.errors import PySparkException

        try:
            return work()
        except (PySparkException, Py4JJavaError) as error:
            raise _spark_blamed(error) from error


_SPARK_DIALECT = {
    "spark.sql.ansi.enabled": "true",
    "spark.sql.ansi.doubleQuotedIdentifiers": "true",
    "spark.sql.parser.escapedStringLiterals": "true",
    "spark.sql.session.timeZone": "UTC",
    # Otherwise a row that is too short or too long goes unseen where few columns are read.
    "spark.sql.csv.parser.columnPruning.enabled": "false",
}


def _spark_is_running() -> bool:
    from pyspark.sql import SparkSession

    return SparkSession.getActiveSession() is not None


def _spark_session(master: str) -> Any:
    from pyspark.errors import PySparkException
    from pyspark.sql import SparkSession

    try:
        session = (
            SparkSession.builder.master(master)
            .appName("germane")
            .config("spark.ui.enabled", "false")
            .config("spark.ui.showConsoleProgress", "false")
            .config("spark.sql.shuffle.partitions", "8")
            .config("spark.driver.bindAddress", "127.0.0.1")
            .getOrCreate()
        )
    except (PySparkException, OSError) as error:
        raise MissingExtra(
            f"Spark did not start ({_line(error)}); it needs Java, and", "spark"
        ) from error
    session.sparkContext.setLogLevel("OFF")
    return session


def _with_order(frame: Any) -> Any:
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    path = F.regexp_replace(F.col("_metadata.file_path"), r"\+", "%2B")
    along = Window.partitionBy("_metadata.file_path").orderBy(
        "_metadata.file_block_start", F.monotonically_increasing_id()
    )
    return frame.select(
        "*",
        F.regexp_replace(F.url_decode(path), "^file:/+", "/").alias(FILE),
        F.row_number().over(along).alias(ROW),
    )


def _spark_blamed(error: Exception) -> Exception:
    message = str(error)
    named = re.search(r"file:/+(\S+?\.\w+)(?=[\s,.:;]|$)", message)
    return MalformedFile("/" + named[1], None, _line(error)) if named else error


def _spark_kind(type_: str) -> Kind:
    if type_.endswith("int"):
        return "integer"
    if type_ in {"float", "double"} or type_.startswith("decimal"):
        return "number"
    if type_.startswith(("timestamp", "date")):
        return "time"
    return {"boolean": "boolean", "string": "text"}.get(type_, "other")  # type: ignore[return-value]


def _from_spark(values: tuple[Any, ...], kind: Kind) -> NDArray[Any]:
    if kind in NUMBERS:
        whole = kind == "integer" and None not in values
        return np.array(values, dtype=np.int64 if whole else np.float64)
    if kind == "boolean" and None not in values:
        return np.array(values, dtype=np.bool_)
    return np.array(values, dtype=object)


def _duckdb_kind(type_: str) -> Kind:
    if type_.startswith(("TIMESTAMP", "DATE")):
        return "time"
    if type_.rstrip("0123456789(,) ") in {"FLOAT", "DOUBLE", "DECIMAL"}:
        return "number"
    if type_.endswith(("INT", "INTEGER")):
        return "integer"
    return {"BOOLEAN": "boolean", "VARCHAR": "text"}.get(type_, "other")  # type: ignore[return-value]


def _plain(values: Any) -> NDArray[Any]:
    if not isinstance(values, np.ma.MaskedArray):
        return np.asarray(values)
    if values.dtype.kind in "iuf":
        return np.ma.filled(values.astype(np.float64), np.nan)
    plain = np.array(values.data, dtype=object)
    plain[np.ma.getmaskarray(values)] = None
    return plain


def _by_layout(files: Sequence[Path]) -> dict[tuple[str, tuple[str, ...]], list[Path]]:
    groups = defaultdict(list)
    for path in files:
        groups[csv_layout(path)].append(path)
    return groups


def _all_text(names: Iterable[str]) -> str:
    return "{" + ", ".join(f"{text_literal(name)}: 'VARCHAR'" for name in names) + "}"


def _listed(files: Sequence[Path]) -> str:
    """A list of paths in DuckDB's SQL, in which a path is a glob: brackets keep a bracket itself."""
    return (
        "["
        + ", ".join(text_literal(re.sub(r"([\[*?])", r"[\1]", str(path))) for path in files)
        + "]"
    )


def _escaped(path: Path) -> str:
    """A path for Spark, which reads paths as globs."""
    return "file://" + re.sub(r"([\[\]{}*?\\])", r"\\\1", str(path.absolute()))


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
