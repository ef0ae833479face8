"""KPI logs that are not what they should be: one clear error, a counted drop, or the right counts.

Never a model of something else: what is counted beside a drop is always part of what the good log holds.
"""

import gzip
from collections import Counter

import duckdb
import pytest

import germane
from germane.errors import MalformedFile
from kpi_logs import plain_codebook

HEADER = "time,buffer [bytes],policy,rate [Mbps]"
ROWS = [f"{100 * k},{(5, 15, 25)[k % 3]},{('rr', 'pf')[k % 2]},{k}" for k in range(12)]
LINES = [HEADER, *ROWS]
GOOD = "\n".join(LINES) + "\n"
BOOK = plain_codebook()
DROPS = plain_codebook(
    state='otherwise = "drop"', action='otherwise = "drop"', reward='otherwise = "drop"'
)


def row(k, text):
    """The good log with another ``k``-th row."""
    return "\n".join([HEADER, *ROWS[:k], text, *ROWS[k + 1 :]]) + "\n"


def counts(found):
    cells = found.counts.tocoo()
    return Counter(dict(zip(zip(cells.row.tolist(), cells.col.tolist()), cells.data.tolist())))


def written(folder, content, name="log.csv"):
    path = folder / name
    if isinstance(content, str):
        content = content.encode()
    path.write_bytes(content)
    return path


def the_good_log(folder):
    return germane.estimate(written(folder, GOOD, "good.csv"), codebook=BOOK, gamma=0.9)


# Errors: what the file holds, and what the one line must say ------------------------------------------

ERRORS = {
    "an empty file": ("", "starts with a line of column names; got an empty one"),
    "a header only": (HEADER + "\n", "no row starts a transition: it has no rows"),
    "one row": (f"{HEADER}\n{ROWS[0]}\n", "no row starts a transition: 1 last of its episode"),
    "a missing column": (
        GOOD.replace("policy", "scheduler"),
        "the log has no column 'policy'; it has 'time'",
    ),
    "a column in other letters": (
        GOOD.replace("policy", "Policy"),
        "no column 'policy'; did you mean 'Policy'?",
    ),
    "a column twice": (
        GOOD.replace("policy", "time"),
        "columns must differ in name; two are called 'time'",
    ),
    "another unit": (
        GOOD.replace("[bytes]", "[kB]"),
        "has 'buffer' in [kB], the codebook in [bytes]",
    ),
    "another unit of time": (
        GOOD.replace("time,", "time [s],"),
        "has 'time' in [s], the codebook in [ms]",
    ),
    "text among numbers": (
        row(3, "300,full,pf,3"),
        "buffer [bytes]: not a number in 1 row ('full')",
    ),
    "a decimal comma": (row(3, '300,"7,5",pf,3'), "buffer [bytes]: not a number in 1 row ('7,5')"),
    "digits in groups": (row(3, "300,1_5,pf,3"), "buffer [bytes]: not a number in 1 row ('1_5')"),
    "an unknown category": (row(3, "300,5,wf,3"), "policy: unknown category in 1 row ('wf')"),
    "a value beyond the edges": (
        row(3, "300,41,pf,3"),
        "buffer [bytes]: out of range in 1 row ('41')",
    ),
    "a negative queue": (row(3, "300,-1,pf,3"), "buffer [bytes]: out of range in 1 row ('-1')"),
    "an infinite reward": (row(3, "300,5,pf,inf"), "rate [Mbps]: not a number in 1 row ('inf')"),
    "a reward too large for a double": (
        row(3, "300,5,pf,1e999"),
        "rate [Mbps]: not a number in 1 row",
    ),
    "a field too many": (row(3, "300,5,pf,3,9"), "log.csv, line 5: must have 4 fields; got 5"),
    "a field too few": (row(3, "300,5,pf"), "log.csv, line 5: must have 4 fields; got 3"),
    "a last line cut off": (GOOD[:-6], "log.csv, line 13: must have 4 fields; got 3"),
    "an open quote": (row(3, '300,5,"pf,3'), "log.csv, line 5: a quote is not closed"),
    "mixed line ends": (GOOD.replace("\n", "\r\n", 5), "lines must end alike"),
    "a strange delimiter": (
        GOOD.replace(",", "#"),
        "the log has no column 'time'; it has 'time#buffer",
    ),
    "Latin-1 letters": (row(3, "300,5,µf,3").encode("latin-1"), "log.csv"),
    "UTF-16": (GOOD.encode("utf-16"), "log.csv"),
    "bytes of something else": (bytes(range(256)) * 20, "log.csv"),
    "another period": (
        "\n".join([HEADER, *(f"{250 * k},5,rr,1" for k in range(9))]),
        "rows are 250 ms apart at the median, but the codebook says 100 ± 10 ms",
    ),
    "seconds for milliseconds": (
        "\n".join([HEADER, *(f"{0.1 * k:.1f},5,rr,1" for k in range(9))]),
        "rows are 0.1 ms apart at the median, but the codebook says 100 ± 10 ms",
    ),
    "times that are no times": (GOOD.replace("00,", "00 ms,"), "11 time: not a time"),
    "two users in one episode": (
        "\n".join([HEADER, *(f"{100 * k + u},5,rr,1" for k in range(9) for u in (0, 6))]),
        "18 within half a period of another row",
    ),
}


@pytest.mark.parametrize("kind", ERRORS)
def test_what_cannot_be_is_refused_in_one_line(tmp_path, kind):
    content, says = ERRORS[kind]
    path = written(tmp_path, content)
    with pytest.raises(MalformedFile) as error:
        germane.estimate(path, codebook=BOOK, gamma=0.9)
    said = str(error.value)
    assert says in said
    assert said.startswith(str(path))
    assert "\n" not in said


def test_files_that_are_cut_off_or_no_archives_are_refused(tmp_path):
    packed = gzip.compress(GOOD.encode() * 200)
    typed = tmp_path / "good.parquet"
    good = written(tmp_path, GOOD)
    duckdb.sql(f"COPY (SELECT * FROM read_csv('{good}')) TO '{typed}'")
    broken = {
        "cut.csv.gz": packed[: len(packed) // 2],
        "plain.csv.gz": GOOD,
        "packed.csv": packed,
        "cut.parquet": typed.read_bytes()[:-100],
        "text.parquet": GOOD,
        "line.jsonl": '{"time": 0, "buffer [bytes]": 5, "policy": "rr"\n',
        "log.xml": GOOD,
    }
    for name, content in broken.items():
        path = written(tmp_path, content, name)
        with pytest.raises(MalformedFile) as error:
            germane.estimate(path, codebook=BOOK, gamma=0.9)
        assert str(error.value).startswith(str(path)), name
        assert "\n" not in str(error.value), name


# Drops: what the file holds, and the rows that are left out besides the last ---------------------------

CUT = "next row: "
DROPPED = {
    "a NaN reward": (row(3, "300,5,pf,nan"), {"rate [Mbps]: missing": 1}),
    "a reward that is missing": (row(3, "300,5,pf,"), {"rate [Mbps]: missing": 1}),
    "a state that is missing": (
        row(3, "300,,pf,3"),
        {"buffer [bytes]: missing": 1, f"{CUT}buffer [bytes]: missing": 1},
    ),
    "an action that is missing": (row(3, "300,5,,3"), {"policy: missing": 1}),
    "a time that is missing": (row(3, ",5,pf,3"), {"time: missing": 1, "gap": 1}),
    "a header in the middle": (row(3, HEADER), {"time: not a time": 1, "gap": 1}),
    "a row twice": ("\n".join([GOOD.strip(), ROWS[4]]), {"duplicate": 1}),
    "the whole log twice": ("\n".join([GOOD.strip(), *ROWS]), {"duplicate": 12}),
    "two rows of one time": (
        "\n".join([GOOD.strip(), "400,35,rr,9"]),
        {
            "within half a period of another row": 2,
            f"{CUT}within half a period of another row": 1,
        },
    ),
    "a clock that starts again": (
        "\n".join([GOOD.strip(), *(f"{100 * k},35,rr,9" for k in range(5))]),
        {"within half a period of another row": 10},
    ),
    "a late row": (row(3, "340,5,pf,3"), {"gap": 1, "too early": 1}),
    "a lost row": (row(3, ROWS[2]), {"duplicate": 1, "gap": 1}),
    "text among numbers": (
        row(3, "300,full,pf,3"),
        {"buffer [bytes]: not a number": 1, f"{CUT}buffer [bytes]: not a number": 1},
    ),
    "an unknown category": (row(3, "300,5,wf,3"), {"policy: unknown category": 1}),
    "an infinite reward": (row(3, "300,5,pf,-Infinity"), {"rate [Mbps]: not a number": 1}),
}


@pytest.mark.parametrize("kind", DROPPED)
def test_what_is_dropped_is_counted_and_the_rest_is_right(tmp_path, kind):
    content, reasons = DROPPED[kind]
    found = germane.estimate(written(tmp_path, content), codebook=DROPS, gamma=0.9)
    assert dict(found.provenance.dropped) == reasons | {"last of its episode": 1}
    assert counts(found) <= counts(the_good_log(tmp_path))


# Oddities that leave the log what it is --------------------------------------------------------------

SHUFFLED = [ROWS[k] for k in (7, 0, 11, 3, 9, 1, 5, 10, 2, 8, 6, 4)]
HARMLESS = {
    "shuffled rows": "\n".join([HEADER, *SHUFFLED]),
    "a byte order mark": "\ufeff" + GOOD,
    "Windows line ends": GOOD.replace("\n", "\r\n"),
    "semicolons": GOOD.replace(",", ";"),
    "tabs": GOOD.replace(",", "\t"),
    "blanks around": GOOD.replace(",", " , "),
    "quotes": GOOD.replace("rr", '"rr"').replace("pf", '"pf"'),
    "no line end behind": GOOD.rstrip("\n"),
    "separators without a name": GOOD.replace(",", ",,"),
    "columns in another order": "\n".join(",".join(line.split(",")[::-1]) for line in LINES),
    "numbers in other words": row(3, "3e2,5.0,pf,+3.00").replace("\n400,15,", "\n4.0E+2,1.5e1,"),
}


@pytest.mark.parametrize("kind", HARMLESS)
def test_what_is_only_odd_is_read_as_it_is_meant(tmp_path, kind):
    found = germane.estimate(written(tmp_path, HARMLESS[kind]), codebook=BOOK, gamma=0.9)
    expected = the_good_log(tmp_path)
    assert dict(found.provenance.dropped) == {"last of its episode": 1}
    assert counts(found) == counts(expected)
    assert found.reward_sum.tolist() == expected.reward_sum.tolist()


def test_a_file_without_a_column_that_others_have_is_all_dropped(tmp_path):
    written(tmp_path, GOOD, "a.csv")
    written(tmp_path, GOOD.replace("buffer [bytes]", "queue"), "b.csv")
    found = germane.estimate(tmp_path, codebook=BOOK, gamma=0.9)
    assert found.provenance.dropped["buffer [bytes]: missing"] == 12
    assert found.n_transitions == 11


def test_a_file_whose_path_lacks_the_parts_is_refused(tmp_path):
    book = plain_codebook(head='path = "run{run}.csv"')
    path = written(tmp_path, GOOD)
    assert germane.estimate(path, codebook=book, gamma=0.9).n_transitions == 11
    with pytest.raises(MalformedFile, match=r"its path must end like 'run\{run\}\.csv'"):
        germane.estimate(path, codebook=book, gamma=0.9, only={"run": (1,)})


def test_a_reward_outside_the_range_that_is_known_is_refused(tmp_path):
    book = plain_codebook(reward='range = [0, 10]\notherwise = "drop"')
    path = written(tmp_path, GOOD)
    with pytest.raises(MalformedFile, match=r"rate \[Mbps\]: outside its range in 1 row \('11'\)"):
        germane.estimate(path, codebook=book, gamma=0.9)
    with pytest.raises(ValueError, match=r"rewards must lie in \[0, 10\]; got 1 to 11"):
        germane.estimate(path, codebook=BOOK, gamma=0.9, reward_range=(0, 10))
