"""The run on phone traces: the camera's MDP, what is made of the channel's counts, and the whole run."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest

import germane

RUN = "5g_traces/run"
TRACES = Path(__file__).parents[3] / "shared/data/5g-traces/5g-production-traces.zip"
HEADER = ["Timestamp", "Operatorname", "SNR", "DL_bitrate"]


@pytest.fixture(scope="module")
def run(load):
    return load(RUN)


@pytest.fixture(scope="module")
def made_up(tmp_path_factory):
    """A zip of made-up traces: a random walk over the bins, with the faults of the real ones."""
    rng = np.random.default_rng(7)
    path = tmp_path_factory.mktemp("made-up") / "traces.zip"
    with ZipFile(path, "w") as archive:
        for mobility, n_files in (("Driving", 3), ("Static", 2)):
            for k in range(n_files):
                start, level = datetime(2020, 2, 13, 10 + k), 6.0
                lines = [",".join(HEADER)]
                for t in range(400):
                    level = float(np.clip(level + rng.normal(0, 3), -9, 21))
                    when = start + timedelta(seconds=t + (t > 100))  # a gap after 100 s
                    snr = "-" if t == 200 else f"{level:.1f}"
                    lines.append(f"{when:%Y.%m.%d_%H.%M.%S},B,{snr},1000")
                    if t == 300:  # a copy
                        lines.append(lines[-1])
                archive.writestr(f"Download/{mobility}/B_{k}.csv", "\n".join(lines) + "\n")
        archive.writestr("__MACOSX/Download/Driving/._B_0.csv", "not a trace")
    return path


@pytest.fixture(scope="module")
def found(run, findings, made_up):
    """What the run finds in the real traces, or in made-up ones where those are not there."""
    return findings(run, TRACES if TRACES.exists() else made_up)


def test_a_quarter_of_the_power_carries_what_full_power_carries_one_bin_lower(run):
    below, full = run.UPLINK.sent_at_most[2:, 1], run.UPLINK.sent_at_most[1:-1, 2]
    # 17 dBm is 6 dB below 23 dBm, as the bins are apart; 10 ** 0.6 is not quite 4 ** 1
    assert np.array_equal(below, full)


def test_energy_and_rates_are_those_of_a_calculation_by_hand(run):
    # 17 dBm are 50.12 mW, 23 dBm 199.5 mW; a quarter of the power is radiated, 200 mW are lost besides.
    assert run.UPLINK.energy_j == pytest.approx([0, 0.400475, 0.998105], abs=1e-6)
    # At 3 dB and full power: 1.8 MHz * 0.4 * log2(1 + 1.995) = 1.1396 Mbit/s, seven packets of 150 kbit.
    assert run.UPLINK.sent_at_most[2, 2] == 7
    # At 15 dB: 0.4 * log2(1 + 31.6) = 2.01 is capped at 2 bit/s/Hz: 3.6 Mbit/s, 24 packets.
    assert run.UPLINK.sent_at_most[4, 2] == 24
    assert not run.UPLINK.sent_at_most[0].any()


def test_no_packet_is_made_or_lost_but_by_the_law(run):
    uplink = run.UPLINK
    mdp = uplink.mdp(np.eye(uplink.n_bins))
    fills = np.arange(uplink.places + 1)
    S, A = mdp.r.shape
    after = (mdp.transitions @ np.tile(fills, uplink.n_bins)).reshape(S, A)
    left = uplink.left.reshape(S, A)
    lost = -(mdp.r + left + uplink.joule_cost * uplink.energy_j) / uplink.drop_cost
    mean_arrivals = uplink.streams * uplink.activity
    assert after + lost == pytest.approx(left + mean_arrivals, abs=1e-9)


def test_models_of_a_pair_are_as_far_apart_as_the_rows_of_their_channels(run):
    rng = np.random.default_rng(0)
    one, other = rng.dirichlet(np.ones(run.UPLINK.n_bins), size=(2, run.UPLINK.n_bins))
    apart = np.abs(one - other).sum(axis=1) / 2
    found = germane.total_variation(run.UPLINK.mdp(one), run.UPLINK.mdp(other))
    expected = np.repeat(apart, run.UPLINK.places + 1)[:, None] * np.ones(found.shape[1])
    assert found == pytest.approx(expected, abs=1e-12)


def test_every_pair_has_seen_the_next_bins_of_its_own(run, made_up):
    driving, _ = run.channels(made_up)
    log = run.samples_of_every_pair(driving, np.random.default_rng(0))
    n_bins, fillings = run.UPLINK.n_bins, run.UPLINK.places + 1
    counts = log.counts.toarray().reshape(n_bins, fillings, -1, n_bins, fillings)
    channel = driving.counts.toarray()
    expected = np.broadcast_to(channel[:, None, None, :], counts.shape[:-1])
    assert np.array_equal(counts.sum(axis=-1), expected)
    possible = run.UPLINK.mdp(np.ones((n_bins, n_bins)) / n_bins).transitions.toarray() > 0
    assert not log.counts.toarray()[~possible].any()


def test_the_fillings_of_the_samples_follow_their_law(run, made_up):
    # 3 standard deviations of a mean of n draws of at most 12 packets, over the pairs together
    driving, _ = run.channels(made_up)
    log = run.samples_of_every_pair(driving, np.random.default_rng(0))
    fills = np.tile(np.arange(run.UPLINK.places + 1.0), run.UPLINK.n_bins)
    law = run.UPLINK.mdp(np.eye(run.UPLINK.n_bins)).transitions
    n = log.n_visits.ravel()
    off = (log.counts @ fills - n * (law @ fills)).sum()
    variance = (n * (law @ fills**2 - (law @ fills) ** 2)).sum()
    assert abs(off) <= 3 * np.sqrt(variance)


def test_every_row_of_the_traces_is_counted_or_dropped_for_a_reason(run, made_up):
    for name, traces, n_files in zip(("driving", "static"), run.channels(made_up), (3, 2)):
        rows = run.show_rows(name, traces)
        assert (
            rows["n_rows"] == n_files * 401 == rows["n_transitions"] + sum(rows["dropped"].values())
        )
        assert rows["dropped"] == {
            "gap": n_files,
            "duplicate": n_files,
            "SNR: missing": n_files,
            "next row: SNR: missing": n_files,
            "last of its episode": n_files,
        }


def test_the_run_ends_with_a_report_for_each_twin(found):
    about, out = found
    assert {bound["twin"] for bound in about["bounds"]} == {"static traces", "Gilbert-Elliott"}
    for twin in ("static-traces", "gilbert-elliott"):
        assert "</html>" in (out / twin / "report.html").read_text(encoding="utf-8")
    assert (out / "findings.svg").exists()


@pytest.mark.skipif(not TRACES.exists(), reason="the data set is not here")
def test_of_the_real_traces_no_row_is_unaccounted_for(found):
    about, _ = found
    with ZipFile(TRACES) as archive:
        for rows, mobility in zip(about["rows"], ("/Driving/", "/Static/")):
            lines = [
                archive.read(name).count(b"\n") for name in archive.namelist() if mobility in name
            ]
            assert rows["n_files"] == len(lines)
            assert rows["n_rows"] == sum(lines) - len(lines)  # less the headers
            assert rows["n_rows"] == rows["n_transitions"] + sum(rows["dropped"].values())
            assert sum(rows["visits"]) == rows["n_transitions"]


@pytest.mark.skipif(not TRACES.exists(), reason="the data set is not here")
def test_of_the_real_traces_the_more_structure_is_used_the_more_is_certified(found):
    about, _ = found
    most = about["bounds"][0]["trivial"]
    for twin in ("static traces", "Gilbert-Elliott"):
        camera, channel, every_pair, guess = (
            bound["bound"] for bound in about["bounds"] if bound["twin"] == twin
        )
        assert guess < every_pair < channel < camera < most
        assert every_pair < 0.2 * most
