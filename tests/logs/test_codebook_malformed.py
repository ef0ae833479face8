"""Codebooks that cannot be right are refused in one line that names the culprit."""

import pytest

from germane.errors import InvalidParameter, MalformedFile
from germane.logs import read_codebook

GOOD = """
order = "time"

[[column]]
name = "t"
role = "time"
unit = "ms"
period = 250
jitter = 10

[[column]]
name = "buffer [bytes]"
role = "state"
unit = "bytes"
edges = [0, 10, 20]

[[column]]
name = "policy"
role = "action"
categories = [0, 1]

[[column]]
name = "rate"
role = "reward"
belongs_to = "end"
"""
STATE = '[[column]]\nname = "buffer [bytes]"\nrole = "state"\nunit = "bytes"\nedges = [0, 10, 20]\n'

# what is replaced, by what, and what the error must say
MALFORMED = {
    "no TOML": ("[[column]]", "[[column]", "line 4: not TOML"),
    "a key twice": ("period = 250", "period = 250\nperiod = 100", "not TOML"),
    "an unknown key of the whole": (
        "order =",
        "ordr =",
        "has no key 'ordr'; did you mean 'order'?",
    ),
    "an unknown key of a column": (
        "edges =",
        "edge =",
        "'buffer [bytes]': role 'state' has no key 'edge'",
    ),
    "a key of another role": (
        "period = 250",
        "period = 250\nedges = [0, 1]",
        "role 'time' has no key 'edges'",
    ),
    "an unknown role": ('role = "state"', 'role = "sate"', "role must be one of time, state"),
    "no role": ('role = "state"\n', "", "'buffer [bytes]': the key 'role' is missing"),
    "no name": ('name = "policy"\n', "", "[[column]] number 3: the key 'name' is missing"),
    "an empty name": ('name = "policy"', 'name = " "', "name must be the name of a column"),
    "single brackets": ('[[column]]\nname = "t"', '[column]\nname = "t"', "not TOML"),
    "no time column": (
        'role = "time"\nunit = "ms"\nperiod = 250\njitter = 10',
        'role = "episode"',
        "role 'time'",
    ),
    "two time columns": ("order =", "", None),
    "no state column": (STATE, "", "a column with role 'state'; got none"),
    "no action column": (
        'role = "action"\ncategories = [0, 1]',
        'role = "episode"',
        "role 'action'; got none",
    ),
    "no reward column": (
        'role = "reward"\nbelongs_to = "end"',
        'role = "episode"',
        "role 'reward'; got none",
    ),
    "two rewards, no weights": (
        STATE,
        STATE + '[[column]]\nname = "cost"\nrole = "reward"\nbelongs_to = "end"\n',
        "'cost': of several reward columns each needs a weight",
    ),
    "one column twice": (STATE, 2 * STATE, "'buffer [bytes]' is listed twice with role 'state'"),
    "a reward of no step": ('belongs_to = "end"\n', "", "'rate': the key 'belongs_to' is missing"),
    "a reward of a strange step": (
        '"end"',
        '"middle"',
        "belongs_to must be one of start, end; got 'middle'",
    ),
    "an upside-down range": (
        '"end"',
        '"end"\nrange = [1, 0]',
        "range must be [low, high]; got [1, 0]",
    ),
    "an infinite range": (
        '"end"',
        '"end"\nrange = [0, inf]',
        "range must be finite numbers; got inf",
    ),
    "a weight that is a text": (
        '"end"',
        '"end"\nweight = "2"',
        "weight must be finite numbers; got '2'",
    ),
    "overlapping edges": (
        "[0, 10, 20]",
        "[0, 10, 5, 20]",
        "edges must grow; edge 3 is 5 and the one before",
    ),
    "equal edges": ("[0, 10, 20]", "[0, 10, 10]", "edge 3 is 10 and the one before it 10"),
    "unsorted edges": ("[0, 10, 20]", "[20, 10, 0]", "edge 2 is 10 and the one before it 20"),
    "one edge": ("[0, 10, 20]", "[0]", "edges must be at least two"),
    "NaN among edges": ("[0, 10, 20]", "[0, nan]", "edges must be numbers; got nan"),
    "edges that are texts": ("[0, 10, 20]", '["0", "10"]', "edges must be numbers; got '0'"),
    "edges that are no list": ("[0, 10, 20]", "10", "edges must be a list in brackets; got 10"),
    "edges and categories": (
        "edges =",
        "categories = [1]\nedges =",
        "one of edges, categories and quantiles",
    ),
    "no levels": ("edges = [0, 10, 20]\n", "", "one of edges, categories and quantiles; got none"),
    "closed on no side": (
        "edges =",
        'closed = "both"\nedges =',
        "closed must be one of left, right",
    ),
    "no categories": ("[0, 1]", "[]", "categories must be at least one"),
    "a category twice": ("[0, 1]", "[0, 1, 0]", "categories must differ; 0 is listed twice"),
    "mixed categories": ("[0, 1]", '[0, "1"]', "categories must be finite numbers; got '1'"),
    "too few labels": (
        "edges =",
        'labels = ["low"]\nedges =',
        "labels must be 2 texts; got ['low']",
    ),
    "quantiles of no split": (
        "edges = [0, 10, 20]",
        "quantiles = 4",
        "the key 'learned_on' is missing",
    ),
    "one quantile": (
        "edges = [0, 10, 20]",
        "quantiles = 1\nlearned_on = { part = [0, 2] }",
        "quantiles must be a whole number of bins, 2 or more; got 1",
    ),
    "a part that is none": (
        "edges = [0, 10, 20]",
        "quantiles = 4\nlearned_on = { part = [2, 2] }",
        "part must be (k, n) with 0 <= k < n; got (2, 2)",
    ),
    "a split on nothing known": (
        "edges = [0, 10, 20]",
        "quantiles = 4\nlearned_on = { parts = [0, 2] }",
        "learned_on has no key 'parts'; did you mean 'part'?",
    ),
    "a unit that its name denies": (
        'unit = "bytes"',
        'unit = "kB"',
        "its name says [bytes] and its unit says 'kB'",
    ),
    "an unknown clock": (
        'unit = "ms"',
        'unit = "minutes"',
        "unit must be one of s, ms, us, ns, iso, or a format",
    ),
    "half a time format": ('unit = "ms"', 'unit = "%H:%M:%S"', "a time format needs %Y, %m and %d"),
    "a strange time format": ('unit = "ms"', 'unit = "%Y-%m-%d %I"', "a time format is made of %Y"),
    "a negative jitter": (
        "jitter = 10",
        "jitter = -1",
        "jitter must be at least 0 and less than half the period",
    ),
    "a jitter of a period": (
        "jitter = 10",
        "jitter = 250",
        "less than half the period, 250; got 250",
    ),
    "a period of nought": ("period = 250", "period = 0", "period must be positive; got 0"),
    "a period with its unit": (
        "period = 250",
        'period = "250 ms"',
        "period must be finite numbers; got '250 ms'",
    ),
    "a strange order": (
        'order = "time"',
        'order = "sorted"',
        "order must be one of time, file; got 'sorted'",
    ),
    "strange actions": (
        'order = "time"',
        'actions = "some"',
        "actions must be 'all', 'seen' or a list",
    ),
    "a level too high": (
        'order = "time"',
        "actions = [[0], [2]]",
        "('policy' has 2), counted from 0; got (2,)",
    ),
    "an action twice": (
        'order = "time"',
        "actions = [[0], [0]]",
        "one combination is listed twice",
    ),
    "a path part twice": (
        'order = "time"',
        'path = "{a}/{a}.csv"',
        "a part of a path is named once",
    ),
    "a pattern for a path": (
        'order = "time"',
        'path = "(.*)/{a}.csv"',
        "'(' is not accepted between the parts",
    ),
    "too many states": (
        STATE,
        "".join(
            STATE.replace("buffer", f"b{k}").replace(
                "edges = [0, 10, 20]", f"edges = {list(range(200))}"
            )
            for k in range(3)
        ),
        "the columns make 7880599 states; make coarser levels",
    ),
}
del MALFORMED["two time columns"]


@pytest.mark.parametrize("kind", MALFORMED)
def test_a_malformed_codebook_is_refused(tmp_path, kind):
    replaced, by, says = MALFORMED[kind]
    assert replaced in GOOD
    path = tmp_path / "book.toml"
    path.write_text(GOOD.replace(replaced, by, 1), encoding="utf-8")
    with pytest.raises(MalformedFile) as error:
        read_codebook(path)
    said = str(error.value)
    assert says in said
    assert said.startswith(str(path))
    assert "\n" not in said


def test_two_time_columns_are_refused_by_name(tmp_path):
    path = tmp_path / "book.toml"
    clock = GOOD[GOOD.index("[[column]]") : GOOD.index(STATE)]
    path.write_text(GOOD + clock.replace('"t"', '"t2"'), encoding="utf-8")
    with pytest.raises(MalformedFile, match="one column with role 'time'; got 't', 't2'"):
        read_codebook(path)


def test_the_codebook_that_the_table_spoils_is_a_good_one(tmp_path):
    path = tmp_path / "book.toml"
    path.write_text("\ufeff" + GOOD, encoding="utf-8")
    assert read_codebook(path).n_states == 2


def test_a_name_that_is_no_codebook_is_refused_with_those_that_are():
    with pytest.raises(
        InvalidParameter, match=r"a \.toml file or one of coloran, oran-slicing; got 'colloran'"
    ):
        read_codebook("colloran")
