"""Two-state environments whose best policy is known without a thought, for the deep learners."""

import gymnasium
import numpy as np


class Bandit(gymnasium.Env):
    """Two states, seen as they are; the action that equals the state earns 1, then they swap.

    Always right earns 1 + 1/2 + 1/4 + ... = 2, so q*(s, s) = 2 and q*(s, 1 - s) = 1.
    """

    n_states, n_actions, gamma = 2, 2, 0.5
    observation_space = gymnasium.spaces.MultiDiscrete([2])
    action_space = gymnasium.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.state = 0
        return self.observation_of(0), {}

    def step(self, action):
        reward = float(action == self.state)
        self.state = 1 - self.state
        return self.observation_of(self.state), reward, False, False, {}

    def observation_of(self, s):
        return np.asarray(s)[..., None]

    def action_index(self, action):
        return np.asarray(action)


class Backwards(Bandit):
    """The same with the finite model's actions numbered the other way round."""

    def action_index(self, action):
        return 1 - np.asarray(action)


class Twofold(Bandit):
    """The same with the action as two components, numbered backwards: only (s, 1) earns."""

    n_actions = 4
    action_space = gymnasium.spaces.MultiDiscrete([2, 2])

    def step(self, action):
        return super().step(action[0] if action[1] == 1 else -1)

    def action_index(self, action):
        return 3 - np.asarray(action) @ [2, 1]


def cut_short():
    """The bandit in episodes of seven steps, truncated."""
    return gymnasium.wrappers.TimeLimit(Bandit(), 7)
