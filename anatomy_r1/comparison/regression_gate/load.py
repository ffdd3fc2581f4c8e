"""Arguments of `anatomy-r1 regress` -> one panel per benchmark: the reference and the fresh result, aligned.

An argument is a folder of a result store, a seed*.json of one, a response log (all its runs), or a reference file.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from anatomy_r1.comparison.panel import Panel, panels
from anatomy_r1.comparison.regression_gate.reference import is_reference, read_reference
from anatomy_r1.comparison.regression_gate.tolerance import Mode
from anatomy_r1.comparison.systems import System, SystemRun, load_systems, systems
from anatomy_r1.errors import AnatomyR1Error, IncompleteError
from anatomy_r1.response_log.log import ResponseLog


def load(arguments: Sequence[str], data: Path | None) -> tuple[System, ...]:
    """Every system named; the runs of response logs of one benchmark are seeds of one system.

    Raises:
        AnatomyR1Error: A path holds nothing, or the runs of one system were made under different conditions.
    """
    found = [run for argument in dict.fromkeys(arguments) for run in _runs(argument, data)]
    sources = [run.origin["source"] for run in found]
    if doubled := sorted({source for source in sources if sources.count(source) > 1}):
        raise AnatomyR1Error(f"{doubled[0]}: named twice. Fix: name each result once")
    return systems(found)


def _runs(argument: str, data: Path | None) -> Iterator[SystemRun]:
    path = Path(argument)
    if path.suffix == ".json" and is_reference(path):
        yield from (run for system in read_reference(path) for run in system.runs)
        return
    stored = path.is_dir() or path.suffix == ".json"
    for one in [argument] if stored else _each_run(argument):
        for system in load_systems([one], data):
            # Logs of one policy may have any name; `align` checks their weights.
            yield from (run if stored else replace(run, name=f"{run.benchmark}/responses") for run in system.runs)


def _each_run(argument: str) -> list[str]:
    path = Path(argument)
    if not path.is_file():
        return [argument]  # FILE#RUN, or a missing file, which `load_systems` refuses
    with ResponseLog(path, read_only=True) as log:
        return [f"{argument}#{run}" for run in log.runs()] or [argument]


def align(
    reference: Sequence[System], fresh: Sequence[System], mode: Mode, allowed: Collection[str] = ()
) -> tuple[Panel, ...]:
    """One panel per pair: its first system is the reference, its second the fresh result.

    If both sides have exactly one system on a benchmark, these two are a pair; otherwise systems pair by name.

    Raises:
        IncompleteError: A reference has no fresh result.
        AnatomyR1Error: A fresh result has no reference, weights do not fit the mode, or conditions differ in a kind
            that is not in `allowed`.
    """
    found = []
    for first, second in _pairs(reference, fresh):
        for side, system in (("reference", first), ("fresh", second)):
            _check_weights(side, system, mode)
        a, b = _renamed("reference", first), _renamed("fresh", second)
        (panel,) = panels([a, b], {*allowed, "seeds"})  # the gate does not need common seeds
        caveats = tuple(text for text in panel.caveats if not text.startswith("seeds: "))
        found.append(replace(panel, caveats=caveats))
    return tuple(found)


def _pairs(reference: Sequence[System], fresh: Sequence[System]) -> list[tuple[System, System]]:
    pairs, missing, unknown = [], [], []
    for benchmark in dict.fromkeys(system.benchmark for system in (*reference, *fresh)):
        first, second = ([one for one in side if one.benchmark == benchmark] for side in (reference, fresh))
        if len(first) == len(second) == 1:
            pairs.append((first[0], second[0]))
            continue
        names = {one.name: one for one in second}
        pairs += [(one, names[one.name]) for one in first if one.name in names]
        missing += [one.name for one in first if one.name not in names]
        unknown += [name for name in names if name not in {one.name for one in first}]
    if unknown:
        raise AnatomyR1Error(f"no reference for {', '.join(unknown)}. Fix: name it with --against")
    if missing:
        fix = "Fix: evaluate and name them, or leave them out of --against"
        raise IncompleteError(f"no fresh result for {', '.join(missing)}. {fix}")
    return pairs


def _check_weights(side: str, system: System, mode: Mode) -> None:
    weights = system.known("weights")
    if mode == "sampling" and len(weights) > 1:
        raise AnatomyR1Error(
            f"{side} {system.name}: {len(system.runs)} runs of {len(weights)} different weights are not repeats of one "
            "evaluation. Fix: --mode training, which judges trainings by their seeds; or name results of one checkpoint"
        )
    if mode == "training" and side == "reference" and len(system.runs) > len(weights) == 1:
        raise AnatomyR1Error(
            f"{side} {system.name}: {len(system.runs)} evaluations of the same weights do not show how trainings "
            "differ. Fix: --mode sampling, or results of several training seeds"
        )


def _renamed(side: str, system: System) -> System:
    name = f"{system.benchmark}/{side} {system.short}"
    return System(name, tuple(replace(run, name=name) for run in system.runs))
