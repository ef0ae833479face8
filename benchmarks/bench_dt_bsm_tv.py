"""One pass of the total-variation form against reading both models' arrays once.

100,000 states, 4 actions, 10 successors. The baseline sums every stored array of both models.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from harness import report, timed

from germane.mdp import FiniteMDP
from germane.metrics import dt_bsm_tv


def model(rng: np.random.Generator, S: int, A: int, k: int) -> FiniteMDP:
    step = rng.integers(1, S // k, (S * A, k))
    targets = (np.cumsum(step, axis=1) + rng.integers(0, S, (S * A, 1))) % S
    masses = rng.dirichlet(np.ones(k), S * A)
    P = sp.csr_array(
        (masses.ravel(), targets.ravel(), np.arange(0, S * A * k + 1, k)), shape=(S * A, S)
    )
    return FiniteMDP(P, rng.random((S, A)), 0.9)


def twin_of(rng: np.random.Generator, real: FiniteMDP) -> FiniteMDP:
    """The usual twin: the same successors, probabilities 5 % off."""
    P = real.transitions.copy()
    P.data = P.data * (1 + rng.uniform(-0.05, 0.05, P.nnz))
    return FiniteMDP(sp.diags_array(1 / P.sum(axis=1)) @ P, real.r, real.gamma)


def read_once(*models: FiniteMDP) -> float:
    return float(
        sum(
            part.sum()
            for m in models
            for part in (m.transitions.data, m.transitions.indices, m.transitions.indptr, m.r)
        )
    )


def check(real: FiniteMDP, twin: FiniteMDP) -> None:
    P, Q = (m.transitions.toarray().reshape(*m.r.shape, -1) for m in (real, twin))
    r_max = np.abs(real.r[:, None] - twin.r[None]).max()
    tv = 0.5 * np.abs(P - Q).sum(axis=2)
    expected = (np.abs(real.r - twin.r) + real.gamma * r_max / (1 - real.gamma) * tv).max(axis=1)
    assert np.allclose(dt_bsm_tv(real, twin), expected, rtol=1e-12, atol=0)


def main() -> None:
    rng = np.random.default_rng(0)
    check(model(rng, 200, 3, 5), model(rng, 200, 3, 5))
    rows = []
    for S in (25_000, 100_000):
        real = model(rng, S, 4, 10)
        for name, twin in (
            ("unrelated", model(rng, S, 4, 10)),
            ("same successors", twin_of(rng, real)),
        ):
            runs = [
                (
                    timed(lambda r=real, t=twin: dt_bsm_tv(r, t))[0],
                    timed(lambda r=real, t=twin: read_once(r, t))[0],
                )
                for _ in range(11)
            ]
            one_pass, reading = (float(np.median(column)) for column in zip(*runs, strict=True))
            ratio = float(np.median([a / b for a, b in runs]))
            rows.append(
                {
                    "states": S,
                    "twin": name,
                    "pass_ms": 1e3 * one_pass,
                    "read_ms": 1e3 * reading,
                    "ratio": ratio,
                }
            )
    report("dt_bsm_tv: one pass against reading once", rows)


if __name__ == "__main__":
    main()
