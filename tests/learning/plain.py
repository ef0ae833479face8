"""Learners in plain Python, as their papers write them: the oracles of the compiled ones.

They draw from the same stream in the same order, so that results agree to the last bit or, where sums are
taken in another order, to rounding.
"""

import numpy as np

from germane.learning._environment import start as start_in
from germane.learning._environment import step as step_in
from germane.learning._environment import tables
from germane.sampling import new_stream, random_bits


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


def agreement(q):
    """``(K,)`` the share of states in which a table's greedy action is that of the first."""
    policies = q.argmax(axis=2)
    return (policies == policies[0]).mean(axis=1)


def plain_esql(
    envs, shape, gamma, *, rng, n_steps, u, likeness=agreement, group=None, epsilon=0.3, trajectory=40
):  # fmt: skip
    """Algorithm 1, line by line, an iteration a trajectory: ``Q^it``, weights and tables after each.

    ``u`` is a number, or a function of the iterations before; states of a group share a row.
    """
    stream, K = new_stream(rng), len(envs)
    row = np.arange(shape[0]) if group is None else group
    shape = (row.max() + 1, shape[1])
    q, n_visits = np.zeros((K, *shape)), np.zeros((K, *shape), dtype=int)
    mixed, tables_of, mixtures, weights = np.zeros(shape), [], [], []
    for t in range(0, n_steps, trajectory):
        s_0 = start_in(envs[0], stream)
        for n, env in enumerate(envs):
            s = s_0
            for _ in range(min(trajectory, n_steps - t)):
                a = epsilon_greedy(q[n, row[s]], epsilon, stream)
                r, s_next, _, _ = step_in(env, s, a, stream)
                x, y = row[s], row[s_next]
                alpha = 1 / (1 + (1 - gamma) * n_visits[n, x, a])
                n_visits[n, x, a] += 1
                q[n, x, a] += alpha * (r + gamma * q[n, y].max() - q[n, x, a])
                s = s_next
        w = np.exp(likeness(q))
        w /= w.sum()
        u_t = u(t // trajectory) if callable(u) else u
        mixed = u_t * mixed + (1 - u_t) * sum(w[n] * q[n] for n in range(K))
        mixtures.append(mixed)
        weights.append(w)
        tables_of.append(q.copy())
    return np.array(mixtures), np.array(weights), np.array(tables_of)


def plain_double_q_learning(mdp, **options):
    """van Hasselt's algorithm 1: the mean of the tables, and the two."""
    q, n_visits = np.zeros((2, *mdp.r.shape)), np.zeros((2, *mdp.r.shape), dtype=int)

    def learn(s, a, r, s_next, stream):
        one = one_of(2, stream)
        other = 1 - one
        best = q[one, s_next].argmax()
        target = r + mdp.gamma * q[other, s_next, best]
        alpha = 1 / (1 + (1 - mdp.gamma) * n_visits[one, s, a])
        n_visits[one, s, a] += 1
        q[one, s, a] += alpha * (target - q[one, s, a])

    walk(mdp, lambda s: q[0, s] + q[1, s], learn, **options)
    return (q[0] + q[1]) / 2, q


def plain_maxmin_q_learning(mdp, *, n_tables, **options):
    """Lan and others' algorithm 1: the least of the tables, and the tables."""
    q, n_visits = np.zeros((n_tables, *mdp.r.shape)), np.zeros((n_tables, *mdp.r.shape), dtype=int)

    def learn(s, a, r, s_next, stream):
        i = one_of(n_tables, stream)
        target = r + mdp.gamma * q[:, s_next].min(axis=0).max()
        alpha = 1 / (1 + (1 - mdp.gamma) * n_visits[i, s, a])
        n_visits[i, s, a] += 1
        q[i, s, a] += alpha * (target - q[i, s, a])

    walk(mdp, lambda s: q[:, s].min(axis=0), learn, **options)
    return q.min(axis=0), q


def plain_ensemble_bootstrapped_q_learning(mdp, *, n_tables, **options):
    """Peer and others' algorithm 1: the mean of the tables, and the tables."""
    q, n_visits = np.zeros((n_tables, *mdp.r.shape)), np.zeros((n_tables, *mdp.r.shape), dtype=int)

    def learn(s, a, r, s_next, stream):
        k = one_of(n_tables, stream)
        best = q[k, s_next].argmax()
        others = sum(q[j, s_next, best] for j in range(n_tables) if j != k)
        target = r + mdp.gamma * (others / (n_tables - 1))
        alpha = 1 / (1 + (1 - mdp.gamma) * n_visits[k, s, a])
        n_visits[k, s, a] += 1
        q[k, s, a] += alpha * (target - q[k, s, a])

    walk(mdp, lambda s: sum(q[:, s]) / n_tables, learn, **options)
    return sum(q) / n_tables, q


def plain_speedy_q_learning(mdp, *, per_round, **options):
    """Azar and others' rule, a pair's two tables being those that it was judged by last and now."""
    tables_of = [np.zeros(mdp.r.shape)]
    n_rounds, last, samples = np.zeros(mdp.r.shape, dtype=int), {}, {}

    def learn(s, a, r, s_next, stream):
        samples.setdefault((s, a), []).append((r, s_next))
        if sum(map(len, samples.values())) < per_round:
            return
        k = len(tables_of) - 1
        now, after = tables_of[k], tables_of[k].copy()
        for pair, seen in samples.items():
            before = tables_of[max(last.get(pair, k), k - 15)]
            alpha = 1 / (1 + n_rounds[pair])
            n_rounds[pair] += 1
            last[pair] = k
            T_before = np.mean([r + mdp.gamma * before[x].max() for r, x in seen])
            T_now = np.mean([r + mdp.gamma * now[x].max() for r, x in seen])
            after[pair] = (1 - alpha) * now[pair] + alpha * T_before
            after[pair] += (1 - alpha) * (T_now - T_before)
        tables_of.append(after)
        samples.clear()

    walk(mdp, lambda s: tables_of[-1][s], learn, **options)
    return tables_of[-1]


def plain_expected_sarsa_lambda(mdp, *, lambda_, epsilon, trajectory, **options):
    """Accumulating traces over the whole table, each visit with its step size."""
    q, n_visits = np.zeros(mdp.r.shape), np.zeros(mdp.r.shape, dtype=int)
    traces, t = np.zeros(mdp.r.shape), 0
    slope = (1 - mdp.gamma) / (1 - mdp.gamma * lambda_)

    def learn(s, a, r, s_next, stream):
        nonlocal traces, t
        traces = mdp.gamma * lambda_ * traces if t % trajectory else np.zeros(mdp.r.shape)
        traces[s, a] += 1 / (1 + slope * n_visits[s, a])
        n_visits[s, a] += 1
        followed = np.full(mdp.n_actions, epsilon / mdp.n_actions)
        followed[q[s_next].argmax()] += 1 - epsilon
        q[:] += traces * (r + mdp.gamma * followed @ q[s_next] - q[s, a])
        t += 1

    walk(mdp, lambda s: q[s], learn, epsilon=epsilon, trajectory=trajectory, **options)
    return q


def walk(mdp, acted_on, learn, *, rng, n_steps, epsilon=0.3, trajectory=40):
    """Trajectories that are greedy towards ``acted_on(s)`` but for exploration."""
    env, stream = tables(mdp), new_stream(rng)
    for t in range(n_steps):
        if t % trajectory == 0:
            s = start_in(env, stream)
        a = epsilon_greedy(acted_on(s), epsilon, stream)
        r, s_next, _, _ = step_in(env, s, a, stream)
        learn(s, a, r, s_next, stream)
        s = s_next


def epsilon_greedy(values, epsilon, stream):
    """The first best action, or one at random: 64 bits times their number, in whole numbers of Python."""
    a, rest = divmod(random_bits(stream) * len(values), 2**64)
    return a if (rest >> 11) / 2**53 < epsilon else int(values.argmax())


def one_of(n, stream):
    """One of ``0..n - 1``; where there is no choice no number is drawn."""
    return random_bits(stream) * n >> 64 if n > 1 else 0
