"""Figures 5 and 6 of the DT-BSM paper, in their tiny size and without PPO where its extra is missing."""

import html
import json
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from germane import report
from germane.experiments import EXPERIMENTS, read_rows, run
from germane.experiments.dt_bsm import FIG5, FIG6
from germane.experiments.dt_bsm._average_reward import average_reward
from germane.experiments.dt_bsm._worst_loss import worst_per_bin
from germane.mdp import FiniteMDP, evaluate
from germane.networks import AdmissionControl

PAGES = Path(__file__).parents[2] / "docs" / "reproduce"
FIGURES = pytest.mark.parametrize("figure", [FIG5, FIG6], ids=lambda figure: figure.name)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """The folder of results of each figure; PPO only where it is installed."""
    folders = {}
    for figure in (FIG5, FIG6):
        settings = figure.settings["tiny"]
        if find_spec("stable_baselines3") is None:
            settings = replace(settings, n_trainings=0, n_references=0)
        folders[figure] = tmp_path_factory.mktemp("rows")
        run(figure, settings, folders[figure])
    return folders


@FIGURES
def test_the_tiny_size_runs_from_settings_to_plots(figure, tiny):
    rows = read_rows(tiny[figure] / "rows.jsonl")
    found = figure.analysis(rows).to_json()
    assert {claim["verdict"] for claim in found["claims"]} <= {"reproduced", "partly", "not"}
    for drawn in found["figures"].values():
        svg = report.figure(drawn)
        assert svg.startswith("<svg")
        assert drawn["alt"][:20] in svg


@FIGURES
def test_every_rung_is_above_the_regret_of_every_test(figure, tiny):
    for row in read_rows(tiny[figure] / "rows.jsonl"):
        assert min(row.found["rungs"].values()) >= row.found["regret"]


@FIGURES
def test_the_twin_without_errors_is_the_real_network(figure, tiny):
    (row,) = [
        row
        for row in read_rows(tiny[figure] / "rows.jsonl")
        if row.job.task["twin"] == 0 and row.job.task["learner"] == "planner"
    ]
    assert row.found["reward_discrepancy"] == row.found["max_tv"] == row.found["regret"] == 0


@pytest.mark.parametrize(
    ("figure", "same", "off"),
    [(FIG5, "max_tv", "reward_discrepancy"), (FIG6, "reward_discrepancy", "max_tv")],
)
def test_twins_are_wrong_in_one_thing_only_and_by_more_and_more(figure, same, off, tiny):
    rows = [row for row in read_rows(tiny[figure] / "rows.jsonl") if row.job.task["twin"]]
    assert {row.found[same] for row in rows} == {0.0}
    by_twin = [row.found[off] for row in sorted(rows, key=lambda row: row.job.task["twin"])]
    assert by_twin[0] < by_twin[-1]
    for row in rows:
        most = 0.9 * row.job.task["twin"] / 6
        assert max(np.abs(e).max() for e in row.job.task["errors"].values()) <= most


@FIGURES
def test_a_job_run_again_alone_finds_the_same(figure, tiny):
    row = read_rows(tiny[figure] / "rows.jsonl")[-1]
    assert dict(figure.run_job(row.job)) == row.found


def test_default_has_two_hundred_trainings_and_a_job_of_each_its_own_key():
    for figure in (FIG5, FIG6):
        jobs = figure.jobs(figure.settings["default"])
        in_twins = [j for j in jobs if j.task["learner"] == "ppo" and j.task["twin"]]
        assert len(in_twins) >= 200
        assert len({job.key for job in jobs}) == len({job.seed for job in in_twins}) + 81 + 12


@FIGURES
def test_the_page_says_what_the_recorded_rows_say(figure):
    folder = PAGES / figure.name.replace("/", "-")
    rows = read_rows(folder / "rows.jsonl")
    assert {row.job.key for row in rows} == {j.key for j in figure.jobs(figure.settings["default"])}
    found = figure.analysis(rows).to_json()
    recorded = json.loads((folder / "analysis.json").read_text(encoding="utf-8"))
    assert recorded["claims"] == found["claims"]
    assert recorded["numbers"] == pytest.approx(found["numbers"], rel=1e-9, abs=1e-12)
    page = (PAGES / "dt-bsm.md").read_text(encoding="utf-8")
    for claim in found["claims"][:3]:
        assert f"{claim['statistic']} | **{claim['verdict']}** |" in page
    for name, drawn in found["figures"].items():
        svg = (folder / f"{name}.svg").read_text(encoding="utf-8")
        assert html.escape(drawn["alt"]) in svg


@FIGURES
def test_a_recorded_planned_policy_is_found_again(figure):
    rows = read_rows(PAGES / figure.name.replace("/", "-") / "rows.jsonl")
    wanted = (40, "planner")
    (row,) = [r for r in rows if (r.job.task["twin"], r.job.task["learner"]) == wanted]
    again = figure.run_job(row.job)
    for name in ("reward_discrepancy", "max_tv", "average_reward", "regret"):
        assert again[name] == pytest.approx(row.found[name], rel=1e-9, abs=1e-9)


def test_names_are_paper_and_figure():
    assert list(EXPERIMENTS) == [experiment.name for experiment in EXPERIMENTS.values()]
    assert {"dt-bsm/fig5", "dt-bsm/fig6"} <= set(EXPERIMENTS)


def test_the_average_reward_is_that_of_a_chain_solved_by_hand():
    # from state 0 one stays with 3/4, from state 1 with 1/2: stationary (2/3, 1/3)
    mdp = FiniteMDP([[[0.75, 0.25]], [[0.5, 0.5]]], [[3.0], [0.0]], 0.9)
    assert average_reward(mdp, [0, 0]) == pytest.approx(2.0, abs=1e-14)


def test_the_average_reward_is_what_the_discounted_value_tends_to():
    network = replace(AdmissionControl.tiny(), gamma=0.999999)
    mdp = network.mdp()
    policy = np.random.default_rng(0).integers(mdp.n_actions, size=mdp.n_states)
    value = evaluate(mdp, policy, tol=1e-3).v
    # (1 - gamma) v = average + (1 - gamma) bias, and the bias is of the size of a few rewards
    assert (1 - mdp.gamma) * value == pytest.approx(average_reward(mdp, policy), abs=1e-4)


def test_bins_hold_equally_many_tests_and_their_worst():
    x, loss = np.arange(32.0), np.where(np.arange(32) % 8 == 3, 5.0, 1.0) + np.arange(32)
    centres, worst = worst_per_bin(x[::-1], loss[::-1])
    assert centres.tolist() == [3.5, 11.5, 19.5, 27.5]
    assert worst.tolist() == [8.0, 16.0, 24.0, 32.0]
