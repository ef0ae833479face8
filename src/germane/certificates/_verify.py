r"""A saved certificate, checked on one page that trusts nothing of what made it.

*Witnesses* may hold anything: what they prove is worked out in rationals (each double is one) for models
and policy as their doubles say, rows divided by their exact sums.
*Values.* Let ``T`` be monotone, ``T(w + c) = T w + gamma c``, ``v = T v``, ``H = 1 / (1 - gamma)``. For any
``w``, ``e = T w - w``: ``w + H min e <= v <= w + H max e``, as ``T`` raises the left, lowers the right. So
for optimum, policy, and the worst mixture of actions that loses at most ``eps`` in one step in the twin, as
any policy of that regret does. Regret is also at most L1c, and ``H max [T_a v^pi - T_pi v^pi]^+``.
*DT-BSM.* Its operator is such a ``T`` on pairs. A witness is any ``d``, and cells for each two rows. Upper:
cell by cell, move what row and column have left; the rest fits some coupling at ``max d``. Lower: for any
``nu``, ``mu_i = min_j d_ij + nu_j``, no coupling costs less than ``<mu, p> - <nu, q>``; the cells name one.
"""

import base64
import hashlib
import json
import zlib
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from math import lcm
from typing import Any

import numpy as np

from ..mdp import FiniteMDP, read_mdp

VERIFIED, REFUTED, NOT_VERIFIED = "verified", "refuted", "not verified"
_exact: Any = np.frompyfunc(Fraction, 1, 1)


@dataclass(frozen=True)
class Verdict:
    """Whether a saved certificate proves its bound, for these models and this policy.

    It ``holds`` if the bound is verified and nothing refuted. ``checks``: name, status, reason of each.
    """

    holds: bool
    checks: tuple[tuple[str, str, str], ...]


def verify(path: Any, real: Any, twin: Any, policy: Any = None) -> Verdict:
    """Checks a file of :meth:`Certificate.save` against the models, or their files, and the policy.

    Raises ``MalformedFile`` where a model file holds no model, ``OSError`` where there is no file.
    """
    models = [m if isinstance(m, FiniteMDP) else read_mdp(m) for m in (real, twin)]
    raw, checks = np.fromfile(path, np.uint8).tobytes(), list[tuple[str, str, str]]()
    try:
        checks.extend(_checks(raw, models, policy))
    except Exception as error:  # whatever a file that is no certificate runs into
        checks.append(("file", REFUTED, f"it, or the policy, cannot be read: {error!r}"))
    proved = ("bound", VERIFIED) in {check[:2] for check in checks}
    return Verdict(proved and REFUTED not in {check[1] for check in checks}, tuple(checks))


def _checks(raw: bytes, models: Any, policy: Any) -> Any:
    """Yields what the file says, held against what its witnesses prove."""
    record = json.loads(raw, parse_constant=int)  # refuses NaN and Infinity
    if record["schema"] != "germane.certificate/1" or "witness" not in record:
        yield "file", NOT_VERIFIED, "it brings no proof in schema germane.certificate/1"
        return
    sealed = hashlib.sha256(raw.replace(record["sha256"].encode(), b"0" * 64)).hexdigest()
    given = record["fingerprints"] | {"file": record["sha256"], "for_policy": record["for_policy"]}
    pi, found = None, {"file": sealed, "for_policy": "policy" in record["fingerprints"]}
    for role, m in zip(("real", "twin"), models):
        P, digest = m.transitions, hashlib.sha256(repr((m.r.shape, m.gamma.hex())).encode())
        for part in (m.r, P.indptr, P.indices, P.data):
            digest.update(part.astype("<f8" if part.dtype.kind == "f" else "<i8").tobytes())
        found[role] = digest.hexdigest()
    if policy is not None:
        pi = np.eye(m.n_actions)[policy] if np.ndim(policy) == 1 else np.array(policy)
        pi = (pi / pi.sum(axis=1)[:, None]).astype("<f8")
        found["policy"], pi = hashlib.sha256(pi.tobytes()).hexdigest(), _exact(pi)
        pi = pi / pi.sum(axis=1)[:, None]
    for role in given | found:
        got, due = found.get(role, "none"), given.get(role, "none")
        status = VERIFIED if got == due else REFUTED if role in found else NOT_VERIFIED
        yield role, status, f"{got!s:.12} given, {due!s:.12} certified"
    if found != given:
        return
    R, T, witness = Exact(models[0]), Exact(models[1]), record["witness"]
    f = {name: _exact(w).sum(axis=0) for name, w in witness["functions"].items()}
    g, H = R.gamma, 1 / (1 - R.gamma)

    def most(x: Any) -> Any:  # [s]: the largest mixture of x[s] that the policy, or one, may play
        if pi is not None:
            return (pi * x).sum(axis=1)
        best = []  # of one action or two, by a linear program
        for row in ([*zip(*rows)] for rows in zip(x, gap)):
            mild = [(u, h) for u, h in row if h <= eps]
            mixes = [u + (eps - h) / (k - h) * (w - u) for u, h in mild for w, k in row if k > eps]
            best.append(max([u for u, _ in mild] + mixes))
        return np.array(best, object)

    def ends(applied: Any, w: Any) -> Any:
        return w + H * (applied - w).min(), w + H * (applied - w).max()

    twin = ends(T.backup(f["twin optimum"]).max(axis=1), f["twin optimum"])
    gap, eps = twin[0][:, None] - T.backup(twin[1]), Fraction(record["twin_regret"])
    if pi is not None:
        eps = max(0, (twin[1] - ends(most(T.backup(u := f["twin achieved"])), u)[0]).max())
        yield _held("twin_regret", eps, record["twin_regret"])
    best = ends(R.backup(f["optimum"]).max(axis=1), f["optimum"])
    made = ends(-most(-(q := R.backup(f["achieved"]))), f["achieved"])
    loss, least = np.maximum(best[1] - made[0], 0), Fraction(0)
    over = [M.r.max(axis=0) - N.r.min(axis=0) for M, N in ((R, T), (T, R))]
    r_max, far = max(map(max, over)), max(R.r.max() - T.r.min(), T.r.max() - R.r.min())
    if pi is None:
        moved = []
        for p, n, q, m, dr in zip(R.rows, R.sums, T.rows, T.sums, abs(R.r - T.r).ravel()):
            tv = Fraction(sum(max(x * m - q.get(k, 0) * n, 0) for k, x in p.items()), n * m)
            moved.append([(dr + g * H * x * tv) / (1 - g + g * tv) for x in (r_max, far)])
        loss = np.minimum(loss, eps + sum(map(max, zip(*moved))))
    else:
        least, spread = max(0, (best[0] - made[1]).max()), g * (made[1] - made[0])[0]
        loss = np.minimum(loss, H * max(0, (q - most(q)[:, None] + (1 - pi) * spread).max()))
    rungs = {rung["name"]: rung for rung in record["rungs"]}
    proofs = dict.fromkeys(rungs, loss.max()) | {"L0": H * (R.r.max() - R.r.min())}
    for name in f.keys() & rungs.keys():
        q = R.backup(f[name]) - f[name][:, None]
        proofs[name] = H * max(0, q.max() + most(-q).max())
    if witness["metric"]:
        low, high = _diagonal(R, T, witness["metric"])
        proofs["L3"] = 2 * H * min(high, H * r_max) + (1 + g) * H * eps
        yield _held("max_diagonal[1]", min(high, H * r_max), record["max_diagonal"][1])
        low = max(low, abs(R.r - T.r).max(), (best[0] - twin[1]).max(), (twin[0] - best[1]).max())
        yield _held("max_diagonal[0]", low, record["max_diagonal"][0], least=True)
    elif record["max_diagonal"]:
        yield "max_diagonal", NOT_VERIFIED, witness["left_out"]
    for name, rung in rungs.items():
        yield _held(name, proofs[name], rung["value"])
    yield _held("lower", least, max(rung["lower"] for rung in rungs.values()), least=True)
    s = int((loss - _exact(record["per_state"])).argmax())
    yield _held(f"per_state[{s}]", loss[s], record["per_state"][s])
    yield _held("bound", proofs[record["rung"]], record["bound"])


class Exact:
    """A model in exact rationals: rewards ``(S, A)``, and rows of integers over their sum."""

    def __init__(self, mdp: FiniteMDP) -> None:
        self.r, self.gamma, P = _exact(mdp.r), Fraction(mdp.gamma), mdp.transitions
        states, masses = (np.split(x, P.indptr[1:-1]) for x in (P.indices, P.data))
        self.rows = [dict(zip(s.tolist(), _integers(p)[0])) for s, p in zip(states, masses)]
        self.sums, seen = [sum(p.values()) for p in self.rows], dict[Any, int]()
        self.first = [seen.setdefault((*p.items(),), k) for k, p in enumerate(self.rows)]

    def backup(self, w: Any) -> Any:
        """``(S, A)`` the exact ``r + gamma P w``."""
        x, unit = _integers(w)
        totals = (sum(p * x[k] for k, p in row.items()) for row in self.rows)
        means = [Fraction(total, n * unit) for total, n in zip(totals, self.sums)]
        return self.r + self.gamma * np.array(means, object).reshape(self.r.shape)


def _diagonal(R: Exact, T: Exact, metric: Any) -> Any:
    """Certain ends of ``max_s d(s, s)``: transports in integers, then doubles, 5 roundings each."""
    raw = {name: zlib.decompress(base64.b64decode(metric[name])) for name in ("d", "cells")}
    (S, A), d = R.r.shape, np.frombuffer(raw["d"], "<f8")
    unit = 2.0 ** max(np.frexp(abs(d).max())[1] - 58, -900)
    grid = np.clip(np.rint(d.reshape(S, S) / unit).astype(np.int64), -(2**60), 2**60)  # d from here
    cells = iter(np.frombuffer(raw["cells"], "<u2").reshape(-1, 2).tolist())

    @cache
    def transport(i: int, j: int) -> tuple[float, float]:
        p, q = (np.array([*M.rows[k].values()], object) for M, k in ((R, i), (T, j)))
        n, m, cost = R.sums[i], T.sums[j], grid[np.ix_([*R.rows[i]], [*T.rows[j]])]
        c, arcs = cost.tolist(), [next(cells) for _ in range(len(p) + len(q) - 1)]
        left, room, upper, mu, nu = p * m, q * n, 0, dict[int, int](), [0] * len(q)
        for x, y in arcs:
            moved = min(left[x], room[y])
            left[x], room[y], upper = left[x] - moved, room[y] - moved, upper + moved * c[x][y]
        for x, y in reversed(arcs):
            nu[y] = mu[x] - c[x][y] if x in mu else nu[y]
            mu[x] = nu[y] + c[x][y]
        v = np.clip(np.array(nu, object), -(2**61), 2**61).astype(np.int64)
        lower = max(m * (p @ (cost + v).min(axis=1)) - n * (q @ v), n * m * int(cost.min()))
        return lower / (n * m), (upper + left.sum() * int(cost.max())) / (n * m)

    steps = ((s * A + a, t * A + a) for a, s, t in np.ndindex(A, S, S))
    W = np.array([transport(R.first[i], T.first[j]) for i, j in steps]).T.reshape(2, A, S, S)
    W, d, r, r_twin = float(R.gamma) * unit * W, grid * unit, *(M.r.astype(float).T for M in (R, T))
    gap = abs(r[:, :, None] - r_twin[:, None, :])
    e, size = (gap + W).max(axis=1) - d, (gap + abs(W)).max(axis=1) + abs(d)
    ends = (e[0] - 2.0**-50 * size[0]).min(), (e[1] + 2.0**-50 * size[1]).max()
    return [Fraction(d.diagonal().max()) + Fraction(end) / (1 - R.gamma) for end in ends]


def _integers(values: Any) -> tuple[list[int], int]:
    ratios = [x.as_integer_ratio() for x in values]
    unit = lcm(*(d for _, d in ratios))
    return [n * (unit // d) for n, d in ratios], unit


def _held(name: str, proved: Any, claimed: Any, least: bool = False) -> tuple[str, str, str]:
    ok = proved >= claimed if least else proved <= claimed
    said = f"{float(proved)!r} proved, {float(claimed)!r} claimed"
    return name, VERIFIED if ok else REFUTED, said
