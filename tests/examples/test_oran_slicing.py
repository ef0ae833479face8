"""The run on closed-loop slicing logs: the table from the agents' logs, its counts, and the whole run."""

from __future__ import annotations

import csv
import gzip
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest

import germane

TABLE = Path(__file__).parents[3] / "shared/data/oran-slicing/oran-slicing-embb-agent.csv.gz"
needs_the_table = pytest.mark.skipif(not TABLE.exists(), reason="the data set is not here")

REPORTS = (
    r"2,0,0.09,1.00,5,25\n0,40,1.05,1.00,36,44\n2,10,0.19,0.86,5,20\n0,0,1.15,1.00,36,45\nq8\x01"
)
AGENTS_LOG = r"""
2022-09-14 14:20:36,343 INFO     Agents loaded
2022-09-14 14:20:40,250 INFO     Received data: 'REPORTS'
2022-09-14 14:20:40,380 INFO     Action is [287] Reward_avg is: -0.5 reward for slice [ 1.05 10.    0.  ]
2022-09-14 14:20:40,380 INFO     Action means slice_prb [36, 3, 11] (slice_rbg [12, 1, 4]), sched [1, 2, 0]
2022-09-14 14:20:40,380 INFO     Sending to DU: '1,2,0\n12,1,4'
2022-09-14 14:20:41,300 INFO     Using previous socket data
2022-09-14 14:20:41,400 INFO     Action is [61] Reward_avg is: -0.5 reward for slice [ 1.05 10.    0.  ]
2022-09-14 14:20:41,400 INFO     Action means slice_prb [36, 9, 5] (slice_rbg [12, 3, 2]), sched [0, 2, 1]
"""


@pytest.fixture(scope="module")
def run(load):
    return load("oran_slicing/run")


@pytest.fixture(scope="module")
def made_up(load, tmp_path_factory):
    """A table of nine runs, of which one is left out; the second split serves URLLC worse."""
    columns = load("oran_slicing/tidy").COLUMNS
    rng = np.random.default_rng(5)
    path = tmp_path_factory.mktemp("made-up") / "table.csv"
    with path.open("w", newline="") as file:
        table = csv.DictWriter(file, columns, restval=0)
        table.writeheader()
        for k in (1, 2, 3, 4, 5, 9, 10, 11, 12):
            second = False
            for t in range(150):
                share = 1 - rng.uniform(0, 0.5) * second
                second = rng.random() < 0.4
                row = {
                    "experiment": k,
                    "agent": "embb",
                    "traffic_pattern": 1 if k < 9 else 2,
                    "timestamp [ms]": 1000 * t + rng.integers(20),
                    "embb dl_buffer [bytes]": rng.choice([0, 500, 2000]),
                    "embb tx_brate downlink [Mbps]": rng.uniform(2, 4),
                    "urllc dl_buffer [bytes]": rng.choice([0, 0, 100, 300]),
                    "urllc prb_granted_ratio": share,
                    "action_prb_embb": 36,
                    "action_prb_mtc": 9 if second else 3,
                    "action_prb_urllc": 5 if second else 11,
                    "reward_so_far": rng.uniform(-100, 0.5),
                }
                table.writerow(row)
    return path


@pytest.fixture(scope="module")
def found(run, findings, made_up):
    """What the run finds in the real table, or in a made-up one where that is not there."""
    asked = {name: run.QUESTIONS[name] for name in (run.AGENTS_OWN, run.URLLC)}
    with pytest.MonkeyPatch.context() as patch:  # two of the five questions, one way: to be quick
        patch.setattr(run, "BOTH_WAYS", ((1, 2),))
        patch.setattr(run, "QUESTIONS", asked)
        patch.setattr(run, "PLANNED", (run.URLLC,))
        patch.setattr(run, "WATCHED", (run.URLLC,))
        return findings(run, TABLE if TABLE.exists() else made_up)


def test_the_table_has_a_row_for_each_decision_on_new_reports(load, tmp_path):
    tidy = load("oran_slicing/tidy")
    log = tmp_path / "agent.log"
    log.write_text(AGENTS_LOG.replace("REPORTS", REPORTS))
    (row,) = tidy.decisions(log)
    assert row == {
        "timestamp [ms]": 1663165240250,  # 14 September 2022, 14:20:40 UTC
        "embb n_reports": 2,
        "embb dl_buffer [bytes]": 20.0,
        "embb tx_brate downlink [Mbps]": 1.1,
        "embb prb_granted_ratio": 1.0,
        "embb slice_prb": 36.0,
        "embb tx_pkts downlink": 44.5,
        "mtc n_reports": 0,
        "urllc n_reports": 2,
        "urllc dl_buffer [bytes]": 5.0,
        "urllc tx_brate downlink [Mbps]": 0.14,
        "urllc prb_granted_ratio": 0.93,
        "urllc slice_prb": 5.0,
        "urllc tx_pkts downlink": 22.5,
        "action_id": "287",
        "reward_so_far": "-0.5",
        "action_prb_embb": 36,
        "action_prb_mtc": 3,
        "action_prb_urllc": 11,
        "action_sched_embb": 1,
        "action_sched_mtc": 2,
        "action_sched_urllc": 0,
    }
    assert set(row) < set(tidy.COLUMNS)


def test_the_agents_own_policy_is_how_often_it_took_each_action(run, made_up):
    log = run.counted(made_up, run.URLLC, 1)
    s = 2
    assert run.cloned(log)[s] == pytest.approx(log.n_visits[s] / log.n_visits[s].sum())
    assert run.cloned(log).sum(axis=1) == pytest.approx(1)


def test_a_reward_belongs_to_the_decision_before_its_row(run, made_up):
    # In the made-up table the share falls below 1 in the row after the second split, and then alone.
    log = run.counted(made_up, run.URLLC, 2)
    assert (log.mdp.r[:, 0] == 1).all()
    assert (log.mdp.r[:, 1] < 0.9).all()


@needs_the_table
@pytest.mark.parametrize("pattern", [1, 2])
def test_counts_and_drops_are_those_of_a_loop_over_the_rows(run, pattern):
    """Two splits, by hand: which rows follow each other, what they hold, what becomes of them."""
    with gzip.open(TABLE, "rt") as file:
        runs = defaultdict(list)
        for row in csv.DictReader(file):
            runs[row["experiment"]].append(row)
    counts, dropped = Counter(), Counter()
    buffers = ("embb dl_buffer [bytes]", "urllc dl_buffer [bytes]")
    splits = {("36", "3", "11"): 0, ("36", "9", "5"): 1}
    for rows in runs.values():
        rows.sort(key=lambda row: int(row["timestamp [ms]"]))
        for row, after in zip(rows, [*rows[1:], None]):
            split = splits.get(tuple(row[f"action_prb_{x}"] for x in ("embb", "mtc", "urllc")))
            if int(row["experiment"]) not in run.RUNS[pattern]:
                dropped["not selected"] += 1
            elif "" in [row[x] for x in buffers]:
                dropped["missing"] += 1
            elif after is None:
                dropped["last of its episode"] += 1
            elif int(after["timestamp [ms]"]) - int(row["timestamp [ms]"]) > 1100:
                dropped["gap"] += 1
            elif "" in [after[x] for x in buffers]:
                dropped["missing"] += 1
            elif split is None:
                dropped["unknown category"] += 1
            else:
                s, s2 = (
                    2 * (float(x[buffers[0]]) >= 1) + (float(x[buffers[1]]) >= 1)
                    for x in (row, after)
                )
                counts[s, split, s2] += 1
    log = run.counted(TABLE, run.URLLC, pattern)
    found = Counter()
    for reason, n in log.provenance.dropped.items():
        found[reason.rpartition(": ")[2]] += n
    assert found == dropped
    table = np.zeros((4, 2, 4), dtype=int)
    for (s, a, s2), n in counts.items():
        table[s, a, s2] = n
    assert np.array_equal(log.counts.toarray().reshape(4, 2, 4), table)


def test_every_row_is_counted_or_dropped_for_a_reason(found, made_up):
    table = gzip.decompress(TABLE.read_bytes()) if TABLE.exists() else made_up.read_bytes()
    n_rows = table.count(b"\n") - 1  # less the header
    about, _ = found
    for rows in about["rows"]:
        assert rows["n_rows"] == n_rows == rows["n_transitions"] + sum(rows["dropped"].values())


def test_the_run_ends_with_a_report(found):
    _, out = found
    assert "</html>" in (out / "pattern-1" / "report.html").read_text(encoding="utf-8")
    assert (out / "findings.svg").exists()


@needs_the_table
def test_of_the_real_logs_only_the_small_question_gets_an_answer(found, run):
    about, _ = found
    for bound in about["bounds"]:
        assert bound["vacuous"] == (bound["question"] == run.AGENTS_OWN)
        if bound["question"] == run.URLLC:
            assert bound["bound"] < 0.3 * bound["trivial"]
            assert bound["plan"]["n_samples"] > 0
            assert bound["plays_untried"] == 0


@needs_the_table
def test_of_the_real_logs_neither_pattern_alone_tells_the_range_of_the_agents_reward(found, run):
    about, _ = found
    low, high = zip(
        *(rows["reward_range"] for rows in about["rows"] if rows["question"] == run.AGENTS_OWN)
    )
    assert min(low) < -3000
    assert low[0] != low[1]
    assert high[0] != high[1]
    assert not any(
        rows["range_given"] for rows in about["rows"] if rows["question"] == run.AGENTS_OWN
    )


def test_the_twin_of_a_run_shares_no_row_with_it(run, made_up):
    real, twin = (run.counted(made_up, run.URLLC, pattern) for pattern in (1, 2))
    assert not real.shares_rows(twin)
    assert germane.certify(real, twin, policy=run.cloned(real)).bound > 0
