"""A spot check: its ends hold what it samples, and its shares what it does not."""

import numpy as np
import pytest
from scipy.stats import binom

from germane.certificates import SpotCheck, spot_check
from germane.errors import InvalidParameter
from germane.mdp import solve
from germane.metrics import total_variation
from germane.networks import AdmissionControl

TINY = AdmissionControl.tiny()
REAL, TWIN = TINY.mdp(), TINY.perturbed(arrival_rate=0.5, profit=0.1).mdp()
V = solve(TWIN).v
PAIRS = [(s, a) for s in range(0, 64, 7) for a in (0, 7)]
TV = total_variation(REAL, TWIN)
Q = [m.r + 0.9 * (m.transitions @ V).reshape(64, 8) for m in (REAL, TWIN)]
OPTIONS = {
    "look_ahead": lambda r, s_next: r + 0.9 * V[s_next],
    "look_ahead_range": (0.9 * V.min(), 12 + 0.9 * V.max()),
}


def simulator(mdp):
    def draw(s, a, n, rng):
        row = mdp.transitions[[s * mdp.n_actions + a]].toarray()[0]
        return np.full(n, mdp.r[s, a]), rng.choice(mdp.n_states, size=n, p=row)

    return draw


def misses(found):
    at = tuple(np.array(found.pairs).T)
    off = (Q[0] - Q[1])[at]
    return (
        (found.tv_lower > TV[at] + 1e-12)
        | (found.tv_upper < TV[at] - 1e-12)
        | (found.mismatch_lower > off + 1e-9)
        | (found.mismatch_upper < off - 1e-9)
    )


@pytest.mark.parametrize("twin", [simulator(TWIN), TWIN], ids=["sampled twin", "known twin"])
def test_its_ends_hold_the_truth_and_close_in_on_it(twin):
    few, many = (
        spot_check(
            PAIRS,
            simulator(REAL),
            twin,
            n_draws=n,
            rng=np.random.default_rng(1),
            **OPTIONS,
        )
        for n in (100, 40_000)
    )
    for found in (few, many):
        assert not misses(found).any()
    assert (many.tv_upper - many.tv_lower).max() < 0.07 < (few.tv_upper - few.tv_lower).min()
    assert many.largest_mismatch.max() < few.largest_mismatch.max()
    assert many.tv_lower.max() > 0.05  # it sees that the twin is wrong


def test_it_is_wrong_no_more_often_than_it_says():
    rng = np.random.default_rng(2)
    n_wrong, n_checks = 0, 150
    for _ in range(n_checks):
        found = spot_check(
            PAIRS[:2],
            simulator(REAL),
            simulator(REAL),
            n_draws=20,
            rng=rng,
            confidence=0.5,
            **OPTIONS,
        )
        n_wrong += (found.tv_lower > 0).any() or (found.mismatch_lower > 0).any()
        n_wrong += (found.mismatch_upper < 0).any()
    assert n_wrong <= binom.ppf(0.999, n_checks, 0.5)


def test_without_any_difference_the_upper_end_is_all_there_is():
    found = spot_check(
        PAIRS,
        simulator(REAL),
        simulator(REAL),
        n_draws=500,
        rng=np.random.default_rng(3),
        **OPTIONS,
    )
    assert found.tv_lower.max() == 0
    assert (found.mismatch_lower < 0).all()
    assert (found.mismatch_upper > 0).all()


def checked(tv_upper, confidence=0.9):
    n = len(tv_upper)
    return SpotCheck(
        pairs=((0, 0),) * n,
        tv_lower=np.zeros(n),
        tv_upper=np.asarray(tv_upper),
        mismatch_lower=-np.asarray(tv_upper),
        mismatch_upper=np.zeros(n),
        n_draws=1,
        confidence=confidence,
    )


def test_shares_beyond_every_threshold_hold_at_once():
    rng = np.random.default_rng(4)
    n_checks, n_wrong = 400, 0
    for _ in range(n_checks):
        sample = rng.random(25)  # the share beyond x is 1 - x
        found = checked(sample, confidence=0.2)
        n_wrong += any(found.share_beyond_tv(x) < 1 - x for x in sample)
    assert n_wrong <= binom.ppf(0.999, n_checks, 0.8 / 8)


def test_the_share_beyond_the_worst_pair_is_the_rule_of_three_or_so():
    found = checked(np.linspace(0, 1, 60))
    delta = 0.1 / 8 / 60
    assert found.share_beyond_tv(1.0) == pytest.approx(1 - delta ** (1 / 60), rel=1e-9)
    assert found.share_beyond_tv(-1.0) == 1.0
    assert found.share_beyond_mismatch(0.5) == found.share_beyond_tv(0.5) > 0.5


def test_it_says_what_it_is():
    said = str(checked([0.1, 0.2]))
    assert "SPOT CHECK" in said
    assert "no bound" in said
    assert "not sampled" in said


def test_states_may_be_vectors():
    def draw(s, a, n, rng):
        return np.zeros(n), np.array(s) + rng.integers(0, 2, (n, 3)) * a

    found = spot_check(
        [((1, 2, 3), 1)],
        draw,
        lambda s, a, n, rng: (np.zeros(n), np.tile(s, (n, 1))),
        look_ahead=lambda r, s_next: r + s_next.sum(axis=1),
        look_ahead_range=(6, 9),
        n_draws=4000,
        rng=np.random.default_rng(0),
    )
    assert found.tv_lower[0] < 7 / 8 < found.tv_upper[0]
    assert found.mismatch_lower[0] < 1.5 < found.mismatch_upper[0]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"pairs": []}, "no pairs"),
        ({"n_draws": 1}, "n_draws"),
        ({"confidence": 0}, "confidence"),
        ({"look_ahead_range": (1, 0)}, "low <= high"),
        ({"look_ahead_range": (0, 1)}, "must lie in its range"),
        (
            {"real": lambda s, a, n, rng: (np.zeros(n), np.zeros(n - 1, dtype=int))},
            "real must draw 5",
        ),
    ],
)
def test_what_is_no_check_is_refused(changes, said):
    usual = {"pairs": PAIRS, "real": simulator(REAL), "twin": TWIN, "n_draws": 5, **OPTIONS}
    with pytest.raises(InvalidParameter, match=said):
        spot_check(**(usual | changes), rng=np.random.default_rng(0))
