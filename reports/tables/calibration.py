"""The report of the calibration: known answers, and what the paper's methods gain at each dose of their mechanism.

The answers are declared in `anatomy_r1/comparison/calibration.py`, doses in the profile (`models.*.dose`). How to read
the tables: docs/calibration.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from anatomy_r1.bases import factors_text
from anatomy_r1.comparison.calibration import KNOWN, METRIC, Calibrated, KnownAnswer, calibrate
from anatomy_r1.comparison.cells import difference_cell, interval_text, p_text, score_cell
from anatomy_r1.comparison.compare import Comparison, compare
from anatomy_r1.comparison.family import Family
from anatomy_r1.comparison.panel import panels
from anatomy_r1.comparison.refusal import method_of
from anatomy_r1.comparison.systems import System, SystemRun, systems
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.results.store import MATCHED, Result
from anatomy_r1.scoring.intervals import Interval, cluster_interval
from anatomy_r1.scoring.question_table import table_metrics
from anatomy_r1.tables.table import Block, Cell, Column, Document, Row, Table
from reports.scores.names import BASELINE, benchmark_title, method_title, model_title
from reports.scores.notes import USE, made_from, warning
from reports.scores.scores import check_one_profile, scores
from reports.tables import TableExport

GAINED = ("grpo-asc", "grpo-gdqa")
"""Methods whose gain over GRPO is shown at each dose."""
_EMPTY = (
    "no known answer and no dose among these results. Run `python scripts/reproduce.py --artefact calibration` first"
)
_KNOWN = (
    "Difference in Avg@5, second minus first, in points [95 % interval of these weights, over clusters], and [of the "
    "method, over clusters, seeds and bases] where there are three seeds, and of several bases three, each under all "
    "of the seeds; runs: seeds and bases that both methods have. Verdicts by the rule of docs/statistics.md, of the "
    "method where there is its interval, with its p; else of these weights, by which nothing is judged. Holm over all "
    "known answers, whether they were run or not, below each heading by itself. A negative is a false alarm if any "
    "difference is found."
)
_DOSES = (
    "Avg@5 of GRPO in percent, and what the two methods gain over it in points, with the same intervals. Dose 0 "
    "had the same further training turn as all others. Runs: the seeds and bases that a number is of. Not tested: "
    "intervals are not adjusted for their number."
)


def export(results: Sequence[Result]) -> TableExport:
    """The calibration as it is written.

    Raises:
        AnatomyR1Error: Neither a known answer nor a dose is among the results, or they are of several profiles.
    """
    check_one_profile(results)
    matched = [one for one in results if one.arm == MATCHED]
    answers = [(one, found) for one in designs(matched) if (found := calibrate(one.systems))]
    doses = responses(matched)
    if not answers and not doses:
        raise AnatomyR1Error(_EMPTY)
    tables = (*([_known_table(answers)] if answers else []), *([_dose_table(doses)] if doses else []))
    shown = scores([one for _, of in _by_model(matched) for one in _crossed(of)])
    title = f"Anatomy-R1, calibration: profile {results[0].profile}"
    return TableExport(Document(title, warning(results), tables, (made_from(matched, shown), USE)), shown)


@dataclass(frozen=True, eq=False)
class Design:
    """Results of one benchmark and model whose known answers are judged as one family."""

    title: str
    systems: Sequence[System]


def designs(results: Sequence[Result]) -> Iterator[Design]:
    """What each benchmark and model has: all its bases under the seeds that they share, then bases with more seeds.

    Few seeds of several bases say what holds for any base; many seeds of one base find smaller differences, which hold
    for that base.
    """
    for (benchmark, model), of in _by_model(results):
        title = f"{benchmark_title(benchmark)}, {model_title(model)}"
        crossed = _crossed(of)
        for part in (crossed, *_deeper(of, crossed)):
            yield Design(f"{title}; seeds {factors_text(one.run for one in part)}", _systems(part))


def _by_model(results: Sequence[Result]) -> Iterator[tuple[tuple[str, str], list[Result]]]:
    """Results of every benchmark and model."""
    ordered = sorted(results, key=lambda one: (one.benchmark, one.model))
    for key, of in groupby(ordered, key=lambda one: (one.benchmark, one.model)):
        yield key, list(of)


def _crossed(results: Sequence[Result]) -> list[Result]:
    """Results under the seeds that all bases have in common."""
    seeds = [{one.seed for one in of} for of in _by_base(results).values()]
    return [one for one in results if one.seed in set.intersection(*seeds)]


def _deeper(results: Sequence[Result], crossed: Sequence[Result]) -> list[list[Result]]:
    """All results of each base that has more of them than `crossed`."""
    fewer = _by_base(crossed)
    return [of for base, of in sorted(_by_base(results).items()) if len(of) > len(fewer.get(base, []))]


def _by_base(results: Sequence[Result]) -> dict[str, list[Result]]:
    return {base: [one for one in results if one.base == base] for base in {one.base for one in results}}


def _systems(results: Sequence[Result]) -> tuple[System, ...]:
    return systems([SystemRun.from_result(one, "") for one in results])


def _known_table(answers: Sequence[tuple[Design, Sequence[Calibrated]]]) -> Table:
    titles = ("expected", "difference", "runs", "verdict", "p (Holm)", "outcome", "why")
    blocks = [Block(design.title, tuple(map(_known_row, found))) for design, found in answers]
    columns, missing = tuple(map(Column, titles)), tuple(note for one in answers for note in _not_run(*one))
    return Table("known-answers", "Known answers", "Comparison", columns, tuple(blocks), (_KNOWN, *missing))


def _not_run(design: Design, found: Sequence[Calibrated]) -> Iterator[str]:
    """A note that names the known answers of which a method is missing."""
    there = {one.known for one in found}
    if missing := [_pair_title(one) for one in KNOWN if one not in there]:
        yield f"Not run, {design.title}: {'; '.join(missing)}."


def _known_row(found: Calibrated) -> Row:
    known, test = found.known, found.comparison.test
    verdict = Cell("the same answers")
    if not found.identical:
        verdict = Cell(found.verdict, "" if test and test.method else "(these weights)")
    runs = Cell(found.comparison.factors or "none shared")
    p = Cell(p_text(test.method.p)) if test and test.method and not found.identical else Cell()
    told = (Cell(known.expected), _gain(found.comparison), runs, verdict, p, Cell(found.outcome), Cell(known.why))
    return Row(_pair_title(known), told)


def _pair_title(known: KnownAnswer) -> str:
    return f"{method_title(known.baseline, MATCHED)} → {method_title(known.other, MATCHED)}"


def _gain(comparison: Comparison) -> Cell:
    """A difference with the interval of these weights and, where there is one, of the method."""
    cell, retrained = difference_cell(comparison.difference(METRIC).interval), comparison.retrained
    if retrained is None:
        return cell
    return replace(cell, aside=f"{cell.aside} method {interval_text(retrained.low, retrained.high)}")


@dataclass(frozen=True, eq=False)
class Response:
    """What GRPO scores at one dose, and what the two methods gain over it."""

    benchmark: str
    dose: Mapping[str, float]
    """Mechanism -> strength; without those of strength 0."""
    grpo: Interval | None
    gains: Mapping[str, Comparison]
    """Method -> its difference to GRPO, where both were run."""
    factors: str = ""
    """Seeds and bases of `grpo`, in words."""


def responses(results: Sequence[Result]) -> list[Response]:
    """A response for each dose among results of the matched arm, in the order of benchmarks and strengths.

    Raises:
        AnatomyR1Error: Two models of one benchmark have the same dose.
    """
    dosed: dict[tuple[str, tuple[tuple[str, float], ...]], str] = {}
    for one in results:
        if (dose := _dose(one)) is not None:
            key = one.benchmark, tuple(sorted((name, value) for name, value in dose.items() if value))
            if (known := dosed.setdefault(key, one.model)) != one.model:
                fix = "leave one of them out of the store"
                raise AnatomyR1Error(f"{one.benchmark}: {known} and {one.model} have the same dose. Fix: {fix}")
    of = {key: {method_of(one): one for one in _systems(found)} for key, found in _by_model(results)}
    return [
        _response(benchmark, dict(dose), of[benchmark, model]) for (benchmark, dose), model in sorted(dosed.items())
    ]


def _response(benchmark: str, dose: Mapping[str, float], by_method: Mapping[str, System]) -> Response:
    if BASELINE not in by_method:
        return Response(benchmark, dose, None, {})
    gains = {name: _against_grpo(by_method[BASELINE], by_method[name]) for name in GAINED if name in by_method}
    return Response(benchmark, dose, _level(by_method[BASELINE]), gains, by_method[BASELINE].factors)


def _against_grpo(grpo: System, other: System) -> Comparison:
    family = Family("dose and response", METRIC, (frozenset((grpo.name, other.name)),))
    return compare(panels((grpo, other)), family)[0]


def _level(system: System) -> Interval:
    """Avg@5 of a system, over its runs."""
    shares = sum(table_metrics(run.questions)[METRIC] for run in system.runs) / len(system.runs)
    return cluster_interval(shares, system.runs[0].questions["cluster"].to_numpy(dtype=str))


def _dose(result: Result) -> Mapping[str, float] | None:
    """The dose that the base of a trained result was given; None without one."""
    training = result.provenance.get("training")
    plan = training.get("plan") if isinstance(training, dict) else None
    model = plan.get("model") if isinstance(plan, dict) else None
    dose = model.get("dose") if isinstance(model, dict) else None
    return dose if isinstance(dose, dict) else None


def _dose_table(doses: Sequence[Response]) -> Table:
    against = [
        column for name in GAINED for column in (Column(f"{method_title(name, MATCHED)} - GRPO"), Column("runs"))
    ]
    blocks = [
        Block(benchmark_title(benchmark), tuple(map(_dose_row, of)))
        for benchmark, of in groupby(doses, key=lambda one: one.benchmark)
    ]
    columns = (Column(method_title(BASELINE, MATCHED)), Column("runs"), *against)
    return Table("doses", "Dose and response", "Dose", columns, tuple(blocks), (_DOSES,))


def _dose_row(one: Response) -> Row:
    told = ", ".join(f"{name} {value:g}" for name, value in one.dose.items()) or "none"
    cells = [score_cell(one.grpo), Cell(one.factors)] if one.grpo else [Cell(), Cell()]
    for gain in map(one.gains.get, GAINED):
        cells += [_gain(gain), Cell(gain.factors or "none shared")] if gain else [Cell(), Cell()]
    return Row(told, tuple(cells))
