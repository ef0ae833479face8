"""Laws: what is written is read back to the last bit, and broken files never pass for models."""

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from germane.errors import InvalidModel, InvalidParameter, MalformedFile
from germane.mdp import (
    DiscreteDPArrays,
    from_quantecon,
    read_mdp,
    read_model,
    to_quantecon,
    write_mdp,
)
from strategies import mdps

SUFFIXES = pytest.mark.parametrize("suffix", [".npz", ".tra", ".drn"])
ANY_REWARD = st.floats(-1e293, 1e293) | st.sampled_from([0.0, -0.0])  # as large as models take


def written(mdp, folder, suffix):
    path = Path(folder) / f"model{suffix}"
    write_mdp(mdp, path)
    return path


def discount(mdp, suffix):
    return {} if suffix == ".npz" else {"gamma": mdp.gamma}


@SUFFIXES
@given(mdp=mdps(rewards=ANY_REWARD))
def test_a_model_is_read_back_to_the_last_bit(suffix, mdp):
    with tempfile.TemporaryDirectory() as folder:
        again = read_model(written(mdp, folder, suffix), **discount(mdp, suffix))
    assert again.mdp.fingerprint() == mdp.fingerprint()
    assert again.notes == (() if suffix == ".npz" else again.notes)
    assert (again.n_filled_actions, again.largest_correction, again.in_order) == (0, 0.0, True)


@SUFFIXES
@given(mdp=mdps())
@settings(max_examples=10)
def test_writing_twice_gives_the_same_bytes_and_nothing_else(suffix, mdp):
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
        written(mdp, one, suffix)
        written(mdp, two, suffix)
        written(mdp, two, suffix)  # over the first
        contents = [
            {file.name: file.read_bytes() for file in Path(folder).iterdir()}
            for folder in (one, two)
        ]
    assert contents[0] == contents[1]
    expected = {"model.tra", "model.srew", "model.trew"} if suffix == ".tra" else {"model" + suffix}
    assert set(contents[0]) == expected


@given(mdp=mdps(min_states=2, max_states=3), data=st.data())
@settings(max_examples=300)
@SUFFIXES
def test_a_damaged_file_is_refused_or_still_a_model(suffix, mdp, data):
    """One cut or one changed byte: another model may come out, another error must not."""
    with tempfile.TemporaryDirectory() as folder:
        path = written(mdp, folder, suffix)
        damaged = data.draw(st.sampled_from(sorted(Path(folder).iterdir())))
        content = bytearray(damaged.read_bytes())
        place = data.draw(st.integers(0, len(content) - 1))
        if data.draw(st.booleans()):
            content[place] = data.draw(
                st.sampled_from(b"\x00\x7f\xff 09-.:[]/@a\n\t") | st.integers(0, 255)
            )
        else:
            del content[place:]
        damaged.write_bytes(content)
        try:
            culprit = None
            assert read_mdp(path, **discount(mdp, suffix)).n_states >= 1
        except MalformedFile as error:
            culprit = str(error.path)
        except InvalidParameter:  # the byte split the name of a reward model in two: which one?
            culprit = str(damaged)
    assert culprit in (None, str(damaged))  # not its neighbour


@given(mdp=mdps(rewards=ANY_REWARD), dense=st.booleans())
def test_quantecon_arrays_bring_a_model_back_to_the_last_bit(mdp, dense):
    assert from_quantecon(to_quantecon(mdp, dense=dense)).fingerprint() == mdp.fingerprint()


@given(mdp=mdps(), data=st.data())
def test_the_order_of_quantecon_pairs_does_not_matter(mdp, data):
    R, Q, beta, s, a = to_quantecon(mdp)
    order = data.draw(st.permutations(range(len(R))))
    shuffled = DiscreteDPArrays(R[order], Q[order], beta, s[order], a[order])
    assert from_quantecon(shuffled).fingerprint() == mdp.fingerprint()


@given(mdp=mdps(), data=st.data())
def test_the_order_of_lines_does_not_matter(mdp, data):
    with tempfile.TemporaryDirectory() as folder:
        path = written(mdp, folder, ".tra")
        head, *lines = path.read_text().splitlines()
        order = data.draw(st.permutations(lines))
        path.write_text("\n".join([head, *order]))
        again = read_model(path, gamma=mdp.gamma)
    assert again.mdp.fingerprint() == mdp.fingerprint()
    assert again.in_order == (list(order) == lines)


@given(mdp=mdps(max_actions=2), gap=st.floats(1.1e-9, 0.9e-6), sign=st.sampled_from([1, -1]))
@SUFFIXES
def test_printed_rows_are_renormalised_only_when_asked_and_the_correction_is_told(
    suffix, mdp, gap, sign
):
    """Every probability times 1 + gap: the sums, and so the largest correction, are off by gap."""
    off = 1 + sign * gap
    with tempfile.TemporaryDirectory() as folder:
        path = scaled_file(mdp, Path(folder) / f"model{suffix}", off)
        with pytest.raises(MalformedFile, match="renormalise=True"):
            read_mdp(path, **discount(mdp, suffix))
        again = read_model(path, renormalise=True, **discount(mdp, suffix))
    assert again.largest_correction == pytest.approx(gap, abs=1e-15)
    assert np.allclose(
        again.mdp.transitions.toarray(), mdp.transitions.toarray(), rtol=0, atol=1e-14
    )
    np.testing.assert_array_equal(again.mdp.r, mdp.r)


def scaled_file(mdp, path, factor):
    """The file of ``mdp``, its probabilities multiplied by ``factor``."""
    write_mdp(mdp, path)
    if path.suffix == ".npz":
        arrays = dict(np.load(path))
        np.savez(path, **arrays | {"data": arrays["data"] * factor})
        return path
    lines = path.read_text().splitlines()
    for k, line in enumerate(lines):
        fields = line.split()
        if (path.suffix == ".drn" and " : " in line) or (path.suffix == ".tra" and k > 0):
            lines[k] = " ".join([*fields[:-1], repr(float(fields[-1]) * factor)])
    path.write_text("\n".join(lines))
    return path


@SUFFIXES
@given(mdp=mdps(), factor=st.sampled_from([1 + 2e-6, 1 - 2e-6, 0.5]))
def test_rows_further_off_are_refused_whatever_is_asked(suffix, mdp, factor):
    with tempfile.TemporaryDirectory() as folder:
        path = scaled_file(mdp, Path(folder) / f"model{suffix}", factor)
        with pytest.raises(MalformedFile, match="must sum to 1, got"):
            read_mdp(path, renormalise=True, **discount(mdp, suffix))


@SUFFIXES
@given(mdp=mdps())
def test_rows_off_by_less_than_1e_9_are_read_and_the_correction_is_told(suffix, mdp):
    with tempfile.TemporaryDirectory() as folder:
        path = scaled_file(mdp, Path(folder) / f"model{suffix}", 1 + 5e-10)
        again = read_model(path, **discount(mdp, suffix))
    assert again.largest_correction == pytest.approx(5e-10, abs=1e-15)


@given(mdp=mdps(max_states=4), data=st.data())
def test_filling_in_infeasible_actions_does_not_change_the_optimum(mdp, data):
    """Oracle: the maximum over feasible actions, by value iteration on plain arrays."""
    S, A = mdp.n_states, mdp.n_actions
    feasible = np.array(
        data.draw(
            st.lists(
                st.lists(st.booleans(), min_size=A, max_size=A).filter(any), min_size=S, max_size=S
            )
        )
    )
    R, Q, beta, *_ = to_quantecon(mdp, dense=True)
    R[~feasible], Q[~feasible] = -np.inf, np.nan  # rows of infeasible actions are not looked at
    filled = from_quantecon(DiscreteDPArrays(R, Q, beta))
    v, w = np.zeros(S), np.zeros(S)
    P = mdp.transitions.toarray().reshape(S, A, S)
    for _ in range(50):
        v = np.where(feasible, mdp.r + beta * P @ v, -np.inf).max(axis=1)
        w = (filled.r + beta * (filled.transitions @ w).reshape(S, A)).max(axis=1)
    # the same sums of at most S products 50 times over: rounding only
    np.testing.assert_allclose(w, v, rtol=1e-12, atol=1e-12)


@given(mdp=mdps(), data=st.data())
def test_a_quantecon_state_without_feasible_action_is_refused(mdp, data):
    R, Q, beta, *_ = to_quantecon(mdp, dense=True)
    s = data.draw(st.integers(0, mdp.n_states - 1))
    R[s] = -np.inf
    with pytest.raises(InvalidModel, match=f"state {s} has no feasible action"):
        from_quantecon(DiscreteDPArrays(R, Q, beta))
