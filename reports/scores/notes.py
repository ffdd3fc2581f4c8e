"""Notes below a table (how to read it, what it was made from, what speaks against it), and marks behind row names.

- *unfit*: the validity checks found something that speaks against a run;
- *certificate failed*: a training failed one of its checks (`anatomy_r1.training.certificate`);
- *submitted*: others made the result, and some of its provenance is unknown;
- *alarm*: the choice of extractor changes the order of methods, so the order reflects format as well as content.

A result from before certificates or validity checks existed has neither failed nor passed; a note counts these.
The same results give the same notes: none contains a date, and only `machines` names a machine.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations, groupby
from typing import Any

from anatomy_r1.bases import RunKey, factors_text
from anatomy_r1.data.leakage.passport import LEAKS, TITLES
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.provenance import stated
from anatomy_r1.results.store import MATCHED, RESTORE, SUBMITTED, Result
from anatomy_r1.scoring.fitness import MARK as MARK_UNFIT
from anatomy_r1.scoring.fitness import ExtractorBand, order_alarm
from anatomy_r1.scoring.question_table import LENIENT
from anatomy_r1.training.certificate.certificate import Certificate, CertificateCheck, failed, from_dict
from anatomy_r1.training.method_names import OTHER_BUDGET
from reports.scores.blind import blind_notes
from reports.scores.names import (
    BASELINE,
    BENCHMARKS,
    CONTROLS,
    METRICS,
    MINI,
    benchmark_title,
    is_mini,
    is_view,
    method_rank,
    method_title,
    model_title,
    rank,
    result_title,
)
from reports.scores.scores import ALL, AVG, MARK, Score, ScoreKey, SystemKey, by_system, several_bases, system_of

_OURS = (
    "Ours: mean [95 % cluster-robust t interval over videos (SGG-VQA) or slides, patients or images (OmniMedVQA)]; "
    "clusters = number of these. Several training seeds are first averaged question by question, so intervals hold for "
    "these trained models only (docs/statistics.md, Seeds). "
)
_EMPHASIS = (
    "Best value of a column within a model in bold, second best underlined, compared as printed. "
    "— = not run (ours) or not reported (paper)."
)
_ZERO_WIDTH = "An interval of zero width: all clusters scored the same, which shows a lack of variation, not certainty."
_ONE_CLUSTER = "[no interval]: there is only one cluster."
MINI_MEANS = (
    "Mini numbers say nothing about Qwen2.5-VL: a tiny network, trained from scratch, answered questions about "
    "generated images."
)
MINI_WARNING = f"{MINI_MEANS} The paper's numbers are shown for orientation only and cannot be compared with them."
USE = "Research only, not for clinical use."
CERTIFICATE_FAILED = " (certificate failed)"
"""Behind the name of a row of which at least one training failed a check."""
Marks = Mapping[SystemKey, str]
"""System -> its marks; a system without any is absent."""


def warning(results: Iterable[Result]) -> str:
    """What must be read before any number; empty for real benchmarks."""
    return MINI_WARNING if any(is_mini(result.benchmark) for result in results) else ""


def notes(results: Sequence[Result], found: Iterable[Score], table: int | None = None) -> tuple[str, ...]:
    """All notes of a table but its caveats, in reading order; `table` is its number in the paper, if it has one."""
    shown, with_interval = list(found), {*METRICS, "greedy", LENIENT}
    return (
        f"{_OURS}paper: the paper's Table {table}." if table else _OURS.strip(),
        _EMPHASIS,
        *([_ONE_CLUSTER] if any(score.low is None for score in shown) else []),
        *(
            [_ZERO_WIDTH]
            if any(one.se == 0 and one.metric.partition(" minus ")[0] in with_interval for one in shown)
            else []
        ),
        *leakage_notes(shown),
        *blind_notes(results, shown),
        made_from(results, shown),
        USE,
    )


def leakage_notes(found: Iterable[Score]) -> list[str]:
    """What `MARK` means, if any score carries it."""
    kinds = {kind for score in found for kind in score.not_clean}
    shared = "; ".join(TITLES[kind] for kind in LEAKS if kind in kinds)
    meaning = (
        f"{MARK} = not clean: training and test questions share: {shared} (each result's `leakage`; docs/leakage.md)."
    )
    return [meaning] if kinds else []


def made_from(results: Sequence[Result], found: Iterable[Score]) -> str:
    """Profile, sizes of the test sets, seeds and commits; and kinds of arithmetic, if there are several."""
    sizes = sorted(
        {(score.system.benchmark, score.questions, score.clusters) for score in found if score.category == ALL},
        key=lambda size: (rank(BENCHMARKS, size[0].removesuffix(MINI)), size),
    )
    parts = [
        f"Profile {results[0].profile}",
        *(f"{benchmark_title(name)}: {n} questions in {clusters} clusters" for name, n, clusters in sizes),
        f"seeds {factors_text(result.run for result in results)}",
        f"commit {', '.join(commits(results))}",
        *([f"arithmetic {', '.join(mixed)}"] if len(mixed := arithmetics(results)) > 1 else []),
    ]
    return " · ".join(parts) + "."


def arithmetics(results: Iterable[Result]) -> list[str]:
    """Kinds of arithmetic of trainings and evaluations, each once; one that is not recorded is native."""
    records = [
        record
        for result in results
        for record in (result.provenance, stated(result.provenance, "training", "provenance"))
        if record is not None
    ]
    return sorted({str(stated(record, "arithmetic", "mode") or "native") for record in records})


def commits(results: Iterable[Result]) -> list[str]:
    """Commits that made the results, each once."""
    return sorted({commit(result.provenance) for result in results})


def commit(record: Mapping[str, Any]) -> str:
    """The shortened commit of a provenance, and whether files differed from it."""
    return str(record.get("commit") or "unknown")[:10] + (" + uncommitted changes" if record.get("dirty") else "")


def machines(results: Iterable[Result]) -> str:
    """Machines that trained and evaluated, as far as they were recorded."""
    records = [
        record
        for result in results
        for record in (result.provenance, stated(result.provenance, "training", "provenance"))
        if record is not None
    ]
    return "; ".join(sorted({_machine(stated(record, "machine")) for record in records}))


def _machine(entry: Any) -> str:
    """`2 x some processor, 4 x some GPU (Linux x86_64)`; older versions recorded the system only."""
    if not isinstance(entry, Mapping):
        return str(entry or "an unknown machine")
    listed = entry.get("gpus")
    gpus = Counter(map(str, listed if isinstance(listed, list) else []))
    parts = [str(entry.get("processor") or "an unknown processor"), *(f"{n} x {gpu}" for gpu, n in gpus.items())]
    return f"{', '.join(parts)} ({entry.get('system') or 'an unknown system'})"


def marks(results: Sequence[Result]) -> Marks:
    """The marks of every system that has any."""
    without, wrong = unfit(results), _failed_checks(results)
    uncertified = {system_of(result) for result in results if result.key in wrong}
    return {
        system: (MARK_UNFIT if system in without else "") + (CERTIFICATE_FAILED if system in uncertified else "")
        for system in without | uncertified
    }


def marked(title: str, systems: Iterable[SystemKey], known: Marks) -> str:
    """A row's name, followed by the marks of the systems that it shows, each once."""
    found = [known[system] for system in systems if system in known]
    return title + "".join(mark for mark in (MARK_UNFIT, CERTIFICATE_FAILED) if any(mark in one for one in found))


def caveat_notes(results: Sequence[Result], found: Mapping[ScoreKey, Score]) -> tuple[str, ...]:
    """All caveats of the results and scores of a table."""
    submitted = [
        f"Submitted: {result_title(result)}: {'; '.join(_submission(result.provenance.get('submitted')))}."
        for result in sorted(results, key=lambda result: result.key)
        if result.arm == SUBMITTED
    ]
    of_results = (*unfit_notes(results), *certificate_notes(results), *submitted)
    return (*method_notes(found.values()), *uneven_runs(results), *of_results, *order_alarms(found))


def method_notes(found: Iterable[Score]) -> tuple[str, ...]:
    """What the two kinds of interval say, if the scores are over several bases."""
    if not several_bases(found):
        return ()
    return (
        "These weights and the method: an interval beside a score or a difference is over clusters alone, and holds "
        "for other videos and these weights. The interval of the method is over clusters, seeds and bases as well, and "
        "holds for other trainings from other bases (docs/statistics.md). Differences are paired within base and seed.",
    )


def uneven_runs(results: Iterable[Result]) -> tuple[str, ...]:
    """A note for each block whose rows are means over different runs, since their levels then cannot be compared."""
    blocks: dict[tuple[str, str, str], dict[SystemKey, list[RunKey]]] = {}
    for system, runs in by_system(results).items():
        if system.method not in CONTROLS:
            blocks.setdefault((system.benchmark, system.model, system.arm), {})[system] = [one.run for one in runs]
    return tuple(_uneven(*block, of) for block, of in sorted(blocks.items()) if len(set(map(tuple, of.values()))) > 1)


def _uneven(benchmark: str, model: str, arm: str, runs: Mapping[SystemKey, Sequence[RunKey]]) -> str:
    rows: dict[str, list[str]] = {}
    for system in sorted(runs, key=lambda one: method_rank(one.method)):
        rows.setdefault(factors_text(runs[system]), []).append(method_title(system.method, MATCHED))
    told = "; ".join(f"{of}: {', '.join(names)}" for of, names in rows.items())
    where = f"{benchmark_title(benchmark)}, {model_title(model, paper_beside=False)}"
    return (
        f"Means over different runs{'' if arm == MATCHED else f' ({arm})'}: {where}: seeds {told}. Compare such rows "
        "by their paired differences, which are over the runs that both have, and not by the scores."
    )


def unfit(results: Iterable[Result]) -> frozenset[SystemKey]:
    """Systems with at least one unfit run."""
    return frozenset(system_of(result) for result in results if unfit_reasons(result))


def unfit_notes(results: Iterable[Result]) -> tuple[str, ...]:
    """A note for each unfit run, with what the validity checks found."""
    return tuple(
        f"Unfit: {result_title(result)}: {'; '.join(reasons)}."
        for result in sorted(results, key=lambda result: result.key)
        if (reasons := unfit_reasons(result))
    )


def unfit_reasons(result: Result) -> Sequence[str]:
    """What speaks against a result, as every command of this project sees it (`anatomy_r1.scoring.fitness`)."""
    return result.fitness.reasons


def certificate_notes(results: Sequence[Result]) -> tuple[str, ...]:
    """A note for each failed check, then the number of trained results that have a certificate, if any were trained."""
    named, wrong = {result.key: result for result in results}, _failed_checks(results)
    notes = [
        f"Certificate failed: {result_title(named[key])}: {check.name}: {check.detail}."
        for key in sorted(wrong)
        for check in wrong[key]
    ]
    trained = [result for result in results if result.provenance.get("training") is not None]
    if trained:
        have = sum(_certificate(result) is not None for result in trained)
        notes.append(
            f"Certificates (docs/certificates.md): {have} of {len(trained)} trained results have one, of which "
            f"{len(wrong)} failed; {len(trained) - have} were stored before certificates existed."
        )
    return tuple(notes)


def _failed_checks(results: Sequence[Result]) -> dict[str, tuple[CertificateCheck, ...]]:
    """Key of a result -> the checks that it failed, by itself or compared with the other methods of its table."""
    own = {result.key: found.failed for result in results if (found := _certificate(result))}
    budgets = _unequal_budgets(results)
    every = {key: (*checks, *budgets.get(key, ())) for key, checks in own.items()}
    return {key: checks for key, checks in every.items() if checks}


def _certificate(result: Result) -> Certificate | None:
    """The certificate of a result's training, or None; fails on one that cannot be read."""
    recorded = result.provenance.get("certificate")
    if recorded is None:
        return None
    try:
        return from_dict(recorded)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise AnatomyR1Error(f"{result.key}: its certificate cannot be read ({error}). Fix: {RESTORE}") from error


def _unequal_budgets(results: Iterable[Result]) -> dict[str, tuple[CertificateCheck, ...]]:
    """Results whose budget differs from GRPO's, where it should not: steps, and completions that a step learns from."""

    def place(result: Result) -> tuple[str, str, str, RunKey]:
        return (result.benchmark, result.model, result.arm, result.run)

    found: dict[str, tuple[CertificateCheck, ...]] = {}
    for _, cells in groupby(sorted(results, key=place), key=place):
        budgets = {cell.key: (cell.method, _budget(one.facts)) for cell in cells if (one := _certificate(cell))}
        wanted = next((budget for method, budget in budgets.values() if method == BASELINE), None)
        for key, (method, budget) in budgets.items():
            if wanted and budget and budget != wanted and method not in OTHER_BUDGET:
                found[key] = (failed("budget", f"{budget}, but GRPO has {wanted}"),)
    return found


def _budget(facts: Mapping[str, object]) -> str:
    """In words; empty where the training sampled nothing."""
    sampled = facts.get("invalid_gradients") is not None
    return f"{facts.get('steps')} steps of {facts.get('completions')}" if sampled else ""


def _submission(recorded: Any) -> Iterator[str]:
    """Source, unknown facts and differing numbers of a submission; a store may hold any value here."""
    if not isinstance(recorded, Mapping):
        yield "unknown source"
        return
    yield f"from {recorded.get('kind') or 'an unknown source'}, rescored from its responses"
    if prompts := recorded.get("prompts"):
        yield f"prompts: {prompts}"
    for words, name in (("not known", "not_known"), ("submitted numbers that differed", "differences")):
        listed = recorded.get(name)
        if listed and isinstance(listed, list):
            yield f"{words}: {', '.join(map(str, listed))}"


def order_alarms(found: Mapping[ScoreKey, Score]) -> tuple[str, ...]:
    """A note for each two systems on one benchmark and model that the two extractors order differently by Avg@5.

    Values are compared as printed, as for best and second best. Systems without a lenient score and views, which do not
    compete, are left out.
    """
    competing = [
        system
        for system, metric, category in found
        if metric == LENIENT and category == ALL and not is_view(system.method)
    ]
    bands = {system: _band(found, system) for system in competing}
    ordered = sorted(
        competing,
        key=lambda one: (one.benchmark, one.model, -round(bands[one].strict, 2), one.method, one.arm),
    )
    alarms = []
    for (benchmark, model), block in groupby(ordered, key=lambda one: (one.benchmark, one.model)):
        for first, second in combinations(block, 2):
            if alarm := order_alarm(bands[first], bands[second]):
                alarms.append(
                    f"Alarm: the choice of extractor changes the order of methods. {benchmark_title(benchmark)}, "
                    f"{model_title(model, paper_beside=False)}, {alarm}."
                )
    return tuple(alarms)


def _band(found: Mapping[ScoreKey, Score], system: SystemKey) -> ExtractorBand:
    strict, lenient = (found[system, metric, ALL].percent for metric in (AVG, LENIENT))
    return ExtractorBand(method_title(system.method, system.arm), strict, lenient)
