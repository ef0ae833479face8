"""The command ``watch``: the set a certificate is for, the stream, and its record, ``germane.watch/1``."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..certificates import Comparison, Departure, SampledComparison, Watch
from ..errors import InvalidParameter, MalformedFile
from ..logs import kpi_transitions, parse_codebook, ready_transitions
from . import _certify, _inputs, _verify

if TYPE_CHECKING:
    from ._inputs import Model, Reading


def opened(
    certificate: Path,
    *,
    named: Mapping[str, str | None],
    how: Reading,
    tolerances: tuple[float | None, float | None],
    against: Sequence[str],
    alpha: float,
) -> tuple[Watch, Model]:
    """The watch over the set that the certificate is for, and the real network as it was named.

    Args:
        certificate: what ``germane certify --out`` wrote.
        named: real network, twin and policy; those that are ``None`` are looked for beside it.
        how: how they are to be read; its range of rewards is that of a model.
        tolerances: ``--tv-tolerance`` and ``--reward-tolerance``.
        against: models to look out for.
        alpha: as for :class:`Watch`.

    Raises:
        MalformedFile: the file is no certificate.
        InvalidParameter: a model is not the one that the certificate is about, or is not there.
    """
    about = _read(certificate)
    names = _verify.named_or_beside(certificate, **named)
    real, twin = _certify.read_both(names["real"], names["twin"], how)
    policy = _inputs.read_policy(names["policy"], real.mdp) if "policy" in names else None
    counted = real.estimate
    prints = {"twin": twin.mdp.fingerprint()}
    prints |= {"log": counted.fingerprint()} if counted else {"real": real.mdp.fingerprint()}
    for role, fingerprint in prints.items():
        if about["fingerprints"].get(role) != fingerprint:
            name = names["twin" if role == "twin" else "real"]
            raise InvalidParameter(f"{name} is not the {role} that {certificate} is about")
    feared = {spec: _inputs.read_named(spec, how).mdp for spec in against}
    if counted is None:
        c = Comparison(real=real.mdp, twin=twin.mdp, policy=policy)
        watch = Watch(c, alpha=alpha, reward_range=how.reward_range, against=feared)
        return watch, real
    if how.reward_range is not None and not names["real"].endswith(_inputs.LOG_SUFFIXES):
        raise InvalidParameter("the estimate has a range of rewards of its own: no --reward-range")
    options = _certify.log_options(
        (real, twin),
        confidence=about["confidence"],
        known_support=about["sampling"]["known_support"],
        known_rewards=about["sampling"]["known_rewards"],
        tv_tolerance=tolerances[0],
        reward_tolerance=tolerances[1],
    )
    assert options is not None
    within = [known.why for known in options["within"]]
    if within != about["sampling"]["within"]:
        raise InvalidParameter(
            "the certificate rests on other tolerances; give those: "
            + ("; ".join(about["sampling"]["within"]) or "none")
        )
    sampled = SampledComparison(
        real=real.mdp,
        twin=twin.mdp,
        policy=policy,
        estimate=counted,
        **(options | {"within": tuple(options["within"])}),
    )
    return Watch(sampled, alpha=alpha, against=feared), real


def _read(certificate: Path) -> dict[str, Any]:
    try:
        about: dict[str, Any] = json.loads(certificate.read_bytes())
        if not str(about["schema"]).startswith("germane.certificate/"):
            raise KeyError("schema")
        return {name: about[name] for name in ("fingerprints", "confidence")} | {
            "sampling": about.get("sampling")
        }
    except (ValueError, LookupError, TypeError) as error:
        raise MalformedFile(certificate, None, f"not a certificate: {error!r}") from None


def follow(watch: Watch, logs: Sequence[str], real: Model, codebook: str | None) -> None:
    """Feeds the transitions of the logs; of KPIs by the codebook, or by that of the certificate's log."""
    source = logs[0] if len(logs) == 1 else list(logs)
    about = real.estimate.provenance if real.estimate else None
    if codebook is not None:
        rows = kpi_transitions(source, codebook)
    elif about is not None and about.codebook_text is not None:
        rows = kpi_transitions(source, parse_codebook(about.codebook_text))
    else:
        rows = ready_transitions(
            source,
            n_states=real.mdp.n_states,
            n_actions=real.mdp.n_actions,
            columns=about.columns if about else None,
        )
    assert rows.next_state is not None
    watch.update(rows.state, rows.action, rows.reward, rows.next_state)


def record(watch: Watch, real: Model) -> dict[str, Any]:
    """What the watch has seen, as plain JSON values; an infinite evidence is ``null``."""
    alarm = watch.alarm
    departures = alarm.departures if alarm else watch.departures()
    return {
        "schema": "germane.watch/1",
        "answer": "alarm" if alarm else "no alarm",
        "alpha": watch.alpha,
        "n_transitions": watch.n_transitions,
        "evidence": _number(watch.evidence),
        "p_value": watch.p_value,
        "alarm": None if alarm is None else {"step": alarm.step, "reason": alarm.reason},
        "departures": [_departure(found, real) for found in departures],
        "history": [[int(n), _number(evidence)] for n, evidence in watch.history],
    }


def _number(x: float) -> float | None:
    return float(x) if math.isfinite(x) else None


def _departure(found: Departure, real: Model) -> dict[str, Any]:
    names: dict[str, str | None] = {"state_name": None, "action_name": None}
    if found.state is not None and found.action is not None:
        names = {
            "state_name": real.state_name(found.state),
            "action_name": real.action_name(found.state, found.action),
        }
    return vars(found) | names
