"""What tests of logs share: one Spark for all of them, since it takes long to start."""

import warnings

import pytest

from germane.logs import Spark


@pytest.fixture(scope="session")
def spark():
    pytest.importorskip("pyspark")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pyspark's own, of other packages
        with Spark(master="local[2]") as engine:
            yield engine
