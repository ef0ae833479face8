"""Networks by name: the specs of the command line."""

import subprocess
import sys

import pytest

from germane.errors import InvalidParameter
from germane.networks import NETWORKS, AdmissionControl, from_spec


def test_a_bare_name_is_the_small_network():
    assert from_spec("admission-control") == AdmissionControl.small()


def test_size_and_discount_are_taken_as_written():
    network = from_spec("admission-control?size=tiny&gamma=0.5")
    assert (network.capacity, network.gamma) == (AdmissionControl.tiny().capacity, 0.5)


def test_an_unsigned_value_is_a_factor_and_a_signed_one_a_relative_error():
    twin = AdmissionControl.small().perturbed(arrival_rate=0.1)
    for spec in ("arrival_rate=1.1", "arrival_rate=+0.1"):
        found = from_spec(f"admission-control?{spec}")
        assert found.arrival_rate_per_s == pytest.approx(twin.arrival_rate_per_s, rel=1e-15)
    lower = AdmissionControl.small().perturbed(mean_service=-0.15)
    assert from_spec("admission-control?mean_service=-0.15") == lower


def test_commas_give_one_value_per_slice():
    found = from_spec("admission-control?profit=+0.2,1,-0.2")
    assert found == AdmissionControl.small().perturbed(profit=(0.2, 0, -0.2))


@pytest.mark.parametrize("name", NETWORKS)
def test_a_spec_without_errors_is_the_network_itself(name):
    kind = NETWORKS[name]
    for size in kind.sizes():
        factors = "&".join(f"{option}=1" for option in kind.perturbable)
        assert from_spec(f"{name}?size={size}&{factors}") == kind.of_size(size)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("admission", "the networks are admission-control, miso-.*; got 'admission'"),
        ("admission-control?rate=1", "with names size, gamma, arrival_rate.*got 'rate=1'"),
        ("admission-control?profit", "name=value.*got 'profit'"),
        ("admission-control?profit=", "name=value.*got 'profit='"),
        ("admission-control?profit=1&profit=2", "each once.*got 'profit=2'"),
        ("admission-control?profit=x", "profit must be a number; got 'x'"),
        ("admission-control?profit=0.1", r"profit=0.1 is a factor.*write \+0.1 for 10% too high"),
        ("admission-control?profit=nan", "relative error profit"),
        ("admission-control?profit=+1,2", "must have 3 entries; got 2"),
        ("admission-control?gamma=1", "gamma must be in"),
        ("admission-control?size=huge", "size must be one of tiny, small, paper"),
    ],
)
def test_a_wrong_spec_is_refused_and_told_what_is_accepted(spec, message):
    with pytest.raises(InvalidParameter, match=message):
        from_spec(spec)


def test_importing_the_networks_loads_neither_torch_nor_matplotlib():
    script = "import sys, germane.networks; print(*sys.modules)"
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert found.returncode == 0, found.stderr
    assert not set(found.stdout.split()) & {"torch", "matplotlib", "stable_baselines3"}
