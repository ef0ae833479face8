"""What networks there are: their sizes, and the parameters that a twin can have wrong."""

from __future__ import annotations

import math
from typing import Any

from rich.table import Table

from ..networks import NETWORKS, NamedNetwork
from . import _show

Json = dict[str, Any]


def record() -> Json:
    """Every network by name, with the parameters of its size ``small``; infinity is ``null``."""
    return {
        "schema": "germane.networks/1",
        "networks": [_network(name, kind) for name, kind in NETWORKS.items()],
    }


def _network(name: str, kind: type[NamedNetwork]) -> Json:
    small = kind.of_size("small")
    return {
        "name": name,
        "summary": (kind.__doc__ or "").partition("\n")[0],
        "gymnasium": f"germane/{kind.__name__}-v0",
        "gamma": small.gamma,
        "sizes": [_size(kind, size) for size in kind.sizes()],
        "parameters": [_parameter(small, short) for short in small.perturbable],
    }


def _size(kind: type[NamedNetwork], size: str) -> Json:
    network = kind.of_size(size)
    return {"size": size, "n_states": network.n_states, "n_actions": network.n_actions}


def _parameter(network: NamedNetwork, short: str) -> Json:
    value = getattr(network, network.perturbable[short])
    entries = list(value) if isinstance(value, tuple) else [value]
    labels = [network.parameter_label(short, i) for i in range(len(entries))]
    return {
        "name": short,
        "unit": labels[0][1],
        "values": [value if math.isfinite(value) else None for value in entries],
        "labels": [words for words, _ in labels],
    }


def show(found: Json) -> None:
    """Each network with its sizes and parameters."""
    for network in found["networks"]:
        _show.line(f"{network['name']}  ({network['gymnasium']})", "bold")
        _show.line(network["summary"])
        sizes = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        for heading in ("  Size", "States", "Actions", "Pairs"):
            sizes.add_column(heading, justify="left" if heading == "  Size" else "right")
        for size in network["sizes"]:
            S, A = size["n_states"], size["n_actions"]
            sizes.add_row(f"  {size['size']}", f"{S:,}", f"{A:,}", f"{S * A:,}")
        _show.console().print(sizes)
        parameters = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        for heading in ("  Parameter", "In size small", "In words"):
            parameters.add_column(heading)
        for parameter in network["parameters"]:
            values = ", ".join(
                "inf" if value is None else f"{value:g}" for value in parameter["values"]
            )
            words = parameter["labels"][0].rpartition(": ")[2]
            unit = f" [{parameter['unit']}]" if parameter["unit"] else ""
            parameters.add_row(f"  {parameter['name']}", values, f"{words}{unit}")
        _show.console().print(parameters)
        _show.line()
    _show.line(
        "A network is named with its size and with factors (1.1) or relative errors (+0.1) of its "
        "parameters, one for all or one for each, as in:"
    )
    _show.line("  miso-interference?size=small&arrival=+0.1,-0.2&channel_cost=1.5", wrap=False)
