"""``germane verify``: what it finds by itself, its exit codes and what it says."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from germane.cli import app
from germane.mdp import FiniteMDP, solve, write_mdp
from strategies import transition_rows


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with two models, a policy, and a certificate of each kind."""
    folder = tmp_path_factory.mktemp("made")
    rng = np.random.default_rng(0)
    for name in ("real", "twin"):
        mdp = FiniteMDP(transition_rows(rng, "dense", 8, 4), rng.random((4, 2)), 0.9)
        write_mdp(mdp, folder / f"{name}.npz")
    np.save(folder / "policy.npy", solve(mdp).policy)
    models = folder / "real.npz", folder / "twin.npz"
    one = run("certify", *models, "--policy", folder / "policy.npy", "--out", folder / "one")
    every = run("certify", *models, "--twin-regret", 0.1, "--out", folder / "every")
    assert (one.exit_code, every.exit_code) == (0, 0)
    return folder


@pytest.fixture
def folder(made, tmp_path, monkeypatch):
    """A copy of it to work in."""
    shutil.copytree(made, tmp_path / "work")
    monkeypatch.chdir(tmp_path / "work")
    for kind in ("one", "every"):
        shutil.copy(f"{kind}/certificate.json", f"{kind}.json")
    return tmp_path / "work"


@pytest.mark.parametrize("kind", ["one", "every"])
def test_the_models_and_the_policy_beside_it_are_found(folder, kind):
    done = run("verify", f"{kind}.json")
    assert done.exit_code == 0, done.stdout
    assert "Proved. The bound holds" in done.stdout


def test_models_and_policy_can_be_named(folder):
    named = ("--real", "real.npz", "--twin", "twin.npz")
    done = run("verify", "one/certificate.json", *named, "--policy", "policy.npy", "--json")
    assert done.exit_code == 0, done.stdout
    verdict = json.loads(done.stdout)
    assert (verdict["schema"], verdict["answer"]) == ("germane.verdict/1", "proved")
    assert {"name", "status", "reason"} == set(verdict["checks"][0])
    assert run("verify", "one/certificate.json", *named).exit_code == 2


def test_what_is_refuted_exits_with_1(folder):
    done = run("verify", "one.json", "--real", "twin.npz")
    assert done.exit_code == 1
    assert "Refuted. This certificate must not be relied on." in done.stdout
    Path("one.json").write_text(Path("one.json").read_text().replace("exact", "exakt"))
    done = run("verify", "one.json", "--json")
    assert done.exit_code == 1
    refuted = [c["name"] for c in json.loads(done.stdout)["checks"] if c["status"] == "refuted"]
    assert refuted == ["file"]


def test_what_cannot_be_verified_exits_with_2(folder):
    Path("policy.npy").unlink()
    done = run("verify", "one.json")
    assert done.exit_code == 2
    assert "Not verified." in done.stdout


@pytest.mark.parametrize(
    ("arguments", "culprit"),
    [
        ("verify missing.json", "missing.json"),
        ("verify one/certificate.json", "--real"),
        ("verify one.json --real missing.npz", "missing.npz"),
        ("verify one.json --policy real.npz", "real.npz"),
        ("verify", "CERT.json"),
    ],
)
def test_misuse_exits_with_64(folder, arguments, culprit):
    done = run(*arguments.split())
    assert (done.exit_code, done.stdout) == (64, "")
    assert culprit in done.stderr


def test_a_file_that_is_no_certificate_is_refuted(folder):
    Path("one.json").write_text("[]")
    assert run("verify", "one.json").exit_code == 1
    Path("one.json").write_text("no json")
    assert run("verify", "one.json").exit_code == 1
