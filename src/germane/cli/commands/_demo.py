"""``germane demo``."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Literal

import typer

from .._output import require_at_least_zero, typed, write_results


def demo(
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder to write into.")] = Path(
        "germane-demo"
    ),
    size: Annotated[Literal["small", "tiny"], typer.Option(help="Size of the network.")] = "small",
    seed: Annotated[int, typer.Option(min=0, help="Seed of the learner.")] = 0,
    max_regret: Annotated[
        float, typer.Option(metavar="X", help="The claim: it loses at most X.")
    ] = 2.0,
) -> None:
    """Go the whole way on an example network.

    Twin, training, certificate, report: in seconds, and the same for the same seed.
    """
    from .. import _certify, _demo, _show

    started = time.monotonic()
    require_at_least_zero("--max-regret", max_regret)
    out.mkdir(parents=True, exist_ok=True)
    scene = _demo.Scene.of_size(size, say=_show.line)
    trained = _demo.train(scene, seed=seed, say=_show.line)
    _show.line("Measuring how far the twin is, and certifying the trained policy ...")
    record, certificate, metric = _certify.certified(
        scene.real,
        scene.twin,
        policy=trained.policy,
        policy_name=trained.name,
        max_regret=max_regret,
        title=_demo.TITLE,
        units=_demo.UNITS,
        training=trained.record(),
        started=started,
        settings={"size": size, "seed": seed, "training steps": trained.n_steps},
        command=typed("demo", size=size, seed=seed, max_regret=max_regret),
    )
    write_results(out, record, certificate, metric)
    scene.write(out, trained.policy)
    _show.line()
    _show.certificate(record)
    _show.line()
    _show.line(f"Open {out / 'report.html'} in a browser.", "bold", wrap=False)
