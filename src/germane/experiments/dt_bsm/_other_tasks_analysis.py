"""What the tests in other networks say: the rule of Figures 5 and 6 in each network, and all bounds.

A claim about all networks is *reproduced* if it is in each of them, *not* if it is in none, and *partly*
otherwise; where nothing was lost in any twin, nothing can be said, and the network is left out.
Losses of average reward are shares of what there is to learn: of the optimum's lead over random actions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._experiment import Row
from .._findings import Analysis, Claim, Figure, Layer, ReproducedAs
from .._statistics import interquartile_mean
from ._worst_loss import PUBLISHED, TIGHT, above_loss, linearity, worst_per_bin

Array = NDArray[np.float64]

LOST = 1e-6
"""Losses up to this are none: a share of what there is to learn, or a regret in reward units."""

AXES = {
    "rewards": "max |R − R'| / (max R − min R)",
    "processes": "max TV(P, P')",
}
LEARNERS = {"planner": "the twin's exact optimum", "q-learning": "Q-learning in the twin"}
LOSSES = {"loss": "loss of average reward", "regret": "discounted regret"}
BELOW_TRIVIAL = "Share of the twins whose optimum has a bound below the trivial one"
JUDGED = (("planner", "loss"), ("q-learning", "loss"), ("planner", "regret"))


@dataclass(frozen=True, eq=False, kw_only=True)
class Tests:
    """The policies of one learner in the twins of one network that are wrong in one sort of thing.

    Attributes:
        discrepancy: of the twin of each policy.
        loss: of average reward, as a share; NaN where it depends on where one starts.
        regret: exact, discounted, in the worst state.
    """

    network: str
    wrong: str
    learner: str
    discrepancy: Array
    loss: Array
    regret: Array

    def of(self, what: str) -> tuple[Array, Array]:
        """Discrepancies and losses of that kind, where there is one."""
        lost = self.loss if what == "loss" else self.regret
        known = ~np.isnan(lost)
        return self.discrepancy[known], lost[known]

    def judged(self, what: str) -> tuple[ReproducedAs | None, str]:
        """The verdict, ``None`` if nothing was lost, and what says so."""
        x, lost = self.of(what)
        if lost.max() <= LOST:
            return None, f"nothing lost in {len(x)} tests"
        return linearity(x, lost)


Said = tuple[Tests, str, ReproducedAs | None, str]
"""Tests, the kind of loss, and what :meth:`Tests.judged` says of it."""


def analyse(rows: Sequence[Row]) -> Analysis:
    """Claims about all networks, a verdict for each, and the bounds, from the rows alone."""
    tests = list(_tests(rows))
    said = [
        (each, what, *each.judged(what))
        for each in tests
        for learner, what in JUDGED
        if learner == each.learner
    ]
    policies = [policy for row in rows if row.job.task["twin"] for policy in row.found["policies"]]
    return Analysis(
        claims=(
            *(_everywhere(said, learner, what) for learner, what in JUDGED),
            _above(policies),
            *(above_loss(name, words, policies) for name, words in PUBLISHED.items()),
        ),
        numbers=_numbers(rows, tests, policies),
        tables={
            "The rule in each network": _verdicts(said),
            BELOW_TRIVIAL: _shares(rows, policies),
        },
        figures={wrong: _figure(wrong, tests) for wrong in AXES},
    )


def _tests(rows: Sequence[Row]) -> Iterable[Tests]:
    for network in dict.fromkeys(str(row.job.task["network"]) for row in rows):
        own = [row for row in rows if row.job.task["network"] == network]
        (real,) = (row.found for row in own if not row.job.task["twin"])
        best = _earned(real, "planner")[0]
        for wrong in AXES:
            twins = [row.found for row in own if row.job.task["wrong"] == wrong]
            for learner in LEARNERS:
                mean = float(interquartile_mean(_earned(real, learner)))
                pairs = [(f, p) for f in twins for p in f["policies"] if p["learner"] == learner]
                earned = np.array([p["average_reward"] for _, p in pairs], dtype=np.float64)
                yield Tests(
                    network=network,
                    wrong=wrong,
                    learner=learner,
                    discrepancy=np.array([_discrepancy(f, wrong) for f, _ in pairs]),
                    loss=(mean - earned) / (best - real["average_reward_at_random"]),
                    regret=np.array([p["regret"] for _, p in pairs]),
                )


def _earned(found: Mapping[str, Any], learner: str) -> list[float]:
    earned = [p["average_reward"] for p in found["policies"] if p["learner"] == learner]
    return [x for x in earned if x is not None]


def _discrepancy(found: Mapping[str, Any], wrong: str) -> float:
    if wrong == "processes":
        return float(found["max_tv"])
    return float(found["reward_discrepancy"] / found["reward_span"])


def _everywhere(all_said: Sequence[Said], learner: str, what: str) -> Claim:
    found = [verdict for each, of, verdict, _ in all_said if (each.learner, of) == (learner, what)]
    said = [verdict for verdict in found if verdict]
    n = {verdict: said.count(verdict) for verdict in ("reproduced", "partly", "not")}
    verdict: ReproducedAs = "partly"
    if n["reproduced"] == len(said) > 0:
        verdict = "reproduced"
    elif n["not"] == len(said):
        verdict = "not"
    return Claim(
        text=(
            f"The worst {LOSSES[what]} of {LEARNERS[learner]} is about linear in the discrepancy, "
            "in every network"
        ),
        verdict=verdict,
        statistic=(
            f"{len(found)} pairs of a network and what is wrong: reproduced in {n['reproduced']}, "
            f"partly in {n['partly']}, not in {n['not']}; nothing lost in {len(found) - len(said)}"
        ),
    )


def _above(policies: Sequence[Mapping[str, Any]]) -> Claim:
    above = [bound >= p["regret"] for p in policies for bound in p["rungs"].values()]
    return Claim(
        text="Every bound is above the loss: discounted regret in the worst state",
        verdict="reproduced" if all(above) else "not",
        statistic=f"above in {sum(above)} of {len(above)} pairs of a rung and a policy",
    )


def _numbers(
    rows: Sequence[Row], tests: Sequence[Tests], policies: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    alone = sum(policy["average_reward"] is not None for policy in policies)
    numbers: dict[str, Any] = {
        "twins": sum(row.job.task["twin"] > 0 for row in rows),
        "policies": len(policies),
        "policies with one stationary distribution": alone,
    }
    for each in tests:
        where = f"{each.network}, wrong {each.wrong}, {LEARNERS[each.learner]}"
        numbers[f"share of twins' policies that lose, {where}"] = float(
            np.mean(each.of("loss")[1] > LOST)
        )
        numbers[f"largest loss of average reward, share, {where}"] = float(each.of("loss")[1].max())
        numbers[f"largest discounted regret, {where}"] = float(each.regret.max())
    for name in (*PUBLISHED, *TIGHT):
        ratios = [p["rungs"][name] / p["regret"] for p in policies if p["regret"] > LOST]
        if ratios:
            numbers[f"{name} over the regret, median"] = float(np.median(ratios))
    return numbers


def _verdicts(all_said: Sequence[Said]) -> list[dict[str, str]]:
    return [
        {
            "Network": each.network,
            "Wrong": each.wrong,
            "Policy": LEARNERS[each.learner],
            "Worst": LOSSES[what],
            "Largest": f"{each.of(what)[1].max():.3g}",
            "Linear": verdict or "–",
            "Statistic": statistic,
        }
        for each, what, verdict, statistic in all_said
    ]


def _shares(rows: Sequence[Row], policies: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    planned: dict[str, list[Mapping[str, float]]] = {}
    for row in rows:
        if row.job.task["twin"]:
            planned.setdefault(row.job.task["network"], []).append(
                row.found["policies"][0]["rungs"]
            )
    return [
        {"Bound": name}
        | {
            network: f"{100 * np.mean([rungs[name] < rungs['L0'] for rungs in found]):.0f} %"
            for network, found in planned.items()
        }
        for name in policies[0]["rungs"]
        if name != "L0"
    ]


def _figure(wrong: str, tests: Sequence[Tests]) -> Figure:
    own = [each for each in tests if each.wrong == wrong]
    networks = list(dict.fromkeys(each.network for each in own))
    layers = []
    for each in own:
        planner, series = _planned(each), networks.index(each.network)
        x, worst = worst_per_bin(*each.of("loss"))
        layers.append(
            Layer(
                kind="line" if planner else "points",
                x=x.tolist(),
                y=(100 * worst).tolist(),
                label=each.network if planner else "",
                series=series,
            )
        )
    largest = {each.network: 100 * each.of("loss")[1].max() for each in own if _planned(each)}
    said = ", ".join(f"{network} {most:.2g} %" for network, most in largest.items())
    return Figure(
        title=f"Worst loss, wrong {wrong}: optima (lines), Q-learning (marks)",
        alt=(
            f"Worst loss of average reward per bin of discrepancy in {len(networks)} networks. "
            f"The most that an optimum of a twin loses: {said}."
        ),
        x_label=AXES[wrong],
        y_label="loss [% of what there is to learn]",
        layers=tuple(layers),
    )


def _planned(each: Tests) -> bool:
    return each.learner == "planner"
