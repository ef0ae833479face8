"""Before anything is imported: what the whole test run needs."""

import os
import shutil
from hashlib import sha256
from pathlib import Path

from hypothesis import HealthCheck, settings

# Numba's cache does not see a change in a function that another file's kernel calls: so there is one for
# each state of the source. And it numbers its files without a lock: two processes that compile one kernel
# at the same moment can hand each other the wrong machine code. So each pytest-xdist worker has its own.
ROOT = Path(__file__).parent.parent
source = b"".join(path.read_bytes() for path in sorted((ROOT / "src").rglob("*.py")))
caches = ROOT / ".pytest_cache" / "numba"
cache = caches / sha256(source).hexdigest()[:16]
worker = os.environ.get("PYTEST_XDIST_WORKER")
if worker or "NUMBA_CACHE_DIR" not in os.environ:  # a worker has that of its controller
    os.environ["NUMBA_CACHE_DIR"] = str(cache / (worker or "alone"))
if worker is None and caches.is_dir():
    for old in caches.iterdir():
        if old != cache:
            shutil.rmtree(old, ignore_errors=True)

# The first call of a kernel compiles it: seconds that say nothing about the code under test. A
# verdict on a change must not depend on chance: in CI the examples are the same every time.
settings.register_profile(
    "germane",
    deadline=None,
    derandomize=bool(os.environ.get("CI")),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("germane")
