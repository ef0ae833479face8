"""A spot check where its ends can be worked out by hand."""

import numpy as np
import pytest

from germane.certificates import spot_check
from germane.logs import mean_radius
from germane.mdp import FiniteMDP

OPTIONS = {"look_ahead": lambda r, s_next: r + s_next, "look_ahead_range": (0, 10)}


def stays(s, a, n, rng):
    return np.zeros(n), np.full(n, s)


def test_frequencies_that_agree_leave_the_slack_of_theorem_b():
    pairs, K, alpha = [(0, 0), (1, 0), (2, 0)], 50, 0.1
    rng, options = np.random.default_rng(0), OPTIONS | {"n_draws": K, "confidence": 1 - alpha}
    model = FiniteMDP(np.eye(3)[:, None], np.zeros((3, 1)), 0.5)
    for twin, per_side in ((stays, 2), (model, 1)):
        found = spot_check(pairs, stays, twin, rng=rng, **options)
        # TV-hat is 0: sqrt((1/K + 1/K') ln(4 N / alpha) / 2), where 1/K' = 0 for a model
        slack = np.sqrt(per_side / K * np.log(4 * 3 / alpha) / 2)
        np.testing.assert_allclose(found.tv_upper, slack, rtol=1e-9)
        # the means agree and do not vary: a radius for each side, two-sided, half of delta each
        radius = mean_radius(K, 0.0, 10.0, alpha / 4 / 3 / 2, fixed=True)
        np.testing.assert_allclose(found.mismatch_upper, per_side * radius, rtol=1e-9)
        np.testing.assert_allclose(found.mismatch_lower, -per_side * radius, rtol=1e-9)


def test_draws_that_never_meet_prove_nothing_apart():
    def anywhere(s, a, n, rng):
        return np.zeros(n), rng.integers(0, 2**40, n)

    found = spot_check(
        [(0, 0)],
        anywhere,
        anywhere,
        look_ahead=lambda r, s_next: r,
        look_ahead_range=(0, 1),
        n_draws=2000,
        rng=np.random.default_rng(0),
    )
    assert found.tv_lower[0] == 0
    assert found.tv_upper[0] == pytest.approx(1)


def test_laws_apart_are_found_apart():
    found = spot_check(
        [(0, 0)],
        stays,
        lambda s, a, n, rng: (np.zeros(n), np.full(n, s + 1)),
        rng=np.random.default_rng(0),
        n_draws=1000,
        confidence=0.9,
        **OPTIONS,
    )
    # all of one half here, none there: 1 less sqrt((1/500 + 1/500) ln(4 / 0.1) / 2)
    assert found.tv_lower[0] == pytest.approx(1 - np.sqrt(2 / 500 * np.log(40) / 2))
