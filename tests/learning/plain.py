"""Learners in plain Python, as their papers write them: the oracles of the compiled ones.

They draw from the same stream in the same order, so that results agree to the last bit or, where sums are
taken in another order, to rounding.
"""

import numpy as np

from germane.learning._environment import tables
from germane.learning._environment import start as start_in
from germane.learning._environment import step as step_in
from germane.learning._stream import new_stream, uniform


def plain_q_learning(mdp, *, rng, n_steps, epsilon=0.3, trajectory=40):
    """``(S, A)`` after ``n_steps`` of Watkins' rule with step sizes ``1 / (1 + (1 - gamma) n)``."""
    env, stream = tables(mdp), new_stream(rng)
    q, n_visits = np.zeros(mdp.r.shape), np.zeros(mdp.r.shape, dtype=int)
    for t in range(n_steps):
        if t % trajectory == 0:
            s = start_in(env, stream)
        a = epsilon_greedy(q[s], epsilon, stream)
        r, s_next, _, _ = step_in(env, s, a, stream)
        alpha = 1 / (1 + (1 - mdp.gamma) * n_visits[s, a])
        n_visits[s, a] += 1
        q[s, a] += alpha * (r + mdp.gamma * q[s_next].max() - q[s, a])
        s = s_next
    return q


def plain_esql(envs, shape, gamma, *, rng, n_steps, u, beta, epsilon=0.3, trajectory=40):
    """Algorithm 1, line by line, an iteration a trajectory: ``Q^it`` and weights after each, and the tables."""
    stream, K = new_stream(rng), len(envs)
    q, n_visits = np.zeros((K, *shape)), np.zeros((K, *shape), dtype=int)
    mixed, tables_of, mixtures, weights = np.zeros(shape), [], [], []
    for t in range(0, n_steps, trajectory):
        s_0 = start_in(envs[0], stream)
        for n, env in enumerate(envs):
            s = s_0
            for _ in range(min(trajectory, n_steps - t)):
                a = epsilon_greedy(q[n, s], epsilon, stream)
                r, s_next, _, _ = step_in(env, s, a, stream)
                alpha = 1 / (1 + (1 - gamma) * n_visits[n, s, a])
                n_visits[n, s, a] += 1
                q[n, s, a] += alpha * (r + gamma * q[n, s_next].max() - q[n, s, a])
                s = s_next
        policies = q.argmax(axis=2)
        agreement = (policies == policies[0]).mean(axis=1)
        w = np.exp(beta * agreement)
        w /= w.sum()
        mixed = u * mixed + (1 - u) * sum(w[n] * q[n] for n in range(K))
        mixtures.append(mixed)
        weights.append(w)
        tables_of.append(q.copy())
    return np.array(mixtures), np.array(weights), np.array(tables_of)


def epsilon_greedy(values, epsilon, stream):
    """The first best action, or one at random; a number below epsilon, divided by it, is uniform again."""
    u = uniform(stream)
    return int(u / epsilon * len(values)) if u < epsilon else int(values.argmax())
