"""The file of rows: JSONL, appended as jobs finish, and safe against a kill at any moment.

A row counts once its line ends. A process that dies while writing leaves a last line without an end:
it is dropped when the file is next opened, and its job is done again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from os import PathLike
from pathlib import Path
from types import TracebackType

from ..errors import MalformedFile
from ._experiment import Job, Row, canonical


def read_rows(path: str | PathLike[str]) -> tuple[Row, ...]:
    """The rows of a file, in the order of their keys; a torn last line is left out.

    Raises:
        MalformedFile: a whole line is not a row.
        OSError: the file cannot be read.
    """
    rows = _whole_rows(Path(path), Path(path).read_bytes())
    return tuple(sorted(rows, key=lambda row: row.job.key))


class RowFile:
    """A file of rows that is open for more; used as a context manager by one process at a time.

    Args:
        path: made if it is not there; a torn last line is cut off.

    Attributes:
        rows: what it holds, by key.

    Raises:
        MalformedFile: a whole line is not a row.
        OSError: the file cannot be opened.
    """

    def __init__(self, path: str | PathLike[str]) -> None:
        self._file = open(path, "a+b")  # noqa: SIM115  closed by __exit__
        try:
            self._file.seek(0)
            content = self._file.read()
            self.rows = {row.job.key: row for row in _whole_rows(Path(path), content)}
            self._file.truncate(content.rfind(b"\n") + 1)
        except BaseException:
            self._file.close()
            raise

    def append(self, row: Row) -> None:
        """Adds a row; when this returns, it is on the disk."""
        line = canonical({"task": row.job.task, "seed": row.job.seed, "found": row.found})
        self._file.write(line.encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())
        self.rows[row.job.key] = row

    def __enter__(self) -> RowFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()


def _whole_rows(path: Path, content: bytes) -> Iterable[Row]:
    for number, line in enumerate(content.split(b"\n")[:-1], start=1):
        try:
            told = json.loads(line)
            yield Row(Job(told["task"], tuple(told["seed"])), told["found"])
        except (ValueError, LookupError, TypeError):
            raise MalformedFile(path, number, "not a row with task, seed and found") from None
