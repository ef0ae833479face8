r"""What a log tells of a finite MDP: counts, sums of rewards, and where they came from.

With :math:`n(s, a, s')` transitions of a pair to each next state, the point estimate is

.. math::
    \hat P(s' | s, a) = n(s, a, s') / n(s, a), \quad \hat r(s, a) = \text{mean reward of the pair's rows}.

The sums are kept by next state, so that mean and variance of ``r + gamma w(s')`` can be had for any
function ``w`` chosen later: they are what the value-aware certificates rest on.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from ..errors import GermaneError, InvalidModel, MalformedFile
from ..mdp import UNIT_ROUNDOFF, FiniteMDP, read_archive, write_archive
from ._split import ALL_ROWS, Split

Array = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Source:
    """One file, or one array in memory, of a log.

    Attributes:
        name: its name as given.
        sha256: of its bytes.
        n_bytes: its size.
    """

    name: str
    sha256: str
    n_bytes: int


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """Which rows an estimate was made from, and what became of each.

    Attributes:
        sources: the files or arrays.
        n_rows: rows read.
        n_transitions: rows that were counted.
        dropped: rows that were not, by reason; with ``n_transitions`` they add up to ``n_rows``.
        part: ``(k, n)``: the episodes ``k`` modulo ``n``.
        only: the values to which columns were restricted.
        columns: what the columns of a ready log are called in it.
        codebook: SHA-256 of the codebook's text; ``None`` for a ready log.
        codebook_text: that text, with what was learned from the log written out: TOML.
        learned_here: whether quantiles of the codebook were learned on rows that may be counted here:
            then the states depend on the log, and no certificate from it holds for them as said.
        engine: what counted.

    Raises:
        InvalidModel: the rows do not add up.
    """

    sources: tuple[Source, ...]
    n_rows: int
    n_transitions: int
    dropped: Mapping[str, int] = field(default_factory=dict)
    part: tuple[int, int] = (0, 1)
    only: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    columns: Mapping[str, str] = field(default_factory=dict)
    codebook: str | None = None
    codebook_text: str | None = None
    learned_here: bool = False
    engine: str = "arrays"

    def __post_init__(self) -> None:
        accounted = self.n_transitions + sum(self.dropped.values())
        if accounted != self.n_rows:
            raise InvalidModel(
                f"every row must be accounted for: {self.n_rows} rows were read, "
                f"{self.n_transitions} counted and {accounted - self.n_transitions} dropped"
            )

    def shares_rows(self, other: Provenance) -> bool:
        """Whether some row may have been counted by both.

        Not where the files differ, nor where restrictions exclude each other, nor parts of the same
        files read in the same way: what number an episode has may depend on the others.
        """
        files, others = ({source.sha256 for source in x.sources} for x in (self, other))
        if not files & others:
            return False
        alike = (files, self.columns, self.codebook) == (others, other.columns, other.codebook)
        parts = (self.part, other.part) if alike else (ALL_ROWS.part, ALL_ROWS.part)
        return Split(parts[0], self.only).may_share_rows(Split(parts[1], other.only))

    def to_json(self) -> dict[str, Any]:
        """The provenance as plain JSON values."""
        record = asdict(self) | {"dropped": dict(self.dropped), "columns": dict(self.columns)}
        only = {column: list(values) for column, values in self.only.items()}
        sources = [asdict(source) for source in self.sources]
        return record | {"only": only, "part": list(self.part), "sources": sources}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Provenance:
        """The provenance that :meth:`to_json` wrote."""
        return cls(
            **{
                **record,
                "sources": tuple(Source(**source) for source in record["sources"]),
                "part": tuple(record["part"]),
                "only": {column: tuple(values) for column, values in record["only"].items()},
            }
        )


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class EstimatedMDP:
    """What a log says of a finite MDP, with all that is needed to say how surely.

    Args:
        counts: ``(S * A, S)`` sparse, transitions seen; row ``s * A + a`` as in ``FiniteMDP``.
        reward_sum: ``(nnz,)`` sum of the rewards of each stored count [reward units].
        reward_square_sum: ``(nnz,)`` sum of their squares.
        n_actions: ``A``.
        gamma: discount factor in ``[0, 1)``.
        reward_range: ``(low, high)`` in which every reward of the network lies [reward units].
        range_given: whether that was known beforehand, or is only what the log shows.
        terminal: ``(S,)`` states in which an episode has ended: absorbing, and they earn nothing.
        counts_fixed: whether the number of visits to each pair was fixed before the first was made,
            as with a generative model; otherwise certificates allow for a log cut at any time.
        state_names, action_names: words for states and actions, where a codebook gave them.
        provenance: which rows it was made from.

    Raises:
        InvalidModel: naming what is at fault, what was got and what is accepted.
    """

    counts: sp.csr_array
    reward_sum: Array
    reward_square_sum: Array
    n_actions: int
    gamma: float
    reward_range: tuple[float, float]
    provenance: Provenance
    range_given: bool = True
    terminal: NDArray[np.bool_] | None = None
    counts_fixed: bool = False
    state_names: tuple[str, ...] | None = None
    action_names: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        put = object.__setattr__
        counts = _checked_counts(self.counts, self.n_actions)
        put(self, "counts", counts)
        for name in ("reward_sum", "reward_square_sum"):
            sums = np.array(getattr(self, name), dtype=np.float64)
            if sums.shape != counts.data.shape or not np.isfinite(sums).all():
                raise InvalidModel(
                    f"{name} must hold one finite number for each of the {counts.nnz} stored counts; "
                    f"got shape {sums.shape}"
                )
            put(self, name, sums)
        put(self, "terminal", self._checked_terminal())
        put(self, "gamma", FiniteMDP(np.ones((1, 1, 1)), np.zeros((1, 1)), self.gamma).gamma)
        self._check_range()
        for name, n in (("state_names", self.n_states), ("action_names", self.n_actions)):
            names = getattr(self, name)
            if names is not None and len(names) != n:
                raise InvalidModel(f"{name} must be {n} words; got {len(names)}")
        if int(counts.data.sum()) != self.provenance.n_transitions:
            raise InvalidModel(
                f"the counts add up to {int(counts.data.sum())}, "
                f"but {self.provenance.n_transitions} transitions were counted"
            )
        for part in (counts.data, counts.indices, counts.indptr, self.reward_sum):
            part.flags.writeable = False
        self.reward_square_sum.flags.writeable = False

    @property
    def n_states(self) -> int:
        return int(self.counts.shape[1])

    @cached_property
    def n_visits(self) -> Ints:
        """``(S, A)`` transitions seen from each pair."""
        return np.asarray(self.counts.sum(axis=1), dtype=np.int64).reshape(-1, self.n_actions)

    @property
    def n_transitions(self) -> int:
        """How many transitions were counted."""
        return self.provenance.n_transitions

    @cached_property
    def known(self) -> NDArray[np.bool_]:
        """``(S, A)`` pairs that need no estimate: those of terminal states."""
        assert self.terminal is not None
        return np.broadcast_to(self.terminal[:, None], self.n_visits.shape)

    @cached_property
    def unvisited(self) -> Ints:
        """``(n, 2)`` the pairs ``(s, a)`` that were never tried, those of terminal states left out."""
        return np.argwhere((self.n_visits == 0) & ~self.known)

    @cached_property
    def mdp(self) -> FiniteMDP:
        """The point estimate.

        A pair that was never tried keeps its state and earns the least of ``reward_range``: that is no
        estimate, but gives a planner no reason to try it; ``unvisited`` lists them all.
        """
        S, A = self.n_visits.shape
        n = self.n_visits.ravel()
        r = np.where(self.known, 0.0, self.reward_range[0]).ravel()
        tried = n > 0
        r[tried] = self._by_pair(self.reward_sum)[tried] / n[tried]
        rows = np.repeat(np.arange(S * A), np.diff(self.counts.indptr))
        kept = np.flatnonzero(~tried)
        P = sp.coo_array(
            (
                np.concatenate([self.counts.data / n[rows], np.ones(len(kept))]),
                (
                    np.concatenate([rows, kept]),
                    np.concatenate([self.counts.indices, kept // A]),
                ),
            ),
            shape=(S * A, S),
        )
        return FiniteMDP(sp.csr_array(P), r.reshape(S, A), self.gamma)

    def look_ahead(self, w: Array, *, rewards: bool = True) -> tuple[Array, Array]:
        r"""Mean and unbiased variance of :math:`r + \gamma w(s')` over the rows of each pair.

        Args:
            w: ``(S,)`` any function of the next state [reward units].
            rewards: whether the reward counts; without it, of :math:`\gamma w(s')` alone.

        Returns:
            ``(S, A)`` means, within ``n * 2**-52`` of their size, and ``(S, A)`` variances, no smaller
            than exact ones. Both are 0 for a pair without rows, the variance for a single row too.
        """
        n = self.n_visits.ravel()
        cell, pair = self.counts.data, self._pair_of_cell
        r, r2 = (self.reward_sum, self.reward_square_sum) if rewards else (0 * cell, 0 * cell)
        y = r / cell + self.gamma * w[self.counts.indices]
        mean = self._by_pair(cell * y) / np.maximum(n, 1)
        within = r2 - r**2 / cell
        lost = (cell + 8) * UNIT_ROUNDOFF * r2  # by summation in doubles
        squares = np.maximum(within, 0.0) + lost + cell * (y - mean[pair]) ** 2
        variance = np.where(n > 1, self._by_pair(squares) / np.maximum(n - 1, 1), 0.0)
        return mean.reshape(-1, self.n_actions), variance.reshape(-1, self.n_actions)

    def label(self, s: int) -> str:
        """State ``s`` in words, or by its number."""
        return self.state_names[s] if self.state_names else f"state {s}"

    def action_label(self, a: int) -> str:
        """Action ``a`` in words, or by its number."""
        return self.action_names[a] if self.action_names else f"action {a}"

    def shares_rows(self, other: EstimatedMDP) -> bool:
        """Whether some row of a log may have been counted in both."""
        same = self.fingerprint() == other.fingerprint()
        return same or self.provenance.shares_rows(other.provenance)

    def fingerprint(self) -> str:
        """SHA-256 over counts, sums, discount, range and provenance."""
        about = json.dumps(
            [self.gamma.hex(), list(self.reward_range), self.provenance.to_json()], sort_keys=True
        )
        digest = hashlib.sha256(about.encode())
        assert self.terminal is not None
        for part in (
            self.counts.indptr,
            self.counts.indices,
            self.counts.data,
            self.reward_sum,
            self.reward_square_sum,
            self.terminal,
        ):
            wide = "<f8" if part.dtype.kind == "f" else "<i8"
            digest.update(np.ascontiguousarray(part, dtype=wide).tobytes())
        return digest.hexdigest()

    def save(self, path: str | PathLike[str]) -> None:
        """Writes a ``.npz`` for :func:`read_estimate`; the same estimate gives the same bytes.

        Raises:
            OSError: the file cannot be written.
        """
        arrays = {
            "format": np.array(FORMAT),
            "version": np.array(VERSION),
            "gamma": np.array(self.gamma),
            "n_actions": np.array(self.n_actions),
            "reward_range": np.array(self.reward_range),
            "range_given": np.array(self.range_given),
            "counts_fixed": np.array(self.counts_fixed),
            "terminal": self.terminal,
            "indptr": self.counts.indptr,
            "indices": self.counts.indices,
            "counts": self.counts.data,
            "reward_sum": self.reward_sum,
            "reward_square_sum": self.reward_square_sum,
            "state_names": np.array(self.state_names or (), dtype=np.str_),
            "action_names": np.array(self.action_names or (), dtype=np.str_),
            "provenance": np.array(json.dumps(self.provenance.to_json(), sort_keys=True)),
        }
        write_archive(Path(path), {key: np.asarray(array) for key, array in arrays.items()})

    def __repr__(self) -> str:
        return (
            f"EstimatedMDP(n_states={self.n_states}, n_actions={self.n_actions}, "
            f"n_transitions={self.n_transitions}, n_unvisited={len(self.unvisited)}, "
            f"gamma={self.gamma})"
        )

    @cached_property
    def _pair_of_cell(self) -> Ints:
        return np.repeat(np.arange(self.counts.shape[0]), np.diff(self.counts.indptr))

    def _by_pair(self, cells: Array) -> Array:
        n_pairs = self.counts.shape[0]
        return np.asarray(np.bincount(self._pair_of_cell, cells, n_pairs), dtype=np.float64)

    def _checked_terminal(self) -> NDArray[np.bool_]:
        given = self.terminal
        ends = np.zeros(self.n_states, dtype=bool) if given is None else np.array(given, dtype=bool)
        if ends.shape != (self.n_states,):
            raise InvalidModel(f"terminal must have shape ({self.n_states},); got {ends.shape}")
        goes_on = ends & (self.n_visits.sum(axis=1) > 0)
        if goes_on.any():
            s = int(np.argmax(goes_on))
            raise InvalidModel(
                f"state {s} ends episodes, but {self.n_visits[s].sum()} transitions leave it: give "
                "the end of an episode a state of its own"
            )
        ends.flags.writeable = False
        return ends

    def _check_range(self) -> None:
        low, high = (float(x) for x in self.reward_range)
        if not (np.isfinite([low, high]).all() and low <= high):
            raise InvalidModel(f"reward_range must be finite, low <= high; got {(low, high)}")
        object.__setattr__(self, "reward_range", (low, high))
        mean = self.reward_sum / self.counts.data
        slack = 1e-9 * max(abs(low), abs(high))
        outside = (mean < low - slack) | (mean > high + slack)
        if outside.any():
            cell = int(np.argmax(outside))
            s, a = divmod(int(self._pair_of_cell[cell]), self.n_actions)
            raise InvalidModel(
                f"rewards must lie in [{low:g}, {high:g}]; those of state {s}, action {a} average "
                f"{mean[cell]:g}"
            )


FORMAT, VERSION = "germane.EstimatedMDP", 1


def holds_estimate(path: str | PathLike[str]) -> bool:
    """Whether a file is a ``.npz`` that :meth:`EstimatedMDP.save` wrote, as far as its label says.

    Raises:
        OSError: the file cannot be opened.
    """
    with open(path, "rb") as file:
        try:
            archive = np.load(file, allow_pickle=False)
            return isinstance(archive, np.lib.npyio.NpzFile) and str(archive["format"]) == FORMAT
        except (ValueError, LookupError, OSError, EOFError, zipfile.BadZipFile, zlib.error):
            return False


def read_estimate(path: str | PathLike[str]) -> EstimatedMDP:
    """The estimate that :meth:`EstimatedMDP.save` wrote, bit for bit.

    Raises:
        MalformedFile: the file holds none.
        OSError: the file cannot be opened.
    """
    held = read_archive(Path(path))
    if str(held.get("format")) != FORMAT or int(held.get("version", 0)) != VERSION:
        raise MalformedFile(path, None, f"is no {FORMAT} of version {VERSION}, as `save` writes it")
    try:
        n_actions, S = int(held["n_actions"]), len(held["terminal"])
        parts = (held["counts"], held["indices"], held["indptr"])
        low, high = held["reward_range"].tolist()
        return EstimatedMDP(
            counts=sp.csr_array(parts, shape=(S * n_actions, S)),
            reward_sum=held["reward_sum"],
            reward_square_sum=held["reward_square_sum"],
            n_actions=n_actions,
            gamma=float(held["gamma"]),
            reward_range=(low, high),
            range_given=bool(held["range_given"]),
            terminal=held["terminal"],
            counts_fixed=bool(held["counts_fixed"]),
            state_names=tuple(held["state_names"].tolist()) or None,
            action_names=tuple(held["action_names"].tolist()) or None,
            provenance=Provenance.from_json(json.loads(str(held["provenance"]))),
        )
    except (GermaneError, ValueError, TypeError, LookupError) as error:
        raise MalformedFile(path, None, f"holds no estimate: {error}") from None


def _checked_counts(counts: Any, n_actions: int) -> sp.csr_array:
    if n_actions < 1:
        raise InvalidModel(f"n_actions must be at least 1; got {n_actions}")
    given = sp.csr_array(counts)
    if given.shape[0] != given.shape[1] * n_actions or 0 in given.shape:
        raise InvalidModel(
            f"counts must have shape (S * A, S) with A = {n_actions}; got {given.shape}"
        )
    whole = given.data == np.round(given.data)
    if not (whole & (given.data > 0)).all():
        at = int(np.argmin(whole & (given.data > 0)))
        raise InvalidModel(f"stored counts must be positive whole numbers; got {given.data[at]}")
    made = sp.csr_array(given, dtype=np.int64, copy=True)
    if not made.has_canonical_format:
        raise InvalidModel("counts must be sorted in each row and free of duplicates")
    return made
