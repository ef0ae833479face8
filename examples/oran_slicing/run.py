#!/usr/bin/env python
"""What can be certified for a slicing agent, from the logs of its testbed?

    python run.py oran-slicing.csv.gz --out oran-slicing-run

Traffic pattern 1 is the real network and a model of pattern 2 its twin, then the other way round; for the
agent's own policy and for the one that the twin recommends. README.md says where to get the data, what
comes out and what it means.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

import germane

AGENTS = germane.read_codebook("oran-slicing")
TWO_SPLITS = germane.read_codebook(Path(__file__).parent / "two-splits.toml")
(SHARE,) = TWO_SPLITS.rewards
# 36 of 50 PRBs at 10 MHz and one antenna carry 27 Mbit/s.
RATE = replace(SHARE, name="embb tx_brate downlink", range=(0.0, 30.0))
AGENTS_OWN, URLLC, EMBB = "agent's reward", "URLLC's share, two splits", "eMBB's rate, two splits"
QUESTIONS = {
    AGENTS_OWN: AGENTS,
    "agent's reward, two splits": replace(TWO_SPLITS, rewards=AGENTS.rewards),
    "URLLC's share": replace(AGENTS, rewards=(SHARE,)),
    URLLC: TWO_SPLITS,
    EMBB: replace(TWO_SPLITS, rewards=(RATE,)),
}
"""What is asked: whose reward, and with the agent's states and actions or with few."""

PLANNED, WATCHED = (URLLC, EMBB), (AGENTS_OWN, URLLC, EMBB)
Part = tuple[int, int]

GAMMA = 0.9  # decisions are a second apart: a horizon of ten seconds
RUNS = {1: tuple(range(2, 9)), 2: tuple(range(9, 17))}
"""The runs of each traffic pattern. Run 1 is left out: it says pattern 1, and has the rates of pattern 2."""

BOTH_WAYS = ((1, 2), (2, 1))
"""Which traffic pattern is the real network, and which its twin."""

CONFIDENCE, FALSE_ALARMS = 0.95, 0.05


@cache
def counted(path: Path, question: str, pattern: int, part: Part = (0, 1)) -> germane.EstimatedMDP:
    """What the log says of one traffic pattern; ``part`` as for :func:`germane.estimate`."""
    only = {"experiment": RUNS[pattern]}
    return germane.estimate(path, codebook=QUESTIONS[question], gamma=GAMMA, part=part, only=only)


@cache
def in_order(path: Path, question: str, pattern: int, part: Part) -> germane.Transitions:
    """The same decisions, one after another."""
    only = {"experiment": RUNS[pattern]}
    return germane.kpi_transitions(path, QUESTIONS[question], part=part, only=only)


def main() -> None:
    """Runs the whole example."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("path", type=Path, help="the table of decisions, .csv or .csv.gz")
    parser.add_argument("--out", type=Path, default=Path("oran-slicing-run"), metavar="DIR")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    log = partial(counted, given.path)
    rows = [
        show_rows(question, pattern, log(question, pattern))
        for question in QUESTIONS
        for pattern in (1, 2)
    ]
    bounds, watches = [], []
    for question in QUESTIONS:
        print(f"\n{question}: what the policy loses, at most, and of how much")
        for real, twin in BOTH_WAYS:
            bounds += certified(question, real, log(question, real), log(question, twin))
    print("\nA watch over the certificate of every other run of a pattern, on other runs")
    for question in WATCHED:
        watches += [watch for both in BOTH_WAYS for watch in watched(given.path, question, *both)]
    draw(bounds, watches, given.out / "findings.svg")
    for watch in watches:
        del watch["course"]
    findings = {"rows": rows, "bounds": bounds, "watches": watches}
    (given.out / "findings.json").write_text(
        json.dumps(findings, indent=1) + "\n", encoding="utf-8"
    )
    for real, twin in BOTH_WAYS:
        report(given.out / f"pattern-{real}", log, real, twin)
    pages = " and ".join(str(given.out / f"pattern-{k}" / "report.html") for k, _ in BOTH_WAYS)
    print(f"\nWritten: {given.out / 'findings.json'}, findings.svg beside it, {pages}.")


def show_rows(question: str, pattern: int, log: germane.EstimatedMDP) -> dict[str, Any]:
    """Where every row of the table went, and how much of the MDP was ever tried."""
    about = log.provenance
    print(f"\n{question}, traffic pattern {pattern}: {about.n_rows} rows")
    print(f"  {about.n_transitions:6} transitions")
    for reason, n in sorted(about.dropped.items(), key=lambda item: -item[1]):
        print(f"  {n:6} {reason}")
    tried, (low, high) = int((log.n_visits > 0).sum()), log.reward_range
    print(
        f"  {tried} of {log.n_visits.size} pairs of {log.n_states} states and {log.n_actions} actions tried"
    )
    print(
        f"  rewards {low:g} to {high:g}, {'known' if log.range_given else 'as seen: an assumption'}"
    )
    return {
        "question": question,
        "pattern": pattern,
        "n_rows": about.n_rows,
        "n_transitions": about.n_transitions,
        "dropped": dict(about.dropped),
        "n_pairs": log.n_visits.size,
        "n_tried": tried,
        "reward_range": [low, high],
        "range_given": log.range_given,
    }


def cloned(log: germane.EstimatedMDP) -> np.ndarray:
    """``(S, A)`` the agent's own policy, by counts: how often it took each action in each state."""
    n = log.n_visits.astype(float)
    n[n.sum(axis=1) == 0] = 1.0  # states that never came up: any action
    return n / n.sum(axis=1, keepdims=True)


def certified(
    question: str, pattern: int, real: germane.EstimatedMDP, twin: germane.EstimatedMDP
) -> list[dict[str, Any]]:
    """The bounds for the agent's own policy and the twin's, and the samples that would halve them."""
    found = []
    for name, policy in (
        ("the agent's own", cloned(real)),
        ("the twin's", germane.solve(twin.mdp).policy),
    ):
        bound = germane.certify(real, twin, policy=policy, confidence=CONFIDENCE)
        plays = germane.policy_probabilities(real.mdp, policy) > 0
        came_up = real.n_visits.sum(axis=1)
        untried = int((plays & (real.n_visits == 0))[came_up > 0].sum())
        where_it_was = bound.weighted(came_up / came_up.sum())
        print(
            f"  real = pattern {pattern}, {name:16} {bound.bound:10.4g} of {bound.trivial:8.4g} "
            f"({bound.rung}); {where_it_was:.4g} from where the log was"
        )
        found.append(
            {
                "question": question,
                "real": pattern,
                "policy": name,
                "bound": bound.bound,
                "where_it_was": where_it_was,
                "trivial": bound.trivial,
                "rung": bound.rung,
                "vacuous": bound.vacuous,
                "plays_untried": untried,
                "plan": planned(real, twin, policy, bound) if question in PLANNED else None,
            }
        )
    return found


def planned(
    real: germane.EstimatedMDP,
    twin: germane.EstimatedMDP,
    policy: np.ndarray,
    bound: germane.Certificate,
) -> dict[str, Any]:
    """How often more which pair should be tried, for half the bound."""
    try:
        plan = germane.sample_plan(
            real, twin.mdp, target=bound.bound / 2, policy=policy, confidence=CONFIDENCE
        )
    except germane.InvalidParameter as error:
        print(f"    half of that: {error}")
        return {"reason": str(error)}
    print(f"    half of that should take {plan.n_samples} more decisions, first of all")
    more = [
        {
            "state": real.label(s),
            "action": real.action_label(a),
            "tried": int(real.n_visits[s, a]),
            "more": n,
        }
        for s, a, n in plan.ranked()
    ]
    for pair in more[:2]:
        print(
            f"      {pair['more']} of {pair['action']} in {pair['state']}, tried {pair['tried']} times"
        )
    return {"n_samples": plan.n_samples, "more": more}


def watched(path: Path, question: str, real: int, twin: int) -> list[dict[str, Any]]:
    """Whether a watch notices other runs of the same traffic pattern, and runs of the other one.

    Every other run makes the certificate and the twin; what is watched are the rest, which neither has seen.
    """
    found = []
    for k in (0, 1):
        log, model = (counted(path, question, pattern, (k, 2)) for pattern in (real, twin))
        policy = germane.solve(model.mdp).policy
        comparison = germane.SampledComparison(
            real=log.mdp, twin=model.mdp, policy=policy, estimate=log, confidence=CONFIDENCE
        )
        for pattern in (real, twin):
            watch = germane.Watch(comparison, alpha=FALSE_ALARMS)
            rest = in_order(path, question, pattern, (1 - k, 2))
            alarm = watch.update(rest.state, rest.action, rest.reward, rest.next_state)
            says = f"alarm after {alarm.step}: {alarm.reason}" if alarm else "no alarm"
            print(f"  {question:26} certified on pattern {real}, watching {pattern}: {says}")
            found.append(
                {
                    "question": question,
                    "certified": real,
                    "watched": pattern,
                    "half": k,
                    "n_transitions": len(rest.state),
                    "alarm": alarm and alarm.step,
                    "reason": alarm and alarm.reason,
                    "course": watch.history.tolist(),
                }
            )
    return found


def report(out: Path, log: Callable[[str, int], germane.EstimatedMDP], *patterns: int) -> None:
    """The page that ``germane certify`` writes for the twin's policy, and what it was made from."""
    out.mkdir(parents=True, exist_ok=True)
    names = [f"pattern-{pattern}.npz" for pattern in patterns]
    for name, pattern in zip(names, patterns):
        log(URLLC, pattern).save(out / name)
    program = [sys.executable, "-c", "from germane.cli import main; main()", "certify"]
    options = ["--policy", "twin-optimal", "--confidence", str(CONFIDENCE), "--out", "."]
    subprocess.run([*program, *names, *options], cwd=out, check=True, stdout=subprocess.DEVNULL)


def draw(bounds: list[dict[str, Any]], watches: list[dict[str, Any]], path: Path) -> None:
    """The bounds above, the evidence of the watches below."""
    figure = Figure(figsize=(12, 7), layout="constrained")
    above, below = figure.subfigures(2, 1)
    panels = above.subplots(1, len(QUESTIONS), sharey=True, squeeze=False)
    for panel, question in zip(panels.flat, QUESTIONS):
        asked = [bound for bound in bounds if bound["question"] == question][::-1]
        bars = panel.barh(
            [f"pattern {bound['real']}: {bound['policy']}" for bound in asked],
            [100 * bound["bound"] / bound["trivial"] for bound in asked],
            color=["#bbbbbb" if bound["vacuous"] else "#4477aa" for bound in asked],
        )
        panel.bar_label(bars, fmt="%.0f %%", padding=3, size=9)
        panel.set_title(question.replace(", ", ",\n"), size=10)
        panel.set_xlim(0, 150)
        panel.set_xticks([0, 50, 100])
        panel.tick_params(labelsize=9)
    above.supxlabel("certified loss, % of the most it can be", size=9)
    panels = below.subplots(1, len(WATCHED), sharey=True, squeeze=False)
    for panel, question in zip(panels.flat, WATCHED):
        for watch in watches:
            if watch["question"] == question:
                same = watch["certified"] == watch["watched"]
                steps, evidence = np.array(watch["course"]).T
                panel.step(
                    steps,
                    np.minimum(evidence, 100),
                    color="#999999" if same else "#cc3311",
                    lw=1,
                    label="the same pattern, other runs" if same else "the other pattern",
                )
        panel.axhline(1 / FALSE_ALARMS, color="k", lw=0.8, ls=":")
        panel.set_title(f"watched: {question}", size=10)
        panel.set_yscale("log")
        panel.set_ylim(0.5, 400)
        panel.set_xlabel("decisions watched", size=9)
        panel.tick_params(labelsize=9)
        lines = dict(zip(*panel.get_legend_handles_labels()[::-1]))
        panel.legend(lines.values(), lines.keys(), fontsize=8, frameon=False, loc="upper right")
    below.supylabel("evidence (alarm at the dotted line)", size=9)
    figure.savefig(path)


if __name__ == "__main__":
    main()
