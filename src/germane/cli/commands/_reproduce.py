"""``germane reproduce``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ...errors import InvalidParameter
from .._app import Stopped
from .._options import AsJson
from .._output import print_json, save_json


def reproduce(
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help="Paper and figure, such as dt-bsm/fig5."),
    ] = None,
    listing: Annotated[bool, typer.Option("--list", help="List what there is.")] = False,
    tiny: Annotated[bool, typer.Option("--tiny", help="Seconds: to see that it runs.")] = False,
    full: Annotated[bool, typer.Option("--full", help="Hours: closest to the paper.")] = False,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder of results [default: germane-reproduce/NAME]"),
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option(metavar="N", help="Jobs at a time; -1 for one per core [default: 1]"),
    ] = None,
    dask: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="Send the jobs to the Dask cluster there."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Reproduce a figure of the papers.

    Every finished job is kept in DIR: stopped for whatever reason, the same command goes on.
    """
    from .. import _reproduce, _show

    if listing or name is None:
        found = _reproduce.listed()
        if as_json:
            print_json(found)
        else:
            _reproduce.show_list(found)
        return
    if tiny and full:
        raise InvalidParameter("give --tiny or --full, not both")
    if jobs == 0:
        raise InvalidParameter("--jobs must not be 0")
    experiment = _reproduce.named(name)
    folder = out or Path("germane-reproduce") / name
    size = "tiny" if tiny else "full" if full else "default"
    try:
        found = _reproduce.reproduced(experiment, size, folder, n_jobs=jobs, dask=dask)
    except KeyboardInterrupt:
        raise Stopped(
            f"interrupted; what is done is kept in {folder}: the same command goes on from there"
        ) from None
    save_json(folder / "analysis.json", found)
    (folder / "analysis.md").write_text(_reproduce.markdown(found), encoding="utf-8", newline="\n")
    figures = _reproduce.write_figures(found, folder)
    if as_json:
        print_json(found)
        return
    _reproduce.show(found)
    _show.line()
    for path in (folder / "analysis.json", folder / "analysis.md", *figures):
        _show.line(f"Written: {path}", wrap=False)
