"""The uplink of a camera that waits for a good channel, or pays for power: a finite MDP.

The channel is a Markov chain over bins of the signal-to-noise ratio, and what the camera does leaves it as
it is. The buffer, the rates and the costs are the camera's own and known exactly. So the MDP is the product
of one small chain, which traces can teach, and of arithmetic, which needs no data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.stats import binom

from germane import FiniteMDP


@dataclass(frozen=True, kw_only=True)
class Uplink:
    """A camera with a buffer and a power control, one decision a second.

    In a slot it sends what the channel carries at the chosen power, at most what the buffer holds; then
    new packets arrive, and those that find no room are lost.

    Attributes:
        edges_db: SNR at full power that separates the bins [dB]. The camera sends at the rate of a
            bin's lower edge, which the bin carries for certain; below the first edge nothing gets through.
        places: packets that the buffer holds.
        packet_bits: size of a packet [bit].
        streams, activity: each of ``streams`` sends a packet in a slot with probability ``activity``.
        power_dbm: transmit powers besides silence, the last of them full power [dBm].
        efficiency, circuit_w: of the power amplifier; and what the radio draws besides [W].
        bandwidth_hz, bits_per_hz: share of the band [Hz]; attenuation and cap of the Shannon bound
            [bit/s/Hz], as 3GPP TR 36.942 (annex A.2) has them for an uplink.
        drop_cost, joule_cost: what a lost packet and a joule cost, in seconds that one packet waits.
        gamma: discount a second.
    """

    edges_db: Sequence[float]
    places: int = 12
    packet_bits: float = 150e3
    streams: int = 6
    activity: float = 0.5
    power_dbm: Sequence[float] = (17.0, 23.0)
    efficiency: float = 0.25
    circuit_w: float = 0.2
    bandwidth_hz: float = 1.8e6
    bits_per_hz: tuple[float, float] = (0.4, 2.0)
    drop_cost: float = 20.0
    joule_cost: float = 10.0
    gamma: float = 0.9

    @property
    def n_bins(self) -> int:
        """Channel states."""
        return len(self.edges_db) + 1

    @cached_property
    def sent_at_most(self) -> np.ndarray:
        """``(bins, actions)`` packets that a slot carries; action 0 is silence."""
        below_full_db = np.array(self.power_dbm) - self.power_dbm[-1]
        snr = 10 ** ((np.array(self.edges_db)[:, None] + below_full_db) / 10)
        attenuation, cap = self.bits_per_hz
        rate = self.bandwidth_hz * np.minimum(attenuation * np.log2(1 + snr), cap)
        return np.pad((rate / self.packet_bits).astype(int), ((1, 0), (1, 0)))

    @cached_property
    def energy_j(self) -> np.ndarray:
        """``(actions,)`` energy of a slot [J]."""
        radiated_w = 10 ** (np.array(self.power_dbm) / 10) / 1000
        return np.concatenate([[0.0], radiated_w / self.efficiency + self.circuit_w])

    @cached_property
    def left(self) -> np.ndarray:
        """``(bins, fills, actions)`` packets in the buffer once the slot has sent its share."""
        fills = np.arange(self.places + 1)[None, :, None]
        return np.maximum(fills - self.sent_at_most[:, None, :], 0)

    @cached_property
    def _arrivals(self) -> tuple[np.ndarray, np.ndarray]:
        """``(fills, n)`` packets there with each number of arrivals, and ``(n,)`` how likely each is."""
        n = np.arange(self.streams + 1)
        return np.arange(self.places + 1)[:, None] + n, binom.pmf(n, self.streams, self.activity)

    @cached_property
    def moves(self) -> np.ndarray:
        """``(bins, fills, actions, fills)`` law of the buffer; a full one takes no more."""
        filled, law = self._arrivals
        arrive = np.zeros((self.places + 1, self.places + 1))
        np.add.at(arrive, (np.arange(len(arrive))[:, None], np.minimum(filled, self.places)), law)
        return arrive[self.left]

    @cached_property
    def r(self) -> np.ndarray:
        """``(S, actions)`` minus the cost of waiting, of expected losses and of energy [packet seconds]."""
        filled, law = self._arrivals
        lost = np.maximum(filled - self.places, 0) @ law
        cost = self.left + self.drop_cost * lost[self.left] + self.joule_cost * self.energy_j
        return 0.0 - cost.reshape(-1, len(self.energy_j))

    @property
    def reward_range(self) -> tuple[float, float]:
        """The least and the most of ``r`` [packet seconds]."""
        return float(self.r.min()), float(self.r.max())

    def mdp(self, channel: np.ndarray) -> FiniteMDP:
        """The MDP under a channel ``(bins, bins)``; state ``bin * (places + 1) + fill``."""
        P = np.einsum("hk,hbac->hbakc", channel, self.moves)
        return FiniteMDP(P.reshape(*self.r.shape, -1), self.r, gamma=self.gamma)

    def label(self, s: int) -> str:
        """State ``s`` in words."""
        h, fill = divmod(s, self.places + 1)
        return f"{self.bin_label(h)}, {fill} of {self.places} packets waiting"

    def bin_label(self, h: int) -> str:
        """Channel state ``h`` in words."""
        if h == 0:
            return f"SNR below {self.edges_db[0]:g} dB"
        if h == len(self.edges_db):
            return f"SNR from {self.edges_db[-1]:g} dB"
        return f"SNR {self.edges_db[h - 1]:g} to {self.edges_db[h]:g} dB"

    def action_label(self, a: int) -> str:
        """Action ``a`` in words."""
        return f"send at {self.power_dbm[a - 1]:g} dBm" if a else "stay silent"
