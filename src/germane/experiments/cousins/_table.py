"""One table of all learners: the average policy error against the samples of the original network.

Every learner samples the same networks along trajectories of the same length with the same
exploration, each seed its own. What ensembles sample in their cousins is synthetic, and free here: cousins
are made of the true model, which is in their favour; but for ``estimated-esql``, which estimates it first,
as the paper does, and pays for that.

*What can be reached at best* by an ensemble of co-link cousins, its limit policy error, stands in a column of
its own: it follows from planning, without a sample.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ...cousins import cousin_optima
from ...learning import Training
from ...mdp import evaluate, policy_error
from ...networks import NETWORKS, FactoredNetwork
from .._experiment import Experiment, Job, Row, spawn
from .._findings import Analysis, Claim, Figure, Layer, ReproducedAs
from .._statistics import Estimate, bootstrap_estimate
from ._learners import DEEP, TABULAR, deep, optimal_q, tabular

Array = NDArray[np.float64]

NETWORKS_OF_THE_PAPER = (
    "miso-interference",
    "miso-energy-harvesting",
    "mimo-interference",
    "mimo-mobile",
)
ORDERS = (1, 2, 3, 4, 5)
"""Of the ensembles' cousins."""

LIMITED = ("esql",)
"""Learners that end at the limit of their cousins."""

ESQL, RIVALS = "esql", ("q", "speedy-q", "double-q", "maxmin-q", "ensemble-bootstrapped-q")
DRAWN = (
    "q",
    "maxmin-q",
    "esql",
    "fading-esql",
    "certainty-equivalence",
    "pooled-certainty-equivalence",
)
"""Learners that the figures show; the table has all."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What is compared, where, and for how long.

    Attributes:
        sizes: of the networks, and after how many samples a pair each is looked at.
        deep: sizes in which deep learners run too, and after how many samples a pair; none leaves them out.
        n_seeds: runs of each learner in each network.
        learners: the tabular ones.
        seed: the root of all seeds.
    """

    sizes: Mapping[str, tuple[int, ...]]
    deep: Mapping[str, tuple[int, ...]]
    n_seeds: int = 20
    learners: tuple[str, ...] = tuple(TABULAR)
    seed: int = 2402_08022

    @classmethod
    def tiny(cls) -> Self:
        """Seconds: the smallest networks, two runs, no deep learner."""
        return cls(sizes={"tiny": (4, 32)}, deep={}, n_seeds=2)

    @classmethod
    def default(cls) -> Self:
        """Two sizes and 20 runs of all; deep ones, which are slow, for fewer samples in the smaller size."""
        few = (1, 2, 4, 8, 16, 32, 64, 128, 256)
        return cls(sizes={"small": few, "medium": few[:7]}, deep={"small": few[:4]})

    @classmethod
    def full(cls) -> Self:
        """Longer, and deep learners everywhere."""
        many = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
        return cls(sizes={"small": many, "medium": many}, deep={"small": many, "medium": many})


def jobs(settings: Settings) -> Sequence[Job]:
    """A job for each run of each learner in each network, and one for what is known beforehand."""
    found = []
    root = (settings.seed,)
    for network in NETWORKS_OF_THE_PAPER:
        for size, samples in settings.sizes.items():
            where = {"network": network, "size": size}
            found.append(Job(where | {"learner": "limit"}, root))
            each = dict.fromkeys(settings.learners, samples)
            each |= dict.fromkeys(DEEP, settings.deep[size]) if size in settings.deep else {}
            for learner, looked_at in each.items():
                task = where | {"learner": learner, "samples_per_pair": list(looked_at)}
                found += [Job(task, seed) for seed in spawn(root, settings.n_seeds)]
    return sorted(found, key=lambda job: job.seed)  # the first runs of all come first


def learned(job: Job) -> dict[str, Any]:
    """Policy errors after each number of samples, and what the last policy loses; or the limit."""
    task = job.task
    network, q_star, span = known(task["network"], task["size"])
    if task["learner"] == "limit":
        optima = cousin_optima(network.factored(), ORDERS)
        return {"error": optima.policy_error(ORDERS), "weights": optima.weights(ORDERS).tolist()}
    stops = [n * q_star.size for n in task["samples_per_pair"]]
    if task["learner"] in DEEP:
        result = deep(
            task["learner"],
            network,
            n_steps_total=stops[-1],
            rng=job.rng(),
            trajectory=Training().trajectory,
            checkpoints=2 * stops[-1] // stops[0],
            score=lambda policy: policy_error(q_star, policy),
        )
    else:
        result = tabular(
            task["learner"],
            network,
            n_steps=stops[-1],
            checkpoints=stops,
            q_star=q_star,
            rng=job.rng(),
        )
    at = [next((c for c in result.history if c.n_steps >= n), result.history[-1]) for n in stops]
    v = evaluate(network.mdp(), result.policy).v
    return {
        "errors": [c.policy_error for c in at],
        "n_samples": [c.n_steps for c in at],
        "loss": max(float((q_star.max(axis=1) - v).max() / span), 0.0),
    }


@cache
def known(name: str, size: str) -> tuple[FactoredNetwork, Array, float]:
    """A network, its optimal action values, and the span of its optimal values."""
    network = NETWORKS[name].of_size(size)
    assert isinstance(network, FactoredNetwork)
    q_star = optimal_q(network)
    return network, q_star, float(np.ptp(q_star.max(axis=1)))


def analyse(rows: Sequence[Row]) -> Analysis:
    """The table, its figures, and whether ESQL is ahead of Q-learning as the paper says."""
    limits, runs = dict[Place, float](), dict[Place, dict[str, list[Row]]]()
    for row in rows:
        task = row.job.task
        place = task["network"], task["size"]
        if task["learner"] == "limit":
            limits[place] = row.found["error"]
        else:
            runs.setdefault(place, {}).setdefault(task["learner"], []).append(row)
    cells = {
        place: {name: _cell(of_name[name]) for name in (*TABULAR, *DEEP) if name in of_name}
        for place, of_name in sorted(runs.items(), key=lambda item: _in_order(item[0]))
    }
    return Analysis(
        claims=tuple(_ahead(place, found) for place, found in cells.items()),
        numbers={
            "table": [
                _line(place, name, cell, limits[place])
                for place, found in cells.items()
                for name, cell in found.items()
            ]
        },
        tables={
            f"{name}, {size}: average policy error by samples a pair": _in_words(
                found, limits[name, size]
            )
            for (name, size), found in cells.items()
        },
        figures={
            f"{name}-{size}": _figure((name, size), limits[name, size], found)
            for (name, size), found in cells.items()
        },
    )


Place = tuple[str, str]
"""A network by name, and its size."""


def _in_order(place: Place) -> tuple[int, int]:
    """Smaller sizes first, then the order of the paper."""
    name, size = place
    return NETWORKS[name].sizes().index(size), NETWORKS_OF_THE_PAPER.index(name)


@dataclass(frozen=True, eq=False)
class Cell:
    """The runs of one learner in one network: samples a pair, errors ``(runs, samples)``, losses."""

    samples: tuple[int, ...]
    errors: Array
    loss: Array

    def error(self, k: int) -> Estimate:
        """The interquartile mean of the policy error at ``samples[k]``."""
        return bootstrap_estimate([self.errors[:, k]], np.random.default_rng(k))

    def last_loss(self) -> Estimate:
        """The same of the largest loss of value of the last policy, as a share of the span of values."""
        return bootstrap_estimate([self.loss], np.random.default_rng(0))


def _cell(rows: Sequence[Row]) -> Cell:
    return Cell(
        tuple(rows[0].job.task["samples_per_pair"]),
        np.array([row.found["errors"] for row in rows]),
        np.array([row.found["loss"] for row in rows]),
    )


def _line(place: Place, learner: str, cell: Cell, limit: float) -> dict[str, Any]:
    """One line of the table, as plain values."""
    found = [cell.error(k) for k in range(len(cell.samples))]
    loss = cell.last_loss()
    return {
        "network": place[0],
        "size": place[1],
        "learner": learner,
        "runs": len(cell.errors),
        "samples_per_pair": list(cell.samples),
        "policy_error": [[x.value, x.low, x.high] for x in found],
        "limit_policy_error": limit if learner in LIMITED else None,
        "loss_of_last": [loss.value, loss.low, loss.high],
    }


def _in_words(cells: Mapping[str, Cell], limit: float) -> list[dict[str, str]]:
    """The lines of one place: interquartile means, with their intervals in brackets."""
    looked_at = sorted({n for cell in cells.values() for n in cell.samples})
    return [
        {"learner": learner}
        | {
            str(n): _said(cell.error(cell.samples.index(n))) if n in cell.samples else ""
            for n in looked_at
        }
        | {"limit": f"{limit:.3f}" if learner in LIMITED else "", "loss": _said(cell.last_loss())}
        for learner, cell in cells.items()
    ]


def _said(x: Estimate) -> str:
    return f"{x.value:.3f} [{x.low:.3f}, {x.high:.3f}]"


def _ahead(place: Place, cells: Mapping[str, Cell]) -> Claim:
    """Whether ESQL's error is below that of the best of the Q-learners without cousins."""
    own = cells[ESQL]
    there = [name for name in RIVALS if name in cells]
    ours = [own.error(k) for k in range(len(own.samples))]
    best = [
        min((cells[name].error(k) for name in there), key=lambda x: x.value)
        for k in range(len(own.samples))
    ]
    ahead = [n for n, x, y in zip(own.samples, ours, best) if x.high < y.low]
    behind = [n for n, x, y in zip(own.samples, ours, best) if x.low > y.high]
    verdict: ReproducedAs = "not"
    if ahead:
        verdict = "partly" if behind else "reproduced"
    return Claim(
        text=f"ESQL has a lower policy error than other Q-learners: {place[0]}, {place[1]}",
        verdict=verdict,
        statistic=(
            f"95 % intervals apart: ahead of the best of {len(there)} at {_listed(ahead)} and behind "
            f"at {_listed(behind)} of {_listed(own.samples)} samples a pair"
        ),
    )


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers)) or "none"


def _figure(place: Place, limit: float, cells: Mapping[str, Cell]) -> Figure:
    layers, last = [], []
    for series, learner in enumerate(name for name in DRAWN if name in cells):
        cell = cells[learner]
        found = [cell.error(k) for k in range(len(cell.samples))]
        low, high = [x.low for x in found], [x.high for x in found]
        layers.append(Layer(kind="band", x=cell.samples, y=low, y_high=high, series=series))
        values = [x.value for x in found]
        layers.append(Layer(kind="line", x=cell.samples, y=values, label=learner, series=series))
        last.append(f"{learner} {values[-1]:.3f}")
    samples = cells[ESQL].samples
    ends = (samples[0], samples[-1])
    layers.append(
        Layer(kind="line", x=ends, y=(limit, limit), label="limit of esql", series=len(DRAWN))
    )
    return Figure(
        title=", ".join(place),
        alt=(
            f"Average policy error against samples a state-action pair in {', '.join(place)}; at "
            f"{samples[-1]}: {', '.join(last)}."
        ),
        x_label="samples of each state-action pair",
        y_label="average policy error",
        layers=tuple(layers),
        x_log=True,
    )


LEARNERS = Experiment(
    name="cousins/learners",
    title="Average policy error against samples: all learners in the four networks",
    settings={"tiny": Settings.tiny(), "default": Settings.default(), "full": Settings.full()},
    jobs=jobs,
    run_job=learned,
    analyse=analyse,
)
"""The table of all learners."""
