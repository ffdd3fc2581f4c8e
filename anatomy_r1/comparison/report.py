"""An outcome as a document: tables, how to read them, and what must be known before any number.

An outcome as JSON: every number unrounded, as shares, and every flipped question.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from anatomy_r1.comparison import report_tables as rows
from anatomy_r1.comparison import report_tables as system_rows
from anatomy_r1.comparison.outcome import Comparison, Outcome
from anatomy_r1.comparison.paired_tests import DRAWS
from anatomy_r1.comparison.report_tables import p_text
from anatomy_r1.comparison.systems import System
from anatomy_r1.tables.document import Document

GENERATED = "Numbers on generated data (benchmarks in _mini) say nothing about real models, pictures or questions."
FEW = 20
"""Clusters below which an interval's shortfall is worth a word; with 20 it is about one point (docs/statistics.md)."""
_BEFORE = {
    "yes": "It stood so at the commit of every result: it came before the runs.",
    "no": "NOT DECLARED BEFORE THE RUNS: at the commit of at least one result it did not exist, or read otherwise.",
    "unknown": "Whether it came before the runs is not known: git cannot tell from the results' commits.",
}


def document(outcome: Outcome, named: int = rows.NAMED) -> Document:
    """Everything for a reader; `named` flipped questions are named in each direction."""
    tables = (
        rows.verdict_table(outcome),
        system_rows.scores_table(outcome),
        rows.metrics_table(outcome),
        rows.categories_table(outcome),
        system_rows.score_categories_table(outcome),
        rows.flips_table(outcome, named),
        rows.mcnemar_table(outcome),
        system_rows.origins_table(outcome),
    )
    kept = tuple(table for table in tables if table.blocks)
    return Document("Comparison of systems", " ".join(_warnings(outcome)), kept, tuple(_notes(outcome)))


def _warnings(outcome: Outcome) -> Iterator[str]:
    told = [f"{panel.benchmark}: {text}." for panel in outcome.panels for text in panel.told]
    if told:
        yield "Compared although not all conditions are known to agree. " + " ".join(told)
    if any(panel.benchmark.endswith("_mini") for panel in outcome.panels):
        yield GENERATED


def _notes(outcome: Outcome) -> Iterator[str]:
    family = outcome.family
    yield (
        "Intervals: 95 %, cluster-robust t, each by itself (Holm adjusts p, not intervals); clusters = independent "
        "units (videos, slides, patients or images). "
        "Differences are paired: question by question, over the seeds that both systems have, averaged first."
    )
    yield _verdict_note(outcome)
    yield (
        "A verdict is of the weights that were compared. Over clusters and seeds: 95 % interval of the difference for "
        "another training on other clusters, from three seeds on. Marked (these weights): there is none, a better or "
        "worse whose interval holds zero, no detectable difference whose interval holds "
        f"{100 * outcome.family.smallest_difference:g} points."
    )
    yield _family_note(outcome)
    yield _test_note(outcome)
    yield (
        "MDD: minimum detectable difference at 80 % power with the observed standard error, at level "
        f"{p_text(family.strictest_level)} where the difference is tested and {family.level} elsewhere. "
        "A dash: the clusters do not vary, or there is only one, so that nothing can be estimated."
    )
    yield (
        "seed SD: standard deviation over training seeds, in points. Interquartile mean: over seeds, with its own "
        "95 % interval (Tukey and McLaughlin): what other seeds might have shown. Full list of flips: the JSON."
    )
    if any(one.difference(family.metric).interval.clusters < FEW for one in outcome.comparisons):
        yield (
            f"Fewer than {FEW} clusters: intervals hold the truth less often than they say, in 93 % with seven and in "
            "87 % where these are of very unequal size (docs/statistics.md)."
        )
    if any(one.difference(family.metric).interval.degenerate for one in outcome.comparisons):
        yield "An interval of no width: all clusters differ alike, which shows lack of variation, not certainty."
    yield f"Compared by code at commit {outcome.code[:10] or 'unknown'}. Research only, not for clinical use."


def _verdict_note(outcome: Outcome) -> str:
    family = outcome.family
    return (
        f"Verdict (our rule): better or worse where p (Holm) is at most {family.level}; else underpowered where even "
        f"the smallest possible p (Holm) is above {family.level}, or the MDD above "
        f"{100 * family.smallest_difference:g} points; else no detectable difference."
    )


def _family_note(outcome: Outcome) -> str:
    family, declared = outcome.family, outcome.declaration
    lacking = len(family.pairs) - sum(one.test is not None for one in outcome.comparisons)
    size = f"{len(family.pairs)} comparison{'s' if len(family.pairs) > 1 else ''}"
    if declared is None:
        return f"Family for Holm: {family.name} ({size}). Not declared before the runs: give --family FILE for that."
    commit = f"commit {declared.commit[:10]} of {declared.committed}" if declared.commit else "not committed"
    missing = f" {lacking} of them not made here, each counted with p = 1." if lacking else ""
    return (
        f"Family for Holm: {family.name} ({size}), {declared.path}, SHA-256 {declared.sha256[:16]}, {commit}; it says "
        f"{family.declared}. {_BEFORE[declared.before]}{missing}"
    )


def _test_note(outcome: Outcome) -> str:
    tests = [one.test for one in outcome.comparisons if one.test]
    kinds = []
    if any(test.flip.exact for test in tests):
        kinds.append("every sign pattern counted where there are at most 32 clusters")
    if drawn := next((test.flip for test in tests if not test.flip.exact), None):
        kinds.append(
            f"{DRAWS:,} random patterns (seed {drawn.seed}), the observed one counted in, where there are more"
        )
    return f"p: two-sided paired sign-flip test over clusters; {' and '.join(kinds) or 'no comparison was tested'}."


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
