"""From the record to the page."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from os import PathLike
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from ..errors import InvalidParameter
from . import _plots, numbers, words

SCHEMA = "germane.report/1"
"""The schema of the records that can be rendered."""

FILTERS = (
    numbers.up,
    numbers.down,
    numbers.near,
    numbers.as_given,
    numbers.percent_up,
    numbers.signed,
    numbers.signed_percent,
    numbers.whole,
)


def render(record: Mapping[str, Any]) -> str:
    """The page of a record: one HTML document that loads nothing from anywhere.

    The same record gives the same bytes. Upper bounds are rounded up in the last digit shown, lower
    bounds down; every number comes from the record. ``timings`` are not shown.

    Args:
        record: a JSON document of the schema ``germane.report/1``, as ``germane certify --out``
            writes it to ``report.json``.

    Raises:
        InvalidParameter: the record is of another schema, or lacks something.
    """
    given = record.get("schema") if isinstance(record, Mapping) else None
    if given != SCHEMA:
        raise InvalidParameter(
            f"a report is made from a record of schema {SCHEMA!r}; got {given!r}"
        )
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {rounding.__name__: rounding for rounding in FILTERS}
    here = files(__package__)
    template = environment.from_string((here / "page.html").read_text(encoding="utf-8"))
    try:
        return template.render(
            record,
            css=Markup((here / "page.css").read_text(encoding="utf-8")),
            words=words,
            record=record,
            interval=numbers.interval,
            plots={name: Markup(svg) for name, svg in _plots.plots(record).items()},
        )
    except (KeyError, jinja2.UndefinedError) as error:
        raise InvalidParameter(f"the record lacks something: {error}") from error


def write(record: Mapping[str, Any], path: str | PathLike[str]) -> None:
    """Writes :func:`render` of a record to a file.

    Raises:
        InvalidParameter: the record is of another schema, or lacks something.
        OSError: the file cannot be written.
    """
    Path(path).write_text(render(record), encoding="utf-8", newline="\n")
