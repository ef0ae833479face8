"""Random, valid inputs: the only place where tests make models."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from hypothesis import strategies as st
from hypothesis.vendor import pretty

from germane.mdp import FactoredMDP, FiniteMDP

# Hypothesis would print a dataclass field by field, and P is no attribute
pretty.for_type_by_name("germane.mdp._model", "FiniteMDP", lambda mdp, p, _: p.text(repr(mdp)))

KINDS = st.sampled_from(["dense", "sparse", "deterministic"])
DISCOUNTS = st.sampled_from([0.0, 0.5, 0.9, 0.99])


def transition_rows(
    rng: np.random.Generator, kind: str, n_rows: int, n_states: int
) -> sp.csr_array:
    """``(n_rows, S)`` distributions: on every state, on at most three, or on one."""
    width = {"dense": n_states, "sparse": min(3, n_states), "deterministic": 1}[kind]
    targets = np.argsort(rng.random((n_rows, n_states)), axis=1)[:, :width]
    masses = rng.dirichlet(np.ones(width), size=n_rows)
    rows = np.repeat(np.arange(n_rows), width)
    return sp.csr_array((masses.ravel(), (rows, targets.ravel())), shape=(n_rows, n_states))


@st.composite
def mdps(
    draw: st.DrawFn,
    *,
    min_states: int = 1,
    max_states: int = 5,
    min_actions: int = 1,
    max_actions: int = 3,
    gamma: st.SearchStrategy[float] = DISCOUNTS,
    kind: st.SearchStrategy[str] = KINDS,
    rewards: st.SearchStrategy[float] | None = None,
) -> FiniteMDP:
    """Small models of every kind of row; rewards are uniform on [-1, 1) unless given."""
    S = draw(st.integers(min_states, max_states))
    A = draw(st.integers(min_actions, max_actions))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    P = transition_rows(rng, draw(kind), S * A, S)
    if rewards is None:
        r = rng.uniform(-1, 1, size=(S, A))
    else:
        r = np.reshape(draw(st.lists(rewards, min_size=S * A, max_size=S * A)), (S, A))
    return FiniteMDP(P, r, draw(gamma))


@st.composite
def factored_mdps(draw: st.DrawFn) -> FactoredMDP:
    """One to three components of one to four values, kernels shared between actions."""
    sizes = draw(st.lists(st.integers(1, 4), min_size=1, max_size=3))
    A = draw(st.integers(1, 3))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    kind = draw(KINDS)
    kernels, columns = [], []
    for n in sizes:
        own = [transition_rows(rng, kind, n, n).toarray() for _ in range(2)]
        columns.append(len(kernels) + rng.integers(2, size=A))
        kernels += own
    r = rng.uniform(-1, 1, (int(np.prod(sizes)), A))
    return FactoredMDP(kernels=tuple(kernels), index=np.stack(columns, axis=1), r=r, gamma=0.9)
