"""germane: how much can a policy trained in a digital twin lose on the real network?

The public names of every part can be imported from here. A part is loaded when one of its names
is first asked for, so that ``import germane`` and ``germane --help`` answer at once.

>>> import germane
>>> germane.FiniteMDP is germane.mdp.FiniteMDP
True
"""

from typing import TYPE_CHECKING

_PARTS = ("mdp", "transport", "metrics", "certificates", "learning", "networks")
"""Where a name is looked for, in this order: the cheapest to load come first."""

if TYPE_CHECKING:  # what a type checker reads; at run time, __getattr__ below does the same
    from . import certificates as certificates
    from . import errors as errors
    from . import learning as learning
    from . import mdp as mdp
    from . import metrics as metrics
    from . import networks as networks
    from . import report as report
    from . import transport as transport
    from .certificates import *
    from .learning import *
    from .mdp import *
    from .metrics import *
    from .networks import *
    from .transport import *

    __version__: str
else:

    def __getattr__(name):
        """The public name or the part ``name``, loaded now and kept.

        Raises:
            AttributeError: when no part has that name.
        """
        from importlib import import_module, metadata, util

        if name == "__version__":
            value = metadata.version(__name__)
        elif name == "__all__":
            value = [n for part in _PARTS for n in import_module(f".{part}", __name__).__all__]
        elif name.startswith("_"):
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        elif util.find_spec(f".{name}", __name__):
            value = import_module(f".{name}", __name__)
        else:
            parts = (import_module(f".{part}", __name__) for part in _PARTS)
            home = next((part for part in parts if name in part.__all__), None)
            if home is None:
                raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
            value = getattr(home, name)
        globals()[name] = value
        return value

    def __dir__():
        return sorted({*globals(), *__getattr__("__all__"), *_PARTS, "errors", "report"})
