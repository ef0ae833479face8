"""Model files: the format is known by the suffix.

| suffix | format                                           | discount | rewards             |
|--------|--------------------------------------------------|----------|---------------------|
| .npz   | germane's own NumPy archive                      | held     | held                |
| .tra   | explicit transitions of PRISM and Storm          | argument | files beside it     |
| .drn   | Storm's direct encoding                          | argument | named reward models |

What is written is read back to the last bit, except that ``.tra`` and ``.drn`` hold no discount.
A file is written under a temporary name and moved into place when complete.
"""

from __future__ import annotations

from pathlib import Path

from ..errors import InvalidParameter
from ._drn import read_drn, write_drn
from ._model import FiniteMDP
from ._npz import read_npz, write_npz
from ._ragged import ModelFile
from ._tra import StrPath, read_tra, write_tra

WRITERS = {".npz": write_npz, ".tra": write_tra, ".drn": write_drn}


def read_model(
    path: StrPath,
    *,
    gamma: float | None = None,
    renormalise: bool = False,
    state_rewards: StrPath | None = None,
    transition_rewards: StrPath | None = None,
    reward_model: str | None = None,
) -> ModelFile:
    """A model read from a file, with what the reader had to do to it.

    States of a file may have different numbers of actions. A missing action repeats the last one
    of its state, which leaves the optimal value as it is; ``n_filled_actions`` counts them. Rows
    whose sums are off by at most 1e-9 are divided by them; by at most 1e-6, as printed digits
    leave them, only if ``renormalise``; others are refused. ``largest_correction`` tells.

    Args:
        path: ends in ``.npz``, ``.tra`` or ``.drn``.
        gamma: discount factor in ``[0, 1)``: needed for ``.tra`` and ``.drn``, which hold none; for
            ``.npz``, none or the one it holds.
        renormalise: divide rows that are off by up to 1e-6 by their sums.
        state_rewards, transition_rewards: reward files of a ``.tra``. Without either, those beside
            it with its stem are read: ``.srew`` or else ``.state.rew``, and ``.trew`` or else
            ``.trans.rew``; ``reward_source`` tells which.
        reward_model: which reward model of a ``.drn`` to read; needed when it holds several.

    Raises:
        MalformedFile: the file does not hold what its format promises: file, line and reason.
        InvalidParameter: another suffix, an option the format lacks or needs, another ``gamma``
            than the one in the file.
        InvalidModel: ``gamma`` outside ``[0, 1)``, or rewards that add up to more than a double
            can hold.
        OSError: the file cannot be opened.
    """
    path = Path(path)
    suffix = _known_suffix(path)
    options = {
        "state_rewards": (state_rewards, ".tra"),
        "transition_rewards": (transition_rewards, ".tra"),
        "reward_model": (reward_model, ".drn"),
    }
    for name, (value, owner) in options.items():
        if value is not None and suffix != owner:
            raise InvalidParameter(f"{name} is an option of {owner} files; got {path}")
    if suffix == ".npz":
        return read_npz(path, gamma=gamma, renormalise=renormalise)
    if suffix == ".drn":
        return read_drn(path, gamma=gamma, renormalise=renormalise, reward_model=reward_model)
    return read_tra(
        path,
        gamma=gamma,
        renormalise=renormalise,
        state_rewards=state_rewards,
        transition_rewards=transition_rewards,
    )


def read_mdp(
    path: StrPath,
    *,
    gamma: float | None = None,
    renormalise: bool = False,
    state_rewards: StrPath | None = None,
    transition_rewards: StrPath | None = None,
    reward_model: str | None = None,
) -> FiniteMDP:
    """The model in a file: ``read_model(...).mdp``, which documents options and errors."""
    return read_model(
        path,
        gamma=gamma,
        renormalise=renormalise,
        state_rewards=state_rewards,
        transition_rewards=transition_rewards,
        reward_model=reward_model,
    ).mdp


def write_mdp(mdp: FiniteMDP, path: StrPath) -> None:
    """Writes a model so that ``read_mdp`` returns it to the last bit.

    A ``.tra`` brings its rewards along: ``.srew`` and ``.trew`` with the same stem are written too,
    and replaced if they are there. ``.tra`` and ``.drn`` do not hold the discount.

    Raises:
        InvalidParameter: ``path`` ends in none of ``.npz``, ``.tra``, ``.drn``.
        OSError: the file cannot be written; what was there stays as it was.
    """
    path = Path(path)
    WRITERS[_known_suffix(path)](mdp, path)


def _known_suffix(path: Path) -> str:
    if path.suffix not in WRITERS:
        raise InvalidParameter(f"a model file ends in {', '.join(WRITERS)}; got {path}")
    return path.suffix
