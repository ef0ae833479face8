"""Where the rows of a log come from: files, arrays, Minari data sets, an environment tried live."""

from __future__ import annotations

import hashlib
import importlib.util
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import GermaneError, InvalidModel, InvalidParameter, InvalidPolicy, MalformedFile
from ._engines import Engine
from ._estimated_mdp import Source
from ._files import find_files, sha256
from ._sql import Kind

MINARI = {
    "state": "observations",
    "action": "actions",
    "reward": "rewards",
    "terminated": "terminations",
    "truncated": "truncations",
}
"""What Minari calls the canonical columns."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Transitions:
    """Transitions in memory: arrays of one length ``(n,)``.

    Args:
        state, action: whole numbers from 0.
        reward: what each step paid [reward units].
        next_state: where it led; without it, the state of the following row of the episode.
        terminated: whether the next state ends the episode for good.
        truncated: whether the episode was cut there.
        episode: which episode a step is of.
        t: which step of its episode.

    Raises:
        InvalidModel: an array has another shape, or does not hold numbers.
    """

    state: ArrayLike
    action: ArrayLike
    reward: ArrayLike
    next_state: ArrayLike | None = None
    terminated: ArrayLike | None = None
    truncated: ArrayLike | None = None
    episode: ArrayLike | None = None
    t: ArrayLike | None = None

    def __post_init__(self) -> None:
        n = np.size(self.state)
        for name, given in self.arrays.items():
            array = np.array(given)
            if array.shape != (n,) or array.dtype.kind not in "iufb":
                raise InvalidModel(
                    f"{name} must be an array of {n} numbers, as state is; got shape {array.shape} of "
                    f"{array.dtype}"
                )
            array.flags.writeable = False
            object.__setattr__(self, name, array)

    @property
    def arrays(self) -> dict[str, NDArray[Any]]:
        """Those that are there, by name."""
        named = ((field.name, getattr(self, field.name)) for field in fields(self))
        return {name: array for name, array in named if array is not None}


@dataclass(frozen=True, kw_only=True)
class Files:
    """A log in files of one format.

    Attributes:
        paths: the files.
        columns: their own names of canonical columns, where those are known to differ.
        padded: whether an episode has one row more than steps, for the state in which it ends.
        episode_in_path: pattern whose first group, in the path of a file, is the episode.
    """

    paths: Sequence[Path]
    columns: Mapping[str, str] = field(default_factory=dict)
    padded: bool = False
    episode_in_path: str | None = None
    has_files = True

    def open(self, engine: Engine, *, ordered: bool) -> Mapping[str, Kind]:
        """Opens the view ``log``; gives the kind of each column."""
        return engine.view("log", self.paths, ordered=ordered)

    def hashed(self) -> tuple[Source, ...]:
        """What the log is made of."""
        return tuple(
            Source(name=str(path), sha256=sha256(path), n_bytes=path.stat().st_size)
            for path in self.paths
        )

    def error(self, reason: str, file: str = "") -> GermaneError:
        """The error that says what is wrong with the log, or with one of its files."""
        return MalformedFile(file or self.paths[0], None, reason)


@dataclass(frozen=True, kw_only=True)
class Arrays:
    """A log in memory, with the methods of :class:`Files`."""

    transitions: Transitions
    columns: Mapping[str, str] = field(default_factory=dict)
    padded = False
    episode_in_path = None
    has_files = False

    def open(self, engine: Engine, *, ordered: bool) -> Mapping[str, Kind]:
        """Opens the view ``log``; gives the kind of each column."""
        arrays = self.transitions.arrays
        if "next_state" not in arrays:
            n = len(arrays["state"])
            arrays = {"episode": np.zeros(n, dtype=np.int64), "t": np.arange(n), **arrays}
        return engine.table("log", arrays)

    def hashed(self) -> tuple[Source, ...]:
        """What the log is made of."""
        digest, n_bytes = hashlib.sha256(), 0
        for name, array in self.transitions.arrays.items():
            digest.update(f"{name} {array.dtype.str} ".encode())
            digest.update(np.ascontiguousarray(array).data)
            n_bytes += array.nbytes
        return (Source(name="arrays", sha256=digest.hexdigest(), n_bytes=n_bytes),)

    def error(self, reason: str, file: str = "") -> GermaneError:
        """The error that says what is wrong with the log."""
        return InvalidModel(reason)


Log = Files | Arrays


def find_log(source: Any) -> Log:
    """The log that a source stands for.

    Args:
        source: paths, globs or folders of files; :class:`Transitions`, a mapping of names to arrays, or a
            tuple of arrays in the order of the fields of ``Transitions``; a Minari data set, or the
            path of its folder.

    Raises:
        MalformedFile: there is no such file, or it is of no format that is read.
        InvalidModel: the arrays are no transitions.
        InvalidParameter: it is none of these.
    """
    if isinstance(source, Transitions):
        return Arrays(transitions=source)
    if isinstance(source, Mapping):
        known = [field.name for field in fields(Transitions)]
        lacking = [name for name in known[:3] if name not in source]
        unknown = [name for name in source if name not in known]
        if lacking or unknown:
            what = f"lack {', '.join(lacking)}" if lacking else f"hold {', '.join(unknown)}"
            raise InvalidModel(f"the arrays {what}; they may be {', '.join(known)}")
        return Arrays(transitions=Transitions(**source))
    if isinstance(source, tuple) and not all(isinstance(x, str | PathLike) for x in source):
        names = [field.name for field in fields(Transitions)]
        if not 3 <= len(source) <= len(names):
            raise InvalidModel(
                f"a tuple of arrays is ({', '.join(names)}), the first three at least; got {len(source)}"
            )
        return Arrays(transitions=Transitions(**dict(zip(names, source))))
    if hasattr(source, "storage") and hasattr(source, "episode_indices"):
        return _minari(Path(source.storage.data_path), source.episode_indices)
    if isinstance(source, str | PathLike):
        for folder in (Path(source), Path(source) / "data"):
            if (folder / "metadata.json").is_file():
                return _minari(folder, None)
    elif not isinstance(source, list | tuple):
        raise InvalidParameter(
            f"a log is files, arrays or a Minari data set; got {type(source).__name__}"
        )
    return Files(paths=find_files(source))


def _minari(folder: Path, episodes: Sequence[int] | None) -> Log:
    """The data set in a folder of Minari, which names its format, and keeps episodes by number."""
    about = folder / "metadata.json"
    try:
        record = json.loads(about.read_text(encoding="utf-8"))
        format_ = record.get("data_format", "hdf5")
        wanted = range(record["total_episodes"]) if episodes is None else episodes
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise MalformedFile(
            about, None, f"does not describe a Minari data set: {error!r}"
        ) from None
    if format_ == "parquet":
        parts = (sorted((folder / str(episode)).glob("*.parquet")) for episode in wanted)
        return Files(
            paths=find_files(path for part in parts for path in part),
            columns=MINARI,
            padded=True,
            episode_in_path="/([^/]+)/[^/]+$",
        )
    if format_ == "hdf5":
        return Arrays(transitions=_read_hdf5(folder / "main_data.hdf5", wanted))
    raise MalformedFile(
        about, None, f"the data set is kept as {format_!r}; parquet and hdf5 are accepted"
    )


def _read_hdf5(path: Path, episodes: Sequence[int]) -> Transitions:
    """Minari's HDF5 storage: a group for each episode, with one observation more than steps."""
    if importlib.util.find_spec("h5py") is None:
        raise MalformedFile(path, None, "HDF5 needs the package h5py: pip install h5py")
    import h5py

    parts: dict[str, list[NDArray[Any]]] = {name: [] for name in ("next_state", "episode", *MINARI)}
    try:
        with h5py.File(path, "r") as file:
            for episode in episodes:
                group = file[f"episode_{episode}"]
                held = {name: np.asarray(group[own]) for name, own in MINARI.items()}
                held["next_state"] = held["state"][1:]
                held["state"] = held["state"][:-1]
                held["episode"] = np.full(len(held["state"]), episode)
                for name, array in held.items():
                    parts[name].append(array)
        return Transitions(**{name: np.concatenate(arrays) for name, arrays in parts.items()})
    except (OSError, LookupError, ValueError, TypeError, InvalidModel) as error:
        raise MalformedFile(path, None, f"holds no transitions of Minari: {error}") from None


def sample(
    env: Any,
    policy: ArrayLike | Callable[[int], int],
    *,
    n_steps: int | None = None,
    n_episodes: int | None = None,
    rng: np.random.Generator,
) -> Transitions:
    """Transitions of an environment under a policy, tried live.

    Args:
        env: with Gymnasium's ``reset`` and ``step``; what it observes is the number of a state.
        policy: ``(S,)`` actions, ``(S, A)`` probabilities, or a function from a state to an action.
        n_steps: how many; the last episode stops there.
        n_episodes: how many episodes, in place of ``n_steps``.
        rng: draws the environment's seed and the actions.

    Returns:
        the transitions; episodes are numbered from 0.

    Raises:
        InvalidPolicy: ``policy`` is none of these, or not for a state that came up.
        InvalidModel: an observation is no number of a state.
        InvalidParameter: not one of ``n_steps`` and ``n_episodes`` is given, or it is less than 1.
    """
    wanted = [n for n in (n_steps, n_episodes) if n is not None]
    if len(wanted) != 1 or wanted[0] < 1:
        raise InvalidParameter(
            f"give one of n_steps or n_episodes, at least 1; got {n_steps} and {n_episodes}"
        )
    act = policy if callable(policy) else _drawn_from(np.asarray(policy), rng)
    rows: list[tuple[int, int, float, int, bool, bool, int, int]] = []
    observed, _ = env.reset(seed=int(rng.integers(2**31)))
    episode = t = 0
    while (len(rows) if n_steps is not None else episode) < wanted[0]:
        state = _state_number(observed)
        action = int(act(state))
        observed, reward, terminated, truncated, _ = env.step(action)
        reached = _state_number(observed)
        ends = bool(terminated), bool(truncated)
        rows.append((state, action, float(reward), reached, *ends, episode, t))
        t += 1
        if any(ends):
            observed, _ = env.reset()
            episode, t = episode + 1, 0
    names = [field.name for field in fields(Transitions)]
    return Transitions(**{name: np.array(column) for name, column in zip(names, zip(*rows))})


def _state_number(observed: Any) -> int:
    if np.ndim(observed) or np.asarray(observed).dtype.kind not in "iu":
        raise InvalidModel(f"an observation must be the number of a state; got {observed!r:.60}")
    return int(observed)


def _drawn_from(policy: NDArray[Any], rng: np.random.Generator) -> Callable[[int], int]:
    """Actions of an array of actions or of probabilities."""
    deterministic = policy.ndim == 1 and policy.dtype.kind in "iu"
    if not deterministic and (policy.ndim != 2 or policy.dtype.kind not in "fiu"):
        raise InvalidPolicy(
            f"a policy is (S,) integers or (S, A) probabilities; got shape {policy.shape} of {policy.dtype}"
        )

    def act(state: int) -> int:
        if state >= len(policy):
            raise InvalidPolicy(f"the policy is for {len(policy)} states; state {state} came up")
        if deterministic:
            return int(policy[state])
        try:
            return int(rng.choice(policy.shape[1], p=policy[state]))
        except ValueError as error:
            raise InvalidPolicy(f"policy[{state}]: {error}") from None

    return act
