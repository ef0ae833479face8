"""The codebook: what the columns of a KPI log mean to a finite MDP.

A KPI log has one row per time step. The codebook is a TOML file that says of each column that matters
what it is: part of the *state*, part of the *action*, the *reward*, the *time*, what tells *episodes*
apart, or what tells that nothing happens (*idle*); in which unit it is; and, for states and
actions, how it becomes one of finitely many *levels*. Several columns of a role make one number, the
first column counting most:

    state = (level_1 * n_2 + level_2) * n_3 + level_3
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from itertools import product
from typing import Any, Literal, NamedTuple

from ..errors import InvalidParameter
from ._columns import (
    Categories,
    Edges,
    IdleColumn,
    LevelColumn,
    Quantiles,
    RewardColumn,
    TimeColumn,
    plain_pattern,
    require_word,
)

LARGEST = 1_000_000
"""States or actions that a codebook may have."""


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
