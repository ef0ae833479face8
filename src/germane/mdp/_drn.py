"""The ``.drn`` format of Storm ("direct encoding"): chains and MDPs with named rewards and labels.

    @type: MDP
    @value_type: double
    @parameters

    @reward_models
    energy delay
    @nr_states
    2
    @nr_choices
    3
    @model
    state 0 [0, 1] init
        action send [2, 0]
            0 : 0.25
            1 : 0.75
        ...

The expected reward of a choice is the reward of its state plus its own. Rational values are
rounded to the nearest double. The format has no discount factor.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..errors import InvalidParameter, MalformedFile
from ._lines import content_lines, parse_count, parse_numbers, replacing
from ._model import Array, FiniteMDP
from ._ragged import (
    Listing,
    ModelFile,
    build,
    checked_choices,
    names_by_state,
    required_discount,
)

_INDEX = r"(\d{1,18})"
_REWARDS = r"(?:\s*\[([^\]]*)\])?"
_TRANSITION = re.compile(rf"{_INDEX}\s*:\s*(\S.*)", re.ASCII).fullmatch
_ACTION = re.compile(rf"action\s+(\S+){_REWARDS}", re.ASCII).fullmatch
_STATE = re.compile(rf"state\s+{_INDEX}{_REWARDS}((?:\s.*)?)", re.ASCII).fullmatch
_LABEL = re.compile(r'"([^"]+)"|([^\s"]+)').findall
_KEY = re.compile(r"@(\w+):?\s*(.*)").fullmatch

KEYS = {
    "type", "value_type", "parameters", "placeholders",
    "reward_models", "nr_states", "nr_choices", "model",
}  # fmt: skip


def write_drn(mdp: FiniteMDP, path: Path) -> None:
    """Writes an MDP with one reward model, ``reward``, whose rewards are those of the actions."""
    n_rows = mdp.n_states * mdp.n_actions
    rows, rewards = mdp.transitions, mdp.r.ravel().tolist()
    target, probability = rows.indices.tolist(), rows.data.tolist()
    ends = rows.indptr.tolist()
    with replacing(path) as (part,), part.open("w", encoding="utf-8", newline="\n") as file:
        file.write(
            "// Exported by germane\n@type: MDP\n@value_type: double\n@parameters\n\n"
            f"@reward_models\nreward\n@nr_states\n{mdp.n_states}\n@nr_choices\n{n_rows}\n@model\n"
        )
        for row in range(n_rows):
            s, a = divmod(row, mdp.n_actions)
            head = f"state {s} [0]\n" if a == 0 else ""
            file.write(f"{head}\taction {a} [{rewards[row]!r}]\n")
            file.writelines(
                f"\t\t{target[k]} : {probability[k]!r}\n" for k in range(ends[row], ends[row + 1])
            )


def read_drn(
    path: Path, *, gamma: float | None, renormalise: bool, reward_model: str | None
) -> ModelFile:
    """Reads the format above.

    Raises:
        MalformedFile: naming the line and what is wrong there.
        InvalidParameter: no discount, or a reward model that is not there or not chosen.
    """
    discount = required_discount(path, gamma)
    lines = content_lines(path, "//")
    header = _header(path, lines)
    body = _body(path, lines, header, _chosen(path, header.reward_models, reward_model))
    listing = Listing(
        path=path,
        n_states=header.n_states,
        state=np.array(body.state, dtype=np.int64),
        choice=np.array(body.choice, dtype=np.int64),
        target=np.array(body.target, dtype=np.int64),
        probability=parse_numbers(path, "a probability", body.probability, body.line),
        line=np.array(body.line, dtype=np.int64),
    )
    choices = checked_choices(listing, renormalise=renormalise)
    of_state = body.state_reward.values(path)[choices.state]
    own = body.choice_reward.values(path)
    with np.errstate(over="ignore"):  # FiniteMDP refuses what is not finite
        reward = np.where(of_state == 0, own, of_state + own)  # 0 + -0.0 would lose the sign
    mdp, n_filled = build(choices, reward, discount)
    return ModelFile(
        mdp=mdp,
        format="drn",
        n_filled_actions=n_filled,
        largest_correction=max(choices.correction, mdp.row_sum_correction),
        reward_source=() if body.reward_model is None else (body.reward_model,),
        action_names=names_by_state(choices, body.names),
        labels={label: tuple(states) for label, states in body.labels.items()},
    )


@dataclass(frozen=True)
class _Header:
    n_states: int
    n_choices: int | None
    is_chain: bool
    reward_models: list[str]


@dataclass
class _Rewards:
    """One reward per state or per choice, as written."""

    tokens: list[str] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)

    def add(self, token: str, line: int) -> None:
        self.tokens.append(token)
        self.lines.append(line)

    def values(self, path: Path) -> Array:
        return parse_numbers(path, "a reward", self.tokens, self.lines)


@dataclass
class _Body:
    """Columns of the model section; ``state`` to ``line`` have one entry per transition."""

    reward_model: str | None
    state: list[int] = field(default_factory=list)
    choice: list[int] = field(default_factory=list)
    target: list[int] = field(default_factory=list)
    probability: list[str] = field(default_factory=list)
    line: list[int] = field(default_factory=list)
    state_reward: _Rewards = field(default_factory=_Rewards)
    choice_reward: _Rewards = field(default_factory=_Rewards)
    names: list[str] = field(default_factory=list)
    labels: defaultdict[str, list[int]] = field(default_factory=lambda: defaultdict(list))


def _header(path: Path, lines: Iterator[tuple[int, str]]) -> _Header:
    sections: dict[str, tuple[int, list[str]]] = {}
    number, key = 0, ""
    for number, text in lines:
        found = _KEY(text)
        if found is None:
            if not key:
                raise MalformedFile(path, number, f"expected '@type: ...'; got {text[:60]!r}")
            sections[key][1].extend(text.split())
            continue
        key = found[1]
        if key in sections or key not in KEYS:
            what = "is declared twice" if key in sections else "is not a section of the format"
            raise MalformedFile(path, number, f"@{key} {what}")
        sections[key] = (number, found[2].split())
        if key == "model":
            return _checked_header(path, sections)
    raise MalformedFile(path, number or None, "the file ends before @model")


def _checked_header(path: Path, sections: dict[str, tuple[int, list[str]]]) -> _Header:
    end = sections["model"][0]

    def word(key: str, default: str | None = None) -> tuple[int, str]:
        line, words = sections.get(key, (end, [default] if default else []))
        if len(words) != 1:
            raise MalformedFile(path, line, f"@{key} must have one value; got {words}")
        return line, words[0]

    line, kind = word("type")
    if kind.upper() not in {"MDP", "DTMC"}:
        raise MalformedFile(path, line, f"a model of type {kind} is no MDP or DTMC")
    line, value_type = word("value_type", "double")
    if value_type not in {"double", "rational"}:
        reason = f"values must be double or rational; got {value_type}: choose one model first"
        raise MalformedFile(path, line, reason)
    for key in ("parameters", "placeholders"):
        line, words = sections.get(key, (end, []))
        if words:
            reason = f"@{key} must be empty, got {' '.join(words)!r}: give parameters values first"
            raise MalformedFile(path, line, reason)

    def count(key: str) -> int:
        line, token = word(key)
        return parse_count(path, line, f"@{key}", token)

    return _Header(
        n_states=count("nr_states"),
        n_choices=count("nr_choices") if "nr_choices" in sections else None,
        is_chain=kind.upper() == "DTMC",
        reward_models=sections.get("reward_models", (end, []))[1],
    )


def _chosen(path: Path, names: list[str], wanted: str | None) -> str | None:
    """The reward model to read; ``None`` when the file has none and none is asked for."""
    if wanted is None and len(names) < 2:
        return names[0] if names else None
    if wanted in names:
        return wanted
    got = "none was chosen" if wanted is None else f"got reward_model={wanted!r}"
    there = f"the reward models {', '.join(names)}" if names else "no reward models"
    raise InvalidParameter(f"{path} holds {there}; {got}")


def _body(
    path: Path, lines: Iterator[tuple[int, str]], header: _Header, reward_model: str | None
) -> _Body:
    """Collects the model section line by line, and checks how states and actions follow."""
    body = _Body(reward_model)
    n_states = n_choices = 0  # so far; n_choices within the state
    empty_action = 0  # line of an action that has no transition yet

    def reward_token(number: int, written: str | None) -> str:
        values = [] if written is None else written.split(",")
        if written is not None and len(values) != len(header.reward_models):
            reason = f"{len(values)} rewards for {len(header.reward_models)} reward models"
            raise MalformedFile(path, number, reason)
        if reward_model is None or not values:
            return "0"
        return values[header.reward_models.index(reward_model)].strip()

    for number, text in lines:
        if found := _TRANSITION(text):
            if n_choices == 0:
                raise MalformedFile(path, number, "a transition must follow an action of a state")
            body.state.append(n_states - 1)
            body.choice.append(n_choices - 1)
            body.target.append(int(found[1]))
            body.probability.append(found[2])
            body.line.append(number)
            empty_action = 0
            continue
        if empty_action:
            raise MalformedFile(path, empty_action, "the action has no transitions")
        if found := _ACTION(text):
            n_choices += 1
            if n_states == 0 or (header.is_chain and n_choices > 1):
                reason = "a DTMC has one action per state" if n_states else "no state comes before"
                raise MalformedFile(path, number, reason)
            empty_action = number
            body.names.append(found[1])
            body.choice_reward.add(reward_token(number, found[2]), number)
        elif found := _STATE(text):
            if int(found[1]) != n_states or n_states == header.n_states:
                due = f"state {n_states}" if n_states < header.n_states else "the end of the file"
                raise MalformedFile(path, number, f"expected {due}; got state {found[1]}")
            body.state_reward.add(reward_token(number, found[2]), number)
            for quoted, plain in _LABEL(found[3]):
                body.labels[quoted or plain].append(n_states)
            n_states, n_choices = n_states + 1, 0
        else:
            raise MalformedFile(
                path, number, f"expected a state, action or 't : p'; got {text[:60]!r}"
            )
    if empty_action:
        raise MalformedFile(path, empty_action, "the action has no transitions")
    for key, promised, held in (
        ("nr_states", header.n_states, n_states),
        ("nr_choices", header.n_choices, len(body.names)),
    ):
        if promised not in (None, held):
            raise MalformedFile(path, None, f"@{key} promises {promised}; the file holds {held}")
    return body
