"""The search that found the networks' numbers, and what the rule says elsewhere in parameter space.

    python benchmarks/search_networks.py search       # draws that pass, and the one chosen
    python benchmarks/search_networks.py table        # the tables of docs/theory/networks.md
    python benchmarks/search_networks.py table --write

*The rule*, the same for all networks, at sizes small and medium: the task is not trivial (the optimal
policy needs at least three actions and differs from the myopic one in at least a tenth of the states),
and the digital cousins of orders 1 to 5 can learn it (their limit policy error is at most 0.05). Of the
first ten draws that pass, a network's defaults are the one with the smallest limit at size large.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import count, islice
from pathlib import Path

import numpy as np
from rich.console import Console

from germane.cousins import CousinOptima, cousin_optima
from germane.mdp import greedy_actions
from germane.networks import (
    FactoredNetwork,
    MimoInterference,
    MimoMobile,
    MisoEnergyHarvesting,
    MisoInterference,
)

PAGE = Path(__file__).parents[1] / "docs" / "theory" / "networks.md"
MARK = "<!-- written by benchmarks/search_networks.py from here on -->\n"
ORDERS = (1, 2, 3, 4, 5)
FEWEST_ACTIONS, LEAST_NON_MYOPIC, LARGEST_LIMIT = 3, 0.1, 0.05
COSTS = (0.1, 0.15, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 5.0, 7.0, 10.0)
N_PASSING, N_DRAWS, DISCOUNTS = 10, 300, (0.5, 0.7, 0.9)

Rng = np.random.Generator


def probabilities(rng: Rng, n: int) -> tuple[float, ...]:
    """Multiples of 0.05 from 0.1 to 0.9."""
    return tuple(float(k) / 20 for k in rng.integers(2, 19, n))


def cost(rng: Rng) -> float:
    return float(rng.choice(COSTS))


def miso_interference(rng: Rng) -> MisoInterference:
    return MisoInterference(
        arrival_probability=probabilities(rng, 3),
        worsen_probability=probabilities(rng, 3),
        improve_probability=probabilities(rng, 3),
        channel_cost=cost(rng),
        collision_cost=cost(rng),
    )


def miso_energy_harvesting(rng: Rng) -> MisoEnergyHarvesting:
    """Every relay path is more often good than every direct link."""
    harvest = probabilities(rng, 3)
    while True:
        worsen, improve = np.array(probabilities(rng, 5)), np.array(probabilities(rng, 5))
        good = improve / (worsen + improve)
        if good[:3].max() < good[3:].min():
            break
    return MisoEnergyHarvesting(
        harvest_probability=harvest,
        direct_worsen=tuple(worsen[:3].tolist()),
        direct_improve=tuple(improve[:3].tolist()),
        relay_worsen=tuple(worsen[3:].tolist()),
        relay_improve=tuple(improve[3:].tolist()),
        imbalance_cost=cost(rng),
        energy_cost=cost(rng),
    )


def mimo_interference(rng: Rng) -> MimoInterference:
    return MimoInterference(
        arrival_probability=probabilities(rng, 3),
        worsen_probability=probabilities(rng, 4),
        improve_probability=probabilities(rng, 4),
        channel_cost=cost(rng),
        collision_cost=cost(rng),
        load_cost=cost(rng),
    )


def mimo_mobile(rng: Rng) -> MimoMobile:
    """Receivers stand between the lanes."""
    return MimoMobile(
        receiver_x_m=tuple(rng.choice((0.0, 25.0, 50.0, 75.0, 100.0), 3).tolist()),
        receiver_y_m=tuple(rng.choice((25.0, 75.0, 125.0), 3).tolist()),
        threshold_db=float(rng.choice((5.0, 10.0, 15.0, 20.0))),
        arrival_probability=probabilities(rng, 4),
        throughput_reward=float(rng.choice((0.01, 0.02, 0.05, 0.1, 0.2))),
        load_cost=cost(rng),
        interference_cost=cost(rng),
    )


DRAWS: dict[type[FactoredNetwork], Callable[[Rng], FactoredNetwork]] = {
    MisoInterference: miso_interference,
    MisoEnergyHarvesting: miso_energy_harvesting,
    MimoInterference: mimo_interference,
    MimoMobile: mimo_mobile,
}


@dataclass(frozen=True)
class Task:
    """What the rule asks of a network.

    Attributes:
        n_actions: actions that are the only optimal one in some state.
        non_myopic: share of states in which no action that is best for one slot is optimal.
        optima: of the original and its cousins; only the original's where the task is trivial.
    """

    n_actions: int
    non_myopic: float
    optima: CousinOptima

    @property
    def trivial(self) -> bool:
        return self.n_actions < FEWEST_ACTIONS or self.non_myopic < LEAST_NON_MYOPIC

    def limit(self, orders: tuple[int, ...] = ORDERS) -> float:
        return self.optima.policy_error(orders)

    @property
    def passes(self) -> bool:
        return not self.trivial and self.limit() <= LARGEST_LIMIT


def task(network: FactoredNetwork, *, in_full: bool = False) -> Task:
    """The task that a network sets; its cousins are solved when it is not trivial, or ``in_full``."""
    model = network.factored()
    optima = cousin_optima(model, (1,))
    optimal, myopic = greedy_actions(optima.q[1]), greedy_actions(model.r)
    found = Task(
        n_actions=int(optimal[optimal.sum(axis=1) == 1].any(axis=0).sum()),
        non_myopic=1 - float((optimal & myopic).any(axis=1).mean()),
        optima=optima,
    )
    if found.trivial and not in_full:
        return found
    return replace(found, optima=cousin_optima(model, ORDERS))


def drawn(kind: type[FactoredNetwork], number: int) -> FactoredNetwork:
    return DRAWS[kind](np.random.default_rng([number]))


def passing(kind: type[FactoredNetwork]) -> Iterator[int]:
    """The numbers of the draws that pass at sizes small and medium, in order."""
    for number in count():
        network = drawn(kind, number)
        if all(task(network.resized(size)).passes for size in ("small", "medium")):
            yield number


def search(kind: type[FactoredNetwork]) -> Iterator[str]:
    """The first draws that pass, their limits at size large, and the one with the smallest."""
    limits: dict[int, float] = {}
    for number in islice(passing(kind), N_PASSING):
        limits[number] = task(drawn(kind, number).resized("large"), in_full=True).limit()
        yield f"{kind.__name__}: draw {number} passes; limit error at size large {limits[number]:.3f}"
    chosen = min(limits, key=limits.__getitem__)
    yield f"chosen: draw {chosen}, {drawn(kind, chosen)}"


# The tables ---------------------------------------------------------------------------------------


def at_every_size() -> Iterator[str]:
    yield "| network | size | pairs | actions | non-myopic | agreement, orders 2 to 5 | limit error |"
    yield "|---|---|---|---|---|---|---|"
    for kind in DRAWS:
        for size in kind.sizes():
            network = kind.of_size(size)
            found = task(network, in_full=True)
            agreement = " ".join(f"{eta:.2f}" for eta in found.optima.agreement(ORDERS)[1:])
            yield (
                f"| `{kind.__name__}` | `{size}` | {network.n_states * network.n_actions:,} "
                f"| {found.n_actions} | {found.non_myopic:.2f} | {agreement} "
                f"| {found.limit():.3f}{'' if found.passes else ' *'} |"
            )


def elsewhere() -> Iterator[str]:
    yield "| network | discount | not trivial | limit error: quartiles | at most 0.05 | both, of all |"
    yield "|---|---|---|---|---|---|"
    for kind in DRAWS:
        for gamma in DISCOUNTS:
            tasks = [
                task(replace(drawn(kind, number).resized("small"), gamma=gamma))
                for number in range(N_DRAWS)
            ]
            limits = np.array([found.limit() for found in tasks if not found.trivial])
            share = len(limits) / N_DRAWS
            if not len(limits):
                yield f"| `{kind.__name__}` | {gamma} | 0 % | – | – | 0 % |"
                continue
            low, middle, high = np.quantile(limits, (0.25, 0.5, 0.75))
            possible = float((limits <= LARGEST_LIMIT).mean())
            yield (
                f"| `{kind.__name__}` | {gamma} | {share:.0%} "
                f"| {low:.3f} {middle:.3f} {high:.3f} | {possible:.0%} | {share * possible:.1%} |"
            )


def tables() -> str:
    return "\n".join(["\n## At every size\n", *at_every_size(), "\n## Elsewhere\n", *elsewhere()])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("search", "table"))
    parser.add_argument("--only", help="one kind of network")
    parser.add_argument("--write", action="store_true", help="put the tables into the page")
    options = parser.parse_args()
    console = Console(highlight=False, soft_wrap=True)
    if options.what == "search":
        for kind in DRAWS:
            if options.only in (None, kind.__name__):
                for line in search(kind):
                    console.print(line)
        return
    text = tables()
    console.print(text)
    if options.write:
        head = PAGE.read_text(encoding="utf-8").partition(MARK)[0]
        PAGE.write_text(f"{head}{MARK}{text}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
