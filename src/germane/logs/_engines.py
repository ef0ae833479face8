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

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from numpy.typing import NDArray

from ._files import csv_layout
from ._sql import Kind

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


class Closing:
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


def by_layout(files: Sequence[Path]) -> dict[tuple[str, tuple[str, ...]], list[Path]]:
    """CSV files by delimiter and column names."""
    groups = defaultdict(list)
    for path in files:
        groups[csv_layout(path)].append(path)
    return groups
