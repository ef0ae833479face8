"""The intervals that certificates from a log rest on, one family at a time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import germane
from germane.certificates import SampledComparison
from germane.mdp import bellman_q
from samples import drawn

SEEDS = st.integers(0, 10**6)


def compared(seed, *, visits=None, terminal=False, **options):
    """A real model and the comparison of a log of it with a twin that is off by up to 10 %."""
    rng = np.random.default_rng(seed)
    S, A = int(rng.integers(2, 7)), int(rng.integers(1, 4))
    P, Q = rng.dirichlet(np.full(S, 0.7), (2, S, A))
    r = rng.uniform(-1, 1, (S, A))
    if terminal:
        P[-1], r[-1] = np.eye(S)[-1], 0.0
    real = germane.FiniteMDP(P, r, 0.9)
    twin = germane.FiniteMDP(0.9 * P + 0.1 * Q, r + 0.1 * rng.uniform(-1, 1, (S, A)), 0.9)
    n = rng.integers(0, 60, (S, A)) if visits is None else np.full((S, A), visits)
    ends = np.arange(S) == S - 1 if terminal else None
    if terminal:
        n[-1] = 0
    log = drawn(real, n, rng, noise=0.2, fixed=bool(rng.random() < 0.5), terminal=ends)
    return real, SampledComparison(real=log.mdp, twin=twin, estimate=log, **options)


def truths(real, c):
    """What the intervals hold: residuals of the twin's value, rewards, total variations."""
    residual = bellman_q(real, c.v) - c.v[:, None]
    return residual, real.r, germane.total_variation(real, c.twin)


@given(SEEDS, st.booleans())
def test_every_interval_holds_the_truth(seed, terminal):
    """Each log may fail with probability 0.05 at most, and far more rarely does."""
    real, c = compared(seed, terminal=terminal)
    residual, r, tv = truths(real, c)
    tiny = 1e-9
    for low, high in ((c.residual_low, c.residual_high), c.robust_residuals):
        assert (low <= residual + tiny).all()
        assert (high >= residual - tiny).all()
    assert (c.reward_low <= r + tiny).all()
    assert (c.reward_high >= r - tiny).all()
    assert (c.tv >= tv - tiny).all()
    v = np.random.default_rng(seed).normal(size=real.n_states)
    mean = (real.transitions @ v).reshape(r.shape)
    assert (c.best(v) >= mean - tiny).all()
    assert (
        c.widest_mismatch() >= np.abs(residual - bellman_q(c.twin, c.v) + c.v[:, None]) - tiny
    ).all()


def test_every_pair_has_its_share_of_every_family():
    _, c = compared(0, confidence=0.9)
    for family, share in c.ledger.entries.items():
        assert c.ledger.per_pair(family) * c.twin.r.size == pytest.approx(share)
    assert c.ledger.alpha == pytest.approx(0.1)
    _, known = compared(0, known_rewards=True)
    assert "reward means" not in known.ledger.entries


@given(SEEDS)
def test_intervals_shrink_with_visits_and_with_what_is_known(seed):
    real, few = compared(seed, visits=100)
    _, many = compared(seed, visits=10_000)
    assert (many.residual_high - many.residual_low < few.residual_high - few.residual_low).all()
    assert (many.tv <= few.tv + 0.3).all()
    known = germane.RectangularSet(centre=few.twin, tv=0.1, reward_gap=0.1, why="tolerances")
    _, within = compared(seed, visits=100, within=(known,))
    v = np.random.default_rng(seed).normal(size=real.n_states)
    assert (within.best(v) <= few.best(v) + 1e-12).all()
    assert (within.residual_low >= few.residual_low - 1e-12).all()
    assert (within.residual_high <= few.residual_high + 1e-12).all()
    assert (within.reward_gap <= few.reward_gap + 1e-12).all()
    assert (within.tv <= np.minimum(few.tv, 0.1) + 1e-9).all()


def test_what_is_known_of_terminal_states_is_exact():
    real, c = compared(5, terminal=True)
    v = np.arange(real.n_states, dtype=float)
    assert (c.best(v)[-1] == v[-1]).all()
    np.testing.assert_allclose(c.residual_low[-1], (0.9 - 1) * c.v[-1], atol=1e-9)
    np.testing.assert_allclose(c.residual_high[-1], (0.9 - 1) * c.v[-1], atol=1e-9)
    assert (c.reward_low[-1] <= 0).all()
    assert (np.abs(c.reward_high[-1]) < 1e-9).all()
    np.testing.assert_allclose(c.tv[-1], germane.total_variation(real, c.twin)[-1], atol=1e-9)


def test_an_exact_backup_of_a_log_is_refused():
    _, c = compared(0)
    with pytest.raises(germane.InvalidParameter, match="no exact residual"):
        c.residual(c.v)
    with pytest.raises(germane.InvalidParameter, match="no exact mismatch"):
        c.mismatch()
