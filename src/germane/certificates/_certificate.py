"""The certificate: every bound that the evidence allows, and the tightest of them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from ..errors import InvalidParameter
from ._bound import Array, Bound, round_up
from ._witness import Evidence, sealed, witness

SCHEMA = "germane.certificate/1"
Answer = Literal["pass", "fail", "cannot certify"]


@dataclass(frozen=True, kw_only=True)
class Driver:
    """A state-action pair that makes the bound what it is.

    Attributes:
        state, action: the pair.
        reward_gap: ``|R(s, a) - R'(s, a)|`` [reward units].
        total_variation: ``TV(P(. | s, a), P'(. | s, a))``, between 0 and 1.
        mismatch: ``R - R' + gamma (P - P') V'`` there: by how much one look ahead at the twin's value
            comes out higher in the real network than in the twin [reward units].
        n_visits: rows of the log from the pair, where the certificate rests on one: then the other
            three are the largest that it allows.
    """

    state: int
    action: int
    reward_gap: float
    total_variation: float
    mismatch: float
    n_visits: int | None = None


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """What a certificate from a log rests on.

    Attributes:
        ledger: what each family of intervals may fail with; it adds up to ``1 - confidence``.
        any_time: whether the intervals hold however the log was cut; otherwise only for numbers of
            visits that were fixed beforehand.
        n_rows, dropped, n_transitions: rows of the log, those left out by reason, and the rest.
        n_pairs, n_unvisited: state-action pairs, and those that were never tried.
        n_played, n_played_unvisited: the same among the pairs that the policy plays.
        missing_mass: upper bound, at the same confidence but beside it, of the probability that a pair
            leads to a state it never led to in the log; the mean over its visits.
        reward_range: where every reward lies [reward units].
        range_given: whether that was known beforehand; otherwise it is what the log shows.
        known_support: whether the real network makes no transition that the twin rules out.
        known_rewards: whether its mean rewards are the twin's.
        within: what else is known of it, in words.
    """

    ledger: Mapping[str, float]
    any_time: bool
    n_rows: int
    dropped: Mapping[str, int]
    n_transitions: int
    n_pairs: int
    n_unvisited: int
    n_played: int
    n_played_unvisited: int
    missing_mass: float
    reward_range: tuple[float, float]
    range_given: bool
    known_support: bool
    known_rewards: bool
    within: tuple[str, ...]


@dataclass(frozen=True, eq=False, kw_only=True)
class Certificate:
    """What a policy trained in the twin can lose on the real network, at most.

    Attributes:
        rungs: every bound computed, by name; all of them hold.
        skipped: rungs that the evidence allows but that were not computed, with the reason.
        drivers: state-action pairs ranked by how far real network and twin are apart there.
        twin_regret: the policy's certain loss in the twin, or what was assumed of it.
        for_policy: whether the certificate is for one policy, or for every policy whose regret in
            the twin is at most ``twin_regret``.
        confidence: the probability with which the statement holds; 1 where both models are known.
        n_states: ``S``.
        max_diagonal: certain interval around ``max_s d(s, s)``; ``None`` when it was not computed.
        fingerprints: SHA-256 of the real model, the twin and the policy.
        sampling: what it rests on where the real network is known from a log; ``None`` otherwise.
        settings: what was asked of :func:`germane.certify`.
        evidence: what the proof in a saved file is made from; ``None`` where there is none small
            enough, as for a box of networks.
    """

    rungs: Mapping[str, Bound]
    skipped: Mapping[str, str]
    drivers: tuple[Driver, ...]
    twin_regret: float
    for_policy: bool
    confidence: float
    n_states: int
    max_diagonal: tuple[float, float] | None
    fingerprints: Mapping[str, str]
    settings: Mapping[str, float | None] = field(default_factory=dict)
    sampling: Sampling | None = None
    evidence: Evidence | None = field(default=None, repr=False)

    @property
    def rung(self) -> str:
        """The name of the tightest rung; of equal ones, the first of the ladder."""
        return min(self.rungs.values(), key=lambda bound: bound.value).name

    @property
    def bound(self) -> float:
        """The tightest bound on the regret [reward units]."""
        return self.rungs[self.rung].value

    @property
    def trivial(self) -> float:
        """The bound L0, which needs no twin [reward units]."""
        return self.rungs["L0"].value

    @property
    def vacuous(self) -> bool:
        """Whether even the tightest bound is no better than the trivial one."""
        return self.bound >= self.trivial

    @property
    def per_state(self) -> Array:
        """``(S,)`` the least bound in each state over all rungs."""
        least = np.full(self.n_states, np.inf)
        for bound in self.rungs.values():
            np.minimum(
                least, bound.value if bound.per_state is None else bound.per_state, out=least
            )
        return least

    def weighted(self, start: ArrayLike) -> float:
        """The bound on the loss expected from a start distribution ``(S,)``.

        Raises:
            InvalidParameter: ``start`` is not a distribution over the states.
        """
        mu = np.asarray(start, dtype=np.float64)
        shaped = mu.shape == (self.n_states,) and bool((mu >= 0).all())
        if not shaped or abs(mu.sum() - 1) > 1e-9:
            raise InvalidParameter(
                f"start must be {self.n_states} probabilities that sum to 1; "
                f"got shape {mu.shape} and sum {mu.sum()}"
            )
        return round_up(float(mu @ self.per_state) / float(mu.sum()), self.bound, self.n_states + 8)

    def answer(self, max_regret: float) -> Answer:
        """Whether the loss is at most ``max_regret`` [reward units].

        ``"pass"``: certainly. ``"fail"``: certainly not. ``"cannot certify"``: the bounds leave it
        open.

        Raises:
            InvalidParameter: ``max_regret`` is negative or not finite.
        """
        if not (math.isfinite(max_regret) and max_regret >= 0):
            raise InvalidParameter(f"max_regret must be finite and >= 0; got {max_regret}")
        if self.bound <= max_regret:
            return "pass"
        if max(bound.lower for bound in self.rungs.values()) > max_regret:
            return "fail"
        return "cannot certify"

    def to_json(self) -> dict[str, Any]:
        """The certificate as plain JSON values, with a versioned schema."""
        return {
            "schema": SCHEMA,
            "bound": self.bound,
            "rung": self.rung,
            "trivial": self.trivial,
            "vacuous": self.vacuous,
            "confidence": self.confidence,
            "for_policy": self.for_policy,
            "twin_regret": self.twin_regret,
            "max_diagonal": self.max_diagonal,
            "per_state": self.per_state.tolist(),
            "rungs": [_bound_json(bound) for bound in self.rungs.values()],
            "skipped": dict(self.skipped),
            "drivers": [vars(driver) for driver in self.drivers],
            "sampling": None if self.sampling is None else asdict(self.sampling),
            "fingerprints": dict(self.fingerprints),
        }

    def save(self, path: str | PathLike[str]) -> None:
        """Writes :meth:`to_json`, its proof and a hash of the whole to a file for :func:`germane.verify`.

        The proof is made now: about as much work as two sweeps of the metric. Where the couplings
        are too many to keep, the file says so, and how many. The same certificate gives the same bytes.

        Raises:
            OSError: the file cannot be written.
        """
        record = self.to_json() | {"settings": dict(self.settings)}
        if self.evidence is not None:
            record["witness"] = witness(self.evidence, self.rungs)
        Path(path).write_text(sealed(record), encoding="utf-8", newline="\n")


def _bound_json(bound: Bound) -> dict[str, Any]:
    return {
        "name": bound.name,
        "title": bound.title,
        "value": bound.value,
        "lower": bound.lower,
        "share": bound.share,
        "vacuous": bound.vacuous,
        "parts": dict(bound.parts),
    }
