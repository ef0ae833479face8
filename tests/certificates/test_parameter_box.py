"""A box of networks: what is certified holds for every network in it, whenever the search stops."""

from dataclasses import dataclass, replace
from itertools import product
from types import MappingProxyType
from typing import ClassVar

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from germane.certificates import (
    BoxComparison,
    Comparison,
    ParameterBox,
    bellman_residual,
    certify,
    exact,
    kept_mass,
    moving_box,
    parameter_box,
    repair_advice,
    robust_box,
    robust_set,
    theorem1_tv,
    trivial,
    value_span,
)
from germane.certificates._box_search import CellBound, search_box
from germane.errors import InvalidParameter
from germane.mdp import FiniteMDP, regret, solve
from germane.metrics import dt_bsm
from germane.networks import AdmissionControl
from strategies import transition_rows

law = settings(max_examples=10, deadline=None)
TINY = AdmissionControl.tiny()
FIVE_PERCENT = {"arrival_rate": 0.05, "mean_service": 0.05, "profit": 0.05}


def compared(box, policy="optimal", twin=None, **options):
    twin = twin or box.network.mdp()
    if isinstance(policy, str):
        policy = solve(twin).policy
    return BoxComparison(real=box.network.mdp(), twin=twin, policy=policy, box=box, **options)


# A family that is affine in its parameters: corners are extreme points ------------------------------


@dataclass(frozen=True)
class Affine:
    """``P = (1 - sum of rates) P_0 + sum_i rate_i P_i``, ``r = sum_i price_i r_i``: a random family."""

    rates: tuple[float, ...] = (0.2, 0.3)
    prices: tuple[float, ...] = (1.0, 2.0)
    seed: int = 0
    gamma: float = 0.9
    n_states: int = 4
    n_actions: int = 2

    perturbable: ClassVar = MappingProxyType({"rate": "rates", "price": "prices"})

    def _parts(self):
        rng = np.random.default_rng(self.seed)
        n = self.n_states * self.n_actions
        rows = [transition_rows(rng, "dense", n, self.n_states).toarray() for _ in range(3)]
        return rows, rng.uniform(-1, 1, (2, self.n_states, self.n_actions))

    def rows(self, rates):
        rest, *moves = self._parts()[0]
        return (1 - sum(rates)) * rest + sum(x * P for x, P in zip(rates, moves))

    def rewards(self, prices):
        return np.tensordot(prices, self._parts()[1], axes=1)

    def mdp(self):
        return FiniteMDP(sp.csr_array(self.rows(self.rates)), self.rewards(self.prices), self.gamma)

    def perturbed(self, **errors):
        changes = {}
        for name, error in errors.items():
            field = self.perturbable[name]
            values = np.array(getattr(self, field)) * (1 + np.asarray(error))
            changes[field] = tuple(values.tolist())
        return replace(self, **changes)

    def label(self, s):
        return f"state {s}"

    def action_label(self, a):
        return f"action {a}"

    def parameter_label(self, name, i):
        return f"{name} {i}", ""

    def between(self, other):
        return AffineHull(self, other)


@dataclass(frozen=True)
class AffineHull:
    low: Affine
    high: Affine

    row_error = 1e-14
    shape = reward_shape = (2, 2)

    def _corners(self, field):
        return list(product(*zip(getattr(self.low, field), getattr(self.high, field))))

    @property
    def rewards(self):
        return np.array([self.low.rewards(p) for p in self._corners("prices")])

    @property
    def row_of(self):
        return np.arange(self.low.n_states * self.low.n_actions).reshape(-1, self.low.n_actions)

    @property
    def genuine(self):
        return np.ones(len(self._corners("rates")), dtype=bool)

    def rows(self):
        return (self.low.rows(rates) for rates in self._corners("rates"))

    def expectations(self, v):
        return np.array([rows @ v for rows in self.rows()])

    def error(self, v):
        return 1e-14 * np.abs(v).max()

    def spread(self, v):
        found = {}
        for name, field in Affine.perturbable.items():
            for i in range(2):
                end = list(getattr(self.low, field))
                end[i] = getattr(self.high, field)[i]
                a, b = self.low, replace(self.low, **{field: tuple(end)})
                one, other = (n.rewards(n.prices).ravel() + n.rows(n.rates) @ v for n in (a, b))
                found[name, i] = float(np.abs(one - other).max())
        return found


@st.composite
def boxes(draw):
    """A box of either family, a twin in its middle or not, and a policy that may be any."""
    seed = draw(st.integers(0, 999))
    rng = np.random.default_rng(seed)
    if draw(st.booleans()):
        network = Affine(seed=seed)
        tolerances = {"rate": draw(st.floats(0, 0.2)), "price": draw(st.floats(0, 0.2))}
    else:
        network = replace(
            TINY,
            capacity=(2, 2, 2),
            queue_places=tuple(rng.integers(0, 3, 3).tolist()),
            profit=tuple(rng.uniform(-1, 5, 3).tolist()),
        )
        tolerances = {name: draw(st.floats(0, 0.15)) for name in network.perturbable}
    box = ParameterBox(network, tolerances)
    twin = draw(st.sampled_from([network, box.sample(rng)])).mdp()
    kind = draw(st.sampled_from(["optimal", "any", "stochastic"]))
    S, A = twin.r.shape
    policy = {
        "optimal": lambda: solve(twin).policy,
        "any": lambda: rng.integers(0, A, S),
        "stochastic": lambda: rng.dirichlet(np.ones(A), S),
    }[kind]()
    return box, twin, policy, rng


@law
@given(boxes(), st.integers(1, 9))
def test_no_network_of_the_box_loses_more_than_any_rung_says(deployment, max_cells):
    box, twin, policy, rng = deployment
    c = compared(box, policy, twin)
    bounds = [rung(c) for rung in (trivial, theorem1_tv, kept_mass, value_span, robust_set)]
    bounds += [rung(c, max_cells=max_cells) for rung in (parameter_box, robust_box, moving_box)]
    for _ in range(8):
        network = box.sample(rng)
        assert box.contains(network)
        loss = regret(network.mdp(), policy, tol=1e-12)
        for bound in bounds:
            assert loss.max() <= bound.value + 1e-11, bound.name
            if bound.per_state is not None:
                assert (loss <= bound.per_state + 1e-11).all(), bound.name


@law
@given(boxes())
def test_a_rung_over_the_box_is_never_below_the_rung_of_a_network_in_it(deployment):
    box, twin, policy, rng = deployment
    c = compared(box, policy, twin)
    network = box.sample(rng)
    one = Comparison(real=network.mdp(), twin=twin, policy=policy)
    for rung in (trivial, theorem1_tv, kept_mass, value_span):
        assert rung(one).value <= rung(c).value * (1 + 1e-12) + 1e-11
    unswept = 2e-4 * c.trivial  # both halves stop sweeping within a ten-thousandth of L0
    assert robust_set(one).value <= robust_set(c).value + unswept
    assert bellman_residual(one).value <= parameter_box(c).value + 1e-10


@law
@given(boxes(), st.sampled_from([robust_box, moving_box]))
def test_a_search_over_the_box_closes_in_from_both_sides(deployment, rung):
    box, twin, policy, _ = deployment
    c = compared(box, policy, twin)
    seen = []
    bound = rung(c, max_cells=9, progress=seen.append)
    uppers, lowers = [s.upper for s in seen], [s.lower for s in seen]
    assert uppers == sorted(uppers, reverse=True)
    assert lowers == sorted(lowers)
    assert lowers[-1] <= uppers[-1] == bound.value
    for n_cells in (1, 3, 9):
        stopped = rung(c, max_cells=n_cells).value
        assert stopped == min(s.upper for s in seen if s.n_cells <= n_cells)


def test_a_part_of_a_cell_never_counts_for_more_than_the_whole():
    cell, seen = ParameterBox(TINY, {"profit": 0.1}).cell, []

    def worse_when_cut(cell, whole):
        upper = 1.0 if whole is None else 2.0
        return CellBound(
            upper=upper, lower=0.0, per_state=np.array([upper]), values=(np.zeros(64),)
        )

    found = search_box(cell, worse_when_cut, width=0.0, max_cells=7, progress=seen.append)
    assert [s.n_cells for s in seen] == [1, 3, 5, 7]
    assert all(s.upper == s.per_state[0] == 1.0 for s in [*seen, found])


def test_at_the_spec_sizes_the_bound_is_below_014_of_l0_and_the_papers_is_vacuous():
    c = compared(ParameterBox(TINY, FIVE_PERCENT))
    assert parameter_box(c).share < 0.07
    one, many = (robust_box(c, max_cells=n).share for n in (1, 63))
    assert many < 0.035 < one < 0.06
    assert moving_box(c, max_cells=1).share < 0.008
    assert theorem1_tv(c).share > 5


def test_the_residual_over_a_box_is_that_of_its_worst_corner_exactly():
    # Two rates and a profit: the corners are networks, and there are eight of them.
    tolerances = {"arrival_rate": (0.1, 0, 0.1), "profit": (0, 0, 0.1)}
    c = compared(ParameterBox(TINY, tolerances))
    at_corners = []
    for signs in product((-1, 1), repeat=3):
        errors = {
            "arrival_rate": (0.1 * signs[0], 0, 0.1 * signs[1]),
            "profit": (0, 0, 0.1 * signs[2]),
        }
        real = TINY.perturbed(**errors).mdp()
        one = Comparison(real=real, twin=c.twin, policy=c.policy)
        at_corners.append(bellman_residual(one).value)
    assert parameter_box(c).value == pytest.approx(max(at_corners), rel=1e-9)


def test_cutting_converges_to_the_largest_regret_in_proportion_to_the_cells():
    # The policy of a twin that pays eMBB too much; one profit is uncertain.
    twin = TINY.perturbed(profit=(0.6, 0, 0)).mdp()
    box = ParameterBox(TINY, {"profit": (0.1, 0, 0)})
    c = compared(box, twin=twin)
    seen = []
    bound = robust_box(c, width=0.05, max_cells=200, progress=seen.append)
    assert seen[-1].upper - seen[-1].lower <= 0.05
    largest = max(
        regret(TINY.perturbed(profit=(e, 0, 0)).mdp(), c.pi).max()
        for e in np.linspace(-0.1, 0.1, 41)
    )
    assert largest > 0.5
    assert largest - 1e-9 <= bound.value <= largest + 0.05 + 1e-9
    gaps = {s.n_cells: s.upper - largest for s in seen}
    assert gaps[7] < 0.5 * gaps[1]


def test_around_a_moving_value_what_is_lost_falls_with_the_square_of_the_box():
    # A box so small that the twin's policy stays the best: all that is left is of second order.
    values = []
    for size in (0.008, 0.004, 0.002):
        c = compared(ParameterBox(TINY, {"arrival_rate": size, "mean_service": size}))
        values.append(moving_box(c, max_cells=1, width=1e-6).value)
        assert values[-1] < 0.05 * robust_box(c, max_cells=1, width=1e-4).value
    assert values[1] < 0.35 * values[0]
    assert values[2] < 0.35 * values[1]


def test_residuals_with_too_many_coefficients_are_skipped_with_the_reason(monkeypatch):
    monkeypatch.setattr("germane.certificates._box_moving.MOST_NUMBERS", 1000)
    certificate = certify(ParameterBox(TINY, FIVE_PERCENT), TINY.mdp())
    assert "polynomials with" in certificate.skipped["moving_box"]
    assert certificate.rung == "box VI"


@pytest.mark.parametrize("policy", ["optimal", None])
def test_a_box_without_width_is_the_known_network(policy):
    c = compared(ParameterBox(TINY, {"profit": 0.0}), policy, TINY.perturbed(profit=0.1).mdp())
    one = Comparison(real=c.real, twin=c.twin, policy=c.policy)
    assert parameter_box(c).value == pytest.approx(bellman_residual(one).value, rel=1e-9)
    assert robust_box(c).value == pytest.approx(exact(one).value, abs=2e-3)
    assert moving_box(c).value == pytest.approx(exact(one).value, abs=2e-3)
    assert theorem1_tv(c).value == pytest.approx(theorem1_tv(one).value, rel=1e-9)
    assert value_span(c).value == pytest.approx(value_span(one).value, rel=1e-9)


def test_a_bound_for_every_policy_holds_for_each_that_good_in_the_twin():
    box, rng = ParameterBox(Affine(), {"rate": 0.1, "price": 0.1}), np.random.default_rng(0)
    c = compared(box, None, twin_regret=3.0)
    bounds = [rung(c, max_cells=5) for rung in (parameter_box, robust_box, moving_box)]
    good = [
        policy
        for policy in map(np.array, np.ndindex(*[2] * 4))
        if regret(c.twin, policy).max() <= 3.0
    ]
    assert len(good) > 1
    for _ in range(10):
        real = box.sample(rng).mdp()
        worst = max(regret(real, policy).max() for policy in good)
        assert all(worst <= bound.value for bound in bounds)


def test_certify_takes_a_box_in_the_place_of_the_real_model():
    box, twin = ParameterBox(TINY, FIVE_PERCENT), TINY.mdp()
    policy, seen = solve(twin).policy, []
    certificate = certify(box, twin, policy=policy, progress=seen.append)
    assert set(certificate.rungs) == {"L0", "L1", "L1b", "L2", "L6set", "box", "box VI", "box dV"}
    assert certificate.rung == "box dV"
    assert certificate.trivial == pytest.approx(10 * 8 * 1.05)
    assert set(certificate.fingerprints) == {"box", "twin", "policy"}
    assert seen
    real = box.sample(np.random.default_rng(4)).mdp()
    e = Comparison(real=real, twin=twin).mismatch()[0]
    assert np.abs(e).max() <= abs(certificate.drivers[0].mismatch)
    assert certificate.answer(certificate.bound) == "pass"
    assert certificate.answer(0.0) == "cannot certify"  # it may well be that network


def test_the_same_box_has_the_same_certificate_bit_for_bit():
    box, twin = ParameterBox(TINY, FIVE_PERCENT), TINY.mdp()
    one, other = (certify(box, twin, tol=3.0).to_json() for _ in range(2))
    assert one == other


def test_a_claim_that_a_cheap_rung_meets_costs_no_search():
    certificate = certify(ParameterBox(TINY, FIVE_PERCENT), TINY.mdp(), stop_at=1000.0)
    assert {"parameter_box", "robust_box", "moving_box"} <= set(certificate.skipped)


def test_a_box_out_of_time_still_has_its_first_cell():
    certificate = certify(ParameterBox(TINY, FIVE_PERCENT), TINY.mdp(), max_seconds=0.0)
    assert certificate.rungs["box VI"].share < 0.14


def test_the_networks_of_a_box_are_those_within_the_tolerance():
    box = ParameterBox(TINY, {"profit": (0.1, 0, 0)})
    assert box.contains(TINY.perturbed(profit=(0.1, 0, 0)))
    assert box.contains(TINY.perturbed(profit=(-0.1, 0, 0)))
    assert not box.contains(TINY.perturbed(profit=(0.11, 0, 0)))
    assert not box.contains(TINY.perturbed(profit=(0, 0.01, 0)))
    assert not box.contains(replace(TINY, gamma=0.5))
    losses = ParameterBox(replace(TINY, profit=(-1.0, 2.0, 3.0)), {"profit": 0.1})
    assert losses.contains(losses.network.perturbed(profit=0.1))


def test_a_box_of_another_middle_or_tolerance_has_another_fingerprint():
    first, *others = (
        ParameterBox(network, tolerances).fingerprint()
        for network, tolerances in [
            (TINY, {"profit": 0.1}),
            (TINY, {"profit": 0.2}),
            (TINY.perturbed(profit=0.1), {"profit": 0.1}),
        ]
    )
    assert first not in others
    assert first == ParameterBox(TINY, {"profit": (0.1, 0.1, 0.1)}).fingerprint()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ParameterBox(TINY, {"capacity": 0.1}), "the parameters are arrival_rate"),
        (lambda: ParameterBox(TINY, {"profit": -0.1}), r"one number in \[0, 1\), or 3"),
        (lambda: ParameterBox(TINY, {"profit": (0.1, 0.1)}), r"one number in \[0, 1\), or 3"),
        (lambda: ParameterBox(TINY, {"profit": float("nan")}), "one number in"),
        (lambda: ParameterBox(TINY.mdp(), {}), "with a method `between`.*got FiniteMDP"),
        (lambda: robust_box(compared(ParameterBox(TINY, {})), width=-1.0), "width must be"),
        (lambda: parameter_box(compared(ParameterBox(TINY, {})), max_cells=0), "max_cells must be"),
        (
            lambda: certify(
                ParameterBox(TINY, {}), TINY.mdp(), metric=dt_bsm(TINY.mdp(), TINY.mdp())
            ),
            "give none with a box",
        ),
    ],
)
def test_misuse_is_refused_by_name(call, message):
    with pytest.raises(InvalidParameter, match=message):
        call()


def test_another_class_of_networks_can_be_repaired_as_well():
    real = Affine()
    twin = real.perturbed(rate=(0.2, 0.01))
    assert repair_advice(real, twin)[0].subject == "rate 0"
