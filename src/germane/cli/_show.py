"""What the commands show: tables, notes, the verdict, and progress with a certain interval."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from ..report.numbers import as_given, interval, near, percent_up, up, whole
from ..report.words import explanation, headline, repairs, samples

if TYPE_CHECKING:
    from ..metrics import BisimulationMetric

Record = Mapping[str, Any]

N_REPAIRS = 3
"""Corrections of the twin that the terminal shows."""

N_DEPARTURES = 5
"""Departures from a certificate's set that the terminal shows."""

COLOURS = {"pass": "green", "fail": "red", "cannot certify": "yellow", None: "blue"}


def console() -> Console:
    """Standard output, as rich sees it now."""
    return Console(highlight=False, emoji=False, markup=False)


def line(text: str = "", style: str = "", *, wrap: bool = True) -> None:
    """One line of plain text; without ``wrap`` it stays whole, so that a path can be copied."""
    console().print(text, style=style, soft_wrap=not wrap)


@contextmanager
def progress_bar(*columns: ProgressColumn, width: int = 16) -> Iterator[Progress]:
    """A bar on standard error where that is a terminal, gone in the end: what it is of, and columns."""
    screen = Console(stderr=True)
    what = TextColumn("{task.description}"), BarColumn(bar_width=width)
    with Progress(
        *what,
        *columns,
        console=screen,
        transient=True,
        disable=not screen.is_terminal,
    ) as bar:
        yield bar


@contextmanager
def measuring(tol: float | None) -> Iterator[Callable[[BisimulationMetric], None]]:
    """A progress bar on standard error; yields the callback that moves it.

    The bar shows how far the width of the certified intervals has come from where it began to
    ``tol``, on a log scale.
    """
    with progress_bar(TextColumn("{task.fields[interval]}"), TimeElapsedColumn()) as bar:
        task = bar.add_task("metric", total=1.0, interval="planning in both models")
        first: list[float] = []

        def moved(metric: BisimulationMetric) -> None:
            width = metric.error_bound
            first.append(width)
            done = 0.0
            if tol and width > 0 and first[0] > tol:
                done = math.log(first[0] / width) / math.log(first[0] / tol)
            bar.update(task, completed=min(max(done, 0.0), 1.0), interval=_so_far(metric))

        yield moved


def _so_far(metric: BisimulationMetric) -> str:
    S, T = metric.lower.shape
    if S != T:
        return f"known to ±{up(metric.error_bound, 3)}, sweep {metric.n_sweeps}"
    low, high = interval(*metric.max_diagonal)
    return f"max d(s, s) in [{low}, {high}], sweep {metric.n_sweeps}"


def certificate(record: Record) -> None:
    """The ladder as a table, what follows from it, and what was done to the files on the way."""
    out = console()
    found = record["certificate"]
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("Rung")
    table.add_column("In words", ratio=1)
    table.add_column("Bound", justify="right")
    table.add_column("Of L0", justify="right")
    table.add_column("")
    for rung in sorted(found["rungs"], key=lambda rung: -rung["value"]):
        tightest = rung["name"] == found["rung"]
        remark = "vacuous" if rung["vacuous"] else "tightest" if tightest else ""
        table.add_row(
            rung["name"],
            Text(rung["title"]),
            up(rung["value"]),
            percent_up(rung["share"]),
            remark,
            style="bold" if tightest else "yellow" if rung["vacuous"] else "",
        )
    out.print(table)
    for name, reason in found["skipped"].items():
        out.print(f"{name} was not computed: {reason}")
    out.print()
    metric = record["metric"]
    if metric is not None:
        low, high = interval(*metric["max_diagonal"])
        out.print(
            f"max d(s, s) is in [{low}, {high}]; stopped after {_sweeps(metric)} because "
            f"{metric['stop_in_words']}."
        )
    notes(record)
    out.print()
    word = {None: "Bound"}.get(record["answer"], str(record["answer"]).capitalize())
    said = Text.assemble(
        (f"{word}. ", f"bold {COLOURS[record['answer']]}"), (headline(record), "bold")
    )
    out.print(said)
    advice = (*repairs(record, N_REPAIRS), *samples(record, N_REPAIRS))
    for sentence in (*explanation(record), *advice):
        out.print(sentence)


def _sweeps(metric: Record) -> str:
    return _n(metric["n_sweeps"], "sweep")


def notes(record: Record) -> None:
    """What had to be filled in or divided while reading the files."""
    for role in ("real", "twin"):
        for note in record[role]["notes"]:
            console().print(f"{record[role]['name']}: {note}.")
        log = record[role].get("log")
        if log and log["dropped"]:
            reasons = ", ".join(f"{n} {why}" for why, n in log["dropped"].items())
            console().print(f"{record[role]['name']}: rows left out: {reasons}.")


@contextmanager
def counting() -> Iterator[Callable[[float], None]]:
    """A progress bar on standard error; yields the callback that moves it to a share."""
    with progress_bar(TimeElapsedColumn()) as bar:
        task = bar.add_task("counting", total=1.0)
        yield lambda share: bar.update(task, completed=min(max(share, 0.0), 1.0))


def estimate(found: Record) -> None:
    """What became of the rows, how the pairs were tried, and what to know before relying on it."""
    out = console()
    rows = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    for justify in ("left", "right", "right"):
        rows.add_column(justify=justify)
    rows.add_row("Rows", whole(found["n_rows"]))
    rows.add_row("counted as transitions", *_share(found["n_transitions"], found), style="bold")
    for reason, n in found["dropped"].items():
        rows.add_row(f"left out: {reason}", *_share(n, found))
    out.print(rows)
    out.print()
    pairs, visits = found["pairs"], found["visits"]
    n_pairs = pairs["n_tried"] + pairs["n_untried"]
    out.print(
        f"{whole(found['n_states_met'])} of {_n(found['n_states'], 'state')} were met, with "
        f"{_n(found['n_actions'], 'action')} each. Of these {_n(n_pairs, 'pair')} "
        + (
            f"{whole(pairs['n_tried'])} were tried and {whole(pairs['n_untried'])} never: of those a log "
            "tells nothing."
            if pairs["n_untried"]
            else "every one was tried."
        )
    )
    out.print(
        f"A pair that was tried has {_n(visits['median'], 'visit')} at the median, at least "
        f"{whole(visits['least'])}, at most {whole(visits['most'])}. Most visited:"
    )
    out.print()
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("State")
    table.add_column("Action")
    table.add_column("Visits", justify="right")
    for row in found["most_visited"]:
        table.add_row(row["state_name"], row["action_name"], whole(row["n_visits"]))
    out.print(table)
    out.print()
    low, high = interval(*found["reward_range"])
    why = "as given" if found["reward_range_given"] else "which is all that the log shows"
    out.print(f"Rewards lie in [{low}, {high}], {why}.")
    if not found["reward_range_given"]:
        out.print("A certificate takes that for granted: give --reward-range if you know it.")
    if found["levels_learned_here"]:
        out.print(
            "The levels of the states were learned on rows that are counted here: for a certificate, "
            "learn them on another part of the log.",
            style="yellow",
        )


def _n(n: int, noun: str) -> str:
    return f"{whole(n)} {noun}{'' if n == 1 else 's'}"


def _share(n: int, found: Record) -> tuple[str, str]:
    """A number of rows, and its share of all."""
    percent = f"{100 * n / found['n_rows']:.1f} %"
    return whole(n), percent if percent != "0.0 %" else "< 0.1 %"


def plan(found: Record) -> None:
    """Which pairs need how many further samples."""
    out = console()
    out.print(
        f"Bound now: {up(found['bound_now'])}. Asked for: {as_given(found['target'])}. "
        f"Lost in the best guess of the network: {near(found['floor'])}."
    )
    if not found["n_samples"]:
        out.print("No further sample is needed.", style="bold")
        return
    out.print(
        f"{whole(found['n_samples'])} further samples of {whole(found['n_pairs'])} pairs are expected to "
        f"bring it to {up(found['expected_bound'])}. Pairs that need most:",
        style="bold",
    )
    out.print()
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("State")
    table.add_column("Action")
    table.add_column("Visits now", justify="right")
    table.add_column("More", justify="right")
    for row in found["first"]:
        table.add_row(
            row["state_name"], row["action_name"], whole(row["n_visits"]), whole(row["more"])
        )
    out.print(table)


def verdict(found: Record) -> None:
    """What was checked, and what became of it."""
    out = console()
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for column in ("What", "Status", "Reason"):
        table.add_column(column)
    styles = {"refuted": "red", "not verified": "yellow"}
    for check in found["checks"]:
        table.add_row(
            check["name"], check["status"], check["reason"], style=styles.get(check["status"], "")
        )
    out.print(table)
    out.print()
    said = {
        "proved": "Proved. The bound holds, for these models and this policy.",
        "refuted": "Refuted. This certificate must not be relied on.",
        "not verified": "Not verified. Nothing was refuted, but the bound is not proved.",
    }
    colour = {"proved": "green", "refuted": "red", "not verified": "yellow"}[found["answer"]]
    out.print(said[found["answer"]], style=f"bold {colour}")


def watch(found: Record) -> None:
    """Whether there is an alarm, and what speaks against the certificate's set then."""
    out = console()
    seen = f"{whole(found['n_transitions'])} transitions"
    evidence = "infinite" if found["evidence"] is None else near(found["evidence"])
    says = f"Evidence {evidence}; the alarm is raised at {near(1 / found['alpha'])}."
    if not found["alarm"]:
        out.print(f"No alarm after {seen}.", style="bold green")
        out.print(says)
        return
    out.print(f"ALARM after {seen}: {found['alarm']['reason']}.", style="bold red")
    out.print(f"{says} The certificate is no longer about this network: certify again.")
    out.print()
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for column in ("Where", "What", "Shift", "Since", "Visits", "Evidence"):
        table.add_column(column, justify="left" if column in ("Where", "What") else "right")
    for row in found["departures"][:N_DEPARTURES]:
        where = f"{row['state_name']}: {row['action_name']}" if row["state_name"] else "all pairs"
        shift = f"{row['shift']:+.2g} sd"
        numbers = whole(row["since"]), whole(row["n_visits"]), near(row["evidence"])
        table.add_row(where, row["function"], shift, *numbers)
    out.print(table)


def distance(found: Record) -> None:
    """The metric between two models, as a table of intervals."""
    out = console()
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    table.add_column("what")
    table.add_column("value", justify="left")
    for text, key in (
        ("a state and its twin, largest d(s, s)", "max_diagonal"),
        ("any two states, largest d(s, t)", "largest"),
        ("a real state and its nearest twin state, largest", "real_to_nearest_twin"),
        ("a twin state and its nearest real state, largest", "twin_to_nearest_real"),
    ):
        if found[key] is not None:
            low, high = interval(*found[key])
            table.add_row(text, f"in [{low}, {high}]")
    if found["max_total_variation_metric"] is not None:
        table.add_row(
            "by total variation, largest d_TV(s, s)", up(found["max_total_variation_metric"])
        )
    table.add_row("no entry is off by more than", up(found["error_bound"], 3))
    out.print(table)
    out.print()
    if found["max_diagonal"] is None:
        out.print(
            f"The models have {found['real']['n_states']} and {found['twin']['n_states']} states: no "
            "state has a twin of its own, so there is no d(s, s)."
        )
    out.print(
        f"Stopped after {_sweeps(found)} and {found['timings']['metric_seconds']:.1f} s "
        f"because {found['stop_in_words']}."
    )
    notes(found)
