"""One slot of each network in plain loops over everything that can happen: a slow second road.

Written from the prose at the head of each network's module, with none of its code: every combination
of arrivals, channel moves and so on is played through, its probability multiplied up, and its cost
counted.
"""

from __future__ import annotations

import math
from itertools import product

import numpy as np

GOOD, BAD = 0, 1


def played(network, states, actions, outcomes):
    """``P[s, a, s']`` and ``r[s, a]`` from ``outcomes(s, a) = [(probability, s', cost), ...]``."""
    number = {s: i for i, s in enumerate(states)}
    P = np.zeros((len(states), len(actions), len(states)))
    r = np.zeros((len(states), len(actions)))
    for s in states:
        for i, a in enumerate(actions):
            for probability, s_next, cost in outcomes(s, a):
                P[number[s], i, number[s_next]] += probability
                r[number[s], i] -= probability * cost
    return P, r


def coin(p):
    return [(p, 1), (1 - p, 0)]


def level_moves(h, n_levels, worsen, improve):
    moves = []
    if h + 1 < n_levels:
        moves.append((worsen, h + 1))
    if h > 0:
        moves.append((improve, h - 1))
    return [*moves, (1 - sum(p for p, _ in moves), h)]


def together(*independent):
    """``(probability, values)`` of independent events, each a list of ``(probability, value)``."""
    possible = [[event for event in events if event[0] > 0] for events in independent]
    for events in product(*possible):
        yield math.prod(p for p, _ in events), [value for _, value in events]


def spread(loads):
    mean = sum(loads) / len(loads)
    return sum((load - mean) ** 2 for load in loads)


def miso_interference(network):
    n, B, H = network.n_transmitters, network.queue_places, network.channel_levels
    states = list(product(*[range(B + 1)] * n, *[range(H)] * n))

    def outcomes(s, a):
        b, h = s[:n], s[n:]
        k = [1 if a[i] and b[i] else 0 for i in range(n)]
        now = sum(network.channel_cost * k[i] * h[i] / (H - 1) for i in range(n))
        for i in range(n):
            for j in range(i):
                now += network.collision_cost * k[i] * k[j] / (i - j)
        arrivals = [coin(p) for p in network.arrival_probability]
        chances = zip(network.worsen_probability, network.improve_probability)
        moves = [level_moves(x, H, *pair) for x, pair in zip(h, chances)]
        for probability, drawn in together(*arrivals, *moves):
            b_next = tuple(min(B, b[i] - k[i] + drawn[i]) for i in range(n))
            cost = now + network.buffer_cost * sum(b_next)
            yield probability, (*b_next, *drawn[n:]), cost

    return played(network, states, list(product((0, 1), repeat=n)), outcomes)


def miso_energy_harvesting(network):
    n, m, E = network.n_transmitters, network.n_relays, network.battery_places
    states = list(product(*[range(E + 1)] * n, *[(GOOD, BAD)] * (n + m)))
    snr = 10 ** (network.relay_snr_db / 10)
    through = 0.5 * (1 + math.erf(math.sqrt(snr / 2)))  # 1 - Q(sqrt(SNR))

    def outcomes(s, a):
        e, direct, relay = s[:n], s[n : 2 * n], s[2 * n :]
        left, loads, now = list(e), [0] * m, 0.0
        for i in range(n):
            needs = network.relay_energy if a[i] else network.direct_energy
            if e[i] < needs:
                continue
            left[i] -= needs
            now += network.energy_cost * needs
            if a[i]:
                loads[network.relay_of[i]] += 1
                success = through * network.relay_success[relay[network.relay_of[i]]]
            else:
                success = network.direct_success[direct[i]]
            now -= network.throughput_reward * success
        now += network.imbalance_cost * spread(loads)
        harvests = [coin(p) for p in network.harvest_probability]
        chances = [
            *zip(network.direct_worsen, network.direct_improve),
            *zip(network.relay_worsen, network.relay_improve),
        ]
        moves = [level_moves(x, 2, *pair) for x, pair in zip(s[n:], chances)]
        for probability, drawn in together(*harvests, *moves):
            e_next = tuple(min(E, left[i] + drawn[i]) for i in range(n))
            yield probability, (*e_next, *drawn[n:]), now

    return played(network, states, list(product((0, 1), repeat=n)), outcomes)


def mimo_interference(network):
    n, m, B = network.n_transmitters, network.n_receivers, network.queue_places
    states = list(product(*[range(B + 1)] * n, *[(GOOD, BAD)] * m))
    most = network.packets_per_slot
    actions = [a for a in product(range(most + 1), repeat=n) if sum(a) <= most]

    def outcomes(s, a):
        b, h = s[:n], s[n:]
        k = [min(a[i], b[i]) for i in range(n)]
        best = [sorted(range(m), key=lambda j: (h[j], abs(i - j), j)) for i in range(n)]
        receivers = [set(best[i][: k[i]]) for i in range(n)]
        now = network.channel_cost * sum(h[j] for used in receivers for j in used)
        for i in range(n):
            for j in range(i):
                now += network.collision_cost * len(receivers[i] & receivers[j]) / (i - j)
        now += network.load_cost * spread([sum(j in used for used in receivers) for j in range(m)])
        arrivals = [coin(p) for p in network.arrival_probability]
        chances = zip(network.worsen_probability, network.improve_probability)
        moves = [level_moves(x, 2, *pair) for x, pair in zip(h, chances)]
        for probability, drawn in together(*arrivals, *moves):
            b_next = tuple(min(B, b[i] - k[i] + drawn[i]) for i in range(n))
            cost = now + network.buffer_cost * sum(b_next)
            yield probability, (*b_next, *drawn[n:]), cost

    return played(network, states, actions, outcomes)


def mimo_mobile(network):
    n, m, L, Q = (
        network.n_transmitters,
        network.n_receivers,
        network.cells,
        network.queue_places,
    )
    states = list(product(*[range(L), range(Q + 1)] * n))

    def metres(i, x, r):
        along = x * network.cell_m - network.receiver_x_m[r]
        return math.hypot(along, network.lane_y_m[i] - network.receiver_y_m[r])

    def snr(i, x, r):
        received_dbm = (
            network.power_dbm
            - network.loss_at_1m_db
            - 10 * network.path_loss_exponent * math.log10(metres(i, x, r))
        )
        return 10 ** ((received_dbm - network.noise_dbm) / 10)

    def outcomes(s, a):
        x, q = s[0::2], s[1::2]
        sends = [Q == 0 or q[i] > 0 for i in range(n)]
        now = 0.0
        for i in range(n):
            if sends[i]:
                now -= network.throughput_reward * math.log2(1 + snr(i, x[i], a[i]))
            for j in range(i):
                if sends[i] and sends[j] and a[i] == a[j]:
                    along = (x[i] - x[j]) * network.cell_m
                    across = network.lane_y_m[i] - network.lane_y_m[j]
                    cells = math.hypot(along, across) / network.cell_m
                    now += network.interference_cost / cells**2
        loads = [sum(sends[i] and a[i] == r for i in range(n)) for r in range(m)]
        now += network.load_cost * spread(loads)
        threshold = 10 ** (network.threshold_db / 10)
        through = [coin(math.exp(-threshold / snr(i, x[i], a[i])) * sends[i]) for i in range(n)]
        arrivals = [coin(p) for p in network.arrival_probability]
        ways = [coin(p) for p in network.forward_probability]
        for probability, drawn in together(*through, *arrivals, *ways):
            sent, arrived, forward = drawn[:n], drawn[n : 2 * n], drawn[2 * n :]
            s_next, waiting = [], 0
            for i in range(n):
                step = network.speed_cells[i] * (1 if forward[i] else -1)
                q_next = min(Q, q[i] - sent[i] + arrived[i]) if Q else 0
                s_next += [min(max(x[i] + step, 0), L - 1), q_next]
                waiting += q_next
            yield probability, tuple(s_next), now + network.buffer_cost * waiting

    return played(network, states, list(product(range(m), repeat=n)), outcomes)
