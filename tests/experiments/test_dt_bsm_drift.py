"""A network that drifts after its certificate: tiny, from made-up rows, and what was recorded."""

import json
from pathlib import Path

import numpy as np
import pytest

from germane import report
from germane.experiments import Job, Row, read_rows, run
from germane.experiments.dt_bsm import DRIFT
from germane.experiments.dt_bsm._average_reward import average_reward
from germane.experiments.dt_bsm._drift import drifted, walks
from germane.mdp import regret, solve
from germane.networks import AdmissionControl

PAGES = Path(__file__).parents[2] / "docs" / "reproduce"
FOLDER = PAGES / "dt-bsm-drift"


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return run(DRIFT, DRIFT.settings["tiny"], tmp_path_factory.mktemp("rows"))


def test_the_tiny_size_runs_from_settings_to_plots(tiny):
    found = DRIFT.analysis(tiny).to_json()
    assert {claim["verdict"] for claim in found["claims"]} <= {"reproduced", "partly", "not"}
    for drawn in found["figures"].values():
        assert report.figure(drawn).startswith("<svg")


def test_a_job_run_again_alone_finds_the_same(tiny):
    for row in tiny[-2:]:
        assert dict(DRIFT.run_job(row.job)) == row.found


def test_every_bound_is_above_the_regret_of_the_hour_it_was_issued_in(tiny):
    for row in tiny:
        if row.job.task["find"] == "truth":
            for bounds in row.found["rungs"].values():
                assert (np.array(bounds) >= row.found["regret"]).all()


def test_a_network_does_not_move_before_the_first_hour_and_swings_with_the_day():
    network = AdmissionControl.tiny()
    rates = np.array(network.arrival_rate_per_s)

    def at(kind, drift, hour):
        return np.array(drifted(network, kind, drift, hour).arrival_rate_per_s) / rates

    assert at("ramp", 0.1, 0) == pytest.approx(1)
    assert at("none", 0.0, 9) == pytest.approx(1)
    assert at("ramp", 0.1, 5) == pytest.approx(1.5)
    assert at("wave", 0.3, 6) == pytest.approx(1.3)
    assert at("wave", 0.3, 18) == pytest.approx(0.7)
    assert at("wave", 0.3, 24) == pytest.approx(1)


def test_walks_earn_the_average_reward_of_the_stationary_distribution():
    mdp = AdmissionControl.tiny().mdp()
    policy = solve(mdp).policy
    start = np.zeros(400, dtype=int)
    path = walks(mdp, policy, start, 2000, np.random.default_rng(1))[200:]
    earned = mdp.r[path, np.asarray(policy)[path]].mean(axis=0)  # 400 independent means
    error = earned.std(ddof=1) / np.sqrt(len(earned))
    assert abs(earned.mean() - average_reward(mdp, policy)) < 4 * error


def made_up(alarms, regrets=(1.0, 1.0, 1.0, 3.0), still=(None,) * 200):
    """Rows of a still network and of one under a ramp; each bound is issued at 2."""
    flat = {name: [2.0, 3.0, 3.0, 3.0] for name in ("exact", "L5*", "L4s*", "L1", "L3")}

    def rows(kind, drift, regret, alarm_h):
        where = {"kind": kind, "drift": drift}
        truth = {"regret": list(regret), "rungs": flat}
        yield Row(Job(where | {"find": "truth"}, (0,)), truth)
        yield Row(Job(where | {"find": "alarms", "alpha": 0.05}, (0,)), {"alarm_h": list(alarm_h)})

    return [*rows("none", 0.0, [1.0] * 4, still), *rows("ramp", 0.1, regrets, alarms)]


def verdicts(rows):
    return [claim.verdict for claim in DRIFT.analysis(rows).claims]


def test_alarms_before_the_bound_is_false_are_told_from_those_after():
    early, late, none = [2.5] * 100, [3.5] * 100, [None] * 100
    assert verdicts(made_up(early)) == ["reproduced"] * 5
    assert verdicts(made_up(late)) == ["reproduced", "reproduced", "not", "not", "not"]
    assert verdicts(made_up(none)) == ["reproduced", "not", "not", "not", "not"]
    assert verdicts(made_up(early[:70] + late[:30]))[2:] == ["partly"] * 3


def test_a_bound_that_stays_true_needs_no_alarm():
    (claim,) = [c for c in DRIFT.analysis(made_up([None] * 9, [1.0] * 4)).claims if "L3" in c.text]
    assert (claim.verdict, claim.statistic) == ("reproduced", "never false under 1 of 1 drifts")


def test_many_false_alarms_are_told():
    assert verdicts(made_up([1.0] * 100, still=[1.0] * 30 + [None] * 170))[0] == "not"


def test_the_page_says_what_the_recorded_rows_say():
    rows = read_rows(FOLDER / "rows.jsonl")
    jobs = DRIFT.jobs(DRIFT.settings["default"])
    assert {row.job.key for row in rows} == {job.key for job in jobs}
    found = DRIFT.analysis(rows).to_json()
    recorded = json.loads((FOLDER / "analysis.json").read_text(encoding="utf-8"))
    assert recorded["claims"] == found["claims"]
    assert recorded["numbers"] == pytest.approx(found["numbers"], rel=1e-9, abs=1e-12)
    page = (PAGES / "dt-bsm.md").read_text(encoding="utf-8")
    for claim in found["claims"]:
        assert f"{claim['statistic']} | **{claim['verdict']}** |" in page


def test_a_recorded_regret_is_found_again_by_planning():
    rows = read_rows(FOLDER / "rows.jsonl")
    (row,) = [r for r in rows if r.job.task["find"] == "truth" and r.job.task["drift"] == 0.02]
    network = AdmissionControl.tiny()
    twin = network.perturbed(arrival_rate=-0.15, mean_service=-0.15, profit=(0.2, 0.2, -0.2))
    then = network.perturbed(arrival_rate=0.02 * 100).mdp()
    lost = regret(then, solve(twin.mdp()).policy).max()
    assert lost == pytest.approx(row.found["regret"][100], abs=1e-6)
