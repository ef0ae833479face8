r"""Pooled certainty equivalence: plan on rows that borrow from one another.

Few samples of a pair say little of it, but there are thousands of pairs. As in small-area estimation, every
row is a compromise between its own frequencies and what the *other* rows say of it:

.. math:: \tilde P(\cdot | s, a) = \frac{n \hat P(\cdot | s, a) + \kappa P_0(\cdot | s, a)}{n + \kappa} ,
    \qquad n = n(s, a) .

**The pool** :math:`P_0`. What matters to a plan is the *effect* of an action, and that is alike in states
that are alike. States are described by what is known of them exactly, their rewards :math:`r(s, \cdot)`:

1. *The same action elsewhere.* The ridge regression of the rows of action ``a`` on the rewards of their
   states, without state ``s``.
2. *Other actions here.* To this is added how far the rows of the other actions in ``s`` are, on average,
   from their own regressions: what the regressions miss of state ``s``.

Both are sums of measured rows with weights that depend on ``r`` and on the numbers of visits alone; they sum
to one, and a row's own weight is zero: :math:`P_0 = B \hat P`. Some are negative, as in any regression, so
that :math:`P_0` need not be a distribution; its means are kept between the smallest and the largest value.
Only products with ``v`` are ever formed: a sweep costs ``O(nnz + S A**2)``.

**The mass** :math:`\kappa`: how many samples the pool is worth, one number for all pairs. It is chosen so
that samples that are left out, one at a time, are predicted best in value. With :math:`u = \hat P v`,
:math:`\varsigma^2 = \hat P v^2 - u^2` and :math:`m = P_0 v` of a pair, the mean squared error of predicting
each of its ``n`` samples from the other ``n - 1`` and the pool is

.. math:: \frac{(n + \kappa)^2 \varsigma^2 + \kappa^2 (u - m)^2}{(n - 1 + \kappa)^2} , \tag{P}

whose expectation, for given ``v`` and ``m``, is the variance of one more sample plus the mean squared error
of :math:`\tilde P v` after ``n - 1`` samples. No distribution is assumed. Where no pair has two samples
nothing can be told, and :math:`\kappa = 1`.

**Bias and variance.** Let :math:`\sigma^2` be the variance of ``v`` under a row of ``P`` and
:math:`b = (P_0 - P) v` the pool's error. The pool has no part in the row's own samples; so, given the
others,

.. math:: \mathrm{E} \big[ (\tilde P v - P v)^2 \big] = \frac{n \sigma^2 + \kappa^2 b^2}{(n + \kappa)^2}
    < \frac{\sigma^2}{n} \quad\text{if and only if}\quad b^2 < \sigma^2 \Big( \frac2\kappa + \frac1n \Big) ,

and it is smallest at :math:`\kappa = \sigma^2 / b^2`, where it is :math:`\sigma^2 / (n + \kappa)`: there the
pool is worth exactly :math:`\kappa` more samples. A mass above :math:`2 \sigma^2 / b^2` does harm once ``n``
is large.

**Theorem (consistency).** Let :math:`n_{\min}` be the fewest visits of a pair,
:math:`\kappa \le \kappa_{\max}`, and :math:`\|B\|` the largest sum of absolute weights of a row. If
:math:`\gamma \beta < 1` with :math:`\beta = 1 + \kappa_{\max} (\|B\| - 1) / (n_{\min} + \kappa_{\max})`, the
plan exists, is unique, and

.. math:: \| \tilde q - q^* \|_\infty \le \frac{\gamma \varepsilon}{1 - \gamma \beta} , \qquad
    \varepsilon \le \max_{s, a} |(\hat P - P) v^*|
    + \frac{\kappa_{\max}}{n_{\min} + \kappa_{\max}} \mathrm{span}(v^*) .

So :math:`\tilde q \to q^*` at the rate :math:`O(\sqrt{\log(S A) / n_{\min}} + \kappa_{\max} / n_{\min})` if
every pair is visited for ever, and the policy is optimal once the bound is below half the gap between best
and second best actions. With :math:`\kappa = 0` it is certainty equivalence.

*Proof.* :math:`\tilde P = \tilde B \hat P` with weights that sum to one and :math:`\|\tilde B\| \le \beta`.
To keep a number between the smallest and the largest value moves two numbers no further apart than the
numbers or the ends were. So the operator changes by at most :math:`\gamma \beta` times what ``v`` changes
by. At :math:`v^*`, the mean of the pool, once kept between the ends, and :math:`P v^*` are within
:math:`\mathrm{span}(v^*)` of one another; averaged with the row's own, :math:`\varepsilon` follows, and the
rest is the fixed-point argument.

**What is not promised.** Before :math:`\gamma \beta < 1` the plan is what value iteration has reached after
as many sweeps as a contraction by ``gamma`` needs; it is bounded. And :math:`\kappa` is chosen with the
``v`` it leads to, which the statement on bias and variance leaves out.

References:
    Fay and Herriot, *Estimates of income for small places*, JASA 74, 1979: regression and shrinkage.
    Grünewälder et al., *Modelling transition dynamics in MDPs with RKHS embeddings*, 2012: regressed rows.
"""

from __future__ import annotations

from functools import partial
from typing import Unpack

import numpy as np

from ..errors import IncompatibleModels, InvalidParameter
from ..mdp import FactoredMDP, FiniteMDP
from ._result import LearningResult
from ._samples import Array, Ints, NextValues, Samples, learn_model, next_values, planned
from ._training import Training, TrainingOptions

RIDGE = 0.1
"""Penalty of a regression, as a share of the weight of all its states; rewards are scaled to variance one."""

STATE_MASS = 1.0
"""Samples that the mean of nothing counts for, where other actions correct the regression of a state."""

MASSES = np.concatenate([[0.0], 2.0 ** np.arange(-4, 8.5, 0.5)])
"""The masses to choose from; the largest is ``kappa_max``."""

SHARES = np.linspace(0, 1, 5)
"""The shares of a twin in the pool to choose from."""

NO_VARIANCE, TINY = 1e-6, 1e-12

MAX_ROUNDS = 4
"""How often mass and plan are fitted to one another."""


def pooled_certainty_equivalence(
    mdp: FiniteMDP | FactoredMDP,
    *,
    rng: np.random.Generator,
    mass: float | None = None,
    twin: FiniteMDP | FactoredMDP | None = None,
    generative: bool = False,
    known_rewards: bool = False,
    **options: Unpack[TrainingOptions],
) -> LearningResult:
    """The optimal policy of the pooled model that the samples amount to.

    Knows of ``mdp`` what its samples show, and nothing of its structure.

    **Where it ends.** At the optimum: masses are bounded, so the share of the pool in a row fades as
    ``1 / n``, and ``|q - q*|`` as ``1 / sqrt(n)``, as without it (:doc:`/theory/cousins`, with the proof's
    conditions). It gains most at one to ten samples a pair.

    Args:
        mdp: the environment that is sampled.
        mass: ``kappa``, samples that the pool counts for; by default that with which left-out samples are
            predicted best. With 0 this is :func:`certainty_equivalence`.
        twin: a model of the same states and actions whose rows join the pool, with the share that
            predicts the rows of the samples best. Its rewards are not used.
        generative: the pairs are tried in turn, ``n_steps / (S * A)`` times each, instead of along
            trajectories.
        known_rewards: all rewards are known beforehand, as where costs are set by the operator. Then a
            pair never tried is planned for by the pool.
        options: see :class:`Training`. Behaviour is epsilon-greedy towards the plan of the moment; a
            checkpoint costs a plan.

    Raises:
        InvalidParameter: naming the option that is out of its range; a step size is given; ``mdp`` is no
            model.
        IncompatibleModels: the twin has other states or actions.

    >>> swap = FiniteMDP([[[0, 1]], [[0, 1]]], [[1.0], [0.1]], 0.9)
    >>> learned = pooled_certainty_equivalence(swap, n_steps=100, rng=np.random.default_rng(0))
    >>> learned.q.round(6).ravel().tolist()
    [1.9, 1.0]
    """
    if mass is not None and not 0 <= mass < np.inf:
        raise InvalidParameter(f"mass must be finite and at least 0; got {mass}")
    if twin is not None and twin.r.shape != (mdp.n_states, mdp.n_actions):
        raise IncompatibleModels(
            f"the twin must have {mdp.n_states} states and {mdp.n_actions} actions; "
            f"got {twin.n_states} and {twin.n_actions}"
        )
    twin_values = None if twin is None else next_values(twin)

    def planner(samples: Samples, v: Array) -> Array:
        model = PooledModel(samples, twin_values)
        kappa, share = 1.0 if mass is None else mass, 0.0
        for _ in range(MAX_ROUNDS):
            q = planned(partial(model.mean, kappa, share), model.usable, samples, v)
            v, before = q.max(axis=1), (kappa, share)
            share = model.best_share(v)
            kappa = model.best_mass(share, v) if mass is None else mass
            if (kappa, share) == before:
                break
        return q

    return learn_model(
        mdp, planner, Training(**options), rng, generative=generative, known_rewards=known_rewards
    )


class PooledModel:
    """The rows that the samples amount to, as a map from values ``v (S,)`` to means ``(S, A)``.

    Attributes:
        usable: ``(S, A)`` pairs of which something is known: own samples, the same action elsewhere, or
            a twin.
    """

    def __init__(self, samples: Samples, twin_values: NextValues | None = None) -> None:
        self.n, self.P, self.twin_values = samples.n_visits, samples.frequencies, twin_values
        self.x = described(samples)
        self.weight = self.n / (self.n + 1)  # the more, the better a row is known
        moments = np.einsum("sa,si,sj->aij", self.weight, self.x, self.x, optimize=True)
        k = np.arange(self.x.shape[1])
        penalty = RIDGE * self.weight.sum(axis=0)[:, None] * (k > 0)  # none on the mean
        moments[:, k, k] += penalty + TINY
        self.inverse = np.linalg.inv(moments)
        own = np.einsum("si,aij,sj->sa", self.x, self.inverse, self.x, optimize=True)
        self.others = np.maximum(1 - self.weight * own, TINY)  # what other states weigh
        self.usable = samples.known & ((self.n > 0).any(axis=0) | (twin_values is not None))

    def own(self, v: Array) -> Array:
        """``(S, A)`` means of ``v`` by a pair's own samples, 0 where there are none."""
        return np.asarray(self.P @ v).reshape(self.n.shape)

    def pool(self, own: Array) -> Array:
        """``(S, A)`` means of the pool, made of the means of all rows but a pair's own."""
        beta = np.einsum("aij,ja->ia", self.inverse, self.x.T @ (self.weight * own))
        # leaving out a state changes the residual of a ridge regression by the factor 1 / others
        missed = np.where(self.n > 0, (own - self.x @ beta) / self.others, 0.0)
        elsewhere = np.where(self.n > 0, own - missed, self.x @ beta)
        total = self.n * missed
        here = total.sum(axis=1, keepdims=True) - total
        n_here = self.n.sum(axis=1, keepdims=True) - self.n
        return np.asarray(elsewhere + here / (n_here + STATE_MASS))

    def pooled(self, share: float, v: Array) -> Array:
        """``(S, A)`` means of pool and twin together."""
        pool = self.pool(self.own(v)).clip(v.min(), v.max())
        if self.twin_values is None:
            return pool
        return (1 - share) * pool + share * self.twin_values(v)

    def mean(self, kappa: float, share: float, v: Array) -> Array:
        """``(S, A)`` means of ``v`` under the pooled rows."""
        n = self.n + (kappa if kappa > 0 else 1.0 * (self.n == 0))  # the limit of small masses
        pooled = self.pooled(share, v)
        return np.asarray(pooled + self.n / n * (self.own(v) - pooled))

    def best_share(self, v: Array) -> float:
        """The share of the twin with which others' rows predict a row best."""
        if self.twin_values is None:
            return 0.0
        own = self.own(v)
        errors = [(self.n * (own - self.pooled(share, v)) ** 2).sum() for share in SHARES]
        return float(SHARES[np.argmin(errors)])

    def best_mass(self, share: float, v: Array) -> float:
        """The mass with which samples left out are predicted best, by equation (P); 1 if none can be."""
        own = self.own(v)
        error = (own - self.pooled(share, v)) ** 2
        variance = np.maximum(self.own(v**2) - own**2, 0)
        twice = self.n > 1
        if not twice.any():
            return 1.0
        n, variance, error = self.n[twice], variance[twice], error[twice]
        return float(
            MASSES[np.argmin([left_out_error(n, variance, error, k).mean() for k in MASSES])]
        )


def left_out_error(n: Ints, variance: Array, error: Array, kappa: float) -> Array:
    r"""Equation (P), for variances :math:`\varsigma^2` and squared errors :math:`(u - m)^2`."""
    return ((n + kappa) ** 2 * variance + kappa**2 * error) / (n - 1 + kappa) ** 2


def described(samples: Samples) -> Array:
    """``(S, 1 + rank)`` a one, then the rewards of each state in uncorrelated directions of variance one.

    A reward not seen yet counts as the mean of what the action earns elsewhere.
    """
    seen = samples.known
    mean = (samples.r * seen).sum(axis=0) / np.maximum(seen.sum(axis=0), 1)
    left, scale, _ = np.linalg.svd(np.where(seen, samples.r - mean, 0.0), full_matrices=False)
    directions = left[:, scale > NO_VARIANCE * max(scale[0], TINY)]
    return np.hstack([np.ones((len(left), 1)), directions * np.sqrt(len(left))])
