"""What the tests of Figures 5 and 6 say: the worst loss in bins of discrepancy, and the bounds above it.

Bins hold equally many tests, so that the worst of one is comparable with the worst of another. The
claim, that the worst loss is about linear in the discrepancy, is judged by a rule fixed beforehand:

- *reproduced*: the slope's 95 % interval is above zero, the line explains at least 80 % of the
  variance, and neither a parabola (F test) nor a rising curve (isotonic regression, parametric
  bootstrap) is better at the level of 5 %;
- *partly*: the slope is, and one of the other two conditions holds;
- *not*: otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._experiment import Row
from .._findings import Analysis, Claim, Figure, Layer, ReproducedAs
from .._fit import LinearFit
from .._statistics import bootstrap_estimate, interquartile_mean

Array = NDArray[np.float64]

MOST_BINS = 10
LEAST_EXPLAINED, LEVEL = 0.8, 0.05
"""Of the rule above."""

PUBLISHED = {"L1": "Theorem 1 by total variation", "L3": "Theorem 1 by the metric"}
TIGHT = {"L4s*": "value mismatch", "L5*": "gap-aware residual"}
SMALLEST_DRAWN = 0.01
"""Where zero is drawn on a logarithmic axis."""

GREEN, BLACK = 2, 6
"""Series of figures, by their colours."""


@dataclass(frozen=True, kw_only=True)
class Axis:
    """The discrepancy on the horizontal axis: its key in a row, and its words."""

    key: str
    words: str
    symbol: str


REWARD = Axis(
    key="reward_discrepancy", words="reward discrepancy", symbol="max |R − R'| [profit units]"
)
TRANSITIONS = Axis(key="max_tv", words="total variation of the transitions", symbol="max TV(P, P')")


@dataclass(frozen=True, eq=False)
class Tests:
    """The policies of one learner, in twins: one entry each.

    Attributes:
        twin, x: number of the twin and its discrepancy.
        loss: of average reward [per step] against the same learner in the real network.
        regret: exact, discounted, in the worst state.
        rows: the same tests in full.
    """

    twin: Array
    x: Array
    loss: Array
    regret: Array
    rows: Sequence[Row]

    def by_twin(self, values: Array) -> list[Array]:
        return [values[self.twin == twin] for twin in np.unique(self.twin)]


def analyse(axis: Axis, rows: Sequence[Row]) -> Analysis:
    """Claims, numbers and figures, from the rows alone. Without PPO's rows, of planned policies only."""
    references = {
        learner: [
            row.found["average_reward"] for row in rows if _is(row, learner) and not _twin(row)
        ]
        for learner in ("ppo", "planner")
    }
    tests = {
        learner: _tests(axis, rows, learner, float(interquartile_mean(reference)))
        for learner, reference in references.items()
        if reference
    }
    claims = [_linear(axis, kind, "loss", tests[kind]) for kind in tests]
    claims.append(_linear(axis, "planner", "regret", tests["planner"]))
    found = [row.found for each in tests.values() for row in each.rows]
    claims += [above_loss(name, words, found) for name, words in PUBLISHED.items()]
    return Analysis(
        claims=tuple(claims),
        numbers=_numbers(axis, tests, references),
        figures={"loss": _loss_figure(axis, tests), "bounds": _bounds_figure(axis, tests)},
    )


def _is(row: Row, learner: str) -> bool:
    return bool(row.job.task["learner"] == learner)


def _twin(row: Row) -> int:
    return int(row.job.task["twin"])


def _tests(axis: Axis, rows: Sequence[Row], learner: str, reference: float) -> Tests:
    own = [row for row in rows if _is(row, learner) and _twin(row)]
    return Tests(
        twin=np.array([_twin(row) for row in own]),
        x=np.array([row.found[axis.key] for row in own]),
        loss=reference - np.array([row.found["average_reward"] for row in own]),
        regret=np.array([row.found["regret"] for row in own]),
        rows=own,
    )


def worst_per_bin(x: Array, loss: Array) -> tuple[Array, Array]:
    """``(B,)`` mean discrepancy and worst loss of each bin of equally many tests."""
    n_bins = max(4, min(MOST_BINS, len(x) // 8))
    bins = np.array_split(np.argsort(x, kind="stable"), n_bins)
    return np.array([x[b].mean() for b in bins]), np.array([loss[b].max() for b in bins])


def linearity(x: Array, loss: Array) -> tuple[ReproducedAs, str]:
    """The verdict of the rule above on the worst loss in bins of ``x``, and the statistic that says so."""
    fit = LinearFit(*worst_per_bin(x, loss))
    F, p_quadratic = fit.against_quadratic()
    p_monotone = fit.against_monotone(np.random.default_rng(0))
    low, high = fit.slope_interval()
    straight = min(p_quadratic, p_monotone) > LEVEL
    explained = fit.r_squared >= LEAST_EXPLAINED
    verdicts: tuple[ReproducedAs, ...] = ("not", "partly", "reproduced")
    return verdicts[straight + explained] if low > 0 else "not", (
        f"worst of {len(fit.x)} bins of {len(x)} tests: slope {fit.slope:.3g} "
        f"[{low:.3g}, {high:.3g}], R² {fit.r_squared:.2f}; quadratic against linear F(1, "
        f"{len(fit.x) - 3}) = {F:.2f}, p = {p_quadratic:.2g}; rising curve against linear "
        f"p = {p_monotone:.2g}"
    )


def _linear(axis: Axis, learner: str, what: str, tests: Tests) -> Claim:
    verdict, statistic = linearity(tests.x, getattr(tests, what))
    subject = {"ppo": "PPO trained in the twin", "planner": "the twin's exact optimum"}[learner]
    loss = {"loss": "loss of average reward", "regret": "discounted regret"}[what]
    return Claim(
        text=f"The worst {loss} of {subject} is about linear in the {axis.words}",
        verdict=verdict,
        statistic=statistic,
    )


def above_loss(name: str, words: str, policies: Sequence[Mapping[str, Any]]) -> Claim:
    """Whether a rung is above the regret of every policy, and how often it says more than nothing."""
    above = sum(policy["rungs"][name] >= policy["regret"] for policy in policies)
    useful = sum(policy["rungs"][name] < policy["rungs"]["L0"] for policy in policies)
    n = len(policies)
    return Claim(
        text=f"The bound is above the loss: {words} ({name}), discounted regret",
        verdict="reproduced" if above == n else "not",
        statistic=f"above in {above} of {n} tests; below the trivial bound L0 in {useful} of {n}",
    )


def _numbers(
    axis: Axis, tests: dict[str, Tests], references: dict[str, list[float]]
) -> dict[str, Any]:
    planned = tests["planner"]
    best = references["planner"][0]
    numbers: dict[str, Any] = {
        "twins": len(planned.x),
        "average reward, optimum of the real network": best,
        "loss of average reward, twin's optimum, largest": float(planned.loss.max()),
        "discounted regret, twin's optimum, largest": float(planned.regret.max()),
    }
    numbers |= _with_interval(
        "loss of average reward, twin's optimum, interquartile mean", [planned.loss]
    )
    if "ppo" in tests:
        learned = tests["ppo"]
        numbers["PPO trainings in twins"] = len(learned.x)
        numbers |= _with_interval(
            "average reward, PPO in the real network, interquartile mean", [references["ppo"]]
        )
        numbers |= _with_interval(
            "loss of average reward, PPO, interquartile mean", learned.by_twin(learned.loss)
        )
        numbers["loss of average reward, PPO, largest"] = float(learned.loss.max())
        numbers |= _training_noise(learned, planned)
    for name in (*PUBLISHED, *TIGHT):
        ratios = [
            row.found["rungs"][name] / row.found["regret"]
            for row in planned.rows
            if row.found["regret"] > SMALLEST_DRAWN
        ]
        if ratios:
            numbers[f"{name} over the regret, twin's optimum, median"] = float(np.median(ratios))
    if axis == TRANSITIONS:
        few = np.array([row.found["max_tv_few_states"] for row in planned.rows])
        numbers["max TV over a few states, as a share of all, median"] = float(
            np.median(few / planned.x)
        )
    return numbers


def _training_noise(learned: Tests, planned: Tests) -> dict[str, float]:
    """What of PPO's loss comes from training: among trainings in one twin, and in the bound."""
    regrets = [np.array([row.found["regret_from_empty"] for row in learned.rows])]
    found = {
        "discounted regret, PPO, worst state, interquartile mean": float(
            interquartile_mean(learned.regret)
        ),
        "discounted regret, PPO, from the empty network, interquartile mean": float(
            interquartile_mean(regrets)[0]
        ),
    }
    without = {_twin(row): row.found["rungs"]["L1"] for row in planned.rows}
    delta = [row.found["rungs"]["L1"] - without[_twin(row)] for row in learned.rows]
    found["training term Δ of Theorem 1, PPO, median"] = float(np.median(delta))
    groups = learned.by_twin(learned.loss)
    n_more = len(learned.loss) - len(groups)
    if n_more:
        within = sum(float(((group - group.mean()) ** 2).sum()) for group in groups) / n_more
        share = min(1.0, within / float(learned.loss.var(ddof=1)))
        found["training noise, share of the variance of PPO's loss"] = share
    return found


def _with_interval(name: str, strata: Sequence[Any]) -> dict[str, float]:
    found = bootstrap_estimate(strata, np.random.default_rng(0))
    return {name: found.value, f"{name}, low": found.low, f"{name}, high": found.high}


def _loss_figure(axis: Axis, tests: dict[str, Tests]) -> Figure:
    leading = tests.get("ppo", tests["planner"])
    fit = LinearFit(*worst_per_bin(leading.x, leading.loss))
    line = np.linspace(0, leading.x.max(), 60)
    middle, half = fit.at(line), fit.half_width(line)
    words = {"ppo": "PPO, one training", "planner": "twin's exact optimum"}
    layers = [
        Layer(
            kind="band",
            x=line.tolist(),
            y=(middle - half).tolist(),
            y_high=(middle + half).tolist(),
            label="95 % band of the line",
            series=GREEN,
        ),
        *(
            _points(each.x, each.loss, words[learner], n)
            for n, (learner, each) in enumerate(tests.items())
        ),
        _points(fit.x, fit.y, "worst of each bin", BLACK),
        Layer(
            kind="line",
            x=line.tolist(),
            y=middle.tolist(),
            label="line through the worst",
            series=GREEN,
        ),
    ]
    return Figure(
        title="Loss of average reward on the real network",
        alt=(
            f"Loss against {axis.words}, {len(leading.x)} tests. The line through the worst of each "
            f"bin has slope {fit.slope:.3g} and explains {100 * fit.r_squared:.0f} % of their variance."
        ),
        x_label=axis.symbol,
        y_label="loss [profit units per step]",
        layers=tuple(layers),
    )


def _bounds_figure(axis: Axis, tests: dict[str, Tests]) -> Figure:
    planned = tests["planner"]
    bounds = {"L0": "trivial", **PUBLISHED, **TIGHT}
    series = {
        f"{name}: {words}": np.array([row.found["rungs"][name] for row in planned.rows])
        for name, words in bounds.items()
    }
    return Figure(
        title="Discounted regret of the twin's optimum, and bounds on it",
        alt=(
            f"Bounds against {axis.words}, {len(planned.x)} twins, on a logarithmic scale: both forms "
            "of Theorem 1 lie far above the exact regret, the value-aware bounds closer."
        ),
        x_label=axis.symbol,
        y_label="in the worst state [profit units]",
        layers=(
            *(
                _points(planned.x, np.maximum(values, SMALLEST_DRAWN), label, n)
                for n, (label, values) in enumerate(series.items())
            ),
            _points(
                planned.x,
                np.maximum(planned.regret, SMALLEST_DRAWN),
                f"regret, exactly ({SMALLEST_DRAWN}: or less)",
                BLACK,
            ),
        ),
        y_log=True,
    )


def _points(x: Array, y: Array, label: str, series: int) -> Layer:
    return Layer(kind="points", x=x.tolist(), y=y.tolist(), label=label, series=series)
