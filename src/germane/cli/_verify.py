"""The command ``verify``: which files it is about, and its record, schema ``germane.verdict/1``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ..errors import InvalidParameter

if TYPE_CHECKING:
    from ..certificates import Verdict

Answer = Literal["proved", "refuted", "not verified"]

BESIDE = {"real": "real.npz", "twin": "twin.npz", "policy": "policy.npy"}
EXIT_CODES: dict[Answer, int] = {"proved": 0, "refuted": 1, "not verified": 2}


def named_or_beside(certificate: Path, **named: str | None) -> dict[str, str]:
    """Model and policy arguments; those not given are looked for beside the certificate.

    A policy beside a certificate that is for every policy is left where it is.

    Raises:
        InvalidParameter: a model is neither named nor there.
        OSError: the certificate cannot be opened.
    """
    text = certificate.read_bytes()
    found = {role: name for role, name in named.items() if name is not None}
    for role, name in BESIDE.items():
        beside = certificate.parent / name
        if role in found:
            continue
        if role == "policy":
            if _for_policy(text) and beside.exists():
                found[role] = str(beside)
        elif beside.exists():
            found[role] = str(beside)
        else:
            raise InvalidParameter(f"name the {role} model with --{role}: there is no {beside}")
    return found


def _for_policy(text: bytes) -> bool:
    try:
        return bool(json.loads(text)["for_policy"])
    except (ValueError, LookupError, TypeError):
        return True  # whatever it is: let the verdict say so


def answer(verdict: Verdict) -> Answer:
    """The verdict in one word."""
    if verdict.holds:
        return "proved"
    refuted = any(status == "refuted" for _, status, _ in verdict.checks)
    return "refuted" if refuted else "not verified"


def record(verdict: Verdict) -> dict[str, Any]:
    """The verdict as plain JSON values."""
    checks = [dict(zip(("name", "status", "reason"), check)) for check in verdict.checks]
    return {"schema": "germane.verdict/1", "answer": answer(verdict), "checks": checks}
