"""Every learner by name, at work on a network: what tables compare and the command line offers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from math import ceil
from types import MappingProxyType
from typing import Any, Unpack

import numpy as np
from numpy.typing import NDArray

from ...cousins import cousin_optima, estimate_by_counts, estimate_by_structure
from ...errors import InvalidParameter
from ...learning import (
    Checkpoint,
    LearningResult,
    Training,
    TrainingOptions,
    TrainingState,
    a3c,
    averaged_dqn,
    certainty_equivalence,
    collect,
    double_q_learning,
    ensemble_bootstrapped_q_learning,
    ensemble_graph,
    ensemble_link,
    esql,
    expected_sarsa_lambda,
    maxmin_q_learning,
    me_trpo,
    multi_timescale,
    pooled_certainty_equivalence,
    ppo,
    psr,
    q_learning,
    speedy_q_learning,
    structural_certainty_equivalence,
)
from ...mdp import FactoredMDP, FiniteMDP, bellman_q, solve
from ...networks import FactoredNetwork, NamedNetwork

Learn = Callable[..., LearningResult]

FADING = 50.0
"""Visits that fading cousins count for."""

FIRST_SAMPLES = 0.5
"""Samples a pair of which cousins are estimated, where they are."""


def estimated_esql(
    mdp: FiniteMDP | FactoredMDP, *, rng: np.random.Generator, **options: Unpack[TrainingOptions]
) -> LearningResult:
    """ESQL as the paper has it: no probability is known, and cousins are made of an estimate.

    Half a sample a pair, in whole trajectories, is spent on it before anything is learned, and counted: by
    structure where there is one, else by counts. Schedules begin after them. A run that goes on where it was
    must be given the same ``rng`` as at first, for the estimate is made anew.

    Raises:
        InvalidParameter: naming the option that is out of its range; no sample is left to learn from.
    """
    training = Training(**options)
    n_first = ceil(FIRST_SAMPLES * mdp.r.size / training.trajectory) * training.trajectory
    stops = [n - n_first for n in training.stops(mdp.r.size) if n > n_first]
    if not stops:
        raise InvalidParameter(f"n_steps must be more than {n_first} here; got {training.n_steps}")
    state = TrainingState() if training.state is None else training.state
    later = TrainingState(state.arrays, [_later(found, -n_first) for found in state.history])

    def progress(found: Checkpoint) -> None:
        state.arrays = later.arrays
        state.history.append(_later(found, n_first))
        if training.progress is not None:
            training.progress(state.history[-1])

    seen = collect(mdp, n_steps=n_first, trajectory=training.trajectory, rng=rng)
    samples = (seen.s, seen.a, seen.s_next)
    if isinstance(mdp, FactoredMDP):
        model: FiniteMDP | FactoredMDP = estimate_by_structure(mdp, *samples, untried="stay")
    else:
        model = estimate_by_counts(mdp, *samples, untried="stay")
    options["n_steps"], options["checkpoints"] = stops[-1], stops
    options["state"], options["progress"] = later, progress
    result = esql(mdp, model=model, rng=rng, **options)
    return replace(result, history=tuple(state.history))


def _later(checkpoint: Checkpoint, n: int) -> Checkpoint:
    """The checkpoint with ``n`` more samples."""
    return checkpoint._replace(n_steps=checkpoint.n_steps + n)


TABULAR: Mapping[str, Learn] = MappingProxyType(
    {
        "q": q_learning,
        "speedy-q": speedy_q_learning,
        "double-q": double_q_learning,
        "maxmin-q": maxmin_q_learning,
        "ensemble-bootstrapped-q": ensemble_bootstrapped_q_learning,
        "expected-sarsa-lambda": expected_sarsa_lambda,
        "psr": psr,
        "ensemble-link": ensemble_link,
        "ensemble-graph": ensemble_graph,
        "multi-timescale": multi_timescale,
        "esql": esql,
        "fading-esql": partial(esql, fading=FADING),
        "estimated-esql": estimated_esql,
        "certainty-equivalence": certainty_equivalence,
        "pooled-certainty-equivalence": partial(pooled_certainty_equivalence, known_rewards=True),
        "structural-certainty-equivalence": partial(
            structural_certainty_equivalence, known_rewards=True
        ),
    }
)
"""Those that learn from states: they take a model, ``rng`` and :class:`germane.learning.TrainingOptions`."""

DEEP: Mapping[str, Learn] = MappingProxyType(
    {"averaged-dqn": averaged_dqn, "a3c": a3c, "me-trpo": me_trpo, "ppo": ppo}
)
"""Those that learn from observations: they take a Gymnasium id, ``rng`` and ``DeepOptions``."""


def model_of(network: NamedNetwork) -> FiniteMDP | FactoredMDP:
    """What a tabular learner samples from: the product where the network is one."""
    return network.factored() if isinstance(network, FactoredNetwork) else network.mdp()


def optimal_q(network: NamedNetwork) -> NDArray[np.float64]:
    """``(S, A)`` the optimal action values, planned in the network's own model."""
    model = model_of(network)
    if isinstance(model, FactoredMDP):
        return cousin_optima(model, (1,)).q[1]
    return bellman_q(model, solve(model).v)


def tabular(name: str, network: NamedNetwork, **options: Any) -> LearningResult:
    """What the tabular learner of that name learns in the network."""
    return TABULAR[name](model_of(network), **options)


def deep(
    name: str, network: NamedNetwork, *, trajectory: int | None = None, **options: Any
) -> LearningResult:
    """What the deep learner of that name learns in the network.

    With ``trajectory``, episodes are that long and start in random states, as those of tabular learners
    do; without, the environment's own.

    Raises:
        MissingExtra: the extra ``rl`` is not installed.
    """
    id_of_kind = f"germane/{type(network).__name__}-v0"
    kwargs: dict[str, Any] = {"network": network}
    if trajectory is not None:
        kwargs |= {"random_starts": True, "max_episode_steps": trajectory}
    return DEEP[name](id_of_kind, env_kwargs=kwargs, **options)
