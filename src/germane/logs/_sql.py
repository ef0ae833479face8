"""What the texts are made of: names, values, and numbers out of cells."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

Kind = Literal["integer", "number", "boolean", "text", "time", "other"]
"""What a column holds, as an engine opens it."""

NUMBERS = ("integer", "number")
"""The kinds of numbers; the second may hold NaN."""

MOST_NAMED = 12
"""Columns that an error names."""

LARGEST = 1.7976931348623157e308
"""The largest double."""


def has_columns(names: Iterable[str]) -> str:
    """What columns a log has, for an error; of many, the first."""
    named = [*map(repr, names)]
    more = ", ..." if len(named) > MOST_NAMED else ""
    return f"it has {', '.join(named[:MOST_NAMED]) or 'none'}{more}"


def identifier(name: str) -> str:
    """The name of a column as SQL writes it."""
    return '"' + name.replace('"', '""') + '"'


def text_literal(text: object) -> str:
    """A text as SQL writes it."""
    return "'" + str(text).replace("'", "''") + "'"


def double_literal(x: float) -> str:
    """A number as the double that it is; without an exponent it would be a decimal."""
    text = repr(float(x))
    return text if "e" in text else f"{text}e0"


def cell_text(column: str, kind: Kind, missing: Iterable[str] = ()) -> str:
    """A cell as text; NULL where nothing was measured: an empty text, NaN, or one of ``missing``."""
    if kind == "number":
        return f"CASE WHEN NOT ISNAN(CAST({column} AS DOUBLE)) THEN CAST({column} AS STRING) END"
    if kind != "text":
        return f"CAST({column} AS STRING)"
    nothing = ", ".join(text_literal(text.lower()) for text in ("", "nan", *missing))
    return f"CASE WHEN LOWER(TRIM({column})) NOT IN ({nothing}) THEN TRIM({column}) END"


def number_in(text: str) -> str:
    """The finite number that a text is; NULL where it is none."""
    return finite(f"as_number({text})")


def finite(number: str) -> str:
    """A number; NULL where it is infinite or NaN."""
    return f"CASE WHEN ABS({number}) <= {double_literal(LARGEST)} THEN {number} END"
