"""The plots, as SVG that takes its colours from the page.

matplotlib draws with one stand-in colour for each role; in the SVG it is replaced by the page's CSS
variable of that role, so that one drawing serves light, dark and paper. Text stays text, in the
page's font; the page's style gives it a halo, where lines cross it. Identifiers are hashed with a
fixed salt and carry the plot's name: the same record gives the same bytes, and two plots on one
page do not share one.
"""

from __future__ import annotations

import html
import io
import math
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .numbers import as_given, down, up, whole
from .words import negligible

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

Record = Mapping[str, Any]

INK, MUTED, RULE, PAPER = "#010101", "#020202", "#030303", "#040404"
ACCENT, VACUOUS, TRUTH, SHADE = "#050505", "#060606", "#070707", "#080808"
ROLES = {
    INK: "ink",
    MUTED: "muted",
    RULE: "rule",
    PAPER: "paper",
    ACCENT: "accent",
    VACUOUS: "vacuous",
    TRUTH: "truth",
    SHADE: "shade",
}
"""Stand-in colour -> the CSS variable of that role."""

STYLE: dict[Any, Any] = {
    "axes.edgecolor": RULE,
    "axes.facecolor": "none",
    "axes.labelcolor": MUTED,
    "axes.labelsize": 11,
    "axes.spines.left": False,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "figure.facecolor": "none",
    "font.family": ["DejaVu Sans"],
    "font.size": 11,
    "svg.fonttype": "none",
    "svg.hashsalt": "germane",
    "text.color": INK,
    "text.parse_math": False,
    "xtick.color": RULE,
    "xtick.labelcolor": MUTED,
    "xtick.minor.size": 0,
    "ytick.color": RULE,
    "ytick.labelcolor": MUTED,
    "ytick.minor.size": 0,
}

WIDTH = 5.6
"""Inches, of 72 units each: narrow enough to stay legible on a telephone."""

LONGEST_UNIT = 24
"""Letters."""

MOST_POINTS = 200
"""Points of a curve; with more states, each point stands for several and shows their largest."""


def plots(record: Record) -> dict[str, str]:
    """Every plot that the record has the numbers for, by name."""
    drawn = {"ladder": _ladder(record)}
    if record["certificate"]["per_state"] and not negligible(record):
        drawn["states"] = _states(record)
    if record["training"]:
        drawn["training"] = _training(record)
    return drawn


def _ladder(record: Record) -> str:
    """Every bound on a log scale, the vacuous zone shaded, the truth and the limit marked."""
    certificate = record["certificate"]
    rungs = sorted(certificate["rungs"], key=lambda rung: -rung["value"])
    trivial, limit = certificate["trivial"], record["question"]["max_regret"]
    truth = record["evidence"] and record["evidence"]["loss"]
    if not trivial > 0:
        return _svg("ladder", 1.0, _nothing_at_stake, "All rewards are equal: no policy can lose.")

    def draw(axes: Axes) -> None:
        left, right = _log_range([rung["value"] for rung in rungs], trivial, limit)
        axes.set_xscale("log")
        axes.set_xlim(left, right)
        axes.set_ylim(len(rungs) - 0.2, -1.35)
        axes.set_yticks([])
        axes.axvspan(trivial, right, color=SHADE, linewidth=0)
        axes.axvline(trivial, color=VACUOUS, linewidth=1)
        _label(axes, trivial, -1.05, "vacuous from here on", VACUOUS)
        if limit:
            axes.axvline(limit, color=INK, linewidth=1.2)
            _label(axes, limit, len(rungs) - 0.38, f"limit {as_given(limit)}", INK)
        if truth:
            x = max(truth["upper"], left)
            axes.axvline(x, color=TRUTH, linewidth=1.4, linestyle=(0, (4, 3)))
            _label(axes, x, -1.05, "true loss", TRUTH, before=x < trivial < 9 * x)
        for row, rung in enumerate(rungs):
            value = max(rung["value"], left)
            color = VACUOUS if rung["vacuous"] else ACCENT
            axes.plot([left, value], [row, row], color=color, linewidth=5, solid_capstyle="butt")
            axes.plot(value, row, "o", color=color, markersize=9, markeredgecolor=PAPER)
            name = f"{rung['name']} · {rung['title']}"
            axes.text(left, row - 0.24, name, va="bottom", in_layout=False)
            far = math.log(value / left) > 0.8 * math.log(right / left)
            axes.annotate(
                f"≤ {up(rung['value'])}",
                (value, row),
                xytext=(-9, 8) if far else (10, 0),
                textcoords="offset points",
                va="bottom" if far else "center",
                ha="right" if far else "left",
                fontweight="bold",
                color=color,
            )
        axes.set_xlabel(f"loss, at most{_units(record)}, logarithmic scale")
        log_ticks(axes.xaxis, left, right)

    return _svg("ladder", 0.85 + 0.62 * len(rungs), draw, _ladder_alt(record, rungs))


def _label(
    axes: Axes,
    x: float,
    y: float,
    text: str,
    color: str,
    *,
    before: bool = False,
) -> None:
    """A word beside a vertical line, on the side where it has room."""
    left, right = axes.get_xlim()
    before = before or math.log(x / left) > 0.75 * math.log(right / left)
    axes.annotate(
        text,
        (x, y),
        xytext=(-4 if before else 4, 0),
        textcoords="offset points",
        color=color,
        fontsize=10,
        ha="right" if before else "left",
        va="center",
    )


def _log_range(values: Sequence[float], trivial: float, limit: float | None) -> tuple[float, float]:
    """From below the smallest value that is more than rounding, to beyond the largest.

    A limit that is out of all proportion stays outside.
    """
    shown = [x for x in (*values, trivial) if x > 1e-6 * trivial]
    if limit and min(shown) / 1e3 < limit < max(shown) * 1e3:
        shown.append(limit)
    return min(shown) / 4, max(shown) * 4


def log_ticks(axis: Axis, low: float, high: float) -> None:
    """Decades in plain numbers, and 2 and 5 between them where there are few."""
    from matplotlib.ticker import LogLocator, NullFormatter, NullLocator

    few = math.log10(high / low) < 2.5
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if few else (1.0,), numticks=9))
    axis.set_major_formatter(lambda x, _: as_given(float(f"{x:.3g}")))
    axis.set_minor_locator(NullLocator())
    axis.set_minor_formatter(NullFormatter())


def _nothing_at_stake(axes: Axes) -> None:
    axes.set_axis_off()
    axes.text(0.5, 0.5, "All rewards are equal: no policy can lose.", ha="center")


def _ladder_alt(record: Record, rungs: Sequence[Mapping[str, Any]]) -> str:
    parts = [
        f"{rung['name']} at most {up(rung['value'])}{' (vacuous)' if rung['vacuous'] else ''}"
        for rung in rungs
    ]
    alt = f"Bounds on the loss, largest first: {'; '.join(parts)}."
    if record["evidence"] and record["evidence"]["loss"]:
        loss = record["evidence"]["loss"]
        alt += f" The true loss is between {down(loss['lower'])} and {up(loss['upper'])}."
    return alt


def _states(record: Record) -> str:
    """The certain upper bound of every state, worst first."""
    values = sorted(record["certificate"]["per_state"], reverse=True)
    n = len(values)
    step = max(1, math.ceil(n / MOST_POINTS))
    limit = record["question"]["max_regret"]

    def draw(axes: Axes) -> None:
        heights = values[::step]  # the largest of each group: never below the bound
        edges = [min(i * step, n) for i in range(len(heights) + 1)]
        axes.stairs(heights, edges, fill=True, color=ACCENT, alpha=0.22, linewidth=0)
        axes.stairs(heights, edges, color=ACCENT, linewidth=1.6, baseline=None)
        axes.set_xlim(0, n)
        top = values[0]
        axes.set_ylim(0, 1.18 * top)
        axes.locator_params(axis="x", integer=True, nbins=6)
        axes.locator_params(axis="y", nbins=5)
        axes.grid(axis="y", color=RULE, linewidth=0.6)
        axes.set_axisbelow(True)
        axes.tick_params(axis="y", length=0)
        axes.annotate(
            f"worst state: ≤ {up(values[0])}",
            (0, values[0]),
            xytext=(3, 5),
            textcoords="offset points",
            color=ACCENT,
            fontweight="bold",
        )
        if limit is not None and limit <= 1.18 * top:
            axes.axhline(limit, color=INK, linewidth=1.2)
            axes.annotate(
                f"limit {as_given(limit)}",
                (n, limit),
                xytext=(-3, 4),
                textcoords="offset points",
                ha="right",
                fontsize=10,
            )
        axes.set_xlabel("starting states, worst first")
        axes.set_ylabel(f"loss, at most{_units(record)}")

    alt = (
        f"Certain upper bound on the loss in each of {whole(n)} starting states, worst first: from "
        f"{up(values[0])} down to {up(values[-1])}."
    )
    return _svg("states", 3.6, draw, alt)


def _training(record: Record) -> str:
    """The learner's loss in the twin and on the real network, as training goes on."""
    training, trivial = record["training"], record["certificate"]["trivial"]
    points = training["checkpoints"]
    floor = max(1e-5 * trivial, 1e-300)

    def draw(axes: Axes) -> None:
        steps = [point["n_steps"] for point in points]
        for key, text, color, style, marker in (
            ("loss_in_twin", "in the twin", ACCENT, "-", "o"),
            ("loss_on_real", "on the real network", TRUTH, (0, (4, 3)), "s"),
        ):
            losses = [max(point[key], floor) for point in points]
            axes.plot(steps, losses, color=color, linestyle=style, linewidth=1.8)
            axes.plot(steps, losses, marker, color=color, markersize=5.5, label=text)
        axes.set_xscale("log")
        axes.set_yscale("log")
        log_ticks(axes.xaxis, *axes.get_xlim())
        log_ticks(axes.yaxis, *axes.get_ylim())
        axes.grid(axis="y", color=RULE, linewidth=0.6)
        axes.set_axisbelow(True)
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel("training steps in the twin")
        axes.set_ylabel(f"loss of the policy{_units(record)}")
        axes.legend(frameon=False, loc="upper right", labelcolor="markerfacecolor")

    last = points[-1]
    alt = (
        f"Loss of the learned policy against training steps. After {whole(last['n_steps'])} steps it "
        f"loses at most {up(last['loss_in_twin'])} in the twin and {up(last['loss_on_real'])} on "
        "the real network."
    )
    return _svg("training", 3.1, draw, alt)


def _units(record: Record) -> str:
    """The units in brackets, where an axis has room for them."""
    name = record["units"]["name"]
    return f" [{name}]" if len(name) <= LONGEST_UNIT else ""


def _svg(name: str, height: float, draw: Callable[[Axes], object], alt: str) -> str:
    """The plot as an ``svg`` element with an accessible name, ready to stand in HTML."""
    return _for_page(drawn(draw, height, STYLE), name, alt)


def drawn(draw: Callable[[Axes], object], height: float, style: Mapping[Any, Any]) -> str:
    """What ``draw`` makes of a pair of axes, as an SVG file without date or maker."""
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    file = io.StringIO()
    with mpl.rc_context(dict(style)), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # the reader's font may have it
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        FigureCanvasSVG(figure)
        draw(figure.add_subplot())
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    return file.getvalue()


def _for_page(svg: str, name: str, alt: str) -> str:
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>", "", svg, flags=re.S)
    svg = re.sub(r'\s*xmlns(:xlink)?="[^"]*"', "", svg).replace("xlink:href", "href")
    svg = re.sub(r'\b(id="|href="#|url\(#)', rf"\g<1>{name}-", svg)
    for stand_in, role in ROLES.items():
        svg = svg.replace(stand_in, f"var(--{role})")
    svg = re.sub(r"font-family: [^;\"]*|'DejaVu Sans'(, [^;\"]*)?", "font-family: inherit", svg)
    said = html.escape(alt)
    opening = f'<svg class="plot" role="img" aria-label="{said}"'
    svg = re.sub(r'<svg( width="[^"]*"| height="[^"]*")*', opening, svg, count=1)
    return svg.replace(">", f">\n<title>{said}</title>", 1)
