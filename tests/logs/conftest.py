"""What tests of logs share: one Spark for all of them, since it takes long to start."""

import warnings

import pytest

from germane.errors import MissingExtra
from germane.logs import Spark


@pytest.fixture(scope="session")
def spark():
    pytest.importorskip("pyspark")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pyspark's own, of other packages
        try:
            engine = Spark(master="local[2]")
        except MissingExtra as error:  # no Java
            pytest.skip(str(error))
        with engine:
            yield engine
