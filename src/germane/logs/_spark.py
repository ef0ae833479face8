"""The engine for what outgrows one machine: Spark."""

from __future__ import annotations

import importlib.util
import logging
import re
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from ..errors import MalformedFile, MissingExtra
from ._duckdb import DuckDB
from ._engines import FILE, ROW, Closing, Columns, Progress, by_layout
from ._files import log_format
from ._sql import NUMBERS, Kind, text_literal

DIALECT = {
    "spark.sql.ansi.enabled": "true",
    "spark.sql.ansi.doubleQuotedIdentifiers": "true",
    "spark.sql.session.timeZone": "UTC",
    # Otherwise a row that is too short or too long goes unseen where few columns are read.
    "spark.sql.csv.parser.columnPruning.enabled": "false",
}


class Spark(Closing):
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
        self._is_own = session is None and not _is_running()
        self._session = (_started(master) if session is None else session).newSession()
        for key, value in DIALECT.items():
            self._session.conf.set(key, value)
        self._session.sql(
            "CREATE TEMPORARY FUNCTION epoch_seconds(x TIMESTAMP) RETURNS DOUBLE "
            "RETURN unix_micros(x) / 1e6"
        )
        self._session.sql(
            "CREATE TEMPORARY FUNCTION as_number(x STRING) RETURNS DOUBLE "
            "RETURN CASE WHEN NOT x RLIKE '[dDfFnNxX\\\\x00]' THEN TRY_CAST(x AS DOUBLE) END"
        )
        self._files: dict[str, Sequence[Path]] = {}
        self._scratch = Path(tempfile.mkdtemp(prefix="germane-"))

    @property
    def name(self) -> str:
        return f"spark {self._session.version}"

    def view(
        self, name: str, files: Sequence[Path], *, ordered: bool = False
    ) -> Mapping[str, Kind]:
        self._files[name] = files
        frame = self._guarded(lambda: self._read(files, ordered))
        frame.createOrReplaceTempView(name)
        return {column: _kind(type_) for column, type_ in frame.dtypes if column not in (FILE, ROW)}

    def table(self, name: str, columns: Mapping[str, NDArray[Any]]) -> Mapping[str, Kind]:
        file = self._scratch / f"{name}.parquet"
        with DuckDB() as engine:
            engine.table("given", columns)
            engine.query(f"COPY given TO {text_literal(file)} (FORMAT parquet)")
        return self.view(name, [file])

    def query(self, sql: str, *, progress: Progress | None = None) -> Columns:
        plain = sql.replace("\\", "\\\\")  # a backslash is one, in the common dialect
        frame = self._guarded(lambda: self._session.sql(plain))
        rows = self._guarded(frame.collect)
        columns = list(zip(*rows)) if rows else [()] * len(frame.columns)
        return {
            column: _array(values, _kind(type_))
            for (column, type_), values in zip(frame.dtypes, columns)
        }

    def close(self) -> None:
        if self._is_own:
            self._session.stop()
        shutil.rmtree(self._scratch, ignore_errors=True)

    def _read(self, files: Sequence[Path], ordered: bool) -> Any:
        reader = self._session.read.option("mode", "FAILFAST")
        format_ = log_format(files)
        if format_ == "parquet":
            reader = reader.option("mergeSchema", True)
            frames = [reader.parquet(*map(_escaped, files))]
        elif format_ == "jsonl":
            reader = reader.option("primitivesAsString", True)
            frames = [reader.json([_escaped(path) for path in files])]
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
                for (delimiter, names), alike in by_layout(files).items()
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
            culprit = self._culprit(str(error), (PySparkException, Py4JJavaError, MalformedFile))
            if culprit is None:
                raise
            raise MalformedFile(culprit, None, _reason(error)) from error

    def _culprit(self, message: str, faults: tuple[type[Exception], ...]) -> Path | None:
        """The file that an error names, or the first that cannot be read through."""
        files = [path for opened in self._files.values() for path in opened]
        for path in files:
            if str(path.absolute()) in message or quote(str(path.absolute())) in message:
                return path
        for path in files:
            try:
                self._read([path], False).write.format("noop").mode("overwrite").save()
            except faults:
                return path
        return None


def _is_running() -> bool:
    from pyspark.sql import SparkSession

    return SparkSession.getActiveSession() is not None


def _started(master: str) -> Any:
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
        feature = f"Spark, which did not start ({_reason(error)}) and needs Java as well,"
        raise MissingExtra(feature, "spark") from error
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


def _reason(error: BaseException) -> str:
    """The innermost cause of an error of the Java side, in a line."""
    said = re.findall(r"^(?:Caused by)?: (?:[\w.$]+: )?(.+)$", str(error), re.MULTILINE)
    return said[-1].strip() if said else str(error).partition("\n")[0]


def _kind(type_: str) -> Kind:
    if type_.endswith("int"):
        return "integer"
    if type_ in {"float", "double"} or type_.startswith("decimal"):
        return "number"
    if type_.startswith(("timestamp", "date")):
        return "time"
    return {"boolean": "boolean", "string": "text"}.get(type_, "other")  # type: ignore[return-value]


def _array(values: tuple[Any, ...], kind: Kind) -> NDArray[Any]:
    if kind in NUMBERS:
        whole = kind == "integer" and None not in values
        return np.array(values, dtype=np.int64 if whole else np.float64)
    if kind == "boolean" and None not in values:
        return np.array(values, dtype=np.bool_)
    return np.array(values, dtype=object)


def _escaped(path: Path) -> str:
    """A path for Spark, which reads paths as globs."""
    return "file://" + re.sub(r"([\[\]{}*?\\])", r"\\\1", str(path.absolute()))
