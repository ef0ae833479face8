"""What the drifts say: the hour from which a bound is false, beside the hours of the alarms.

Rules, fixed beforehand. *False alarms are rare*: reproduced unless their 95 % binomial interval lies above
``alpha``. *The watch alarms first*: of the streams under drifts that make the bound false, a share whose
interval lies above 0.9 (reproduced) or above one half (partly); a bound that no drift makes false has
nothing to be warned of, and the statistic says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from .._experiment import Row
from .._findings import Analysis, Claim, Figure, Layer, ReproducedAs

Array = NDArray[np.float64]

ALMOST_ALL, MOST = 0.9, 0.5
"""Of the rule above."""

BOUNDS = {
    "exact": "the certificate's tightest bound, the regret itself (exact)",
    "L5*": "the gap-aware residual bound (L5*)",
    "L3": "Theorem 1 by the metric (L3)",
}


@dataclass(frozen=True, eq=False, kw_only=True)
class Drift:
    """What is known of one drift.

    Attributes:
        kind, size: of the drift, as in its task.
        regret: ``(hours,)`` exact regret of the policy in the network of each hour.
        rungs: the bounds that would be issued in each hour; those of hour 0 were.
        alarm: ``(n,)`` hours until the alarm of each stream; infinite where there is none.
        alpha: of the watch.
    """

    kind: str
    size: float
    regret: Array
    rungs: Mapping[str, Array]
    alarm: Array
    alpha: float

    @property
    def none(self) -> bool:
        return self.kind == "none"

    @property
    def name(self) -> str:
        share = f"{100 * abs(self.size):g} %"
        sign = "+" if self.size > 0 else "−"
        return {"none": "none", "ramp": f"{sign}{share} an hour", "wave": f"±{share} a day"}[
            self.kind
        ]

    def false_from(self, rung: str) -> float:
        """The hour from which the bound issued is false; infinite if it never is."""
        return _first(self.regret > self.rungs[rung][0])

    def more_from(self, rung: str) -> float:
        """The hour from which a new certificate would say more than the one issued."""
        return _first(self.rungs[rung] > self.rungs[rung][0] * (1 + 1e-9) + 1e-9)


def analyse(rows: Sequence[Row]) -> Analysis:
    """Claims, a table of the drifts and the two figures, from the rows alone."""
    drifts = sorted(_drifts(rows), key=lambda drift: (not drift.none, drift.kind, drift.size))
    moved = [drift for drift in drifts if not drift.none]
    return Analysis(
        claims=(
            _false_alarms(drifts[0]),
            _seen(moved),
            *(_first_to_alarm(rung, words, moved) for rung, words in BOUNDS.items()),
        ),
        numbers=_numbers(drifts),
        tables={"Hours after the certificate": [_cells(drift) for drift in drifts]},
        figures={
            "regret": _regret_figure(drifts[0], moved),
            "alarms": _alarm_figure(drifts[0], moved),
        },
    )


def _drifts(rows: Sequence[Row]) -> Iterator[Drift]:
    alarms = {_key(row): row for row in rows if row.job.task["find"] == "alarms"}
    for row in rows:
        if row.job.task["find"] == "truth":
            watched = alarms[_key(row)]
            hours = [np.inf if h is None else h for h in watched.found["alarm_h"]]
            yield Drift(
                kind=row.job.task["kind"],
                size=row.job.task["drift"],
                regret=np.array(row.found["regret"]),
                rungs={name: np.array(x) for name, x in row.found["rungs"].items()},
                alarm=np.array(hours, dtype=np.float64),
                alpha=float(watched.job.task["alpha"]),
            )


def _key(row: Row) -> tuple[str, float]:
    return row.job.task["kind"], row.job.task["drift"]


def _first(true: NDArray[np.bool_]) -> float:
    return float(true.argmax()) if true.any() else np.inf


def _share(k: int, n: int) -> tuple[float, str]:
    """The low end of the 95 % interval of a share, and all of it in words."""
    interval = binomtest(k, n).proportion_ci(method="exact")
    return float(interval.low), f"{k} of {n} streams [{interval.low:.3f}, {interval.high:.3f}]"


def _graded(low: float) -> ReproducedAs:
    return "reproduced" if low > ALMOST_ALL else "partly" if low > MOST else "not"


def _false_alarms(still: Drift) -> Claim:
    low, words = _share(int(np.isfinite(still.alarm).sum()), len(still.alarm))
    return Claim(
        text=f"Without drift the watch raises an alarm with a probability of at most {still.alpha:g}",
        verdict="reproduced" if low <= still.alpha else "not",
        statistic=f"alarms in {words} of {len(still.regret)} hours",
    )


def _seen(moved: Sequence[Drift]) -> Claim:
    alarm = np.concatenate([drift.alarm for drift in moved])
    low, words = _share(int(np.isfinite(alarm).sum()), len(alarm))
    return Claim(
        text="The watch notices every drift",
        verdict=_graded(low),
        statistic=f"alarms in {words} under {len(moved)} drifts, within {len(moved[0].regret)} hours",
    )


def _first_to_alarm(rung: str, words: str, moved: Sequence[Drift]) -> Claim:
    broken = [drift for drift in moved if np.isfinite(drift.false_from(rung))]
    never = f"never false under {len(moved) - len(broken)} of {len(moved)} drifts"
    verdict: ReproducedAs = "reproduced"
    if broken:
        first = [drift.alarm <= drift.false_from(rung) for drift in broken]
        low, said = _share(int(np.concatenate(first).sum()), sum(map(len, first)))
        verdict, never = _graded(low), f"alarm first in {said} under the others; {never}"
    return Claim(
        text=f"The watch alarms before a bound is false: {words}",
        verdict=verdict,
        statistic=never,
    )


def _at_alarm(drift: Drift) -> Array:
    """The regret in the hour of each alarm."""
    raised = drift.alarm[np.isfinite(drift.alarm)]
    hour = np.minimum(np.ceil(raised).astype(int) - 1, len(drift.regret) - 1)
    return np.asarray(drift.regret[hour])


def _numbers(drifts: Sequence[Drift]) -> dict[str, Any]:
    numbers: dict[str, Any] = {"streams": sum(len(drift.alarm) for drift in drifts)}
    numbers |= {f"{rung} at hour 0": float(x[0]) for rung, x in drifts[0].rungs.items()}
    for drift in drifts:
        numbers[f"largest regret, drift {drift.name}"] = float(drift.regret.max())
        if len(_at_alarm(drift)):
            numbers[f"regret at the alarm, median, drift {drift.name}"] = float(
                np.median(_at_alarm(drift))
            )
    return numbers


def _cells(drift: Drift) -> dict[str, str]:
    n_alarms = int(np.isfinite(drift.alarm).sum())
    low, middle, high = np.quantile(drift.alarm, [0.05, 0.5, 0.95], method="higher")
    return {
        "Arrivals": drift.name,
        **{f"{rung} false": _hour(drift.false_from(rung)) for rung in BOUNDS},
        "New L5* is more": _hour(drift.more_from("L5*")),
        "Largest L5*": f"{drift.rungs['L5*'].max():.3g}",
        "Largest regret": f"{drift.regret.max():.3g}",
        "Alarm, median (5 % – 95 %)": f"{_hour(middle)} ({_hour(low)} – {_hour(high)})",
        "Alarms": f"{n_alarms} of {len(drift.alarm)}",
    }


def _hour(hour: float) -> str:
    return f"{hour:.3g}" if np.isfinite(hour) else "never"


def _regret_figure(still: Drift, moved: Sequence[Drift]) -> Figure:
    hours = list(range(len(still.regret)))
    lost, bound = (float(still.rungs[rung][0]) for rung in ("exact", "L5*"))
    most = max(float(drift.regret.max()) for drift in moved)
    return Figure(
        title=f"Regret while arrivals drift; issued: exact {lost:.3g}, L5* {bound:.3g}",
        alt=(
            f"Exact regret by the hour under {len(moved)} drifts: {lost:.3g} when the certificate is "
            f"issued, at most {most:.3g} later; the bound L5* issued is {bound:.3g}."
        ),
        x_label="hours after the certificate",
        y_label="in the worst state [profit units]",
        layers=tuple(
            Layer(kind="line", x=hours, y=drift.regret.tolist(), label=drift.name, series=n)
            for n, drift in enumerate(moved)
        ),
    )


def _alarm_figure(still: Drift, moved: Sequence[Drift]) -> Figure:
    x, y = _alarmed(still)
    zero = [0.0] * len(x)
    false = Layer(
        kind="band", x=x, y=zero, y_high=y, label="none: false alarms", series=len(moved) - 1
    )
    drawn = [(_alarmed(drift), drift.name) for drift in moved]
    said = ", ".join(f"{drift.name}: {_hour(float(np.median(drift.alarm)))}" for drift in moved)
    return Figure(
        title="Share of streams with an alarm",
        alt=f"Alarms by the hour. Median hours until the alarm, by drift of the arrivals: {said}.",
        x_label="hours after the certificate",
        y_label="streams with an alarm [%]",
        layers=(
            false,
            *(
                Layer(kind="line", x=x, y=y, label=name, series=n)
                for n, ((x, y), name) in enumerate(drawn)
            ),
        ),
    )


def _alarmed(drift: Drift) -> tuple[list[float], list[float]]:
    """Hours, and the share of streams [%] that have raised their alarm by then."""
    raised = np.sort(drift.alarm[np.isfinite(drift.alarm)])
    share = 100 * np.arange(1, len(raised) + 1) / len(drift.alarm)
    x = [0.0, *np.repeat(raised, 2).tolist(), float(len(drift.regret))]
    return x, [0.0, 0.0, *np.repeat(share, 2).tolist()]
