"""The command ``reproduce``: runs an experiment, keeps its rows, and writes what they say."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.progress import MofNCompleteColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from .. import experiments, report
from ..errors import InvalidParameter, MissingExtra
from . import _show

Json = dict[str, Any]
STYLES = {"reproduced": "green", "partly": "yellow", "not": "red"}


def named(name: str) -> experiments.Experiment[Any]:
    """The experiment of that name.

    Raises:
        InvalidParameter: there is none.
    """
    if name not in experiments.EXPERIMENTS:
        raise InvalidParameter(
            f"no experiment {name!r}; there are {', '.join(experiments.EXPERIMENTS)}"
        )
    return experiments.EXPERIMENTS[name]


def listed() -> Json:
    """Every experiment: its name, what it is about, how many jobs each size has."""
    return {
        "schema": "germane.experiments/1",
        "experiments": [
            {
                "name": each.name,
                "title": each.title,
                "jobs": {size: len(each.jobs(given)) for size, given in each.settings.items()},
            }
            for each in experiments.EXPERIMENTS.values()
        ],
    }


def show_list(found: Json) -> None:
    """The same as a table."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for column in ("Name", "What", "Jobs"):
        table.add_column(column)
    for each in found["experiments"]:
        jobs = ", ".join(f"{n} {size}" for size, n in each["jobs"].items())
        table.add_row(each["name"], Text(each["title"]), jobs)
    _show.console().print(table)


def reproduced(
    experiment: experiments.Experiment[Any],
    size: str,
    out: Path,
    *,
    n_jobs: int | None,
    dask: str | None,
) -> Json:
    """Runs what is not there yet, and says what all of it says."""
    settings = experiment.settings[size]
    with _cluster(dask), _progress(experiment.name) as moved:
        rows = experiments.run(experiment, settings, out, n_jobs=n_jobs, progress=moved)
    found = {"experiment": experiment.name, "size": size, "n_rows": len(rows)}
    return found | experiment.analysis(rows).to_json()


@contextmanager
def _progress(name: str) -> Iterator[Callable[[int, int], None]]:
    """A bar of finished jobs on standard error; yields the callback that moves it."""
    with _show.progress_bar(MofNCompleteColumn(), TimeElapsedColumn(), width=24) as bar:
        task = bar.add_task(name, total=None)
        yield lambda done, of: bar.update(task, completed=done, total=of)


@contextmanager
def _cluster(address: str | None) -> Iterator[None]:
    """Sends jobs to the Dask cluster at ``address``; without one they stay here."""
    if address is None:
        yield
        return
    try:
        from distributed import Client
    except ImportError:
        raise MissingExtra("--dask", "dask") from None
    from joblib import parallel_config

    with Client(address), parallel_config(backend="dask"):
        yield


def write_figures(found: Json, out: Path) -> list[Path]:
    """One SVG file a figure of the analysis."""
    paths = []
    for name, drawn in found["figures"].items():
        paths.append(out / f"{name}.svg")
        paths[-1].write_text(report.figure(drawn), encoding="utf-8", newline="\n")
    return paths


def markdown(found: Json) -> str:
    """Claims and tables as a page, such as the documentation includes."""
    claims = [
        {"claim": claim["text"], "here": claim["statistic"], "": f"**{claim['verdict']}**"}
        for claim in found["claims"]
    ]
    tables = ({"Claims": claims} if claims else {}) | found["tables"]
    lines = []
    for title, rows in tables.items():
        cells = [list(rows[0]), ["---"] * len(rows[0]), *(list(row.values()) for row in rows)]
        lines += [f"**{title}**", "", *(f"| {' | '.join(row)} |" for row in cells), ""]
    return "\n".join(lines)


def show(found: Json) -> None:
    """The claims with their verdicts, then the other numbers."""
    out = _show.console()
    for claim in found["claims"]:
        verdict = Text(claim["verdict"], style=f"bold {STYLES[claim['verdict']]}")
        out.print(Text.assemble(verdict, f": {claim['text']}"))
        out.print(f"  {claim['statistic']}")
    if found["claims"]:
        out.print()
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    for name, value in found["numbers"].items():
        if isinstance(value, int | float | str):
            table.add_row(name, f"{value:.6g}" if isinstance(value, float) else str(value))
    out.print(table)
    for title, rows in found["tables"].items():
        _show.line()
        _show.line(title, "bold")
        columns = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
        for name in rows[0]:
            columns.add_column(name)
        for row in rows:
            columns.add_row(*map(Text, row.values()))
        out.print(columns)
