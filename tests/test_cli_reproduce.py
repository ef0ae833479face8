"""``germane reproduce``: what it lists, what it leaves behind, and what an interrupt costs."""

import json
import sys
from dataclasses import replace
from types import MappingProxyType

import pytest
from typer.testing import CliRunner

from germane import experiments
from germane.cli import app
from germane.experiments import EXPERIMENTS, Figure, Layer, read_rows
from toy_experiment import TOY, draw

FIGURE = Figure(
    title="A sum",
    alt="Two points.",
    x_label="x",
    y_label="y",
    layers=(Layer(kind="points", x=[0.0, 1.0], y=[1.0, 2.0]),),
)


def run(*arguments):
    return CliRunner().invoke(app, ["reproduce", *map(str, arguments)])


def offer(monkeypatch, **changes):
    """The toy, with a figure, is the only experiment there is."""

    def analyse(rows):
        return replace(TOY.analyse(rows), figures={"sum": FIGURE})

    toy = replace(TOY, analyse=analyse, **changes)
    monkeypatch.setattr(experiments, "EXPERIMENTS", MappingProxyType({toy.name: toy}))


@pytest.fixture
def toy(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    offer(monkeypatch)
    return tmp_path


def interrupted_at_the_fourth(job):
    if job.task["nth"] == 3:
        raise KeyboardInterrupt
    return draw(job)


def test_every_experiment_is_listed_with_its_sizes(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    listed = json.loads(run("--list", "--json").stdout)["experiments"]
    assert [each["name"] for each in listed] == list(EXPERIMENTS)
    for each in listed:
        assert each["jobs"]["tiny"] < each["jobs"]["default"]
        assert each["name"] in run("--list").stdout
    assert run().stdout == run("--list").stdout


def test_rows_analysis_and_plots_are_left_in_the_folder(toy):
    done = run("toy/sum", "--tiny", "--out", "found")
    assert done.exit_code == 0, done.stderr
    names = {path.name for path in (toy / "found").iterdir()}
    assert names == {"rows.jsonl", "analysis.json", "analysis.md", "sum.svg"}
    page = (toy / "found/analysis.md").read_text()
    assert "| They add up | as they do | **partly** |" in page
    assert "**Draws**\n\n| nth | sign |\n| --- | --- |\n| 0 | + |\n" in page
    assert "Draws" in done.stdout
    found = json.loads((toy / "found/analysis.json").read_text())
    assert (found["experiment"], found["size"], found["n_rows"]) == ("toy/sum", "tiny", 6)
    assert f"{found['numbers']['total']:.6g}" in done.stdout
    assert json.loads(run("toy/sum", "--tiny", "--out", "found", "--json").stdout) == found


def test_the_same_command_twice_gives_the_same_bytes(toy):
    for folder in ("a", "b"):
        assert run("toy/sum", "--tiny", "--out", folder).exit_code == 0
    for name in ("rows.jsonl", "analysis.json", "analysis.md", "sum.svg"):
        assert (toy / "a" / name).read_bytes() == (toy / "b" / name).read_bytes()


def test_without_a_folder_results_go_into_one_of_that_name(toy):
    assert run("toy/sum", "--tiny").exit_code == 0
    assert (toy / "germane-reproduce/toy/sum/rows.jsonl").is_file()


def test_an_interrupt_keeps_what_is_done_and_the_same_command_goes_on(toy, monkeypatch):
    offer(monkeypatch, run_job=interrupted_at_the_fourth)
    stopped = run("toy/sum", "--tiny", "--out", "found")
    assert stopped.exit_code == 130
    assert "what is done is kept in found: the same command goes on" in stopped.stderr
    assert len(read_rows("found/rows.jsonl")) == 3
    offer(monkeypatch)
    assert run("toy/sum", "--tiny", "--out", "found").exit_code == 0
    assert run("toy/sum", "--tiny", "--out", "unkilled").exit_code == 0
    assert (toy / "found/rows.jsonl").read_bytes() == (toy / "unkilled/rows.jsonl").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("fig5",), "no experiment 'fig5'; there are toy/sum"),
        (("toy/sum", "--tiny", "--full"), "give --tiny or --full, not both"),
        (("toy/sum", "--tiny", "--jobs", 0), "--jobs must not be 0"),
    ],
)
def test_misuse_is_one_line_and_64(toy, arguments, said):
    done = run(*arguments)
    assert done.exit_code == 64
    assert said in done.stderr


def test_without_dask_the_extra_to_install_is_named(toy, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    done = run("toy/sum", "--tiny", "--dask", "tcp://127.0.0.1:1")
    assert done.exit_code == 64
    assert "--dask needs the extra 'dask'" in done.stderr
