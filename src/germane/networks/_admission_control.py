r"""Admission control in a sliced wireless network, as a Markov decision process.

Requests of several slices (eMBB, mMTC, URLLC) wait in bounded queues. Every ``step_s`` seconds the
controller says how many requests of each slice to admit. An admitted request holds radio, computing
and storage units until its service ends; what is refused stays queued until it is admitted or
gives up.

*State* ``(x, m)``: queued requests ``x`` and ongoing services ``m`` of each slice; ``m`` is feasible
when ``demand @ m <= capacity``. *Action* ``a``: requests to admit of each slice. *Reward*: the
profit of the admitted. One step, in this order:

1. **Admission.** ``w_i = min(a_i, x_i, what fits)``, slice by slice in the order of ``priority``:
   what does not fit is not admitted. Earns ``sum_i profit_i w_i``. The *post-decision state*
   ``(y, n) = (x - w, m + w)`` is all that the rest of the step depends on.
2. **Services end.** Each of the ``n_i`` ongoing services, the new ones included, ends within the
   step with probability ``1 - exp(-step / mean_service_i)``, independently.
3. **Refused requests give up**, each of the ``y_i`` with probability ``1 - exp(-step / timeout_i)``.
4. **Arrivals** are Poisson with mean ``rate_i step``, and enter the places that are now free; the
   rest is lost. Whoever arrives is seen by the next decision: patience runs from the first refusal.

Services and patience are exponential, hence memoryless, so steps 2 and 3 lose nothing by looking
only every ``step_s``. Step 4 truncates nothing either: the chance of a full queue is the whole
Poisson tail. With one matrix ``K_i[y, x']`` per queue and ``L[n, m']`` for the services, the rows of
all post-decision states are the Kronecker product :math:`K_1 \otimes K_2 \otimes K_3 \otimes L`;
the transition row of ``(s, a)`` is the row of its post-decision state, bit for bit.

Source: Section VII of the digital-twin bisimulation paper, which names the slices, the resources and
the processes and prints no number and no order of events: those are ours.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, reduce
from types import MappingProxyType
from typing import ClassVar, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from ..errors import InvalidParameter, TooLarge
from ..mdp import FiniteMDP, numbers_within
from ._admission_control_hull import AdmissionControlHull
from ._admission_control_laws import queue_matrix, remaining, service_matrix
from ._checks import (
    discount,
    distinct_names,
    finite,
    non_negative,
    numbers,
    positive,
    positive_or_inf,
    refuse_outside,
    whole,
)
from ._named_network import NamedNetwork

Array = NDArray[np.float64]
Counts = NDArray[np.int64]

MAX_TRANSITIONS = 100_000_000
"""More stored probabilities than this (1.2 GB) are refused by :meth:`AdmissionControl.mdp`."""

PARAMETER_WORDS = {
    "arrival_rate": ("arrival rate", "1/s"),
    "mean_service": ("mean service time", "s"),
    "timeout": ("mean time a refused request stays", "s"),
    "profit": ("profit of a request", ""),
}
"""What :meth:`AdmissionControl.perturbed` accepts: in words, and its unit."""


@dataclass(frozen=True, kw_only=True)
class AdmissionControl(NamedNetwork):
    """Requests of several slices; an action says how many of each slice to admit.

    The paper prints no parameters; the defaults are :meth:`small`, and each comes with our reason. One
    unit of reward is the profit of one mMTC request.

    Args:
        slices: names of the ``I`` slices.
        resources: names of the ``K`` resources.
        demand: ``(K, I)`` whole units of each resource that one service of each slice holds [blocks
            of radio, vCPU, GB]. Each slice leans on one resource: eMBB on radio (video), URLLC on
            computing (control loops at the edge), mMTC on storage (sensor batches).
        capacity: ``(K,)`` units of each resource. Every one of the three is the bottleneck of some
            mix of slices, so that the slices compete in more than one way.
        queue_places: ``(I,)`` places in each queue. One each keeps the exact model small.
        arrival_rate_per_s: ``(I,)`` mean request arrivals [1/s]. One request of any kind every 5 to 6
            seconds: more than can be carried, else admission control has nothing to decide.
        mean_service_s: ``(I,)`` mean time a service holds its resources [s]. A video session
            outlasts a batch upload, which outlasts a control task.
        timeout_s: ``(I,)`` mean time a refused request stays queued [s], ``inf`` for ever. A viewer
            gives up after half a minute; a sensor repeats its request until it is let in; a control
            task refused once has missed its deadline (10 ms against a step of 10 s: it expires with
            a probability that rounds to one).
        profit: ``(I,)`` profit of one admitted request [profit of one mMTC request]. Per second of
            service URLLC pays best, so that it can be right to keep computing free for it.
        priority: the order in which slices take resources when an action asks for too much: the
            most urgent first.
        step_s: time between two decisions [s]. Of the order of the shortest service, so that holding
            a place open is a decision about the next few steps.
        gamma: discount factor per step; 0.9 looks ten steps ahead.

    Raises:
        InvalidParameter: naming the first parameter at fault, what was got and what is accepted.

    >>> network = AdmissionControl.small()
    >>> network.n_states, network.n_actions
    (200, 8)
    >>> network.label(199)
    'eMBB: 1 queued, 3 in service; mMTC: 1 queued, 0 in service; URLLC: 1 queued, 0 in service'
    >>> network.perturbed(profit=[0.5, 0, -0.2]).profit
    (4.5, 1.0, 4.0)
    """

    slices: tuple[str, ...] = ("eMBB", "mMTC", "URLLC")
    resources: tuple[str, ...] = ("radio", "computing", "storage")
    demand: tuple[tuple[int, ...], ...] = ((2, 1, 1), (1, 1, 2), (1, 2, 0))
    capacity: tuple[int, ...] = (6, 5, 8)
    queue_places: tuple[int, ...] = (1, 1, 1)
    arrival_rate_per_s: tuple[float, ...] = (0.05, 0.03, 0.1)
    mean_service_s: tuple[float, ...] = (60.0, 50.0, 20.0)
    timeout_s: tuple[float, ...] = (30.0, math.inf, 0.01)
    profit: tuple[float, ...] = (3.0, 1.0, 5.0)
    priority: tuple[str, ...] = ("URLLC", "eMBB", "mMTC")
    step_s: float = 10.0

    perturbable: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            "arrival_rate": "arrival_rate_per_s",
            "mean_service": "mean_service_s",
            "timeout": "timeout_s",
            "profit": "profit",
        }
    )
    """Short names that :meth:`perturbed` accepts, and the parameter that each one scales."""

    def __post_init__(self) -> None:
        n_slices, n_resources = len(self.slices), len(self.resources)
        self._keep("slices", distinct_names("slices", self.slices))
        self._keep("resources", distinct_names("resources", self.resources))
        self._keep("priority", tuple(self.priority))
        if sorted(self.priority) != sorted(self.slices):
            raise InvalidParameter(
                f"priority must list every slice of {self.slices} once; got {self.priority}"
            )
        if len(self.demand) != n_resources:
            raise InvalidParameter(
                f"demand must have {n_resources} rows, one per resource; got {len(self.demand)}"
            )
        rows = (numbers(f"demand[{k}]", row, n_slices, whole) for k, row in enumerate(self.demand))
        self._keep("demand", tuple(rows))
        for i, name in enumerate(self.slices):
            if not any(row[i] for row in self.demand):
                raise InvalidParameter(
                    f"{name} must demand some resource, else its services are unbounded; got 0"
                )
        self._keep("capacity", numbers("capacity", self.capacity, n_resources, whole))
        for name, check in (
            ("queue_places", whole),
            ("arrival_rate_per_s", non_negative),
            ("mean_service_s", positive),
            ("timeout_s", positive_or_inf),
            ("profit", finite),
        ):
            self._keep(name, numbers(name, getattr(self, name), n_slices, check))
        self._keep("step_s", positive("step_s", self.step_s))
        self._keep("gamma", discount("gamma", self.gamma))

    @classmethod
    def tiny(cls) -> Self:
        """Room for three services at most: 64 states, for tests and first looks.

        Its load and profits are tuned so that a twin which expects 15 % too few arrivals, or 15 %
        too short services, has another optimal policy.
        """
        return cls(
            capacity=(3, 3, 4),
            arrival_rate_per_s=(0.02, 0.08, 0.1),
            mean_service_s=(50.0, 50.0, 10.0),
            timeout_s=(60.0, math.inf, 0.01),
            profit=(4.0, 1.0, 4.0),
        )

    @classmethod
    def small(cls) -> Self:
        """200 states, 8 actions, 100 distinct rows: its exact metric takes seconds."""
        return cls()

    @classmethod
    def paper(cls) -> Self:
        """Five times the capacity, queues and load: for sampling, too large for an exact model."""
        return cls(
            capacity=(30, 25, 40),
            queue_places=(5, 5, 5),
            arrival_rate_per_s=(0.25, 0.15, 0.5),
        )

    @classmethod
    def sizes(cls) -> tuple[str, ...]:
        """The names that :meth:`of_size` accepts."""
        return ("tiny", "small", "paper")

    # States and actions ---------------------------------------------------------------------------

    @property
    def n_states(self) -> int:
        """``S``: queue fillings times feasible sets of ongoing services."""
        return math.prod(q + 1 for q in self.queue_places) * len(self._services)

    @property
    def n_actions(self) -> int:
        """``A``: admit 0 to ``queue_places`` requests of each slice."""
        return math.prod(q + 1 for q in self.queue_places)

    @property
    def max_services(self) -> tuple[int, ...]:
        """``(I,)`` services of each slice that fit when no other slice has any."""
        return tuple(
            min(c // row[i] for c, row in zip(self.capacity, self.demand) if row[i])
            for i in range(len(self.slices))
        )

    def encode(self, queued: ArrayLike, ongoing: ArrayLike) -> Counts:
        """``(...)`` state indices of ``(..., I)`` queued requests and ongoing services.

        Raises:
            InvalidParameter: when the queues or the resources cannot hold that many.
        """
        x, m = np.asarray(queued, dtype=np.int64), np.asarray(ongoing, dtype=np.int64)
        refuse_outside("queued", x, self.queue_places)
        refuse_outside("ongoing", m, self.max_services)
        services = self._service_index[tuple(np.moveaxis(m, -1, 0))]
        if (services < 0).any():
            culprit = m[services < 0][0] if m.ndim > 1 else m
            raise InvalidParameter(
                f"ongoing services {culprit.tolist()} need more than the capacity {self.capacity}"
            )
        fillings = np.ravel_multi_index(tuple(np.moveaxis(x, -1, 0)), _shape(self.queue_places))
        return np.asarray(fillings * len(self._services) + services)

    def decode(self, s: ArrayLike) -> tuple[Counts, Counts]:
        """``(..., I)`` queued requests and ongoing services of states ``s``.

        Raises:
            InvalidParameter: when ``s`` is no state.
        """
        fillings, services = np.divmod(
            numbers_within("state", s, self.n_states), np.int64(len(self._services))
        )
        queued = np.unravel_index(fillings, _shape(self.queue_places))
        return np.stack(queued, axis=-1), self._services[services]

    def action_index(self, admit: ArrayLike) -> Counts:
        """``(...)`` action indices of ``(..., I)`` requests to admit.

        Raises:
            InvalidParameter: when more is asked than a queue has places.
        """
        a = np.asarray(admit, dtype=np.int64)
        refuse_outside("admit", a, self.queue_places)
        return np.asarray(
            np.ravel_multi_index(tuple(np.moveaxis(a, -1, 0)), _shape(self.queue_places))
        )

    def action(self, a: ArrayLike) -> Counts:
        """``(..., I)`` requests to admit in actions ``a``.

        Raises:
            InvalidParameter: when ``a`` is no action.
        """
        places = np.unravel_index(
            numbers_within("action", a, self.n_actions), _shape(self.queue_places)
        )
        return np.stack(places, axis=-1)

    def admitted(self, queued: ArrayLike, ongoing: ArrayLike, admit: ArrayLike) -> Counts:
        """``(..., I)`` requests that are in fact admitted; arguments broadcast.

        Slices are served in the order of ``priority``; each takes what was asked, is queued and
        still fits.
        """
        x, m, a = np.broadcast_arrays(
            np.asarray(queued, dtype=np.int64),
            np.asarray(ongoing, dtype=np.int64),
            np.asarray(admit, dtype=np.int64),
        )
        demand = np.array(self.demand, dtype=np.int64)
        free = np.array(self.capacity, dtype=np.int64) - m @ demand.T
        taken = np.minimum(a, x)
        for i in (self.slices.index(name) for name in self.priority):
            needs = demand[:, i]
            fits = (free[..., needs > 0] // needs[needs > 0]).min(axis=-1)
            taken[..., i] = np.minimum(taken[..., i], fits)
            free = free - taken[..., i, None] * needs
        return np.asarray(taken)

    def label(self, s: int) -> str:
        """State ``s`` in words: what is queued and in service, slice by slice."""
        return "; ".join(
            f"{name}: {x} queued, {m} in service"
            for name, x, m in zip(self.slices, *self.decode(s))
        )

    def action_label(self, a: int) -> str:
        """Action ``a`` in words.

        >>> AdmissionControl.small().action_label(5)
        'admit 1 eMBB, 1 URLLC'
        """
        asked = [f"{n} {name}" for name, n in zip(self.slices, self.action(a)) if n]
        return f"admit {', '.join(asked) or 'nothing'}"

    def parameter_label(self, name: str, i: int) -> tuple[str, str]:
        """Entry ``i`` of a parameter that :meth:`perturbed` accepts, in words, and its unit.

        >>> AdmissionControl.small().parameter_label("mean_service", 1)
        ('mMTC: mean service time', 's')
        """
        words, unit = PARAMETER_WORDS[name]
        return f"{self.slices[i]}: {words}", unit

    # Dynamics -------------------------------------------------------------------------------------

    @cached_property
    def mean_arrivals(self) -> Array:
        """``(I,)`` mean arrivals per step."""
        return np.array(self.arrival_rate_per_s) * self.step_s

    @cached_property
    def end_probability(self) -> Array:
        """``(I,)`` probability that an ongoing service ends within a step."""
        return np.asarray(-np.expm1(-self.step_s / np.array(self.mean_service_s)))

    @cached_property
    def expiry_probability(self) -> Array:
        """``(I,)`` probability that a refused request gives up within a step."""
        return np.asarray(-np.expm1(-self.step_s / np.array(self.timeout_s)))

    def mdp(self) -> FiniteMDP:
        """The exact finite MDP: every state, every action, nothing truncated.

        State-action pairs with the same post-decision state get bit-identical rows.

        Raises:
            TooLarge: when the model could need more than 100 million stored probabilities.
        """
        S, A = self.n_states, self.n_actions
        widest = int(np.prod(self._services + 1, axis=1).max()) * A  # queues have A fillings
        if S * A * widest > MAX_TRANSITIONS:
            raise TooLarge(
                f"the exact model has {S} states and {A} actions, up to {S * A * widest:.2g} "
                f"transitions; at most {MAX_TRANSITIONS:.0e} are built. Sample it instead: "
                "gymnasium.make('germane/AdmissionControl-v0', network=...)"
            )
        taken, post = self._decided
        transitions = self._post_decision_rows()[post.ravel()]
        return FiniteMDP(transitions, taken @ np.array(self.profit), self.gamma)

    def between(self, other: Self) -> AdmissionControlHull:
        """Every network between this one and ``other``, as a hull of finitely many models.

        Raises:
            InvalidParameter: they differ in more than rates, times and profits.
        """
        ours = {name: getattr(other, name) for name in self.perturbable.values()}
        if replace(self, **ours) != other:
            raise InvalidParameter(
                f"networks bound a cell when they differ in {', '.join(self.perturbable)} only"
            )
        taken, post = self._decided
        names = ("mean_arrivals", "expiry_probability", "end_probability", "profit")
        ends = {
            name: [
                (float(min(pair)), float(max(pair)))
                for pair in zip(getattr(self, name), getattr(other, name))
            ]
            for name in names
        }
        return AdmissionControlHull(
            queue_places=self.queue_places,
            services=self._services,
            row_of=post,
            taken=taken,
            **ends,
        )

    @cached_property
    def _decided(self) -> tuple[Counts, Counts]:
        """``(S, A, I)`` requests admitted, and ``(S, A)`` post-decision states."""
        queued, ongoing = (part[:, None, :] for part in self.decode(np.arange(self.n_states)))
        taken = self.admitted(queued, ongoing, self.action(np.arange(self.n_actions)))
        return taken, self.encode(queued - taken, ongoing + taken)

    def _post_decision_rows(self) -> sp.csr_array:
        """``(S, S)`` next-state distribution of every post-decision state."""
        queues = [
            sp.csr_array(queue_matrix(mean, remaining(places, leave)))
            for places, mean, leave in zip(
                self.queue_places, self.mean_arrivals, self.expiry_probability
            )
        ]
        stay = [remaining(most, end) for most, end in zip(self.max_services, self.end_probability)]
        services = sp.csr_array(service_matrix(self._services, stay))
        return sp.csr_array(reduce(lambda a, b: sp.kron(a, b, "csr"), [*queues, services]))

    @cached_property
    def _services(self) -> Counts:
        """``(n, I)`` feasible numbers of ongoing services, in lexicographic order."""
        box = np.indices(_shape(self.max_services)).reshape(len(self.slices), -1).T
        return np.asarray(box[(box @ np.array(self.demand).T <= self.capacity).all(axis=1)])

    @cached_property
    def _service_index(self) -> Counts:
        """Row of ``_services`` that holds a given vector; -1 where it does not fit."""
        index = np.full(_shape(self.max_services), -1, dtype=np.int64)
        index[tuple(self._services.T)] = np.arange(len(self._services))
        return index


def _shape(largest: Iterable[int]) -> tuple[int, ...]:
    return tuple(n + 1 for n in largest)
