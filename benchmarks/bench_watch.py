"""The watch: how often it cries wolf, and how soon it sees one.

    python benchmarks/bench_watch.py                 # 100 streams, 25 for delays: a minute or two
    python benchmarks/bench_watch.py --streams 1000  # the figures of the documentation: a quarter hour

*False alarms*: streams of an unchanged network, watched against its model, and against a log of it (a
fresh log for every stream). *Delay*: transitions from a change to the alarm, from the first on and after
20,000 unchanged ones; *told*: the watch was given a network with 20 % more arrivals to look out for.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from harness import report
from numpy.typing import NDArray
from scipy.stats import binom

from germane.certificates import Comparison, SampledComparison, Watch
from germane.mdp import FiniteMDP, solve
from germane.networks import AdmissionControl

sys.path.append(str(Path(__file__).parents[1] / "tests"))
from simulated import Field

Array = NDArray[np.float64]
ALPHA, LONG, LATE, PATIENCE, CHUNK = 0.05, 100_000, 20_000, 100_000, 5_000
TWIN = {"arrival_rate": -0.15, "mean_service": -0.15, "profit": (0.2, 0.2, -0.2)}
"""What the twin has wrong in which the policy was planned: the one of ``germane demo``."""

CHANGES: dict[str, dict[str, Any]] = {
    "arrivals +10 %": {"arrival_rate": 0.1},
    "arrivals -10 %": {"arrival_rate": -0.1},
    "arrivals of URLLC +10 %": {"arrival_rate": (0, 0, 0.1)},
    "arrivals +30 %": {"arrival_rate": 0.3},
    "service times +10 %": {"mean_service": 0.1},
}


class Scene:
    """A network, the twin, the policy planned there, and its streams."""

    def __init__(self, size: str) -> None:
        self.size, self.network = size, AdmissionControl.of_size(size)
        self.real, self.twin = self.network.mdp(), self.network.perturbed(**TWIN).mdp()
        self.policy = solve(self.twin).policy
        self.feared = {"more arrivals": self.network.perturbed(arrival_rate=0.2).mdp()}
        self.reward_range = (float(self.real.r.min()), float(self.real.r.max()))
        self.comparison = Comparison(real=self.real, twin=self.twin, policy=self.policy)
        self.behaviour = np.eye(self.real.n_actions)[self.policy]

    def watch(self, *, told: bool) -> Watch:
        return Watch(
            self.comparison,
            alpha=ALPHA,
            reward_range=self.reward_range,
            against=self.feared if told else None,
        )

    def watch_of_log(self, rng: np.random.Generator, n_rows: int, *, told: bool) -> Watch:
        """Against the sets of a log that was kept by a policy which tries something else now and then."""
        explores = 0.8 * self.behaviour + 0.2 / self.real.n_actions
        log = Field(self.real).rolled_out(rng, explores, n_rows).cut(n_rows)
        c = SampledComparison(real=log.mdp, twin=self.twin, policy=self.policy, estimate=log)
        return Watch(c, alpha=ALPHA, against=self.feared if told else None)

    def follow(self, watch: Watch, mdp: FiniteMDP, rng: np.random.Generator, n: int) -> bool:
        """Whether there is an alarm within ``n`` steps."""
        pair, s_next, _ = Field(mdp).rolled_out(rng, self.behaviour, n).path.T
        s, a = np.divmod(pair, mdp.n_actions)
        for i in range(0, n, CHUNK):
            rows = slice(i, i + CHUNK)
            if watch.update(s[rows], a[rows], mdp.r[s[rows], a[rows]], s_next[rows]):
                return True
        return False


def false_alarms(scene: Scene, n_streams: int, n_rows: int | None, seed: int) -> dict[str, Any]:
    n_alarms = 0
    for k in range(n_streams):
        rng = np.random.default_rng([seed, k])
        watch = scene.watch_of_log(rng, n_rows, told=True) if n_rows else scene.watch(told=True)
        n_alarms += scene.follow(watch, scene.real, rng, LONG)
    return {
        "network": scene.size,
        "set": f"log of {n_rows:,} rows" if n_rows else "model",
        "streams": n_streams,
        "transitions each": LONG,
        "alpha": ALPHA,
        "alarms": n_alarms,
        "p, if alpha were exact": float(binom.sf(n_alarms - 1, n_streams, ALPHA)),
    }


def delays(scene: Scene, change: str, n_streams: int, late: int, told: bool, seed: int) -> Array:
    changed, found = scene.network.perturbed(**CHANGES[change]).mdp(), []
    for k in range(n_streams):
        rng = np.random.default_rng([seed, k])
        watch = scene.watch(told=told)
        if late and scene.follow(watch, scene.real, rng, late):
            continue  # a false alarm, which is counted elsewhere
        scene.follow(watch, changed, rng, PATIENCE)
        found.append(watch.alarm.step - late if watch.alarm else np.inf)
    return np.array(found)


def quantiles(found: Array) -> dict[str, Any]:
    return {
        "median": float(np.median(found)),
        "95 %": float(np.quantile(found, 0.95, method="higher")),
        "not seen": float(np.mean(np.isinf(found))),
    }


def delay_rows(scene: Scene, n_streams: int, seed: int) -> Iterator[dict[str, Any]]:
    for change in CHANGES:
        for told in (False, True):
            for late in (0, LATE):
                found = delays(scene, change, n_streams, late, told, seed)
                yield {
                    "network": scene.size,
                    "change": change,
                    "told": told,
                    "after": late,
                    "streams": len(found),
                    **quantiles(found),
                }


def log_rows(scene: Scene, n_streams: int, seed: int) -> Iterator[dict[str, Any]]:
    for n_rows in (100_000, 1_000_000):
        for size in (0.1, 0.3, 1.0):
            changed, found = scene.network.perturbed(arrival_rate=size).mdp(), []
            for k in range(n_streams):
                rng = np.random.default_rng([seed, k])
                watch = scene.watch_of_log(rng, n_rows, told=True)
                scene.follow(watch, changed, rng, PATIENCE)
                found.append(watch.alarm.step if watch.alarm else np.inf)
            change = f"arrivals +{size:.0%}"
            yield {
                "network": scene.size,
                "log": n_rows,
                "change": change,
                "streams": len(found),
                **quantiles(np.array(found)),
            }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--streams", type=int, default=100, help="streams for false alarms")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    scenes = [Scene("tiny"), Scene("small")]
    rows = [false_alarms(x, asked.streams, None, asked.seed) for x in scenes]
    rows.append(false_alarms(scenes[0], asked.streams, 100_000, asked.seed))
    report("watch_false_alarms: an unchanged network raises at most alpha alarms", rows)
    assert all(row["alarms"] <= binom.ppf(0.999, row["streams"], ALPHA) for row in rows)
    few = max(asked.streams // 4, 20)
    rows = [row for x in scenes for row in delay_rows(x, few, asked.seed)]
    report("watch_delay: transitions from a change to the alarm", rows)
    rows = [row for x in scenes for row in log_rows(x, max(few // 5, 10), asked.seed)]
    report("watch_delay_log: transitions from a change to the alarm, against a log", rows)


if __name__ == "__main__":
    main()
