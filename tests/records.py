"""Records of certificates, written by hand: what the report is tested on without any solver."""

from __future__ import annotations

import copy
from typing import Any

RECORD: dict[str, Any] = {
    "schema": "germane.report/1",
    "title": "North cell and its twin",
    "question": {"max_regret": 3.5},
    "answer": "pass",
    "units": {"name": "euros", "meaning": "One euro is one euro."},
    "real": {
        "name": "north.npz",
        "n_states": 5,
        "n_actions": 2,
        "n_transitions": 21,
        "notes": ["4 missing actions were filled in"],
        "log": None,
    },
    "twin": {
        "name": "twin.npz",
        "n_states": 5,
        "n_actions": 2,
        "n_transitions": 23,
        "notes": [],
        "log": None,
    },
    "gamma": 0.95,
    "effective_horizon": 19.999999999999982,
    "policy": {"name": "learned.npy"},
    "certificate": {
        "schema": "germane.certificate/1",
        "bound": 3.14159265358979,
        "rung": "exact",
        "trivial": 271.828182845905,
        "vacuous": False,
        "confidence": 1.0,
        "for_policy": True,
        "twin_regret": 0.577215664901533,
        "max_diagonal": [4.66920160910299, 4.66920260910299],
        "per_state": [1.61803398874989, 0.69314718055994, 3.14159265358979, 2.23606797749979, 0.5],
        "rungs": [
            {
                "name": "L0",
                "title": "Trivial: range of the rewards",
                "value": 271.828182845905,
                "lower": 0.0,
                "share": 1.0,
                "vacuous": True,
                "parts": {},
            },
            {
                "name": "L1",
                "title": "Theorem 1, total variation",
                "value": 8128.12345678901,
                "lower": 0.0,
                "share": 29.9016950,
                "vacuous": True,
                "parts": {"reward gap": 6561.5, "transition gap": 1544.11, "training": 22.51},
            },
            {
                "name": "exact",
                "title": "Exact regret of this policy",
                "value": 3.14159265358979,
                "lower": 3.14159265358900,
                "share": 0.01155727,
                "vacuous": False,
                "parts": {},
            },
            {
                "name": "L3",
                "title": "Theorem 1, DT-BSM",
                "value": 209.279515,
                "lower": 0.0,
                "share": 0.76989632,
                "vacuous": False,
                "parts": {"model gap": 186.768104, "training": 22.51141},
            },
        ],
        "skipped": {"L9": "it would need 77 GB"},
        "drivers": [],
        "sampling": None,
        "fingerprints": {"real": "ab" * 32, "twin": "cd" * 32, "policy": "ef" * 32},
    },
    "bound_per_step": 0.15707963267949,
    "metric": {
        "max_diagonal": [4.66920160910299, 4.66920260910299],
        "error_bound": 0.00000173205,
        "n_sweeps": 6,
        "n_pivots": 1234,
        "stop": "tolerance",
        "stop_in_words": "the tolerance asked for was met",
    },
    "multipliers": [
        {"rung": "L1", "what": "the gap", "formula": "2/(1 − γ)²", "value": 799.9999999999986},
        {"rung": "L3", "what": "the distance", "formula": "2/(1 − γ)", "value": 39.99999999999996},
    ],
    "twin_errors": [
        {
            "parameter": "eMBB: arrival rate",
            "unit": "1/s",
            "real": 0.0523,
            "twin": 0.0601,
            "relative": 0.149139579349904,
        }
    ],
    "repairs": {
        "rung": "L4",
        "before": 6.62607015,
        "vacuous": False,
        "first": [
            {
                "subject": "eMBB: arrival rate",
                "part": "parameter",
                "unit": "1/s",
                "real": 0.0523,
                "twin": 0.0601,
                "after": 1.380649,
                "remaining": 0.208366,
            },
            {
                "subject": "eMBB: 3 queued; URLLC: 2 in service: admit 7 URLLC",
                "part": "transitions",
                "unit": "",
                "real": None,
                "twin": None,
                "after": 6.02214076,
                "remaining": 0.908855,
            },
        ],
    },
    "samples": None,
    "drivers": [
        {
            "state": 4,
            "state_name": "eMBB: 3 queued; URLLC: 2 in service",
            "actions": [0, 1],
            "action_names": ["admit nothing", "admit 7 URLLC"],
            "n_visits": None,
            "reward_real": 12.25,
            "reward_twin": 11.125,
            "reward_gap": 1.125,
            "total_variation": 0.0823456,
            "mismatch": 9.4247779,
            "relative": 1.0,
        }
    ],
    "states": {
        "median": 1.61803398874989,
        "worst": [
            {"state": 2, "name": "eMBB: 8 queued", "bound": 3.14159265358979},
            {"state": 3, "name": "eMBB: 9 queued", "bound": 2.23606797749979},
        ],
    },
    "assumptions": [
        {"name": "Bounded rewards", "status": "checked", "why": "rewards lie in [-4, 17]"},
        {"name": "Markov", "status": "assumed", "why": "it cannot be seen in the models"},
        {"name": "Stationary", "status": "violated", "why": "the load drifts"},
    ],
    "evidence": {
        "loss": {"lower": 3.14159265358900, "upper": 3.14159265358979},
        "policies": [
            {
                "name": "learned.npy",
                "loss_in_twin": 0.577215664901533,
                "loss_on_real": 3.14159265358979,
                "certified": True,
            },
            {
                "name": "optimal in the twin (planned)",
                "loss_in_twin": 3.3e-12,
                "loss_on_real": 2.71828182845905,
                "certified": False,
            },
        ],
    },
    "training": {
        "name": "Q-learning, 90 000 steps",
        "checkpoints": [
            {"n_steps": 1000, "loss_in_twin": 41.4213562, "loss_on_real": 43.5889894},
            {"n_steps": 90000, "loss_in_twin": 0.57721566, "loss_on_real": 3.14159265},
        ],
    },
    "provenance": {
        "command": "germane certify north.npz twin.npz --policy learned.npy --out DIR",
        "settings": {"tol": 1e-06, "max_seconds": None},
        "versions": {"germane": "0.1.0", "python": "3.11.7"},
    },
    "timings": {"metric_seconds": 123.456, "total_seconds": 654.321},
}
"""A policy that passes, with every part that a record can have."""


def record(**changes: Any) -> dict[str, Any]:
    """A copy of ``RECORD``; ``a__b=value`` sets ``record["a"]["b"]``."""
    made = copy.deepcopy(RECORD)
    for path, value in changes.items():
        *parents, last = path.split("__")
        place = made
        for name in parents:
            place = place[name]
        place[last] = value
    return made


def vacuous(**changes: Any) -> dict[str, Any]:
    """No policy in particular, and nothing better than the trivial bound."""
    rungs = [rung for rung in copy.deepcopy(RECORD["certificate"]["rungs"]) if rung["vacuous"]]
    return record(
        **{
            "answer": "cannot certify",
            "policy": None,
            "states": None,
            "certificate__bound": RECORD["certificate"]["trivial"],
            "certificate__rung": "L0",
            "certificate__vacuous": True,
            "certificate__for_policy": False,
            "certificate__per_state": None,
            "certificate__rungs": rungs,
            "evidence__loss": None,
            "training": None,
            **changes,
        }
    )


def free_of_policies(**changes: Any) -> dict[str, Any]:
    """All policies that are optimal in the twin; the bound is L3, which leaves the limit open."""
    rungs = [r for r in copy.deepcopy(RECORD["certificate"]["rungs"]) if r["name"] != "exact"]
    return record(
        **{
            "answer": "cannot certify",
            "policy": None,
            "states": None,
            "certificate__bound": 209.279515,
            "certificate__rung": "L3",
            "certificate__for_policy": False,
            "certificate__twin_regret": 0.0,
            "certificate__per_state": None,
            "certificate__rungs": rungs,
            "evidence__loss": None,
            "training": None,
            **changes,
        }
    )


def from_a_log(**changes: Any) -> dict[str, Any]:
    """A policy whose loss is bounded from a log alone, with 95 % confidence."""
    rungs = [r for r in copy.deepcopy(RECORD["certificate"]["rungs"]) if r["name"] == "L0"]
    rungs += [
        {
            "name": "S8",
            "title": "Robust around the twin's value, from samples",
            "value": 31.4159265358979,
            "lower": 0.0,
            "share": 0.1155727349790921,
            "vacuous": False,
            "parts": {},
        },
        {
            "name": "S3",
            "title": "Residual of the twin's value, from samples",
            "value": 77.2156649015329,
            "lower": 0.0,
            "share": 0.2840605,
            "vacuous": False,
            "parts": {"mismatch seen": 12.5, "sampling": 64.7156649015329},
        },
    ]
    sampling = {
        "ledger": {"look-ahead means": 0.025, "laws": 0.0125, "set 1: counts of parts": 0.0125},
        "any_time": True,
        "n_rows": 8411,
        "dropped": {"gap in time": 397, "no user": 0, "reward missing": 14},
        "n_transitions": 8000,
        "n_pairs": 10,
        "n_unvisited": 3,
        "n_played": 5,
        "n_played_unvisited": 1,
        "missing_mass": 0.0345,
        "reward_range": [-4.0, 17.0],
        "range_given": False,
        "known_support": False,
        "known_rewards": False,
        "within": ["counts of parts"],
    }
    samples = {
        "target": 3.5,
        "limit": True,
        "reason": None,
        "expected_bound": 3.4321,
        "bound_now": 31.4159265358979,
        "floor": 0.00123,
        "n_samples": 123456,
        "cost": 123456.0,
        "n_pairs": 7,
        "more": [{"state": 3, "action": 1, "visits": 98765}],
        "first": [
            {
                "state": 3,
                "state_name": "eMBB: 9 queued",
                "action": 1,
                "action_name": "admit 7 URLLC",
                "n_visits": 11,
                "more": 98765,
            }
        ],
    }
    driver = RECORD["drivers"][0] | {"n_visits": 23, "reward_real": 12.25}
    log = {
        "n_rows": 8411,
        "n_transitions": 8000,
        "dropped": {"gap in time": 397, "reward missing": 14},
        "n_unvisited": 3,
        "sources": [{"name": "north.csv", "sha256": "12" * 32}],
        "codebook": "34" * 32,
        "part": [0, 1],
        "only": {},
    }
    return record(
        **{
            "answer": "cannot certify",
            "real__log": log,
            "certificate__bound": 31.4159265358979,
            "certificate__rung": "S8",
            "certificate__confidence": 0.95,
            "certificate__max_diagonal": None,
            "certificate__rungs": rungs,
            "certificate__sampling": sampling,
            "certificate__fingerprints": {"log": "ab" * 32, "twin": "cd" * 32},
            "samples": samples,
            "metric": None,
            "multipliers": [],
            "repairs": None,
            "twin_errors": [],
            "drivers": [driver],
            "evidence": None,
            "training": None,
            **changes,
        }
    )
