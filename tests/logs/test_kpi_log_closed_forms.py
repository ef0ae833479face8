"""Hand-made KPI logs whose transitions and drops were counted by eye."""

import csv
from collections import Counter
from dataclasses import replace
from math import inf

import duckdb
import pytest

from germane.logs import DuckDB
from germane.logs._columns import Edges, Quantiles, TimeColumn
from germane.logs._split import Split
from kpi_logs import counted, plain_codebook, write_log

# Period 100, jitter 10; bins of the buffer [0, 10), [10, 20), [20, 40); the reward of a step is in the
# row where it ends. The last column, which no codebook reads, says what becomes of the row.
EVERY_REASON = """
run  time  buffer_[bytes]  policy  rate_[Mbps]  users  why
a       0       5          rr       -       1    counted
a     100      15          pf       1       1    counted
a     210      25          rr       2       1    counted
a     300       5          rr       4       1    gap
a     520       5          rr       -       1    too_early
a     600       -          rr       8       1    buffer_[bytes]:_missing
a     700       5          rr      16       1    next_row:_idle
a     790       5          rr      32       0    idle
a     900       5          -       64       1    policy:_missing
a    1000       5          zz       1       1    policy:_unknown_category
a    1100       5          rr       1       1    next_row:_buffer_[bytes]:_out_of_range
a    1200      50          rr       1       1    buffer_[bytes]:_out_of_range
a    1300       5          rr       1       1    rate_[Mbps]:_missing
a    1400       5          rr       -       1    counted
a    1500       5          rr       1       1    next_row:_within_half_a_period_of_another_row
a    1500       5          rr       1       1    duplicate
a    1600      15          rr       1       1    within_half_a_period_of_another_row
a    1640      15          pf       1       1    within_half_a_period_of_another_row
a    1740      15          pf       1       1    rate_[Mbps]:_not_a_number
a    1840       5          rr       x       1    next_row:_buffer_[bytes]:_not_a_number
a    1935     abc          rr       1       1    buffer_[bytes]:_not_a_number
a    2035       5          rr       1       1    last_of_its_episode
a       -       5          rr       1       1    time:_missing
a       x       5          rr       1       1    time:_not_a_time
-    2135      15          pf       1       1    run:_missing
b       0      15          pf       1       1    counted
b     100      25          pf     128       1    last_of_its_episode
"""
COUNTED = {(0, 0, 1): (1, 1.0), (1, 1, 2): (2, 130.0), (2, 0, 0): (1, 4.0), (0, 0, 0): (1, 1.0)}

RUNS = '[[column]]\nname = "run"\nrole = "episode"'
IDLE = '[[column]]\nname = "users"\nrole = "idle"\nvalues = [0]'
DROP = 'otherwise = "drop"'


def with_state(book, levels):
    """The codebook with other levels of its one state column."""
    (state,) = book.states
    return replace(book, states=(replace(state, levels=levels),))


def said(path):
    """What the column ``why`` of a log says, but for ``counted``."""
    with open(path, encoding="utf-8") as file:
        return Counter(row["why"] for row in csv.DictReader(file) if row["why"] != "counted")


def test_each_row_is_counted_or_dropped_for_the_reason_it_names(tmp_path):
    path = write_log(tmp_path / "log.csv", EVERY_REASON)
    book = plain_codebook(f"{RUNS}\n{IDLE}", state=DROP, action=DROP, reward=DROP)
    cells, dropped, _ = counted(book, path)
    assert cells == COUNTED
    assert dropped == said(path)


def test_rows_in_another_order_make_the_same_transitions(tmp_path):
    path = write_log(tmp_path / "log.csv", EVERY_REASON)
    book = plain_codebook(f"{RUNS}\n{IDLE}", state=DROP, action=DROP, reward=DROP)
    header, *lines = path.read_text(encoding="utf-8").splitlines()
    shuffled = tmp_path / "shuffled.csv"
    shuffled.write_text("\n".join([header, *lines[::-1][7:], *lines[::-1][:7]]), encoding="utf-8")
    assert counted(book, shuffled)[:2] == counted(book, path)[:2]


def test_a_reward_that_belongs_to_the_step_that_starts_is_taken_from_its_row(tmp_path):
    path = write_log(
        tmp_path / "log.csv",
        """
        time  buffer_[bytes]  policy  rate_[Mbps]
           0       5           rr       1
         100      15           pf       2
         200      25           rr       4
        """,
    )
    at_end = plain_codebook()
    (reward,) = at_end.rewards
    at_start = replace(at_end, rewards=(replace(reward, belongs_to="start"),))
    assert counted(at_end, path)[0] == {(0, 0, 1): (1, 2.0), (1, 1, 2): (1, 4.0)}
    assert counted(at_start, path)[0] == {(0, 0, 1): (1, 1.0), (1, 1, 2): (1, 2.0)}


def test_an_action_that_led_to_its_row_is_that_of_the_step_that_ends_there(tmp_path):
    path = write_log(
        tmp_path / "log.csv",
        """
        time  buffer_[bytes]  policy  rate_[Mbps]
           0       5           -        1
         100      15           pf       2
         200      25           rr       4
        """,
    )
    cells, dropped, _ = counted(plain_codebook(action='belongs_to = "end"'), path)
    assert cells == {(0, 1, 1): (1, 2.0), (1, 0, 2): (1, 4.0)}
    assert dropped == {"last of its episode": 1}


def test_a_reward_may_be_a_weighted_sum_of_columns_at_both_ends(tmp_path):
    path = write_log(
        tmp_path / "log.csv",
        """
        time  buffer_[bytes]  policy  rate_[Mbps]  cost
           0       5           rr       1           3
         100      15           pf       2           5
        """,
    )
    cost = '[[column]]\nname = "cost"\nrole = "reward"\nweight = -0.5\nbelongs_to = "start"'
    book = plain_codebook(cost, reward="weight = 2\nrange = [0, 10]")
    assert counted(book, path)[0] == {(0, 0, 1): (1, 2 * 2 - 0.5 * 3)}
    assert book.reward_range is None
    book = plain_codebook(f"{cost}\nrange = [0, 4]", reward="weight = 2\nrange = [0, 10]")
    assert book.reward_range == (-2, 20)


RESETS = """
time  buffer_[bytes]  policy  rate_[Mbps]  why
 900      5            rr       1          counted
1000     15            rr       1          before_a_reset_of_the_clock
   0     25            rr       1          counted
   0     25            rr       1          duplicate
 100      5            rr       1          counted
 200      5            rr       1          before_a_reset_of_the_clock
 190      5            rr       1          counted
"""


def test_rows_as_they_stand_in_the_file_may_start_the_clock_again(tmp_path):
    path = write_log(tmp_path / "log.csv", RESETS)
    book = plain_codebook(head='order = "file"')
    with pytest.raises(ValueError, match="2 of 6 go back"):
        counted(book, path)
    rows = [
        f"{290 + 100 * k} 5 rr 1 {'counted' if k < 3 else 'last_of_its_episode'}" for k in range(4)
    ]
    path = write_log(path, "\n".join([RESETS.rstrip(), *rows]))
    cells, dropped, _ = counted(book, path)
    assert dropped == said(path)
    assert cells == {(0, 0, 1): (1, 1.0), (2, 0, 0): (1, 1.0), (0, 0, 0): (5, 5.0)}


def test_two_logs_in_one_episode_lose_their_rows_instead_of_being_joined(tmp_path):
    lines = ["time buffer_[bytes] policy rate_[Mbps] user"]
    for k in range(20):
        lines += [f"{100 * k} 5 rr 1 x", f"{100 * k + 8} 25 pf 2 y"]  # 8 is within the jitter
    path = write_log(tmp_path / "log.csv", "\n".join(lines))
    cells, dropped, _ = counted(plain_codebook(), path)
    assert (cells, dropped) == ({}, {"within half a period of another row": 40})
    told_apart = plain_codebook('[[column]]\nname = "user"\nrole = "episode"')
    assert counted(told_apart, path)[0] == {(0, 0, 0): (19, 19.0), (2, 1, 2): (19, 38.0)}


def test_an_edge_belongs_to_the_side_that_the_codebook_says(tmp_path):
    lines = ["time buffer_[bytes] policy rate_[Mbps]"]
    lines += [f"{100 * k} {x} rr 0" for k, x in enumerate((0, 10, 20, 40, 5))]
    path = write_log(tmp_path / "log.csv", "\n".join(lines))
    cells, dropped, _ = counted(plain_codebook(state=DROP), path)
    assert set(cells) == {(0, 0, 1), (1, 0, 2)}  # [0, 10), [10, 20), [20, 40)
    assert dropped["buffer [bytes]: out of range"] == 1
    cells, dropped, _ = counted(plain_codebook(state=f'closed = "right"\n{DROP}'), path)
    assert set(cells) == {(0, 0, 1), (1, 0, 2), (2, 0, 0)}  # (0, 10], (10, 20], (20, 40]
    assert dropped["buffer [bytes]: out of range"] == 1


def test_only_an_edge_that_is_infinite_takes_in_what_lies_beyond(tmp_path):
    lines = ["time buffer_[bytes] policy rate_[Mbps]", "0 -3 rr 0", "100 1e300 rr 0", "200 7 rr 0"]
    path = write_log(tmp_path / "log.csv", "\n".join(lines))
    book = with_state(plain_codebook(), Edges((-inf, 0, 9, inf)))
    assert set(counted(book, path)[0]) == {(0, 0, 2), (2, 0, 1)}


def test_a_missing_value_may_be_a_level_of_its_own(tmp_path):
    lines = ["time buffer_[bytes] policy rate_[Mbps]", "0 - rr 0", "100 5 rr 0", "200 NaN rr 0"]
    path = write_log(tmp_path / "log.csv", "\n".join(lines))
    cells, dropped, log = counted(plain_codebook(state='missing = "no user"'), path)
    assert set(cells) == {(3, 0, 0), (0, 0, 3)}
    assert log.codebook.state_names[3] == "buffer no user"
    assert dropped == {"last of its episode": 1}


def test_columns_of_a_role_make_one_number_with_the_first_counting_most(tmp_path):
    path = write_log(
        tmp_path / "log.csv",
        """
        time  buffer_[bytes]  cqi  policy  power  rate_[Mbps]
           0       5            9    rr     10      1
         100      15            3    pf     20      1
         200      35            9    pf     10      1
        """,
    )
    more = """
    [[column]]
    name = "cqi"
    role = "state"
    label = "CQI"
    edges = [0, 7, 16]
    labels = ["0–6", "7–15"]
    [[column]]
    name = "power"
    role = "action"
    unit = "dBm"
    categories = [10, 20]
    """
    cells, _, log = counted(plain_codebook(more, state='label = "eMBB buffer"'), path)
    assert set(cells) == {(0 * 2 + 1, 0 * 2 + 0, 1 * 2 + 0), (1 * 2 + 0, 1 * 2 + 1, 2 * 2 + 1)}
    assert log.codebook.state_names[4] == "eMBB buffer 20–40 bytes; CQI 0–6"
    assert log.codebook.action_names[3] == "policy pf; power 20 dBm"


def test_the_actions_may_be_those_that_are_seen_in_any_part_of_the_log(tmp_path):
    path = write_log(
        tmp_path / "log.csv",
        """
        time  buffer_[bytes]  policy  power  rate_[Mbps]  day
           0       5            rr     10      1           1
         100       5            pf     20      1           1
         200       5            rr     10      1           1
         300       5            rr     20      1           2
         400       5            pf     20      1           2
         500       5            pf     10      1           2
        """,
    )
    power = '[[column]]\nname = "power"\nrole = "action"\ncategories = [10, 20]'
    book = plain_codebook(power, head='actions = "seen"')
    cells, dropped, log = counted(book, path, Split(only={"day": (1,)}))
    assert log.codebook.combinations == ((0, 0), (0, 1), (1, 1))
    assert log.codebook.action_names[1] == "policy rr; power 20"
    assert cells == {(0, 0, 0): (1, 1.0), (0, 2, 0): (1, 1.0)}
    assert dropped == {"not selected": 3, "last of its episode": 1}
    again = replace(log.codebook, combinations=((1, 1),))
    cells, dropped, _ = counted(again, path)
    assert cells == {(0, 0, 0): (2, 2.0)}
    assert dropped == {"action not listed": 3, "last of its episode": 1}


def test_quantiles_are_learned_on_their_split_and_bin_every_row(tmp_path):
    lines = ["time buffer_[bytes] policy rate_[Mbps] day users"]
    lines += [f"{100 * k} {x} rr 0 1 1" for k, x in enumerate((4, -1, 3, 2, -1))]
    lines += [f"{500 + 100 * k} {x} rr 0 2 1" for k, x in enumerate((1000, -1000))]
    lines += ["700 9 rr 0 1 0"]
    path = write_log(tmp_path / "log.csv", "\n".join(lines))
    levels = Quantiles(4, Split(only={"day": (1,)}))
    cells, _, log = counted(with_state(plain_codebook(IDLE), levels), path)
    assert log.codebook.states[0].levels == Edges((-inf, -1, 2, 3, inf), "right")
    expected = {(3, 0, 0): (2, 0.0), (0, 0, 2): (1, 0.0), (2, 0, 1): (1, 0.0)}
    assert cells == expected | {(1, 0, 0): (1, 0.0), (0, 0, 3): (1, 0.0)}
    assert log.learned_here
    assert not counted(with_state(plain_codebook(IDLE), levels), path, Split(only={"day": (2,)}))[
        2
    ].learned_here
    assert counted(log.codebook, path)[0] == cells
    halves = Quantiles(2, Split(only={"time": (100, 400)}))
    with pytest.raises(ValueError, match="has little else than -1 where its quantiles are learned"):
        counted(with_state(plain_codebook(IDLE), halves), path)


def test_times_may_be_stamps_in_any_format_of_fields(tmp_path):
    stamps = {
        "iso": ("2024-02-29_23:59:59.900", "2024-03-01T00:00:00Z", "2024-03-01_00:00:00.1"),
        "%Y.%m.%d_%H.%M.%S": ("2023.12.31-23.59.59", "2024.01.01-00.00.00", "2024.01.01-00.00.01"),
        "%d/%m/%Y %H:%M:%S,%f": (
            "31/1/2024_9:00:00,95",
            "31/1/2024_9:00:01,05",
            "31/1/2024_9:00:01,15",
        ),
    }
    for unit, times in stamps.items():
        lines = ["time buffer_[bytes] policy rate_[Mbps]", *(f"{t} 5 rr 1" for t in times)]
        path = write_log(tmp_path / "log.csv", "\n".join(lines))
        period = 1 if "S" in unit and "f" not in unit else 0.1
        time = TimeColumn(name="time", unit=unit.replace("_", "-"), period=period, jitter=0)
        assert counted(replace(plain_codebook(), time=time), path)[0] == {(0, 0, 0): (2, 2.0)}, unit


def test_parts_of_the_path_are_columns(tmp_path):
    text = "time buffer_[bytes] rate_[Mbps]\n0 5 1\n100 15 1"
    for policy in ("rr", "pf"):
        for run in (1, 2):
            write_log(tmp_path / f"sched_{policy}" / f"run{run}.csv", text)
    book = plain_codebook(head='path = "sched_{policy}/run{run}.csv"')
    cells, _, _ = counted(book, tmp_path)
    assert cells == {(0, 0, 1): (2, 2.0), (0, 1, 1): (2, 2.0)}
    cells, dropped, _ = counted(book, tmp_path, Split(only={"run": ("2",)}))
    assert cells == {(0, 0, 1): (1, 1.0), (0, 1, 1): (1, 1.0)}
    assert dropped == {"not selected": 4, "last of its episode": 2}


def test_the_parts_of_a_log_share_no_row_and_leave_none_out(tmp_path):
    path = write_log(tmp_path / "log.csv", EVERY_REASON)
    for name in ("c", "d", "e"):
        text = path.read_text(encoding="utf-8").replace("\nb,", f"\n{name},")
        (tmp_path / f"{name}.csv").write_text(text.replace("\na,", f"\n{name}a,"), encoding="utf-8")
    book = plain_codebook(f"{RUNS}\n{IDLE}", state=DROP, action=DROP, reward=DROP)
    whole = Counter({key: n for key, (n, _) in counted(book, tmp_path)[0].items()})
    parts = [counted(book, tmp_path, Split((k, 3)))[0] for k in range(3)]
    assert (
        sum((Counter({key: n for key, (n, _) in part.items()}) for part in parts), Counter())
        == whole
    )
    assert all(parts)


def test_typed_columns_say_what_texts_say(tmp_path):
    path = write_log(tmp_path / "log.csv", EVERY_REASON)
    book = plain_codebook(f"{RUNS}\n{IDLE}", state=DROP, action=DROP, reward=DROP)
    typed = tmp_path / "log.parquet"
    with DuckDB() as engine:
        engine.view("texts", [path])
        engine.query(f"""COPY (
            SELECT run, policy, TRY_CAST(time AS INT) AS time, CAST(users AS TINYINT) AS users,
              TRY_CAST("buffer [bytes]" AS FLOAT) AS "buffer [bytes]",
              TRY_CAST("rate [Mbps]" AS DECIMAL(9, 2)) AS "rate [Mbps]"
            FROM texts
        ) TO '{typed}'""")
    cells, dropped, _ = counted(book, typed)
    assert cells == COUNTED
    as_missing = Counter[str]()
    for reason, n in said(path).items():
        as_missing[reason.replace("not a number", "missing").replace("not a time", "missing")] += n
    assert dropped == as_missing


def test_time_stamps_of_parquet_are_times(tmp_path):
    path = tmp_path / "log.parquet"
    duckdb.sql(f"""COPY (
        SELECT TIMESTAMP '2024-03-31 00:59:59' + INTERVAL (i) SECOND AS "time", 5 AS "buffer [bytes]",
          'rr' AS policy, 1.5 AS "rate [Mbps]"
        FROM range(4) t(i)
    ) TO '{path}'""")
    time = TimeColumn(name="time", unit="iso", period=1, jitter=0)
    assert counted(replace(plain_codebook(), time=time), path)[0] == {(0, 0, 0): (3, 4.5)}


@pytest.mark.parametrize(
    ("one", "other", "share"),
    [
        (Split(), Split(), True),
        (Split((0, 2)), Split((1, 2)), False),
        (Split((0, 2)), Split((1, 3)), True),
        (Split((1, 4)), Split((3, 6)), True),
        (Split((1, 4)), Split((2, 6)), False),
        (Split(only={"day": (1,)}), Split(only={"day": (2, 3)}), False),
        (Split(only={"day": (1, 2)}), Split(only={"day": (2, 3)}), True),
        (Split(only={"day": (1,)}), Split(only={"run": (2,)}), True),
        (Split((0, 2), {"day": (1,)}), Split((0, 2), {"day": (2,)}), False),
    ],
)
def test_splits_may_share_rows_unless_parts_or_values_exclude_each_other(one, other, share):
    assert one.may_share_rows(other) is other.may_share_rows(one) is share
