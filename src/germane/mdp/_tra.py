"""The explicit ``.tra`` format of PRISM and Storm, with its reward files.

Transitions: a first line, then one line per transition (or, in PRISM's ``rows`` form, per choice).

| kind  | PRISM's first line     | Storm's | lines                | ``rows`` form        |
|-------|------------------------|---------|----------------------|----------------------|
| MDP   | S choices transitions  | `mdp`   | `s choice s2 p name` | `s p:s2 p:s2 … name` |
| chain | S transitions          | `dtmc`  | `s s2 p`             | `s p:s2 p:s2 …`      |

Names are optional; so are blank lines and ``#`` comments. Every line names its place, so their
order carries no meaning and is not asked for.

Rewards: of states, ``s reward`` per line; of transitions, ``s choice s2 reward`` (``s s2 reward``
in a chain); what is not listed is 0. PRISM's files (``.srew``, ``.trew``) open with ``S lines`` or
``S choices lines``, Storm's (``.state.rew``, ``.trans.rew``) do not. The expected reward is

    r[s, a] = state_reward[s] + sum_s2 P[s, a, s2] transition_reward[s, a, s2].

The format has no discount factor.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from itertools import pairwise
from os import PathLike
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import MalformedFile
from ._lines import content_lines, parse_numbers, replacing
from ._model import Array, FiniteMDP
from ._ragged import (
    Choices,
    IntArray,
    Listing,
    ModelFile,
    build,
    checked_choices,
    expected_rewards,
    names_by_state,
    required_discount,
)

StrPath = str | PathLike[str]
Lines = list[tuple[int, str]]
Pattern = Callable[[str], re.Match[str] | None]

_INDEX = r"(\d{1,18})"
_NAME = r"(?:\s+([^\W\d]\S*))?"  # starts like an identifier: a number there is a mistake


def _line(n_indices: int, name: str) -> Pattern:
    indices = r"\s+".join([_INDEX] * n_indices)
    return re.compile(rf"{indices}\s+(\S+){name}", re.ASCII).fullmatch


_MDP_LINE, _CHAIN_LINE = _line(3, _NAME), _line(2, _NAME)
_MDP_REWARD, _CHAIN_REWARD, _STATE_REWARD = _line(3, "()"), _line(2, "()"), _line(1, "()")
_ROW = re.compile(rf"{_INDEX}((?:\s+[^\s:]+:\d{{1,18}})+){_NAME}", re.ASCII).fullmatch
_COUNTS = re.compile(rf"{_INDEX}(?:\s+{_INDEX})?\s+{_INDEX}", re.ASCII).fullmatch


def write_tra(mdp: FiniteMDP, path: Path) -> None:
    """Writes PRISM's form, and beside it ``.srew`` (no state rewards) and ``.trew``.

    Every transition of a state and action carries their expected reward: that is what the reader
    returns to the last bit, whatever the rounding of the row's sum.
    """
    S, A, rows = mdp.n_states, mdp.n_actions, mdp.transitions
    row = np.repeat(np.arange(S * A), np.diff(rows.indptr))
    reward = mdp.r.ravel()[row]
    places = [f"{s} {a} {t}" for s, a, t in zip(row // A, row % A, rows.indices)]
    rewarded = np.flatnonzero((reward != 0) | np.signbit(reward)).tolist()
    state_file, transition_file = path.with_suffix(".srew"), path.with_suffix(".trew")
    with replacing(state_file, transition_file, path) as (srew, trew, tra):
        _write(srew, f"{S} 0", ())
        _write(
            trew,
            f"{S} {S * A} {len(rewarded)}",
            (f"{places[k]} {w!r}\n" for k, w in zip(rewarded, reward[rewarded].tolist())),
        )
        _write(
            tra,
            f"{S} {S * A} {len(places)}",
            (f"{place} {p!r}\n" for place, p in zip(places, rows.data.tolist())),
        )


def read_tra(
    path: Path,
    *,
    gamma: float | None,
    renormalise: bool,
    state_rewards: StrPath | None,
    transition_rewards: StrPath | None,
) -> ModelFile:
    """Reads either tool's form, with its rewards.

    Reward files that are not named are looked for beside ``path``, with its stem and the suffix
    ``.srew``, else ``.state.rew``; ``.trew``, else ``.trans.rew``. Naming one of the two kinds
    turns this search off for both.

    Raises:
        MalformedFile: naming the file, the line and what is wrong there.
        InvalidParameter: no discount.
    """
    discount = required_discount(path, gamma)
    if state_rewards is None and transition_rewards is None:
        state_rewards = _beside(path, ".srew", ".state.rew")
        transition_rewards = _beside(path, ".trew", ".trans.rew")
    is_chain, choices, names = _transitions(path, renormalise)
    reward, sources = np.zeros(choices.state.size), []
    if transition_rewards is not None:
        source = Path(transition_rewards)
        per_transition = _transition_rewards(source, choices, is_chain)
        reward = expected_rewards(choices.rows, per_transition)
        sources.append(str(source))
    if state_rewards is not None:
        source = Path(state_rewards)
        states, values = _state_rewards(source, choices.rows.shape[1])
        own = np.zeros(choices.rows.shape[1])
        own[states] = values
        with np.errstate(over="ignore"):  # FiniteMDP refuses what is not finite
            reward = np.where(own[choices.state] == 0, reward, reward + own[choices.state])
        sources.append(str(source))
    mdp, n_filled = build(choices, reward, discount)
    return ModelFile(
        mdp=mdp,
        format="tra",
        n_filled_actions=n_filled,
        largest_correction=max(choices.correction, mdp.row_sum_correction),
        in_order=bool((np.diff(choices.order) > 0).all()),
        reward_source=tuple(sources),
        action_names=names_by_state(choices, names),
    )


def _write(path: Path, head: str, lines: Iterable[str]) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write(head + "\n")
        file.writelines(lines)


def _beside(path: Path, *suffixes: str) -> Path | None:
    candidates = (path.with_suffix(suffix) for suffix in suffixes)
    return next((candidate for candidate in candidates if candidate.is_file()), None)


@dataclass(frozen=True, eq=False)
class _Table:
    """``n`` lines of ``k`` indices ``(n, k)``, a number and perhaps a name."""

    index: IntArray
    value: Array
    line: IntArray
    names: list[str]


@dataclass
class _Cells:
    """The words of a table, gathered line by line; indices one after the other."""

    indices: list[str] = field(default_factory=list)
    values: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)

    def add(self, line: int, indices: Iterable[str], value: str, name: str) -> None:
        self.indices += indices
        self.values.append(value)
        self.names.append(name)
        self.lines.append(line)

    def table(self, path: Path, what: str, n_indices: int) -> _Table:
        return _Table(
            index=np.array(list(map(int, self.indices)), dtype=np.int64).reshape(-1, n_indices),
            value=parse_numbers(path, what, self.values, self.lines),
            line=np.array(self.lines, dtype=np.int64),
            names=self.names,
        )


def _cells(path: Path, lines: Lines, pattern: Pattern, form: str) -> _Cells:
    cells = _Cells()
    for number, text in lines:
        found = pattern(text)
        if found is None:
            raise MalformedFile(path, number, f"expected {form!r}; got {text[:60]!r}")
        *indices, value, name = found.groups("")
        cells.add(number, indices, value, name)
    return cells


def _cells_of_rows(path: Path, lines: Lines) -> _Cells:
    """Cells of the ``rows`` form, where the n-th line of a state is its choice n."""
    cells, n_choices = _Cells(), Counter[int]()
    for number, text in lines:
        found = _ROW(text)
        if found is None:
            raise MalformedFile(
                path, number, f"expected 's p:s2 p:s2 ... [name]'; got {text[:60]!r}"
            )
        state, successors, name = found.groups("")
        choice = n_choices[int(state)]
        n_choices[int(state)] += 1
        for successor in successors.split():
            value, target = successor.split(":")
            cells.add(number, (state, str(choice), target), value, name)
    return cells


def _with_choice_0(table: _Table) -> _Table:
    """A table of a chain as one of an MDP: ``s, s2`` becomes ``s, 0, s2``."""
    return replace(table, index=np.insert(table.index, 1, 0, axis=1))


def _transitions(path: Path, renormalise: bool) -> tuple[bool, Choices, list[str]]:
    """Whether the file is a chain, its choices, and their names."""
    lines: Lines = list(content_lines(path, "#"))
    if not lines:
        raise MalformedFile(path, None, "the file is empty")
    (at, head), *lines = lines
    is_chain, n_states, n_choices, n_transitions = _head(path, at, head)
    what = "a probability"
    if lines and _ROW(lines[0][1]):
        table = _cells_of_rows(path, lines).table(path, what, 3)
    elif is_chain:
        cells = _cells(path, lines, _CHAIN_LINE, "s s2 p [name]")
        table = _with_choice_0(cells.table(path, what, 2))
    else:
        table = _cells(path, lines, _MDP_LINE, "s choice s2 p [name]").table(path, what, 3)
    n_listed = table.line.size
    if n_transitions not in (None, n_listed):
        reason = f"{n_transitions} transitions are promised; the file holds {n_listed}"
        raise MalformedFile(path, at, reason)
    if n_listed == 0:
        raise MalformedFile(path, at, "no transitions follow")
    state, choice, target = table.index.T
    listing = Listing(
        path=path,
        n_states=int(max(state.max(), target.max())) + 1 if n_states is None else n_states,
        state=state,
        choice=choice,
        target=target,
        probability=table.value,
        line=table.line,
    )
    if is_chain and choice.any():
        k = int(np.argmax(choice > 0))
        raise MalformedFile(path, int(table.line[k]), f"state {state[k]} of a chain has two rows")
    choices = checked_choices(listing, renormalise=renormalise)
    if n_choices not in (None, choices.state.size):
        reason = f"{n_choices} choices are promised; the file holds {choices.state.size}"
        raise MalformedFile(path, at, reason)
    return is_chain, choices, _choice_names(path, table, choices)


def _head(path: Path, at: int, head: str) -> tuple[bool, int | None, int | None, int | None]:
    """Whether the model is a chain, and the promised states, choices and transitions."""
    if head in {"mdp", "dtmc"}:
        return head == "dtmc", None, None, None
    found = _COUNTS(head)
    if found is None:
        accepted = "'S choices transitions', 'S transitions', 'mdp' or 'dtmc'"
        raise MalformedFile(path, at, f"the first line must be {accepted}; got {head[:60]!r}")
    n_states, n_choices, n_transitions = (None if n is None else int(n) for n in found.groups())
    return n_choices is None, n_states, n_choices, n_transitions


def _choice_names(path: Path, table: _Table, choices: Choices) -> list[str]:
    order, start = choices.order.tolist(), choices.rows.indptr.tolist()
    names = [table.names[k] for k in order]
    for i, j in pairwise(start):
        if len(set(names[i:j])) > 1:
            at = int(table.line[order[i:j]].max())
            reason = f"one choice has several names: {', '.join(sorted(set(names[i:j])))}"
            raise MalformedFile(path, at, reason)
    return [names[i] for i in start[:-1]]


def _state_rewards(path: Path, n_states: int) -> tuple[IntArray, Array]:
    """States that are listed, and their rewards."""
    lines: Lines = list(content_lines(path, "#"))
    # a state is below S: a first line with S in its place is a header, also without the suffix
    if path.suffix == ".srew" or (lines and lines[0][1].split()[0] == str(n_states)):
        lines = _without_header(path, lines, (n_states,))
    table = _cells(path, lines, _STATE_REWARD, "s reward").table(path, "a reward", 1)
    state = table.index[:, 0]
    _refuse_line(path, table, state >= n_states, f"the state is out of range 0..{n_states - 1}")
    _refuse_line(path, table, _seen_before(state), "the state is listed twice")
    return state, table.value


def _transition_rewards(path: Path, choices: Choices, is_chain: bool) -> Array:
    """Reward of each entry of ``choices.rows``."""
    rows, n_states = choices.rows, choices.rows.shape[1]
    lines: Lines = list(content_lines(path, "#"))
    # a header has one field less than a line
    if path.suffix == ".trew" or (lines and len(lines[0][1].split()) == (2 if is_chain else 3)):
        promised = (n_states,) if is_chain else (n_states, choices.state.size)
        lines = _without_header(path, lines, promised)
    if is_chain:
        cells = _cells(path, lines, _CHAIN_REWARD, "s s2 reward")
        table = _with_choice_0(cells.table(path, "a reward", 2))
    else:
        cells = _cells(path, lines, _MDP_REWARD, "s choice s2 reward")
        table = cells.table(path, "a reward", 3)
    state, choice, target = table.index.T
    n_choices = int(choices.choice.max()) + 1
    known = (state < n_states) & (choice < n_choices) & (target < n_states)
    row, found = _lookup(
        choices.state * n_choices + choices.choice, np.where(known, state * n_choices + choice, -1)
    )
    entries = np.repeat(np.arange(choices.state.size), np.diff(rows.indptr)) * n_states
    entry, there = _lookup(entries + rows.indices, np.where(found, row * n_states + target, -1))
    _refuse_line(path, table, ~there, "the model has no such transition")
    _refuse_line(path, table, _seen_before(entry), "the transition is listed twice")
    reward = np.zeros(rows.nnz)
    reward[entry] = table.value
    return reward


def _without_header(path: Path, lines: Lines, expected: tuple[int, ...]) -> Lines:
    """The lines after a header that gives ``expected`` and the number of lines."""
    at, head = lines[0] if lines else (None, "")
    due = " ".join(map(str, (*expected, max(len(lines) - 1, 0))))
    if head.split() != due.split():
        reason = f"the first line must be {due!r}, the sizes of the model and of this file"
        raise MalformedFile(path, at, f"{reason}; got {head[:60]!r}")
    return lines[1:]


def _lookup(keys: IntArray, wanted: IntArray) -> tuple[IntArray, NDArray[np.bool_]]:
    """Positions of ``wanted`` in the increasing ``keys``, and which of them are there."""
    position = np.minimum(np.searchsorted(keys, wanted), keys.size - 1)
    return position, keys[position] == wanted


def _seen_before(values: IntArray) -> NDArray[np.bool_]:
    again = np.ones(values.size, dtype=bool)
    again[np.unique(values, return_index=True)[1]] = False
    return again


def _refuse_line(path: Path, table: _Table, faulty: NDArray[np.bool_], reason: str) -> None:
    if faulty.any():
        k = int(np.argmax(faulty))
        where = " ".join(map(str, table.index[k].tolist()))
        raise MalformedFile(path, int(table.line[k]), f"{where}: {reason}")
