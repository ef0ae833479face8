r"""Transmitters that live on harvested energy and reach their receiver directly or by a relay.

*State* :math:`(e_1, \dots, e_n, h_1, \dots, h_n, g_1, \dots, g_m)`: energy units in each battery, state
of each direct link (0 good, 1 bad), state of the path over each relay. *Action* ``a``: each transmitter
sends directly (0) or by its relay (1). One slot, in this order:

1. **Sending.** A direct transmission takes :math:`u_0` units of energy, one by the relay :math:`u_1`;
   who has less sends nothing. It succeeds with a probability that the link's state sets; over a
   relay, whose output is corrupted by Gaussian noise, also with
   :math:`1 - Q(\sqrt{\mathrm{SNR}})`, the chance that a binary symbol gets through.
2. **Harvest.** One unit with probability :math:`p_i`, lost when the battery is full.
3. **Channels** change between good and bad (Gilbert-Elliott).

.. math:: c' = -\eta_T \sum_i \Pr[i \text{ succeeds}]
    + \eta_d \sum_r (n_r - \bar n)^2 + \eta_e \sum_i u_{a_i} 1[i \text{ sends}] ,

with :math:`n_r` the transmissions over relay ``r``. :math:`|S| = (E + 1)^n 2^{n + m}`,
:math:`|A| = 2^n`. Source: Section IV-A2 of the digital-cousins paper, which names the topology and the
three costs, and prints neither dynamics nor numbers: those are ours.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import ClassVar

import numpy as np

from ..errors import InvalidParameter
from ._checks import finite, non_negative, probability, whole, whole_from
from ._factored_network import Array, Counts, FactoredNetwork, Parameter, Part, shorts
from ._parts import choices, from_db, gaussian_tail, gilbert_elliott, imbalance, quality, store

PARAMETERS = MappingProxyType(
    {
        "battery_places": Parameter("energy units that a battery holds", whole_from(1)),
        "direct_energy": Parameter("energy units of a direct transmission", whole_from(1)),
        "relay_energy": Parameter("energy units of a transmission by relay", whole_from(1)),
        "harvest_probability": Parameter(
            "chance of an energy unit in a slot", probability, "TX", "harvest"
        ),
        "relay_of": Parameter("relay, counted from 0", whole, "TX"),
        "direct_worsen": Parameter(
            "chance that the direct link turns bad", probability, "TX", "direct_worsen"
        ),
        "direct_improve": Parameter(
            "chance that the direct link turns good", probability, "TX", "direct_improve"
        ),
        "relay_worsen": Parameter(
            "chance that the path turns bad", probability, "relay", "relay_worsen"
        ),
        "relay_improve": Parameter(
            "chance that the path turns good", probability, "relay", "relay_improve"
        ),
        "direct_success": Parameter("chance of success on a direct link", probability, "state"),
        "relay_success": Parameter("chance of success over a relay", probability, "state"),
        "relay_snr_db": Parameter("signal-to-noise ratio behind a relay [dB]", finite),
        "throughput_reward": Parameter(
            "worth of a delivered packet", non_negative, short="throughput_reward"
        ),
        "imbalance_cost": Parameter(
            "cost of unevenly loaded relays", non_negative, short="imbalance_cost"
        ),
        "energy_cost": Parameter("cost of an energy unit", non_negative, short="energy_cost"),
    }
)


@dataclass(frozen=True, kw_only=True)
class MisoEnergyHarvesting(FactoredNetwork):
    """Transmitters on batteries with one receiver; an action says who sends directly, who by a relay.

    The paper's numbers are lost. The defaults are the first random draw for which the task is not
    trivial and the paper's claims are possible (:doc:`/theory/networks`); rewards are in units of
    one delivered packet. There is no idling, as in the paper: energy is saved by the cheaper way.

    ========== ============ ====== === ====== ======= =================
    size       transmitters relays E   states actions state-action pairs
    ========== ============ ====== === ====== ======= =================
    ``tiny``   1            1      3   16     2       32
    ``small``  2            2      3   256    4       1,024
    ``medium`` 3            2      2   864    8       6,912
    ``large``  3            2      4   4,000  8       32,000
    ========== ============ ====== === ====== ======= =================

    Args:
        battery_places: ``E``, energy units that a battery holds.
        direct_energy, relay_energy: energy units of one transmission. The receiver is farther than
            the relay.
        harvest_probability: ``(n,)`` chance that a unit is harvested in a slot.
        relay_of: ``(n,)`` the relay near each transmitter, counted from 0.
        direct_worsen, direct_improve: ``(n,)`` chances that a direct link turns bad, or good, in a
            slot.
        relay_worsen, relay_improve: ``(m,)`` chances that the path over a relay turns bad, or good.
            Relay paths are more often good than direct links: they are shorter and less disturbed.
        direct_success, relay_success: chance of success in the good and in the bad state.
        relay_snr_db: signal-to-noise ratio of what leaves a relay [dB].
        throughput_reward: worth of a delivered packet.
        imbalance_cost: of the squared deviation of the relays' loads from their mean.
        energy_cost: of one energy unit.
        gamma: discount factor per slot; 0.9 looks ten slots ahead.

    Raises:
        InvalidParameter: naming the first parameter at fault, what was got and what is accepted.

    >>> network = MisoEnergyHarvesting.small()
    >>> network.n_states, network.n_actions
    (256, 4)
    >>> network.label(255)
    'TX1: 3 units, direct bad; TX2: 3 units, direct bad; relay 1: bad; relay 2: bad'
    >>> network.action_label(1)
    'TX1 directly, TX2 by relay 2'
    """

    battery_places: int = 2
    direct_energy: int = 2
    relay_energy: int = 1
    harvest_probability: tuple[float, ...] = (0.9, 0.6, 0.3)
    relay_of: tuple[int, ...] = (0, 1, 1)
    direct_worsen: tuple[float, ...] = (0.5, 0.4, 0.3)
    direct_improve: tuple[float, ...] = (0.55, 0.7, 0.6)
    relay_worsen: tuple[float, ...] = (0.15, 0.25)
    relay_improve: tuple[float, ...] = (0.5, 0.75)
    direct_success: tuple[float, float] = (0.95, 0.3)
    relay_success: tuple[float, float] = (0.95, 0.4)
    relay_snr_db: float = 6.0
    throughput_reward: float = 1.0
    imbalance_cost: float = 0.3
    energy_cost: float = 0.5

    parameters: ClassVar[Mapping[str, Parameter]] = PARAMETERS
    perturbable: ClassVar[Mapping[str, str]] = shorts(PARAMETERS)
    shapes: ClassVar[Mapping[str, Mapping[str, int]]] = MappingProxyType(
        {
            "tiny": {"TX": 1, "relay": 1, "state": 2, "battery_places": 3},
            "small": {"TX": 2, "relay": 2, "state": 2, "battery_places": 3},
            "medium": {"TX": 3, "relay": 2, "state": 2, "battery_places": 2},
            "large": {"TX": 3, "relay": 2, "state": 2, "battery_places": 4},
        }
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.direct_success) != 2:
            raise InvalidParameter(
                f"direct_success must have 2 entries, good and bad; got {self.direct_success}"
            )
        for i, relay in enumerate(self.relay_of):
            if relay >= self.n_relays:
                raise InvalidParameter(
                    f"relay_of[{i}] must lie in 0..{self.n_relays - 1}; got {relay}"
                )
        for name in ("direct_energy", "relay_energy"):
            if getattr(self, name) > self.battery_places:
                raise InvalidParameter(
                    f"{name} must be at most the {self.battery_places} units of a full battery; "
                    f"got {getattr(self, name)}"
                )

    @property
    def n_transmitters(self) -> int:
        """``n``."""
        return len(self.harvest_probability)

    @property
    def n_relays(self) -> int:
        """``m``."""
        return len(self.relay_worsen)

    @property
    def levels(self) -> tuple[int, ...]:
        n = self.n_transmitters
        return (self.battery_places + 1,) * n + (2,) * (n + self.n_relays)

    @cached_property
    def decisions(self) -> Counts:
        return choices(2, self.n_transmitters)

    def label(self, s: int) -> str:
        x, n = self.decode(s), self.n_transmitters
        transmitters = [f"TX{i + 1}: {x[i]} units, direct {quality(x[n + i], 2)}" for i in range(n)]
        relays = [f"relay {r + 1}: {quality(g, 2)}" for r, g in enumerate(x[2 * n :])]
        return "; ".join(transmitters + relays)

    def action_label(self, a: int) -> str:
        ways = [
            f"by relay {relay + 1}" if relayed else "directly"
            for relay, relayed in zip(self.relay_of, self.decisions[a])
        ]
        return ", ".join(f"TX{i + 1} {way}" for i, way in enumerate(ways))

    @property
    def noise_survival(self) -> float:
        """The chance that a relay's output is read correctly in spite of its noise."""
        return 1 - gaussian_tail(math.sqrt(from_db(self.relay_snr_db)))

    def _parts(self) -> list[Part]:
        e = np.arange(self.battery_places + 1)
        left = [np.where(e >= u, e - u, e) for u in (self.direct_energy, self.relay_energy)]
        batteries = [
            Part([store(kept, p) for kept in left], self.decisions[:, i])
            for i, p in enumerate(self.harvest_probability)
        ]
        worsen = self.direct_worsen + self.relay_worsen
        improve = self.direct_improve + self.relay_improve
        return batteries + [Part([gilbert_elliott(2, *pair)]) for pair in zip(worsen, improve)]

    def _cost(self, x: Counts, a: Counts) -> Array:
        n, relay_of = self.n_transmitters, np.array(self.relay_of)
        energy = np.where(a == 0, self.direct_energy, self.relay_energy)
        sends = x[..., :n] >= energy
        directly = np.array(self.direct_success)[x[..., n : 2 * n]]
        relayed = self.noise_survival * np.array(self.relay_success)[x[..., 2 * n + relay_of]]
        delivered = (sends * np.where(a == 0, directly, relayed)).sum(axis=-1)
        over = (sends & (a == 1))[..., None] & (relay_of[:, None] == np.arange(self.n_relays))
        return np.asarray(
            -self.throughput_reward * delivered
            + self.imbalance_cost * imbalance(over.sum(axis=-2))
            + self.energy_cost * (sends * energy).sum(axis=-1)
        )
