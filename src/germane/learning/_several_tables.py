"""What learners with several tables share: of each sample one of them, picked at random, learns.

Row ``s * N + i`` of an array is state ``s`` of table ``i``, so that what is known of a state lies together.
"""

from __future__ import annotations

from typing import Any, Unpack

import numpy as np

from ..sampling import new_stream
from ._environment import Environment, runner, sampled
from ._q_table import QTable
from ._result import LearningResult
from ._training import Learner, Training, TrainingOptions, train


def learn_several(
    walk: Any,
    n_tables: int,
    environment: Environment,
    rng: np.random.Generator,
    **options: Unpack[TrainingOptions],
) -> LearningResult:
    """What ``walk`` learns: ``q`` is the table that it acts on, ``members`` are those it is made of.

    Its arguments are ``(env, plan, n_tables, tables, n_visits, acted_on, at, stream, n)``: the tables, the
    visits of each of their pairs, and the table made of them.
    """
    training = Training(**options)
    env, plan = sampled(environment), training.plan(environment.gamma)
    S, A = environment.n_states, environment.n_actions
    tables, n_visits = QTable.empty(S * n_tables, A), np.zeros((S * n_tables, A), dtype=np.int64)
    acted_on, at, numbers = QTable.empty(S, A), np.zeros(2, dtype=np.int64), new_stream(rng)
    run = runner(walk, env)
    learner = Learner(
        arrays=tables._asdict()
        | {f"acted_on_{name}": array for name, array in acted_on._asdict().items()}
        | {"n_visits": n_visits, "at": at, "numbers": numbers},
        advance=lambda n: run(env, plan, n_tables, tables, n_visits, acted_on, at, numbers, n),
        q=lambda: acted_on.q,
        members=lambda: tables.q.reshape(S, n_tables, A).swapaxes(0, 1),
    )
    return train(learner, (S, A), training)
