"""The models of the four factored networks against one slot played through in plain loops."""

import numpy as np
import pytest

import slots
from germane.networks import (
    MimoInterference,
    MimoMobile,
    MisoEnergyHarvesting,
    MisoInterference,
)

# no two numbers alike, so that a swapped index shows
MISO = MisoInterference(
    queue_places=2,
    arrival_probability=(0.2, 0.7),
    worsen_probability=(0.3, 0.6),
    improve_probability=(0.5, 0.35),
    buffer_cost=1.5,
    channel_cost=4.0,
    collision_cost=2.5,
)
THREE = MisoInterference(queue_places=1, channel_cost=3.0)
MANY_LEVELS = MisoInterference(
    queue_places=1,
    channel_levels=4,
    arrival_probability=(0.2, 0.7),
    worsen_probability=(0.3, 0.6),
    improve_probability=(0.5, 0.35),
)
RELAYS = MisoEnergyHarvesting(
    battery_places=3,
    harvest_probability=(0.2, 0.6),
    relay_of=(1, 0),
    direct_worsen=(0.5, 0.15),
    direct_improve=(0.3, 0.45),
    relay_worsen=(0.1, 0.25),
    relay_improve=(0.8, 0.65),
    direct_success=(0.9, 0.2),
    relay_success=(0.85, 0.35),
    relay_snr_db=3.0,
    throughput_reward=2.0,
    imbalance_cost=0.7,
    energy_cost=0.3,
)
PACKETS = MimoInterference(
    arrival_probability=(0.2, 0.7),
    worsen_probability=(0.3, 0.6, 0.15),
    improve_probability=(0.5, 0.35, 0.8),
    buffer_cost=1.5,
    channel_cost=4.0,
    collision_cost=2.5,
    load_cost=0.6,
)
CROWDED = MimoInterference(
    queue_places=1,
    packets_per_slot=2,
    worsen_probability=(0.3, 0.6),
    improve_probability=(0.5, 0.35),
    collision_cost=2.5,
)
MOBILE = MimoMobile(
    cells=4,
    cell_m=20.0,
    lane_y_m=(0.0, 35.0),
    speed_cells=(1, 2),
    forward_probability=(0.3, 0.6),
    receiver_x_m=(10.0, 45.0),
    receiver_y_m=(15.0, 50.0),
    power_dbm=17.0,
    path_loss_exponent=3.4,
    threshold_db=12.0,
    queue_places=2,
    arrival_probability=(0.2, 0.7),
    buffer_cost=1.5,
    throughput_reward=0.2,
    load_cost=0.6,
    interference_cost=2.5,
)
WRITTEN = MimoMobile(
    lane_y_m=(0.0, 35.0),
    speed_cells=(1, 2),
    forward_probability=(0.3, 0.6),
    arrival_probability=(0.2, 0.7),
)

CASES = [
    pytest.param(MISO, slots.miso_interference, id="miso"),
    pytest.param(THREE, slots.miso_interference, id="miso, three transmitters"),
    pytest.param(MANY_LEVELS, slots.miso_interference, id="miso, four channel levels"),
    pytest.param(RELAYS, slots.miso_energy_harvesting, id="relays"),
    pytest.param(PACKETS, slots.mimo_interference, id="packets"),
    pytest.param(CROWDED, slots.mimo_interference, id="packets, three transmitters"),
    pytest.param(MOBILE, slots.mimo_mobile, id="mobile"),
    pytest.param(WRITTEN, slots.mimo_mobile, id="mobile, as written"),
]


@pytest.mark.parametrize(("network", "played"), CASES)
def test_the_model_is_what_the_prose_says(network, played):
    P, r = played(network)
    mdp = network.mdp()
    rows = mdp.transitions.toarray().reshape(P.shape)
    np.testing.assert_allclose(rows, P, rtol=0, atol=1e-12)
    np.testing.assert_allclose(mdp.r, r, rtol=0, atol=1e-12 * np.abs(r).max())


@pytest.mark.parametrize(("network", "played"), CASES)
def test_the_factored_and_the_flat_model_agree_row_by_row(network, played):
    flat, factored = network.mdp(), network.factored()
    assert (flat.r == factored.r).all()
    rng = np.random.default_rng(0)
    for s, a in zip(rng.integers(flat.n_states, size=50), rng.integers(flat.n_actions, size=50)):
        row = flat.transitions[[s * flat.n_actions + a]]
        states, masses = factored.row(int(s), int(a))
        assert states.tolist() == row.indices.tolist()
        np.testing.assert_allclose(masses, row.data, rtol=0, atol=1e-12)
