"""Closed forms: one broken file per way to break it, with the line and the words to expect.

Every table below: what is wrong, the text, the line (``None`` where none is at fault), the words.
"""

import numpy as np
import pytest

from germane.errors import MalformedFile
from germane.mdp import FiniteMDP, read_mdp, write_mdp

TRA = [
    ("empty", "", None, "empty"),
    ("only comments", "# nothing\n\n", None, "empty"),
    ("no header", "0 0 0 1\n", 1, "first line must be"),
    ("header of words", "2 three 4\n0 0 0 1\n", 1, "first line must be"),
    ("other kind", "ctmc\n0 0 1\n", 1, "first line must be"),
    ("negative count", "-1 1 1\n0 0 0 1\n", 1, "first line must be"),
    ("no transitions", "mdp\n", 1, "no transitions follow"),
    ("too few transitions", "2 2 3\n0 0 0 1\n1 0 1 1\n", 1, "3 transitions are promised; .* 2"),
    ("too many transitions", "2 2 1\n0 0 0 1\n1 0 1 1\n", 1, "1 transitions are promised; .* 2"),
    ("too few choices", "2 3 2\n0 0 0 1\n1 0 1 1\n", 1, "3 choices are promised; .* 2"),
    ("too few states", "2 1 1\n0 0 0 1\n", None, "state 1 has no choice"),
    ("state out of range", "2 2 2\n0 0 0 1\n2 0 1 1\n", 3, r"state 2 is out of range 0\.\.1"),
    ("successor out of range", "2 2 2\n0 0 2 1\n1 0 1 1\n", 2, "successor 2 is out of range"),
    ("enormous state", "mdp\n0 0 99999999999999999 1\n", None, "state 1 has no choice"),
    ("more digits than an integer", "mdp\n0 0 99999999999999999999 1\n", 2, "expected 's choice"),
    ("negative state", "mdp\n-1 0 0 1\n", 2, "expected 's choice s2 p"),
    ("fractional state", "mdp\n0 0 0.0 1\n", 2, "expected 's choice s2 p"),
    ("underscore in a state", "mdp\n0 0 0_0 1\n", 2, "expected 's choice s2 p"),
    ("line cut short", "mdp\n0 0 0 1\n1 0 1\n", 3, "expected 's choice s2 p"),
    ("too many fields", "mdp\n0 0 0 1 go on\n", 2, "expected 's choice s2 p"),
    ("a number for a name", "mdp\n0 0 0 1 1\n", 2, "expected 's choice s2 p"),
    ("an MDP called a chain", "dtmc\n0 0 0 1.0\n0 1 0 1.0\n", 2, "expected 's s2 p"),
    ("negative probability", "mdp\n0 0 0 1.5\n0 0 1 -0.5\n1 0 1 1\n", 3, "must not be negative"),
    ("three culprits", "mdp\n1 0 0 -1\n0 0 0 -1\n2 0 0 -1\n", 2, "must not be negative"),
    ("NaN", "mdp\n0 0 0 nan\n", 2, "finite number; got 'nan'"),
    ("infinity", "mdp\n0 0 0 inf\n", 2, "finite number; got 'inf'"),
    ("overflow", "mdp\n0 0 0 1e999\n", 2, "too large"),
    ("underscore in a number", "mdp\n0 0 0 1_0\n", 2, "finite number; got '1_0'"),
    ("word", "mdp\n0 0 0 one\n", 2, "finite number; got 'one'"),
    ("division by zero", "mdp\n0 0 0 1/0\n", 2, "1/0"),
    ("interval", "mdp\n0 0 0 [0.5,1]\n", 2, "interval"),
    ("row below one", "mdp\n0 0 0 1\n1 0 0 0.5\n1 0 1 0.4\n", 3, "must sum to 1, got 0.9$"),
    ("row above one", "mdp\n0 0 0 1\n0 1 0 2\n", 3, r"state 0, choice 1: .* got 2\.0$"),
    ("row of zeros", "mdp\n0 0 0 0\n", 2, r"must sum to 1, got 0\.0$"),
    ("printed row", "mdp\n0 0 0 0.9999995\n", 2, "got 0.9999995; .*renormalise=True"),
    (
        "twice the same",
        "mdp\n0 0 0 0.5\n0 0 1 0.5\n1 0 1 1\n0 0 0 0.5\n",
        5,
        "successor 0 .* twice",
    ),
    ("gap in choices", "mdp\n0 0 0 1\n0 2 0 1\n", 3, "has a choice 2, but .* gaps"),
    ("choices from 1", "mdp\n0 1 0 1\n", 2, "has a choice 1, but .* gaps"),
    ("deadlock", "mdp\n0 0 1 1\n", None, r"state 1 has no choice \(a deadlock\)"),
    ("deadlock in the middle", "mdp\n0 0 2 1\n2 0 2 1\n", None, "state 1 has no choice"),
    ("two names", "mdp\n0 0 0 0.5 a\n0 0 1 0.5 b\n1 0 1 1\n", 3, "several names: a, b"),
    ("a chain with choices", "1 2\n0 1:0\n0 1:0\n", 3, "state 0 of a chain has two rows"),
    ("rows without successors", "1 1 1\n0 1:0\n0\n", 3, "expected 's p:s2"),
    ("rows with a bad number", "1 1 1\n0 x:0\n", 2, "finite number; got 'x'"),
    ("rows with a bad target", "1 1 2\n0 1:0\n0 1:a\n", 3, "expected 's p:s2"),
]

HEAD = "@type: MDP\n@reward_models\n{}\n@nr_states\n1\n@model\n"  # the model starts at line 7
ONE = HEAD.format("") + "state 0\n\taction a\n\t\t0 : 1\n"

DRN = [
    ("empty", "", None, "ends before @model"),
    ("no model", "@type: MDP\n@nr_states\n1\n", 3, "ends before @model"),
    (
        "no type",
        "@nr_states\n1\n@model\nstate 0\naction a\n0 : 1\n",
        3,
        "@type must have one value",
    ),
    ("no number of states", "@type: MDP\n@model\n", 2, "@nr_states must have one value"),
    ("two types", "@type: MDP\n" + ONE, 2, "@type is declared twice"),
    ("unknown section", "@types: MDP\n" + ONE, 1, "@types is not a section"),
    ("text before the header", "hello\n" + ONE, 1, "expected '@type"),
    ("continuous time", ONE.replace("MDP", "CTMC"), 1, "type CTMC is no MDP or DTMC"),
    ("partial observation", ONE.replace("MDP", "POMDP"), 1, "type POMDP is no MDP or DTMC"),
    ("intervals", "@value_type: double-interval\n" + ONE, 1, "got double-interval"),
    ("parametric", "@value_type: parametric\n" + ONE, 1, "got parametric"),
    ("parameters", "@parameters\np q\n" + ONE, 1, "must be empty, got 'p q'"),
    ("placeholders", "@placeholders\n$0 : 1\n" + ONE, 1, "must be empty"),
    ("states in words", ONE.replace("\n1\n", "\none\n"), 4, "non-negative integer; got 'one'"),
    ("fewer states", ONE.replace("\n1\n", "\n2\n"), None, "@nr_states promises 2; .* holds 1"),
    ("more states", ONE + "state 1\naction a\n0 : 1\n", 10, "expected the end of the file"),
    ("fewer choices", "@nr_choices\n2\n" + ONE, None, "@nr_choices promises 2; .* holds 1"),
    ("states out of order", ONE.replace("state 0", "state 1"), 7, "expected state 0; got state 1"),
    ("no actions", HEAD.format("") + "state 0\n", None, "state 0 has no choice"),
    ("no transitions", HEAD.format("") + "state 0\naction a\naction b\n0 : 1\n", 8, "no trans"),
    ("no transitions at the end", HEAD.format("") + "state 0\naction a\n", 8, "no transitions"),
    ("action before a state", HEAD.format("") + "action a\n", 7, "no state comes before"),
    ("transition before a state", HEAD.format("") + "0 : 1\n", 7, "must follow an action"),
    ("transition of a state", HEAD.format("") + "state 0\n0 : 1\n", 8, "must follow an action"),
    ("a chain with choices", (ONE + "action b\n0 : 1\n").replace("MDP", "DTMC"), 10, "one action"),
    ("nonsense", ONE + "the end\n", 10, "expected a state, action or 't : p'"),
    ("successor out of range", ONE.replace("0 : 1", "1 : 1"), 9, "successor 1 is out of range"),
    ("negative", ONE.replace("0 : 1", "0 : -1"), 9, "must not be negative"),
    ("NaN", ONE.replace("0 : 1", "0 : nan"), 9, "finite number; got 'nan'"),
    ("interval", ONE.replace("0 : 1", "0 : [0, 1]"), 9, "interval"),
    ("polynomial", ONE.replace("0 : 1", "0 : 1+-1*p"), 9, "finite number"),
    ("row sum", ONE.replace("0 : 1", "0 : 0.5"), 9, "must sum to 1"),
    ("twice the same", ONE.replace("0 : 1", "0 : 0.5\n0 : 0.5"), 10, "listed twice"),
    ("rewards undeclared", ONE.replace("action a", "action a [1]"), 8, "1 rewards for 0 reward"),
    ("a reward too few", HEAD.format("r") + "state 0 [1, 2]\n", 7, "2 rewards for 1 reward"),
    ("reward NaN", HEAD.format("r") + "state 0 [nan]\naction a\n0 : 1\n", 7, "a reward .* 'nan'"),
    ("no reward", HEAD.format("r") + "state 0\naction a []\n0 : 1\n", 8, "a reward must be"),
]

MODEL = "2 3 4\n0 0 0 0.5\n0 0 1 0.5\n0 1 0 1\n1 0 1 1\n"

REWARDS = [
    ("srew without header", "m.srew", "0 1\n", 1, "first line must be '2 0'"),
    ("empty srew", "m.srew", "", None, "first line must be '2 0'"),
    ("srew of another model", "m.srew", "3 1\n0 1\n", 1, "first line must be '2 1'"),
    ("srew cut short", "m.srew", "2 2\n0 1\n", 1, "first line must be '2 1'"),
    ("srew out of range", "m.srew", "2 1\n2 1\n", 2, r"2: the state is out of range 0\.\.1"),
    ("srew twice", "m.srew", "2 2\n0 1\n0 1\n", 3, "0: the state is listed twice"),
    ("srew NaN", "m.srew", "2 1\n0 nan\n", 2, "a reward must be a finite number"),
    ("srew with transitions", "m.srew", "2 1\n0 0 0 1\n", 2, "expected 's reward'"),
    ("state.rew out of range", "m.state.rew", "0 1\n3 1\n", 2, "out of range"),
    ("trew without header", "m.trew", "0 0 0 1\n", 1, "first line must be '2 3 0'"),
    ("trew of another model", "m.trew", "2 2 1\n0 0 0 1\n", 1, "first line must be '2 3 1'"),
    ("trew cut short", "m.trew", "2 3 2\n0 0 0 1\n", 1, "first line must be '2 3 1'"),
    ("trew elsewhere", "m.trew", "2 3 1\n0 1 1 1\n", 2, "0 1 1: the model has no such transition"),
    ("trew no such choice", "m.trew", "2 3 1\n1 1 0 1\n", 2, "1 1 0: the model has no such"),
    ("trew no such state", "m.trew", "2 3 1\n2 0 0 1\n", 2, "2 0 0: the model has no such"),
    ("trew enormous", "m.trew", f"2 3 1\n{'9 ' * 3}1\n".replace("9", "9" * 18), 2, "no such trans"),
    ("trew twice", "m.trew", "2 3 2\n0 0 0 1\n0 0 0 1\n", 3, "listed twice"),
    ("trew infinite", "m.trew", "2 3 1\n0 0 0 inf\n", 2, "a reward must be a finite number"),
    ("trew of a chain", "m.trew", "2 3 1\n0 0 1\n", 2, "expected 's choice s2 reward'"),
    ("trans.rew elsewhere", "m.trans.rew", "0 1 1 1\n", 1, "no such transition"),
]


def refused(path, culprit, line, words, **options):
    with pytest.raises(MalformedFile, match=words) as caught:
        read_mdp(path, **options)
    assert (caught.value.path, caught.value.line) == (culprit, line)


@pytest.mark.parametrize(
    ("text", "line", "words"), [case[1:] for case in TRA], ids=[c[0] for c in TRA]
)
def test_a_malformed_tra_is_refused_with_its_line(text, line, words, tmp_path):
    path = tmp_path / "m.tra"
    path.write_text(text)
    refused(path, path, line, words, gamma=0.9)


@pytest.mark.parametrize(
    ("text", "line", "words"), [case[1:] for case in DRN], ids=[c[0] for c in DRN]
)
def test_a_malformed_drn_is_refused_with_its_line(text, line, words, tmp_path):
    path = tmp_path / "m.drn"
    path.write_text(text)
    refused(path, path, line, words, gamma=0.9)


@pytest.mark.parametrize(
    ("name", "text", "line", "words"), [case[1:] for case in REWARDS], ids=[c[0] for c in REWARDS]
)
def test_a_malformed_reward_file_is_refused_with_its_line(name, text, line, words, tmp_path):
    path = tmp_path / "m.tra"
    path.write_text(MODEL)
    (tmp_path / name).write_text(text)
    refused(path, tmp_path / name, line, words, gamma=0.9)


@pytest.mark.parametrize("suffix", [".tra", ".drn"])
def test_bytes_that_are_no_text_are_refused(suffix, tmp_path):
    path = tmp_path / f"m{suffix}"
    path.write_bytes(b"\xff\xfe\x00")
    refused(path, path, None, "not a text file", gamma=0.9)


def arrays_of_a_model(path):
    mdp = FiniteMDP(np.full((2, 2, 2), 0.5), np.arange(4.0).reshape(2, 2), 0.9)
    write_mdp(mdp, path)
    with np.load(path) as archive:
        return dict(archive)


def without(key):
    return lambda m: m.pop(key)


def put(key, value):
    return lambda m: m.update({key: np.array(value)})


def at(key, k, value):
    return lambda m: m[key].__setitem__(k, value)


def without_row_1(m):
    m.update(indptr=[0, 2, 2, 4, 6], indices=m["indices"][:6], data=m["data"][:6])


NPZ = [
    ("no rewards", without("r"), "lacks r"),
    ("no format", without("format"), "lacks format"),
    ("something else", put("P", [1.0]), "holds P, no part of a model"),
    ("other format", put("format", "other"), "is 'other', version 1"),
    ("later version", put("version", 2), "version 2; this reader knows .* version 1"),
    ("format is a number", put("format", 1), "format must be text"),
    ("rewards of one dimension", put("r", [1.0]), "r must be float64 with 2 dimensions"),
    ("integer rewards", put("r", [[1, 2], [3, 4]]), "r must be float64"),
    ("fractional indices", put("indices", [0.0] * 8), "indices must be integer"),
    ("no states", put("r", np.zeros((0, 2))), "no states or no actions"),
    ("short indptr", put("indptr", [0, 8]), "sizes do not match"),
    ("short indices", put("indices", [0]), "sizes do not match"),
    ("indptr falls", put("indptr", [0, 4, 2, 6, 8]), "indptr must increase from 0 to 8"),
    ("indptr from 1", at("indptr", 0, 1), "indptr must increase from 0 to 8"),
    ("indptr too far", at("indptr", 4, 9), "indptr must increase from 0 to 8"),
    ("an empty row", without_row_1, r"P\[0, 1\]: .* must sum to 1, got 0\.0"),
    ("state out of range", at("indices", 3, 2), r"P\[0, 1\]: .* got next state 2"),
    ("negative state", at("indices", 2, -1), r"P\[0, 1\]: .* got next state -1"),
    ("state twice", at("indices", 3, 0), r"P\[0, 1\]: .* got next state 0"),
    ("states out of order", put("indices", [0, 1, 1, 0, 0, 1, 0, 1]), r"P\[0, 1\]: .* increase"),
    ("negative probability", at("data", 2, -0.5), r"P\[0, 1\]: .* probability -0\.5"),
    ("probability NaN", at("data", 7, np.nan), r"P\[1, 1\]: .* probability nan"),
    ("row sum", at("data", 7, 0.6), r"P\[1, 1\]: probabilities must sum to 1, got 1\.1"),
    ("printed row", at("data", 7, 0.5000005), r"P\[1, 1\]: .* renormalise=True"),
    ("infinite reward", at("r", (1, 0), np.inf), r"r\[1, 0\] must be finite"),
    ("discount of one", put("gamma", 1.0), "gamma must lie in"),
    ("discount NaN", put("gamma", np.nan), "gamma must lie in"),
]


@pytest.mark.parametrize(("spoil", "words"), [case[1:] for case in NPZ], ids=[c[0] for c in NPZ])
def test_a_malformed_npz_is_refused_with_its_reason(spoil, words, tmp_path):
    path = tmp_path / "m.npz"
    arrays = arrays_of_a_model(path)
    spoil(arrays)
    np.savez(path, **arrays)
    refused(path, path, None, words)


def test_a_compressed_npz_is_read_too(tmp_path):
    path = tmp_path / "m.npz"
    np.savez_compressed(path, **arrays_of_a_model(path))
    assert read_mdp(path).r.tolist() == [[0, 1], [2, 3]]


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"hello", b"PK\x05\x06" + bytes(18)])
def test_a_file_that_is_no_archive_is_refused(content, tmp_path):
    path = tmp_path / "m.npz"
    path.write_bytes(content)
    refused(path, path, None, "not a readable|lacks")


def test_a_single_array_is_refused(tmp_path):
    path = tmp_path / "m.npz"
    with path.open("wb") as file:
        np.save(file, np.zeros(3))
    refused(path, path, None, "single array")


class Trap:
    """Unpickling it would create a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.mark.parametrize("key", ["r", "trap"])
def test_pickles_are_never_loaded(key, tmp_path):
    path = tmp_path / "m.npz"
    arrays = arrays_of_a_model(path)
    arrays[key] = np.array([[Trap(tmp_path / "sprung")]], dtype=object)
    np.savez(path, **arrays)
    refused(path, path, None, "allow_pickle=False")
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("suffix", [".npz", ".tra", ".drn"])
def test_a_file_that_is_not_there_is_an_os_error(suffix, tmp_path):
    with pytest.raises(FileNotFoundError):
        read_mdp(tmp_path / f"m{suffix}", gamma=0.9)
