"""Which rung is never above which: the order of the ladder, on pairs made to break it."""

import numpy as np
import pytest

from families import FAMILIES, pair, policies
from germane.certificates import (
    Comparison,
    bellman_residual,
    calibrated_residual,
    exact,
    kept_mass,
    real_sweeps,
    residual_gap_aware,
    residual_resolvent,
    robust_set,
    theorem1,
    theorem1_gap_aware,
    theorem1_one_step,
    theorem1_tv,
    twin_metric,
    value_mismatch,
    value_span,
    value_span_signed,
)
from germane.certificates import _exact as exact_module
from germane.certificates import _l6_robust as robust_module
from germane.metrics import dt_bsm


def one(gamma):
    return 1.0


def one_plus_gamma(gamma):
    return 1 + gamma


ORDERS = (
    # smaller, larger[, factor]: smaller <= factor * larger
    ("exact", "L5(3)"),
    ("L5(3)", "L5(2)"),
    ("L5(2)", "L5(1)"),
    ("L5(1)", "L5(0)"),
    ("L5(0)", "L4s"),
    ("exact", "L5*"),
    ("L5*", "L5r"),
    ("L5r", "L4s"),
    ("exact", "L4s*"),
    ("L4s*", "L4s"),
    ("L4s", "L2s"),
    ("L2s", "L2"),
    ("L4s", "L4"),
    ("L4", "L2"),
    ("L2", "L1"),
    ("L4", "L3t"),
    ("exact", "L3d"),
    ("L3d", "L3b"),
    ("L3b", "L3"),
    ("L3", "L1"),
    ("L3b", "L1b"),
    ("L1b", "L1"),
    ("exact", "L6set"),
    ("L6set", "L2"),
    ("L6set", "L1b"),
    ("L4", "L3b", one_plus_gamma),
    ("L4s", "L3b", one_plus_gamma),
    ("L3t", "L3b", one_plus_gamma),
)
"""The orders proved in the theory; ``L6set <= L1b`` alone is only observed."""

UNIT_ROUNDOFF = 2.0**-53
FOR_ONE = {"L5*", "L5r", "L3d"}
DISCOUNTS = (0.6, 0.9, 0.95, 0.99)
N_PAIRS = 16
"""Pairs of each family: four at each discount, with four policies and two policy-free forms."""


def ladder(c, metric, own):
    """The value of every rung, and how far computed values may stand out of order."""
    bounds = [
        rung(c)
        for rung in (
            theorem1_tv,
            kept_mass,
            value_span,
            value_span_signed,
            value_mismatch,
            bellman_residual,
            calibrated_residual,
            exact,
            robust_set,
        )
    ]
    bounds += [real_sweeps(c, k) for k in range(4)]
    bounds += [theorem1(c, metric), theorem1_one_step(c, metric), twin_metric(c, own)]
    if c.pi is not None:
        bounds += [residual_resolvent(c), residual_gap_aware(c), theorem1_gap_aware(c, metric)]
    return {bound.name: bound.value for bound in bounds}


def tolerance(c, metric, own, smaller, larger):
    """By how much rounding outward, and stopping early, may lift ``smaller`` over ``larger``."""
    # Two halves of a bound, each H times a few: the twin's value and its gaps, one Bellman backup; sums of
    # what a backup of size |v| rounds, over two horizons; the digits of the bounds themselves.
    allowed = 12 * c.H * c.gap_slack
    allowed += 64 * UNIT_ROUNDOFF * c.H**2 * (np.abs(c.v).max() + np.abs(c.real.r).max())
    allowed += 128 * UNIT_ROUNDOFF * c.H * larger[1]
    allowed += 4e-12 * c.trivial  # a regret interval, and a linear solve
    if {smaller, larger[0]} & {"L3", "L3b", "L3d", "L3t"}:
        allowed += 4 * c.H * max(metric.error_bound, own.error_bound)
    if smaller == "L6set":
        allowed += 2 * robust_module.TOLERANCE * c.trivial
    if smaller == "exact" and c.pi is None:
        allowed += 2 * exact_module.TOLERANCE * c.trivial
    return allowed


@pytest.fixture(scope="module")
def ladders():
    found = []
    for family in FAMILIES:
        for k in range(N_PAIRS):
            rng = np.random.default_rng([0, FAMILIES.index(family), k])
            real, twin = pair(family, rng, DISCOUNTS[k % len(DISCOUNTS)])
            metric, own = dt_bsm(real, twin, tol=0.0), dt_bsm(twin, twin, tol=0.0)
            comparisons = {
                name: Comparison(real=real, twin=twin, policy=pi)
                for name, pi in policies(rng, twin).items()
            }
            for eps in (0.0, 0.1):
                comparisons[f"every policy, eps {eps}"] = Comparison(
                    real=real, twin=twin, twin_regret=eps
                )
            for name, c in comparisons.items():
                where = f"{family} {k}, gamma {c.gamma}, {name}"
                found.append((where, c, metric, own, ladder(c, metric, own)))
    return found


@pytest.mark.parametrize("order", ORDERS, ids=lambda order: f"{order[0]}<={order[1]}")
def test_no_rung_is_above_the_one_that_the_theory_puts_over_it(ladders, order):
    smaller, larger, *factor = order
    factor = factor[0] if factor else one
    n_strict = 0
    for where, c, metric, own, values in ladders:
        if {smaller, larger} & FOR_ONE and c.pi is None:
            continue
        top = factor(c.gamma) * values[larger]
        allowed = tolerance(c, metric, own, smaller, (larger, top))
        assert values[smaller] <= top + allowed, (where, values)
        n_strict += values[smaller] < top - allowed
    assert n_strict > 0, "these rungs never differ: the order says nothing here"


INCOMPARABLE = (
    ("L3", "L2"),
    ("L3", "L4"),
    ("L6set", "L4"),
    ("L5r", "L5(1)"),
)
"""Pairs of rungs of which either can be the smaller one: both belong on the ladder."""


@pytest.mark.parametrize("rungs", INCOMPARABLE, ids="|".join)
def test_either_of_two_rungs_without_an_order_can_be_the_smaller(ladders, rungs):
    ratios = [
        values[rungs[0]] / values[rungs[1]]
        for _, _, _, _, values in ladders
        if all(name in values and values[name] > 1e-6 for name in rungs)
    ]
    assert min(ratios) < 0.99 < 1.01 < max(ratios)
