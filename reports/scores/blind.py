"""What the image adds: each system's Avg@5 minus the best rule that sees no image, and what is said of it below tables.

The rule and its answers are recorded with each result (`anatomy_r1.evaluation.blind_difference`, docs/blind.md).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from anatomy_r1.evaluation.blind_difference import BesideBlind, BlindRule, read_rule
from anatomy_r1.results.store import Result
from reports.scores.names import BENCHMARKS, MINI, benchmark_title, rank
from reports.scores.scores import BLIND_MARK, Score, SystemKey, beside_blind_of, by_system

ADD = "python -m baselines blind"
"""The command that adds the record to an older store."""


def beside_blind_by_system(results: Iterable[Result]) -> dict[SystemKey, BesideBlind]:
    """Each system's difference from the best blind rule, or in words why there is none."""
    return {system: beside_blind_of(runs) for system, runs in by_system(results).items()}


def blind_notes(results: Sequence[Result], found: Iterable[Score]) -> list[str]:
    """What `BLIND_MARK` means, if any score carries it; then how many results have no rule, and why."""
    records = [read_rule(result.provenance.get("blind")) for result in results]
    missing = Counter(record for record in records if isinstance(record, str))
    counts = "; ".join(f"{why}, {count} of {len(results)} results" for why, count in sorted(missing.items()))
    meaning = (
        f"{BLIND_MARK} = Avg@5 not above the best rule that sees no image ({blind_rules(results)}): the lower bound of "
        "the paired difference (95 %) is zero or below, so the score has not been shown to need the image. All "
        "differences: python -m reports blind (docs/blind.md)."
    )
    lacking = (
        f"Best rule that sees no image: {counts}; {BLIND_MARK} cannot mark these. {ADD} adds what is not recorded."
    )
    return [*([meaning] if any(score.not_above_blind for score in found) else []), *([lacking] if counts else [])]


def blind_rules(results: Iterable[Result]) -> str:
    """Each benchmark's rules with their accuracy: `SGG-VQA (Anatomy): logistic, 44.83 %`."""
    known: dict[str, dict[str, None]] = {}
    for result in results:
        rule = read_rule(result.provenance.get("blind"))
        if isinstance(rule, BlindRule):
            known.setdefault(result.benchmark, {})[f"{rule.rule}, {100 * rule.accuracy:.2f} %"] = None
    order = sorted(known, key=lambda name: (rank(BENCHMARKS, name.removesuffix(MINI)), name))
    return "; ".join(f"{benchmark_title(name)}: {' or '.join(sorted(known[name]))}" for name in order)
