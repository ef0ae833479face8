"""``germane train``: what it picks, what it leaves behind, and what an interrupt costs."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from germane.cli import _train, app
from germane.experiments.cousins import DEEP, TABULAR
from germane.mdp import policy_error
from germane.networks import AdmissionControl, MisoInterference


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments):
    return CliRunner().invoke(app, ["train", *map(str, arguments)])


TINY = "miso-interference?size=tiny"


def test_it_picks_a_learner_and_says_why(here):
    done = run(TINY)
    assert done.exit_code == 0, done.output
    found = json.loads((here / "policy.json").read_text())
    assert found["schema"] == "germane.train/1"
    assert found["algorithm"] == "structural-certainty-equivalence"
    assert "because" in done.output
    with np.load(here / "policy.npz") as archive:
        q_star = _train.optimal_q(MisoInterference.tiny())
        assert policy_error(q_star, archive["policy"]) == found["policy_error"] == 0
        assert archive["q"].shape == (16, 4)
    assert "<svg" in (here / "policy.svg").read_text()
    assert not (here / "policy.part.npz").exists()


def test_without_independent_parts_it_picks_another():
    assert _train.algorithm_for(AdmissionControl.tiny()) == "pooled-certainty-equivalence"
    done = run("admission-control?size=tiny", "--algorithm", "structural-certainty-equivalence")
    assert done.exit_code == 64
    assert "needs a network of independent parts" in done.output


def test_the_policy_goes_straight_into_certify(here):
    twin = f"{TINY}&arrival=+0.1"
    assert run(twin, "--algorithm", "q", "--steps", 2000).exit_code == 0
    done = CliRunner().invoke(
        app, ["certify", TINY, twin, "--policy", "policy.npz", "--out", "out", "--json"]
    )
    assert done.exit_code in (0, 1, 2), done.output
    assert (here / "out/certificate.json").exists()


def test_the_same_seed_gives_the_same_policy_and_another_seed_another(here):
    for seed, out in ((1, "a.npz"), (1, "b.npz"), (2, "c.npz")):
        assert run(TINY, "--algorithm", "q", "--seed", seed, "--out", out).exit_code == 0
    a, b, c = (np.load(here / f"{name}.npz")["q"] for name in "abc")
    assert (a == b).all()
    assert (a != c).any()


def test_after_a_kill_the_same_command_goes_on_to_the_same_policy(here, monkeypatch):
    options = (TINY, "--algorithm", "q", "--steps", 5000)
    assert run(*options, "--out", "whole.npz").exit_code == 0
    monkeypatch.setattr(_train, "SAVE_EVERY", 0.0)
    save = _train.Kept.save

    def killed(self, **how):
        save(self, **how)
        if len(self.state.history) == 30 and not how:
            raise SystemExit(9)  # what was saved is on the disk, and nothing is tidied up

    monkeypatch.setattr(_train.Kept, "save", killed)
    assert run(*options).exit_code == 9
    assert (here / "policy.part.npz").exists()
    monkeypatch.setattr(_train.Kept, "save", save)
    done = run(*options)
    assert "Went on from 1500 samples of an interrupted run" in done.output
    assert (np.load(here / "policy.npz")["q"] == np.load(here / "whole.npz")["q"]).all()
    whole, resumed = (json.loads((here / f"{x}.json").read_text()) for x in ("whole", "policy"))
    assert resumed["history"]["mean_reward"] == whole["history"]["mean_reward"]


def test_an_interrupt_keeps_what_was_learned_and_says_where(here, monkeypatch):
    save = _train.Kept.save

    def stop(self, **how):
        save(self, **how)
        if not how:
            raise KeyboardInterrupt

    monkeypatch.setattr(_train.Kept, "save", stop)
    done = run(TINY, "--algorithm", "q")
    assert done.exit_code == 130
    assert "the same command goes on from policy.part.npz" in done.output
    assert not (here / "policy.npz").exists()


def test_the_kept_state_of_another_training_is_refused(here):
    kept = _train.Kept(
        here / "policy.part.npz",
        _train.Order(network=TINY, algorithm="q", n_steps=None, seed=0),
    )
    kept.state.history.append(_train.Checkpoint(1, 0.0))
    kept.save(now=True)
    done = run(TINY, "--algorithm", "q", "--seed", 1)
    assert done.exit_code == 64
    assert f"an interrupted training of q on {TINY}, seed 0" in done.output
    np.savez(here / "policy.part.npz", policy=np.zeros(3))
    assert "holds no interrupted training" in run(TINY, "--algorithm", "q").output
    (here / "policy.part.npz").write_bytes(b"nonsense")
    done = run(TINY, "--algorithm", "q")
    assert done.exit_code == 64
    assert "policy.part.npz" in done.output


@pytest.mark.parametrize("name", TABULAR)
def test_every_tabular_learner_trains(here, name):
    done = run(TINY, "--algorithm", name, "--steps", 640, "--json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["history"]["n_steps"][-1] == 640
    assert 0 <= found["policy_error"] < 1
    assert found["why"] is None


def test_deep_learners_train_too(here):
    pytest.importorskip("stable_baselines3")
    assert "ppo" in DEEP
    done = run(TINY, "--algorithm", "ppo", "--steps", 1024)
    assert done.exit_code == 0, done.output
    assert "q" not in np.load(here / "policy.npz").files


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nope",), "the networks are admission-control"),
        ((TINY, "--algorithm", "sarsa"), "--algorithm is one of q,"),
        ((TINY, "--out", "policy.csv"), "--out ends in .npz"),
        ((TINY, "--steps", "0"), "--steps"),
    ],
)
def test_misuse_is_one_line(here, arguments, message):
    done = run(*arguments)
    assert done.exit_code == 64
    assert message in done.output
