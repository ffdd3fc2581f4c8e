"""A gate as JSON: every number unrounded, as shares, and every flipped question."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from anatomy_r1.comparison.regression_gate.gate import Gate, Judged, Pair
from anatomy_r1.comparison.regression_gate.words import headline, warnings

VERSION = 1
"""Of this format."""


def as_json(gate: Gate) -> str:
    """The whole gate; numbers are shares between 0 and 1, not percent."""
    content = {
        "version": VERSION,
        "unit": "shares",
        "code": gate.code,
        "outcome": headline(gate),
        "warnings": list(warnings(gate)),
        "rule": asdict(gate.rule),
        "pairs": [_pair(pair) for pair in gate.pairs],
    }
    return json.dumps(content, indent=1, allow_nan=False) + "\n"


def _pair(pair: Pair) -> dict[str, Any]:
    sides = {"reference": pair.reference, "fresh": pair.fresh}
    return {
        "benchmark": pair.benchmark,
        "runs": {side: [{"seed": run.seed, **run.origin} for run in system.runs] for side, system in sides.items()},
        "judged": [_judged(one) for one in pair.judged],
        "shown": [_judged(one) for one in pair.shown],
        "lost": [asdict(one) for one in pair.lost],
        "gained": [asdict(one) for one in pair.gained],
    }


def _judged(one: Judged) -> dict[str, Any]:
    return {**asdict(one), "fall": one.fall}
