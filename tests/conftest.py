"""Before anything is imported: what the whole test run needs."""

import os
from pathlib import Path

from hypothesis import HealthCheck, settings

# Numba numbers the files of its cache without a lock: two processes that compile one kernel at the
# same moment can hand each other the wrong machine code. So each pytest-xdist worker has its own.
if worker := os.environ.get("PYTEST_XDIST_WORKER"):
    cache = Path(__file__).parent.parent / ".pytest_cache" / "numba" / worker
    os.environ.setdefault("NUMBA_CACHE_DIR", str(cache))

# The first call of a kernel compiles it: seconds that say nothing about the code under test. A
# verdict on a change must not depend on chance: in CI the examples are the same every time.
settings.register_profile(
    "germane",
    deadline=None,
    derandomize=bool(os.environ.get("CI")),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("germane")
