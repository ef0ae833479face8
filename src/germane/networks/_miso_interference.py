r"""Transmitters that share a receiver, each with a buffer and a fading channel.

*State* :math:`(b_1, \dots, b_n, h_1, \dots, h_n)`: packets in each buffer, level of each channel (0 the
best of ``H``). *Action* ``a``: who sends, 0 or 1 of each transmitter. One slot, in this order:

1. **Sending.** Of the chosen transmitters, those with a packet send one, which leaves the buffer:
   :math:`k_i = a_i\, 1[b_i > 0]`. Channel and collisions enter through the cost alone.
2. **Arrivals.** One packet with probability :math:`p_i`, lost when the buffer is full:
   :math:`b'_i = \min(B, b_i - k_i + 1[\text{arrival}])`.
3. **Channels** go one level down or up, or stay (Gilbert-Elliott).

.. math:: c' = \eta_b \sum_i b'_i + \eta_h \sum_i k_i \frac{h_i}{H - 1}
    + \eta_x \sum_{i < j} \frac{k_i k_j}{|i - j|} .

:math:`|S| = (B + 1)^n H^n` and :math:`|A| = 2^n`. Source: Section IV-A1 of the digital-cousins paper,
which names the topology and the three costs, and prints neither dynamics nor numbers: those are ours.
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
from ._parts import after, choices, gilbert_elliott, nearness, quality, store

PARAMETERS = MappingProxyType(
    {
        "queue_places": Parameter("places in each buffer", whole_from(1)),
        "channel_levels": Parameter("levels of each channel", whole_from(2)),
        "arrival_probability": Parameter(
            "chance of a packet in a slot", probability, "TX", "arrival"
        ),
        "worsen_probability": Parameter(
            "chance that the channel worsens", probability, "TX", "worsen"
        ),
        "improve_probability": Parameter(
            "chance that the channel improves", probability, "TX", "improve"
        ),
        "buffer_cost": Parameter("cost of a packet that waits", non_negative, short="buffer_cost"),
        "channel_cost": Parameter(
            "cost of a packet on the worst channel", non_negative, short="channel_cost"
        ),
        "collision_cost": Parameter(
            "cost of two neighbours sending at once", non_negative, short="collision_cost"
        ),
    }
)


@dataclass(frozen=True, kw_only=True)
class MisoInterference(FactoredNetwork):
    """Several transmitters with one receiver; an action says who of them sends.

    The paper's numbers are lost. The defaults are the first random draw for which the task is not
    trivial and the paper's claims are possible (:doc:`/theory/networks`); costs are in units of one
    packet that waits one slot. A transmitter without a packet sends nothing and costs nothing, so
    that some actions tie.

    ========== ============ === ====== ======= =================
    size       transmitters B   states actions state-action pairs
    ========== ============ === ====== ======= =================
    ``tiny``   2            1   16     4       64
    ``small``  2            3   64     4       256
    ``medium`` 3            3   512    8       4,096
    ``large``  3            8   5,832  8       46,656
    ========== ============ === ====== ======= =================

    Args:
        queue_places: ``B``, places in each buffer [packets].
        channel_levels: ``H``, levels of each channel: 2 is Gilbert-Elliott, more its birth-death
            extension.
        arrival_probability: ``(n,)`` chance that a packet arrives in a slot.
        worsen_probability: ``(n,)`` chance that a channel goes one level down in a slot.
        improve_probability: ``(n,)`` chance that it goes one level up.
        buffer_cost: of a packet that waits for the next slot.
        channel_cost: of a packet sent on the worst channel; levels between pay in proportion.
        collision_cost: of two neighbours that send at once; others pay by the inverse of their
            distance, since transmitters stand evenly spaced on a line.
        gamma: discount factor per slot; 0.9 looks ten slots ahead.

    Raises:
        InvalidParameter: naming the first parameter at fault, what was got and what is accepted.

    >>> network = MisoInterference.small()
    >>> network.n_states, network.n_actions
    (64, 4)
    >>> network.label(63), network.action_label(2)
    ('TX1: 3 queued, channel bad; TX2: 3 queued, channel bad', 'TX1 sends')
    """

    queue_places: int = 3
    channel_levels: int = 2
    arrival_probability: tuple[float, ...] = (0.1, 0.4, 0.3)
    worsen_probability: tuple[float, ...] = (0.85, 0.8, 0.55)
    improve_probability: tuple[float, ...] = (0.4, 0.8, 0.15)
    buffer_cost: float = 1.0
    channel_cost: float = 10.0
    collision_cost: float = 1.5

    parameters: ClassVar[Mapping[str, Parameter]] = PARAMETERS
    perturbable: ClassVar[Mapping[str, str]] = shorts(PARAMETERS)
    shapes: ClassVar[Mapping[str, Mapping[str, int]]] = MappingProxyType(
        {
            "tiny": {"TX": 2, "queue_places": 1},
            "small": {"TX": 2, "queue_places": 3},
            "medium": {"TX": 3, "queue_places": 3},
            "large": {"TX": 3, "queue_places": 8},
        }
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        for i, pair in enumerate(zip(self.worsen_probability, self.improve_probability)):
            if self.channel_levels > 2 and sum(pair) > 1:
                raise InvalidParameter(
                    f"worsen_probability[{i}] + improve_probability[{i}] must be at most 1 with "
                    f"{self.channel_levels} levels; got {sum(pair):.6g}"
                )

    @property
    def n_transmitters(self) -> int:
        """``n``."""
        return len(self.arrival_probability)

    @property
    def levels(self) -> tuple[int, ...]:
        n = self.n_transmitters
        return (self.queue_places + 1,) * n + (self.channel_levels,) * n

    @cached_property
    def decisions(self) -> Counts:
        return choices(2, self.n_transmitters)

    def label(self, s: int) -> str:
        queued, channel = self.decode(s).reshape(2, -1)
        return "; ".join(
            f"TX{i + 1}: {b} queued, channel {quality(h, self.channel_levels)}"
            for i, (b, h) in enumerate(zip(queued, channel))
        )

    def action_label(self, a: int) -> str:
        senders = [f"TX{i + 1}" for i, sends in enumerate(self.decisions[a]) if sends]
        return f"{', '.join(senders) or 'nobody'} {'sends' if len(senders) < 2 else 'send'}"

    def _parts(self) -> list[Part]:
        waiting = self.buffer_cost * np.arange(self.queue_places + 1.0)
        left = [after(self.queue_places, sent) for sent in (0, 1)]
        buffers = [
            Part([store(kept, p) for kept in left], self.decisions[:, i], waiting)
            for i, p in enumerate(self.arrival_probability)
        ]
        channels = [
            Part([gilbert_elliott(self.channel_levels, *chances)])
            for chances in zip(self.worsen_probability, self.improve_probability)
        ]
        return buffers + channels

    def _cost(self, x: Counts, a: Counts) -> Array:
        n = self.n_transmitters
        sent = a * (x[..., :n] > 0)
        badness = x[..., n:] / (self.channel_levels - 1)
        collisions = np.einsum("...i,ij,...j", sent, nearness(n), sent) / 2
        return np.asarray(
            self.channel_cost * (sent * badness).sum(axis=-1) + self.collision_cost * collisions
        )
