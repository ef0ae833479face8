"""Columns of a KPI log: what one of them means, in which unit, and how it becomes finitely many levels.

Nothing is clipped: a bin is open-ended only if an edge is ``inf``. What a column does not provide for is an
error, or a row that is dropped and counted, as it says with ``otherwise``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

from ..errors import InvalidParameter
from ._split import Split, Value

Otherwise = Literal["error", "drop"]
BelongsTo = Literal["start", "end"]

CLOCKS = ("s", "ms", "us", "ns")
"""Units of a time column that holds numbers."""

ISO = "iso"
"""Unit of a time column that holds time stamps as ``2024-03-01 10:00:00.250`` or ``...T10:00:00Z``."""

DIRECTIVES = {
    "%Y": "([0-9]{4})",
    "%m": "([0-9]{1,2})",
    "%d": "([0-9]{1,2})",
    "%H": "([0-9]{1,2})",
    "%M": "([0-9]{1,2})",
    "%S": "([0-9]{1,2})",
    "%f": "([0-9]{1,9})",
}
"""What a time format may hold, and which text each stands for; ``%f`` is the fraction of the second."""


@dataclass(frozen=True)
class Edges:
    """Bins between edges that grow: ``[e0, e1), [e1, e2), ...``, or ``(e0, e1], ...`` if closed right.

    Attributes:
        edges: at least two; the outermost may be infinite.
        closed: the side on which a bin holds its edge.
    """

    edges: tuple[float, ...]
    closed: Literal["left", "right"] = "left"

    def __post_init__(self) -> None:
        _require_numbers("edges", self.edges, infinite=True)
        require_word("closed", self.closed, ("left", "right"))
        if len(self.edges) < 2:
            raise InvalidParameter(f"edges must be at least two; got {list(self.edges)}")
        for k, (low, high) in enumerate(pairwise(self.edges), 2):
            if not low < high:
                raise InvalidParameter(
                    f"edges must grow; edge {k} is {high:g} and the one before it {low:g}"
                )

    @property
    def n(self) -> int:
        return len(self.edges) - 1

    def words(self, unit: str | None) -> tuple[str, ...]:
        """Each bin as text: ``0–10 kB``."""
        return tuple(
            _range_in_words(low, high, unit, self.closed) for low, high in pairwise(self.edges)
        )


@dataclass(frozen=True)
class Categories:
    """Values that are levels themselves: all numbers, or all texts.

    Attributes:
        values: different from each other.
    """

    values: tuple[Value, ...]

    def __post_init__(self) -> None:
        if not self.values:
            raise InvalidParameter("categories must be at least one")
        if not self.are_texts:
            _require_numbers("categories", self.values)
        for value in self.values:
            if self.values.count(value) > 1:
                raise InvalidParameter(f"categories must differ; {value!r} is listed twice")

    @property
    def n(self) -> int:
        return len(self.values)

    @property
    def are_texts(self) -> bool:
        """Whether they are compared as texts, not as numbers."""
        return all(isinstance(value, str) for value in self.values)

    def words(self, unit: str | None) -> tuple[str, ...]:
        """Each value with its unit."""
        return tuple(f"{_plain(value)} {unit}" if unit else _plain(value) for value in self.values)


@dataclass(frozen=True)
class Quantiles:
    """Bins that hold about equally many rows of a split of the log; the outer ones are open-ended.

    They are closed on the right, so that nought, which KPIs often are, has a bin of its own if it is the
    least value and frequent. Where values repeat there are fewer bins.

    Attributes:
        k: how many, at most.
        learned_on: the rows that decide where the edges are.
    """

    k: int
    learned_on: Split

    def __post_init__(self) -> None:
        if not isinstance(self.k, int) or self.k < 2:
            raise InvalidParameter(
                f"quantiles must be a whole number of bins, 2 or more; got {self.k!r}"
            )


Levels = Edges | Categories | Quantiles


@dataclass(frozen=True, kw_only=True)
class LevelColumn:
    """A column that is part of the state or of the action.

    Attributes:
        name: in the log, with or without the unit in brackets.
        levels: how it becomes finite.
        unit: of its values.
        label: what it is called in words; its name without the unit by default.
        labels: a word for each level; made from edges or categories by default.
        missing: the label of one more level, for rows in which it is missing; ``None`` to drop those.
        belongs_to: for an action: whether it is taken at its row, or led to it.
        otherwise: what becomes of values that are no level.
    """

    name: str
    levels: Levels
    unit: str | None = None
    label: str | None = None
    labels: tuple[str, ...] | None = None
    missing: str | None = None
    belongs_to: BelongsTo = "start"
    otherwise: Otherwise = "error"

    def __post_init__(self) -> None:
        require_name(self.name)
        _require_unit(self.name, self.unit)
        require_word("belongs_to", self.belongs_to, ("start", "end"))
        require_word("otherwise", self.otherwise, ("error", "drop"))
        for what, word in (("label", self.label), ("missing", self.missing)):
            if word is not None and not isinstance(word, str):
                raise InvalidParameter(f"{what} must be a text; got {word!r}")
        if self.labels is None:
            return
        if isinstance(self.levels, Quantiles):
            raise InvalidParameter(
                "labels need edges or categories: bins that are learned get theirs then"
            )
        if len(self.labels) != self.levels.n or not all(isinstance(x, str) for x in self.labels):
            raise InvalidParameter(f"labels must be {self.levels.n} texts; got {list(self.labels)}")

    @property
    def n(self) -> int:
        """How many levels."""
        if isinstance(self.levels, Quantiles):
            raise InvalidParameter(f"{self.name}: its quantiles have not been learned yet")
        return self.levels.n + (self.missing is not None)

    @property
    def words(self) -> tuple[str, ...]:
        """Each level in engineering words: ``eMBB buffer 0–10 kB``."""
        assert not isinstance(self.levels, Quantiles)
        label = self.label or base_name(self.name)
        levels = self.labels or self.levels.words(self.unit or bracketed_unit(self.name))
        return tuple(f"{label} {x}" for x in (*levels, *([self.missing] if self.missing else ())))


@dataclass(frozen=True, kw_only=True)
class RewardColumn:
    """A column of which the reward is made: the sum of such columns, each times its weight.

    Attributes:
        name: in the log, with or without the unit in brackets.
        belongs_to: the step it is the reward of: the one that starts, or the one that ends at its row.
        unit: of its values.
        weight: what it is multiplied by.
        range: what it can be, from knowledge and not from the log; a value outside is an error.
        otherwise: what becomes of rows in which it is no finite number.
    """

    name: str
    belongs_to: BelongsTo
    unit: str | None = None
    weight: float = 1.0
    range: tuple[float, float] | None = None
    otherwise: Otherwise = "error"

    def __post_init__(self) -> None:
        require_name(self.name)
        _require_unit(self.name, self.unit)
        require_word("belongs_to", self.belongs_to, ("start", "end"))
        require_word("otherwise", self.otherwise, ("error", "drop"))
        _require_numbers("weight", (self.weight,))
        if self.range is not None:
            _require_numbers("range", self.range)
            if len(self.range) != 2 or not self.range[0] <= self.range[1]:
                raise InvalidParameter(f"range must be [low, high]; got {list(self.range)}")


@dataclass(frozen=True, kw_only=True)
class TimeColumn:
    """The column that says when.

    Attributes:
        name: in the log, with or without the unit in brackets.
        unit: ``s``, ``ms``, ``us``, ``ns``; or ``iso``, or a format such as ``%Y.%m.%d_%H.%M.%S``.
        period: time between a row and the next [``unit``; seconds for ``iso`` and formats].
        jitter: how far that may be off; less than half of the period.
    """

    name: str
    unit: str
    period: float
    jitter: float

    def __post_init__(self) -> None:
        require_name(self.name)
        _require_numbers("period", (self.period,))
        _require_numbers("jitter", (self.jitter,))
        if not isinstance(self.unit, str):
            raise InvalidParameter(f"unit must be a text; got {self.unit!r}")
        if self.is_format:
            found = re.findall("%.?", self.unit)
            if not all(x in DIRECTIVES for x in found) or len(set(found)) < len(found):
                raise InvalidParameter(
                    f"a time format is made of {' '.join(DIRECTIVES)}, each at most once; got {self.unit!r}"
                )
            if not {"%Y", "%m", "%d"} <= set(found):
                raise InvalidParameter(f"a time format needs %Y, %m and %d; got {self.unit!r}")
            plain_pattern(re.sub("%.", "", self.unit))
        elif self.unit not in (*CLOCKS, ISO):
            raise InvalidParameter(
                f"unit must be one of {', '.join(CLOCKS)}, {ISO}, or a format such as "
                f"%Y.%m.%d_%H.%M.%S; got {self.unit!r}"
            )
        if not self.is_format:
            _require_unit(self.name, self.unit)
        if self.period <= 0:
            raise InvalidParameter(f"period must be positive; got {self.period:g}")
        if not 0 <= self.jitter < self.period / 2:
            raise InvalidParameter(
                f"jitter must be at least 0 and less than half the period, {self.period:g}; "
                f"got {self.jitter:g}"
            )

    @property
    def is_format(self) -> bool:
        """Whether ``unit`` is a format of texts."""
        return "%" in self.unit

    @property
    def period_unit(self) -> str:
        """The unit of ``period`` and ``jitter``."""
        return self.unit if self.unit in CLOCKS else "s"


@dataclass(frozen=True, kw_only=True)
class IdleColumn:
    """A column that tells that nothing happens in a row: such rows are dropped.

    Attributes:
        name: in the log.
        values: those that mean idle; all numbers, or all texts.
    """

    name: str
    values: tuple[Value, ...]

    def __post_init__(self) -> None:
        require_name(self.name)
        Categories(self.values)


def base_name(name: str) -> str:
    """A column's name without a unit in brackets."""
    return re.sub(r"\s*\[[^\]]*\]\s*$", "", name)


def bracketed_unit(name: str) -> str | None:
    """The unit in brackets at the end of a column's name."""
    found = re.search(r"\[([^\]]*)\]\s*$", name)
    return found[1].strip() if found else None


def require_name(name: Any) -> None:
    """Refuses what is not the name of a column.

    Raises:
        InvalidParameter: it is not.
    """
    if not isinstance(name, str) or not name.strip():
        raise InvalidParameter(f"name must be the name of a column; got {name!r}")


def require_word(what: str, word: Any, words: Sequence[str]) -> None:
    """Refuses a word that is not one of some.

    Raises:
        InvalidParameter: it is not.
    """
    if word not in words:
        raise InvalidParameter(f"{what} must be one of {', '.join(words)}; got {word!r}")


def _require_unit(name: str, unit: Any) -> None:
    if unit is not None and not isinstance(unit, str):
        raise InvalidParameter(f"unit must be a text; got {unit!r}")
    inside = bracketed_unit(name)
    if unit is not None and inside is not None and unit != inside:
        raise InvalidParameter(f"its name says [{inside}] and its unit says {unit!r}")


def _require_numbers(what: str, values: Iterable[Any], *, infinite: bool = False) -> None:
    for value in values:
        real = isinstance(value, int | float) and not isinstance(value, bool)
        if not real or not (math.isfinite(value) or (infinite and not math.isnan(value))):
            raise InvalidParameter(
                f"{what} must be {'' if infinite else 'finite '}numbers; got {value!r}"
            )


def plain_pattern(text: str) -> str:
    """A pattern that matches a text of plain characters, and nothing else."""
    strange = re.search(r"[^\w ./:,;+=~@-]", text, re.ASCII)
    if strange:
        raise InvalidParameter(f"{strange[0]!r} is not accepted between the parts of {text!r}")
    return re.sub(r"[.+]", r"[\g<0>]", text)


def _plain(value: Value) -> str:
    return value if isinstance(value, str) else f"{value:.12g}"


_THOUSANDS = {
    "bytes": ("bytes", "kB", "MB", "GB"),
    "bit/s": ("bit/s", "kbit/s", "Mbit/s", "Gbit/s"),
}


def _range_in_words(low: float, high: float, unit: str | None, closed: str) -> str:
    """``0–10 kB``, ``≥ 10 kB``, ``< 0``."""
    units = _THOUSANDS.get(unit or "", (unit or "",))
    sizes = [abs(x) for x in (low, high) if math.isfinite(x) and x]
    scale = sum(min(sizes, default=0) >= 1000**k for k in range(1, len(units)))
    words = [_plain(x / 1000**scale) if math.isfinite(x) else "" for x in (low, high)]
    if not words[0]:
        said = f"{'<' if closed == 'left' else '≤'} {words[1]}" if words[1] else "any"
    elif not words[1]:
        said = f"{'≥' if closed == 'left' else '>'} {words[0]}"
    else:
        said = f"{words[0]}{'–' if low >= 0 else ' to '}{words[1]}"
    return f"{said} {units[scale]}".strip()
