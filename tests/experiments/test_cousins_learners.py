"""The table of learners: its tiny size end to end, from jobs to figures, and what its verdicts rest on."""

import json

import numpy as np
import pytest

from germane import report
from germane.cousins import estimate_by_structure, limit_policy_error
from germane.errors import InvalidParameter
from germane.experiments import EXPERIMENTS, Job, Row, read_rows, run
from germane.experiments.cousins import TABULAR
from germane.learning import TrainingState, collect, esql
from germane.networks import MisoEnergyHarvesting

TABLE = EXPERIMENTS["cousins/learners"]


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    out = tmp_path_factory.mktemp("learners")
    done = run(TABLE, TABLE.settings["tiny"], out)
    assert list(read_rows(out / "rows.jsonl")) != []
    return done


def test_every_learner_has_a_line_for_every_network(rows):
    table = TABLE.analysis(rows).numbers["table"]
    learners = {line["learner"] for line in table}
    assert {
        "q",
        "esql",
        "fading-esql",
        "estimated-esql",
        "certainty-equivalence",
        "psr",
        "ensemble-link",
    } <= learners
    assert len(table) == 4 * len(learners)
    for line in table:
        assert line["runs"] == 2
        for value, low, high in line["policy_error"]:
            assert 0 <= low <= value <= high <= 1
        assert line["loss_of_last"][0] >= 0


def test_where_cousins_are_estimated_the_samples_of_the_estimate_count():
    mdp, told = MisoEnergyHarvesting.tiny().factored(), []
    n_pairs = mdp.r.size
    options = {
        "n_steps": 8 * n_pairs,
        "checkpoints": [n_pairs, 4 * n_pairs],
        "progress": told.append,
    }
    found = TABULAR["estimated-esql"](mdp, rng=np.random.default_rng(0), **options)
    first = 40  # half a sample a pair, rounded up to a trajectory
    assert n_pairs < first < 2 * n_pairs
    rng = np.random.default_rng(0)
    seen = collect(mdp, n_steps=first, rng=rng)
    estimate = estimate_by_structure(mdp, seen.s, seen.a, seen.s_next, untried="stay")
    stops = [4 * n_pairs - first]  # one is over before anything is learned
    same = esql(mdp, model=estimate, n_steps=8 * n_pairs - first, checkpoints=stops, rng=rng)
    assert (found.q == same.q).all()
    assert [c.n_steps for c in found.history] == [c.n_steps + first for c in same.history]
    assert tuple(told) == found.history


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_steps": 40}, "n_steps must be more than 40 here; got 40"),
        ({"trajectory": 0}, "trajectory must be at least 1; got 0"),
        ({"checkpoints": [30, 20, 90]}, "checkpoints must increase"),
    ],
)
def test_options_are_refused_before_a_sample_is_taken(options, message):
    with pytest.raises(InvalidParameter, match=message):
        TABULAR["estimated-esql"](
            MisoEnergyHarvesting.tiny().factored(), rng=np.random.default_rng(0), **options
        )


def test_where_cousins_are_estimated_a_run_that_was_stopped_goes_on_with_the_same_generator():
    mdp, learner = MisoEnergyHarvesting.tiny().factored(), TABULAR["estimated-esql"]
    whole = learner(mdp, rng=np.random.default_rng(0), checkpoints=[400, 1000])
    assert whole.history[-1].n_steps == 100 * mdp.r.size  # by default, as for all learners
    state = TrainingState()
    learner(mdp, rng=np.random.default_rng(0), n_steps=400, checkpoints=1, state=state)
    assert [c.n_steps for c in state.history] == [400]
    resumed = learner(mdp, rng=np.random.default_rng(0), checkpoints=[400, 1000], state=state)
    assert (resumed.q == whole.q).all()
    assert [c.n_steps for c in state.history] == [c.n_steps for c in whole.history]


def test_tables_in_words_have_the_same_columns_and_every_learner(rows):
    analysis = TABLE.analysis(rows)
    assert len(analysis.tables) == 4
    for lines in analysis.tables.values():
        assert {tuple(line) for line in lines} == {("learner", "4", "32", "limit", "loss")}
        assert [line["learner"] for line in lines if line["limit"]] == ["esql"]
    json.dumps(analysis.to_json(), allow_nan=False)


def test_the_limit_in_the_table_is_that_of_the_networks_cousins(rows):
    (limit,) = {
        line["limit_policy_error"]
        for line in TABLE.analysis(rows).numbers["table"]
        if line["network"] == "miso-energy-harvesting" and line["learner"] == "esql"
    }
    mdp = MisoEnergyHarvesting.tiny().factored()
    assert limit == limit_policy_error(mdp, (1, 2, 3, 4, 5))


def test_a_job_finds_the_same_again(rows):
    for row in (rows[-1], *(row for row in rows if row.job.task["learner"] == "esql")):
        if row.job.task["network"] == "mimo-mobile":
            assert TABLE.run_job(row.job) == row.found


def test_figures_have_the_same_bytes_in_whatever_order_rows_come(rows):
    drawn = [
        report.figure(TABLE.analysis(given).to_json()["figures"]["mimo-mobile-tiny"])
        for given in (rows, rows[::-1])
    ]
    assert drawn[0] == drawn[1]
    assert "limit of esql" in drawn[0]


def made_up(errors):
    """Rows of one network in which each learner's runs have the errors given, after 1 and 2 samples."""
    where = {"network": "mimo-mobile", "size": "tiny"}
    rows = [Row(Job(where | {"learner": "limit"}, (0,)), {"error": 0.0})]
    for learner, runs in errors.items():
        task = where | {"learner": learner, "samples_per_pair": [1, 2]}
        rows += [Row(Job(task, (0, i)), {"errors": e, "loss": 0.0}) for i, e in enumerate(runs)]
    return rows


@pytest.mark.parametrize(
    ("esql", "verdict"),
    [((0.1, 0.1), "reproduced"), ((0.1, 0.9), "partly"), ((0.9, 0.9), "not"), ((0.5, 0.5), "not")],
)
def test_esql_is_ahead_only_where_the_intervals_are_apart(esql, verdict):
    noise = np.linspace(-0.01, 0.01, 8)
    errors = {
        "q": [[0.5 + e, 0.5 - e] for e in noise],
        "speedy-q": [[0.7 + e, 0.7 - e] for e in noise],
        "esql": [[esql[0] + e, esql[1] + e] for e in noise],
    }
    (claim,) = TABLE.analysis(made_up(errors)).claims
    assert claim.verdict == verdict
