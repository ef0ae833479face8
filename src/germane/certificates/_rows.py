"""Rows of transitions as keys."""

from __future__ import annotations

import scipy.sparse as sp


def row_bits(rows: sp.csr_array, pair: int) -> bytes:
    """The bits of one row; equal only for rows that agree in every entry."""
    entries = slice(rows.indptr[pair], rows.indptr[pair + 1])
    return bytes(rows.indices[entries].tobytes() + rows.data[entries].tobytes())
