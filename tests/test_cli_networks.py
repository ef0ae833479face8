"""``germane networks``: what it lists can be named."""

import json

from typer.testing import CliRunner

from germane.cli import app
from germane.networks import NETWORKS, from_spec


def listed(*arguments):
    found = CliRunner().invoke(app, ["networks", *arguments])
    assert found.exit_code == 0
    return found.stdout


def test_every_network_size_and_parameter_that_is_listed_can_be_named():
    networks = json.loads(listed("--json"))["networks"]
    assert [network["name"] for network in networks] == list(NETWORKS)
    for network in networks:
        for size in network["sizes"]:
            made = from_spec(f"{network['name']}?size={size['size']}")
            assert (made.n_states, made.n_actions) == (size["n_states"], size["n_actions"])
        for parameter in network["parameters"]:
            n = len(parameter["values"])
            assert n == len(parameter["labels"])
            from_spec(f"{network['name']}?{parameter['name']}={','.join(['1'] * n)}")


def test_the_tables_say_the_same_in_words(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    text = listed()
    for network in json.loads(listed("--json"))["networks"]:
        assert network["name"] in text
        assert network["summary"] in text
        for parameter in network["parameters"]:
            assert parameter["labels"][0].rpartition(": ")[2] in text


def test_the_network_of_the_last_line_is_a_network():
    from_spec(listed().split()[-1])
