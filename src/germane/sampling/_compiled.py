"""How loops are compiled that take millions of small steps a second.

A step of a learner is some fifty machine instructions spread over many small functions, all of which read
a dozen arrays. Compiled as numba does by default, most of its time goes into handing these arrays from
function to function: an array that is passed on is one more reference to be counted, atomically. So two
kinds of functions are compiled here, and neither counts references; in exchange they allocate nothing
and return numbers only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from numba import njit

F = TypeVar("F", bound=Callable[..., object])

OPTIONS: Any = {"nogil": True, "error_model": "numpy", "_nrt": False}
"""``_nrt=False`` leaves out the counting of references; a function that allocates does not compile."""

INLINED: Any = OPTIONS | {"forceinline": True}
"""Options of :func:`inlined`, for overloads of functions that are not only called from compiled code."""


def compiled(function: F) -> F:
    """The function compiled, and kept on disk for later runs: one that is called from Python, or seldom.

    It works on arrays in place: it allocates none and returns numbers.
    """
    loop: F = njit(cache=True, **OPTIONS)(function)
    return loop


def inlined(function: F) -> F:
    """The function compiled into its callers: a small one that a loop calls at each step.

    It works on arrays in place: it allocates none and returns numbers. By itself it is not kept on disk, as
    callers could not be merged with what comes from there.
    """
    step: F = njit(**INLINED)(function)
    return step
