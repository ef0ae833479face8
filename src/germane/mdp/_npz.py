"""The ``.npz`` format: a model with its discount, compact, exact and the same bytes every time.

An uncompressed NumPy archive (compressed ones are read too) of exactly these arrays:

| key       | type, shape          | meaning                                                       |
|-----------|----------------------|---------------------------------------------------------------|
| `format`  | text, ()             | `germane.FiniteMDP`                                           |
| `version` | integer, ()          | 1                                                             |
| `gamma`   | float64, ()          | discount factor                                               |
| `r`       | float64, (S, A)      | expected one-step rewards                                     |
| `indptr`  | integer, (S * A + 1) | transitions of state s, action a: entries `indptr[s * A + a]` |
|           |                      | to `indptr[s * A + a + 1]` of the next two arrays             |
| `indices` | integer, (n,)        | next states, increasing within a row                          |
| `data`    | float64, (n,)        | their probabilities                                           |

Pickled objects are never loaded.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from ..errors import InvalidModel, InvalidParameter, MalformedFile
from ._lines import replacing
from ._model import FiniteMDP
from ._ragged import ModelFile, normalise

FORMAT, VERSION = "germane.FiniteMDP", 1
LAYOUT = {  # key: type, number of dimensions
    "format": ("text", 0),
    "version": ("integer", 0),
    "gamma": ("float64", 0),
    "r": ("float64", 2),
    "indptr": ("integer", 1),
    "indices": ("integer", 1),
    "data": ("float64", 1),
}
DTYPES = {"text": ("U",), "integer": ("i", "u"), "float64": ("f8",)}

Arrays = dict[str, NDArray[Any]]


def write_npz(mdp: FiniteMDP, path: Path) -> None:
    """Writes the layout above."""
    arrays = {
        "format": np.array(FORMAT),
        "version": np.array(VERSION),
        "gamma": np.array(mdp.gamma),
        "r": mdp.r,
        "indptr": mdp.transitions.indptr,
        "indices": mdp.transitions.indices,
        "data": mdp.transitions.data,
    }
    write_archive(path, arrays)


def read_npz(path: Path, *, gamma: float | None, renormalise: bool) -> ModelFile:
    """Reads the layout above.

    Raises:
        MalformedFile: not such an archive, or not a model.
        InvalidParameter: ``gamma`` is given and differs from the one stored.
    """
    arrays = _checked_layout(path, read_archive(path))
    rows = _checked_rows(path, arrays)
    n_actions = arrays["r"].shape[1]

    def refuse_row(row: int, reason: str) -> None:
        raise MalformedFile(path, None, f"P[{row // n_actions}, {row % n_actions}]: {reason}")

    correction = normalise(rows, renormalise, refuse_row)
    stored = float(arrays["gamma"])
    if gamma is not None and gamma != stored:
        raise InvalidParameter(f"{path} holds gamma {stored}; got gamma={gamma}: leave it out")
    try:
        mdp = FiniteMDP(rows, arrays["r"], stored)
    except InvalidModel as error:
        raise MalformedFile(path, None, str(error)) from None
    correction = max(correction, mdp.row_sum_correction)
    return ModelFile(mdp=mdp, format="npz", largest_correction=correction)


def write_archive(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Writes arrays as an uncompressed ``.npz``, whole or not at all.

    Raises:
        OSError: the file cannot be written.
    """
    with replacing(path) as (part,), part.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)


def read_archive(path: Path) -> Arrays:
    """Every array of an ``.npz``; pickled objects are never loaded.

    Raises:
        MalformedFile: it is no such archive.
        OSError: the file cannot be opened.
    """
    with path.open("rb") as file:
        try:
            archive = np.load(file, allow_pickle=False)
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise MalformedFile(path, None, "is a single array, not an .npz archive")
            with archive:
                return {key: archive[key] for key in archive.files}
        except MalformedFile:
            raise
        except (
            zipfile.BadZipFile,
            zlib.error,
            ValueError,
            LookupError,
            OSError,
            EOFError,
            RuntimeError,
            MemoryError,
        ) as error:
            raise MalformedFile(path, None, f"is not a readable .npz archive: {error}") from None


def _checked_layout(path: Path, arrays: Arrays) -> Arrays:
    def refuse(reason: str) -> NoReturn:
        raise MalformedFile(path, None, reason)

    if missing := [key for key in LAYOUT if key not in arrays]:
        refuse(f"lacks {', '.join(missing)}; a model has {', '.join(LAYOUT)}")
    if extra := [key for key in arrays if key not in LAYOUT]:
        refuse(f"holds {', '.join(extra)}, no part of a model, which has {', '.join(LAYOUT)}")
    for key, (kind, ndim) in LAYOUT.items():
        array = arrays[key]
        if not array.dtype.str[1:].startswith(DTYPES[kind]) or array.ndim != ndim:
            got = f"{array.dtype} of shape {array.shape}"
            refuse(f"{key} must be {kind} with {ndim} dimensions; got {got}")
    if str(arrays["format"]) != FORMAT or int(arrays["version"]) != VERSION:
        refuse(
            f"is {str(arrays['format'])!r}, version {arrays['version']}; "
            f"this reader knows {FORMAT!r}, version {VERSION}"
        )
    return arrays


def _checked_rows(path: Path, arrays: Arrays) -> sp.csr_array:
    (n_states, n_actions), n = arrays["r"].shape, arrays["data"].size
    indptr, indices = arrays["indptr"].astype(np.int64), arrays["indices"].astype(np.int64)
    if 0 in arrays["r"].shape:
        raise MalformedFile(path, None, f"r has shape {arrays['r'].shape}: no states or no actions")
    if indptr.size != n_states * n_actions + 1 or indices.size != n:
        reason = (
            f"sizes do not match: r {arrays['r'].shape} needs indptr of "
            f"{n_states * n_actions + 1} and data {n} needs indices of as many; "
            f"got {indptr.size} and {indices.size}"
        )
        raise MalformedFile(path, None, reason)
    if indptr[0] != 0 or indptr[-1] != n or (np.diff(indptr) < 0).any():
        raise MalformedFile(path, None, f"indptr must increase from 0 to {n}, the size of data")
    rising = np.diff(indices, prepend=-1) > 0
    rising[indptr[:-1][np.diff(indptr) > 0]] = True
    faulty = ~rising | (indices < 0) | (indices >= n_states)
    faulty |= ~np.isfinite(arrays["data"]) | (arrays["data"] < 0)
    if faulty.any():
        k = int(np.argmax(faulty))
        row = int(np.searchsorted(indptr, k, side="right")) - 1
        reason = (
            f"P[{row // n_actions}, {row % n_actions}]: next states must increase within "
            f"0..{n_states - 1}, with finite probabilities that are not negative; "
            f"got next state {indices[k]}, probability {arrays['data'][k]}"
        )
        raise MalformedFile(path, None, reason)
    return sp.csr_array((arrays["data"], indices, indptr), shape=(n_states * n_actions, n_states))
