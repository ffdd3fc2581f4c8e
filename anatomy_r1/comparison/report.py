"""The report of a comparison: as a document (tables, how to read them, warnings), and as JSON with every number."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from anatomy_r1.comparison import report_tables
from anatomy_r1.comparison.compare import Analysis, Comparison
from anatomy_r1.comparison.report_tables import p_text
from anatomy_r1.comparison.sign_flip import DRAWS, EXACT_CLUSTERS
from anatomy_r1.comparison.systems import System
from anatomy_r1.tables.table import Document

GENERATED = "Numbers on generated data (benchmarks in _mini) say nothing about real models, images or questions."
VERSION = 1
"""Version of the JSON format."""
FEW = 20
"""Clusters below which the report warns that intervals are too narrow: with 20, by about one point of coverage
(docs/statistics.md)."""
_BEFORE = {
    "yes": "It was identical at the commit of every result: it was declared before the runs.",
    "no": "NOT DECLARED BEFORE THE RUNS: at the commit of at least one result it did not exist, or read otherwise.",
    "unknown": "Whether it was declared before the runs is not known: git cannot tell from the results' commits.",
}


def document(analysis: Analysis, named: int = report_tables.NAMED) -> Document:
    """The report for readers; it names up to `named` flipped questions in each direction."""
    tables = (
        report_tables.verdict_table(analysis),
        report_tables.scores_table(analysis),
        report_tables.metrics_table(analysis),
        report_tables.categories_table(analysis),
        report_tables.score_categories_table(analysis),
        report_tables.flips_table(analysis, named),
        report_tables.origins_table(analysis),
    )
    kept = tuple(table for table in tables if table.blocks)
    return Document("Comparison of systems", " ".join(_warnings(analysis)), kept, tuple(_notes(analysis)))


def _warnings(analysis: Analysis) -> Iterator[str]:
    caveats = [f"{panel.benchmark}: {text}." for panel in analysis.panels for text in panel.caveats]
    if caveats:
        yield "Compared although not all conditions are known to agree. " + " ".join(caveats)
    if any(panel.benchmark.endswith("_mini") for panel in analysis.panels):
        yield GENERATED


def _notes(analysis: Analysis) -> Iterator[str]:
    family = analysis.family
    smallest = f"{100 * family.smallest_difference:g} points"
    intervals = [one.difference(family.metric).interval for one in analysis.comparisons]
    yield (
        "Intervals: 95 %, cluster-robust t, each on its own (Holm adjusts p, not intervals); clusters are independent "
        "units (videos, slides, patients or images). Differences are paired: question by question, averaged first over "
        "the seeds that both systems have."
    )
    yield (
        f"Verdict (our rule): better or worse if p (Holm) is at most {family.level}; else underpowered if even the "
        f"smallest possible p (Holm) is above {family.level}, or the MDD is above {smallest}; else no detectable "
        "difference."
    )
    yield (
        "A verdict is about the weights that were compared. Over clusters and seeds: 95 % interval of the difference "
        "for another training on other clusters, given from three seeds on. Marked (these weights): there is no such "
        f"interval, or it includes zero (better, worse) or {smallest} (no detectable difference)."
    )
    yield _family_note(analysis)
    yield _test_note(analysis)
    yield (
        "MDD: minimum detectable difference at 80 % power with the observed standard error, at level "
        f"{p_text(family.strictest_level)} for tested differences and {family.level} for the others. A dash: the "
        "clusters do not vary, or there is only one, so nothing can be estimated."
    )
    yield (
        "seed SD: standard deviation over training seeds, in points. Interquartile mean: over seeds, with its own 95 % "
        "interval (Tukey and McLaughlin) for other seeds. The JSON lists all flipped questions."
    )
    if any(interval.clusters < FEW for interval in intervals):
        yield (
            f"Fewer than {FEW} clusters: 95 % intervals cover the truth less often than they state, 93 % with seven "
            "clusters and 87 % if these are of very unequal size (docs/statistics.md)."
        )
    if any(interval.degenerate for interval in intervals):
        yield "An interval of zero width: all clusters differ by the same amount. It shows no variation, not certainty."
    yield f"Compared by code at commit {analysis.code[:10] or 'unknown'}. Research only, not for clinical use."


def _family_note(analysis: Analysis) -> str:
    family, declared = analysis.family, analysis.declaration
    size = f"{len(family.pairs)} comparison{'s' if len(family.pairs) > 1 else ''}"
    if declared is None:
        return f"Family for Holm: {family.name} ({size}). Not declared before the runs; to declare one: --family FILE."
    commit = f"commit {declared.commit[:10]} of {declared.committed}" if declared.commit else "not committed"
    lacking = len(family.pairs) - sum(one.test is not None for one in analysis.comparisons)
    missing = f" {lacking} of them not made here, each counted with p = 1." if lacking else ""
    return (
        f"Family for Holm: {family.name} ({size}), {declared.path}, SHA-256 {declared.sha256[:16]}, {commit}; "
        f"it is dated {family.declared}. {_BEFORE[declared.before]}{missing}"
    )


def _test_note(analysis: Analysis) -> str:
    flips = [one.test.flip for one in analysis.comparisons if one.test]
    kinds = []
    if any(flip.exact for flip in flips):
        kinds.append(f"all sign patterns for up to {EXACT_CLUSTERS} clusters")
    if drawn := next((flip for flip in flips if not flip.exact), None):
        kinds.append(f"{DRAWS:,} random patterns (seed {drawn.seed}) and the observed one for more clusters")
    return f"p: two-sided paired sign-flip test over clusters; {'; '.join(kinds) or 'no comparison was tested'}."


def as_json(analysis: Analysis) -> str:
    """The whole analysis; numbers are shares between 0 and 1, not percent."""
    family = analysis.family
    content = {
        "version": VERSION,
        "unit": "shares",
        "code": analysis.code,
        "family": {**asdict(family), "pairs": [sorted(pair) for pair in family.pairs]},
        "declaration": asdict(analysis.declaration) if analysis.declaration else None,
        "systems": {system.name: _system(system) for panel in analysis.panels for system in panel.systems},
        "conditions": {panel.benchmark: list(panel.caveats) for panel in analysis.panels},
        "scores": [
            {
                "metric": score.metric,
                "category": score.category,
                "interval": asdict(score.interval),
                "seeds": score.seeds,
                "spread": score.spread,
                "over_seeds": asdict(score.over_seeds),
                "system": score.system.name,
            }
            for score in analysis.scores
        ],
        "comparisons": [_comparison(one) for one in analysis.comparisons],
    }
    parts = [f" {json.dumps(key)}: {_value(value)}" for key, value in content.items()]
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _value(value: Any) -> str:
    """JSON with one line for each item of a list: the encoder's own indentation takes ten times as long."""
    if not isinstance(value, list) or not value:
        return json.dumps(value, allow_nan=False)
    return "[\n  " + ",\n  ".join(json.dumps(one, allow_nan=False) for one in value) + "\n ]"


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
        "flips": {
            **_fields(one.flips),
            "gained": [*map(_fields, one.flips.gained)],
            "lost": [*map(_fields, one.flips.lost)],
        },
    }


def _fields(record: Any) -> dict[str, Any]:
    """Fields of a record of plain values; `asdict` copies each of them, which takes longer."""
    return {name: getattr(record, name) for name in record.__dataclass_fields__}
