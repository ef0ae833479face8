"""What holds for every codebook: it can be written and read back, and its numbers have names."""

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from germane.logs import parse_codebook, read_codebook, shipped_codebooks
from germane.logs._codebook import Codebook, path_parts
from germane.logs._columns import (
    Categories,
    Edges,
    IdleColumn,
    LevelColumn,
    Quantiles,
    RewardColumn,
    TimeColumn,
)
from germane.logs._split import Split

finite = st.floats(-1e6, 1e6)
words = st.text(st.characters(codec="utf-8", exclude_characters="[]"), min_size=1).filter(str.strip)
edges = st.lists(st.floats(allow_nan=False), min_size=2, max_size=5, unique=True).map(
    lambda values: Edges(tuple(sorted(values)))
)
categories = st.one_of(
    st.lists(finite, min_size=1, max_size=4, unique=True),
    st.lists(words, min_size=1, max_size=4, unique=True),
).map(lambda values: Categories(tuple(values)))
splits = st.builds(
    Split, st.sampled_from([(0, 1), (1, 2)]), st.dictionaries(words, st.tuples(words), max_size=1)
)


def level_columns(levels):
    return st.builds(
        LevelColumn,
        name=words,
        levels=levels,
        unit=st.none() | words,
        label=st.none() | words,
        missing=st.none() | words,
        otherwise=st.sampled_from(["error", "drop"]),
    )


fixed = level_columns(edges | categories)
learned = level_columns(st.builds(Quantiles, st.integers(2, 9), splits))
ends = st.sampled_from(["start", "end"])
rewards = st.builds(
    RewardColumn,
    name=words,
    belongs_to=ends,
    weight=finite,
    range=st.none() | st.tuples(finite, finite).map(lambda x: tuple(sorted(x))),
)


def columns(of):
    return st.lists(of, min_size=1, max_size=3, unique_by=lambda x: x.name).map(tuple)


def codebooks(levels):
    return st.builds(
        Codebook,
        time=st.just(TimeColumn(name="t [ms]", unit="ms", period=0.1, jitter=0.02)),
        states=columns(levels),
        actions=columns(levels),
        rewards=columns(rewards),
        episode=st.lists(words, unique=True, max_size=2).map(tuple),
        idle=columns(st.builds(IdleColumn, name=words, values=st.just((0, 1.5)))),
        order=st.sampled_from(["time", "file"]),
        combinations=st.sampled_from(["all", "seen"]),
        missing=st.lists(words, max_size=2).map(tuple),
        path=st.sampled_from([None, "tr{training}/{}/{ue}.csv"]),
    )


@given(codebooks(fixed | learned))
def test_a_codebook_is_read_as_it_was_written(book):
    assert parse_codebook(book.to_toml()) == book
    assert parse_codebook(book.to_toml()).fingerprint() == book.fingerprint()


@given(codebooks(fixed))
def test_every_state_and_action_has_a_name_and_combinations_come_back(book):
    assert len(book.state_names) == book.n_states
    assert len(book.action_names) == book.n_actions
    combinations = [book.levels_of(a) for a in range(book.n_actions)]
    assert [book.raw_action(levels) for levels in combinations] == list(range(book.n_actions))
    listed = replace(book, combinations=tuple(combinations[::2]))
    assert listed.action_names == book.action_names[::2]


@given(codebooks(fixed), st.data())
def test_the_reward_lies_in_its_range(book, data):
    if book.reward_range is None:
        assert any(column.range is None for column in book.rewards)
        return
    values = [data.draw(st.floats(*column.range)) for column in book.rewards]
    total = sum(column.weight * x for column, x in zip(book.rewards, values, strict=True))
    low, high = book.reward_range
    slack = 1e-9 * max(
        abs(low), abs(high), *(abs(x.weight * x.range[k]) for x in book.rewards for k in (0, 1))
    )
    assert low - slack <= total <= high + slack


@pytest.mark.parametrize(
    ("edges", "unit", "words"),
    [
        ((0, 1, 10_000, float("inf")), "bytes", ("0–1 bytes", "1–10000 bytes", "≥ 10 kB")),
        ((0, 20_000, 2_000_000), "bytes", ("0–20 kB", "20–2000 kB")),
        ((float("-inf"), -5, 5), "dB", ("< -5 dB", "-5 to 5 dB")),
        ((float("-inf"), float("inf")), None, ("any",)),
        ((0.125, 0.25), None, ("0.125–0.25",)),
    ],
)
def test_bins_are_named_with_their_unit(edges, unit, words):
    assert Edges(edges).words(unit) == words


def test_a_bin_that_is_closed_on_the_right_says_so_where_it_is_open_ended():
    inf = float("inf")
    assert Edges((-inf, 0, inf), "right").words("dB") == ("≤ 0 dB", "> 0 dB")


def test_a_path_gives_its_named_parts():
    parts = path_parts("tr{training}/exp{_}/bs{}/{imsi}_metrics.csv")
    assert parts.names == ("training", "imsi")
    found = re.search(parts.pattern, "/data/rome/tr12/exp1/bs7/1010_metrics.csv")
    assert [found[k] for k in parts.groups] == ["12", "1010"]
    assert not re.search(parts.pattern, "/data/xtr12/exp1/bs7/sub/1010_metrics.csv")


@pytest.mark.parametrize("name", shipped_codebooks())
def test_a_shipped_codebook_can_be_read_by_its_name(name):
    book = read_codebook(name)
    assert book.n_states > 1
    assert parse_codebook(book.to_toml()) == book
