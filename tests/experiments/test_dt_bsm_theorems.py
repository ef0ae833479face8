"""The theorems of the DT-BSM paper as experiments, in their tiny size; and what is recorded of them."""

import html
import json
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import linprog

from germane import report
from germane.experiments import Job, Row, read_rows, run
from germane.experiments.dt_bsm import CONVERGENCE, COST, INEQUALITIES, SHRINKING
from germane.experiments.dt_bsm._inequalities import quadrilateral
from germane.experiments.dt_bsm._synthetic import iterates, limit, synthetic_pair
from germane.mdp import FiniteMDP
from germane.metrics import dt_bsm, total_variation

PAGES = Path(__file__).parents[2] / "docs" / "reproduce"
THEOREMS = (CONVERGENCE, INEQUALITIES, SHRINKING, COST)
EACH = pytest.mark.parametrize("theorem", THEOREMS, ids=lambda theorem: theorem.name)
SIZE = {"n_states": 4, "n_actions": 2, "n_successors": 3}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """The rows of the tiny size of each."""
    folder = tmp_path_factory.mktemp("rows")
    return {
        each: run(each, each.settings["tiny"], folder / each.name.replace("/", "-"))
        for each in THEOREMS
    }


@EACH
def test_the_tiny_size_runs_from_settings_to_plots(theorem, tiny):
    found = theorem.analysis(tiny[theorem]).to_json()
    assert len(found["claims"]) >= 2
    verdicts = {claim["verdict"] for claim in found["claims"]}
    assert verdicts == {"reproduced"} or theorem is COST
    for drawn in found["figures"].values():
        assert html.escape(drawn["alt"]) in report.figure(drawn)


@EACH
def test_a_job_run_again_finds_the_same(theorem, tiny):
    row = tiny[theorem][-1]
    assert theorem.run_job(row.job) == row.found


@EACH
def test_every_job_has_its_own_key(theorem):
    jobs = theorem.jobs(theorem.settings["default"])
    assert len({job.key for job in jobs}) == len(jobs)


@EACH
def test_the_page_says_what_the_recorded_rows_say(theorem):
    folder = PAGES / theorem.name.replace("/", "-")
    rows = read_rows(folder / "rows.jsonl")
    assert {row.job.key for row in rows} == {
        job.key for job in theorem.jobs(theorem.settings["default"])
    }
    found = theorem.analysis(rows).to_json()
    recorded = json.loads((folder / "analysis.json").read_text(encoding="utf-8"))
    assert recorded["claims"] == found["claims"]
    page = (PAGES / "dt-bsm.md").read_text(encoding="utf-8")
    for claim in found["claims"]:
        assert f"{claim['statistic']} | **{claim['verdict']}** |" in page


def test_discrepancies_shrink_in_proportion():
    rng = np.random.default_rng
    whole, part = (synthetic_pair(rng(0), **SIZE, gamma=0.9, error=e) for e in (1.0, 0.01))
    assert (whole[0].transitions != part[0].transitions).nnz == 0
    assert total_variation(*part) == pytest.approx(0.01 * total_variation(*whole), rel=1e-9)
    assert part[1].r - part[0].r == pytest.approx(0.01 * (whole[1].r - whole[0].r), abs=1e-14)
    only = synthetic_pair(rng(0), **SIZE, gamma=0.9, error=0.5, wrong=("rewards",))
    assert total_variation(*only).max() == 0
    assert (only[0].r != only[1].r).all()


def test_an_iterate_is_what_linear_programs_say():
    real, twin = synthetic_pair(np.random.default_rng(1), **SIZE, gamma=0.8, error=1.0)
    (before, _), (d, error) = list(islice(iterates(real, twin), 4))[2:]
    P, Q = (mdp.transitions.toarray().reshape(4, 2, 4) for mdp in (real, twin))
    marginals = [np.kron(np.eye(4), np.ones(4)), np.kron(np.ones(4), np.eye(4))]
    for i, j in ((0, 0), (1, 3), (2, 2)):
        moved = [
            linprog(
                before.ravel(), A_eq=np.vstack(marginals), b_eq=np.concatenate([P[i, a], Q[j, a]])
            ).fun
            for a in range(2)
        ]
        wanted = max(abs(real.r[i, a] - twin.r[j, a]) + 0.8 * moved[a] for a in range(2))
        assert d[i, j] == pytest.approx(wanted, abs=1e-7 + error)


def test_the_limit_encloses_what_the_other_algorithm_finds():
    real, twin = synthetic_pair(np.random.default_rng(2), **SIZE, gamma=0.9, error=0.3)
    low, high = limit(real, twin, 1e-8)
    metric = dt_bsm(real, twin, tol=1e-8)
    assert (high - low).max() <= 1e-8
    assert (low <= metric.upper).all()
    assert (metric.lower <= high).all()


def test_the_bound_is_attained_where_the_twin_pays_a_constant_more():
    # d_n = c (1 - gamma^n) / (1 - gamma) everywhere: what is left is the bound (20) itself
    P = np.full((3, 1, 3), 1 / 3)
    real, twin = FiniteMDP(P, np.zeros((3, 1)), 0.5), FiniteMDP(P, np.full((3, 1), 2.0), 0.5)
    for n, (d, error) in enumerate(islice(iterates(real, twin), 12)):
        assert d == pytest.approx(np.full((3, 3), 4 * (1 - 0.5**n)), abs=error + 1e-15)
        assert error < 1e-12


def test_the_quadrilateral_inequality_is_counted_by_hand():
    # around (i, l) = (0, 0) by way of j = 1, k = 1: 5 against 1 + 1 + 1; the other three obey
    d = np.array([[5.0, 1.0], [1.0, 1.0]])
    found = quadrilateral(d, d)
    assert (found["checks"], found["violations"], found["proved"]) == (4, 1, 3)
    assert found["largest_ratio"] == pytest.approx(5 / 3)
    undecided = quadrilateral(d - 1, d + 1)
    assert (undecided["violations"], undecided["proved"]) == (0, 3)


def made_up(theorem, found_of):
    """Rows of the tiny size of which it is known what they should say."""
    jobs = theorem.jobs(replace(theorem.settings["tiny"], n_pairs=4))
    return [Row(Job(job.task, job.seed), found_of(job)) for job in jobs]


@pytest.mark.parametrize(
    ("wrong", "verdicts"),
    [
        ({}, ["reproduced", "reproduced"]),
        ({"falling": 1}, ["not", "reproduced"]),
        ({"within_bound": 9}, ["reproduced", "partly"]),
        ({"beyond_bound": 1, "within_bound": 9}, ["reproduced", "not"]),
    ],
)
def test_verdicts_on_convergence(wrong, verdicts):
    found = {"iterates": 10, "beyond_bound": 0, "within_bound": 10, "above_metric": 0, "falling": 0}
    found |= {"n": [0, 9], "left": [0.5, 0.1], "bound": [1.0, 0.2], "needed": 5, "promised": 8}
    found |= {"share_of_bound": 0.5, "rate": 0.9} | wrong
    said = CONVERGENCE.analysis(made_up(CONVERGENCE, lambda job: found))
    assert [claim.verdict for claim in said.claims] == verdicts


@pytest.mark.parametrize(
    ("violations", "proved", "verdict"),
    [(0, 1000, "reproduced"), (0, 995, "reproduced"), (0, 900, "partly"), (1, 999, "not")],
)
def test_verdicts_on_inequalities(violations, proved, verdict):
    counted = {"checks": 1000, "violations": violations, "proved": proved, "largest_ratio": 1.0}
    said = INEQUALITIES.analysis(
        made_up(INEQUALITIES, lambda job: {"values": counted, "quadrilateral": counted})
    )
    assert [claim.verdict for claim in said.claims] == [verdict, verdict]


@pytest.mark.parametrize(
    ("power", "L3_at", "verdicts"),
    [
        (1, 100.0, ["reproduced", "reproduced", "reproduced", "reproduced"]),
        (0.5, 100.0, ["reproduced", "not", "not", "reproduced"]),
        (1, 0.01, ["reproduced", "reproduced", "reproduced", "not"]),
    ],
)
def test_verdicts_on_shrinking(power, L3_at, verdicts):
    def found_of(job):
        errors = np.array(job.task["errors"])
        found = {name: (200 * errors).tolist() for name in ("L1", "L2", "L4", "L4s*", "L5*")}
        found |= {"L0": [10.0] * len(errors), "L3": (L3_at * errors**power).tolist()}
        return found | {"exact": (0.1 * errors).tolist()}

    said = SHRINKING.analysis(made_up(SHRINKING, found_of))
    assert [claim.verdict for claim in said.claims] == verdicts
    (table,) = said.tables.values()
    assert {line["L1"] for line in table} == {"0.05"}  # 200 e = 10


@pytest.mark.parametrize(
    ("power", "verdicts"), [(4, ["reproduced", "reproduced"]), (5, ["not", "reproduced"])]
)
def test_verdicts_on_cost(power, verdicts):
    def found_of(job):
        n = job.task["n_states"]
        return {"sweeps": 5, "pivots": n**3, "metric": n**power, "tv": 4 * n**2}

    said = COST.analysis(made_up(COST, found_of))
    assert [claim.verdict for claim in said.claims] == verdicts
    assert said.numbers["exponent of the simplex steps alone"] == pytest.approx([3] * 3, abs=1e-9)


def test_the_total_variation_reads_every_entry_once():
    found = COST.run_job(COST.jobs(COST.settings["tiny"])[0])
    assert found["tv"] == 2 * 2 * 4 * 4  # both models, two actions, four states that all follow
