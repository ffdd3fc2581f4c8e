"""What results and training curves say about a claim.

Results: comparisons, gains, unevenness over anatomies, and a row's own scores. The comparisons that the claims ask for
are made by `anatomy_r1.comparison`, as one family. Curves: statements about Figs. 1, 2, 5 and 6, as `python -m reports
figures` computes them from training logs (`figure_statements.csv`: for each statement the figure, name, benchmark,
model, quantity, estimate with interval over seeds, and verdict). A claim names the statements that bear on it (`curves`
in `claims.csv`).
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, NamedTuple

from anatomy_r1.comparison.compare import Comparison, compare
from anatomy_r1.comparison.family import METRICS, Family
from anatomy_r1.comparison.panel import ALL, Panel, difference, panels
from anatomy_r1.comparison.report import difference_cell, interval_text, p_text, signed
from anatomy_r1.comparison.statistics import RetrainingInterval, retraining_interval
from anatomy_r1.comparison.systems import System, load_systems
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.results.store import MATCHED
from anatomy_r1.tables.table import with_interval
from reports.audit.claims import Claim
from reports.ledger.judgement import NONE, ClaimVerdict, Judgement, combined, of_comparison, of_interval
from reports.scores.names import MINI, MODELS, TITLES, benchmark_title, model_title
from reports.scores.scores import Score, SystemKey

Scale = Literal["paper", "mini"]
METRIC = METRICS[0]
"""The one metric that is tested: Avg@5. Testing no other prevents picking one afterwards."""
_ALLOWED = ("prompts", "seeds")
"""What may differ: each method is prompted in the style it was trained in, and not all ran all seeds. Notes say so."""


class Wanted(NamedTuple):
    """A comparison: is `left` better than `right`?"""

    benchmark: str
    model: str
    left: str
    right: str


@dataclass(frozen=True, eq=False)
class Comparisons:
    """All comparisons at one scale."""

    by_pair: Mapping[Wanted, Comparison]
    panels: tuple[Panel, ...]
    family: int
    """Comparisons that Holm's procedure corrects for."""
    told: tuple[str, ...]
    """What differs between the systems compared."""


NO_COMPARISONS = Comparisons({}, (), 0, ())


class Measurements(NamedTuple):
    """Everything measured at one scale."""

    comparisons: Comparisons
    scores: Mapping[tuple[SystemKey, str, str], Score]
    """By group, metric and category."""


def wanted(claim: Claim, scale: Scale) -> tuple[Wanted, ...]:
    """Comparisons that a claim is about, under our names at that scale."""
    suffix = MINI if scale == "mini" else ""
    return tuple(
        Wanted(benchmark + suffix, ours(model, scale), left, right)
        for model in claim.models
        for benchmark in claim.benchmarks
        for left in claim.left
        for right in claim.right
    )


def ours(paper_model: str, scale: Scale) -> str:
    """Our model that takes the place of the paper's."""
    return next(
        name
        for name, model in MODELS.items()
        if model.paper == paper_model and name.startswith("mini-") == (scale == "mini")
    )


def compared(store: Path, claims: Sequence[Claim], scale: Scale) -> Comparisons:
    """Every comparison that the store has the results for; those of claims of kind `higher` are tested together."""
    asked = {claim.id: wanted(claim, scale) for claim in claims if claim.kind in ("higher", "gain", "uneven")}
    names = {f"{one.benchmark}/{one.model}/{side}/{MATCHED}" for of in asked.values() for one in of for side in one[2:]}
    systems = [system for system in load_systems([str(store)], None) if system.name in names]
    found = _panels(systems)
    pairs = {one: pair for of in asked.values() for one in of if (pair := _pair(found, one))}
    claimed = [one for claim in claims if claim.kind == "higher" for one in asked[claim.id]]
    tested = {frozenset(system.name for system in pairs[one]) for one in claimed if one in pairs}
    if not tested:
        return NO_COMPARISONS
    narrowed = [replace(panel, pairs=of) for panel in found if (of := _of(panel, pairs.values()))]
    family = Family("claims of the paper", METRIC, tuple(sorted(tested, key=sorted)))
    made = {frozenset((c.baseline.name, c.other.name)): c for c in compare(narrowed, family)}
    by_pair = {one: made[frozenset(system.name for system in pair)] for one, pair in pairs.items()}
    told = tuple(f"{panel.benchmark}: {text}" for panel in narrowed for text in panel.caveats)
    return Comparisons(by_pair, tuple(narrowed), len(tested), told)


def _panels(systems: Sequence[System]) -> list[Panel]:
    by_benchmark: dict[str, list[System]] = {}
    for system in systems:
        by_benchmark.setdefault(system.benchmark, []).append(system)
    return [panel for of in by_benchmark.values() if len(of) > 1 for panel in panels(of, _ALLOWED)]


def _pair(found: Iterable[Panel], one: Wanted) -> tuple[System, System] | None:
    """Baseline and other, where both ran."""
    by_name = {system.name: system for panel in found for system in panel.systems}
    sides = [by_name.get(f"{one.benchmark}/{one.model}/{method}/{MATCHED}") for method in (one.right, one.left)]
    return (sides[0], sides[1]) if sides[0] and sides[1] else None


def _of(panel: Panel, pairs: Iterable[tuple[System, System]]) -> tuple[tuple[System, System], ...]:
    """The pairs of a panel, each once."""
    return tuple({(a.name, b.name): (a, b) for a, b in pairs if a.benchmark == panel.benchmark}.values())


_LISTED = 4
"""Most comparisons that are listed one by one."""


def measured(claim: Claim, of: Measurements, scale: Scale) -> Judgement:
    """The judgement from results at one scale; `NONE` where they do not bear on the claim, or nothing ran."""
    if claim.kind == "higher":
        return _higher(claim, of.comparisons, scale)
    if claim.kind == "gain":
        return _gain(claim, of.comparisons, scale)
    if claim.kind == "uneven":
        return _uneven(claim, of.comparisons, scale)
    return _row(claim, of.scores, scale) if claim.kind == "row" else NONE


def _higher(claim: Claim, compared: Comparisons, scale: Scale) -> Judgement:
    asked = wanted(claim, scale)
    ran = [(one, compared.by_pair[one]) for one in asked if one in compared.by_pair]
    words = [(one, found, found.test) for one, found in ran if found.test]
    if not words:
        return NONE
    verdicts = [of_comparison(test.verdict, test.of_these_weights) for _, _, test in words]
    counts = Counter(test.verdict + " (these weights)" * test.of_these_weights for _, _, test in words)
    told = ", ".join(f"{word} in {count}" for word, count in sorted(counts.items()))
    missing = f"; {len(asked) - len(ran)} more did not run" if len(ran) < len(asked) else ""
    shown = "; ".join(_text(one, found) for one, found in ran[:_LISTED]) if len(ran) <= _LISTED else _range(ran)
    return Judgement(
        combined(verdicts, claim.quantifier), f"Of {len(ran)} comparisons by Avg@5: {told}{missing}. {shown}."
    )


def _text(one: Wanted, found: Comparison) -> str:
    """`mini-l, SGG-VQA (Anatomy), mini world, GRPO minus SFT: -20.51 [-22.49, -18.54], p (Holm) 0.0001, MDD 4, ...`."""
    difference = found.difference(METRIC)
    cell = difference_cell(difference.interval)
    p = f", p (Holm) {p_text(found.test.p)}" if found.test else ""
    power = "" if difference.detectable is None else f", MDD {100 * difference.detectable:.2f}"
    again = found.retrained
    seeds = f", over clusters and seeds {interval_text(again.low, again.high)}" if again else ""
    return f"{_where(one)}: {cell.text} {cell.aside}{p}{power}{seeds}"


def _where(one: Wanted) -> str:
    names = f"{TITLES.get(one.left, one.left)} minus {TITLES.get(one.right, one.right)}"
    return f"{_model_and_benchmark(one)}, {names}"


def _model_and_benchmark(one: Wanted | CurveStatement) -> str:
    return f"{model_title(one.model, paper_beside=False)}, {benchmark_title(one.benchmark)}"


def _range(ran: Sequence[tuple[Wanted, Comparison]]) -> str:
    """The lowest and the highest difference, where there are too many to list."""
    ordered = sorted(ran, key=lambda one: one[1].difference(METRIC).interval.mean)
    return f"Lowest: {_text(*ordered[0])}. Highest: {_text(*ordered[-1])}"


def _gain(claim: Claim, compared: Comparisons, scale: Scale) -> Judgement:
    """Is the gain of the first model larger than that of the second? Question by question, over clusters and seeds."""
    found: list[tuple[str, RetrainingInterval | None]] = []
    for benchmark in dict.fromkeys(one.benchmark for one in wanted(claim, scale)):
        first, second = (
            compared.by_pair.get(Wanted(benchmark, ours(model, scale), claim.left[0], claim.right[0]))
            for model in claim.models[:2]
        )
        panel = next((panel for panel in compared.panels if panel.benchmark == benchmark), None)
        if panel and first and second:
            seeds = sorted(set(first.seeds) & set(second.seeds))
            gains = (
                [difference(panel, pair.baseline, pair.other, seed, METRIC) for seed in seeds]
                for pair in (first, second)
            )
            values = [a - b for a, b in zip(*gains, strict=True)]
            found.append((benchmark, retraining_interval(values, panel.clusters) if values else None))
    if not found:
        return NONE
    told = "; ".join(f"{benchmark_title(name)}: {_interval(of)}" for name, of in found)
    verdict = combined([of_interval(of.low, of.high) if of else "underpowered" for _, of in found])
    return Judgement(verdict, f"Gain of the larger model minus that of the smaller, Avg@5, by interval alone: {told}.")


def _uneven(claim: Claim, compared: Comparisons, scale: Scale) -> Judgement:
    """Do some categories gain while others do not? By intervals, without correction for how many there are."""
    verdicts: list[ClaimVerdict] = []
    told: list[str] = []
    for one in wanted(claim, scale):
        if one in compared.by_pair:
            of = [d for d in compared.by_pair[one].differences if d.category != ALL and d.metric == METRIC]
            gains = sorted(d.category for d in of if d.interval.low is not None and d.interval.low > 0)
            stays = sorted(d.category for d in of if d.category not in gains)
            verdicts.append("confirmed" if gains and stays else "contradicted" if gains else "not confirmed")
            told.append(
                f"{_where(one)}: gain in {', '.join(gains) or 'none'}; none shown in {', '.join(stays) or 'none'}"
            )
    return Judgement(combined(verdicts), f"Avg@5 by anatomy: {'. '.join(told)}.") if told else NONE


def _row(claim: Claim, scores: Mapping[tuple[SystemKey, str, str], Score], scale: Scale) -> Judgement:
    """Our scores of a row, for orientation: another model on other data confirms nothing."""
    suffix = MINI if scale == "mini" else ""
    told = []
    for benchmark in claim.benchmarks:
        group = SystemKey(benchmark + suffix, ours(claim.models[0], scale), claim.left[0], MATCHED)
        score = scores.get((group, METRIC, ALL))
        if score and score.low is not None and score.high is not None:
            shown = with_interval(score.percent, score.low, score.high)
            told.append(f"{benchmark_title(group.benchmark)} {shown}")
    return Judgement("none", f"Avg@5 here, for orientation only: {'; '.join(told)}.") if told else NONE


def _interval(of: RetrainingInterval | None) -> str:
    return f"{signed(of.mean)} {interval_text(of.low, of.high)}" if of else "fewer than three seeds in common"


COLUMNS = ("figure", "statement", "benchmark", "model", "quantity", "estimate", "low", "high", "verdict")
_WORDS: dict[str, ClaimVerdict] = {
    "as in the paper": "confirmed",
    "not resolved": "not confirmed",
    "no spread over seeds": "not confirmed",
    "no interval": "not confirmed",
    "not run": "none",
    "contradicts the paper": "contradicted",
    "no claim": "none",
}
"""First words of a verdict in the file -> our verdict."""


@dataclass(frozen=True, slots=True)
class CurveStatement:
    """One statement about training curves, on one benchmark and model."""

    name: str
    """Figure and statement, `5 asc-rises`."""
    benchmark: str
    model: str
    quantity: str
    numbers: str
    """Estimate and interval, as the file has them."""
    verdict: ClaimVerdict


def load_curves(path: Path) -> tuple[CurveStatement, ...]:
    """Read the file.

    Raises:
        AnatomyR1Error: when it is missing, or a line is not a statement.
    """
    try:
        with path.open(encoding="utf-8", newline="") as handle:
            return tuple(_curve_statement(row) for row in csv.DictReader(handle))
    except (OSError, KeyError, TypeError, ValueError, AttributeError) as error:
        fix = f"name figure_statements.csv, with the columns {', '.join(COLUMNS)}"
        raise AnatomyR1Error(f"{path}: no statements of figures ({error}). Fix: {fix}") from error


def _curve_statement(row: Mapping[str, str]) -> CurveStatement:
    name = f"{row['figure']} {row['statement']}"
    numbers = _numbers(row["estimate"], row["low"], row["high"])
    verdict = next((ours_ for word, ours_ in _WORDS.items() if row["verdict"].startswith(word)), None)
    if verdict is None:
        raise ValueError(f"{name}: unknown verdict {row['verdict']!r}")
    return CurveStatement(name, row["benchmark"], row["model"], row["quantity"], numbers, verdict)


def _numbers(estimate: str, low: str, high: str) -> str:
    """With three decimals; one seed has no interval, and what did not run has no number."""
    if not estimate:
        return "no number"
    return with_interval(float(estimate), float(low) if low else None, float(high) if high else None, "+.3f")


def judged_by_curves(claim: Claim, statements: Sequence[CurveStatement], scale: Scale) -> Judgement:
    """The judgement on one claim, over its models and benchmarks; `NONE` where no statement bears on it."""
    suffix = MINI if scale == "mini" else ""
    models = {ours(model, scale) for model in claim.models}
    benchmarks = {benchmark + suffix for benchmark in claim.benchmarks}
    of = [s for s in statements if s.name in claim.curves and s.model in models and s.benchmark in benchmarks]
    verdicts = [one.verdict for one in of if one.verdict != "none"]
    if not verdicts:
        return NONE
    told = "; ".join(f"{_model_and_benchmark(one)}: {one.quantity}: {one.numbers}, {one.verdict}" for one in of)
    return Judgement(combined(verdicts), f"From training logs, intervals over seeds. {told}.")
