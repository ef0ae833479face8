"""The command watch: from a certificate and new transitions to an alarm, or none."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import germane
from germane.cli import app
from simulated import Field

TINY = germane.AdmissionControl.tiny()
REAL, TWIN = TINY.mdp(), TINY.perturbed(profit=0.1).mdp()
POLICY = germane.solve(TWIN).policy


def run(*arguments):
    return CliRunner().invoke(app, [str(word) for word in arguments])


def rows(mdp, n, seed):
    path = Field(mdp).rolled_out(np.random.default_rng(seed), np.eye(8)[POLICY], n).path
    pair, s_next, _ = path.T
    s, a = np.divmod(pair, 8)
    return s, a, mdp.r[s, a], s_next


def write(path, columns):
    lines = [",".join(map(str, (int(s), int(a), float(r), int(t)))) for s, a, r, t in zip(*columns)]
    path.write_text("\n".join(["state,action,reward,next_state", *lines]) + "\n")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A certificate from models, and one from a log; logs of the network as it was and changed."""
    folder = tmp_path_factory.mktemp("watch")
    germane.write_mdp(REAL, folder / "real.npz")
    germane.write_mdp(TWIN, folder / "twin.npz")
    np.save(folder / "policy.npy", POLICY)
    germane.certify(REAL, TWIN, policy=POLICY, stop_at=1e9).save(folder / "certificate.json")
    log = Field(REAL).sampled(np.random.default_rng(0), 4000)
    log.save(folder / "log.npz")
    found = germane.certify(log, TWIN, policy=POLICY, known_support=True)
    found.save(folder / "from-log.json")
    write(folder / "same.csv", rows(REAL, 3000, 1))
    write(folder / "changed.csv", rows(TINY.perturbed(arrival_rate=1.0).mdp(), 3000, 2))
    return folder


@pytest.fixture(autouse=True)
def _in_the_folder(folder, monkeypatch):
    monkeypatch.chdir(folder)


OF_LOG = ("from-log.json", "--real", "log.npz")


@pytest.mark.parametrize("certificate", [("certificate.json",), OF_LOG], ids=["models", "log"])
def test_the_network_as_it_was_raises_no_alarm_and_the_changed_one_does(certificate):
    name, *options = certificate
    same = run("watch", name, "same.csv", *options)
    assert same.exit_code == 0, same.output
    assert "No alarm after 3000 transitions" in same.output
    changed = run("watch", name, "changed.csv", *options)
    assert changed.exit_code == 1, changed.output
    assert "ALARM" in changed.output
    assert "certify again" in changed.output


def test_the_record_is_that_of_the_library():
    done = run("watch", "certificate.json", "changed.csv", "--reward-range", 0, 9, "--json")
    told = json.loads(done.stdout)
    watch = germane.Watch(
        germane.Comparison(real=REAL, twin=TWIN, policy=POLICY), reward_range=(0, 9)
    )
    alarm = watch.update(*rows(TINY.perturbed(arrival_rate=1.0).mdp(), 3000, 2))
    assert (told["schema"], told["answer"]) == ("germane.watch/1", "alarm")
    assert told["alarm"] == {"step": alarm.step, "reason": alarm.reason}
    assert told["evidence"] == watch.evidence
    assert told["history"][-1] == [watch.n_transitions, watch.evidence]
    first = told["departures"][0]
    assert (first["state"], first["function"]) == (None, alarm.departures[0].function)


def test_a_watch_goes_on_where_it_was(tmp_path):
    state = tmp_path / "watch.npz"
    for n in (3000, 6000):
        done = run("watch", "certificate.json", "same.csv", "--state", state, "--json")
        assert json.loads(done.stdout)["n_transitions"] == n


def test_what_one_fears_is_a_model_like_any_other():
    feared = "admission-control?size=tiny&arrival_rate=+0.3"
    done = run("watch", "certificate.json", "changed.csv", "--against", feared, "--json")
    assert json.loads(done.stdout)["departures"][0]["function"] == f"likeness to {feared}"


BOOK = """
[[column]]
name = "time"
role = "time"
unit = "s"
period = 1
jitter = 0

[[column]]
name = "load"
role = "state"
edges = [0, 1, 2]

[[column]]
name = "power"
role = "action"
categories = [0, 1]

[[column]]
name = "rate"
role = "reward"
range = [0, 1]
belongs_to = "end"
"""


def write_kpis(path, stays, seed):
    rng = np.random.default_rng(seed)
    load, lines = 0, ["time,load,power,rate"]
    for t in range(3000):
        lines.append(f"{t},{load + 0.5},{rng.integers(2)},{load}")
        load = load if rng.random() < stays else 1 - load
    path.write_text("\n".join(lines))


def test_a_log_of_kpis_is_read_by_the_codebook_of_the_certificates_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("book.toml").write_text(BOOK)
    for name, stays, seed in (("then", 0.5, 0), ("same", 0.5, 1), ("changed", 0.8, 2)):
        write_kpis(Path(f"{name}.csv"), stays, seed)
    estimate = ("--codebook", "book.toml", "--gamma", 0.9, "--out", "real.npz")
    assert run("estimate", "then.csv", *estimate).exit_code == 0
    twin = germane.FiniteMDP(np.full((2, 2, 2), 0.5), [[0.5, 0.5], [0.5, 0.5]], 0.9)
    germane.write_mdp(twin, "twin.npz")
    assert run("certify", "real.npz", "twin.npz", "--out", ".").exit_code in (0, 2)
    assert run("watch", "certificate.json", "same.csv").exit_code == 0
    assert run("watch", "certificate.json", "changed.csv").exit_code == 1
    named = run("watch", "certificate.json", "changed.csv", "--codebook", "book.toml")
    assert named.exit_code == 1


def test_the_impossible_is_told_in_valid_json():
    never = int(np.argmax(REAL.transitions.toarray()[0] == 0))
    write(Path("never.csv"), ([0], [0], [0.0], [never]))
    done = run("watch", "certificate.json", "never.csv", "--json")
    assert done.exit_code == 1
    told = json.loads(done.stdout)
    assert told["evidence"] is None
    assert "rules out" in told["alarm"]["reason"]
    assert "infinite" in run("watch", "certificate.json", "never.csv").output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("certificate.json", "same.csv", "--real", "twin.npz"), "twin.npz is not the real"),
        (("certificate.json", "same.csv", "--twin", "real.npz"), "real.npz is not the twin"),
        (("from-log.json", "same.csv"), "real.npz is not the real"),
        (("certificate.json", "absent.csv"), "absent.csv"),
        (("twin.npz", "same.csv"), "not a certificate"),
        (("certificate.json", "same.csv", "--alpha", 2), "alpha must lie in (0, 1)"),
        (("certificate.json", "same.csv", "--reward-range", 0, 1), "hold the mean rewards"),
        (("certificate.json", "same.csv", "--state", "policy.npy"), "not a saved watch"),
        (
            (*OF_LOG, "same.csv", "--tv-tolerance", 0.1, "--reward-tolerance", 0.1),
            "rests on other tolerances",
        ),
        ((*OF_LOG, "same.csv", "--reward-range", 0, 9), "no --reward-range"),
    ],
)
def test_misuse_is_one_line_and_exit_code_64(arguments, said):
    done = run("watch", *arguments)
    assert done.exit_code == 64, done.output
    assert said in done.output
    assert len(done.output.strip().splitlines()) == 1
