"""The command line: what it answers, with which exit code, and what it leaves behind."""

import json
import re
import shlex
from pathlib import Path

import gymnasium
import numpy as np
import pytest
from typer.testing import CliRunner

from germane import certify, dt_bsm, report, solve
from germane.cli import _show, app
from germane.mdp import FiniteMDP, from_gymnasium, read_mdp, regret, write_mdp
from records import RECORD
from strategies import transition_rows

FILES = ("certificate.json", "distances.npz", "report.html", "report.json")


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def said(done):
    """Standard output, however its lines were broken."""
    return " ".join(done.stdout.split())


def an_mdp(seed, n_states=4, n_actions=2, gamma=0.9):
    rng = np.random.default_rng(seed)
    P = transition_rows(rng, "dense", n_states * n_actions, n_states)
    return FiniteMDP(P, rng.random((n_states, n_actions)), gamma)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working folder with a real model, a twin that is a little wrong, and their policies."""
    monkeypatch.chdir(tmp_path)
    real = an_mdp(0)
    twin = FiniteMDP(0.9 * real.transitions + 0.1 * an_mdp(1).transitions, real.r, 0.9)
    write_mdp(real, "real.npz")
    write_mdp(twin, "twin.npz")
    write_mdp(an_mdp(2, n_states=3), "three.npz")
    np.save("policy.npy", solve(twin).policy)
    np.save("worst.npy", solve(FiniteMDP(real.transitions, -real.r, 0.9)).policy)
    return tmp_path


def models():
    return read_mdp("real.npz"), read_mdp("twin.npz")


# The verdict as an exit code ------------------------------------------------------------------------


def test_a_claim_that_holds_exits_with_0(folder):
    done = run("certify", "real.npz", "twin.npz", "--policy", "policy.npy", "--max-regret", 5)
    assert done.exit_code == 0, done.stderr
    assert "Pass. This policy loses" in said(done)


def test_a_claim_that_does_not_hold_exits_with_1(folder):
    real, _ = models()
    loss = regret(real, np.load("worst.npy")).max()
    just_below = loss * (1 - 1e-6)
    done = run(
        "certify", "real.npz", "twin.npz", "--policy", "worst.npy", "--max-regret", just_below
    )
    assert done.exit_code == 1, done.stderr
    assert "Fail. This policy loses more than" in said(done)


def test_a_claim_that_the_bounds_leave_open_exits_with_2(folder):
    done = run("certify", "real.npz", "twin.npz", "--twin-regret", 0.25, "--max-regret", 0.001)
    assert done.exit_code == 2, done.stderr
    assert "Cannot certify." in said(done)


def test_without_a_claim_it_exits_with_0_even_if_the_bound_is_vacuous(folder):
    write_mdp(FiniteMDP(np.ones((1, 2, 1)), [[0.0, 1.0]], 0.9), "choice.npz")
    done = run("certify", "choice.npz", "choice.npz", "--twin-regret", 100)
    assert done.exit_code == 0, done.stderr
    assert "The bound is vacuous" in said(done)


def test_a_certificate_without_a_policy_is_for_all_that_lose_little_in_the_twin(folder):
    done = run("certify", "real.npz", "twin.npz", "--twin-regret", 0.25, "--json")
    record = json.loads(done.stdout)
    assert record["certificate"]["twin_regret"] == 0.25
    assert record["policy"] is None
    real, twin = models()
    assert record["certificate"]["bound"] == certify(real, twin, twin_regret=0.25).bound


@pytest.mark.parametrize(
    ("arguments", "culprit"),
    [
        ("certify real.npz", "TWIN"),
        ("certify real.npz twin.npz --polcy policy.npy", "--polcy"),
        ("certify real.npz twin.npz --max-regret little", "--max-regret"),
        ("certify real.npz twin.npz --max-regret -1", "--max-regret"),
        ("certify real.npz twin.npz --max-regret nan", "--max-regret"),
        ("certify real.npz twin.npz --twin-regret -1", "--twin-regret"),
        ("certify real.npz twin.npz --twin-regret inf", "--twin-regret"),
        ("certify real.npz twin.npz --tol -1", "tol"),
        ("certify real.npz twin.npz --max-seconds -1", "max_seconds"),
        ("certify real.npz twin.npz --gamma 0.5", "real.npz"),
        ("certify real.npz missing.npz", "missing.npz"),
        ("certify real.npz three.npz", "n_states"),
        ("certify real.npz twin.npz --policy missing.npy", "missing.npy"),
        ("certify real.npz twin.npz --policy policy.txt", "policy.txt"),
        ("certify real.npz twin.npz --policy real.npz", "real.npz"),
        ("certify real.npz twin.npz --policy policy.npy --twin-regret 1", "--twin-regret"),
        ("certify real.npz twin.npz --out real.npz", "real.npz"),
        ("certify real.npz model.xml", "model.xml"),
        ("certify real.npz small-world", "small-world"),
        ("certify real.npz admission-control?size=huge", "huge"),
        ("distance real.npz missing.drn --gamma 0.9", "missing.drn"),
        ("demo --size enormous", "enormous"),
        ("demo --seed -1", "--seed"),
        ("divine real.npz", "divine"),
        ("--loud", "--loud"),
    ],
)
def test_misuse_exits_with_64_and_one_line_that_names_the_culprit(folder, arguments, culprit):
    done = run(*arguments.split())
    assert done.exit_code == 64
    assert done.stdout == ""
    assert re.fullmatch(r"germane: [^\n]+\n", done.stderr), done.stderr
    assert culprit in done.stderr


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("p.json", '{"policy": [0, 1, 2, 0]}', "policy[2] must be an action in 0..1; got 2"),
        ("p.json", "[0, 1, [1], 0]", "one action, or one row"),
        ("p.json", '["up", "down"]', "one action, or one row"),
        ("p.json", "[0, 1,", "p.json, line 1: not JSON"),
        ("p.csv", "0\nup\n1\n1\n", "p.csv, line 2: must hold numbers only; got 'up'"),
        ("p.csv", "0.5,0.5\n1,0\n1\n0,1\n", "p.csv, line 3: must have 2 columns; got 1"),
        ("p.csv", "0.5,0.4\n1,0\n1,0\n0,1\n", "p.csv: policy[0] must be probabilities"),
        ("p.csv", "", "p.csv: a policy is (4,) integers or (4, 2) probabilities"),
        ("p.npy", "not an array", "p.npy: not a NumPy array"),
        ("p.npz", "not an archive", "p.npz: not a NumPy archive"),
    ],
)
def test_a_policy_file_that_holds_no_policy_is_refused(folder, name, text, says):
    Path(name).write_text(text)
    done = run("certify", "real.npz", "twin.npz", "--policy", name)
    assert done.exit_code == 64
    assert done.stderr.startswith("germane: ")
    assert done.stderr.count("\n") == 1
    assert says in done.stderr


def test_a_binary_file_under_a_text_suffix_is_refused(folder):
    Path("p.csv").write_bytes(Path("policy.npy").read_bytes())
    done = run("certify", "real.npz", "twin.npz", "--policy", "p.csv")
    assert (done.exit_code, done.stderr.count("\n")) == (64, 1)
    assert "p.csv: not UTF-8 text" in done.stderr


def test_one_policy_in_every_format_is_the_same_policy(folder):
    policy = np.load("policy.npy")
    pi = np.eye(2)[policy]
    np.savez("p.npz", policy=policy, other=0)
    np.savez("one.npz", policy)
    np.save("pi.npy", pi)
    Path("p.json").write_text(json.dumps(policy.tolist()))
    Path("pi.json").write_text(json.dumps({"policy": pi.tolist()}))
    Path("p.csv").write_text("\n".join(map(str, policy)) + "\n\n")
    Path("line.csv").write_text(",".join(map(str, policy)))
    Path("pi.csv").write_text("\ufeff" + "\n".join(f"{x},{y}" for x, y in pi))
    names = "policy.npy p.npz one.npz pi.npy p.json pi.json p.csv line.csv pi.csv twin-optimal"
    found = set()
    for name in names.split():
        done = run("certify", "real.npz", "twin.npz", "--policy", name, "--json")
        assert done.exit_code == 0, done.stderr
        found.add(json.loads(done.stdout)["certificate"]["fingerprints"]["policy"])
    assert len(found) == 1


# What is left behind --------------------------------------------------------------------------------


def test_the_folder_holds_the_certificate_the_record_the_page_and_the_distances(folder):
    done = run("certify", "real.npz", "twin.npz", "--policy", "policy.npy", "--out", "a/b")
    assert done.exit_code == 0, done.stderr
    assert sorted(path.name for path in Path("a/b").iterdir()) == sorted(FILES)
    real, twin = models()
    expected = certify(real, twin, policy=np.load("policy.npy"))
    expected.save("expected.json")
    assert Path("a/b/certificate.json").read_bytes() == Path("expected.json").read_bytes()
    metric = dt_bsm(real, twin)
    with np.load("a/b/distances.npz") as distances:
        np.testing.assert_array_equal(distances["lower"], metric.lower)
        np.testing.assert_array_equal(distances["upper"], metric.upper)


def test_the_page_can_be_made_again_from_the_record_alone(folder):
    run("certify", "real.npz", "twin.npz", "--policy", "policy.npy", "--out", "a")
    record = json.loads(Path("a/report.json").read_text(encoding="utf-8"))
    assert report.render(record) == Path("a/report.html").read_text(encoding="utf-8")


def test_the_recorded_command_gives_the_same_page_again(folder):
    run(
        "certify",
        "real.npz",
        "twin.npz",
        "--policy",
        "twin-optimal",
        "--max-regret",
        1,
        "--out",
        "a",
    )
    record = json.loads(Path("a/report.json").read_text(encoding="utf-8"))
    words = shlex.split(record["provenance"]["command"].replace("--out DIR", "--out b"))
    assert words[0] == "germane"
    assert run(*words[1:]).exit_code == 0
    for name in FILES:
        if name != "report.json":  # the clock is in it
            assert Path("a", name).read_bytes() == Path("b", name).read_bytes(), name
    again = json.loads(Path("b/report.json").read_text(encoding="utf-8"))
    assert record | {"timings": None} == again | {"timings": None}


def test_without_out_nothing_is_written(folder):
    before = sorted(folder.iterdir())
    assert run("certify", "real.npz", "twin.npz").exit_code == 0
    assert run("distance", "real.npz", "twin.npz").exit_code == 0
    assert sorted(folder.iterdir()) == before


def test_what_the_record_derives_follows_from_the_models(folder):
    arguments = ("certify", "real.npz", "twin.npz", "--policy", "worst.npy", "--json")
    record = json.loads(run(*arguments).stdout)
    real, twin = models()
    worst = np.load("worst.npy")
    losses = regret(real, worst)
    assert [row["state"] for row in record["states"]["worst"]] == np.argsort(-losses).tolist()
    assert record["states"]["median"] == pytest.approx(np.sort(losses)[1])
    assert record["bound_per_step"] == pytest.approx(losses.max() * 0.1)
    assert record["effective_horizon"] == pytest.approx(10)
    assert (
        record["evidence"]["loss"]["lower"] <= losses.max() <= record["evidence"]["loss"]["upper"]
    )
    given, planned = record["evidence"]["policies"]
    assert (given["certified"], planned["certified"]) == (True, False)
    assert given["loss_in_twin"] == pytest.approx(regret(twin, worst).max())
    assert planned["loss_on_real"] == pytest.approx(
        regret(real, solve(twin).policy).max(), abs=1e-9
    )
    row = record["drivers"][0]
    assert row["reward_real"] == real.r[row["state"], row["actions"][0]]
    assert row["reward_twin"] == twin.r[row["state"], row["actions"][0]]
    assert row["relative"] == 1


def shape(value):
    """The names in a JSON document; of a list, those of its first entry."""
    if isinstance(value, dict):
        return {name: shape(item) for name, item in value.items()}
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return [shape(value[0])]
    return ...


def test_the_record_has_the_form_that_the_report_is_tested_with(tmp_path):
    """So that a page made of ``RECORD`` stands for a page made by a command."""
    assert run("demo", "--size", "tiny", "--out", tmp_path).exit_code == 0
    record = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    free = {"certificate": ..., "provenance": ...}  # parts and settings differ from case to case
    assert shape(record) | free == shape(RECORD) | free
    for name in ("certificate", "provenance"):
        assert record[name].keys() == RECORD[name].keys()


def test_json_on_standard_output_is_the_record_and_nothing_else(folder):
    done = run("certify", "real.npz", "twin.npz", "--max-regret", 5, "--json", "--out", "a")
    assert done.exit_code == 0
    assert json.loads(done.stdout)["schema"] == report.SCHEMA
    assert done.stdout == Path("a/report.json").read_text(encoding="utf-8")


def test_what_a_reader_had_to_do_is_said(folder):
    Path("m.tra").write_text("2 3 4\n0 0 0 1.0\n0 1 0 0.2\n0 1 1 0.79999995\n1 0 1 1.0\n")
    Path("m.srew").write_text("2 1\n1 1.0\n")
    done = run("certify", "m.tra", "m.tra", "--gamma", 0.9)
    assert done.exit_code == 64
    assert "m.tra" in done.stderr
    done = run("certify", "m.tra", "m.tra", "--gamma", 0.9, "--renormalise", "--out", "a")
    assert done.exit_code == 0, done.stderr
    page = Path("a/report.html").read_text(encoding="utf-8")
    for text in (said(done), page):
        assert "1 missing actions were filled in" in text
        assert "rows were divided by their sums" in text


def test_a_large_certificate_can_be_had_in_little_time(folder):
    done = run("certify", "real.npz", "twin.npz", "--max-seconds", 1e-9, "--json")
    assert done.exit_code == 0, done.stderr
    record = json.loads(done.stdout)
    assert record["metric"]["stop"] == "time"
    real, twin = models()
    low, high = record["metric"]["max_diagonal"]
    exact = dt_bsm(real, twin).max_diagonal
    assert low <= exact[0] <= exact[1] <= high


def test_an_interrupt_keeps_what_is_certain_and_writes_it(folder, monkeypatch):
    def interrupted(metric):
        raise KeyboardInterrupt

    monkeypatch.setattr(_show, "_so_far", interrupted)
    done = run("certify", "real.npz", "twin.npz", "--policy", "policy.npy", "--out", "a")
    assert done.exit_code == 0, done.stderr
    assert "Interrupted: going on with what is certain so far." in done.stderr
    assert "it was interrupted" in said(done)
    record = json.loads(Path("a/report.json").read_text(encoding="utf-8"))
    assert record["metric"]["stop"] == "interrupt"
    real, twin = models()
    assert record["metric"]["max_diagonal"][1] >= dt_bsm(real, twin).max_diagonal[1]


def test_an_interrupt_before_anything_is_certain_exits_with_130(folder, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("germane.mdp.read_model", interrupted)
    done = run("certify", "real.npz", "twin.npz")
    assert done.exit_code == 130
    assert done.stderr == "germane: interrupted before anything was certain\n"


# Models that people know ----------------------------------------------------------------------------


@pytest.fixture
def lakes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, slippery in (("slippery.npz", True), ("dry.npz", False)):
        env = gymnasium.make("FrozenLake-v1", is_slippery=slippery)
        write_mdp(from_gymnasium(env.unwrapped.P, 0.95), name)


def test_a_walker_trained_on_a_dry_lake_is_certified_for_the_slippery_one(lakes):
    arguments = ("certify", "slippery.npz", "dry.npz", "--policy", "twin-optimal")
    record = json.loads(run(*arguments, "--json").stdout)
    certificate = record["certificate"]
    loss = regret(read_mdp("slippery.npz"), solve(read_mdp("dry.npz")).policy).max()
    bounds = {rung["name"]: rung["value"] for rung in certificate["rungs"]}
    assert loss <= certificate["bound"] <= loss + 1e-9
    assert all(loss <= bound for bound in bounds.values())
    assert bounds["L3"] <= bounds["L1"]
    assert run(*arguments, "--max-regret", loss * 1.001).exit_code == 0
    assert run(*arguments, "--max-regret", loss * 0.999).exit_code == 1
    assert "Both published bounds are vacuous" in said(run(*arguments))


def test_a_named_network_is_a_model_like_any_other():
    same = json.loads(
        run(
            "certify", "admission-control?size=tiny", "admission-control?size=tiny", "--json"
        ).stdout
    )
    assert same["certificate"]["bound"] < 1e-6
    assert same["drivers"] == []
    assert same["twin_errors"] == []
    assert same["repairs"] is None
    off = json.loads(
        run(
            "certify",
            "admission-control?size=tiny",
            "admission-control?size=tiny&profit=+0.5,1,-0.25",
            "--gamma",
            0.8,
            "--json",
        ).stdout
    )
    assert off["gamma"] == 0.8
    assert [(row["parameter"], row["relative"]) for row in off["twin_errors"]] == [
        ("eMBB: profit of a request", 0.5),
        ("URLLC: profit of a request", -0.25),
    ]
    assert "queued" in off["drivers"][0]["state_name"]
    assert off["drivers"][0]["action_names"][0].startswith("admit ")


def test_the_terminal_says_which_parameter_to_repair_first_and_what_that_leaves():
    network = "admission-control?size=tiny"
    arguments = ("certify", network, f"{network}&profit=+0.5,1,1&mean_service=1,1.01,1")
    found = json.loads(run(*arguments, "--json").stdout)["repairs"]
    first = found["first"][0]
    assert (first["subject"], first["twin"], first["real"]) == ("eMBB: profit of a request", 6, 4)
    assert first["after"] < 0.2 * found["before"]
    assert first["remaining"] == first["after"] / found["before"]
    shown = said(run(*arguments))
    assert "Repair first, then plan again in the twin (bound L4" in shown
    assert "1. eMBB: profit of a request, from 6 to 4: " in shown
    assert "4. " not in shown.partition("Repair first")[2]


def test_a_file_is_repaired_row_by_row_by_the_names_it_has(folder):
    found = json.loads(run("certify", "real.npz", "twin.npz", "--json").stdout)["repairs"]
    assert {row["part"] for row in found["first"]} == {"transitions"}
    assert found["first"][0]["subject"].startswith("state ")
    assert ", action " in found["first"][0]["subject"]


# The metric alone -----------------------------------------------------------------------------------


def test_the_distance_is_an_interval_around_the_metric(folder):
    done = run("distance", "real.npz", "twin.npz", "--json", "--out", "a")
    assert done.exit_code == 0, done.stderr
    found = json.loads(done.stdout)
    real, twin = models()
    metric = dt_bsm(real, twin)
    assert found["schema"] == "germane.distance/1"
    assert found["max_diagonal"] == list(metric.max_diagonal)
    assert found["error_bound"] == metric.error_bound
    assert sorted(path.name for path in Path("a").iterdir()) == ["distance.json", "distances.npz"]
    assert Path("a/distance.json").read_text(encoding="utf-8") == done.stdout


def test_models_of_different_size_have_a_distance_but_no_diagonal(folder):
    found = json.loads(run("distance", "real.npz", "three.npz", "--json").stdout)
    metric = dt_bsm(read_mdp("real.npz"), read_mdp("three.npz"))
    assert found["max_diagonal"] is None
    assert found["max_total_variation_metric"] is None
    assert found["real_to_nearest_twin"][1] == metric.upper.min(axis=1).max()
    assert found["twin_to_nearest_real"][0] == metric.lower.min(axis=0).max()
    assert "there is no d(s, s)" in said(run("distance", "real.npz", "three.npz"))


# The demonstration, and the rest --------------------------------------------------------------------


def test_the_demonstration_goes_the_whole_way_and_repeats_to_the_byte(tmp_path):
    runs = [run("demo", "--size", "tiny", "--seed", 3, "--out", tmp_path / name) for name in "ab"]
    assert [done.exit_code for done in runs] == [0, 0]
    assert "report.html in a browser" in said(runs[0])
    a, b = (tmp_path / name for name in "ab")
    assert sorted(path.name for path in a.iterdir()) == sorted(
        [*FILES, "policy.npy", "real.npz", "twin.npz"]
    )
    for path in a.iterdir():
        if path.name != "report.json":
            assert path.read_bytes() == (b / path.name).read_bytes(), path.name
    record = json.loads((a / "report.json").read_text(encoding="utf-8"))
    truth = regret(read_mdp(a / "real.npz"), np.load(a / "policy.npy")).max()
    assert truth <= record["certificate"]["bound"] <= truth + 1e-9
    assert record["answer"] == "pass"
    checkpoints = record["training"]["checkpoints"]
    assert checkpoints[-1]["loss_in_twin"] < checkpoints[0]["loss_in_twin"]


def test_a_demonstration_that_fails_its_claim_is_still_a_demonstration(tmp_path):
    done = run("demo", "--size", "tiny", "--max-regret", 0, "--out", tmp_path)
    assert done.exit_code == 0, done.stderr
    assert "Fail." in said(done)


def test_the_version_and_the_help_are_on_standard_output():
    done = run("--version")
    assert (done.exit_code, done.stdout.split()[0]) == (0, "germane")
    for command in ("certify", "distance", "demo"):
        assert run(command, "--help").exit_code == 0
        assert command in run("--help").stdout
