"""What learners with several tables share: of each sample one of them, picked at random, learns.

Row ``s * N + i`` of an array is state ``s`` of table ``i``, so that what is known of a state lies together.
"""

from __future__ import annotations

from typing import Any, Unpack

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ._environment import Environment, runner, sampled
from ._result import LearningResult
from ._stream import Stream, new_stream, uniform
from ._training import Learner, Training, TrainingOptions, train

Array = NDArray[np.float64]
Counts = NDArray[np.int64]

inlined = njit(nogil=True, error_model="numpy")  # not cached: else callers cannot inline it


def learn_several(
    walk: Any,
    n_tables: int,
    environment: Environment,
    rng: np.random.Generator,
    **options: Unpack[TrainingOptions],
) -> LearningResult:
    """What ``walk`` learns: ``q`` is the table that it acts on, ``members`` are those it is made of.

    Its arguments are ``(env, plan, n_tables, q, n_visits, greedy, acted_on, acting, at, stream, n)``: the
    tables, the visits of each of their pairs, and their greedy actions; the table made of them, and its
    greedy actions.
    """
    training = Training(**options)
    env, plan = sampled(environment), training.plan(environment.gamma)
    S, A = environment.n_states, environment.n_actions
    q, n_visits = np.zeros((S * n_tables, A)), np.zeros((S * n_tables, A), dtype=np.int64)
    greedy, acting = np.zeros(S * n_tables, dtype=np.int64), np.zeros(S, dtype=np.int64)
    acted_on, at, numbers = np.zeros((S, A)), np.zeros(2, dtype=np.int64), new_stream(rng)
    run = runner(walk, env)
    learner = Learner(
        arrays={
            "q": q,
            "n_visits": n_visits,
            "greedy": greedy,
            "acted_on": acted_on,
            "acting": acting,
            "at": at,
            "numbers": numbers,
        },
        advance=lambda n: run(
            env, plan, n_tables, q, n_visits, greedy, acted_on, acting, at, numbers, n
        ),
        q=lambda: acted_on,
        members=lambda: q.reshape(S, n_tables, A).swapaxes(0, 1),
    )
    return train(learner, (S, A), training)


@inlined
def pick(n: int, stream: Stream) -> int:
    """One of ``0..n - 1``, uniformly; where there is no choice no number is drawn."""
    return min(int(uniform(stream) * n), n - 1) if n > 1 else 0
