r"""Transmitters that move on lanes, each served by one of several fixed receivers.

*State* :math:`(x_1, q_1, \dots, x_n, q_n)`: cell of each transmitter on its lane, packets in its queue.
*Action* ``a``: the receiver of each transmitter. With :math:`d(i, r)` the distance to receiver ``r``,

.. math:: \mathrm{SNR}_{ir} = \frac{P}{N L_1} \Big( \frac{d(i, r)}{1\,\mathrm{m}} \Big)^{-\kappa} .

One slot, in this order:

1. **Sending.** Every transmitter with a packet sends one to its receiver. In Rayleigh fading it gets
   through with probability :math:`e^{-\theta / \mathrm{SNR}}`, the chance that the SNR of the slot
   reaches the threshold :math:`\theta`, and leaves the queue; else it stays.
2. **Arrivals.** One packet with probability :math:`p_i`, lost when the queue is full.
3. **Moves.** Each transmitter goes its speed in cells up the lane or down; it stops at the ends.

.. math:: c' = \eta_b \sum_i q'_i - \eta_T \sum_i \log_2(1 + \mathrm{SNR}_{i a_i})
    + \eta_r \sum_r (n_r - \bar n)^2 + \eta_I \sum_{i < j,\, a_i = a_j} \frac{1}{d_{ij}^2} ,

sums but the first over those that send; :math:`n_r` of them use receiver ``r`` and :math:`d_{ij}` is in
cells. :math:`|S| = (L (Q + 1))^n` and :math:`|A| = m^n`.

**As the paper words it** there are no queues: everyone always sends (``queue_places=0``, size
``written``). Then no transition depends on the action, the best policy is the myopic one, and every
cousin has the same policy: a trivial task, built because it is written. The queues are ours; with
them, who gets the good receiver decides who still waits later.

Source: Section IV-A4 of the digital-cousins paper, which names topology, moves, path loss and the
three other costs, and prints no numbers: those are ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import ClassVar

import numpy as np

from ..errors import InvalidParameter
from ._checks import finite, non_negative, positive, probability, whole, whole_from
from ._factored_network import Array, Counts, FactoredNetwork, Parameter, Part, shorts
from ._parts import after, choices, from_db, imbalance, lane, store

PARAMETERS = MappingProxyType(
    {
        "cells": Parameter("cells of each lane", whole_from(1)),
        "cell_m": Parameter("side of a cell [m]", positive),
        "lane_y_m": Parameter("position across the lanes [m]", finite, "TX"),
        "speed_cells": Parameter("cells in a slot", whole, "TX"),
        "forward_probability": Parameter(
            "chance of moving up the lane", probability, "TX", "forward"
        ),
        "receiver_x_m": Parameter("position along the lanes [m]", finite, "RX"),
        "receiver_y_m": Parameter("position across the lanes [m]", finite, "RX"),
        "power_dbm": Parameter("transmit power [dBm]", finite),
        "noise_dbm": Parameter("noise at a receiver [dBm]", finite),
        "loss_at_1m_db": Parameter("path loss at 1 m [dB]", finite),
        "path_loss_exponent": Parameter(
            "path-loss exponent", non_negative, short="path_loss_exponent"
        ),
        "threshold_db": Parameter("least signal-to-noise ratio of a packet [dB]", finite),
        "queue_places": Parameter("places in each queue", whole),
        "arrival_probability": Parameter(
            "chance of a packet in a slot", probability, "TX", "arrival"
        ),
        "buffer_cost": Parameter("cost of a packet that waits", non_negative, short="buffer_cost"),
        "throughput_reward": Parameter(
            "worth of 1 bit/s/Hz for a slot", non_negative, short="throughput_reward"
        ),
        "load_cost": Parameter(
            "cost of unevenly loaded receivers", non_negative, short="load_cost"
        ),
        "interference_cost": Parameter(
            "cost of a shared receiver, one cell apart", non_negative, short="interference_cost"
        ),
    }
)


@dataclass(frozen=True, kw_only=True)
class MimoMobile(FactoredNetwork):
    """Moving transmitters, fixed receivers; an action says which receiver serves which transmitter.

    Without arguments it is what the paper describes, a trivial task (see above); the other sizes have
    queues. The paper's numbers are lost. The defaults are the first random draw for which the task
    with queues is not trivial and the paper's claims are possible (:doc:`/theory/networks`); costs
    are in units of one packet that waits one slot.

    =========== ============ ========= === === ====== ======= =================
    size        transmitters receivers L   Q   states actions state-action pairs
    =========== ============ ========= === === ====== ======= =================
    ``tiny``    2            2         2   1   16     4       64
    ``small``   2            2         3   3   144    4       576
    ``medium``  3            3         2   2   216    27      5,832
    ``written`` 4            3         3   0   81     81      6,561
    ``large``   3            3         3   3   1,728  27      46,656
    =========== ============ ========= === === ====== ======= =================

    Args:
        cells: ``L``, cells of each lane, the first at 0 m.
        cell_m: distance of two neighbouring cells [m].
        lane_y_m: ``(n,)`` where each transmitter's lane lies [m]; no two alike.
        speed_cells: ``(n,)`` cells that each transmitter moves in a slot.
        forward_probability: ``(n,)`` chance that it moves up the lane rather than down.
        receiver_x_m, receiver_y_m: ``(m,)`` where the receivers stand [m]; none in a cell.
        power_dbm: transmit power [dBm]; 20 dBm is a handset.
        noise_dbm: noise and foreign interference at a receiver [dBm].
        loss_at_1m_db: path loss at 1 m [dB]; 40 dB in free space at 2.4 GHz.
        path_loss_exponent: ``kappa``; 2 in free space, 3 in a town.
        threshold_db: signal-to-noise ratio from which a packet can be read [dB].
        queue_places: ``Q``, places in each queue [packets]; 0: everyone always sends.
        arrival_probability: ``(n,)`` chance that a packet arrives in a slot.
        buffer_cost: of a packet that waits for the next slot.
        throughput_reward: of 1 bit/s/Hz during a slot.
        load_cost: of the squared deviation of the receivers' loads from their mean.
        interference_cost: of two that share a receiver one cell apart; it falls with the square.
        gamma: discount factor per slot; 0.9 looks ten slots ahead.

    Raises:
        InvalidParameter: naming the first parameter at fault, what was got and what is accepted.

    >>> network = MimoMobile.small()
    >>> network.n_states, network.n_actions
    (144, 4)
    >>> network.label(143), network.action_label(1)
    ('TX1: at 100 m, 3 queued; TX2: at 100 m, 3 queued', 'TX1 to RX1, TX2 to RX2')
    """

    cells: int = 3
    cell_m: float = 50.0
    lane_y_m: tuple[float, ...] = (0.0, 50.0, 100.0, 150.0)
    speed_cells: tuple[int, ...] = (1, 2, 1, 2)
    forward_probability: tuple[float, ...] = (0.5, 0.5, 0.5, 0.5)
    receiver_x_m: tuple[float, ...] = (0.0, 50.0, 25.0)
    receiver_y_m: tuple[float, ...] = (25.0, 125.0, 125.0)
    power_dbm: float = 20.0
    noise_dbm: float = -90.0
    loss_at_1m_db: float = 40.0
    path_loss_exponent: float = 3.0
    threshold_db: float = 15.0
    queue_places: int = 0
    arrival_probability: tuple[float, ...] = (0.25, 0.4, 0.65, 0.45)
    buffer_cost: float = 1.0
    throughput_reward: float = 0.1
    load_cost: float = 0.3
    interference_cost: float = 1.0

    parameters: ClassVar[Mapping[str, Parameter]] = PARAMETERS
    perturbable: ClassVar[Mapping[str, str]] = shorts(PARAMETERS)
    shapes: ClassVar[Mapping[str, Mapping[str, int]]] = MappingProxyType(
        {
            "tiny": {"TX": 2, "RX": 2, "cells": 2, "queue_places": 1},
            "small": {"TX": 2, "RX": 2, "cells": 3, "queue_places": 3},
            "medium": {"TX": 3, "RX": 3, "cells": 2, "queue_places": 2},
            "written": {"TX": 4, "RX": 3, "cells": 3, "queue_places": 0},
            "large": {"TX": 3, "RX": 3, "cells": 3, "queue_places": 3},
        }
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(set(self.lane_y_m)) != self.n_transmitters:
            raise InvalidParameter(f"lane_y_m must all differ; got {self.lane_y_m}")
        at = {(x, y) for x in self._cell_x_m for y in self.lane_y_m}
        for r, place in enumerate(zip(self.receiver_x_m, self.receiver_y_m)):
            if place in at:
                raise InvalidParameter(f"receiver {r} must not stand in a cell; got {place} m")

    @classmethod
    def written(cls) -> MimoMobile:
        """The network as the paper words it: without queues, and with a myopic optimal policy."""
        return cls().resized("written")

    @property
    def n_transmitters(self) -> int:
        """``n``."""
        return len(self.lane_y_m)

    @property
    def n_receivers(self) -> int:
        """``m``."""
        return len(self.receiver_x_m)

    @property
    def levels(self) -> tuple[int, ...]:
        return (self.cells, self.queue_places + 1) * self.n_transmitters

    @cached_property
    def decisions(self) -> Counts:
        return choices(self.n_receivers, self.n_transmitters)

    def label(self, s: int) -> str:
        return "; ".join(
            f"TX{i + 1}: at {self._cell_x_m[x]:g} m"
            + (f", {q} queued" if self.queue_places else "")
            for i, (x, q) in enumerate(self.decode(s).reshape(-1, 2))
        )

    def action_label(self, a: int) -> str:
        return ", ".join(f"TX{i + 1} to RX{r + 1}" for i, r in enumerate(self.decisions[a]))

    @property
    def _cell_x_m(self) -> Array:
        return np.arange(self.cells, dtype=np.float64) * self.cell_m

    @cached_property
    def snr(self) -> Array:
        """``(n, L, m)`` mean signal-to-noise ratio at each receiver, by transmitter and cell; linear."""
        along = self._cell_x_m[:, None] - np.array(self.receiver_x_m)
        across = np.array(self.lane_y_m)[:, None, None] - np.array(self.receiver_y_m)
        at_1m = from_db(self.power_dbm - self.noise_dbm - self.loss_at_1m_db)
        return np.asarray(at_1m * np.hypot(along, across) ** -self.path_loss_exponent)

    def _parts(self) -> list[Part]:
        success = np.exp(-from_db(self.threshold_db) / self.snr)
        waiting = np.tile(self.buffer_cost * np.arange(self.queue_places + 1), self.cells)
        parts = []
        for i, p in enumerate(self.arrival_probability):
            moves = lane(self.cells, self.speed_cells[i], self.forward_probability[i])
            if not self.queue_places:
                parts.append(Part([moves]))
                continue
            stays, leaves = (store(after(self.queue_places, sent), p) for sent in (0, 1))
            queue = success[i, :, :, None, None] * (leaves - stays) + stays  # (L, m, Q+1, Q+1)
            joint = np.einsum("xy,xrpq->rxpyq", moves, queue)
            kernels = list(joint.reshape(self.n_receivers, len(waiting), len(waiting)))
            parts.append(Part(kernels, self.decisions[:, i], waiting))
        return parts

    def _cost(self, x: Counts, a: Counts) -> Array:
        cell, queued = x[..., 0::2], x[..., 1::2]
        sends = (queued > 0) | (self.queue_places == 0)
        rate = np.log2(1 + self.snr)[np.arange(self.n_transmitters), cell, a]
        served = sends[..., None] & (a[..., None] == np.arange(self.n_receivers))  # (S, A, n, m)
        pairs = sends[..., :, None] & sends[..., None, :] & (a[..., :, None] == a[..., None, :])
        return np.asarray(
            -self.throughput_reward * (sends * rate).sum(axis=-1)
            + self.load_cost * imbalance(served.sum(axis=-2))
            + self.interference_cost * (pairs * self._near(cell)).sum(axis=(-1, -2)) / 2
        )

    def _near(self, cell: Counts) -> Array:
        """``(..., n, n)`` inverse squared distances of the transmitters [cells]; 0 on the diagonal."""
        along = cell[..., :, None] - cell[..., None, :]
        across = np.subtract.outer(self.lane_y_m, self.lane_y_m) / self.cell_m
        square = along**2 + across**2
        return np.divide(1.0, square, out=np.zeros(square.shape), where=square > 0)
