#!/usr/bin/env python
"""What can be certified for a camera's power control, from phone traces of the channel alone?

    python run.py 5G-production-dataset.zip --out 5g-traces-run

The real channel is that of the traces recorded while driving. The policy was planned in a twin: with the
channel of a phone that stands still, or with a Gilbert-Elliott channel from a textbook. README.md says
where to get the data, what comes out and what it means.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zipfile import ZipFile

import numpy as np
import scipy.sparse as sp
from matplotlib.figure import Figure

import germane
from uplink import Uplink

CHANNEL = germane.read_codebook(Path(__file__).parent / "channel.toml")
UPLINK = Uplink(edges_db=CHANNEL.states[0].levels.edges[1:-1])  # without the infinite ones
CONFIDENCE = 0.95
GOOD_FROM_DB, TO_BAD, TO_GOOD = 3.0, 0.02, 0.2
"""The textbook channel: bad below 3 dB; it turns bad in 2 % of the good seconds, good in 20 % of the bad."""

EXPLORED = 0.3  # share of random actions in the log of a single camera


def main() -> None:
    """Runs the whole example."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("path", type=Path, help="the data set's zip, or the folder it unpacks to")
    parser.add_argument("--out", type=Path, default=Path("5g-traces-run"), metavar="DIR")
    parser.add_argument("--seed", type=int, default=0, help="of what is simulated")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    driving, static = channels(given.path)
    rows = [show_rows("driving", driving), show_rows("static", static)]
    laws = {"static traces": smoothed(static), "Gilbert-Elliott": gilbert_elliott()}
    rng = np.random.default_rng(given.seed)
    every_pair = samples_of_every_pair(driving, rng)
    bounds, plans = [], []
    for name, law in laws.items():
        twin = UPLINK.mdp(law)
        policy = germane.solve(twin).policy
        print(f"\nThe policy planned in the twin with the channel of {name} loses at most")
        evidence = {
            "a log of one camera": (one_camera(driving, policy, rng), []),
            "the channel as a set": (nothing(driving), [channel_set(driving)]),
            "every second a sample of every pair": (every_pair, []),
        }
        bounds += [certified(name, twin, policy, what, *log) for what, log in evidence.items()]
        bounds += [best_guess(name, driving, policy)]
        record = report(given.out / slug(name), every_pair, twin, policy)
        plans += [seconds_to_halve(name, record)]
    findings = {"rows": rows, "bounds": bounds, "plans": plans}
    (given.out / "findings.json").write_text(
        json.dumps(findings, indent=1) + "\n", encoding="utf-8"
    )
    chains = {"driving": driving.mdp.transitions.toarray()} | laws
    draw(chains, bounds, given.out / "findings.svg")
    pages = ", ".join(str(given.out / slug(name) / "report.html") for name in laws)
    print(f"\nWritten: {given.out / 'findings.json'}, findings.svg beside it, and {pages}.")


# The channel ------------------------------------------------------------------------------------------


def channels(path: Path) -> tuple[germane.EstimatedMDP, germane.EstimatedMDP]:
    """Counts of the channel while driving and while standing still, both applications together."""
    with TemporaryDirectory() as unpacked:
        if path.is_file():
            with ZipFile(path) as archive:
                inside = [name for name in archive.namelist() if not name.startswith("__MACOSX")]
                archive.extractall(unpacked, inside)
            path = Path(unpacked)
        driving, static = (
            germane.estimate(
                path / "**" / mobility / "**" / "*.csv",
                codebook=CHANNEL,
                gamma=UPLINK.gamma,
            )
            for mobility in ("Driving", "Static")
        )
    return driving, static


def visits(channel: germane.EstimatedMDP) -> np.ndarray:
    """``(bins, bins)`` transitions seen."""
    return channel.counts.toarray()


def smoothed(channel: germane.EstimatedMDP) -> np.ndarray:
    """A twin's channel: frequencies, with half a visit for each transition that was not seen or seldom."""
    n = visits(channel) + 0.5
    return n / n.sum(axis=1, keepdims=True)


def gilbert_elliott() -> np.ndarray:
    """``(bins, bins)`` of a channel that is good or bad; the bins of either are equally likely."""
    good = np.array([False, *(edge >= GOOD_FROM_DB for edge in UPLINK.edges_db)])
    inside = np.stack([~good / (~good).sum(), good / good.sum()])
    return np.array([[1 - TO_GOOD, TO_GOOD], [TO_BAD, 1 - TO_BAD]])[good.astype(int)] @ inside


# What is known of the camera's MDP ----------------------------------------------------------------------


def frequencies(channel: germane.EstimatedMDP) -> germane.FiniteMDP:
    """The camera's MDP if the frequencies of the traces were the truth."""
    return UPLINK.mdp(channel.mdp.transitions.toarray())


def one_camera(
    channel: germane.EstimatedMDP, policy: np.ndarray, rng: np.random.Generator
) -> germane.EstimatedMDP:
    """As many seconds as there are in the traces, lived by one camera that explores now and then.

    The traces have no camera in them: it is simulated, in the channel fitted to them.
    """
    S, A = UPLINK.r.shape
    n = channel.n_transitions
    law = frequencies(channel).transitions.toarray().cumsum(axis=1)
    random, u = rng.integers(A, size=n), rng.uniform(size=n)
    actions = np.where(rng.uniform(size=n) < EXPLORED, random, -1)
    states = np.zeros(n + 1, dtype=int)
    for t in range(n):
        if actions[t] < 0:
            actions[t] = policy[states[t]]
        row = law[states[t] * A + actions[t]]
        states[t + 1] = np.searchsorted(row, u[t] * row[-1], side="right")
    return germane.estimate(
        germane.Transitions(
            state=states[:-1],
            action=actions,
            reward=UPLINK.r[states[:-1], actions],
            next_state=states[1:],
        ),
        gamma=UPLINK.gamma,
        n_states=S,
        n_actions=A,
        reward_range=UPLINK.reward_range,
    )


def samples_of_every_pair(
    channel: germane.EstimatedMDP, rng: np.random.Generator
) -> germane.EstimatedMDP:
    """A log of the camera's MDP in which every second of the traces is a visit to every pair of its bin.

    A camera's pair is a bin, a filling of the buffer and an action. The next bin is drawn by the channel
    whatever the others are, and the next filling by a law that is known: so the bin that followed in the
    trace, with a filling drawn afresh, is one independent sample of the pair's next state. A certificate adds
    the probabilities of failing up over the pairs, which needs no independence between them.
    """
    n = visits(channel)
    counts = np.zeros((*UPLINK.moves.shape[:3], *UPLINK.moves.shape[::3]), dtype=np.int64)
    for h, k in np.argwhere(n > 0):
        counts[h, :, :, k] = rng.multinomial(n[h, k], UPLINK.moves[h])
    S, A = UPLINK.r.shape
    sparse = sp.csr_array(counts.reshape(S * A, S))
    rewards = np.repeat(UPLINK.r.ravel(), np.diff(sparse.indptr))
    total = int(counts.sum())
    return germane.EstimatedMDP(
        counts=sparse,
        reward_sum=rewards * sparse.data,
        reward_square_sum=rewards**2 * sparse.data,
        n_actions=A,
        gamma=UPLINK.gamma,
        reward_range=UPLINK.reward_range,
        state_names=tuple(map(UPLINK.label, range(S))),
        action_names=tuple(map(UPLINK.action_label, range(A))),
        provenance=replace(channel.provenance, n_rows=total, n_transitions=total, dropped={}),
    )


def channel_set(channel: germane.EstimatedMDP) -> germane.RectangularSet:
    """Every camera's MDP whose channel lies in the confidence balls around the traces' frequencies.

    A pair's row is the product of the channel's row and of a known law, so the total variation between
    two models of a pair is that between the rows of their channels.
    """
    alpha = 0.98 * (1 - CONFIDENCE)
    n = visits(channel).sum(axis=1)
    tv = germane.l1_radius(n, UPLINK.n_bins, alpha / UPLINK.n_bins, fixed=False) / 2
    return germane.RectangularSet(
        centre=frequencies(channel),
        tv=np.repeat(tv, UPLINK.places + 1)[:, None],
        reward_gap=0.0,
        alpha=alpha,
        why="the channel's row in each bin is near the traces' frequencies, the buffer is known",
    )


def nothing(channel: germane.EstimatedMDP) -> germane.EstimatedMDP:
    """A log without a row."""
    about = replace(channel.provenance, n_rows=0, n_transitions=0, dropped={})
    S, A = UPLINK.r.shape
    return germane.EstimatedMDP(
        counts=sp.csr_array((S * A, S), dtype=np.int64),
        reward_sum=np.zeros(0),
        reward_square_sum=np.zeros(0),
        n_actions=A,
        gamma=UPLINK.gamma,
        reward_range=UPLINK.reward_range,
        provenance=about,
    )


# Certificates -------------------------------------------------------------------------------------------


def certified(
    twin_name: str,
    twin: germane.FiniteMDP,
    policy: np.ndarray,
    evidence: str,
    log: germane.EstimatedMDP,
    within: list[germane.RectangularSet],
) -> dict[str, Any]:
    """The bound for the twin's policy. What it earns and where the buffer can go are known."""
    found = germane.certify(
        log,
        twin,
        policy=policy,
        confidence=CONFIDENCE,
        within=within,
        known_rewards=True,
        known_support=True,
    )
    share = found.bound / found.trivial
    print(
        f"  {evidence:38} {found.bound:8.1f} packet seconds, {share:6.1%} of the most ({found.rung})"
    )
    return {
        "twin": twin_name,
        "evidence": evidence,
        "bound": found.bound,
        "rung": found.rung,
        "trivial": found.trivial,
    }


def best_guess(twin_name: str, channel: germane.EstimatedMDP, policy: np.ndarray) -> dict[str, Any]:
    """What the policy would lose if the channel's frequencies were the truth: no bound."""
    loss = float(germane.regret(frequencies(channel), policy).max())
    print(f"  {'(if the frequencies were the truth)':38} {loss:8.1f} packet seconds")
    return {"twin": twin_name, "evidence": "best guess", "bound": loss}


def report(
    out: Path, log: germane.EstimatedMDP, twin: germane.FiniteMDP, policy: np.ndarray
) -> dict[str, Any]:
    """The record of the page that ``germane certify`` writes, beside what it was made from."""
    out.mkdir(parents=True, exist_ok=True)
    log.save(out / "driving.npz")
    germane.write_mdp(twin, out / f"{out.name}.npz")
    np.save(out / "policy.npy", policy)
    files = ["driving.npz", f"{out.name}.npz", "--policy", "policy.npy"]
    options = ["--known-rewards", "--known-support", "--confidence", str(CONFIDENCE), "--out", "."]
    program = [sys.executable, "-c", "from germane.cli import main; main()", "certify"]
    subprocess.run([*program, *files, *options], cwd=out, check=True, stdout=subprocess.DEVNULL)
    return json.loads((out / "report.json").read_text(encoding="utf-8"))


def seconds_to_halve(twin_name: str, record: dict[str, Any]) -> dict[str, Any]:
    """Further seconds in each bin that should halve the bound: one serves every pair of its bin."""
    plan = record["samples"]
    more = np.zeros(UPLINK.n_bins, dtype=int)
    for pair in plan["more"]:
        h = pair["state"] // (UPLINK.places + 1)
        more[h] = max(more[h], pair["visits"])
    print(f"  {plan['target']:.1f} should take {more.sum()} further seconds of driving:")
    print("    " + "; ".join(f"{UPLINK.bin_label(h)}: {n}" for h, n in enumerate(more)))
    return {"twin": twin_name, "target": plan["target"], "seconds": more.tolist()}


def slug(name: str) -> str:
    """A folder's name."""
    return name.replace(" ", "-").lower()


def show_rows(name: str, channel: germane.EstimatedMDP) -> dict[str, Any]:
    """Where every row of the traces went."""
    about = channel.provenance
    print(f"\n{name}: {about.n_rows} rows in {len(about.sources)} files")
    print(f"  {about.n_transitions:6} transitions")
    for reason, n in sorted(about.dropped.items(), key=lambda item: -item[1]):
        print(f"  {n:6} {reason}")
    n = visits(channel).sum(axis=1)
    print("  " + "; ".join(f"{UPLINK.bin_label(h)}: {n[h]}" for h in range(UPLINK.n_bins)))
    return {
        "traces": name,
        "n_files": len(about.sources),
        "n_rows": about.n_rows,
        "n_transitions": about.n_transitions,
        "dropped": dict(about.dropped),
        "visits": n.tolist(),
    }


def draw(channels: dict[str, np.ndarray], bounds: list[dict[str, Any]], path: Path) -> None:
    """The channels above, the bounds below."""
    figure = Figure(figsize=(9, 6.5), layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=(1, 1.1))
    labels = [UPLINK.bin_label(h).removeprefix("SNR ") for h in range(UPLINK.n_bins)]
    for panel, (name, law) in zip(above.subplots(1, len(channels), sharey=True), channels.items()):
        panel.imshow(law, cmap="Blues", vmin=0, vmax=1)
        for (h, k), chance in np.ndenumerate(law):
            panel.text(
                k,
                h,
                f"{chance:.2f}",
                ha="center",
                va="center",
                color="w" if chance > 0.5 else "k",
                size=8,
            )
        panel.set_title(name, size=10)
        panel.set_xticks(range(len(labels)), labels, rotation=40, ha="right", size=8)
        panel.set_yticks(range(len(labels)), labels, size=8)
    above.supxlabel("the second after", size=9)
    twins = list(dict.fromkeys(bound["twin"] for bound in bounds))
    for panel, twin in zip(below.subplots(1, len(twins), sharey=True), twins):
        *certain, guess = [bound for bound in bounds if bound["twin"] == twin]
        most = certain[0]["trivial"]
        names = [bound["evidence"] for bound in certain][::-1]
        bars = panel.barh(
            names, [100 * bound["bound"] / most for bound in certain][::-1], color="#4477aa"
        )
        panel.bar_label(bars, fmt="%.1f %%", padding=3, size=9)
        panel.axvline(
            100 * guess["bound"] / most,
            color="#cc3311",
            lw=1.5,
            label="if the frequencies were true",
        )
        panel.set_title(f"planned in: {twin}", size=10)
        panel.set_xlabel("certified loss, % of the most it can be", size=9)
        panel.set_xlim(0, 100)
        panel.tick_params(labelsize=9)
        panel.legend(loc="lower right", fontsize=8, frameon=False)
    figure.savefig(path)


if __name__ == "__main__":
    main()
