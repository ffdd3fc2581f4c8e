"""An outcome as JSON: every number unrounded, as shares, and every flipped question."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from anatomy_r1.comparison.outcome import Comparison, Outcome
from anatomy_r1.comparison.systems import System

VERSION = 1
"""Of this format."""


def as_json(outcome: Outcome) -> str:
    """The whole outcome; numbers are shares between 0 and 1, not percent."""
    family = outcome.family
    content = {
        "version": VERSION,
        "unit": "shares",
        "code": outcome.code,
        "family": {**asdict(family), "pairs": [sorted(pair) for pair in family.pairs]},
        "declaration": asdict(outcome.declaration) if outcome.declaration else None,
        "systems": {system.name: _system(system) for panel in outcome.panels for system in panel.systems},
        "conditions": {panel.benchmark: list(panel.told) for panel in outcome.panels},
        "scores": [
            {**{key: _plain(getattr(score, key)) for key in _SCORE}, "system": score.system.name}
            for score in outcome.scores
        ],
        "comparisons": [_comparison(one) for one in outcome.comparisons],
    }
    return _lines(content)


def _lines(content: dict[str, Any]) -> str:
    """JSON with a line for each score and comparison: the encoder that indents takes ten times as long."""
    parts = [f" {json.dumps(key)}: {_value(value)}" for key, value in content.items()]
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _value(value: Any) -> str:
    if not isinstance(value, list) or not value:
        return json.dumps(value, allow_nan=False)
    return "[\n  " + ",\n  ".join(json.dumps(one, allow_nan=False) for one in value) + "\n ]"


_SCORE = ("metric", "category", "interval", "seeds", "spread", "over_seeds")


def _system(system: System) -> dict[str, Any]:
    return {
        "benchmark": system.benchmark,
        "conditions": {kind: dict(fields) for kind, fields in system.conditions.items()},
        "runs": {run.seed: dict(run.origin) for run in system.runs},
    }


def _comparison(one: Comparison) -> dict[str, Any]:
    return {
        "benchmark": one.benchmark,
        "baseline": one.baseline.name,
        "other": one.other.name,
        "seeds": list(one.seeds),
        "spread": one.spread,
        "retrained": asdict(one.retrained) if one.retrained else None,
        "differences": [asdict(difference) for difference in one.differences],
        "test": asdict(one.test) if one.test else None,
        "mcnemar": [asdict(found) for found in one.discordances],
        "flips": {
            **_named(one.flips),
            "gained": [*map(_named, one.flips.gained)],
            "lost": [*map(_named, one.flips.lost)],
        },
    }


def _named(record: Any) -> dict[str, Any]:
    """Fields of a record whose values are plain; `asdict` would look into each of them."""
    return {name: getattr(record, name) for name in record.__dataclass_fields__}


def _plain(value: Any) -> Any:
    return asdict(value) if hasattr(value, "__dataclass_fields__") else value
