"""The networks by name: for Gymnasium (``germane/MisoInterference-v0``) and for the command line.

A *spec* is ``name?option=value&option=value``, as in ``admission-control?size=tiny&profit=+0.2``:

* ``size``: one of the network's sizes (``small`` when not given);
* ``gamma``: the discount factor;
* each name that the network's ``perturbed`` accepts: a **factor** without a sign (``1.1``), or a
  **relative error** with one (``+0.1``, ``-0.15``); one value for every slice or transmitter, or one
  for each, separated by commas (``profit=+0.2,1,-0.2``). Factors below 0.5 are refused: ``profit=0.1`` is
  far more often a slip for ``+0.1`` than a wish for a tenth, which is ``-0.9``.
"""

from __future__ import annotations

from dataclasses import replace

import gymnasium

from ..errors import InvalidParameter
from ._admission_control import AdmissionControl
from ._factored_network import FactoredNetwork
from ._mimo_interference import MimoInterference
from ._mimo_mobile import MimoMobile
from ._miso_energy_harvesting import MisoEnergyHarvesting
from ._miso_interference import MisoInterference
from ._named_network import NamedNetwork

FACTORED_NETWORKS: dict[str, type[FactoredNetwork]] = {
    "miso-interference": MisoInterference,
    "miso-energy-harvesting": MisoEnergyHarvesting,
    "mimo-interference": MimoInterference,
    "mimo-mobile": MimoMobile,
}
"""Those that share one environment."""

NETWORKS: dict[str, type[NamedNetwork]] = {
    "admission-control": AdmissionControl,
    **FACTORED_NETWORKS,
}
"""Every network by the name that the command line uses."""

SMALLEST_FACTOR = 0.5
"""Unsigned values below this are taken for relative errors that lack their sign, and refused."""

gymnasium.register(
    id="germane/AdmissionControl-v0",
    entry_point="germane.networks:AdmissionControlEnv",
    max_episode_steps=1000,
)
for _name, _kind in FACTORED_NETWORKS.items():
    gymnasium.register(
        id=f"germane/{_kind.__name__}-v0",
        entry_point="germane.networks:FactoredNetworkEnv",
        kwargs={"kind": _name},
        max_episode_steps=1000,
    )


def from_spec(spec: str) -> NamedNetwork:
    """The network that ``name?option=value&...`` describes.

    Raises:
        InvalidParameter: for an unknown network, option or value: says which are accepted.

    >>> from_spec("miso-interference?channel_cost=1.5").channel_cost
    15.0
    >>> from_spec("miso-interference?size=medium").n_states
    512
    """
    name, _, query = spec.partition("?")
    if name not in NETWORKS:
        raise InvalidParameter(f"the networks are {', '.join(NETWORKS)}; got {name!r}")
    kind = NETWORKS[name]
    options = _options(query, ("size", "gamma", *kind.perturbable))
    network = kind.of_size(options.pop("size", "small"))
    if "gamma" in options:
        network = replace(network, gamma=_number("gamma", options.pop("gamma")))
    return network.perturbed(**{key: _relative_errors(key, text) for key, text in options.items()})


def _options(query: str, accepted: tuple[str, ...]) -> dict[str, str]:
    options: dict[str, str] = {}
    for part in query.split("&") if query else []:
        key, equals, text = part.partition("=")
        if key not in accepted or not equals or not text or key in options:
            raise InvalidParameter(
                f"options are name=value, each once, with names {', '.join(accepted)}; got {part!r}"
            )
        options[key] = text
    return options


def _relative_errors(key: str, text: str) -> float | list[float]:
    errors = [_relative_error(key, value.strip()) for value in text.split(",")]
    return errors[0] if len(errors) == 1 else errors


def _relative_error(key: str, text: str) -> float:
    value = _number(key, text)
    if text[:1] in ("+", "-"):
        return value
    if value < SMALLEST_FACTOR:
        raise InvalidParameter(
            f"{key}={text} is a factor, and factors start at {SMALLEST_FACTOR}; write +{text} for "
            f"{value:.0%} too high"
        )
    return value - 1


def _number(key: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InvalidParameter(f"{key} must be a number; got {text!r}") from None
