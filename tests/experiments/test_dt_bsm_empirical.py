"""Deployment decided from samples, in its tiny size; and what is recorded of it."""

import html
import json
from pathlib import Path

import numpy as np
import pytest

from germane import report
from germane.experiments import Job, Row, read_rows, run
from germane.experiments.dt_bsm import EMPIRICAL
from germane.experiments.dt_bsm._empirical import EXACT, SAMPLED, _seen
from germane.experiments.dt_bsm._synthetic import synthetic_pair
from germane.logs import Transitions, estimate

PAGES = Path(__file__).parents[2] / "docs" / "reproduce"


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """The rows of the tiny size."""
    return run(EMPIRICAL, EMPIRICAL.settings["tiny"], tmp_path_factory.mktemp("rows"))


def test_the_tiny_size_runs_from_settings_to_plots(tiny):
    found = EMPIRICAL.analysis(tiny).to_json()
    assert {claim["verdict"] for claim in found["claims"]} <= {"reproduced", "partly", "not"}
    (table,) = found["tables"].values()
    assert len(table) == len(EXACT) + len(SAMPLED)
    for drawn in found["figures"].values():
        assert html.escape(drawn["alt"]) in report.figure(drawn)


def test_a_job_run_again_finds_the_same(tiny):
    assert EMPIRICAL.run_job(tiny[-1].job) == tiny[-1].found


def test_exact_bounds_are_above_the_regret(tiny):
    for row in tiny:
        assert min(row.found[rule] for rule in EXACT) >= row.found["regret"]


def test_margins_only_add_to_the_empirical_bound(tiny):
    for row in tiny:
        for rule in ("Theorem 4", "Theorem B"):
            assert (np.array(row.found[rule]) > row.found["empirical TV"]).all()


def test_the_log_is_what_its_transitions_would_be_counted_as():
    real, _ = synthetic_pair(
        np.random.default_rng(0), n_states=3, n_actions=2, n_successors=2, gamma=0.9, error=0.1
    )
    rng = np.random.default_rng(1)
    P = real.transitions.toarray()
    counts = rng.multinomial(5, P / P.sum(axis=1, keepdims=True))
    pairs = np.indices(counts.shape).reshape(2, -1)
    pair, reached = (np.repeat(index, counts.ravel()) for index in pairs)
    state, action = pair // 2, pair % 2
    counted = estimate(
        Transitions(state=state, action=action, reward=real.r[state, action], next_state=reached),
        n_states=3,
        n_actions=2,
        gamma=0.9,
    )
    seen = _seen(real, counts)
    assert (seen.counts != counted.counts).nnz == 0
    assert seen.reward_sum == pytest.approx(counted.reward_sum, rel=1e-12)
    assert seen.reward_square_sum == pytest.approx(counted.reward_square_sum, rel=1e-12)


def made_up(**wrong):
    """Five good twins that everything certifies from 100 samples on, five bad ones that nothing does."""
    rows = []
    for n in range(10):
        bound = 0.5 if n < 5 else 9.0
        found = {"regret": 0.4 if n < 5 else 3.0, "trivial": 10.0, "distance": 1.0}
        found |= dict.fromkeys(EXACT, bound)
        found |= {rule: [9.0, bound, bound, bound] for rule in SAMPLED}
        found |= {"error": [0.3, 0.1, 0.03, 0.01], "margin of Theorem 4": [1.0] * 4}
        task = {"pair": {}, "samples": [10, 100, 1000, 10_000]}
        rows.append(Row(Job(task, (0, n)), found | wrong))
    return EMPIRICAL.analysis(rows)


ALL = ["reproduced"] * 5


def test_verdicts_where_every_rule_decides_well():
    said = made_up()
    assert [claim.verdict for claim in said.claims] == ALL
    assert said.numbers == {"twins": 10, "good": 5, "bad": 5}
    (table,) = said.tables.values()
    assert {line["good certified at last"] for line in table} == {"5 of 5"}
    assert {line["bad certified ever"] for line in table} == {"0 of 5"}
    assert [line["samples a pair, half of the good"] for line in table] == [""] * 3 + ["100"] * 5


@pytest.mark.parametrize(
    ("wrong", "which", "verdict"),
    [
        ({"error": [0.1, 0.1001, 0.1, 0.1001]}, 0, "not"),
        ({"error": [0.8, 0.1, 0.01, 0.001]}, 0, "partly"),
        ({"margin of Theorem 4": [0.2] * 4}, 1, "not"),
        ({"exact TV": 0.5}, 2, "not"),
        ({"empirical TV": [9.0, 9.0, 9.0, 9.0]}, 3, "partly"),
        ({"certificate": [0.5, 0.5, 0.5, 0.5]}, 4, "not"),
    ],
)
def test_verdicts_where_something_is_wrong(wrong, which, verdict):
    expected = ALL.copy()
    expected[which] = verdict
    assert [claim.verdict for claim in made_up(**wrong).claims] == expected


def test_the_page_says_what_the_recorded_rows_say():
    folder = PAGES / "dt-bsm-empirical"
    rows = read_rows(folder / "rows.jsonl")
    jobs = EMPIRICAL.jobs(EMPIRICAL.settings["default"])
    assert {row.job.key for row in rows} == {job.key for job in jobs}
    assert len({job.key for job in jobs}) == len(jobs)
    found = EMPIRICAL.analysis(rows).to_json()
    recorded = json.loads((folder / "analysis.json").read_text(encoding="utf-8"))
    assert recorded["claims"] == found["claims"]
    page = (PAGES / "dt-bsm.md").read_text(encoding="utf-8")
    for claim in found["claims"]:
        assert f"{claim['statistic']} | **{claim['verdict']}** |" in page
    (table,) = found["tables"].values()
    for line in table:
        assert f"| {' | '.join(line.values())} |" in page
