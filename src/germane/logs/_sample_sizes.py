r"""How many samples of each pair make a distance or a certificate accurate: as printed, and corrected.

Each function returns the least whole ``K`` that its theorem asks of *every* state-action pair of
each sampled model, fixed before the first sample is drawn (a generative model; for a log that was
cut when somebody looked at it, certificates use time-uniform radii instead). ``eps`` is an accuracy
in reward units, ``alpha`` the probability with which it may fail, ``H = 1 / (1 - gamma)``.

In the first four, ``eps`` is an error of the empirical DT-BSM in its total-variation form
(Definition 3). Theorem 1 multiplies it by :math:`2 H^2`: for a certificate accurate to ``x``, ask for
``eps = x * (1 - gamma)**2 / 2``. The last one speaks of the certificate itself.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InvalidParameter
from ..mdp import horizon

Array = NDArray[np.float64]


def theorem4_sample_size(
    n_states: int, r_max: float, gamma: float, eps: float, alpha: float
) -> int:
    r"""Samples per pair by Theorem 4 **as printed**, which does not prove what it states.

    .. math::
        K \ge -\ln(\alpha / 2) \frac{\gamma^2 R_{\max}^2 |S|^2}{2 \epsilon^2 (1 - \gamma)^2}

    The claim (50) is that :math:`|d_{TV}(s, s) - \hat d_{TV}(s, s)| \le \epsilon` with probability
    :math:`1 - \alpha` if every pair of *both* models is sampled ``K`` times. Its proof applies
    Hoeffding's inequality to one entry of one row of one model and never splits :math:`\alpha` over the
    :math:`2 |S|^2 |A|` entries that (50) rests on. For ``|S| = 2`` the claim is false: with
    :math:`P = P' = (1/2, 1/2)` it fails with probability 11.6 % at :math:`\alpha = 0.05` and 1,000
    actions. It does hold, for all states at once, where this ``K`` is no less than that of
    :func:`uniform_sample_size`: at :math:`\alpha = 0.05`, from five states on for up to a million actions.
    There it asks for far more than is needed. Rewards are taken as known.

    Args:
        n_states: ``|S|``.
        r_max: largest :math:`|R(i, a) - R'(j, a)|` [reward units].
        gamma: discount factor in ``[0, 1)``.
        eps: accuracy of the distance [reward units].
        alpha: in ``(0, 1)``, one minus the confidence.

    Returns:
        ``K``, at least 1: samples of each pair of each of the two models.

    Raises:
        InvalidParameter: an argument is out of its range.

    References:
        Tao, Xu and You, arXiv 2502.17983, Lemma 6, Theorem 4 (49)-(50).

    >>> theorem4_sample_size(10, r_max=1.0, gamma=0.9, eps=1.0, alpha=0.05)
    14940
    """
    _require(n_states=n_states, r_max=r_max, gamma=gamma, eps=eps, alpha=alpha)
    eta = _share_of_mass(r_max, gamma, eps)
    return _least_whole(math.log(2 / alpha) / 2 * (n_states / eta) * (n_states / eta))


def uniform_sample_size(
    n_states: int,
    n_actions: int,
    r_max: float,
    gamma: float,
    eps: float,
    alpha: float,
    *,
    twin_sampled: bool = True,
) -> int:
    r"""Samples per pair for what Theorem 4 means: every distance accurate to ``eps`` at once.

    With probability :math:`1 - \alpha`, :math:`\max_s |d_{TV}(s, s) - \hat d_{TV}(s, s)| \le \epsilon`. With
    :math:`\eta = \epsilon (1 - \gamma) / (\gamma R_{\max})` and both models sampled, the smaller of

    .. math::
        \frac{2}{\eta^2} \Big( |S| \ln 2 + \ln \frac{2 |S| |A|}{\alpha} \Big),
        \qquad
        \frac{1}{\eta^2} \Big( \sqrt{|S| - 1} + \sqrt{2 \ln \frac{2 |S| |A|}{\alpha}} \Big)^2 .

    The first bounds the L1 error of a whole row (Weissman), the second its mean and its deviation
    (McDiarmid); both share :math:`\alpha` over all rows. Of order ``|S|`` where the printed theorem has
    :math:`|S|^2`. Rewards are taken as known: see :func:`reward_sample_size`.

    Args:
        n_states: ``|S|``.
        n_actions: ``|A|``.
        r_max: largest :math:`|R(i, a) - R'(j, a)|` [reward units].
        gamma: discount factor in ``[0, 1)``.
        eps: accuracy of the distance [reward units].
        alpha: in ``(0, 1)``, one minus the confidence.
        twin_sampled: whether the twin is sampled as well, as in Theorem 4, or known exactly: a quarter.

    Returns:
        ``K``, at least 1: samples of each pair of each sampled model.

    Raises:
        InvalidParameter: an argument is out of its range.

    References:
        Weissman, Ordentlich, Seroussi, Verdu and Weinberger, *Inequalities for the L1 deviation of
        the empirical distribution*, 2003; McDiarmid, *On the method of bounded differences*, 1989.

    >>> uniform_sample_size(10, 4, r_max=1.0, gamma=0.9, eps=1.0, alpha=0.05)
    2319
    """
    _require(n_states=n_states, n_actions=n_actions)
    _require(r_max=r_max, gamma=gamma, eps=eps, alpha=alpha)
    eta = _share_of_mass(r_max, gamma, eps)
    n_models = 1 + twin_sampled
    log = math.log(n_models * n_states * n_actions / alpha)
    # TV is off by half the L1 error of each sampled row
    weissman = 2 * (n_states * math.log(2) + log)
    mcdiarmid = (math.sqrt(n_states - 1) + math.sqrt(2 * log)) ** 2
    row = 2 * eta / n_models
    return _least_whole(min(weissman, mcdiarmid) / row / row)


def total_variation_slack(
    n_visits: ArrayLike, alpha: float, *, n_visits_twin: ArrayLike | None = None
) -> Array:
    r"""How far a total variation may lie above its empirical value: one-sided, whatever ``|S|`` is.

    With probability :math:`1 - \alpha`, at all pairs at once and for counts ``K``, ``K'`` fixed beforehand,

    .. math::
        TV \le \widehat{TV} + \sqrt{ \Big( \frac{1}{K} + \frac{1}{K'} \Big)
            \frac{\ln(|S| |A| / \alpha)}{2} } .

    A certificate needs no more: it must not be too small. Proof: :math:`TV(P, P') = P(B) - P'(B)` for one
    set of states ``B``, fixed like the laws themselves, and :math:`\hat P(B) - \hat P'(B) \le
    \widehat{TV}`; what is left is the deviation of two means of indicators (Hoeffding). Theorem 4,
    two-sided and entry by entry, pays a factor of :math:`|S|^2` for this.

    Args:
        n_visits: ``(S, A)`` samples of each pair of the real network.
        alpha: in ``(0, 1)``, shared by all pairs.
        n_visits_twin: ``(S, A)`` samples of the twin; ``None`` where it is known exactly.

    Returns:
        ``(S, A)`` slack in ``[0, 1]``; 1, which says nothing, where a pair was never tried.

    Raises:
        InvalidParameter: negative counts, shapes that differ, or ``alpha`` out of its range.
    """
    _require(alpha=alpha)
    n = _checked_visits("n_visits", n_visits)
    parts = [n] if n_visits_twin is None else [n, _checked_visits("n_visits_twin", n_visits_twin)]
    if parts[-1].shape != n.shape:
        raise InvalidParameter(
            f"n_visits and n_visits_twin must have one shape; got {n.shape} and {parts[-1].shape}"
        )
    with np.errstate(divide="ignore"):
        spread = np.sum([1 / part for part in parts], axis=0)
    return np.asarray(np.minimum(np.sqrt(spread * math.log(n.size / alpha) / 2), 1.0))


def one_sided_sample_size(
    n_states: int,
    n_actions: int,
    r_max: float,
    gamma: float,
    eps: float,
    alpha: float,
    *,
    twin_sampled: bool = True,
) -> int:
    r"""Samples per pair at which :func:`total_variation_slack` adds no more than ``eps`` to a distance.

    .. math::
        K \ge \frac{\ln(|S| |A| / \alpha)}{\eta^2}, \quad
        \eta = \frac{\epsilon (1 - \gamma)}{\gamma R_{\max}}

    for two sampled models, half of it for a known twin. The distance with its slack is then an upper
    bound with probability :math:`1 - \alpha`, for all states at once. How far above the truth it lies is
    another matter: the empirical distance itself may be too large, by what :func:`uniform_sample_size`
    bounds. Rewards are taken as known.

    Args:
        n_states: ``|S|``.
        n_actions: ``|A|``.
        r_max: largest :math:`|R(i, a) - R'(j, a)|` [reward units].
        gamma: discount factor in ``[0, 1)``.
        eps: slack allowed in the distance [reward units].
        alpha: in ``(0, 1)``, one minus the confidence.
        twin_sampled: whether the twin is sampled as well or known exactly.

    Returns:
        ``K``, at least 1: samples of each pair of each sampled model.

    Raises:
        InvalidParameter: an argument is out of its range.

    >>> one_sided_sample_size(1000, 4, r_max=1.0, gamma=0.9, eps=1.0, alpha=0.05)
    915
    """
    _require(n_states=n_states, n_actions=n_actions)
    _require(r_max=r_max, gamma=gamma, eps=eps, alpha=alpha)
    eta = _share_of_mass(r_max, gamma, eps)
    log = math.log(n_states * n_actions / alpha)
    return _least_whole((1 + twin_sampled) / 2 * log / eta / eta)


def reward_sample_size(
    n_states: int,
    n_actions: int,
    reward_width: float,
    gamma: float,
    eps: float,
    alpha: float,
    *,
    twin_sampled: bool = True,
) -> int:
    r"""Samples per pair at which estimated mean rewards move no distance by more than ``eps``.

    The printed theorem takes both reward functions as known. Where rewards in a range of width ``w``
    are averaged instead, Hoeffding's inequality for the ``N`` means (:math:`2 |S| |A|`, or
    :math:`|S| |A|` for a known twin) puts each within :math:`w \sqrt{\ln(2 N / \alpha) / (2 K)}` of the truth
    with probability :math:`1 - \alpha`. That moves :math:`|R - R'|` and :math:`R_{\max}` by as much per
    sampled model, and so :math:`d_{TV}` by ``H`` times as much, since :math:`1 + \gamma H = H`:

    .. math::
        K \ge \frac{n^2 H^2 w^2 \ln(2 N / \alpha)}{2 \epsilon^2}, \quad n \text{ sampled models.}

    Add it to the accuracy of the transitions, and split :math:`\alpha` between the two.

    Args:
        n_states: ``|S|``.
        n_actions: ``|A|``.
        reward_width: largest less least reward that a step can earn [reward units].
        gamma: discount factor in ``[0, 1)``.
        eps: accuracy of the distance, as far as rewards matter [reward units].
        alpha: in ``(0, 1)``, the share given to rewards.
        twin_sampled: whether the twin's rewards are averages as well.

    Returns:
        ``K``, at least 1: samples of each pair of each sampled model.

    Raises:
        InvalidParameter: an argument is out of its range.

    References:
        Hoeffding, *Probability inequalities for sums of bounded random variables*, 1963.
    """
    _require(n_states=n_states, n_actions=n_actions)
    _require(reward_width=reward_width, gamma=gamma, eps=eps, alpha=alpha)
    n_models = 1 + twin_sampled
    radius = eps / (n_models * horizon(gamma))
    return _hoeffding(reward_width, radius, 2 * n_models * n_states * n_actions / alpha)


def value_aware_sample_size(
    n_states: int,
    n_actions: int,
    reward_width: float,
    value_span: float,
    gamma: float,
    eps: float,
    alpha: float,
    *,
    deviation: float | None = None,
) -> int:
    r"""Samples per pair for a regret certificate with a sampling margin of ``eps``, and no ``|S|`` in it.

    Instead of rows, estimate the one number each pair is needed for: the mean of
    :math:`Y = r + \gamma W(s')`, ``W`` the twin's optimal value. ``Y`` lies in a range of width
    :math:`w = \text{reward width} + \gamma\, sp(W)`, so with the :math:`2 |S| |A|` one-sided events that
    serve every policy, the residual certificate S3

    .. math::
        \|V^* - V^\pi\| \le H \Big[ \max_{s, a} (\hat y + rad) - \min_s (\hat y - rad)(s, \pi(s)) \Big]

    has the margin :math:`2 H\, rad \le \epsilon` from

    .. math::
        K \ge \frac{2 H^2 w^2}{\epsilon^2} \ln \frac{2 |S| |A|}{\alpha} .

    It then holds with probability :math:`1 - \alpha`, and on the same event lies at most
    :math:`2 \epsilon` above the bound L4s of the known model. Where ``deviation`` is given, ``rad`` is the
    empirical Bernstein radius for samples of that standard deviation,
    :math:`\sqrt{2 \sigma^2 L / K} + 7 w L / (3 (K - 1))` with :math:`L = \ln(4 |S| |A| / \alpha)`: a plan,
    as the deviation of the samples is known only afterwards.

    Args:
        n_states: ``|S|``.
        n_actions: ``|A|``.
        reward_width: largest less least reward that a step can earn [reward units].
        value_span: ``max W - min W`` of the function, fixed before the samples [reward units]; at most
            ``reward_width * H`` for the value of a twin with the same rewards.
        gamma: discount factor in ``[0, 1)``.
        eps: margin of the certificate [reward units]; ten percent of the trivial bound is
            ``0.1 * reward_width * H``.
        alpha: in ``(0, 1)``, one minus the confidence.
        deviation: standard deviation of ``Y`` that is expected at the worst pair [reward units].

    Returns:
        ``K``, at least 1 (2 with a deviation): samples of each pair of the real network.

    Raises:
        InvalidParameter: an argument is out of its range.

    References:
        Hoeffding, 1963; Maurer and Pontil, *Empirical Bernstein bounds and sample variance
        penalization*, 2009, Theorem 4; the bounds of MacQueen and Porteus.

    >>> value_aware_sample_size(1000, 4, 1.0, 2.0, gamma=0.9, eps=1.0, alpha=0.05)
    18790
    """
    _require(n_states=n_states, n_actions=n_actions, reward_width=reward_width)
    _require(value_span=value_span, gamma=gamma, eps=eps, alpha=alpha)
    width = reward_width + gamma * value_span
    radius = eps / (2 * horizon(gamma))
    if deviation is None:
        return _hoeffding(width, radius, 2 * n_states * n_actions / alpha)
    _require(deviation=deviation)
    log = math.log(4 * n_states * n_actions / alpha)
    # radius >= a / sqrt(n) + b / n with n = K - 1, a quadratic in sqrt(n)
    a, b = deviation * math.sqrt(2 * log), 7 * width * log / 3
    root = (a + math.sqrt(a * a + 4 * b * radius)) / (2 * radius)
    return _least_whole(root * root) + 1


def _hoeffding(width: float, radius: float, events: float) -> int:
    """Samples at which the mean of numbers in a range ``width`` is within ``radius``."""
    return _least_whole((width / radius) * (width / radius) * math.log(events) / 2)


def _share_of_mass(r_max: float, gamma: float, eps: float) -> float:
    """``eta``: the error of a total variation that moves the distance by ``eps``."""
    worth = gamma * r_max / (1 - gamma)
    return eps / worth if worth > 0 else math.inf


def _least_whole(k: float) -> int:
    if not math.isfinite(k):
        raise InvalidParameter("eps is too small: the sample size is beyond double precision")
    return max(1, math.ceil(k))


def _checked_visits(name: str, given: ArrayLike) -> Array:
    n = np.asarray(given, dtype=np.float64)
    if n.ndim != 2 or n.size == 0 or not (n >= 0).all():
        raise InvalidParameter(f"{name} must be an (S, A) array of counts >= 0; got {given!r}")
    return n


def _require(**given: float) -> None:
    for name, x in given.items():
        if name in ("n_states", "n_actions"):
            holds, accepted = x >= 1 and float(x).is_integer(), "be a whole number, at least 1"
        elif name == "gamma":
            holds, accepted = 0 <= x < 1, "lie in [0, 1)"
        elif name == "alpha":
            holds, accepted = 0 < x < 1, "lie in (0, 1)"
        elif name == "eps":
            holds, accepted = 0 < x < math.inf, "be finite and > 0"
        else:
            holds, accepted = 0 <= x < math.inf, "be finite and >= 0"
        if not holds:
            raise InvalidParameter(f"{name} must {accepted}; got {x}")
