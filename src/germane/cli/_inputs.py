"""What the arguments stand for: models with names for their states, and policies."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InvalidModel, InvalidParameter, InvalidPolicy, MalformedFile

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..logs import EstimatedMDP
    from ..mdp import FiniteMDP, ModelFile
    from ..networks import NamedNetwork

MODEL_SUFFIXES = (".npz", ".tra", ".drn")
POLICY_SUFFIXES = (".npy", ".npz", ".json", ".csv")
LOG_SUFFIXES = (".parquet", ".pq", ".csv", ".csv.gz", ".tsv", ".tsv.gz", ".jsonl", ".jsonl.gz")
TWIN_OPTIMAL = "twin-optimal"


@dataclass(frozen=True, eq=False, kw_only=True)
class Model:
    """A model as the user named it.

    Attributes:
        name: the argument.
        mdp: the model.
        network: the network it comes from; ``None`` for a file.
        file: what the reader did; ``None`` for a network.
        estimate: what a log says of it; ``mdp`` is its point estimate then.
    """

    name: str
    mdp: FiniteMDP
    network: NamedNetwork | None = None
    file: ModelFile | None = None
    estimate: EstimatedMDP | None = None

    @property
    def notes(self) -> tuple[str, ...]:
        """What had to be filled in or divided while reading."""
        return self.file.notes if self.file else ()

    def state_name(self, s: int) -> str:
        """State ``s`` in engineering words, or by its number and the labels of the file."""
        if self.estimate:
            return self.estimate.label(s)
        if self.network:
            return self.network.label(s)
        labels = self.file.labels if self.file else {}
        carried = ", ".join(label for label, states in labels.items() if s in states)
        return f"state {s} ({carried})" if carried else f"state {s}"

    def action_name(self, s: int, a: int) -> str:
        """Action ``a`` in state ``s`` in engineering words, or by its name in the file or number."""
        if self.estimate:
            return self.estimate.action_label(a)
        if self.network:
            return self.network.action_label(a)
        names = self.file.action_names[s] if self.file and self.file.action_names else ()
        return names[a] if a < len(names) and names[a] else f"action {a}"


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How the arguments are to be read.

    Attributes:
        gamma: discount factor, for what holds none.
        renormalise: divide rows that are off by printed digits by their sums.
        codebook: for a log whose rows are no transitions yet.
        reward_range: for a log: where every reward of the network lies [reward units].
    """

    gamma: float | None = None
    renormalise: bool = False
    codebook: str | None = None
    reward_range: tuple[float, float] | None = None


def read_named(spec: str, how: Reading) -> Model:
    """The model file, the network or the log that an argument names.

    Raises:
        InvalidParameter: none of them, or a log without a discount.
        MalformedFile, InvalidModel: the file does not hold a model.
        OSError: the file cannot be opened.
    """
    if spec.endswith(LOG_SUFFIXES):
        return _counted(spec, how)
    if Path(spec).suffix in MODEL_SUFFIXES and "?" not in spec:
        from ..logs import holds_estimate, read_estimate
        from ..mdp import read_model

        if Path(spec).suffix == ".npz" and holds_estimate(spec):
            read = read_estimate(spec)
            return Model(name=spec, mdp=read.mdp, estimate=read)
        with naming(spec):
            file = read_model(spec, gamma=how.gamma, renormalise=how.renormalise)
        return Model(name=spec, mdp=file.mdp, file=file)
    from ..networks import NETWORKS, from_spec

    if spec.partition("?")[0] not in NETWORKS:
        raise InvalidParameter(
            f"{spec!r} is neither a model file ({', '.join(MODEL_SUFFIXES)}) nor a log "
            f"({', '.join(LOG_SUFFIXES)}) nor a network ({', '.join(NETWORKS)})"
        )
    with naming(spec):
        network = from_spec(spec)
        if how.gamma is not None:
            network = replace(network, gamma=how.gamma)
        return Model(name=spec, mdp=network.mdp(), network=network)


def _counted(spec: str, how: Reading) -> Model:
    from ..logs import estimate

    if how.gamma is None:
        raise InvalidParameter(f"{spec}: a log holds no discount: give --gamma")
    with naming(spec):
        counted = estimate(
            spec, codebook=how.codebook, gamma=how.gamma, reward_range=how.reward_range
        )
    return Model(name=spec, mdp=counted.mdp, estimate=counted)


def read_policy(path: str, mdp: FiniteMDP) -> NDArray[Any]:
    """The policy in a file: ``(S,)`` actions or ``(S, A)`` probabilities.

    Raises:
        InvalidParameter: another suffix.
        MalformedFile: the file does not hold an array of numbers.
        InvalidPolicy: the array is not a policy of ``mdp``.
        OSError: the file cannot be opened.
    """
    from ..mdp import policy_probabilities

    suffix = Path(path).suffix
    readers = dict(zip(POLICY_SUFFIXES, (_npy, _npz, _json, _csv), strict=True))
    if suffix not in readers:
        raise InvalidParameter(
            f"--policy is the word {TWIN_OPTIMAL} or a file that ends in "
            f"{', '.join(POLICY_SUFFIXES)}; got {path!r}"
        )
    policy = readers[suffix](Path(path))
    if suffix == ".csv" and policy.shape == (1, mdp.n_states) and mdp.n_states > 1:
        policy = policy[0]  # the actions on one line
    with naming(path):
        policy_probabilities(mdp, policy)
    return policy


@contextmanager
def naming(culprit: str) -> Iterator[None]:
    """Puts the argument at fault in front of errors that do not know it."""
    try:
        yield
    except MalformedFile:
        raise
    except (InvalidModel, InvalidParameter, InvalidPolicy) as error:
        said = str(error)
        raise error if culprit in said else type(error)(f"{culprit}: {said}") from error


def _npy(path: Path) -> NDArray[Any]:
    import numpy as np

    try:
        return np.asarray(np.load(path, allow_pickle=False))
    except (ValueError, EOFError) as error:
        raise MalformedFile(path, None, f"not a NumPy array: {error}") from None


def _npz(path: Path) -> NDArray[Any]:
    import zipfile

    import numpy as np

    try:
        with np.load(path, allow_pickle=False) as archive:
            names = list(archive.files)
            name = "policy" if "policy" in names else names[0] if len(names) == 1 else None
            if name is None:
                raise MalformedFile(
                    path, None, f"must hold one array, or one named 'policy'; got {names}"
                )
            return np.asarray(archive[name])
    except MalformedFile:
        raise
    except (ValueError, EOFError, AttributeError, zipfile.BadZipFile) as error:
        raise MalformedFile(path, None, f"not a NumPy archive: {error}") from None


def _json(path: Path) -> NDArray[Any]:
    try:
        value = json.loads(_text(path))
    except json.JSONDecodeError as error:
        raise MalformedFile(path, error.lineno, f"not JSON: {error.msg}") from None
    return _array(path, value.get("policy") if isinstance(value, dict) else value)


def _csv(path: Path) -> NDArray[Any]:
    """One row for each state: an action, or a probability for each action."""
    rows: list[list[float]] = []
    for n, line in enumerate(_text(path).splitlines(), start=1):
        if not line.strip():
            continue
        try:
            rows.append([_number(field) for field in line.split(",")])
        except ValueError:
            raise MalformedFile(path, n, f"must hold numbers only; got {line!r}") from None
        if len(rows[-1]) != len(rows[0]):
            raise MalformedFile(path, n, f"must have {len(rows[0])} columns; got {len(rows[-1])}")
    values = _array(path, rows)
    return values[:, 0] if values.ndim == 2 and values.shape[1] == 1 else values


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise MalformedFile(path, None, f"not UTF-8 text: {error}") from None


def _number(field: str) -> float:
    try:
        return int(field)
    except ValueError:
        return float(field)


def _array(path: Path, value: Any) -> NDArray[Any]:
    import numpy as np

    try:
        array = np.array(value)
    except ValueError:
        array = np.array(None)
    if array.dtype.kind not in "iuf":
        raise MalformedFile(
            path, None, "must hold one action, or one row of probabilities, a state"
        )
    return array
