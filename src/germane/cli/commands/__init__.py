"""The commands, a file each: options, then one call and what is shown of it.

Nothing heavy is imported before a command runs.
"""

from ._certify import certify
from ._demo import demo
from ._distance import distance
from ._estimate import estimate
from ._networks import networks
from ._plan import plan
from ._reproduce import reproduce
from ._train import train
from ._verify import verify
from ._watch import watch

COMMANDS = (certify, estimate, plan, distance, verify, watch, networks, train, reproduce, demo)
"""In the order in which help lists them."""
