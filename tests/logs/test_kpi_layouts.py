"""Layouts of public data sets: ColO-RAN's, written here as it is there, and the slicing log where it is."""

import csv
import gzip
from itertools import pairwise
from pathlib import Path

import pytest

from germane.logs import draft_codebook, parse_codebook, read_codebook
from germane.logs._split import Split
from kpi_logs import counted

SLICING = (
    Path(__file__).parents[3]
    / "shared"
    / "data"
    / "oran-slicing"
    / "oran-slicing-embb-agent.csv.gz"
)

COLORAN = (
    "Timestamp,num_ues,IMSI,RNTI,,slicing_enabled,slice_id,slice_prb,power_multiplier,scheduling_policy,,"
    "dl_mcs,dl_n_samples,dl_buffer [bytes],tx_brate downlink [Mbps],tx_pkts downlink,"
    "tx_errors downlink (%),dl_cqi,,ul_mcs,ul_n_samples,ul_buffer [bytes],rx_brate uplink [Mbps],"
    "rx_pkts uplink,rx_errors uplink (%),ul_rssi,ul_sinr,phr,,sum_requested_prbs,sum_granted_prbs,,"
    "dl_pmi,dl_ri,ul_n,ul_turbo_iters"
)


def coloran_file(
    folder, *, training, imsi, slice_id, prb, policy, buffers, cqi=8.5, start=1617070531726
):
    """One user's file as ColO-RAN's base stations write it, a row every 250 ms give or take 1."""
    lines = [COLORAN]
    for k, buffer in enumerate(buffers):
        t = start + 250 * k + (k % 3 - 1)
        lines.append(
            f"{t},6,{imsi},77,,1,{slice_id},{prb},1,{policy},,15.2,303,{buffer},{buffer / 1e6},90,0,{cqi},,"
            "16,23,0,0.1,7,71.4,0,9.1,0,,0,564,,0,0,0,7.6"
        )
    path = (
        folder
        / f"rome_static_medium/sched{policy}/tr{training}/exp1/bs1/slices_bs1/{imsi}_metrics.csv"
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.fixture
def coloran(tmp_path):
    for training, prb in ((0, 6), (1, 12)):
        for policy in (0, 2):
            coloran_file(
                tmp_path, training=training, imsi=1010123456003, slice_id=0, prb=prb, policy=policy,
                buffers=[0, 5_000, 90_000, 184_000, 184_000],
            )  # fmt: skip
            coloran_file(
                tmp_path, training=training, imsi=1010123456002, slice_id=2, prb=5, policy=policy,
                buffers=[0, 0, 0], cqi=6,
            )  # fmt: skip
    other = tmp_path / "rome_static_medium/sched0/tr0/exp1/bs1/bs1.csv"
    other.write_text("time,nof_ue,dl_brate,ul_brate\n1617070465976,0,0.0,0.0\n", encoding="utf-8")
    return tmp_path


def test_the_layout_of_coloran_works_with_the_codebook_that_is_shipped(coloran):
    book = read_codebook("coloran")
    cells, dropped, log = counted(
        book, f"{coloran}/**/*_metrics.csv", Split(only={"slice_id": (0,)})
    )
    names, actions = log.codebook.state_names, log.codebook.action_names
    found = {(names[s], actions[a], names[s2]): n for (s, a, s2), (n, _) in cells.items()}
    expected = {}
    for slice_ in (6, 12):
        for scheduler in ("round robin", "proportionally fair"):
            action = f"slice of {slice_} PRB; scheduler {scheduler}"
            path = ["empty", "below 15 kB", "15–150 kB", "150 kB and more", "150 kB and more"]
            states = [f"buffer {level}; CQI 7–9 (16QAM)" for level in path]
            expected |= {(s, action, s2): 1 for s, s2 in pairwise(states)}
    assert found == expected
    assert dropped == {"not selected": 12, "last of its episode": 4}
    assert len(actions) == 6  # those of the other slice, too
    assert log.codebook.reward_range == (0, 50)


def test_the_folder_names_of_coloran_are_columns(coloran):
    book = read_codebook("coloran")
    cells, dropped, _ = counted(book, f"{coloran}/**/*_metrics.csv", Split(only={"training": (1,)}))
    assert sum(n for n, _ in cells.values()) == 2 * (4 + 2)
    assert dropped == {"not selected": 16, "last of its episode": 4}


needs_slicing = pytest.mark.skipif(not SLICING.exists(), reason="the slicing log is not here")


@needs_slicing
def test_every_row_of_the_slicing_log_is_counted_or_dropped_for_a_reason():
    cells, dropped, log = counted(read_codebook("oran-slicing"), SLICING)
    n = sum(n for n, _ in cells.values())
    assert n + dropped.total() == 8411
    assert dropped == {"gap": 782, "last of its episode": 16}
    assert (log.codebook.n_states, log.codebook.n_actions) == (16, 169)
    tried = {(s, a) for s, a, _ in cells}
    assert len(tried) < 0.2 * 16 * 169  # few of its actions, in few of its states


@needs_slicing
def test_the_two_traffic_patterns_of_the_slicing_log_have_the_same_actions():
    book, found = read_codebook("oran-slicing"), []
    for pattern in (1, 2):
        cells, dropped, log = counted(book, SLICING, Split(only={"traffic_pattern": (pattern,)}))
        found.append((sum(n for n, _ in cells.values()), dropped["not selected"], log.codebook))
    (n1, left1, book1), (n2, left2, book2) = found
    assert book1 == book2
    assert left1 + left2 == 8411
    assert n1 + n2 == 8411 - 782 - 16


@needs_slicing
def test_a_reward_of_the_slicing_log_is_that_of_the_decision_before():
    """The rewards counted are those of the rows where steps end, found by hand."""
    with gzip.open(SLICING, "rt", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    expected, n = 0.0, 0
    for row, after in pairwise(rows):
        step = int(after["timestamp [ms]"]) - int(row["timestamp [ms]"])
        if row["experiment"] == after["experiment"] and 900 <= step <= 1100:
            expected, n = expected + float(after["reward_so_far"]), n + 1
    cells, _, _ = counted(read_codebook("oran-slicing"), SLICING)
    assert sum(n for n, _ in cells.values()) == n
    assert sum(r for _, r in cells.values()) == pytest.approx(expected, rel=1e-12)


@needs_slicing
def test_a_draft_for_the_slicing_log_works_as_it_is():
    text = draft_codebook(SLICING)
    cells, dropped, log = counted(parse_codebook(text), SLICING)
    assert [x.name for x in log.codebook.rewards] == ["reward_so_far"]
    assert log.codebook.time.period == 1000
    assert dropped["gap"] > 0
    assert sum(n for n, _ in cells.values()) > 3000


def test_a_draft_for_coloran_works_as_it_is(coloran):
    text = draft_codebook(f"{coloran}/**/*_metrics.csv")
    book = parse_codebook(text)
    assert (book.time.name, book.time.unit, book.time.period) == ("Timestamp", "ms", 250)
    assert {"dl_buffer [bytes]"} <= {x.name for x in book.states}
    assert {"scheduling_policy", "slice_prb"} == {x.name for x in book.actions}
    assert [x.name for x in book.rewards] == ["tx_brate downlink [Mbps]"]
    assert sum(n for n, _ in counted(book, f"{coloran}/**/*_metrics.csv")[0].values()) > 0


def test_a_draft_says_what_it_could_not_guess(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("a,b\n1,x\n2,y\n", encoding="utf-8")
    text = draft_codebook(path)
    assert text.count('name = "?"') == 4
    with pytest.raises(ValueError, match=r"no column '\?'"):
        counted(parse_codebook(text), path)
    assert text.count("DECIDE") > 6
