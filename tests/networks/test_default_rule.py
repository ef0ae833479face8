"""The rule by which the defaults of the factored networks were chosen holds for them."""

import numpy as np
import pytest

from germane.cousins import cousin_optima, limit_policy_error
from germane.mdp import greedy_actions
from germane.networks import (
    MimoInterference,
    MimoMobile,
    MisoEnergyHarvesting,
    MisoInterference,
)

KINDS = (MisoInterference, MisoEnergyHarvesting, MimoInterference, MimoMobile)


@pytest.mark.parametrize("size", ["small", "medium"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_task_is_not_trivial_and_its_cousins_can_learn_it(kind, size):
    model = kind.of_size(size).factored()
    optimal = greedy_actions(cousin_optima(model, (1,)).q[1])
    without_rival = optimal[optimal.sum(axis=1) == 1].any(axis=0)
    assert without_rival.sum() >= 3
    myopic = greedy_actions(model.r)
    assert np.mean(~(optimal & myopic).any(axis=1)) >= 0.1
    assert limit_policy_error(model, range(1, 6)) <= 0.05
