"""What results say of a claim: comparisons, gains, unevenness over anatomies, and a row's own scores."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from anatomy_r1.comparison.outcome import Comparison
from anatomy_r1.comparison.panel import difference
from anatomy_r1.comparison.retraining import Retrained, retrained
from anatomy_r1.comparison.scores import ALL
from anatomy_r1.comparison.words import difference_cell, interval_text, p_text, signed
from anatomy_r1.results.store import MATCHED
from reports.audit.claims import Claim
from reports.ledger.compared import METRIC, Compared, Scale, Wanted, ours, wanted
from reports.ledger.judgement import NONE, Judgement, Verdict, combined, of_comparison, of_interval
from reports.scores.names import MINI, TITLES, benchmark_title, model_title
from reports.scores.scores import Group, Score

Found = Mapping[tuple[Group, str, str], Score]
"""Scores by group, metric and category."""
_LISTED = 4
"""Most comparisons that are listed one by one."""


def measured(claim: Claim, compared: Compared, found: Found, scale: Scale) -> Judgement:
    """What the results at one scale say; `NONE` where they do not bear on the claim, or nothing ran."""
    if claim.kind == "higher":
        return _higher(claim, compared, scale)
    if claim.kind == "gain":
        return _gain(claim, compared, scale)
    if claim.kind == "uneven":
        return _uneven(claim, compared, scale)
    return _row(claim, found, scale) if claim.kind == "row" else NONE


def _higher(claim: Claim, compared: Compared, scale: Scale) -> Judgement:
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
    """`mini-l, SGG-VQA (Anatomy), mini world, GRPO less SFT: -20.51 [-22.49, -18.54], p (Holm) 0.0001, MDD 4, ...`."""
    difference = found.difference(METRIC)
    cell = difference_cell(difference.interval)
    p = f", p (Holm) {p_text(found.test.p)}" if found.test else ""
    power = "" if difference.detectable is None else f", MDD {100 * difference.detectable:.2f}"
    again = found.retrained
    seeds = f", over clusters and seeds {interval_text(again.low, again.high)}" if again else ""
    return f"{_where(one)}: {cell.text} {cell.aside}{p}{power}{seeds}"


def _where(one: Wanted) -> str:
    names = f"{TITLES.get(one.left, one.left)} less {TITLES.get(one.right, one.right)}"
    return f"{model_title(one.model, paper_beside=False)}, {benchmark_title(one.benchmark)}, {names}"


def _range(ran: Sequence[tuple[Wanted, Comparison]]) -> str:
    """The lowest and the highest difference, where there are too many to list."""
    ordered = sorted(ran, key=lambda one: one[1].difference(METRIC).interval.mean)
    return f"Lowest: {_text(*ordered[0])}. Highest: {_text(*ordered[-1])}"


def _gain(claim: Claim, compared: Compared, scale: Scale) -> Judgement:
    """Is the gain of the first model larger than that of the second? Question by question, over clusters and seeds."""
    found: list[tuple[str, Retrained | None]] = []
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
            found.append((benchmark, retrained(values, panel.clusters) if values else None))
    if not found:
        return NONE
    told = "; ".join(f"{benchmark_title(name)}: {_interval(of)}" for name, of in found)
    verdict = combined([of_interval(of.low, of.high) if of else "underpowered" for _, of in found])
    return Judgement(verdict, f"Gain of the larger model less that of the smaller, Avg@5, by interval alone: {told}.")


def _uneven(claim: Claim, compared: Compared, scale: Scale) -> Judgement:
    """Do some categories gain while others do not? By intervals, without correction for how many there are."""
    verdicts: list[Verdict] = []
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


def _row(claim: Claim, found: Found, scale: Scale) -> Judgement:
    """A row's own scores beside; a number of another model on other data confirms nothing."""
    suffix = MINI if scale == "mini" else ""
    told = []
    for benchmark in claim.benchmarks:
        group = Group(benchmark + suffix, ours(claim.models[0], scale), claim.left[0], MATCHED)
        score = found.get((group, METRIC, ALL))
        if score and score.low is not None and score.high is not None:
            told.append(f"{benchmark_title(group.benchmark)} {score.percent:.2f} [{score.low:.2f}, {score.high:.2f}]")
    return Judgement("none", f"Avg@5 here, for orientation only: {'; '.join(told)}.") if told else NONE


def _interval(of: Retrained | None) -> str:
    return f"{signed(of.mean)} {interval_text(of.low, of.high)}" if of else "fewer than three seeds in common"
