#!/usr/bin/env python
"""Tidies the agent logs of EXPLORA's public repository into the one table that ``run.py`` reads.

    git clone https://github.com/wineslab/explora
    python tidy.py explora/data/motivation_main-results oran-slicing.csv.gz

An agent's log has, for each decision, a line with the reports that it received, one report a user and
measurement, ``slice, buffer [bytes], rate [Mbps], share of the requested PRBs granted, PRBs of the slice,
packets``; then lines with its action and with the reward that it computes from these reports. Decisions on
no new data ("Using previous socket data") have no reports and make no row.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from statistics import fmean
from typing import Any

SLICES = ("embb", "mtc", "urllc")
KPIS = (
    *("dl_buffer [bytes]", "tx_brate downlink [Mbps]"),
    *("prb_granted_ratio", "slice_prb", "tx_pkts downlink"),
)
COLUMNS = (
    *("experiment", "agent", "traffic_pattern", "timestamp [ms]"),
    *(f"{name} {kpi}" for name in SLICES for kpi in ("n_reports", *KPIS)),
    *("action_id", *(f"action_{what}_{name}" for what in ("prb", "sched") for name in SLICES)),
    "reward_so_far",
)
LINE = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}) \w+\s+(.*)")
REPORT = re.compile(r"([012]),(\d+),([\d.]+),([\d.]+),(\d+),(\d+)")
DECISION = re.compile(r"Action is \[(\d+)\] Reward_avg is: (\S+)")
MEANING = re.compile(r"slice_prb \[([^]]*)\].*sched \[([^]]*)\]")


def decisions(log: Path) -> Iterator[dict[str, Any]]:
    """The rows of one agent's log."""
    row: dict[str, Any] | None = None
    for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
        found = LINE.match(line)
        if not found:
            continue
        when, said = found.groups()
        if said.startswith("Received data"):
            at = datetime.strptime(when, "%Y-%m-%d %H:%M:%S,%f").replace(tzinfo=UTC)
            row = {"timestamp [ms]": round(at.timestamp() * 1000), **averages(said)}
        elif said.startswith("Using previous"):
            row = None
        elif row is not None and (decision := DECISION.search(said)):
            row["action_id"], row["reward_so_far"] = decision.groups()
        elif row is not None and "action_id" in row and (meaning := MEANING.search(said)):
            for what, values in zip(("prb", "sched"), meaning.groups()):
                for name, value in zip(SLICES, values.split(",")):
                    row[f"action_{what}_{name}"] = int(value)
            yield row
            row = None


def averages(said: str) -> dict[str, Any]:
    """KPIs of each slice, averaged over its reports; nothing for a slice without one."""
    reports = REPORT.findall(said)
    found: dict[str, Any] = {}
    for k, name in enumerate(SLICES):
        own = [[float(value) for value in values] for s, *values in reports if int(s) == k]
        found[f"{name} n_reports"] = len(own)
        for kpi, values in zip(KPIS, zip(*own)):
            found[f"{name} {kpi}"] = round(fmean(values), 4)
    return found


def main() -> None:
    """Reads experiments 1 to 16, those of the agent that prefers eMBB, and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("logs", type=Path, help="the folder data/motivation_main-results")
    parser.add_argument("table", type=Path, help="the .csv.gz file to write")
    given = parser.parse_args()
    with gzip.open(given.table, "wt", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, COLUMNS)
        table.writeheader()
        for k in range(1, 17):
            run = {"experiment": k, "agent": "embb", "traffic_pattern": 1 if k <= 8 else 2}
            log = given.logs / f"exp{k}" / "xapp_drl_sched_slicing_ric_26_agent.log"
            table.writerows(run | row for row in decisions(log))


if __name__ == "__main__":
    main()
