"""Ways in which DuckDB itself once gave wrong answers."""

import duckdb
import numpy as np

from germane.logs import DuckDB


def test_a_text_that_is_no_number_is_null_and_not_an_error_of_the_file(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("a,b\n1,x\nz,y\n", encoding="utf-8")
    with DuckDB() as engine:
        engine.view("log", [path])
        found = engine.query("SELECT TRY_CAST(a AS DOUBLE) AS a FROM log")
    np.testing.assert_array_equal(found["a"], [1, np.nan])


def test_a_null_among_texts_is_none():
    with DuckDB() as engine:
        found = engine.query(
            "SELECT CASE i WHEN 1 THEN 'x' END AS t FROM range(2) AS r(i) ORDER BY i"
        )
    assert found["t"].tolist() == [None, "x"]


def test_every_number_of_a_parquet_file_is_a_number(tmp_path):
    path = tmp_path / "log.parquet"
    types = [
        "TINYINT",
        "SMALLINT",
        "INTEGER",
        "BIGINT",
        "UINTEGER",
        "UBIGINT",
        "FLOAT",
        "DOUBLE",
        "DECIMAL(9,2)",
    ]
    columns = ", ".join(f"CAST(1 AS {type_}) AS x{k}" for k, type_ in enumerate(types))
    duckdb.sql(f"COPY (SELECT {columns}) TO '{path}'")
    with DuckDB() as engine:
        assert set(engine.view("log", [path]).values()) == {"integer", "number"}
