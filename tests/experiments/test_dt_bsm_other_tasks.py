"""The tests of Figures 5 and 6 in other networks: tiny, from made-up rows, and what was recorded."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from germane import report
from germane.experiments import Job, Row, read_rows, run
from germane.experiments.dt_bsm import OTHER_TASKS
from germane.experiments.dt_bsm._bursty import BurstyAdmissionControl
from germane.experiments.dt_bsm._other_tasks import n_closed_classes
from germane.mdp import FiniteMDP, solve

PAGES = Path(__file__).parents[2] / "docs" / "reproduce"


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return run(OTHER_TASKS, OTHER_TASKS.settings["tiny"], tmp_path_factory.mktemp("rows"))


def test_the_tiny_size_runs_from_settings_to_plots(tiny):
    found = OTHER_TASKS.analysis(tiny).to_json()
    assert {claim["verdict"] for claim in found["claims"]} <= {"reproduced", "partly", "not"}
    for drawn in found["figures"].values():
        assert report.figure(drawn).startswith("<svg")


def test_every_rung_is_above_the_regret_and_the_real_network_loses_nothing(tiny):
    for row in tiny:
        for policy in row.found["policies"]:
            assert min(policy["rungs"].values()) >= policy["regret"]
        if not row.job.task["twin"]:
            assert row.found["max_tv"] == row.found["reward_discrepancy"] == 0
            assert row.found["policies"][0]["regret"] == 0


def test_wrong_rewards_leave_the_transitions_right(tiny):
    for row in tiny:
        if row.job.task["wrong"] == "rewards":
            assert row.found["max_tv"] == 0
        if row.job.task["wrong"] == "processes":
            assert row.found["max_tv"] > 0


def test_a_job_run_again_alone_finds_the_same(tiny):
    assert dict(OTHER_TASKS.run_job(tiny[-1].job)) == tiny[-1].found


def made_up(loss):
    """Rows of one network whose policies lose ``loss(discrepancy)`` of average reward, and as much regret."""

    def row(twin, wrong, x):
        lost = loss(x)
        policy = {
            "average_reward": 2.0 - lost,
            "regret": lost,
            "rungs": {"L0": 9.0, "L1": 10.0, "L3": 8.0, "L4s*": 5.0, "L5*": 5.0},
        }
        found = {
            "average_reward_at_random": 1.0,
            "reward_span": 1.0,
            "reward_discrepancy": x,
            "max_tv": x,
            "policies": [policy | {"learner": who} for who in ("planner", "q-learning")],
        }
        return Row(Job({"network": "toy", "twin": twin, "wrong": wrong}, (twin,)), found)

    twins = [(n, wrong, n / 80) for n in range(1, 81) for wrong in ("rewards", "processes")]
    return [row(0, "nothing", 0.0), *(row(*twin) for twin in twins)]


def test_losses_on_a_line_are_linear_and_a_late_step_is_not():
    line = OTHER_TASKS.analysis(made_up(lambda x: 0.5 * x))
    assert [claim.verdict for claim in line.claims] == ["reproduced"] * 6
    step = OTHER_TASKS.analysis(made_up(lambda x: 0.0 if x < 0.9 else 1.0))
    assert [claim.verdict for claim in step.claims[:3]] == ["not"] * 3
    assert line.claims[4].statistic.endswith("below the trivial bound L0 in 0 of 320")
    assert line.claims[5].statistic.endswith("below the trivial bound L0 in 320 of 320")


def test_a_bound_below_one_loss_is_told():
    rows = made_up(lambda x: 9.5 * x)
    (claim,) = [c for c in OTHER_TASKS.analysis(rows).claims if "(L3)" in c.text]
    assert claim.verdict == "not"


def test_where_nothing_is_lost_nothing_is_claimed():
    found = OTHER_TASKS.analysis(made_up(lambda x: 0.0))
    assert found.claims[0].statistic.endswith("nothing lost in 2")


def test_a_policy_whose_reward_depends_on_the_start_is_left_out():
    rows = made_up(lambda x: 0.5 * x)
    rows[5].found["policies"][0]["average_reward"] = None
    numbers = OTHER_TASKS.analysis(rows).numbers
    assert numbers["policies with one stationary distribution"] == numbers["policies"] - 1


def test_bursts_of_no_size_are_admission_control():
    bursty = BurstyAdmissionControl(quiet=1.0, busy=1.0)
    plain = solve(bursty.mean.mdp()).v
    assert solve(bursty.mdp()).v == pytest.approx(np.tile(plain, 2), abs=1e-6)


def test_each_phase_of_bursts_stays_and_ends_as_often_as_it_says():
    mdp = BurstyAdmissionControl(leave=0.2).mdp()
    S = mdp.n_states // 2
    in_quiet, in_busy = mdp.transitions[: S * mdp.n_actions], mdp.transitions[S * mdp.n_actions :]
    for ends in (in_quiet[:, S:], in_busy[:, :S]):
        assert ends.sum(axis=1) == pytest.approx(0.2, abs=1e-12)


def test_a_twin_of_bursts_is_off_by_its_errors():
    bursty = BurstyAdmissionControl(busy=2.0, leave=0.1)
    twin = bursty.perturbed(busy=[-0.5], leave=[1.0], profit=[0.5, 0.0, 0.0])
    assert (twin.busy, twin.leave) == (1.0, 0.2)
    assert twin.mean.profit[0] == 1.5 * bursty.mean.profit[0]


def test_closed_classes_are_counted_by_hand():
    # 0 goes to 1 or 2; 1 and 2 stay: two ends. Then 2 goes back to 0: one end.
    to_two = [[[0, 0.5, 0.5]], [[0, 1, 0]], [[0, 0, 1]]]
    to_one = [[[0, 0.5, 0.5]], [[0, 1, 0]], [[1, 0, 0]]]
    zero = np.zeros((3, 1))
    assert n_closed_classes(FiniteMDP(to_two, zero, 0.9), [0, 0, 0]) == 2
    assert n_closed_classes(FiniteMDP(to_one, zero, 0.9), [0, 0, 0]) == 1


def test_the_page_says_what_the_recorded_rows_say(tmp_path):
    folder = PAGES / "dt-bsm-other-tasks"
    plain = tmp_path / "rows.jsonl"
    plain.write_bytes(gzip.decompress((folder / "rows.jsonl.gz").read_bytes()))
    rows = read_rows(plain)
    jobs = OTHER_TASKS.jobs(OTHER_TASKS.settings["default"])
    assert {row.job.key for row in rows} == {job.key for job in jobs}
    found = OTHER_TASKS.analysis(rows).to_json()
    recorded = json.loads((folder / "analysis.json").read_text(encoding="utf-8"))
    assert recorded["claims"] == found["claims"]
    assert recorded["numbers"] == pytest.approx(found["numbers"], rel=1e-9, abs=1e-12)
    page = (PAGES / "dt-bsm.md").read_text(encoding="utf-8")
    for claim in found["claims"]:
        assert f"{claim['statistic']} | **{claim['verdict']}** |" in page
