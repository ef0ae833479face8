"""What an analysis says: numbers, claims with a verdict, figures as data. Nothing here is drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

SCHEMA = "germane.experiment/1"
ReproducedAs = Literal["reproduced", "partly", "not"]


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One thing that the paper says, and what came out.

    Attributes:
        text: the claim.
        verdict: ``reproduced``, ``partly`` or ``not``.
        statistic: what says so: the statistic, its value, and what it would be otherwise.
    """

    text: str
    verdict: ReproducedAs
    statistic: str


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One set of marks of a figure.

    Attributes:
        kind: ``points``, a ``line``, or a ``band`` between ``y`` and ``y_high``.
        label: in the legend; an empty one is left out of it.
        x, y, y_high: coordinates, all of one length.
        series: layers of one series share colour and mark: 0, 1, 2, ...
    """

    kind: Literal["points", "line", "band"]
    x: Sequence[float]
    y: Sequence[float]
    y_high: Sequence[float] | None = None
    label: str = ""
    series: int = 0


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A plot as data, one pair of axes; :func:`germane.report.figure` draws it.

    Attributes:
        title: above the axes.
        alt: the same in a sentence or two, for whoever cannot see it: what it shows, with numbers.
        x_label, y_label: what is on the axes, with units.
        layers: what is drawn, bottom first.
        x_log, y_log: whether an axis is logarithmic.
    """

    title: str
    alt: str
    x_label: str
    y_label: str
    layers: tuple[Layer, ...]
    x_log: bool = False
    y_log: bool = False


@dataclass(frozen=True, kw_only=True)
class Analysis:
    """What the rows of an experiment say.

    Attributes:
        claims: each claim of the paper with its verdict.
        numbers: everything else worth a line, as plain JSON values.
        tables: rows of cells in words, by title; the rows of one table have the same columns.
        figures: the plots, by name.
    """

    claims: tuple[Claim, ...] = ()
    numbers: Mapping[str, Any] = field(default_factory=dict)
    tables: Mapping[str, Sequence[Mapping[str, str]]] = field(default_factory=dict)
    figures: Mapping[str, Figure] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values, of the schema ``germane.experiment/1``."""
        return {
            "schema": SCHEMA,
            "claims": [asdict(claim) for claim in self.claims],
            "numbers": dict(self.numbers),
            "tables": {name: [dict(row) for row in rows] for name, rows in self.tables.items()},
            "figures": {name: asdict(figure) for name, figure in self.figures.items()},
        }
