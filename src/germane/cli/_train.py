"""The command ``train``: a learner at work on a named network, its progress, and what it leaves behind."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.progress import TextColumn, TimeElapsedColumn, TimeRemainingColumn

from .. import report
from ..errors import InvalidParameter, MalformedFile
from ..experiments import Figure, Layer
from ..experiments.cousins import DEEP, TABULAR, deep, optimal_q, tabular
from ..learning import Checkpoint, LearningResult, TrainingState
from ..mdp import evaluate, policy_error, read_archive, write_archive
from ..networks import FactoredNetwork, NamedNetwork
from ..report.numbers import near, percent_up, up, whole
from . import _show

Json = dict[str, Any]

SAVE_EVERY = 2.0
"""Seconds of learning that a kill may cost, at most a checkpoint more."""

BY_STRUCTURE, POOLED = "structural-certainty-equivalence", "pooled-certainty-equivalence"
IN_TURN = ("certainty-equivalence", POOLED, BY_STRUCTURE)
"""Learners of models: a simulator can be tried in every state, so they try all pairs in turn."""

WHY = {
    BY_STRUCTURE: (
        "the parts of this network move independently, and of all learners compared in such networks "
        "the one that counts what each part does needs the fewest samples"
    ),
    POOLED: (
        "of the learners compared that know no structure, the one that plans on counts which states "
        "lend to one another needs the fewest samples"
    ),
}


@dataclass(frozen=True, kw_only=True)
class Order:
    """What is to be trained: with it a run can be told from another.

    Attributes:
        network: the spec, as typed.
        algorithm: one of ``TABULAR`` and ``DEEP``.
        n_steps: samples of the network; ``None`` for the learner's own default.
        seed: of the generator.
    """

    network: str
    algorithm: str
    n_steps: int | None
    seed: int


def algorithm_for(network: NamedNetwork) -> str:
    """The learner that measurements recommend."""
    return BY_STRUCTURE if isinstance(network, FactoredNetwork) else POOLED


def checked_algorithm(name: str, network: NamedNetwork) -> str:
    """The name, if there is such a learner for this network.

    Raises:
        InvalidParameter: there is none.
    """
    if name not in TABULAR and name not in DEEP:
        raise InvalidParameter(
            f"--algorithm is one of {', '.join([*TABULAR, *DEEP])}; got {name!r}"
        )
    if name == BY_STRUCTURE and not isinstance(network, FactoredNetwork):
        raise InvalidParameter(f"{BY_STRUCTURE} needs a network of independent parts")
    return name


def trained(order: Order, network: NamedNetwork, out: Path, *, asked: bool) -> Json:
    """Trains, or goes on training, and writes the policy; returns the record of it, ``germane.train/1``.

    Raises:
        InvalidParameter: what was kept beside ``out`` is another run.
        MissingExtra: a deep learner, and the extra ``rl`` is not installed.
    """
    q_star = optimal_q(network)
    kept = Kept(part_of(out), order)
    resumed = kept.state.history[-1].n_steps if kept.state.history else None
    try:
        with _progress(order, q_star.size) as moved:
            result = _learned(order, network, q_star, kept, moved)
    except KeyboardInterrupt:
        kept.save(now=True)
        raise
    kept.forget()
    write_archive(out, {"policy": result.policy} | ({} if result.q is None else {"q": result.q}))
    return _record(order, network, q_star, result) | {
        "resumed_from": resumed,
        "why": None if asked else WHY[order.algorithm],
    }


def part_of(out: Path) -> Path:
    """Where an interrupted run is kept."""
    return out.with_name(f"{out.stem}.part.npz")


def left_behind(out: Path) -> str:
    """What an interrupted command says."""
    if part_of(out).exists():
        return f"interrupted; the same command goes on from {part_of(out)}"
    return "interrupted; nothing was kept, the same command begins anew"


def _learned(
    order: Order,
    network: NamedNetwork,
    q_star: NDArray[Any],
    kept: Kept,
    moved: Callable[[Checkpoint], None],
) -> LearningResult:
    rng = np.random.default_rng(order.seed)
    if order.algorithm in DEEP:
        steps = {} if order.n_steps is None else {"n_steps_total": order.n_steps}
        score = partial(policy_error, q_star)
        return deep(order.algorithm, network, rng=rng, score=score, progress=moved, **steps)
    in_turn = {"generative": True} if order.algorithm in IN_TURN else {}

    def checkpoint(found: Checkpoint) -> None:
        kept.save()
        moved(found)

    return tabular(
        order.algorithm,
        network,
        rng=rng,
        n_steps=order.n_steps,
        q_star=q_star,
        state=kept.state,
        progress=checkpoint,
        **in_turn,
    )


class Kept:
    """What a run keeps beside its output, so that the same command goes on after a kill."""

    def __init__(self, path: Path, order: Order) -> None:
        self.path, self.order, self.state = path, order, TrainingState()
        self._saved = time.monotonic()
        if path.exists():
            self._read()

    def _read(self) -> None:
        arrays = read_archive(self.path)
        if "about" not in arrays:
            raise MalformedFile(self.path, None, "holds no interrupted training")
        about = json.loads(str(arrays.pop("about")))
        if about["order"] != self.order.__dict__:
            raise InvalidParameter(
                f"{self.path} holds an interrupted training of {_said(about['order'])}, which is not "
                f"{_said(self.order.__dict__)}: finish it with its own command, or delete the file"
            )
        self.state.arrays = arrays
        self.state.history = [
            Checkpoint(**c | {"weights": tuple(c["weights"])}) for c in about["history"]
        ]

    def save(self, *, now: bool = False) -> None:
        """Writes the state whole or not at all, every two seconds or ``now``."""
        if not self.state.history or (not now and time.monotonic() - self._saved < SAVE_EVERY):
            return
        history = [c._asdict() for c in self.state.history]
        about = json.dumps({"order": self.order.__dict__, "history": history})
        write_archive(self.path, {"about": np.array(about), **self.state.arrays})
        self._saved = time.monotonic()

    def forget(self) -> None:
        """Removes the file: the run is over."""
        self.path.unlink(missing_ok=True)


def _said(order: Json) -> str:
    steps = "" if order["n_steps"] is None else f", {order['n_steps']} samples"
    return f"{order['algorithm']} on {order['network']}{steps}, seed {order['seed']}"


def _record(
    order: Order, network: NamedNetwork, q_star: NDArray[Any], result: LearningResult
) -> Json:
    v_star = q_star.max(axis=1)
    loss = v_star - evaluate(network.mdp(), result.policy).v
    history = result.history
    return {
        "schema": "germane.train/1",
        **order.__dict__,
        "n_steps": history[-1].n_steps,
        "n_states": network.n_states,
        "n_actions": network.n_actions,
        "gamma": network.gamma,
        "seconds": result.seconds,
        "policy_error": policy_error(q_star, result.policy),
        "loss": {
            "largest": max(float(loss.max()), 0.0),
            "mean": max(float(loss.mean()), 0.0),
            "span_of_values": float(np.ptp(v_star)),
        },
        "history": {
            name: [_finite(getattr(c, name)) for c in history]
            for name in (
                "n_steps",
                "seconds",
                "mean_reward",
                "policy_error",
                "value_error",
                "change",
            )
        }
        | {"weights": [list(c.weights) for c in history]},
    }


def _finite(x: float) -> float | None:
    return x if np.isfinite(x) else None


@contextmanager
def _progress(order: Order, n_pairs: int) -> Iterator[Callable[[Checkpoint], None]]:
    """A bar of samples on standard error; yields the callback that moves it."""
    columns = TextColumn("{task.fields[now]}"), TimeElapsedColumn(), TimeRemainingColumn()
    with _show.progress_bar(*columns, width=24) as bar:
        total = order.n_steps or (20_000 if order.algorithm in DEEP else 100 * n_pairs)
        task = bar.add_task(order.algorithm, total=total, now="")

        def moved(found: Checkpoint) -> None:
            now = f"{whole(found.n_steps)} samples, wrong in {percent_up(found.policy_error)} of states"
            bar.update(task, completed=found.n_steps, now=now)

        yield moved


def figure(found: Json) -> str:
    """The learning curve as an SVG file."""
    history = found["history"]
    points = [(n, e) for n, e in zip(history["n_steps"], history["policy_error"]) if e is not None]
    n_steps, errors = zip(*points)
    return report.figure(
        asdict(
            Figure(
                title=f"{found['algorithm']}, {found['network']}",
                alt=(
                    f"Share of states with a wrong action against samples: {errors[0]:.3f} after "
                    f"{n_steps[0]}, {errors[-1]:.3f} after {n_steps[-1]}."
                ),
                x_label="samples",
                y_label="share of states with a wrong action",
                layers=(Layer(kind="line", x=n_steps, y=errors),),
                x_log=True,
            )
        )
    )


def show(found: Json) -> None:
    """What was learned, in a few sentences."""
    if found["why"]:
        _show.line(f"Algorithm: {found['algorithm']}, because {found['why']}.")
    else:
        _show.line(f"Algorithm: {found['algorithm']}.")
    if found["resumed_from"]:
        _show.line(f"Went on from {whole(found['resumed_from'])} samples of an interrupted run.")
    loss, error = found["loss"], found["policy_error"]
    pairs = found["n_states"] * found["n_actions"]
    _show.line(
        f"{whole(found['n_steps'])} samples ({near(found['n_steps'] / pairs)} for each of "
        f"{whole(pairs)} state-action pairs), {near(found['seconds'])} s of learning."
    )
    _show.line(
        f"The policy is not optimal in {percent_up(error)} of the {whole(found['n_states'])} states, and "
        f"loses at most {up(loss['largest'])} there, {up(loss['mean'])} on average; optimal values differ "
        f"by {near(loss['span_of_values'])} between states.",
        "bold",
    )
