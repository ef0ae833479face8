"""What holds for every factored network: sizes, rows, rewards, labels, twins, refusals."""

import time
from dataclasses import replace

import numpy as np
import pytest

from germane.certificates import Network
from germane.errors import InvalidParameter
from germane.networks import (
    FactoredNetwork,
    MimoInterference,
    MimoMobile,
    MisoEnergyHarvesting,
    MisoInterference,
)

KINDS = (MisoInterference, MisoEnergyHarvesting, MimoInterference, MimoMobile)
SMALL = [pytest.param(kind.small(), id=kind.__name__) for kind in KINDS]
SIZES = [
    pytest.param(kind.of_size(size), size, id=f"{kind.__name__}, {size}")
    for kind in KINDS
    for size in kind.sizes()
]
LARGEST = [  # the members of the size families next below 70,000 pairs
    pytest.param(MisoInterference(queue_places=9), 64_000, id="MisoInterference"),
    pytest.param(MisoEnergyHarvesting(battery_places=5), 55_296, id="MisoEnergyHarvesting"),
    pytest.param(MimoInterference(queue_places=5), 69_120, id="MimoInterference"),
    pytest.param(MimoMobile(cells=5), 50_625, id="MimoMobile"),
]


def docstring_row(kind, size):
    """The row of the size table in the docstring of a kind, as words."""
    rows = (line.split() for line in kind.__doc__.splitlines())
    return next(row for row in rows if row[:1] == [f"``{size}``"])


@pytest.mark.parametrize(("network", "size"), SIZES)
def test_the_table_of_sizes_tells_the_truth(network, size):
    S, A = network.n_states, network.n_actions
    assert docstring_row(type(network), size)[-3:] == [f"{S:,}", f"{A:,}", f"{S * A:,}"]


@pytest.mark.parametrize(("network", "pairs"), LARGEST)
def test_a_model_of_70_000_pairs_is_built_in_seconds_and_its_rows_sum_to_one(network, pairs):
    assert network.n_states * network.n_actions == pairs
    started = time.process_time()
    mdp = network.mdp()
    assert time.process_time() - started < 30  # 0.5 to 4 s where it was measured
    np.testing.assert_allclose(mdp.transitions.sum(axis=1), 1, rtol=0, atol=1e-12)


@pytest.mark.parametrize("network", SMALL)
def test_the_mean_reward_of_transitions_is_the_reward_of_the_pair(network):
    mdp = network.mdp()
    S, A = mdp.r.shape
    s, a = (x.ravel() for x in np.indices((S, A)))
    rows = mdp.transitions.tocoo()
    pair, s_next = rows.coords
    earned = rows.data * network.reward(s[pair], a[pair], s_next)
    mean = np.bincount(pair, earned, minlength=S * A).reshape(S, A)
    np.testing.assert_allclose(mean, mdp.r, rtol=0, atol=1e-12 * np.abs(mdp.r).max())


@pytest.mark.parametrize("network", SMALL)
def test_state_variables_and_state_numbers_are_inverse_and_ordered(network):
    s = np.arange(network.n_states)
    assert (network.encode(network.decode(s)) == s).all()
    assert network.decode(s).tolist() == [list(x) for x in np.ndindex(network.levels)]


@pytest.mark.parametrize("network", SMALL)
def test_states_actions_and_parameters_have_names_of_their_own(network):
    states = [network.label(s) for s in range(network.n_states)]
    actions = [network.action_label(a) for a in range(network.n_actions)]
    parameters = [
        network.parameter_label(short, i)
        for short, field in network.perturbable.items()
        for i in range(np.size(getattr(network, field)))
    ]
    for names in (states, actions, parameters):
        assert len(set(names)) == len(names)
    assert isinstance(network, Network)


@pytest.mark.parametrize("network", SMALL)
def test_every_parameter_has_an_entry_for_each_transmitter_or_is_one_number(network):
    for field, parameter in network.parameters.items():
        assert isinstance(getattr(network, field), tuple) == bool(parameter.per)


@pytest.mark.parametrize("network", SMALL)
def test_a_twin_without_errors_is_the_network_and_every_error_changes_the_model(network):
    assert network.perturbed(**dict.fromkeys(network.perturbable, 0)) == network
    model = network.mdp().fingerprint()
    for short in network.perturbable:
        twin = network.perturbed(**{short: -0.1})
        assert twin.mdp().fingerprint() != model, short
        assert (twin.n_states, twin.n_actions) == (network.n_states, network.n_actions)


def test_errors_are_relative_and_one_for_each_entry_or_the_same_for_all():
    network = MisoInterference(arrival_probability=(0.2, 0.4, 0.5), channel_cost=4.0)
    twin = network.perturbed(arrival=(0.5, 0, -0.5), channel_cost=0.25)
    assert twin.arrival_probability == pytest.approx((0.3, 0.4, 0.25), rel=1e-15)
    assert twin.channel_cost == 5.0
    assert network.perturbed(channel_cost=(0.25,)) == network.perturbed(channel_cost=0.25)
    assert network.perturbed(arrival=0.5).arrival_probability == pytest.approx((0.3, 0.6, 0.75))


@pytest.mark.parametrize("kind", KINDS)
def test_a_smaller_size_is_made_of_the_first_transmitters(kind):
    whole, part = kind(), kind.small()
    for field, parameter in kind.parameters.items():
        if parameter.per:
            entries = getattr(part, field)
            assert entries == getattr(whole, field)[: len(entries)]
    assert part == kind.of_size("small") == kind.large().resized("small")


def test_a_channel_of_two_levels_worsens_and_improves_as_its_numbers_say():
    network = MisoInterference(
        queue_places=1,
        arrival_probability=(0.5,),
        worsen_probability=(0.1,),
        improve_probability=(0.7,),
    )
    *_, channel = network.factored().kernels
    assert channel.tolist() == [[0.9, 0.1], [0.7, pytest.approx(0.3)]]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: MisoInterference(queue_places=0), "queue_places must be at least 1; got 0"),
        (lambda: MisoInterference(channel_levels=1.5), "channel_levels must be a whole number"),
        (lambda: MisoInterference(arrival_probability=()), "arrival_probability must list at"),
        (lambda: MisoInterference(arrival_probability=0.5), "arrival_probability must list at"),
        (
            lambda: MisoInterference(arrival_probability=(0.5, 2, 0)),
            r"probability\[1\] must be a p",
        ),
        (lambda: MisoInterference(worsen_probability=(0.5,)), "worsen_probability must have 3"),
        (lambda: MisoInterference(buffer_cost=-1), "buffer_cost must be finite and at least 0"),
        (lambda: MisoInterference(gamma=1), r"gamma must be in \[0, 1\)"),
        (
            lambda: MisoInterference(channel_levels=3, worsen_probability=(0.9, 0.1, 0.1)),
            r"worsen_probability\[0\] \+ improve_probability\[0\] must be at most 1 with 3 levels",
        ),
        (lambda: MisoEnergyHarvesting(relay_of=(0, 1, 2)), r"relay_of\[2\] must lie in 0\.\.1"),
        (lambda: MisoEnergyHarvesting(battery_places=1), "direct_energy must be at most the 1 un"),
        (
            lambda: MisoEnergyHarvesting(direct_success=(1,), relay_success=(1,)),
            "success must have 2 entries",
        ),
        (lambda: MimoInterference(packets_per_slot=5), "packets_per_slot must be at most the 4"),
        (lambda: MimoMobile(lane_y_m=(0, 0, 50, 100)), "lane_y_m must all differ"),
        (lambda: MimoMobile(receiver_x_m=(0, 50, 50), receiver_y_m=(5, 5, 50)), "receiver 2 must"),
        (lambda: MimoMobile(noise_dbm="loud"), "noise_dbm must be a finite number; got 'loud'"),
        (lambda: MimoMobile.of_size("huge"), "size must be one of tiny, small, medium, written"),
        (lambda: MimoMobile.small().resized("huge"), "size must be one of tiny"),
        (lambda: MimoMobile.small().resized("large"), "size large needs 3 entries of lane_y_m"),
        (lambda: MimoMobile().perturbed(buffer=1), "perturbed accepts forward, path_loss_exponent"),
        (lambda: MimoMobile().perturbed(forward=1.5), r"forward_probability\[0\] must be a prob"),
        (lambda: MisoInterference().encode([1, 1]), "a state has 6 variables"),
        (lambda: MisoInterference().encode([4, 0, 0, 0, 0, 0]), "a state has 6 variables"),
        (lambda: MisoInterference().decode(512), r"state must lie in 0\.\.511; got 512"),
    ],
)
def test_what_is_out_of_range_is_refused_by_name(make, message):
    with pytest.raises(InvalidParameter, match=message):
        make()


def test_a_network_of_parts_has_no_model_of_its_own():
    with pytest.raises(TypeError, match="abstract"):
        FactoredNetwork()


def test_the_discount_is_that_of_the_model():
    assert replace(MimoMobile.tiny(), gamma=0.5).mdp().gamma == 0.5
