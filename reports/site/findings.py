"""What came out, for the front page: up to four sentences computed from the results shown, each with its evidence.

Every sentence follows from the numbers: another run gets other sentences, or none where it lacks the methods.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from anatomy_r1.comparison.cells import interval_text, signed
from anatomy_r1.comparison.compare import Analysis, Comparison
from anatomy_r1.evaluation.blind_difference import BlindDifference
from anatomy_r1.results.store import MATCHED, Result
from reports.scores.blind import beside_blind_by_system
from reports.scores.names import (
    BASELINE,
    BENCHMARKS,
    CONTROLS,
    MINI,
    benchmark_title,
    is_view,
    method_title,
    model_title,
    rank,
)
from reports.scores.notes import uneven_runs
from reports.scores.scores import ALL, AVG, Score, ScoreKey

PAPERS_OWN = ("grpo-asc", "grpo-gdqa")
"""The methods that the paper proposes."""


@dataclass(frozen=True)
class SiteFinding:
    """One sentence, its numbers, and the page that they come from."""

    title: str
    text: str
    file: str
    link: str


def findings(
    results: Sequence[Result],
    found: Mapping[ScoreKey, Score],
    made: Mapping[str, tuple[Sequence[Result], Analysis]],
    files: Sequence[str],
) -> tuple[SiteFinding, ...]:
    """The findings whose page is among `files`, of the first model of `made`."""
    return tuple(one for one in _all(results, found, made) if one.file in files)


def _all(
    results: Sequence[Result],
    found: Mapping[ScoreKey, Score],
    made: Mapping[str, tuple[Sequence[Result], Analysis]],
) -> Iterator[SiteFinding]:
    for model, (_, analysis) in list(made.items())[:1]:
        ordered = sorted(analysis.comparisons, key=lambda one: _order(one.benchmark))
        compared = {(one.benchmark, _method(one)): one for one in ordered}
        yield from _papers_methods(compared)
        yield from _first(results, found, model, compared)
        yield from _blind(results, model)
        yield from _weights(compared, model)


def _order(benchmark: str) -> tuple[int, str]:
    return rank(BENCHMARKS, benchmark.removesuffix(MINI))


def _method(one: Comparison) -> str:
    return one.other.name.split("/")[2] if one.other.name.count("/") == 3 else ""


Compared = Mapping[tuple[str, str], Comparison]
"""Benchmark and method -> its comparison with GRPO."""


def _papers_methods(compared: Compared) -> Iterator[SiteFinding]:
    own = {key: one for key, one in compared.items() if key[1] in PAPERS_OWN}
    better = sum(_verdict(one) == "better" for one in own.values())
    if not own:
        return
    shown = "; ".join(
        f"{method_title(method, MATCHED)} {_difference(one)}{_another_training(one)} on {benchmark_title(benchmark)}"
        for (benchmark, method), one in own.items()
    )
    names = list(dict.fromkeys(method_title(method, MATCHED) for _, method in own))
    subject, verb = f"The paper's {' and '.join(names)}", "is" if len(names) == 1 else "are"
    title = f"{subject} {verb} not found better than GRPO here"
    if all(_verdict(one) == "underpowered" for one in own.values()):
        title = f"{subject} and GRPO cannot be told apart here"
    if better:
        title = f"{subject} {verb} better than GRPO in {better} of {len(own)} comparisons here"
    if narrow := sum(_verdict(one) == "better" and _of_these_weights(one) for one in own.values()):
        title += ", for these weights only" if narrow == better else f", in {narrow} for these weights only"
    text = f"Avg@5 minus GRPO's, points: {shown}. {_from(list(own.values()))}"
    yield SiteFinding(f"{title}.", text, "comparisons.html", "Compare")


def _another_training(one: Comparison) -> str:
    """The interval of the method, where there is one."""
    found = one.retrained
    return f" (another training: {interval_text(found.low, found.high)})" if found else ""


def _from(of: Sequence[Comparison]) -> str:
    """How many trainings a finding rests on, and what that leaves open; by benchmark where they differ."""
    by_benchmark: dict[str, list[Comparison]] = {}
    for one in of:
        by_benchmark.setdefault(one.benchmark, []).append(one)
    told = {name: _rests_on(some) for name, some in by_benchmark.items()}
    if len(set(told.values())) > 1:
        return " ".join(f"{benchmark_title(name)}: {text[0].lower()}{text[1:]}" for name, text in told.items())
    return next(iter(told.values()))


def _rests_on(of: Sequence[Comparison]) -> str:
    """The fewest bases and seeds of some comparisons."""
    bases, seeds = min(max(1, len(one.bases)) for one in of), min(len(one.seeds) for one in of)
    if bases > 1:
        return f"From {bases} bases."
    counted = "one seed" if seeds < 2 else f"{seeds} seeds"
    return f"From one base and {counted}: with another base the order may be another."


def _first(
    results: Sequence[Result], found: Mapping[ScoreKey, Score], model: str, compared: Compared
) -> Iterator[SiteFinding]:
    averages = {
        key[0]: score
        for key, score in found.items()
        if key[1:] == (AVG, ALL) and key[0].model == model and key[0].arm == MATCHED and _competes(key[0].method)
    }
    parts, first = [], []
    for benchmark in dict.fromkeys(of for of, _ in compared):
        here = {of.method: score for of, score in averages.items() if of.benchmark == benchmark}
        best = max(here, key=lambda name: here[name].percent)
        first.append(method_title(best, MATCHED))
        against = f" against GRPO's {_percent(here[BASELINE])}" if best != BASELINE and BASELINE in here else ""
        shown = f"{method_title(best, MATCHED)} {_percent(here[best])}{against}"
        parts.append(f"{shown} on {benchmark_title(benchmark)}")
    if parts:
        alike = len(set(first)) == 1
        leads = f"{first[0]} scores highest" if alike else f"{' and '.join(first)} score highest, each on one benchmark"
        text = f"Avg@5, not tested: {'; '.join(parts)}."
        places = {(benchmark, model, MATCHED) for benchmark, _ in compared}
        kept = [one for one in results if (one.benchmark, one.model, one.arm) in places]
        if uneven_runs(one for one in kept if _competes(one.method)):
            text += " Not all of these means are over the same runs: Table 1 says which."
        yield SiteFinding(f"{leads}.", text, "table1.html", "Table 1")


def _percent(score: Score) -> str:
    bounds = "" if score.low is None or score.high is None else f" [{score.low:.2f}, {score.high:.2f}]"
    return f"{score.percent:.2f} %{bounds}"


def _competes(method: str) -> bool:
    return method not in CONTROLS and not is_view(method)


def _blind(results: Sequence[Result], model: str) -> Iterator[SiteFinding]:
    kept = [one for one in results if one.arm == MATCHED and one.model == model and _competes(one.method)]
    by_benchmark: dict[str, list[bool]] = {}
    beside = beside_blind_by_system(kept)
    for system, one in sorted(beside.items(), key=lambda pair: _order(pair[0].benchmark)):
        if isinstance(one, BlindDifference) and one.verdict != "no interval":
            by_benchmark.setdefault(system.benchmark, []).append(not one.not_above)
    counted = [above for flags in by_benchmark.values() for above in flags]
    if counted:
        shown = "; ".join(
            f"{sum(flags)} of {len(flags)} rows on {benchmark_title(name)}" for name, flags in by_benchmark.items()
        )
        below = len(counted) - sum(counted)
        verb = "is" if below == 1 else "are"
        title = f"{below} of {len(counted)} scores {verb} not above the best rule that sees no image."
        if not below:
            title = f"All {len(counted)} scores are above the best rule that sees no image."
        text = f"Such a score has not been shown to need the image. Above the rule: {shown}."
        yield SiteFinding(title, text, "blind.html", "Without the image")


def _weights(compared: Compared, model: str) -> Iterator[SiteFinding]:
    tested = [one for key, one in compared.items() if one.test is not None and one.retrained and _competes(key[1])]
    decided = [one for one in tested if _verdict(one) in ("better", "worse")]
    if narrow := sum(map(_of_these_weights, decided)):
        seeds = sorted({len(one.seeds) for one in decided})
        count = f"{seeds[0]} to {seeds[-1]}" if len(seeds) > 1 else f"{seeds[0]}"
        title = f"{narrow} of {len(decided)} differences from GRPO may turn with another training."
        text = (
            f"Better or worse by the test over questions, with {count} seed{'s' if seeds[-1] > 1 else ''} of "
            f"{model_title(model, paper_beside=False)}, but not by the verdict for another training, which allows for "
            "all comparisons."
        )
        yield SiteFinding(title, text, "comparisons.html", "Compare")


def _verdict(one: Comparison) -> str:
    return one.test.verdict if one.test else ""


def _of_these_weights(one: Comparison) -> bool:
    """Whether its verdict says nothing of another training."""
    return one.test is not None and one.test.of_these_weights


def _difference(one: Comparison) -> str:
    interval = one.difference(AVG).interval
    if interval.low is None or interval.high is None:
        return signed(interval.mean)
    return f"{signed(interval.mean)} {interval_text(interval.low, interval.high)}"
