"""Jobs, rows and runs: what a kill, an order of completion or a second run may and may not change."""

import json

import joblib
import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from germane.errors import MalformedFile
from germane.experiments import Experiment, Job, Row, RowFile, read_rows, run, spawn
from toy_experiment import TOY, Draws, blas_threads


def found(rows):
    return [(row.job.key, row.found) for row in rows]


class Killed(Exception):
    pass


def killed_after(n):
    def progress(done, of):
        if done == n:
            raise Killed

    return progress


def test_the_same_seed_gives_the_same_rows_and_another_seed_others(tmp_path):
    first, second = (run(TOY, Draws(), tmp_path / name) for name in "ab")
    assert found(first) == found(second)
    assert (tmp_path / "a/rows.jsonl").read_bytes() == (tmp_path / "b/rows.jsonl").read_bytes()
    other = run(TOY, Draws(seed=4), tmp_path / "c")
    assert not {row.found["x"] for row in first} & {row.found["x"] for row in other}


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_killed_run_goes_on_where_it_stopped(tmp_path, n_jobs):
    for n in (2, 4):
        with pytest.raises(Killed):
            run(TOY, Draws(), tmp_path / "killed", n_jobs=n_jobs, progress=killed_after(n))
        assert len(read_rows(tmp_path / "killed/rows.jsonl")) == n
    told = []
    resumed = run(TOY, Draws(), tmp_path / "killed", progress=lambda *now: told.append(now))
    assert told == [(4, 6), (5, 6), (6, 6)]
    assert found(resumed) == found(run(TOY, Draws(), tmp_path / "unkilled"))


def test_a_torn_last_line_is_dropped_and_its_job_done_again(tmp_path):
    whole = run(TOY, Draws(), tmp_path)
    path = tmp_path / "rows.jsonl"
    content = path.read_bytes()
    start_of_last = content[:-1].rfind(b"\n") + 1
    for cut in (start_of_last + 1, len(content) - 5, len(content) - 1):
        path.write_bytes(content[:cut])
        assert len(read_rows(path)) == 5
        assert found(run(TOY, Draws(), tmp_path)) == found(whole)
        assert path.read_bytes() == content


def test_a_finished_run_does_nothing_again(tmp_path):
    run(TOY, Draws(), tmp_path)
    broken = Experiment(**(vars(TOY) | {"run_job": None}))
    assert len(run(broken, Draws(), tmp_path)) == 6


def test_rows_of_other_settings_stay_and_are_not_returned(tmp_path):
    run(TOY, Draws(), tmp_path)
    assert len(run(TOY, Draws(seed=9, n=2), tmp_path)) == 2
    assert len(read_rows(tmp_path / "rows.jsonl")) == 8


def test_the_analysis_does_not_depend_on_the_order_of_completion(tmp_path):
    rows = run(TOY, Draws(n=12), tmp_path / "one")
    shuffled = np.random.default_rng(0).permutation(len(rows))
    expected = TOY.analysis(rows).to_json()
    assert TOY.analysis([rows[i] for i in shuffled]).to_json() == expected
    run(TOY, Draws(n=12), tmp_path / "two", n_jobs=2)
    assert TOY.analysis(read_rows(tmp_path / "two/rows.jsonl")).to_json() == expected


def test_a_line_that_is_no_row_is_named(tmp_path):
    run(TOY, Draws(), tmp_path)
    path = tmp_path / "rows.jsonl"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:2], '{"task": 1}', *lines[3:], ""]))
    with pytest.raises(MalformedFile, match=r"rows\.jsonl, line 3: not a row"):
        run(TOY, Draws(), tmp_path)


def test_a_number_that_is_no_json_is_refused_before_it_is_written(tmp_path):
    with RowFile(tmp_path / "rows.jsonl") as file, pytest.raises(ValueError, match="JSON"):
        file.append(Row(Job({}, (1,)), {"x": float("nan")}))
    assert read_rows(tmp_path / "rows.jsonl") == ()


def test_a_row_survives_the_file_bit_for_bit(tmp_path):
    given = Row(Job({"what": "π", "errors": [0.1, -0.0]}, (1, 2, 3)), {"x": [0.1 + 0.2, 1e-300]})
    with RowFile(tmp_path / "rows.jsonl") as file:
        file.append(given)
    (read,) = read_rows(tmp_path / "rows.jsonl")
    assert found([read]) == found([given])
    assert json.loads((tmp_path / "rows.jsonl").read_text())["seed"] == [1, 2, 3]


def test_spawned_seeds_are_those_of_numpy_and_distinct():
    children = np.random.SeedSequence(7).spawn(3)[2].spawn(2)
    seed = spawn(spawn((7,), 3)[2], 2)[1]
    assert seed == (7, 2, 1)
    assert Job({}, seed).rng().random() == np.random.default_rng(children[1]).random()


def test_jobs_run_on_one_blas_thread(tmp_path):
    counting = Experiment(**(vars(TOY) | {"run_job": blas_threads}))
    with threadpool_limits(2):
        rows = run(counting, Draws(n=2), tmp_path)
    assert [row.found["n"] for row in rows] == [1, 1]


def test_a_dask_cluster_finds_the_same(tmp_path):
    distributed = pytest.importorskip("distributed")
    here = run(TOY, Draws(), tmp_path / "here")
    cluster = distributed.LocalCluster(n_workers=2, processes=False, dashboard_address=None)
    with cluster, distributed.Client(cluster), joblib.parallel_config(backend="dask"):
        there = run(TOY, Draws(), tmp_path / "there")
    assert found(there) == found(here)
