"""A figure that an experiment describes as data, drawn as one SVG file.

White paper and one palette, so that it can stand in any page. Series differ in colour, in mark and in
dashes; the colours are told apart by every kind of colour vision (Okabe and Ito, 2008). The same
figure gives the same bytes.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..errors import InvalidParameter
from ._plots import drawn, log_ticks

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
MARKS = ("o", "s", "^", "D", "v", "P", "x")
DASHES: tuple[Any, ...] = ("-", (0, (5, 2)), (0, (6, 2, 1, 2)), (0, (1, 1.5)))
INK, RULE = "#222222", "#bbbbbb"

STYLE: dict[Any, Any] = {
    "axes.edgecolor": RULE,
    "axes.labelcolor": INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "figure.facecolor": "white",
    "figure.titlesize": 12,
    "font.family": ["DejaVu Sans"],
    "font.size": 11,
    "legend.fontsize": 10,
    "legend.frameon": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "germane",
    "text.color": INK,
    "text.parse_math": False,
    "xtick.color": RULE,
    "xtick.labelcolor": INK,
    "ytick.color": RULE,
    "ytick.labelcolor": INK,
}

HEIGHT = 4.6
"""Inches."""


def figure(record: Mapping[str, Any]) -> str:
    """The SVG file of a figure.

    Args:
        record: what :class:`germane.experiments.Figure` holds, as plain JSON values.

    Raises:
        InvalidParameter: the record lacks something, or has a kind of layer that is not known.
    """
    try:
        svg = drawn(lambda axes: _draw(axes, record), HEIGHT, STYLE)
        said = html.escape(record["alt"])
    except KeyError as error:
        raise InvalidParameter(f"the figure lacks {error}") from None
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>\s*", "", svg, flags=re.S)
    svg = svg.replace("<svg ", '<svg role="img" ', 1)
    return svg.replace(">", f">\n <title>{said}</title>", 1)


def _draw(axes: Axes, record: Mapping[str, Any]) -> None:
    for layer in record["layers"]:
        _layer(axes, layer)
    axes.set_xlabel(record["x_label"])
    axes.set_ylabel(record["y_label"])
    for name, axis in (("x", axes.xaxis), ("y", axes.yaxis)):
        if record[f"{name}_log"]:
            axes.set(**{f"{name}scale": "log"})
            log_ticks(axis, *axis.get_view_interval())
    axes.grid(color=RULE, linewidth=0.5, alpha=0.6)
    axes.set_axisbelow(True)
    axes.figure.suptitle(record["title"], x=0.01, ha="left")
    if any(layer["label"] for layer in record["layers"]):
        axes.figure.legend(loc="outside lower left", ncols=2)


def _layer(axes: Axes, layer: Mapping[str, Any]) -> None:
    n = layer["series"] % len(COLOURS)
    x, y, label = layer["x"], layer["y"], layer["label"] or None
    match layer["kind"]:
        case "points":
            axes.plot(x, y, MARKS[n], color=COLOURS[n], markersize=4.5, alpha=0.65, label=label)
        case "line":
            axes.plot(
                x,
                y,
                color=COLOURS[n],
                linestyle=DASHES[n % len(DASHES)],
                linewidth=1.8,
                label=label,
            )
        case "band":
            axes.fill_between(
                x, y, layer["y_high"], color=COLOURS[n], alpha=0.18, linewidth=0, label=label
            )
        case kind:
            raise InvalidParameter(f"a layer is points, line or band; got {kind!r}")
