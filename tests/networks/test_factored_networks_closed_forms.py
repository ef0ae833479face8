"""Numbers of the factored networks that can be worked out by hand."""

import numpy as np
import pytest

from germane.mdp import greedy_actions, solve
from germane.networks import (
    MimoInterference,
    MimoMobile,
    MisoEnergyHarvesting,
    MisoInterference,
)


def test_the_cost_of_a_slot_with_a_collision_on_a_bad_channel():
    # All three send one of two packets; a packet arrives at the first for sure, at the others never:
    # buffers 2, 1, 1 cost 4. TX2 is on a bad channel: 10. Neighbours 1-2 and 2-3 cost 3 each, 1-3
    # half of it: 7.5.
    network = MisoInterference(
        arrival_probability=(1, 0, 0), buffer_cost=1, channel_cost=10, collision_cost=3
    )
    s = int(network.encode([2, 2, 2, 0, 1, 0]))
    assert network.mdp().r[s, 7] == pytest.approx(-(4 + 10 + 7.5), rel=1e-15)


def test_a_transmitter_without_a_packet_sends_nothing_and_pays_nothing():
    network = MisoInterference(arrival_probability=(0, 0, 0))
    empty = int(network.encode([0, 0, 0, 1, 1, 1]))
    assert (network.mdp().r[empty] == 0).all()


def test_channel_levels_between_best_and_worst_pay_in_proportion():
    network = MisoInterference(
        channel_levels=5,
        arrival_probability=(0,),
        worsen_probability=(0.1,),
        improve_probability=(0.1,),
        buffer_cost=0,
        channel_cost=8,
    )
    costs = [-network.mdp().r[int(network.encode([1, h])), 1] for h in range(5)]
    assert costs == pytest.approx([0, 2, 4, 6, 8], rel=1e-15)


def test_energy_that_is_not_there_sends_nothing():
    # one unit: the direct way needs two, the relay one
    network = MisoEnergyHarvesting.tiny()
    s = int(network.encode([1, 0, 0]))
    r = network.mdp().r[s]
    assert r[0] == 0
    assert r[1] == pytest.approx(network.noise_survival * 0.95 - network.energy_cost, rel=1e-15)


def test_a_relay_at_0_db_reads_a_symbol_with_the_probability_of_one_standard_deviation():
    network = MisoEnergyHarvesting(relay_snr_db=0)
    assert network.noise_survival == pytest.approx(0.841344746068543, rel=1e-14)  # Phi(1)


def test_packets_take_the_good_receivers_first_and_then_the_nearest():
    # TX1 sends three, RX1 is bad: it takes RX2, RX3, then of the bad ones RX1 before RX4.
    network = MimoInterference(
        queue_places=3, arrival_probability=(0, 0, 0), buffer_cost=0, load_cost=0, collision_cost=0
    )
    three = network.decisions.tolist().index([3, 0, 0])
    s = int(network.encode([3, 0, 0, 1, 0, 0, 1]))
    assert network.mdp().r[s, three] == -network.channel_cost
    # TX2 and TX3 send one each to their own good receivers: nothing is shared
    one_each = network.decisions.tolist().index([0, 1, 1])
    s = int(network.encode([0, 1, 1, 0, 0, 0, 0]))
    assert network.mdp().r[s, one_each] == 0


def test_two_transmitters_that_share_a_receiver_pay_by_the_inverse_of_their_distance():
    # only RX2 is good: TX1 and TX3, two apart, both choose it
    network = MimoInterference(
        arrival_probability=(0, 0, 0), buffer_cost=0, load_cost=0, channel_cost=0, collision_cost=3
    )
    both = network.decisions.tolist().index([1, 0, 1])
    s = int(network.encode([1, 0, 1, 1, 0, 1, 1]))
    assert network.mdp().r[s, both] == pytest.approx(-1.5, rel=1e-15)


def test_the_load_cost_is_the_squared_deviation_from_an_even_load():
    # one packet, four receivers: (3/4)^2 + 3 (1/4)^2 = 3/4
    network = MimoInterference(arrival_probability=(0, 0, 0), buffer_cost=0, load_cost=2)
    one = network.decisions.tolist().index([1, 0, 0])
    s = int(network.encode([1, 0, 0, 0, 0, 0, 0]))
    assert network.mdp().r[s, one] == pytest.approx(-1.5, rel=1e-15)


def test_the_signal_to_noise_ratio_is_that_of_the_link_budget():
    # 20 dBm - 40 dB - 30 dB per decade: 40 dB at 1 m, 10 dB at 10 m, -20 dB at 100 m over -60 dBm
    network = MimoMobile(
        cells=1,
        lane_y_m=(0, 9, 99),
        speed_cells=(1, 1, 1),
        forward_probability=(0.5,) * 3,
        arrival_probability=(0.5,) * 3,
        receiver_x_m=(0,),
        receiver_y_m=(-1,),
        noise_dbm=-60,
    )
    in_db = 10 * np.log10(network.snr[:, 0, 0])
    assert in_db == pytest.approx([40, 10, -20], abs=1e-12)


def test_a_packet_gets_through_with_probability_1_over_e_at_the_threshold():
    network = MimoMobile(
        cells=1,
        lane_y_m=(0,),
        speed_cells=(0,),
        forward_probability=(0.5,),
        arrival_probability=(0,),
        receiver_x_m=(0,),
        receiver_y_m=(10,),
        noise_dbm=-60,
        threshold_db=10,
        queue_places=1,
    )
    assert network.mdp().transitions[[1]].toarray().ravel()[0] == pytest.approx(np.exp(-1))


def test_as_the_paper_words_it_mobility_leaves_the_myopic_policy_optimal():
    network = MimoMobile.written()
    assert network == MimoMobile()
    index = network.factored().index
    assert (index == index[0]).all()
    mdp = network.mdp()
    policy = solve(mdp).policy
    assert greedy_actions(mdp.r)[np.arange(mdp.n_states), policy].all()


def test_the_size_of_the_papers_experiments_is_met_exactly():
    network = MimoInterference.large()
    assert network.n_states * network.n_actions == 40_000
