"""certify and plan where the real network is known from a log."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from typer.testing import CliRunner

import germane
from families import admission
from germane.cli import app
from samples import drawn


def run(*arguments):
    return CliRunner().invoke(app, [str(word) for word in arguments])


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    """A folder with a log (estimate and rows), a twin and a policy."""
    folder = tmp_path_factory.mktemp("logs")
    rng = np.random.default_rng(0)
    real, twin = admission(rng, 0.9, 0.05)
    log = drawn(real, 3000, rng)
    log.save(folder / "log.npz")
    rows = log.counts.tocoo()
    lines = ["episode,state,action,reward,next_state"]
    for pair, after, n in zip(rows.row, rows.col, rows.data, strict=True):
        s, a = divmod(int(pair), real.n_actions)
        lines += [f"{pair},{s},{a},{float(real.r[s, a])!r},{after}"] * int(n)
    (folder / "log.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    germane.write_mdp(real, folder / "real.npz")
    germane.write_mdp(twin, folder / "twin.npz")
    np.save(folder / "pi.npy", germane.solve(twin).policy)
    return folder


@pytest.fixture(autouse=True)
def _in_the_folder(scene, monkeypatch):
    monkeypatch.chdir(scene)


def certified(*options):
    done = run("certify", *options, "--json")
    assert done.exit_code in (0, 2), done.output
    return json.loads(done.stdout)


def test_the_certificate_is_that_of_the_library():
    told = certified("log.npz", "twin.npz", "--policy", "pi.npy", "--known-support")
    found = germane.certify(
        germane.read_estimate("log.npz"),
        germane.read_mdp("twin.npz"),
        policy=np.load("pi.npy"),
        known_support=True,
    )
    assert told["certificate"]["bound"] == found.bound
    assert told["certificate"]["confidence"] == 0.95
    assert told["certificate"]["sampling"]["n_transitions"] == 3000 * 12 * 4
    assert {row["status"] for row in told["assumptions"]} == {"checked", "assumed"}


def test_rows_of_a_log_say_the_same_as_their_counts():
    """The reward range is given, since rows alone show no more than they hold."""
    low, high = germane.read_estimate("log.npz").reward_range
    options = ("twin.npz", "--policy", "pi.npy", "--confidence", "0.9")
    by_rows = certified("log.csv", *options, "--reward-range", low, high)
    by_counts = certified("log.npz", *options)
    assert by_rows["certificate"]["bound"] == pytest.approx(
        by_counts["certificate"]["bound"], rel=1e-9
    )


@pytest.mark.parametrize(
    ("limit", "code", "answer"), [(1e6, 0, "pass"), (1e-6, 2, "cannot certify")]
)
def test_the_exit_code_is_the_answer(limit, code, answer):
    done = run("certify", "log.npz", "twin.npz", "--max-regret", limit, "--json")
    assert done.exit_code == code
    assert json.loads(done.stdout)["answer"] == answer


def test_the_command_on_the_page_gives_the_same_bound_again(tmp_path):
    options = ["--policy", "pi.npy", "--known-rewards", "--confidence", "0.9"]
    options += ["--tv-tolerance", "0.1", "--reward-tolerance", "1"]
    done = run("certify", "log.npz", "twin.npz", *options, "--out", tmp_path)
    assert done.exit_code == 0, done.output
    record = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    words = record["provenance"]["command"].replace("--out DIR", "--json").split()[1:]
    again = json.loads(run(*words).stdout)
    assert again["certificate"] == record["certificate"]
    assert "no row of the twin is off" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_the_terminal_says_what_was_tried_and_which_samples_would_help():
    said = " ".join(run("certify", "log.npz", "twin.npz", "--policy", "pi.npy").output.split())
    assert "With probability 95" in said
    assert "Every one of the 48 pairs of state and action was tried." in said
    assert re.search(r"\d further samples, of \d+ pairs, should bring the bound to", said)


def test_a_plan_is_that_of_the_library(tmp_path):
    done = run(
        "plan", "log.npz", "twin.npz", "--policy", "pi.npy", "--target", 3, "--out", tmp_path
    )
    assert done.exit_code == 0, done.output
    told = json.loads((tmp_path / "plan.json").read_text(encoding="utf-8"))
    plan = germane.sample_plan(
        germane.read_estimate("log.npz"),
        germane.read_mdp("twin.npz"),
        policy=np.load("pi.npy"),
        target=3.0,
    )
    assert told["n_samples"] == plan.n_samples > 0
    assert len(told["more"]) == told["n_pairs"]
    assert "further samples" in done.output


def test_no_sample_is_needed_where_the_target_is_met():
    done = run("plan", "log.npz", "twin.npz", "--target", 1e6)
    assert done.exit_code == 0
    assert "No further sample is needed." in done.output


@pytest.mark.parametrize(
    ("words", "culprit"),
    [
        (["certify", "real.npz", "twin.npz", "--known-support"], "--known-support"),
        (["certify", "log.npz", "twin.npz", "--tv-tolerance", 0.1], "--reward-tolerance"),
        (["certify", "log.npz", "twin.npz", "--confidence", 1.5], "confidence"),
        (["certify", "log.npz", "log.npz"], "split the log"),
        (["certify", "nowhere.csv", "twin.npz"], "nowhere.csv"),
        (["certify", "log.csv", "log.csv"], "log.csv: a log holds no discount: give --gamma"),
        (["plan", "twin.npz", "log.npz", "--target", 1], "twin.npz is no log"),
        (["plan", "log.npz", "twin.npz", "--target", -1], "--target"),
        (["plan", "log.npz", "twin.npz", "--target", 0], "target must be above"),
    ],
)
def test_misuse_exits_with_64_and_one_line_that_names_the_culprit(words, culprit):
    done = run(*words)
    assert done.exit_code == 64
    assert culprit in done.stderr
    assert done.stderr.count("\n") == 1
