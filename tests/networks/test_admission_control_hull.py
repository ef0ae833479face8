"""The hull of a cell: every network of the cell is one mixture of its corners."""

import math
from dataclasses import replace
from functools import reduce

import numpy as np
import pytest
import scipy.special
from hypothesis import given, settings
from hypothesis import strategies as st

from germane.errors import InvalidParameter
from germane.networks import AdmissionControl
from germane.networks._admission_control_laws import remaining, remaining_at_corner

law = settings(max_examples=25, deadline=None)
TINY = AdmissionControl.tiny()


@st.composite
def cells(draw, most_places=2):
    """Two networks that bound a cell, and a network of it."""

    def three(values):
        return tuple(draw(values) for _ in range(3))

    network = AdmissionControl(
        capacity=three(st.integers(1, 4)),
        queue_places=three(st.integers(0, most_places)),
        arrival_rate_per_s=three(st.floats(0.001, 0.3)),
        mean_service_s=three(st.floats(2, 100)),
        timeout_s=three(st.floats(2, 100) | st.just(math.inf)),
        profit=three(st.floats(-1, 5)),
    )
    tolerances = {name: three(st.sampled_from([0.0, 0.1, 0.3])) for name in network.perturbable}
    low, high = (
        network.perturbed(**{name: [sign * t for t in ts] for name, ts in tolerances.items()})
        for sign in (-1, 1)
    )
    inside = {name: [t * draw(st.floats(-1, 1)) for t in ts] for name, ts in tolerances.items()}
    return low, high, network.perturbed(**inside)


def rows_of(network):
    return network._post_decision_rows().toarray()


@law
@given(cells(), st.integers(0, 99))
def test_no_backup_in_the_cell_is_outside_those_of_the_corners(cell, seed):
    low, high, network = cell
    hull, mdp = low.between(high), network.mdp()
    v = np.random.default_rng(seed).normal(size=mdp.n_states)
    expected = hull.expectations(v)[:, hull.row_of]
    found = (mdp.transitions @ v).reshape(mdp.r.shape)
    assert (found <= expected.max(axis=0) + hull.error(v)).all()
    assert (found >= expected.min(axis=0) - hull.error(v)).all()
    slack = 1e-14 * np.abs(hull.rewards).max()
    assert (mdp.r <= hull.rewards.max(axis=0) + slack).all()
    assert (mdp.r >= hull.rewards.min(axis=0) - slack).all()


@law
@given(cells(most_places=1))
def test_one_mixture_of_the_corners_gives_every_row_of_a_network_in_the_cell(cell):
    # The weights: of arrivals, linear in the chance of none; of the rest, Bernstein's.
    low, high, network = cell
    hull = low.between(high)

    def bernstein(degree, values):
        a, b, at = values
        if a == b:
            return np.ones(1)
        t = min(max((at - min(a, b)) / abs(b - a), 0.0), 1.0)
        k = np.arange(degree + 1)
        return scipy.special.comb(degree, k) * t**k * (1 - t) ** (degree - k)

    def each(name, i):
        return [getattr(n, name)[i] for n in (low, high, network)]

    weights = []
    for i in range(3):
        weights.append(bernstein(1, [-math.expm1(-x) for x in each("mean_arrivals", i)]))
        weights.append(bernstein(low.queue_places[i], each("expiry_probability", i)))
    for i, most in enumerate(network.max_services):
        weights.append(bernstein(most, each("end_probability", i)))
    together = reduce(np.multiply.outer, weights).ravel()
    mixture = sum(w * rows for w, rows in zip(together, hull.rows(), strict=True))
    assert mixture == pytest.approx(rows_of(network), abs=1e-11)


@pytest.mark.parametrize("most", [1, 2, 4])
@pytest.mark.parametrize("t", [0.0, 0.3, 1.0])
def test_corners_of_who_remains_are_bernstein_coefficients(most, t):
    low, high = 0.2, 0.7
    k = np.arange(most + 1)
    weights = scipy.special.comb(most, k) * t**k * (1 - t) ** (most - k)
    corners = [remaining_at_corner(most, int(n_high), low, high) for n_high in k]
    mixture = np.tensordot(weights, corners, axes=1)
    assert mixture == pytest.approx(remaining(most, low + t * (high - low)), abs=1e-14)


@law
@given(cells())
def test_rows_and_expectations_are_of_the_same_corners_and_sum_to_one(cell):
    hull = cell[0].between(cell[1])
    v = np.random.default_rng(0).normal(size=hull.n_rows)
    rows = np.array(list(hull.rows()))
    assert rows @ v == pytest.approx(hull.expectations(v), abs=1e-12)
    assert rows.sum(axis=2) == pytest.approx(1, abs=1e-13)
    assert (rows >= 0).all()
    assert len(hull.genuine) == len(rows)


def test_a_genuine_corner_is_a_network_at_the_ends_of_the_cell():
    names = {"arrival_rate": 0, "mean_service": 1, "timeout": 0}
    errors = {name: [0.2 if j == i else 0 for j in range(3)] for name, i in names.items()}
    opposite = {name: [-x for x in given] for name, given in errors.items()}
    hull = TINY.perturbed(**opposite).between(TINY.perturbed(**errors))
    found = [rows for rows, genuine in zip(hull.rows(), hull.genuine, strict=True) if genuine]
    networks = [
        TINY.perturbed(
            **{name: [sign * x for x in errors[name]] for name, sign in zip(names, signs)}
        )
        for signs in np.ndindex(2, 2, 2)
        for signs in [[2 * bit - 1 for bit in signs]]
    ]
    assert len(found) == len(networks) == 8
    for network in networks:
        apart = min(np.abs(rows - rows_of(network)).max() for rows in found)
        assert apart < 1e-13
    assert len(hull.genuine) == 12  # two services of mMTC at most: a corner in between


def test_a_cell_of_one_network_has_one_corner():
    hull = TINY.between(TINY)
    [rows] = hull.rows()
    assert np.abs(rows - rows_of(TINY)).max() < 1e-14
    assert hull.rewards.shape == (1, TINY.n_states, TINY.n_actions)
    assert (hull.rewards[0] == TINY.mdp().r).all()


def test_corners_come_nearer_with_the_square_of_the_width():
    # The chance that one of two services remains is largest inside the cell, near e = 1/2.
    network = replace(TINY, capacity=(4, 4, 6), mean_service_s=(14.4, 50.0, 10.0))
    v = (network.decode(np.arange(network.n_states))[1][:, 0] == 1).astype(float)
    excess = []
    for width in (0.4, 0.2, 0.1):
        ends = (network.perturbed(mean_service=(e, 0, 0)) for e in (-width, width))
        hull = next(ends).between(next(ends))
        inside = [
            network.perturbed(mean_service=(e, 0, 0))._post_decision_rows() @ v
            for e in np.linspace(-width, width, 101)
        ]
        excess.append((hull.expectations(v).max(axis=0) - np.max(inside, axis=0)).max())
    assert excess[0] > 1e-3
    assert excess[1] < 0.35 * excess[0]
    assert excess[2] < 0.35 * excess[1]


def test_the_curvature_of_arrivals_into_two_places_is_in_the_error():
    # The chance of one arrival in two places, x exp(-x), is largest at x = 1, inside the cell.
    network = replace(TINY, queue_places=(2, 0, 0), arrival_rate_per_s=(0.1, 0.0, 0.0))
    low, high = (network.perturbed(arrival_rate=(e, 0, 0)) for e in (-0.5, 0.5))
    hull, queued = low.between(high), network.decode(np.arange(network.n_states))[0][:, 0]
    v = (queued == 1).astype(float)
    beyond = (network._post_decision_rows() @ v - hull.expectations(v).max(axis=0)).max()
    assert 0.03 < beyond <= hull.error(v)
    assert beyond <= hull.row_error
    assert hull.error(np.ones(network.n_states)) < 1e-12


def test_the_spread_of_a_parameter_is_what_it_moves_alone():
    low, high = TINY.perturbed(profit=(-0.1, 0, 0)), TINY.perturbed(profit=(0.1, 0, 0))
    v = np.random.default_rng(1).normal(size=TINY.n_states)
    spread = low.between(high).spread(v)
    assert spread["profit", 0] == pytest.approx(0.2 * 4)
    assert {axis for axis, moved in spread.items() if moved > 0} == {("profit", 0)}
    busier = TINY.perturbed(arrival_rate=(0.1, 0, 0))
    alone = np.abs((busier._post_decision_rows() - TINY._post_decision_rows()) @ v).max()
    assert TINY.between(busier).spread(v)["arrival_rate", 0] == pytest.approx(alone)


def test_networks_of_another_capacity_bound_no_cell():
    with pytest.raises(InvalidParameter, match="differ in arrival_rate, mean_service"):
        TINY.between(AdmissionControl.small())
