"""Proof you can hand over: what holds is verified, whatever was tampered with is refused."""

import ast
import hashlib
import inspect
import json
from dataclasses import FrozenInstanceError, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import exact
from germane.certificates import Verdict, _verify, _witness, certify, verify
from germane.errors import MalformedFile
from germane.mdp import FiniteMDP, solve, write_mdp
from germane.metrics import _witness as metric_witness_module
from strategies import transition_rows

N = 200


def case(seed):
    """A real model, a twin, a policy or none, and options; of every kind, by the seed."""
    rng = np.random.default_rng(seed)
    S, A = rng.integers(1, 6), rng.integers(1, 4)
    gamma, scale = rng.choice([0.0, 0.5, 0.9, 0.99, 0.999]), 10.0 ** rng.integers(-5, 6)
    kinds = rng.choice(["dense", "sparse", "deterministic"], 2)
    error = rng.choice([0, 1e-6, 0.05, 1])
    P, other = (transition_rows(rng, kind, S * A, S) for kind in kinds)
    r = scale * (rng.integers(0, 3, (S, A)) if seed % 3 == 0 else rng.uniform(-1, 1, (S, A)))
    r_twin = r + error * scale * rng.uniform(-1, 1, (S, A))
    real = FiniteMDP(P, r, gamma)
    twin = FiniteMDP((1 - error) * P + error * other, r_twin, gamma)
    policy = (None, None, solve(twin).policy, rng.integers(0, A, S), rng.dirichlet(np.ones(A), S))
    options = {"twin_regret": float(scale * rng.uniform(0, 0.5))} if seed % 5 == 1 else {}
    if seed % 7 == 0:
        options["max_seconds"] = 0.0
    if seed % 7 == 1:
        options["tol"] = 0.0
    return real, twin, policy[seed % 5], options


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """The folder of the certificates that were saved, made when first asked for."""
    folder, made = tmp_path_factory.mktemp("certificates"), {}

    def path_of(seed):
        if seed not in made:
            real, twin, policy, options = case(seed)
            made[seed] = folder / f"{seed}.json"
            certify(real, twin, policy=policy, **options).save(made[seed])
        return made[seed]

    return path_of


def seal(record):
    """A certificate file by hand, its hash included: what an expert forger would do."""
    text = json.dumps(record | {"sha256": "0" * 64})
    return text.replace("0" * 64, hashlib.sha256(text.encode()).hexdigest())


def forged(path, tmp_path, change):
    record = json.loads(path.read_text())
    change(record)
    (tmp_path / "forged.json").write_text(seal(record))
    return tmp_path / "forged.json"


def proofs(verdict):
    """What is proved of each claim, as the reasons say it."""
    said = {name: said for name, _, said in verdict.checks if " proved, " in said}
    return {name: float(text.split()[0]) for name, text in said.items()}


def refusals(verdict):
    return {name: reason for name, status, reason in verdict.checks if status == "refuted"}


def below(x):
    return float(np.nextafter(x, -np.inf))


@pytest.mark.parametrize("first", range(0, N, 20))
def test_every_claim_of_a_saved_certificate_is_verified(first, saved):
    for seed in range(first, first + 20):
        real, twin, policy, _ = case(seed)
        verdict = verify(saved(seed), real, twin, policy)
        assert {check[1] for check in verdict.checks} == {"verified"}, (seed, verdict.checks)
        assert verdict.holds
        names = {check[0] for check in verdict.checks}
        assert {"file", "real", "twin", "L0", "L1", "L4s", "exact", "L3", "bound"} <= names
        assert {"max_diagonal[0]", "max_diagonal[1]"} <= names


# Ten ways to tamper, twenty certificates each -------------------------------------------------------


def a_flipped_bit(seed, path, tmp_path, rng):
    raw = bytearray(path.read_bytes())
    raw[rng.integers(len(raw))] ^= 1 << rng.integers(8)
    (tmp_path / "forged.json").write_bytes(raw)
    return tmp_path / "forged.json", case(seed)[:3], "file"


def a_torn_file(seed, path, tmp_path, rng):
    raw = path.read_bytes()
    (tmp_path / "forged.json").write_bytes(raw[: rng.integers(len(raw))])
    return tmp_path / "forged.json", case(seed)[:3], "file"


def another_real_model(seed, path, tmp_path, rng):
    real, twin, policy, _ = case(seed)
    r = real.r.copy()
    s, a = rng.integers(real.n_states), rng.integers(real.n_actions)
    r[s, a] = np.nextafter(r[s, a], np.inf)
    return path, (FiniteMDP(real.transitions, r, real.gamma), twin, policy), "real"


def another_twin(seed, path, tmp_path, rng):
    real, twin, policy, _ = case(seed)
    return path, (real, FiniteMDP(twin.transitions, twin.r, 0.25), policy), "twin"


def another_policy(seed, path, tmp_path, rng):
    real, twin, policy, _ = case(seed)
    if policy is None or real.n_actions == 1:
        policy = np.zeros(real.n_states + 1, int)
    else:
        policy = (policy + 1) % real.n_actions if policy.ndim == 1 else np.roll(policy, 1, axis=1)
    return path, (real, twin, policy), "policy"


def a_bound_below_the_truth(seed, path, tmp_path, rng):
    def change(record):
        rung = next(rung for rung in record["rungs"] if rung["name"] == record["rung"])
        record["bound"] = rung["value"] = below(proofs_of(seed, path)[record["rung"]])

    return forged(path, tmp_path, change), case(seed)[:3], "bound"


def a_rung_below_its_formula(seed, path, tmp_path, rng):
    name = str(rng.choice(["L0", "L3", "L4s", "L4s*"]))

    def change(record):
        rung = next(rung for rung in record["rungs"] if rung["name"] == name)
        rung["value"] = below(proofs_of(seed, path)[name])

    return forged(path, tmp_path, change), case(seed)[:3], name


def a_state_that_loses_less(seed, path, tmp_path, rng):
    s = int(rng.integers(case(seed)[0].n_states))

    def change(record):
        record["per_state"][s] = -record["trivial"] - 1.0

    return forged(path, tmp_path, change), case(seed)[:3], f"per_state[{s}]"


def a_lower_end_above_the_truth(seed, path, tmp_path, rng):
    def change(record):
        record["rungs"][-1]["lower"] = float(np.nextafter(record["bound"], np.inf))

    return forged(path, tmp_path, change), case(seed)[:3], "lower"


def a_metric_moved_away(seed, path, tmp_path, rng):
    end = int(rng.integers(2))

    def change(record):
        proved = proofs_of(seed, path)[f"max_diagonal[{end}]"]
        record["max_diagonal"][end] = float(np.nextafter(proved, (np.inf, -np.inf)[end]))

    return forged(path, tmp_path, change), case(seed)[:3], f"max_diagonal[{end}]"


KINDS = (
    a_flipped_bit,
    a_torn_file,
    another_real_model,
    another_twin,
    another_policy,
    a_bound_below_the_truth,
    a_rung_below_its_formula,
    a_state_that_loses_less,
    a_lower_end_above_the_truth,
    a_metric_moved_away,
)


def proofs_of(seed, path):
    return proofs(verify(path, *case(seed)[:3]))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_what_was_tampered_with_is_refused_with_the_reason(kind, saved, tmp_path):
    for seed in range(0, N, N // 20):
        seed += KINDS.index(kind)
        path, models, culprit = kind(seed, saved(seed), tmp_path, np.random.default_rng(seed))
        verdict = verify(path, *models)
        assert not verdict.holds, seed
        assert refusals(verdict).get(culprit), (seed, culprit, verdict.checks)


# How sharp ------------------------------------------------------------------------------------------


def fractions_of(mdp):
    P = mdp.transitions.toarray().reshape(mdp.n_states, mdp.n_actions, mdp.n_states)
    rows = [[[Fraction(x) for x in row] for row in of_state] for of_state in P.tolist()]
    P = [[[x / sum(row) for x in row] for row in of_state] for of_state in rows]
    return P, [[Fraction(x) for x in row] for row in mdp.r.tolist()], Fraction(mdp.gamma)


def small_case(seed, gamma):
    rng = np.random.default_rng(seed)
    real, twin = (
        FiniteMDP(transition_rows(rng, "dense", 6, 3), rng.uniform(-1, 1, (3, 2)), gamma)
        for _ in range(2)
    )
    return real, twin, rng.integers(0, 2, 3)


@pytest.mark.parametrize("gamma", [0.5, 0.99, 0.999999])
@pytest.mark.parametrize("seed", range(4))
def test_a_bound_is_proved_down_to_the_last_bit_of_the_exact_regret(seed, gamma, tmp_path):
    real, twin, policy = small_case(seed, gamma)
    P, r, g = fractions_of(real)
    pi = [[Fraction(int(a == chosen)) for a in range(2)] for chosen in policy]
    values = exact.optimal_value(P, r, g), exact.policy_value(P, r, g, pi)
    truth = max(a - b for a, b in zip(*values, strict=True))
    above = float(truth) if float(truth) >= truth else float(np.nextafter(float(truth), np.inf))
    certify(real, twin, policy=policy).save(tmp_path / "certificate.json")

    def claim(value):
        def change(record):
            record["bound"] = value
            next(x for x in record["rungs"] if x["name"] == record["rung"])["value"] = value

        path = forged(tmp_path / "certificate.json", tmp_path, change)
        return verify(path, real, twin, policy).holds

    assert claim(above)
    assert not claim(below(above))


@pytest.mark.parametrize("seed", range(4))
def test_the_metric_is_enclosed_by_what_is_proved_of_it(seed, tmp_path):
    rng = np.random.default_rng(seed)
    real, twin = (
        FiniteMDP(transition_rows(rng, "dense", 4, 2), rng.uniform(-1, 1, (2, 2)), 0.9)
        for _ in range(2)
    )
    P, r, g = fractions_of(real)
    Q, r_twin, _ = fractions_of(twin)
    d = exact.dt_bsm(P, r, Q, r_twin, g)
    truth = float(max(d[0][0], d[1][1]))
    certify(real, twin).save(tmp_path / "certificate.json")
    found = {
        name: said for name, _, said in verify(tmp_path / "certificate.json", real, twin).checks
    }
    low, high = (float(found[f"max_diagonal[{end}]"].split()[0]) for end in (0, 1))
    assert low <= truth <= high
    assert high - low < 1e-12


def test_other_witnesses_prove_no_less_than_they_are_worth(tmp_path):
    real, twin, policy = small_case(0, 0.9)
    path = tmp_path / "certificate.json"
    certify(real, twin, policy=policy).save(path)

    def moved(by):
        def change(record):
            functions = record["witness"]["functions"]
            functions["achieved"][0] = [x + by * s for s, x in enumerate(functions["achieved"][0])]

        return verify(forged(path, tmp_path, change), real, twin, policy)

    assert moved(1e-14).holds
    assert not moved(0.1).holds
    assert {"bound", "exact"} <= refusals(moved(0.1)).keys()


def test_couplings_of_something_else_prove_less_and_never_too_much(tmp_path):
    real, twin, policy = small_case(1, 0.9)
    path = tmp_path / "certificate.json"
    certify(real, twin, policy=policy).save(path)
    honest = proofs(verify(path, real, twin, policy))
    rng = np.random.default_rng(0)
    for _ in range(50):

        def change(record, rng=rng):
            metric = record["witness"]["metric"]
            metric["cells"] = _witness._packed(rng.integers(0, 3, 18 * 2 * 5), "<u2")
            d = rng.normal(size=9) * 10.0 ** rng.integers(-3, 4)
            metric["d"] = _witness._packed(d, "<f8")

        forgery = proofs(verify(forged(path, tmp_path, change), real, twin, policy))
        assert forgery["max_diagonal[0]"] <= honest["max_diagonal[1]"]
        assert forgery["max_diagonal[1]"] >= honest["max_diagonal[0]"]


# What cannot be verified, and misuse ----------------------------------------------------------------


def statuses(verdict):
    return {name: status for name, status, _ in verdict.checks}


def test_without_its_policy_nothing_is_refuted_but_nothing_holds(saved):
    real, twin, policy, _ = case(2)
    verdict = verify(saved(2), real, twin)
    assert policy is not None
    assert not verdict.holds
    assert statuses(verdict)["policy"] == "not verified"
    assert refusals(verdict) == {}


def test_a_file_of_another_schema_is_not_verified(saved, tmp_path):
    path = forged(saved(0), tmp_path, lambda record: record.update(schema="germane.certificate/9"))
    verdict = verify(path, *case(0)[:3])
    assert (verdict.holds, statuses(verdict)) == (False, {"file": "not verified"})


def test_a_certificate_without_evidence_brings_no_proof(tmp_path):
    real, twin, policy, _ = case(2)
    replace(certify(real, twin, policy=policy), evidence=None).save(tmp_path / "certificate.json")
    verdict = verify(tmp_path / "certificate.json", real, twin, policy)
    assert (verdict.holds, statuses(verdict)) == (False, {"file": "not verified"})


@pytest.mark.parametrize("limit", ["MAX_TRIPLES", "MAX_CELLS"])
def test_a_metric_too_large_to_prove_leaves_the_bound_proved(limit, monkeypatch, tmp_path):
    monkeypatch.setattr(metric_witness_module, limit, 1)
    real, twin, policy = small_case(0, 0.9)
    certify(real, twin, policy=policy).save(tmp_path / "certificate.json")
    verdict = verify(tmp_path / "certificate.json", real, twin, policy)
    assert verdict.holds
    assert statuses(verdict)["max_diagonal"] == "not verified"
    assert "at most 1 are kept" in {n: why for n, _, why in verdict.checks}["max_diagonal"]


@pytest.mark.parametrize("text", ["", "null", "[]", "{}", '{"schema": 1, "sha256": NaN}', "\udcff"])
def test_a_file_that_is_no_certificate_is_refused(text, tmp_path):
    (tmp_path / "certificate.json").write_bytes(text.encode("utf-8", "surrogatepass"))
    verdict = verify(tmp_path / "certificate.json", *case(0)[:3])
    assert not verdict.holds
    assert list(statuses(verdict)) == ["file"]


def test_models_may_be_files(saved, tmp_path):
    real, twin, policy, _ = case(2)
    write_mdp(real, tmp_path / "real.npz")
    write_mdp(twin, tmp_path / "twin.npz")
    assert verify(str(saved(2)), tmp_path / "real.npz", str(tmp_path / "twin.npz"), policy).holds
    with pytest.raises(FileNotFoundError):
        verify(tmp_path / "missing.json", real, twin, policy)
    (tmp_path / "real.npz").write_bytes(b"not a model")
    with pytest.raises(MalformedFile):
        verify(saved(2), tmp_path / "real.npz", twin, policy)


def test_a_verdict_is_frozen():
    with pytest.raises(FrozenInstanceError):
        Verdict(holds=True, checks=()).holds = False


# The page itself ------------------------------------------------------------------------------------


def test_the_verifier_imports_nothing_of_germane_but_the_reader_of_models():
    tree = ast.parse(inspect.getsource(_verify))
    imported = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    own = [node for node in imported if getattr(node, "level", 0) or "germane" in ast.dump(node)]
    assert [ast.unparse(node) for node in own] == ["from ..mdp import FiniteMDP, read_mdp"]
    assert "scipy" not in ast.dump(tree)


def test_the_verifier_is_one_page():
    assert len(Path(_verify.__file__).read_text(encoding="utf-8").splitlines()) <= 200
