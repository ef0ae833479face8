"""``germane networks``."""

from __future__ import annotations

from .._options import AsJson
from .._output import print_json


def networks(as_json: AsJson = False) -> None:
    """List the networks that can be named, their sizes and their parameters."""
    from .. import _networks

    found = _networks.record()
    if as_json:
        print_json(found)
    else:
        _networks.show(found)
