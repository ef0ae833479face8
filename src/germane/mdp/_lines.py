"""Lines and numbers of text files, and files that appear whole or not at all."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from uuid import uuid4

import numpy as np

from ..errors import MalformedFile
from ._model import Array

_DECIMAL = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?", re.ASCII).fullmatch
_RATIO = re.compile(r"[-+]?\d+/\d+", re.ASCII).fullmatch


def content_lines(path: Path, comment: str) -> Iterator[tuple[int, str]]:
    """``(number, text)`` of every line that is neither blank nor a comment; numbers start at 1."""
    with path.open(encoding="utf-8-sig") as file:
        try:
            for number, line in enumerate(file, 1):
                text = line.strip()
                if text and not text.startswith(comment):
                    yield number, text
        except UnicodeDecodeError as error:
            raise MalformedFile(path, None, f"is not a text file: {error}") from None


def parse_numbers(path: Path, what: str, tokens: Sequence[str], lines: Sequence[int]) -> Array:
    """Finite numbers, each the double nearest to its decimal or its ratio of integers.

    Raises:
        MalformedFile: with the line of the first token that is not such a number.
    """
    if all(map(_DECIMAL, tokens)):
        values = np.array(list(map(float, tokens)), dtype=np.float64)
    else:
        values = np.array([_number(path, what, *pair) for pair in zip(tokens, lines)])
    infinite = np.isinf(values)
    if infinite.any():
        k = int(np.argmax(infinite))
        raise MalformedFile(path, lines[k], f"{what} {tokens[k]} is too large for a double")
    return values


def parse_count(path: Path, line: int, what: str, token: str) -> int:
    """A non-negative integer.

    Raises:
        MalformedFile: when the token is none.
    """
    if not re.fullmatch(r"\d{1,18}", token, re.ASCII):
        raise MalformedFile(
            path, line, f"{what} must be a non-negative integer; got {token[:60]!r}"
        )
    return int(token)


@contextmanager
def replacing(*paths: Path) -> Iterator[list[Path]]:
    """Temporary names beside ``paths``: moved onto them on success, removed on failure."""
    parts = [path.with_name(f".{path.name}.{uuid4().hex}.part") for path in paths]
    try:
        yield parts
        for part, path in zip(parts, paths):
            part.replace(path)
    finally:
        for part in parts:
            part.unlink(missing_ok=True)


def _number(path: Path, what: str, token: str, line: int) -> float:
    if _DECIMAL(token):
        return float(token)
    if _RATIO(token):
        try:
            return float(Fraction(token))
        except (ValueError, ZeroDivisionError, OverflowError) as error:
            raise MalformedFile(path, line, f"{what} {token:.40}: {error}") from None
    hint = ""
    if token.startswith("["):
        hint = " (an interval: the model is uncertain, choose one value per transition)"
    raise MalformedFile(path, line, f"{what} must be a finite number; got {token[:60]!r}{hint}")
