"""Record the best blind rule with a result: for a fresh one, and for the results of a store that lack it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from anatomy_r1.data.prepared import PreparedSet, find_set
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.evaluation.blind_difference import NOT_COMPUTED, recorded
from anatomy_r1.evaluation.views import asked_benchmark, split_row
from anatomy_r1.locks import locked
from anatomy_r1.provenance import stated
from anatomy_r1.results.store import Result, find_store, load_results, save_result


def with_blind(result: Result, root: Path) -> Result:
    """The result with the rule of the prepared set `root`, whose test questions it answered, or why there is none."""
    table, record = recorded(result.questions, root)
    return replace(result, questions=table, provenance={**result.provenance, "blind": record})


@dataclass(frozen=True, slots=True)
class Recorded:
    """What was done to a store."""

    store: Path
    written: int
    """Results that were written anew."""
    kept: int
    """Results that had the same record already."""
    rules: tuple[str, ...]
    """A line for each benchmark: its rule, or why there is none."""


def record_blind(store: Path, data: Sequence[Path]) -> Recorded:
    """Record the best blind rule with every result of a store that lacks it, or has that of another version.

    Nothing else of a result changes. `data` are prepared sets, or folders that hold them by benchmark.

    Raises:
        AnatomyR1Error: a benchmark has no prepared set among `data`, or a result did not answer its test questions
            (hash of the set, ids and clusters). Nothing is written then.
    """
    folder = find_store(store)
    with locked(folder):
        results = load_results(folder)
        sets = {name: _set_of(name, data) for name in sorted({_asked(result) for result in results})}
        for result in results:
            _check_same_questions(folder, result, sets[_asked(result)])
        fresh = [(result, with_blind(result, sets[_asked(result)].root)) for result in results]
        changed = [new for old, new in fresh if old.provenance.get("blind") != new.provenance["blind"]]
        for new in changed:
            save_result(folder, new)
    rules = {_asked(new): _line(new) for _, new in fresh}
    return Recorded(folder, len(changed), len(fresh) - len(changed), tuple(rules.values()))


def _asked(result: Result) -> str:
    """The benchmark whose test questions it answered, which under the balanced view is another one."""
    return asked_benchmark(result.benchmark, split_row(result.method)[1])


def _set_of(benchmark: str, data: Sequence[Path]) -> PreparedSet:
    """The test questions of a benchmark, from the first of `data` that holds them."""
    errors = []
    for path in data:
        try:
            return find_set(benchmark, path, "test")
        except AnatomyR1Error as error:
            errors.append(str(error))
    raise AnatomyR1Error(errors[0] if errors else f"no prepared set of {benchmark}. Fix: --data DIR")


def _check_same_questions(store: Path, result: Result, asked: PreparedSet) -> None:
    path, known = store / f"{result.key}.json", asked.manifest["questions_sha256"]
    theirs = stated(result.provenance, "data", "questions_sha256")
    fix = f"Fix: name the prepared set that it was asked from (questions_sha256 {theirs}) with --data"
    if theirs != known:
        raise AnatomyR1Error(f"{path}: answers questions of another set than {asked.root}, which has {known}. {fix}")
    table = result.questions
    if dict(zip(table["id"], table["cluster"], strict=True)) != {one.id: one.cluster for one in asked.questions}:
        raise AnatomyR1Error(f"{path}: has other test questions, or other clusters, than {asked.root}. {fix}")


def _line(result: Result) -> str:
    record = result.provenance["blind"]
    if why := record.get(NOT_COMPUTED):
        return f"{_asked(result)}: not computed: {why}"
    learnt = f"learnt from {record['train_questions']:,} training questions"
    return f"{_asked(result)}: {record['rule']}, {100 * record['accuracy']:.2f} %, {learnt}"
