"""What a certificate writes down."""

import hashlib
import json

import numpy as np
import pytest

from germane.certificates import certify
from germane.errors import InvalidParameter, TooLarge
from germane.mdp import FiniteMDP, regret, solve
from germane.metrics import dt_bsm
from germane.transport import _pool as pool_module
from strategies import transition_rows


def pair():
    rng = np.random.default_rng(0)
    return tuple(
        FiniteMDP(transition_rows(rng, "dense", 8, 4), rng.random((4, 2)), 0.9) for _ in range(2)
    )


def test_a_saved_certificate_holds_its_numbers_and_hashes(tmp_path):
    real, twin = pair()
    certificate = certify(real, twin, policy=solve(twin).policy)
    certificate.save(tmp_path / "certificate.json")
    saved = json.loads((tmp_path / "certificate.json").read_text())
    assert saved["schema"] == "germane.certificate/1"
    assert saved["bound"] == certificate.bound
    assert saved["rung"] == certificate.rung == "exact"
    assert saved["fingerprints"]["real"] == real.fingerprint()
    assert saved["fingerprints"]["twin"] == twin.fingerprint()
    assert len(saved["fingerprints"]["policy"]) == 64
    assert [rung["name"] for rung in saved["rungs"]] == list(certificate.rungs)
    assert saved["per_state"] == certificate.per_state.tolist()
    assert saved["settings"] == {"tol": None, "max_seconds": None, "stop_at": None}
    assert set(saved["witness"]) == {"functions", "metric", "left_out"}
    assert set(saved["witness"]["functions"]) == {
        "optimum", "achieved", "twin optimum", "twin achieved", "L4s", "L4s*"
    }  # fmt: skip
    assert saved["witness"]["left_out"] is None
    text = (tmp_path / "certificate.json").read_text()
    zeros = text.replace(saved["sha256"], "0" * 64)
    assert saved["sha256"] == hashlib.sha256(zeros.encode()).hexdigest()
    again = certify(real, twin, policy=solve(twin).policy)
    again.save(tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == (tmp_path / "certificate.json").read_bytes()


def test_a_network_without_rewards_can_be_saved(tmp_path):
    # The bound L0 is then the least positive double, and other bounds are beyond every multiple of it.
    _, twin = pair()
    real = FiniteMDP(twin.transitions, np.zeros((4, 2)), 0.9)
    certify(real, twin).save(tmp_path / "certificate.json")
    rungs = json.loads((tmp_path / "certificate.json").read_text())["rungs"]
    assert max(rung["share"] for rung in rungs) == np.finfo(float).max


def test_a_deterministic_policy_has_the_hash_of_the_same_stochastic_one():
    real, twin = pair()
    one, other = (certify(real, twin, policy=p) for p in ([0, 1, 1, 0], np.eye(2)[[0, 1, 1, 0]]))
    assert one.fingerprints == other.fingerprints


def test_a_metric_that_does_not_fit_is_skipped_with_the_reason(monkeypatch):
    monkeypatch.setattr(pool_module, "BYTES_PER_NODE", 2**50)
    certificate = certify(*pair())
    assert "L4s" in certificate.rungs
    assert "L3" not in certificate.rungs
    assert "GiB" in certificate.skipped["dt_bsm"]
    assert certificate.max_diagonal is None
    with pytest.raises(TooLarge):
        dt_bsm(*pair())


def test_out_of_time_the_last_rung_is_looser_but_holds():
    real, twin = pair()
    early, late = certify(real, twin, max_seconds=0.0), certify(real, twin)
    assert early.rungs["L3"].value >= late.rungs["L3"].value
    assert early.max_diagonal[0] <= late.max_diagonal[1] <= early.max_diagonal[1]


def test_a_limit_equal_to_the_bound_is_met_and_the_next_double_below_is_not():
    real, twin = pair()
    certificate = certify(real, twin, policy=solve(twin).policy)
    assert certificate.answer(certificate.bound) == "pass"
    assert certificate.answer(np.nextafter(certificate.bound, 0)) != "pass"


def test_a_threshold_that_is_met_spares_the_dearer_rungs():
    real, twin = pair()
    certificate = certify(real, twin, stop_at=100.0)
    assert list(certificate.rungs) == ["L0"]
    assert "dt_bsm" in certificate.skipped
    assert all("not needed" in reason for reason in certificate.skipped.values())


def test_the_bound_from_a_start_distribution_is_the_weighted_one():
    real, twin = pair()
    certificate = certify(real, twin, policy=[0, 1, 1, 0])
    start = np.array([0.5, 0.25, 0.25, 0.0])
    loss = start @ regret(real, [0, 1, 1, 0])
    assert loss <= certificate.weighted(start) <= loss + 1e-8
    assert certificate.per_state.max() <= certificate.bound
    with pytest.raises(InvalidParameter, match=r"4 probabilities.*\(3,\)"):
        certificate.weighted([0.5, 0.5, 0.0])
