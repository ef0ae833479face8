"""Which files a log is made of, and what can be said of them before an engine opens them."""

from __future__ import annotations

import csv
import gzip
import hashlib
from collections.abc import Iterable
from glob import glob, has_magic
from os import PathLike
from pathlib import Path

from ..errors import InvalidParameter, MalformedFile

Paths = str | PathLike[str] | Iterable[str | PathLike[str]]

FORMATS = {
    "parquet": (".parquet", ".pq"),
    "csv": (".csv", ".csv.gz", ".tsv", ".tsv.gz"),
    "jsonl": (".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz", ".json", ".json.gz"),
}
DELIMITERS = ",;\t|"


def find_files(source: Paths) -> tuple[Path, ...]:
    """The files of a log, in the order of their names.

    Args:
        source: a path, a glob (``**`` reaches into folders), or several of them. A folder stands for
            every log file below it.

    Raises:
        MalformedFile: a path or a glob matches nothing.
        InvalidParameter: the files are not of one format.
    """
    given = [source] if isinstance(source, str | PathLike) else list(source)
    found = sorted({path for pattern in given for path in _matching(Path(pattern))})
    if not found:
        raise InvalidParameter("a log must have at least one file; got none")
    log_format(found)
    return tuple(found)


def log_format(files: Iterable[Path]) -> str:
    """The one format of these files, a key of ``FORMATS``.

    Raises:
        MalformedFile: a file has another suffix.
        InvalidParameter: they are not all of one format.
    """
    first: dict[str, Path] = {}
    for path in files:
        first.setdefault(_format(path), path)
    if len(first) > 1:
        a, b, *_ = first.values()
        raise InvalidParameter(f"the files of a log must be of one format; got {a} and {b}")
    return next(iter(first))


def csv_layout(path: Path) -> tuple[str, tuple[str, ...]]:
    """Delimiter and column names, read from the first line of a CSV file.

    The delimiter is the one of comma, semicolon, tab and bar that cuts the line most often. Blanks
    around a name go; a column without a name, as separators have, is called ``column_k``, counted
    from 1.

    Raises:
        MalformedFile: it cannot be read, is empty, or two columns share a name.
    """
    opener = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rt", encoding="utf-8-sig", newline="") as lines:
            line = lines.readline()
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise MalformedFile(path, 1, f"cannot be read as CSV: {error}") from error
    if not line.strip():
        raise MalformedFile(
            path, 1, "a CSV log starts with a line of column names; got an empty one"
        )
    rows = [next(csv.reader([line], delimiter=delimiter)) for delimiter in DELIMITERS]
    fields = max(rows, key=len)
    names = tuple(field.strip() or f"column_{k}" for k, field in enumerate(fields, 1))
    folded = [name.casefold() for name in names]
    for name in names:
        if folded.count(name.casefold()) > 1:
            raise MalformedFile(path, 1, f"columns must differ in name; two are called {name!r}")
    return DELIMITERS[rows.index(fields)], names


def sha256(path: Path) -> str:
    """SHA-256 of the bytes of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _matching(pattern: Path) -> list[Path]:
    if pattern.is_dir():
        suffixes = tuple(suffix for each in FORMATS.values() for suffix in each)
        inside = [path for path in pattern.rglob("*") if path.name.lower().endswith(suffixes)]
    elif pattern.exists() or not has_magic(str(pattern)):
        inside = [pattern] if pattern.is_file() else []
    else:
        inside = [path for path in map(Path, glob(str(pattern), recursive=True)) if path.is_file()]
    if not inside:
        raise MalformedFile(pattern, None, "there is no such file")
    return inside


def _format(path: Path) -> str:
    for name, suffixes in FORMATS.items():
        if path.name.lower().endswith(suffixes):
            return name
    known = " ".join(suffix for suffixes in FORMATS.values() for suffix in suffixes)
    raise MalformedFile(path, None, f"the format is known by its suffix, one of {known}")
