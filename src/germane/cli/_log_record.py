"""What the record of a certificate says where the real network is known from a log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..certificates import Certificate, SamplePlan, sample_plan
from ..errors import InvalidParameter

if TYPE_CHECKING:
    from ._inputs import Model

Json = dict[str, Any]

N_PAIRS = 8
TARGET = 0.5
"""Of the bound now: what further samples are planned for, where there is no limit to reach."""


def samples(
    certificate: Certificate, real: Model, twin: Model, max_regret: float | None, **options: Any
) -> Json:
    """Which further samples would help most; or why none would.

    Args:
        max_regret: the limit to reach, where the bound is above it.
        options: as for :func:`germane.sample_plan`.
    """
    assert real.estimate is not None
    short = max_regret is not None and certificate.bound > max_regret
    target = float(max_regret) if short and max_regret else TARGET * certificate.bound
    try:
        plan = sample_plan(real.estimate, twin.mdp, target=target, **options)
    except InvalidParameter as error:
        return {"target": target, "limit": short, "reason": str(error)}
    return {"target": target, "limit": short, "reason": None} | plan_record(plan, real)


def plan_record(plan: SamplePlan, real: Model) -> Json:
    """A plan, with names for its pairs."""
    assert real.estimate is not None
    visits = real.estimate.n_visits
    return {
        **plan.to_json(),
        "n_pairs": len(plan.ranked()),
        "first": [
            {
                "state": s,
                "state_name": real.state_name(s),
                "action": a,
                "action_name": real.action_name(s, a),
                "n_visits": int(visits[s, a]),
                "more": more,
            }
            for s, a, more in plan.ranked()[:N_PAIRS]
        ],
    }


def assumptions(certificate: Certificate, real: Model) -> list[tuple[str, str, str]]:
    """What the statement needs: name, status and reason."""
    found = certificate.sampling
    assert found is not None
    assert real.estimate is not None
    low, high = found.reward_range
    counted = (
        "the intervals hold for all lengths of the log at once, however it was cut"
        if found.any_time
        else "the numbers of visits are said to have been fixed before the first one was made"
    )
    rows = [
        (
            "Every row of the log is accounted for",
            "checked",
            f"{found.n_rows} rows: {found.n_transitions} transitions"
            + "".join(f", {n} dropped ({why})" for why, n in found.dropped.items() if n),
        ),
        (
            "Bounded rewards",
            "checked" if found.range_given else "assumed",
            f"all rewards of the network lie in [{low:g}, {high:g}], "
            + (
                "as was given; none in the log is outside"
                if found.range_given
                else "which is only what the log shows: a rarer, larger one is not covered"
            ),
        ),
        ("Stopping", "checked" if found.any_time else "assumed", counted),
        (
            "Markov",
            "assumed",
            "the next state and the reward depend on the present state and action alone, and each visit "
            "of a pair draws them anew; what a state leaves out is not covered",
        ),
        (
            "Stationary over the log, and after",
            "assumed",
            "the network was the same while the log was written and stays so; germane watch raises "
            "an alarm when it does not",
        ),
        (
            "The twin does not depend on the log",
            "assumed",
            "it was made from other rows, or from none; a twin estimated from the same rows is "
            "refused where both say so. The policy may depend on it",
        ),
        (
            "Discretisation",
            "assumed",
            "the network has exactly the listed states; what was binned into them is not covered",
        ),
        (
            "The state is observed",
            "assumed",
            "in operation the controller knows which state it is in, without delay",
        ),
    ]
    if real.estimate.provenance.learned_here:
        why = (
            "the codebook's quantiles were learned from the very rows that certify: learn them from "
            "another part of the log, or fix the edges"
        )
        rows.append(("Bins do not depend on the log", "violated", why))
    if found.known_support:
        why = "the network makes no transition that the twin rules out; the log has none"
        rows.append(("Known support", "assumed", why))
    if found.known_rewards:
        rows.append(("Known rewards", "assumed", "the network's mean rewards are the twin's"))
    rows += [("Known besides the log", "assumed", why) for why in found.within]
    return rows
