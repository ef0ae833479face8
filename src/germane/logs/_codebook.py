"""The codebook: what the columns of a KPI log mean to a finite MDP.

A KPI log has one row per time step. The codebook is a TOML file that says of each column that matters
what it is: part of the *state*, part of the *action*, the *reward*, the *time*, what tells *episodes*
apart, or what tells that nothing happens (*idle*); in which unit it is; and, for states and
actions, how it becomes one of finitely many *levels*. Several columns of a role make one number, the
first column counting most:

    state = (level_1 * n_2 + level_2) * n_3 + level_3

Nothing is clipped: a bin is open-ended only if an edge is ``inf``. What a codebook does not provide for
is an error, or a row that is dropped and counted, as the column says with ``otherwise``.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from itertools import pairwise, product
from typing import Any, Literal, NamedTuple

from ..errors import InvalidParameter

Value = float | str
Only = Mapping[str, tuple[Value, ...]]
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

LARGEST = 1_000_000
"""States or actions that a codebook may have."""


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
class Split:
    """Some of the rows of a log.

    Attributes:
        part: ``(k, n)``: the episodes whose number, in order of their names, is ``k`` modulo ``n``.
        only: the values to which columns are restricted.
    """

    part: tuple[int, int] = (0, 1)
    only: Only = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(self.part) != 2 or not all(isinstance(x, int) for x in self.part):
            raise InvalidParameter(f"part must be two whole numbers k, n; got {self.part}")
        k, n = self.part
        if not 0 <= k < n:
            raise InvalidParameter(f"part must be (k, n) with 0 <= k < n; got {self.part}")

    def may_share_rows(self, other: Split) -> bool:
        """Whether a row of one log may be in both; not where parts or restrictions exclude each other."""
        (k, n), (l, m) = self.part, other.part
        if (k - l) % math.gcd(n, m):
            return False
        return all(
            {*self.only[column]} & {*other.only[column]}
            for column in self.only.keys() & other.only.keys()
        )


ALL_ROWS = Split()


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


@dataclass(frozen=True, kw_only=True)
class Codebook:
    """How the columns of a KPI log become states, actions, rewards and time; valid once built.

    Attributes:
        time: which column is the time, and how far rows are apart.
        states: columns that make the state.
        actions: columns that make the action.
        rewards: columns whose weighted sum is the reward.
        episode: columns that tell episodes apart; without any, each file is an episode.
        idle: columns that tell idle rows.
        order: ``"time"``: the time column orders the rows of an episode, wherever they stand;
            ``"file"``: the rows follow each other as in the files, and where the time goes back a clock
            was reset.
        combinations: which combinations of the action columns are actions: ``"all"``; those ``"seen"``
            anywhere in the log; or a list of them, as levels counted from 0.
        missing: texts that mean that nothing was measured; empty fields and NaN always do.
        path: folder and file names around parts in braces, as ``"tr{training}/bs{bs}/{imsi}.csv"``:
            matched against the end of the path of a file, each part is a further column.

    Raises:
        InvalidParameter: naming what is at fault, what was got and what is accepted.
    """

    time: TimeColumn
    states: tuple[LevelColumn, ...]
    actions: tuple[LevelColumn, ...]
    rewards: tuple[RewardColumn, ...]
    episode: tuple[str, ...] = ()
    idle: tuple[IdleColumn, ...] = ()
    order: Literal["time", "file"] = "time"
    combinations: Literal["all", "seen"] | tuple[tuple[int, ...], ...] = "all"
    missing: tuple[str, ...] = ()
    path: str | None = None

    def __post_init__(self) -> None:
        require_word("order", self.order, ("time", "file"))
        for role, columns in (
            ("state", self.states),
            ("action", self.actions),
            ("reward", self.rewards),
        ):
            if not columns:
                raise InvalidParameter(f"a codebook needs a column with role {role!r}; got none")
        for role, columns in self._by_role.items():
            names = [column.name for column in columns]
            for name in names:
                if names.count(name) > 1:
                    raise InvalidParameter(f"column {name!r} is listed twice with role {role!r}")
        for state in self.states:
            if state.belongs_to != "start":
                raise InvalidParameter(f"column {state.name!r}: a state has no belongs_to")
        if not all(isinstance(text, str) for text in self.missing):
            raise InvalidParameter(f"missing must be texts; got {list(self.missing)}")
        if self.path is not None:
            path_parts(self.path)
        self._check_combinations()
        self._check_size()

    @property
    def is_fixed(self) -> bool:
        """Whether nothing is left to be learned from a log."""
        learns = any(isinstance(x.levels, Quantiles) for x in (*self.states, *self.actions))
        return not learns and self.combinations != "seen"

    @property
    def measured(self) -> tuple[LevelColumn | RewardColumn, ...]:
        """The columns of states, actions and rewards."""
        return (*self.states, *self.actions, *self.rewards)

    @property
    def n_states(self) -> int:
        return math.prod(column.n for column in self.states)

    @property
    def n_actions(self) -> int:
        if isinstance(self.combinations, tuple):
            return len(self.combinations)
        return math.prod(column.n for column in self.actions)

    @property
    def state_names(self) -> tuple[str, ...]:
        """Each state in words: ``eMBB buffer 0–10 kB; CQI 7–9``."""
        return tuple("; ".join(words) for words in product(*(x.words for x in self.states)))

    @property
    def action_names(self) -> tuple[str, ...]:
        """Each action in words."""
        words = [column.words for column in self.actions]
        if isinstance(self.combinations, tuple):
            return tuple(
                "; ".join(word[level] for word, level in zip(words, levels, strict=True))
                for levels in self.combinations
            )
        return tuple("; ".join(chosen) for chosen in product(*words))

    @property
    def reward_range(self) -> tuple[float, float] | None:
        """What the reward can be, if every reward column says it of itself."""
        low, high = 0.0, 0.0
        for column in self.rewards:
            if column.range is None:
                return None
            ends = sorted(column.weight * x for x in column.range)
            low, high = low + ends[0], high + ends[1]
        return low, high

    @property
    def names(self) -> tuple[str, ...]:
        """Every column that it reads, once."""
        named = (column.name for columns in self._by_role.values() for column in columns)
        return tuple(dict.fromkeys((*named, *self.episode)))

    @property
    def path_names(self) -> tuple[str, ...]:
        """The columns that are parts of the path."""
        return path_parts(self.path).names if self.path else ()

    def raw_action(self, levels: Sequence[int]) -> int:
        """The number of a combination among all of them."""
        number = 0
        for column, level in zip(self.actions, levels, strict=True):
            number = number * column.n + level
        return number

    def levels_of(self, raw_action: int) -> tuple[int, ...]:
        """The combination with that number: what :meth:`raw_action` was made from."""
        levels = []
        for column in reversed(self.actions):
            raw_action, level = divmod(raw_action, column.n)
            levels.append(level)
        return tuple(reversed(levels))

    def with_edges(self, learned: Mapping[str, Edges]) -> Codebook:
        """The same with edges in place of the quantiles of those columns."""

        def fixed(columns: tuple[LevelColumn, ...]) -> tuple[LevelColumn, ...]:
            return tuple(
                replace(column, levels=learned[column.name])
                if isinstance(column.levels, Quantiles)
                else column
                for column in columns
            )

        return replace(self, states=fixed(self.states), actions=fixed(self.actions))

    def to_toml(self) -> str:
        """The codebook as the text of a TOML file, without comments."""
        lines = [
            f"{key} = {toml_value(value)}"
            for key, value in (
                ("order", self.order),
                ("actions", self.combinations),
                ("missing", self.missing),
                ("path", self.path),
            )
            if value not in (None, ())
        ]
        tables = [
            {"name": x.name, "role": role, **_written(x)}
            for role, columns in self._by_role.items()
            for x in columns
        ]
        tables += [{"name": name, "role": "episode"} for name in self.episode]
        for table in tables:
            lines += [
                "",
                "[[column]]",
                *(f"{key} = {toml_value(value)}" for key, value in table.items()),
            ]
        return "\n".join(lines) + "\n"

    def fingerprint(self) -> str:
        """SHA-256 of :meth:`to_toml`."""
        return hashlib.sha256(self.to_toml().encode()).hexdigest()

    @property
    def _by_role(self) -> dict[str, tuple[Any, ...]]:
        return {
            "time": (self.time,),
            "state": self.states,
            "action": self.actions,
            "reward": self.rewards,
            "idle": self.idle,
        }

    def _check_combinations(self) -> None:
        if self.combinations in ("all", "seen"):
            return
        if not isinstance(self.combinations, tuple) or not self.combinations:
            raise InvalidParameter(
                "actions must be 'all', 'seen' or a list of combinations of levels; "
                f"got {self.combinations!r}"
            )
        for levels in self.combinations:
            fits = isinstance(levels, tuple) and len(levels) == len(self.actions)
            if not fits or not all(
                isinstance(level, int) and 0 <= level < column.n
                for column, level in zip(self.actions, levels)
            ):
                sizes = ", ".join(f"{column.name!r} has {column.n}" for column in self.actions)
                raise InvalidParameter(
                    f"actions must list a level for each action column ({sizes}), counted from 0; "
                    f"got {levels!r}"
                )
        if len(set(self.combinations)) < len(self.combinations):
            raise InvalidParameter("actions must differ; one combination is listed twice")

    def _check_size(self) -> None:
        for what, columns in (("states", self.states), ("actions", self.actions)):
            sizes = [x.n for x in columns if not isinstance(x.levels, Quantiles)]
            if math.prod(sizes) > LARGEST:
                raise InvalidParameter(
                    f"the columns make {math.prod(sizes)} {what}; make coarser levels: "
                    f"at most {LARGEST} are accepted"
                )


class PathParts(NamedTuple):
    """A path template: a pattern with a group for each part, and the names of the parts.

    The pattern uses only what Python, RE2 and Java read alike, and no backslash.
    """

    pattern: str
    names: tuple[str, ...]
    groups: tuple[int, ...]


def path_parts(template: str) -> PathParts:
    """What a path template stands for; ``{}`` and ``{_}`` are parts without a name.

    Raises:
        InvalidParameter: unbalanced braces, a part named twice, or a character that is not accepted.
    """
    pieces = re.split(r"\{(\w*)\}", template)
    pattern, found = "(^|/)", []
    for k, piece in enumerate(pieces):
        if k % 2:
            found.append(piece)
            pattern += "([^/]+)"
        else:
            pattern += plain_pattern(piece)
    groups = {name: k for k, name in enumerate(found, 2) if name.strip("_")}
    if len(groups) < sum(bool(name.strip("_")) for name in found):
        raise InvalidParameter(f"a part of a path is named once; got {template!r}")
    return PathParts(pattern + "$", tuple(groups), tuple(groups.values()))


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


def _written(column: Any) -> dict[str, Any]:
    """The keys of a ``[[column]]`` table besides ``name`` and ``role``."""
    written: dict[str, Any] = {}
    for key in (each.name for each in fields(column) if each.name != "name"):
        value = getattr(column, key)
        if isinstance(value, Edges):
            written |= {"edges": value.edges, "closed": value.closed}
        elif isinstance(value, Categories):
            written["categories"] = value.values
        elif isinstance(value, Quantiles):
            split = {"part": value.learned_on.part, "only": value.learned_on.only}
            written |= {"quantiles": value.k, "learned_on": split}
        elif value is not None and (key, value) != ("belongs_to", "start"):
            written[key] = value
    if isinstance(column, RewardColumn):
        written["belongs_to"] = column.belongs_to
    return written


def toml_value(value: Any) -> str:
    """A text, number, list or table as TOML writes it."""
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return '"' + re.sub(r"[\x00-\x1f\x7f]", lambda c: f"\\u{ord(c[0]):04x}", escaped) + '"'
    if isinstance(value, Mapping):
        return (
            "{ " + ", ".join(f"{toml_value(k)} = {toml_value(v)}" for k, v in value.items()) + " }"
        )
    if isinstance(value, Sequence):
        return "[" + ", ".join(map(toml_value, value)) + "]"
    return repr(value)
