"""From a recorded certificate to one HTML page: self-contained, and the same bytes every time.

A page is made from a *record*, one JSON document of the schema ``germane.report/1``, and from
nothing else: no model, no solver, no clock. The command line writes the record beside the page, so
that the page can be made again from the file alone. The figures of experiments are drawn from their
records in the same way.
"""

from ._figure import figure
from ._render import SCHEMA, render, write

__all__ = ["SCHEMA", "figure", "render", "write"]
