r"""Transmitters that send several packets at once, over the best channels of several receivers.

*State* :math:`(b_1, \dots, b_n, h_1, \dots, h_m)`: packets in each buffer, state of each receiver's
channel (0 good, 1 bad). *Action* ``a``: packets that each transmitter sends, at most ``M`` in all.
One slot, in this order:

1. **Sending.** :math:`k_i = \min(a_i, b_i)` packets leave buffer ``i``, each to another receiver: first
   to those with a good channel, among these to the nearest (:math:`|i - j|`, then the lower number).
   The channels enter through the cost alone.
2. **Arrivals.** One packet with probability :math:`p_i`, lost when the buffer is full.
3. **Channels** change between good and bad (Gilbert-Elliott).

.. math:: c' = \eta_b \sum_i b'_i + \eta_h \, \#\{\text{packets on a bad channel}\}
    + \eta_x \sum_{i < j} \frac{k_{ij}}{|i - j|} + \eta_r \sum_r (k_r - \bar k)^2 ,

with :math:`k_{ij}` the receivers that ``i`` and ``j`` both send to, and :math:`k_r` the packets that
receiver ``r`` gets. :math:`|S| = (B + 1)^n 2^m`; with three transmitters and ``M`` = 3,
:math:`|A| = 20`. Source: Section IV-A3 of the digital-cousins paper, which names the topology and the
four costs, and prints neither dynamics nor numbers. One channel a receiver is ours, so that ``B`` = 4
has the 40,000 state-action pairs of the paper's experiments; that near pairs are better off enters as
the order in which receivers are chosen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import ClassVar

import numpy as np

from ..errors import InvalidParameter
from ._checks import non_negative, probability, whole_from
from ._factored_network import Array, Counts, FactoredNetwork, Parameter, Part, shorts
from ._parts import after, choices, gilbert_elliott, imbalance, nearness, quality, store

PARAMETERS = MappingProxyType(
    {
        "queue_places": Parameter("places in each buffer", whole_from(1)),
        "packets_per_slot": Parameter("packets sent at once, at most", whole_from(1)),
        "arrival_probability": Parameter(
            "chance of a packet in a slot", probability, "TX", "arrival"
        ),
        "worsen_probability": Parameter(
            "chance that the channel turns bad", probability, "RX", "worsen"
        ),
        "improve_probability": Parameter(
            "chance that the channel turns good", probability, "RX", "improve"
        ),
        "buffer_cost": Parameter("cost of a packet that waits", non_negative, short="buffer_cost"),
        "channel_cost": Parameter(
            "cost of a packet on a bad channel", non_negative, short="channel_cost"
        ),
        "collision_cost": Parameter(
            "cost of neighbours that share a receiver", non_negative, short="collision_cost"
        ),
        "load_cost": Parameter(
            "cost of unevenly loaded receivers", non_negative, short="load_cost"
        ),
    }
)


@dataclass(frozen=True, kw_only=True)
class MimoInterference(FactoredNetwork):
    """Several transmitters and receivers; an action says how many packets each transmitter sends.

    The paper's numbers are lost. The defaults are the first random draw for which the task is not
    trivial and the paper's claims are possible (:doc:`/theory/networks`); costs are in units of one
    packet that waits one slot. Asking for more packets than there are sends those that there are.

    ========== ============ ========= === === ====== ======= =================
    size       transmitters receivers B   M   states actions state-action pairs
    ========== ============ ========= === === ====== ======= =================
    ``tiny``   2            2         1   2   16     6       96
    ``small``  2            3         2   3   72     10      720
    ``medium`` 3            4         2   3   432    20      8,640
    ``large``  3            4         4   3   2,000  20      40,000
    ========== ============ ========= === === ====== ======= =================

    Args:
        queue_places: ``B``, places in each buffer [packets].
        packets_per_slot: ``M``, packets that are sent at once, over all transmitters, at most; no more
            than receivers.
        arrival_probability: ``(n,)`` chance that a packet arrives in a slot.
        worsen_probability, improve_probability: ``(m,)`` chances that a receiver's channel turns bad,
            or good, in a slot.
        buffer_cost: of a packet that waits for the next slot.
        channel_cost: of a packet sent on a bad channel.
        collision_cost: of two neighbours that send to the same receiver; others pay by the inverse of
            their distance.
        load_cost: of the squared deviation of the receivers' loads from their mean.
        gamma: discount factor per slot; 0.9 looks ten slots ahead.

    Raises:
        InvalidParameter: naming the first parameter at fault, what was got and what is accepted.

    >>> network = MimoInterference.small()
    >>> network.n_states, network.n_actions
    (72, 10)
    >>> network.label(71), network.action_label(6)
    ('TX1: 2 queued; TX2: 2 queued; RX1 bad, RX2 bad, RX3 bad', 'TX1 sends 1, TX2 sends 2')
    """

    queue_places: int = 2
    packets_per_slot: int = 3
    arrival_probability: tuple[float, ...] = (0.1, 0.65, 0.45)
    worsen_probability: tuple[float, ...] = (0.6, 0.3, 0.2, 0.6)
    improve_probability: tuple[float, ...] = (0.15, 0.2, 0.65, 0.65)
    buffer_cost: float = 1.0
    channel_cost: float = 7.0
    collision_cost: float = 0.7
    load_cost: float = 0.2

    parameters: ClassVar[Mapping[str, Parameter]] = PARAMETERS
    perturbable: ClassVar[Mapping[str, str]] = shorts(PARAMETERS)
    shapes: ClassVar[Mapping[str, Mapping[str, int]]] = MappingProxyType(
        {
            "tiny": {"TX": 2, "RX": 2, "queue_places": 1, "packets_per_slot": 2},
            "small": {"TX": 2, "RX": 3, "queue_places": 2, "packets_per_slot": 3},
            "medium": {"TX": 3, "RX": 4, "queue_places": 2, "packets_per_slot": 3},
            "large": {"TX": 3, "RX": 4, "queue_places": 4, "packets_per_slot": 3},
        }
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.packets_per_slot > self.n_receivers:
            raise InvalidParameter(
                f"packets_per_slot must be at most the {self.n_receivers} receivers, since a channel "
                f"takes one packet of a transmitter; got {self.packets_per_slot}"
            )

    @property
    def n_transmitters(self) -> int:
        """``n``."""
        return len(self.arrival_probability)

    @property
    def n_receivers(self) -> int:
        """``m``."""
        return len(self.worsen_probability)

    @property
    def levels(self) -> tuple[int, ...]:
        return (self.queue_places + 1,) * self.n_transmitters + (2,) * self.n_receivers

    @cached_property
    def decisions(self) -> Counts:
        packets = choices(self.packets_per_slot + 1, self.n_transmitters)
        return np.asarray(packets[packets.sum(axis=1) <= self.packets_per_slot])

    def label(self, s: int) -> str:
        x, n = self.decode(s), self.n_transmitters
        channels = ", ".join(f"RX{j + 1} {quality(h, 2)}" for j, h in enumerate(x[n:]))
        return "; ".join([*(f"TX{i + 1}: {x[i]} queued" for i in range(n)), channels])

    def action_label(self, a: int) -> str:
        sent = [f"TX{i + 1} sends {k}" for i, k in enumerate(self.decisions[a]) if k]
        return ", ".join(sent) or "nobody sends"

    def _parts(self) -> list[Part]:
        waiting = self.buffer_cost * np.arange(self.queue_places + 1.0)
        left = [after(self.queue_places, sent) for sent in range(self.packets_per_slot + 1)]
        buffers = [
            Part([store(kept, p) for kept in left], self.decisions[:, i], waiting)
            for i, p in enumerate(self.arrival_probability)
        ]
        chances = zip(self.worsen_probability, self.improve_probability)
        return buffers + [Part([gilbert_elliott(2, *pair)]) for pair in chances]

    def _cost(self, x: Counts, a: Counts) -> Array:
        n, m = self.n_transmitters, self.n_receivers
        distance = np.abs(np.arange(n)[:, None] - np.arange(m))
        bad = x[..., None, n:]
        best_first = np.argsort(bad * (n + m) + distance, axis=-1, kind="stable")
        rank = np.argsort(best_first, axis=-1)  # (S, 1, n, m): place of receiver j in i's order
        used = (rank < np.minimum(a, x[..., :n])[..., None]).astype(np.float64)  # (S, A, n, m)
        shared = np.einsum("...ir,...jr,ij->...", used, used, nearness(n)) / 2
        return np.asarray(
            self.channel_cost * (used * bad).sum(axis=(-1, -2))
            + self.collision_cost * shared
            + self.load_cost * imbalance(used.sum(axis=-2))
        )
