"""Every error germane raises on purpose.

GermaneError
├── InvalidModel (ValueError)         the numbers given are not a finite MDP
├── InvalidPolicy (ValueError)        the array given is not a policy of this MDP
├── InvalidDistribution (ValueError)  the masses given are not a probability distribution
├── InvalidParameter (ValueError)     an option or a network parameter is out of its range
├── IncompatibleModels (ValueError)   two MDPs that cannot be compared with one another
├── MalformedFile (ValueError)        a file that cannot be read: names file, line and reason
├── TooLarge (MemoryError)            the problem would need more memory than there is
├── MissingExtra (ImportError)        an optional dependency is not installed: names the extra
└── NotConverged (RuntimeError)       ran out of steps: carries what it had reached
"""

from __future__ import annotations

from os import PathLike


class GermaneError(Exception):
    """Base of the errors below, so that a caller can catch them all."""


class InvalidModel(GermaneError, ValueError):
    """The arrays given do not describe a finite MDP."""


class InvalidPolicy(GermaneError, ValueError):
    """The array given is not a policy of the MDP it is used with."""


class InvalidDistribution(GermaneError, ValueError):
    """The masses given are not a probability distribution."""


class InvalidParameter(GermaneError, ValueError):
    """An option or a network parameter lies outside its range."""


class IncompatibleModels(GermaneError, ValueError):
    """The two models do not share what the comparison needs (actions, discount, states)."""


class MalformedFile(GermaneError, ValueError):
    """A file does not hold what its format promises.

    Attributes:
        path: the file.
        line: the line at fault, counted from 1; ``None`` where the format has no lines.
        reason: what was found and what is accepted.
    """

    def __init__(self, path: str | PathLike[str], line: int | None, reason: str) -> None:
        self.path, self.line, self.reason = path, line, reason
        super().__init__(f"{path}{f', line {line}' if line is not None else ''}: {reason}")


class TooLarge(GermaneError, MemoryError):
    """The exact computation would need more memory than this machine has."""


class MissingExtra(GermaneError, ImportError):
    """An optional dependency is not installed.

    Attributes:
        extra: the name to install: ``pip install germane[extra]``.
    """

    def __init__(self, feature: str, extra: str) -> None:
        self.extra = extra
        super().__init__(f"{feature} needs the extra {extra!r}: pip install 'germane[{extra}]'")


class NotConverged(GermaneError, RuntimeError):
    """The step budget ran out before the tolerance was met.

    Attributes:
        partial: the result reached so far, with its true error bound.
    """

    def __init__(self, message: str, partial: object) -> None:
        super().__init__(message)
        self.partial = partial
