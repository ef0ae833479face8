"""Draws from finite distributions inside compiled loops, and how such loops are compiled."""

from ._alias import CELL, AliasRows, alias_choice, alias_rows, row_choice
from ._compiled import INLINED, compiled, inlined
from ._stream import Stream, below, cut, fraction, new_stream, random_bits

__all__ = [
    "CELL",
    "INLINED",
    "AliasRows",
    "Stream",
    "alias_choice",
    "alias_rows",
    "below",
    "compiled",
    "cut",
    "fraction",
    "inlined",
    "new_stream",
    "random_bits",
    "row_choice",
]
