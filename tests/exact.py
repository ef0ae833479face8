"""Exact rational arithmetic for models of two or three states: a road without rounding.

Everything is a ``Fraction``; policies and couplings are enumerated or improved until none is better.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import combinations, product

Vector = list[Fraction]
Matrix = list[Vector]


def linear_solution(matrix: Matrix, right: Vector) -> Vector:
    """Gauss-Jordan elimination."""
    rows = [[*row, b] for row, b in zip(matrix, right, strict=True)]
    for c in range(len(rows)):
        pivot = next(r for r in range(c, len(rows)) if rows[r][c] != 0)
        rows[c], rows[pivot] = rows[pivot], rows[c]
        rows[c] = [x / rows[c][c] for x in rows[c]]
        for r in range(len(rows)):
            if r != c and rows[r][c] != 0:
                rows[r] = [x - rows[r][c] * y for x, y in zip(rows[r], rows[c], strict=True)]
    return [row[-1] for row in rows]


def policy_value(P: Sequence[Matrix], r: Matrix, gamma: Fraction, pi: Matrix) -> Vector:
    """``(I - gamma P_pi)^-1 r_pi``; ``P[s][a][t]``."""
    S, A = len(r), len(r[0])
    left = [
        [int(s == t) - gamma * sum(pi[s][a] * P[s][a][t] for a in range(A)) for t in range(S)]
        for s in range(S)
    ]
    return linear_solution(left, [sum(pi[s][a] * r[s][a] for a in range(A)) for s in range(S)])


def optimal_value(P: Sequence[Matrix], r: Matrix, gamma: Fraction) -> Vector:
    """The best value over all deterministic policies, state by state."""
    A = len(r[0])
    values = [
        policy_value(
            P, r, gamma, [[Fraction(int(a == chosen)) for a in range(A)] for chosen in policy]
        )
        for policy in product(range(A), repeat=len(r))
    ]
    return [max(column) for column in zip(*values, strict=True)]


def couplings(p: Vector, q: Vector) -> list[list[tuple[int, int, Fraction]]]:
    """Every vertex of the transport polytope, as arcs ``(i, j, mass)``."""
    rows, columns = ([i for i, x in enumerate(w) if x > 0] for w in (p, q))
    cells = [(i, j) for i in rows for j in columns]
    found = []
    for basis in combinations(cells, len(rows) + len(columns) - 1):
        left = {**{("r", i): p[i] for i in rows}, **{("c", j): q[j] for j in columns}}
        arcs, open_cells = [], set(basis)
        while open_cells:
            touching = {n: [c for c in open_cells if n in (("r", c[0]), ("c", c[1]))] for n in left}
            leaf = next((n for n, cs in touching.items() if len(cs) == 1), None)
            if leaf is None:  # a cycle: not a tree
                break
            i, j = touching[leaf][0]
            mass = left[leaf]
            left["r", i] -= mass
            left["c", j] -= mass
            arcs.append((i, j, mass))
            open_cells.discard((i, j))
        if not open_cells and not any(left.values()) and all(m >= 0 for *_, m in arcs):
            found.append([arc for arc in arcs if arc[2] > 0])
    return found


def dt_bsm(
    P: Sequence[Matrix], r: Matrix, Q: Sequence[Matrix], r_twin: Matrix, gamma: Fraction
) -> Matrix:
    """The fixed point of equation (5), by improving actions around exactly optimal couplings."""
    S, T, A = len(r), len(r_twin), len(r[0])
    pairs = list(product(range(S), range(T)))
    vertices = {(i, j, a): couplings(P[i][a], Q[j][a]) for i, j in pairs for a in range(A)}

    def cost(plan, d):
        return sum(mass * d[i * T + j] for i, j, mass in plan)

    def gap(i, j, a):
        return abs(r[i][a] - r_twin[j][a])

    action = dict.fromkeys(pairs, 0)
    plan = {(i, j): vertices[i, j, 0][0] for i, j in pairs}
    while True:
        d = linear_solution(
            [
                [
                    int(n == m) - gamma * sum(x for i, j, x in plan[pair] if i * T + j == m)
                    for m in range(S * T)
                ]
                for n, pair in enumerate(pairs)
            ],
            [gap(*pair, action[pair]) for pair in pairs],
        )
        better = [
            pair
            for pair in pairs
            if cost(min(vertices[*pair, action[pair]], key=lambda v: cost(v, d)), d)
            < cost(plan[pair], d)
        ]
        for pair in better:
            plan[pair] = min(vertices[*pair, action[pair]], key=lambda v: cost(v, d))
        if better:
            continue
        worth = {
            (pair, a): gap(*pair, a) + gamma * min(cost(v, d) for v in vertices[*pair, a])
            for pair in pairs
            for a in range(A)
        }
        improved = False
        for n, pair in enumerate(pairs):
            best = max(range(A), key=lambda a: worth[pair, a])
            if worth[pair, best] > d[n]:
                action[pair] = best
                plan[pair] = min(vertices[*pair, best], key=lambda v: cost(v, d))
                improved = True
        if not improved:
            return [d[i * T : (i + 1) * T] for i in range(S)]
