"""What results and training curves say about a claim.

Results: comparisons, gains, unevenness over anatomies, and a row's own scores. The comparisons that the claims ask for
are made by `anatomy_r1.comparison`, as one family. Curves: statements about Figs. 1, 2, 5 and 6, as `python -m reports
figures` computes them from training logs (`figure_statements.csv`: for each statement the figure, name, benchmark,
model, quantity, estimate with interval over bases or seeds, and verdict). A claim names the statements that bear on it
(`curves` in `claims.csv`).
"""

from __future__ import annotations

import csv
import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from anatomy_r1.bases import RunKey
from anatomy_r1.comparison.cells import difference_cell, interval_text, p_text, signed
from anatomy_r1.comparison.compare import Comparison, compare
from anatomy_r1.comparison.family import METRICS, Family
from anatomy_r1.comparison.panel import ALL, Panel, difference, panels
from anatomy_r1.comparison.retraining import RetrainingInterval, retraining_interval
from anatomy_r1.comparison.systems import System, load_systems
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.results.store import MATCHED, Result
from anatomy_r1.scoring.intervals import CONFIDENCE
from anatomy_r1.tables.table import with_interval
from reports.audit.paper import Claim, Quantifier
from reports.ledger.judgement import NONE, ClaimVerdict, Judgement, combined, of_comparison, of_interval
from reports.scores.names import MINI, MODELS, TITLES, benchmark_title, model_title
from reports.scores.scores import Score, ScoreKey, SystemKey, by_key, scores

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

    @property
    def systems(self) -> tuple[str, str]:
        """Names of baseline and other."""
        right, left = (f"{self.benchmark}/{self.model}/{of}/{MATCHED}" for of in (self.right, self.left))
        return right, left

    @property
    def text(self) -> str:
        """`mini-l, SGG-VQA (Anatomy), mini world, GRPO minus SFT`."""
        names = f"{TITLES.get(self.left, self.left)} minus {TITLES.get(self.right, self.right)}"
        return f"{model_title(self.model, paper_beside=False)}, {benchmark_title(self.benchmark)}, {names}"


@dataclass(frozen=True, eq=False)
class Measurements:
    """Everything measured at one scale."""

    scores: Mapping[ScoreKey, Score] = field(default_factory=dict)
    by_pair: Mapping[Wanted, Comparison] = field(default_factory=dict)
    panels: tuple[Panel, ...] = ()
    family: int = 0
    """Comparisons that Holm's procedure corrects for."""
    told: tuple[str, ...] = ()
    """What differs between the systems compared."""


def places(claim: Claim, scale: Scale) -> list[tuple[str, str]]:
    """Our benchmarks and models in place of those that a claim is about."""
    suffix = MINI if scale == "mini" else ""
    ours = {of.paper: name for name, of in MODELS.items() if name.startswith("mini-") == (scale == "mini")}
    return [(benchmark + suffix, ours[model]) for model in claim.models for benchmark in claim.benchmarks]


def wanted(claim: Claim, scale: Scale) -> list[Wanted]:
    """Comparisons that a claim is about, under our names at that scale."""
    return [Wanted(*of, left, right) for of in places(claim, scale) for left in claim.left for right in claim.right]


def measure(store: Path, results: Sequence[Result], claims: Sequence[Claim], scale: Scale) -> Measurements:
    """Scores of a store's results at one scale, and every comparison that they allow.

    The comparisons of claims of kind `higher` are tested together.
    """
    if not results:
        return Measurements()
    found = by_key(scores(results))
    asked = {claim.id: wanted(claim, scale) for claim in claims if claim.kind in ("higher", "gain", "uneven")}
    every = dict.fromkeys(one for of in asked.values() for one in of)
    names = {name for one in every for name in one.systems}
    by_benchmark: dict[str, list[System]] = defaultdict(list)
    for system in load_systems([str(store)], None):
        if system.name in names:
            by_benchmark[system.benchmark].append(system)
    whole = [panel for of in by_benchmark.values() if len(of) > 1 for panel in panels(of, _ALLOWED)]
    ran = {system.name: system for panel in whole for system in panel.systems}
    pairs = {one: (ran[one.systems[0]], ran[one.systems[1]]) for one in every if ran.keys() >= set(one.systems)}
    claimed = [one for claim in claims if claim.kind == "higher" for one in asked[claim.id] if one in pairs]
    tested = {frozenset(one.systems) for one in claimed}
    if not tested:
        return Measurements(found)
    narrowed = []
    for panel in whole:
        of = {one.systems: pair for one, pair in pairs.items() if one.benchmark == panel.benchmark}
        if of:
            narrowed.append(replace(panel, pairs=tuple(of.values())))
    family = Family("claims of the paper", METRIC, tuple(sorted(tested, key=sorted)))
    made = {frozenset((c.baseline.name, c.other.name)): c for c in compare(narrowed, family)}
    by_pair = {one: made[frozenset(one.systems)] for one in pairs}
    unfit = dict.fromkeys(f"UNFIT: {line}" for panel in narrowed for system in panel.systems for line in system.unfit)
    told = (*unfit, *(f"{panel.benchmark}: {text}" for panel in narrowed for text in panel.caveats))
    return Measurements(found, by_pair, tuple(narrowed), len(tested), told)


_LISTED = 4
"""Most comparisons that are listed one by one."""


def measured(claim: Claim, of: Measurements, scale: Scale) -> Judgement:
    """The judgement from results at one scale; `NONE` where they do not bear on the claim, or nothing ran."""
    asked = wanted(claim, scale)
    if claim.kind == "higher":
        return _higher(asked, of, claim.quantifier)
    if claim.kind == "gain":
        return _gain(asked, of)
    if claim.kind == "uneven":
        return _uneven(asked, of)
    return _row(claim, of, scale) if claim.kind == "row" else NONE


def _higher(asked: Sequence[Wanted], of: Measurements, quantifier: Quantifier) -> Judgement:
    ran = [(one, of.by_pair[one]) for one in asked if one in of.by_pair]
    tests = [found.test for _, found in ran if found.test]
    if not tests:
        return NONE
    lacking = len(asked) - len(ran)
    absent: list[ClaimVerdict] = ["none"] * lacking
    found = [of_comparison(test.verdict, test.of_these_weights) for test in tests]
    verdict = combined([*found, *absent], quantifier)
    counts = Counter(test.verdict + " (these weights)" * test.of_these_weights for test in tests)
    told = ", ".join(f"{word} in {count}" for word, count in sorted(counts.items()))
    missing = f"; {lacking} more did not run" if lacking else ""
    if len(ran) <= _LISTED:
        shown = "; ".join(_text(*one) for one in ran)
    else:
        ordered = sorted(ran, key=lambda one: one[1].difference(METRIC).interval.mean)
        shown = f"Lowest: {_text(*ordered[0])}. Highest: {_text(*ordered[-1])}"
    return Judgement(verdict, f"Of {len(ran)} comparisons by Avg@5: {told}{missing}. {shown}.")


def _text(one: Wanted, found: Comparison) -> str:
    """`mini-l, SGG-VQA (Anatomy), mini world, GRPO minus SFT: -20.51 [-22.49, -18.54], p (Holm) 0.0001, MDD 4, ...`."""
    difference = found.difference(METRIC)
    cell = difference_cell(difference.interval)
    p = f", p (Holm) {p_text(found.test.p)}" if found.test else ""
    power = "" if difference.detectable is None else f", MDD {100 * difference.detectable:.2f}"
    again = found.retrained
    seeds = f", over {again.over} {interval_text(again.low, again.high)}" if again else ""
    return f"{one.text}: {cell.text} {cell.aside}{p}{power}{seeds}"


def _gain(asked: Sequence[Wanted], of: Measurements) -> Judgement:
    """Is the gain of the first model larger than that of the second? Question by question, over clusters and seeds."""
    verdicts: list[ClaimVerdict] = []
    told = []
    for benchmark in dict.fromkeys(one.benchmark for one in asked):
        pairs = [of.by_pair[one] for one in asked if one.benchmark == benchmark and one in of.by_pair]
        if len(pairs) == 2:
            panel = next(panel for panel in of.panels if panel.benchmark == benchmark)
            runs = [run for run in _runs(pairs[0]) if run in _runs(pairs[1])]
            first, second = (
                [difference(panel, pair.baseline, pair.other, run, METRIC) for run in runs] for pair in pairs
            )
            values = [a - b for a, b in zip(first, second, strict=True)]
            gain = retraining_interval(values, panel.clusters, runs) if values else None
            shown = (
                f"{signed(gain.mean)} {interval_text(gain.low, gain.high)}"
                if gain
                else "fewer than three seeds in common"
            )
            verdicts.append(of_interval(gain.low, gain.high) if gain else "underpowered")
            told.append(f"{benchmark_title(benchmark)}: {shown}")
    why = f"Gain of the larger model minus that of the smaller, Avg@5, by interval alone: {'; '.join(told)}."
    return Judgement(combined(verdicts), why) if told else NONE


def _runs(pair: Comparison) -> tuple[RunKey, ...]:
    """Bases and seeds that both systems have."""
    return tuple(sorted(set(pair.baseline.keys) & set(pair.other.keys)))


def _uneven(asked: Sequence[Wanted], of: Measurements) -> Judgement:
    """Do some categories gain while others do not, and less than the rest? Over clusters, seeds and bases.

    Contradicted where all gain. Bonferroni's correction of a category's gap to the rest is for all categories.
    """
    verdicts: list[ClaimVerdict] = []
    told = []
    for one in asked:
        if one in of.by_pair:
            found = _by_category(of.by_pair[one], of)
            gains = [name for name, (gain, _) in found.items() if gain and gain.low > 0]
            stays = [name for name in found if name not in gains]
            behind = [name for name in stays if _less(found[name][1], len(found))]
            known = any(gain for gain, _ in found.values())
            uneven: ClaimVerdict = "confirmed" if gains and behind else "contradicted" if not stays else "not confirmed"
            verdicts.append(uneven if known else "underpowered")
            parts = [("gain in", gains), ("none shown in", stays), ("less than in the rest in", behind)]
            shown = "; ".join(f"{words} {', '.join(names) or 'none'}" for words, names in parts)
            told.append(f"{one.text}: {shown if known else 'fewer than three seeds in common'}")
    return Judgement(combined(verdicts), f"Avg@5 by anatomy: {'. '.join(told)}.") if told else NONE


Gain = RetrainingInterval | None


def _by_category(pair: Comparison, of: Measurements) -> dict[str, tuple[Gain, Gain]]:
    """Each category's gain, and how much more it gains than the rest; None where there is no interval."""
    panel = next(panel for panel in of.panels if panel.benchmark == pair.benchmark)
    runs = _runs(pair)
    if not runs:
        return dict.fromkeys(panel.categories, (None, None))
    values = np.array([difference(panel, pair.baseline, pair.other, run, METRIC) for run in runs])
    found = {}
    for name in panel.categories:
        mask = panel.mask(name)
        gain, gap = retraining_interval(values[:, mask], panel.clusters[mask], runs), None
        if not mask.all():  # the mean of these is the category's mean less that of the rest
            weighted = values * np.where(mask, 1 / mask.mean(), -1 / (~mask).mean())
            gap = retraining_interval(weighted, panel.clusters, runs)
        found[name] = gain, gap
    return found


def _less(gap: Gain, categories: int) -> bool:
    """Whether a category gains less than the rest, at 5 % over all categories."""
    return gap is not None and gap.mean < 0 and gap.p * categories <= 1 - CONFIDENCE


def _row(claim: Claim, of: Measurements, scale: Scale) -> Judgement:
    """Our scores of a row, for orientation: another model on other data confirms nothing."""
    told = []
    for benchmark, model in places(claim, scale):
        score = of.scores.get((SystemKey(benchmark, model, claim.left[0], MATCHED), METRIC, ALL))
        if score and score.low is not None and score.high is not None:
            told.append(f"{benchmark_title(benchmark)} {with_interval(score.percent, score.low, score.high)}")
    return Judgement("none", f"Avg@5 here, for orientation only: {'; '.join(told)}.") if told else NONE


COLUMNS = (
    "figure", "statement", "benchmark", "model", "paper", "quantity", "estimate", "low", "high", "seeds", "verdict"
)  # fmt: skip
"""Of `figure_statements.csv`, in order."""
_FROM_LOGS = "From training logs, intervals over bases where there are several, else over seeds."
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
            head, *rows = csv.reader(handle, strict=True)
        if tuple(head) != COLUMNS:
            raise ValueError(f"its columns are {', '.join(head)[:200]}")
        return tuple(_curve_statement(dict(zip(COLUMNS, row, strict=True))) for row in rows)
    except (OSError, ValueError, csv.Error) as error:
        fix = f"name figure_statements.csv, with the columns {', '.join(COLUMNS)}"
        raise AnatomyR1Error(f"{path}: no statements of figures ({error}). Fix: {fix}") from error


def _curve_statement(row: Mapping[str, str]) -> CurveStatement:
    name = f"{int(row['figure'])} {row['statement']}"
    if empty := [
        column for column in COLUMNS if not row[column].strip() and column not in ("paper", "estimate", "low", "high")
    ]:
        raise ValueError(f"{name}: {empty[0]} is empty")
    if int(row["seeds"]) < 0 or not all(math.isfinite(float(row[one] or 0)) for one in ("estimate", "low", "high")):
        raise ValueError(f"{name}: a number that cannot be: {row['seeds']}, {row['estimate']}")
    verdict = next((ours for word, ours in _WORDS.items() if row["verdict"].startswith(word)), None)
    if verdict is None:
        raise ValueError(f"{name}: unknown verdict {row['verdict']!r}")
    # One seed has no interval, and what did not run has no number.
    low, high = (float(row[bound]) if row[bound] else None for bound in ("low", "high"))
    numbers = with_interval(float(row["estimate"]), low, high, "+.3f") if row["estimate"] else "no number"
    return CurveStatement(name, row["benchmark"], row["model"], row["quantity"], numbers, verdict)


def judged_by_curves(claim: Claim, statements: Sequence[CurveStatement], scale: Scale) -> Judgement:
    """The judgement on one claim, over its models and benchmarks; `NONE` where no statement bears on it."""
    where = places(claim, scale)
    of = [one for one in statements if one.name in claim.curves and (one.benchmark, one.model) in where]
    verdicts = [one.verdict for one in of if one.verdict != "none"]
    if not verdicts:
        return NONE
    told = "; ".join(
        f"{model_title(one.model, paper_beside=False)}, {benchmark_title(one.benchmark)}: {one.quantity}: "
        f"{one.numbers}, {one.verdict}"
        for one in of
    )
    there = {(one.benchmark, one.model) for one in of}
    absent = "; ".join(
        f"{model_title(model, paper_beside=False)}, {benchmark_title(benchmark)}"
        for benchmark, model in where
        if (benchmark, model) not in there
    )
    rest = f" Not run: {absent}." if absent else ""
    return Judgement(combined(verdicts), f"{_FROM_LOGS} {told}.{rest}")
