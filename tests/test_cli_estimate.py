"""germane estimate: what it counts, says and leaves behind."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import germane
from germane.cli import app
from kpi_logs import PLAIN, write_log

KPIS = """
time  buffer_[bytes]  policy  rate_[Mbps]  day
   0       5            rr       1          1
 100      15            rr       2          1
 200      25            pf       4          1
 300       -            rr       8          1
 400       5            rr       16         1
 900       5            rr       32         2
1000      15            rr       64         2
"""
READY = "state,action,reward,next_state\n0,0,1,1\n1,1,0.5,0\n0,0,1,1\n0,,1,1\n"


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def said(done):
    """Standard output, however its lines were broken."""
    return " ".join(done.stdout.split())


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    """A folder with a log of KPIs, its codebook, and a log of transitions."""
    monkeypatch.chdir(tmp_path)
    write_log(Path("kpis.csv"), KPIS)
    Path("book.toml").write_text(re.sub(r"\{\w+\}", "", PLAIN), encoding="utf-8")
    Path("ready.csv").write_text(READY, encoding="utf-8")


def test_the_table_says_what_became_of_every_row():
    done = run("estimate", "kpis.csv", "--codebook", "book.toml", "--gamma", 0.9)
    assert done.exit_code == 0, done.stderr
    told = said(done)
    for line in (
        "Rows 7",
        "counted as transitions 3 42.9 %",
        "left out: last of its episode 1 14.3 %",
        "left out: buffer [bytes]: missing 1 14.3 %",
        "left out: next row: buffer [bytes]: missing 1 14.3 %",
        "left out: gap 1 14.3 %",
    ):
        assert line in told
    assert (
        "3 of 3 states were met, with 2 actions each. Of these 6 pairs 2 were tried and 4 never"
        in told
    )
    assert "buffer 0–10 bytes policy rr 2" in told
    assert "Rewards lie in [2, 64], which is all that the log shows." in told


def test_the_file_holds_what_the_library_counts():
    done = run("estimate", "kpis.csv", "--codebook", "book.toml", "--gamma", 0.9, "--out", "m.npz")
    assert done.exit_code == 0, done.stderr
    assert "Written: m.npz" in said(done)
    expected = germane.estimate("kpis.csv", codebook="book.toml", gamma=0.9)
    assert germane.read_estimate("m.npz").fingerprint() == expected.fingerprint()
    assert expected.state_names == ("buffer 0–10 bytes", "buffer 10–20 bytes", "buffer 20–40 bytes")
    assert germane.read_codebook("book.toml").to_toml() == expected.provenance.codebook_text


def test_the_record_adds_up_and_names_what_was_never_tried():
    done = run("estimate", "kpis.csv", "--codebook", "book.toml", "--gamma", 0.9, "--json")
    record = json.loads(done.stdout)
    assert record["schema"] == "germane.estimate/1"
    assert record["n_rows"] == record["n_transitions"] + sum(record["dropped"].values()) == 7
    assert record["pairs"] == {"n": 6, "n_tried": 2, "n_untried": 4, "n_unvisited": 4}
    assert record["visits"] == {"least": 1, "median": 1, "most": 2}
    assert [row["action_name"] for row in record["untried"]].count("policy pf") == 3
    assert record["most_visited"][0]["n_visits"] == 2


def test_a_log_of_transitions_needs_no_codebook():
    done = run(
        "estimate", "ready.csv", "--gamma", 0.5, "--reward-range", 0, 2, "--n-states", 3, "--json"
    )
    assert done.exit_code == 0, done.stderr
    record = json.loads(done.stdout)
    assert (record["n_transitions"], record["n_states"], record["n_states_met"]) == (3, 3, 2)
    assert record["pairs"] == {"n": 6, "n_tried": 2, "n_untried": 2, "n_unvisited": 4}
    assert (record["reward_range"], record["reward_range_given"]) == ([0, 2], True)
    assert sum(record["dropped"].values()) == 1


def test_columns_of_a_log_of_transitions_may_have_names_of_their_own():
    Path("own.csv").write_text(READY.replace("state,", "load,", 1), encoding="utf-8")
    done = run("estimate", "own.csv", "--gamma", 0.5, "--column", "state=load", "--json")
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["n_transitions"] == 3


def test_parts_and_restrictions_choose_rows():
    arguments = ("estimate", "kpis.csv", "--codebook", "book.toml", "--gamma", 0.9, "--json")
    by_day = [json.loads(run(*arguments, "--only", f"day={day}").stdout) for day in (1, 2)]
    assert [x["n_transitions"] for x in by_day] == [2, 1]
    assert [x["dropped"]["not selected"] for x in by_day] == [2, 5]
    assert json.loads(run(*arguments, "--only", "day=1,2").stdout)["n_transitions"] == 3
    write_log(Path("more.csv"), KPIS)
    both = ("estimate", "kpis.csv", "more.csv", *arguments[2:])
    parts = [json.loads(run(*both, "--part", f"{k}/2").stdout) for k in (0, 1)]
    assert [x["n_transitions"] for x in parts] == [3, 3]
    assert parts[0]["part"] == [0, 2]


def test_a_draft_is_printed_or_written_and_estimates_nothing():
    done = run("estimate", "--init", "kpis.csv")
    assert done.exit_code == 0, done.stderr
    assert "DECIDE" in done.stdout
    again = run("estimate", "kpis.csv", "--init", "--out", "draft.toml")
    assert "Written: draft.toml" in said(again)
    assert Path("draft.toml").read_text(encoding="utf-8") == done.stdout
    book = germane.read_codebook("draft.toml")
    assert (book.time.name, book.rewards[0].name) == ("time", "rate [Mbps]")


def test_levels_learned_on_rows_that_are_counted_are_pointed_out():
    text = Path("book.toml").read_text(encoding="utf-8")
    split = "quantiles = 2\nlearned_on = { only = { day = [1] } }"
    Path("learned.toml").write_text(
        text.replace("edges = [0, 10, 20, 40]", split), encoding="utf-8"
    )
    arguments = ("estimate", "kpis.csv", "--codebook", "learned.toml", "--gamma", 0.9)
    assert "learned on rows that are counted here" in said(run(*arguments))
    assert "learned on rows" not in said(run(*arguments, "--only", "day=2"))


@pytest.mark.parametrize(
    ("arguments", "culprit"),
    [
        ("estimate", "LOGS"),
        ("estimate ready.csv", "--gamma"),
        ("estimate ready.csv --gamma 1", "gamma"),
        ("estimate missing.csv --gamma 0.9", "missing.csv"),
        ("estimate kpis.csv --gamma 0.9", "state"),
        ("estimate kpis.csv --codebook missing.toml --gamma 0.9", "missing.toml"),
        ("estimate kpis.csv --codebook colorado --gamma 0.9", "coloran"),
        ("estimate kpis.csv --codebook coloran --gamma 0.9", "Timestamp"),
        ("estimate kpis.csv --codebook book.toml --n-states 3 --gamma 0.9", "n_states"),
        ("estimate kpis.csv --codebook book.toml --gamma 0.9 --reward-range 0 1", "rewards"),
        ("estimate kpis.csv --codebook book.toml --gamma 0.9 --reward-range 1 0", "reward_range"),
        ("estimate kpis.csv --codebook book.toml --gamma 0.9 --part 2", "--part"),
        ("estimate kpis.csv --codebook book.toml --gamma 0.9 --part 2/2", "part"),
        ("estimate kpis.csv --codebook book.toml --gamma 0.9 --only day", "--only"),
        ("estimate kpis.csv --codebook book.toml --gamma 0.9 --only day=1 --only day=2", "--only"),
        ("estimate kpis.csv --codebook book.toml --gamma 0.9 --only night=1", "night"),
        ("estimate kpis.csv --codebook book.toml --gamma 0.9 --only day=9", "not selected"),
        ("estimate ready.csv --gamma 0.9 --column state", "--column"),
        ("estimate ready.csv --gamma 0.9 --column state=load", "load"),
        ("estimate kpis.csv --codebook book.toml --gamma 0.9 --out m.csv", "m.csv"),
        ("estimate kpis.csv --codebook book.toml --gamma 0.9 --engine sparc", "sparc"),
        ("estimate --init missing.csv", "missing.csv"),
    ],
)
def test_misuse_exits_with_64_and_one_line_that_names_the_culprit(arguments, culprit):
    done = run(*arguments.split())
    assert done.exit_code == 64
    assert done.stdout == ""
    assert re.fullmatch(r"germane: [^\n]+\n", done.stderr), done.stderr
    assert culprit in done.stderr
    assert not Path("m.csv").exists()


def test_what_was_counted_can_be_certified():
    model = germane.estimate("ready.csv", gamma=0.5).mdp
    germane.write_mdp(model, "twin.npz")
    assert run("estimate", "ready.csv", "--gamma", 0.5, "--out", "m.npz").exit_code == 0
    done = run("certify", "m.npz", "twin.npz", "--json")
    assert done.exit_code in (0, 2), done.stderr
    assert np.isfinite(json.loads(done.stdout)["certificate"]["bound"])
