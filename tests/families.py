"""Pairs of a real model and its twin, and policies for them: what the ladder is tried on.

Four families of networks and random models, whose twin is wrong by a chosen share ``error``; and
small, nasty pairs. Used by the tests of the certificates and by ``benchmarks/bench_ladder.py``.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from germane.mdp import FiniteMDP, solve
from strategies import transition_rows

Array = NDArray[np.float64]
Rng = np.random.Generator
Pair = tuple[FiniteMDP, FiniteMDP]


def dense(rng: Rng, gamma: float, error: float, S: int = 8, A: int = 3) -> Pair:
    """Every state follows every state; the twin mixes a share ``error`` of other numbers in."""
    return _garnet_pair(rng, gamma, error, S, A, S)


def garnet(rng: Rng, gamma: float, error: float, S: int = 10, A: int = 3, k: int = 3) -> Pair:
    """The same with ``k`` random successors a row, which the twin knows."""
    return _garnet_pair(rng, gamma, error, S, A, k)


def _garnet_pair(rng: Rng, gamma: float, error: float, S: int, A: int, k: int) -> Pair:
    targets = np.argsort(rng.random((S * A, S)), axis=1)[:, :k].ravel()
    rows = np.repeat(np.arange(S * A), k)

    def numbers() -> tuple[Array, Array]:
        return rng.dirichlet(np.ones(k), S * A).ravel(), rng.random((S, A))

    def model(p: Array, r: Array) -> FiniteMDP:
        return FiniteMDP(sp.csr_array((p, (rows, targets)), shape=(S * A, S)), r, gamma)

    (p, r), (other_p, other_r) = numbers(), numbers()
    mixed = (1 - error) * p + error * other_p, (1 - error) * r + error * other_r
    return model(p, r), model(*mixed)


UNITS = (1, 2)
"""Units of the resource that one call of each class of :func:`admission` holds."""


def admission(rng: Rng, gamma: float, error: float, capacity: int = 5) -> Pair:
    """A loss queue of two classes on shared units; the action says which classes to admit.

    Off by the share ``error`` each, up or down: two arrival rates, two service rates, two profits and
    the cost of a busy unit. 12 states at the default capacity. Both models run on one clock.
    """
    truth = np.concatenate([rng.uniform(0.5, 2, 2), rng.uniform(0.2, 1, 2), rng.uniform(1, 5, 3)])
    truth[6] *= 0.1
    believed = truth * (1 + error * rng.choice([-1, 1], 7))
    busiest = sum(c // u * mu for c, u, mu in zip((capacity,) * 2, UNITS, truth[2:4], strict=True))
    clock = (truth[:2].sum() + busiest) * (1 + error)
    return (
        _loss_queue(truth, capacity, clock, gamma),
        _loss_queue(believed, capacity, clock, gamma),
    )


def _loss_queue(x: Array, capacity: int, clock: float, gamma: float) -> FiniteMDP:
    arrivals, services, profits, cost = x[:2], x[2:4], x[4:6], x[6]
    states = [
        (m, n)
        for n in range(capacity // UNITS[1] + 1)
        for m in range((capacity - UNITS[1] * n) // UNITS[0] + 1)
    ]
    number = {state: s for s, state in enumerate(states)}
    P, r = np.zeros((len(states), 4, len(states))), np.zeros((len(states), 4))
    for s, calls in enumerate(states):
        for a in range(4):
            r[s, a] = -cost * np.dot(UNITS, calls) / clock
            for i in range(2):
                more = tuple(n + (j == i) for j, n in enumerate(calls))
                if a >> i & 1 and more in number:
                    P[s, a, number[more]] += arrivals[i] / clock
                    r[s, a] += arrivals[i] * profits[i] / clock
                if calls[i]:
                    fewer = tuple(n - (j == i) for j, n in enumerate(calls))
                    P[s, a, number[fewer]] += calls[i] * services[i] / clock
            P[s, a, s] += 1 - P[s, a].sum()
    return FiniteMDP(P, r, gamma)


N_CHANNELS, N_POWERS = 3, 3


def power(rng: Rng, gamma: float, error: float, places: int = 3) -> Pair:
    """A buffer of packets before a fading channel; the action is one of three transmit powers.

    Off by the share ``error`` each, up or down: the arrival probability, how often the channel moves,
    the decoding rates and the price of power. 12 states at the default buffer.
    """
    scale = np.sort(rng.uniform(0.1, 3, (N_CHANNELS, N_POWERS - 1)), axis=1)
    rates = np.sort(scale, axis=0).ravel()
    truth = np.concatenate(
        [[rng.uniform(0.3, 0.8)], rng.uniform(0.1, 0.6, 2), [rng.uniform(0.1, 0.6)], rates]
    )
    believed = truth * (1 + error * rng.choice([-1, 1], len(truth)))
    return _buffer(truth, places, gamma), _buffer(believed, places, gamma)


def _buffer(x: Array, places: int, gamma: float) -> FiniteMDP:
    arrival, move, price = min(x[0], 1.0), x[1:3], x[3]
    decoded = 1 - np.exp(-np.hstack([np.zeros((N_CHANNELS, 1)), x[4:].reshape(N_CHANNELS, -1)]))
    channel = np.zeros((N_CHANNELS, N_CHANNELS))
    for h in range(N_CHANNELS):
        for step, p in ((-1, move[0] / 2), (1, move[1] / 2)):
            channel[h, min(max(h + step, 0), N_CHANNELS - 1)] += p
        channel[h, h] += 1 - channel[h].sum()
    S = (places + 1) * N_CHANNELS
    P, r = np.zeros((S, N_POWERS, S)), np.zeros((S, N_POWERS))
    for s in range(S):
        packets, h = divmod(s, N_CHANNELS)
        for a in range(N_POWERS):
            sent = decoded[h, a] if packets else 0.0
            r[s, a] = sent - price * a - 0.3 * packets / places
            for gone, p in ((1, sent), (0, 1 - sent)):
                for come, q in ((1, arrival), (0, 1 - arrival)):
                    left = min(max(packets - gone, 0) + come, places)
                    P[s, a, left * N_CHANNELS : (left + 1) * N_CHANNELS] += p * q * channel[h]
    return FiniteMDP(P, r, gamma)


NETWORKS: dict[str, Callable[[Rng, float, float], Pair]] = {
    "dense": dense,
    "garnet": garnet,
    "admission": admission,
    "power": power,
}
"""Families of the sheet's figures: ``(rng, gamma, error) -> (real, twin)``."""


def unrelated(rng: Rng, gamma: float) -> Pair:
    """Two small models that share nothing: deterministic, sparse or dense rows, coarse rewards."""
    S, A = int(rng.integers(2, 5)), int(rng.integers(1, 4))
    return tuple(  # type: ignore[return-value]
        FiniteMDP(_rows(rng, S * A, S), _rewards(rng, S, A), gamma) for _ in range(2)
    )


def altered(rng: Rng, gamma: float) -> Pair:
    """A small model and its copy with a few rows, or a few rewards, exchanged."""
    S, A = int(rng.integers(2, 6)), int(rng.integers(2, 4))
    P, r = _rows(rng, S * A, S).toarray(), _rewards(rng, S, A)
    Q, r_twin = P.copy(), r.copy()
    wrong = rng.random(S * A) < 0.3
    Q[wrong] = _rows(rng, S * A, S).toarray()[wrong]
    if rng.random() < 0.5:
        wrong = rng.random((S, A)) < 0.3
        r_twin[wrong] = _rewards(rng, S, A)[wrong]
    return tuple(  # type: ignore[return-value]
        FiniteMDP(M.reshape(S, A, S), x, gamma) for M, x in ((P, r), (Q, r_twin))
    )


def relabelled(rng: Rng, gamma: float) -> Pair:
    """The twin is the real model with its states in another order."""
    S, A = int(rng.integers(2, 6)), int(rng.integers(2, 4))
    P, r = _rows(rng, S * A, S).toarray().reshape(S, A, S), _rewards(rng, S, A)
    order = rng.permutation(S)
    return FiniteMDP(P, r, gamma), FiniteMDP(P[order][:, :, order], r[order], gamma)


def doubled(rng: Rng, gamma: float) -> Pair:
    """Every state twice; each model sends a share of its mass, its own, to the doubles.

    Bisimilar state by state whatever the shares are; then, in half of the pairs, one row is wrong.
    """
    S, A = int(rng.integers(2, 4)), int(rng.integers(1, 3))
    P, r = _rows(rng, S * A, S).toarray().reshape(S, A, S), _rewards(rng, S, A)
    models = []
    for _ in range(2):
        share = rng.choice([0.0, 0.5, 1.0], (2 * S, A, S))
        twice = np.tile(P, (2, 1, 1))
        models.append(np.concatenate([twice * share, twice * (1 - share)], axis=2))
    if rng.random() < 0.5:
        models[1][0, 0] = models[1][S - 1, -1]
    r = np.tile(r, (2, 1))
    return FiniteMDP(models[0], r, gamma), FiniteMDP(models[1], r, gamma)


def _rows(rng: Rng, n: int, S: int) -> sp.csr_array:
    return transition_rows(rng, str(rng.choice(["deterministic", "sparse", "dense"])), n, S)


def _rewards(rng: Rng, S: int, A: int) -> Array:
    """Of three values, so that actions tie; of any; or of the action alone."""
    kind = rng.integers(3)
    if kind == 0:
        return rng.integers(-1, 2, (S, A)).astype(float)
    return rng.uniform(-1, 1, (S, A)) if kind == 1 else np.tile(rng.uniform(-1, 1, A), (S, 1))


SMALL: dict[str, Callable[[Rng, float], Pair]] = {
    "unrelated": unrelated,
    "altered": altered,
    "relabelled": relabelled,
    "doubled": doubled,
}

FAMILIES = (*SMALL, *NETWORKS)


def pair(family: str, rng: Rng, gamma: float) -> Pair:
    """A pair of any family; the twin's error between 0.1 % and 40 % where there is one."""
    if family in SMALL:
        return SMALL[family](rng, gamma)
    return NETWORKS[family](rng, gamma, float(np.exp(rng.uniform(np.log(0.001), np.log(0.4)))))


def policies(rng: Rng, twin: FiniteMDP) -> dict[str, Array]:
    """``(S, A)`` probabilities: optimal in the twin, random, stochastic, and a little random."""
    S, A = twin.n_states, twin.n_actions
    optimal = np.eye(A)[np.asarray(solve(twin).policy)]
    mixed = rng.dirichlet(np.ones(A), S)
    share = rng.choice([0.01, 0.1, 0.5])
    return {
        "twin-optimal": optimal,
        "random": np.eye(A)[rng.integers(0, A, S)],
        "stochastic": mixed,
        "a little random": (1 - share) * optimal + share * mixed,
    }
