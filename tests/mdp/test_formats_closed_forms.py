"""Closed forms: files whose models are known by hand, and files that other tools wrote."""

from pathlib import Path

import numpy as np
import pytest

from germane.errors import InvalidModel, InvalidParameter
from germane.mdp import (
    DiscreteDPArrays,
    FiniteMDP,
    from_gymnasium,
    from_quantecon,
    read_mdp,
    read_model,
    write_mdp,
)

FILES = Path(__file__).parents[2].parent / "shared" / "data" / "model-files"
needs_files = pytest.mark.skipif(not FILES.is_dir(), reason="the files of other tools are not here")


def saved(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def dense(mdp):
    return mdp.transitions.toarray().reshape(mdp.n_states, mdp.n_actions, mdp.n_states)


# the same small model in five dialects: two choices in state 0, one in state 1
DIALECTS = {
    "prism.tra": "2 3 4\n0 0 0 0.25 go\n0 0 1 0.75 go\n0 1 1 1 stay\n1 0 1 1.0 stay\n",
    "rows.tra": "# a comment\n2 3 4\n0 0.25:0 0.75:1 go\n0 1:1 stay\n1 1:1 stay\n",
    "storm.tra": "mdp\n\n 0\t0 0 2.5e-1\n0 0 1 3/4\r\n0 1 1 1\n\n1 0 1 1\n\n",
    "double.drn": (
        "// a comment\n@type: MDP\n@value_type: double\n@parameters\n\n@reward_models\n\n"
        "@nr_states\n2\n@nr_choices\n3\n@model\nstate 0 init\n//[x=0]\n\taction go\n\t\t0 : 0.25\n"
        '\t\t1 : 0.75\n\taction stay\n\t\t1 : 1\nstate 1 "all done" end\n\taction stay\n\t\t1 : 1\n'
    ),
    "rational.drn": (
        "@type: mdp\n@value_type: rational\n@nr_states\n2\n@model\nstate 0\naction 0\n0 : 1/4\n"
        "1 : 3/4\naction 1\n1:1\nstate 1\naction 0\n1 : 1\n"
    ),
}


@pytest.mark.parametrize("name", DIALECTS)
def test_every_dialect_gives_the_same_model(name, tmp_path):
    file = read_model(saved(tmp_path / name, DIALECTS[name]), gamma=0.9)
    expected = [[[0.25, 0.75], [0, 1]], [[0, 1], [0, 1]]]
    np.testing.assert_array_equal(dense(file.mdp), expected)
    np.testing.assert_array_equal(file.mdp.r, np.zeros((2, 2)))
    assert (file.mdp.gamma, file.n_filled_actions, file.largest_correction) == (0.9, 1, 0.0)
    assert len(file.notes) == 2  # the filled action, the missing rewards


def test_a_missing_action_repeats_the_last_one_of_its_state_with_its_reward(tmp_path):
    saved(tmp_path / "m.trew", "3 6 2\n1 0 1 5\n1 1 0 7\n")
    path = saved(
        tmp_path / "m.tra", "3 6 6\n0 0 0 1\n0 1 1 1\n0 2 2 1\n1 0 1 1\n1 1 0 1\n2 0 2 1\n"
    )
    file = read_model(path, gamma=0.5)
    np.testing.assert_array_equal(file.mdp.r, [[0, 0, 0], [5, 7, 7], [0, 0, 0]])
    np.testing.assert_array_equal(dense(file.mdp).argmax(axis=2), [[0, 1, 2], [1, 0, 0], [2, 2, 2]])
    assert file.n_filled_actions == 3


def test_names_and_labels_of_a_file_are_kept(tmp_path):
    path = saved(tmp_path / "m.drn", DIALECTS["double.drn"])
    file = read_model(path, gamma=0.9)
    assert file.action_names == (("go", "stay"), ("stay",))
    assert dict(file.labels) == {"init": (0,), "all done": (1,), "end": (1,)}
    file = read_model(saved(tmp_path / "m.tra", DIALECTS["prism.tra"]), gamma=0.9)
    assert file.action_names == (("go", "stay"), ("stay",))
    file = read_model(saved(tmp_path / "m.tra", DIALECTS["storm.tra"]), gamma=0.9)
    assert file.action_names is None


@pytest.mark.parametrize(
    "text",
    [
        "2 3\n0 0 0.5\n0 1 0.5\n1 1 1\n",
        "dtmc\n0 0 0.5\n0 1 0.5\n1 1 1\n",
        "2 3\n0 0.5:0 0.5:1\n1 1:1\n",
    ],
)
def test_a_chain_is_a_model_with_one_action(text, tmp_path):
    saved(tmp_path / "m.srew", "2 1\n1 4\n")
    saved(tmp_path / "m.trew", "2 1\n0 1 3\n")
    mdp = read_mdp(saved(tmp_path / "m.tra", text), gamma=0.9)
    np.testing.assert_array_equal(dense(mdp), [[[0.5, 0.5]], [[0, 1]]])
    np.testing.assert_array_equal(mdp.r, [[1.5], [4]])  # 0.5 * 3; 4


@pytest.mark.parametrize("elsewhere", [9, -9])
def test_a_probability_written_as_zero_is_no_transition(elsewhere, tmp_path):
    """All other moves pay 0.9: so does the row, to the last bit, though its mean is rounded."""
    saved(tmp_path / "m.trew", f"3 3\n0 0 {elsewhere}\n0 1 0.9\n0 2 0.9\n")
    path = saved(tmp_path / "m.tra", "3 5\n0 0 0\n0 1 1/3\n0 2 2/3\n1 1 1\n2 2 1\n")
    mdp = read_mdp(path, gamma=0.9)
    assert mdp.transitions.nnz == 4
    assert mdp.r.tolist() == [[0.9], [0], [0]]
    assert (1 / 3) * 0.9 + (2 / 3) * 0.9 != 0.9


def test_state_rewards_and_expected_transition_rewards_add_up(tmp_path):
    """r[0, 0] = 1 + 0.25 * 2 + 0.75 * 0 and r[0, 1] = 1 + 8, r[1, .] = 0 + 0."""
    path = saved(tmp_path / "m.tra", DIALECTS["prism.tra"])
    states = saved(tmp_path / "s.rew", "0 1\n")
    moves = saved(tmp_path / "t.rew", "0 0 0 2\n0 1 1 8\n")
    file = read_model(path, gamma=0.9, state_rewards=states, transition_rewards=moves)
    np.testing.assert_array_equal(file.mdp.r, [[1.5, 9], [0, 0]])
    assert file.reward_source == (str(moves), str(states))


def test_reward_files_beside_a_tra_are_found_unless_one_is_named(tmp_path):
    path = saved(tmp_path / "m.tra", DIALECTS["prism.tra"])
    saved(tmp_path / "m.state.rew", "1 100\n")
    assert read_mdp(path, gamma=0.9).r[1, 0] == 100
    saved(tmp_path / "m.srew", "2 1\n1 10\n")  # PRISM's name comes first
    saved(tmp_path / "m.trew", "2 3 1\n1 0 1 5\n")
    assert read_mdp(path, gamma=0.9).r[1, 0] == 15
    other = saved(tmp_path / "other.srew", "2 1\n1 2\n")
    assert read_mdp(path, gamma=0.9, state_rewards=other).r[1, 0] == 2


def test_what_is_written_does_not_pick_up_the_rewards_of_an_older_file(tmp_path):
    mdp = FiniteMDP(np.eye(2)[:, None, :], np.array([[0.0], [2.0]]), 0.9)
    for suffix in (".srew", ".state.rew"):
        saved(tmp_path / f"m{suffix}", "2 1\n1 10\n")
    for suffix in (".trew", ".trans.rew"):
        saved(tmp_path / f"m{suffix}", "1 0 1 10\n")
    write_mdp(mdp, tmp_path / "m.tra")
    assert read_mdp(tmp_path / "m.tra", gamma=0.9).fingerprint() == mdp.fingerprint()


def test_a_state_reward_header_is_told_from_a_reward_by_its_first_number(tmp_path):
    path = saved(tmp_path / "m.tra", DIALECTS["prism.tra"])
    with_header = saved(tmp_path / "a.txt", "2 1\n1 5\n")
    without = saved(tmp_path / "b.txt", "1 5\n")
    for file in (with_header, without):
        assert read_mdp(path, gamma=0.9, state_rewards=file).r.tolist() == [[0, 0], [5, 5]]


TWO_REWARDS = (
    "@type: MDP\n@parameters\n\n@reward_models\nenergy delay\n@nr_states\n1\n@model\n"
    "state 0 [1, 10]\n\taction a [2, 1/2]\n\t\t0 : 1\n\taction b\n\t\t0 : 1\n"
)


def test_one_of_several_reward_models_must_be_chosen(tmp_path):
    path = saved(tmp_path / "m.drn", TWO_REWARDS)
    assert read_mdp(path, gamma=0.9, reward_model="energy").r.tolist() == [[3, 1]]
    file = read_model(path, gamma=0.9, reward_model="delay")
    assert file.mdp.r.tolist() == [[10.5, 10]]
    assert file.reward_source == ("delay",)
    for wrong in (None, "cost"):
        with pytest.raises(InvalidParameter, match="energy, delay"):
            read_mdp(path, gamma=0.9, reward_model=wrong)


@pytest.mark.parametrize("suffix", [".tra", ".drn"])
def test_a_format_without_a_discount_asks_for_one(suffix, tmp_path):
    path = tmp_path / f"m{suffix}"
    write_mdp(FiniteMDP(np.ones((1, 1, 1)), [[0.0]], 0.9), path)
    with pytest.raises(InvalidParameter, match=r"gamma=\.\.\."):
        read_mdp(path)
    with pytest.raises(InvalidModel, match="gamma"):
        read_mdp(path, gamma=1.0)


def test_an_npz_keeps_its_discount(tmp_path):
    path = tmp_path / "m.npz"
    write_mdp(FiniteMDP(np.ones((1, 1, 1)), [[0.0]], 0.9), path)
    assert read_mdp(path).gamma == read_mdp(path, gamma=0.9).gamma == 0.9
    with pytest.raises(InvalidParameter, match=r"holds gamma 0\.9; got gamma=0\.8"):
        read_mdp(path, gamma=0.8)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("m.txt", {}),
        ("m", {}),
        ("m.npz", {"reward_model": "a"}),
        ("m.tra", {"reward_model": "a"}),
        ("m.drn", {"state_rewards": "m.srew"}),
        ("m.npz", {"transition_rewards": "m.trew"}),
    ],
)
def test_options_and_suffixes_that_do_not_belong_are_refused(name, options, tmp_path):
    with pytest.raises(InvalidParameter):
        read_mdp(tmp_path / name, gamma=0.9, **options)


def test_a_suffix_that_cannot_be_written_is_refused_and_writes_nothing(tmp_path):
    mdp = FiniteMDP(np.ones((1, 1, 1)), [[0.0]], 0.9)
    with pytest.raises(InvalidParameter, match=r"\.npz, \.tra, \.drn"):
        write_mdp(mdp, tmp_path / "m.csv")
    with pytest.raises(FileNotFoundError):
        write_mdp(mdp, tmp_path / "missing" / "m.npz")
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_leaves_the_old_file_as_it_was(tmp_path, monkeypatch):
    path = tmp_path / "m.npz"
    mdp = FiniteMDP(np.ones((1, 1, 1)), [[0.0]], 0.9)
    write_mdp(mdp, path)
    before = path.read_bytes()

    def disk_full(file, **arrays):
        file.write(b"PK")
        raise OSError("disk full")

    monkeypatch.setattr(np, "savez", disk_full)
    with pytest.raises(OSError, match="disk full"):
        write_mdp(mdp, path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


# -- Gymnasium: where episodes end ---------------------------------------------------------------


def test_transitions_listed_twice_add_up_and_their_rewards_are_averaged():
    """0.25 + 0.5 to state 0; (0.25 * 4 + 0.5 * 2 + 0.25 * 8) = 4."""
    P = {
        0: {0: [(0.25, 0, 4, False), (0.25, 1, 8, False), (0.5, 0, 2, False)]},
        1: {0: [(1.0, 1, 0, False)]},
    }
    mdp = from_gymnasium(P, 0.5)
    np.testing.assert_array_equal(dense(mdp), [[[0.75, 0.25]], [[0, 1]]])
    assert mdp.r.tolist() == [[4], [0]]


def test_done_into_an_absorbing_state_without_reward_needs_no_extra_state():
    P = {0: {0: [(1.0, 1, 3, True)]}, 1: {0: [(1.0, 1, 0, True)]}}
    assert dense(from_gymnasium(P, 0.5)).tolist() == [[[0, 1]], [[0, 1]]]


@pytest.mark.parametrize(
    "row_of_1",
    [[(1.0, 0, 0, False)], [(1.0, 1, 1, False)], [(0.5, 1, 0, True), (0.5, 0, 0, False)]],
    ids=["it leads back", "it pays", "it may lead back"],
)
def test_done_into_a_state_that_goes_on_leads_to_one_extra_state(row_of_1):
    P = {0: {0: [(0.5, 1, 3, True), (0.5, 1, 3, False)]}, 1: {0: row_of_1}}
    mdp = from_gymnasium(P, 0.5)
    assert mdp.n_states == 3
    assert dense(mdp)[0].tolist() == [[0, 0.5, 0.5]]
    assert dense(mdp)[2].tolist() == [[0, 0, 1]]
    assert mdp.r[:, 0].tolist()[::2] == [3, 0]


def test_an_impossible_transition_does_not_spoil_an_absorbing_state():
    P = {0: {0: [(1.0, 1, 3, True)]}, 1: {0: [(1.0, 1, 0, True), (0.0, 0, 5, False)]}}
    mdp = from_gymnasium(P, 0.5)
    assert mdp.n_states == 2
    assert mdp.r.tolist() == [[3], [0]]


def test_a_table_of_lists_is_read_like_a_table_of_dicts():
    rows = [[[(1.0, 0, 1, False)], [(1.0, 1, 2, True)]], [[(1.0, 1, 0, True)]] * 2]
    dicts = {s: dict(enumerate(actions)) for s, actions in enumerate(rows)}
    assert from_gymnasium(rows, 0.5).fingerprint() == from_gymnasium(dicts, 0.5).fingerprint()


@pytest.mark.parametrize(
    ("P", "reason"),
    [
        ({}, "at least one"),
        ({1: {0: [(1.0, 0, 0, False)]}}, "keys"),
        ({0: {}}, "same actions"),
        ({0: {1: [(1.0, 0, 0, False)]}}, "keys"),
        ({0: {0: []}}, r"P\[0\]\[0\] lists no transition"),
        ({0: {0: [(1.0, 0, 0)]}}, r"P\[0\]\[0\] must list tuples"),
        ({0: {0: [(1.0, 1, 0, False)]}}, r"0\.\.0; got 1"),
        ({0: {0: [(1.0, -1, 0, False)]}}, r"0\.\.0; got -1"),
        ({0: {0: [(0.5, 0, 0, False)]}}, "must sum to 1"),
        ({0: {0: [(1.5, 0, 0, False), (-0.5, 0, 0, False)]}}, "non-negative"),
        ({0: {0: [(float("nan"), 0, 0, False)]}}, "finite"),
        ({0: {0: [(1.0, 0, float("inf"), False)]}}, "finite"),
        (
            {0: {0: [(1.0, 0, 0, False)]}, 1: {0: [(1.0, 0, 0, False)], 1: [(1.0, 0, 0, False)]}},
            "state 1 has 2",
        ),
    ],
)
def test_a_table_that_is_no_model_is_refused(P, reason):
    with pytest.raises(InvalidModel, match=reason):
        from_gymnasium(P, 0.5)


# -- QuantEcon -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arrays", "reason"),
    [
        (([1.0], [[1.0]], 0.9), r"\(S, A, S\)"),
        (([[1.0]], [[[1.0, 0.0]]], 0.9), r"\(S, A, S\)"),
        (([1.0], [[1.0]], 0.9, [0]), "together"),
        (([1.0], [[1.0]], 0.9, [0.0], [0.0]), "integers"),
        (([1.0, 2.0], [[1.0], [1.0]], 0.9, [0], [0, 1]), r"\(L,\)"),
        (([1.0], [[1.0]], 0.9, [1], [0]), "out of range"),
        (([1.0], [[1.0]], 0.9, [0], [-1]), "out of range"),
        (([1.0, 2.0], [[1.0], [1.0]], 0.9, [0, 0], [1, 1]), "listed twice"),
        (([1.0], [[1.0, 0.0]], 0.9, [0], [0]), "state 1 has no feasible action"),
        (([[1.0]], [[[1.0]]], 1.0), "gamma"),
        (([[np.nan]], [[[1.0]]], 0.9), "finite"),
        (([[np.inf]], [[[1.0]]], 0.9), "finite"),
        (([[1.0]], [[[0.5]]], 0.9), "must sum to 1"),
    ],
)
def test_quantecon_arrays_that_are_no_model_are_refused(arrays, reason):
    with pytest.raises(InvalidModel, match=reason):
        from_quantecon(DiscreteDPArrays(*arrays))


def test_an_infeasible_action_keeps_its_number_and_repeats_the_last_feasible_one():
    R = [[-np.inf, 1.0, 2.0, -np.inf]]
    Q = np.ones((1, 4, 1))
    assert from_quantecon(DiscreteDPArrays(R, Q, 0.9)).r.tolist() == [[2, 1, 2, 2]]


# -- files that other tools wrote ----------------------------------------------------------------


@needs_files
def test_every_model_file_there_is_is_read():
    models = [path for path in FILES.iterdir() if path.suffix in {".tra", ".drn"}]
    assert len(models) >= 8
    for path in models:
        assert read_model(path, gamma=0.9).largest_correction == 0


@needs_files
def test_the_robot_is_the_same_from_both_of_prisms_forms():
    by_line = read_model(FILES / "prism-robot.prism.tra", gamma=0.9)
    by_row = read_model(FILES / "prism-robot.prism.rows.tra", gamma=0.9)
    assert by_line.mdp.fingerprint() == by_row.mdp.fingerprint()
    assert by_line.action_names == by_row.action_names
    assert by_line.action_names[5] == ("north", "west")
    assert by_line.n_filled_actions == 2
    assert dense(by_line.mdp)[0].tolist() == [[0, 0.1, 0, 0.8, 0.1, 0], [0.4, 0.6, 0, 0, 0, 0]]


@needs_files
@pytest.mark.parametrize(
    ("files", "r"),
    [
        ({"state_rewards": "1.srew", "transition_rewards": "1.trew"}, [[1, 1]] * 6),
        (
            {"state_rewards": "2.srew", "transition_rewards": "2.trew"},
            [[2.3, 2.3], [2.3, 2.3], [3.6, 3.6], [3.6, 3.6], [2.3, 2.3], [2.3, 2.3]],
        ),
        ({"transition_rewards": "3.trew"}, [[1, 1], [1, 1], [0, 0], [0, 0], [1, 1], [1, 1]]),
    ],
)
def test_the_robot_has_prisms_three_rewards(files, r):
    """The third pays 1 per step outside states 2 and 3; exactly, however its rows add up."""
    named = {kind: FILES / f"prism-robot.prism{name}" for kind, name in files.items()}
    mdp = read_mdp(FILES / "prism-robot.prism.tra", gamma=0.9, **named)
    np.testing.assert_array_equal(mdp.r, r)


@needs_files
def test_storms_rewards_are_found_and_expected():
    """By hand from the three files; a state's last action fills in for those it lacks.

    0.9 * 1 + 0.1 * 30, 0.2 * (15.2 + 75 + 2.45), 1, 0.1 * 0.114 + 0.9 * 90, and so on.
    """
    r = [
        [3.9, 18.53, 1, 81.0114],
        [1 + 1] * 4,
        [2 + 0.5 * (55 + 87), 2, 2, 2],
        [3.32 + 0.013 + 0.999 * 999] * 4,
        [42 + 0.49 + 0.09] * 4,
        [110 + 0.02 + 3.6, 110, 110, 110],
    ]
    file = read_model(FILES / "storm-mdp_general.tra", gamma=0.9)
    np.testing.assert_allclose(file.mdp.r, r, rtol=1e-14)
    assert file.n_filled_actions == 13
    assert len(file.reward_source) == 2


@needs_files
@pytest.mark.parametrize(
    ("variant", "in_order"), [("whitespaces", True), ("mixedStateOrder", False)]
)
def test_spaces_and_the_order_of_states_do_not_change_the_model(variant, in_order):
    general = read_mdp(
        FILES / "storm-mdp_general.tra",
        gamma=0.9,
        transition_rewards=FILES / "storm-mdp_general.trans.rew",
    )
    other = read_model(FILES / f"storm-mdp_{variant}.tra", gamma=0.9)
    assert other.mdp.fingerprint() == general.fingerprint()
    assert other.in_order == in_order
    assert any("out of order" in note for note in other.notes) == (not in_order)


@needs_files
def test_two_dice_is_one_model_in_both_formats():
    """The files number the states in different orders: walk both from state 0 side by side."""
    drn = read_model(FILES / "storm-two_dice.drn", gamma=0.9)
    tra = read_model(FILES / "storm-two_dice.tra", gamma=0.9)
    assert drn.n_filled_actions == tra.n_filled_actions == 84
    P, Q = dense(drn.mdp), dense(tra.mdp)
    there = {0: 0}
    queue = [0]
    for s in queue:
        for p, q in zip(P[s], Q[there[s]]):
            for t, u in zip(np.flatnonzero(p).tolist(), np.flatnonzero(q).tolist()):
                if there.setdefault(t, u) == u and t not in queue:
                    queue.append(t)
    order = [there[s] for s in range(169)]
    assert sorted(order) == list(range(169))
    np.testing.assert_array_equal(Q[order][:, :, order], P)
    assert [order[s] for s in drn.labels["done"]] == sorted(order[s] for s in drn.labels["done"])
    assert set(np.unique(drn.mdp.r)) == {0.0, 1.0}  # coinflips
    assert not tra.mdp.r.any()


@needs_files
def test_crowds_is_a_chain_of_8607_states():
    file = read_model(FILES / "storm-crowds-5-5.drn", gamma=0.9)
    assert (file.mdp.n_states, file.mdp.n_actions, file.mdp.transitions.nnz) == (8607, 1, 15113)
    assert file.labels["init"] == (0,)
