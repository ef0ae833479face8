"""The sentences of the page that depend on the verdict.

A sentence is plain text; what it says of a number follows ``numbers``: at most, rounded up; at
least, rounded down.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .numbers import as_given, down, near, percent_up, up, whole

Record = Mapping[str, Any]

BADGES = {
    "pass": ("good", "✓", "Pass"),
    "fail": ("bad", "✕", "Fail"),
    "cannot certify": ("open", "?", "Cannot certify"),
    None: ("plain", "≤", "Bound"),
}
"""Colour, sign and word of each answer: never colour alone."""

PAPER = ("L1", "L3", "S1")
"""The rungs that the paper itself states: both forms of its Theorem 1, and the first from samples."""

PARTS = {
    "transitions": "where it leads",
    "reward": "what it earns",
    "row": "where it leads and what it earns",
}
"""What is corrected of a state and action."""

NEGLIGIBLE = 1e-9
"""A bound below this share of the trivial one is zero for every purpose but proof."""


def badge(record: Record) -> dict[str, str]:
    """Colour class, sign and word of the verdict."""
    kind, sign, word = BADGES[record["answer"]]
    if record["answer"] is None and record["certificate"]["vacuous"]:
        kind, sign, word = "open", "?", "Vacuous"
    return {"kind": kind, "sign": sign, "word": word}


def subject(record: Record) -> str:
    """Whom the certificate speaks of."""
    certificate = record["certificate"]
    if certificate["for_policy"]:
        return "this policy"
    if certificate["twin_regret"] == 0:
        return "every policy that is optimal in the twin"
    return f"every policy that loses at most {as_given(certificate['twin_regret'])} in the twin"


def question(record: Record) -> str:
    """What was asked."""
    limit = record["question"]["max_regret"]
    who = subject(record)
    if limit is None:
        return f"How much can {who} lose on the real network, at most?"
    if record["certificate"]["for_policy"]:
        return (
            "May this policy go live, if it must not lose more than "
            f"{amount(record, as_given(limit))} against the best one?"
        )
    return (
        f"May {who} go live, if none must lose more than {amount(record, as_given(limit))} "
        "against the best one?"
    )


def headline(record: Record) -> str:
    """The verdict in a sentence; a vacuous bound is called so."""
    certificate, limit = record["certificate"], record["question"]["max_regret"]
    who = subject(record)
    bound = amount(record, up(certificate["bound"]))
    capital = f"{surely(record)}{who}"
    capital = f"{capital[0].upper()}{capital[1:]}"
    loses = "loses nothing but rounding," if negligible(record) else "loses"
    match record["answer"], certificate["vacuous"]:
        case "pass", False:
            return f"{capital} {loses} at most {bound}, within the limit of {as_given(limit)}."
        case "pass", True:
            return (
                f"No policy at all can lose more than {bound}, which is within the limit of "
                f"{as_given(limit)}: the bound is vacuous, and the twin plays no part in it."
            )
        case "fail", _:
            return f"{capital} loses more than the limit of {amount(record, as_given(limit))}."
        case "cannot certify", False:
            return (
                f"The bounds leave it open: {surely(record)}{who} {loses} at most {bound}, and the limit is "
                f"{as_given(limit)}."
            )
        case None, False:
            return f"{capital} {loses} at most {bound}."
        case _:
            return "The bound is vacuous: it is no smaller than what any policy can lose."


def surely(record: Record) -> str:
    """How likely a statement is to hold, before it; empty where it is certain."""
    confidence = record["certificate"]["confidence"]
    return "" if confidence == 1 else f"with probability {near(100 * confidence, 6)} %, "


def explanation(record: Record) -> list[str]:
    """What follows from the verdict, and what it does not say: one sentence each."""
    certificate = record["certificate"]
    lines = []
    lower = max(rung["lower"] for rung in certificate["rungs"])
    if record["answer"] == "fail":
        lines.append(
            f"Its loss is certainly at least {down(lower)} and at most {up(certificate['bound'])}."
        )
    elif record["answer"] == "cannot certify":
        lines.append(
            f"The loss itself may be within the limit or beyond it: {surely(record)}it lies between "
            f"{down(lower)} and {up(certificate['bound'])}."
        )
    if not certificate["vacuous"] and not negligible(record):
        lines.append(
            "That is no more than losing "
            f"{up(record['bound_per_step'])} in every time step, and "
            f"{percent_up(certificate['bound'] / certificate['trivial'])} of what is at stake: "
            f"no policy can lose more than {up(certificate['trivial'])}."
        )
    if paper := paper_verdict(certificate["rungs"]):
        lines.append(paper)
    if certificate["sampling"]:
        lines.append(coverage(certificate["sampling"]))
    return lines


def coverage(sampling: Mapping[str, Any]) -> str:
    """How much of the network the log has seen."""
    never, played = sampling["n_unvisited"], sampling["n_played_unvisited"]
    said = (
        f"The log holds {whole(sampling['n_transitions'])} transitions "
        f"(of {whole(sampling['n_rows'])} rows). "
    )
    if not never:
        return f"{said}Every one of the {whole(sampling['n_pairs'])} pairs of state and action was tried."
    return (
        f"{said}Of the {whole(sampling['n_pairs'])} pairs of state and action {whole(never)} were never "
        f"tried, {whole(played) if played else 'none'} of them where the policy would play: of a pair that "
        "was never tried a log can say nothing."
    )


def samples(record: Record, most: int) -> list[str]:
    """Which further samples would tighten the bound, and what they would bring: one line each."""
    plan = record["samples"]
    if plan is None:
        return []
    if plan["reason"]:
        return [f"No further samples are planned: {plan['reason']}."]
    if not plan["n_samples"]:
        return []
    lines = [
        f"{whole(plan['n_samples'])} further samples, of {whole(plan['n_pairs'])} pairs, should bring the "
        f"bound to {up(plan['expected_bound'])}; most of all:"
    ]
    for n, row in enumerate(plan["first"][:most], start=1):
        lines.append(
            f"{n}. {row['state_name']}, {row['action_name']}: {whole(row['more'])} more "
            f"(now {whole(row['n_visits'])})."
        )
    return lines


def repairs(record: Record, most: int) -> list[str]:
    """What to correct in the twin first, and the bound that it would leave: one line each."""
    found = record["repairs"]
    if found is None:
        return []
    lines = [
        f"Repair first, then plan again in the twin (bound {found['rung']}, now "
        f"{up(found['before'])}):"
    ]
    for n, repair in enumerate(found["first"][:most], start=1):
        lines.append(f"{n}. {repair_in_words(repair)}: {up(repair['after'])}.")
    return lines


def repair_in_words(repair: Record) -> str:
    """What to correct, from which number to which."""
    part = f", {PARTS[repair['part']]}" if repair["part"] in PARTS else ""
    if repair["twin"] is None:
        return f"{repair['subject']}{part}"
    unit = f" {repair['unit']}" if repair["unit"] else ""
    numbers = f"{near(repair['twin'], 4)}{unit} to {near(repair['real'], 4)}{unit}"
    return f"{repair['subject']}{part}, from {numbers}"


def negligible(record: Record) -> bool:
    """Whether what is left of the bound is rounding, and the loss is zero in all but proof."""
    certificate = record["certificate"]
    small = certificate["bound"] <= NEGLIGIBLE * certificate["trivial"]
    return small and not certificate["vacuous"]


def paper_verdict(rungs: Sequence[Mapping[str, Any]]) -> str:
    """Which of the published bounds say nothing here; empty where none is vacuous."""
    stated = [rung for rung in rungs if rung["name"] in PAPER]
    vacuous = [f"{rung['name']} ({up(rung['value'])})" for rung in stated if rung["vacuous"]]
    if not vacuous:
        return ""
    if len(vacuous) == len(stated) > 1:
        return (
            f"Both published bounds are vacuous here, {' and '.join(vacuous)}: by themselves they "
            "would say nothing."
        )
    return f"The published bound {vacuous[0]} is vacuous here: by itself it would say nothing."


def quantifiers(record: Record) -> list[tuple[str, str]]:
    """For which policies, states and futures the bound holds, and how surely."""
    certificate = record["certificate"]
    if certificate["for_policy"]:
        policies = f"One: {record['policy']['name']}"
    else:
        policies = f"All: {subject(record)}, in each of its states"
    if certificate["confidence"] == 1:
        sure = (
            "Certain: both models are given in full, nothing is sampled, and the rounding of the "
            "arithmetic is added outward"
        )
    else:
        sure = (
            f"With probability at least {near(100 * certificate['confidence'], 6)} % over the log, for all "
            "states, actions, next states and routes at once"
        )
    return [
        ("Policies", policies),
        ("Starting states", f"Each of the {whole(record['real']['n_states'])}, the worst included"),
        ("What is counted", "The expected sum of discounted rewards, over an unlimited future"),
        (
            "Discount",
            f"{as_given(record['gamma'])} per time step: it looks about "
            f"{near(record['effective_horizon'])} steps ahead",
        ),
        ("Compared with", "The best of all policies, were the real network known"),
        ("How sure", sure),
    ]


def amount(record: Record, number: str) -> str:
    """A number with its units."""
    return f"{number} {record['units']['name']}"
