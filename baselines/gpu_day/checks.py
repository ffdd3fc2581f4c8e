"""What the parts `doctor`, `vllm` and `plan` find; each runs in a process of its own."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from baselines.bench.cases import CaseResult, bench_method, bench_profile, read_result
from baselines.bench.report import WITHIN
from baselines.gpu_day.inputs import TOKENS, day_run
from baselines.gpu_day.parts import DONE, FAILED, UNKNOWN, Outcome, write_outcome
from baselines.preflight.doctor import Check, examine, read_machine

BAND = 0.5
"""Nats beyond which a token's log-probabilities disagree: the profile's guess, which this part is to replace."""
NOT_JUDGED = "not judged: two steps on a CPU vary by more than that (docs/gpu-bench.md)"
QUIET = {"use_vllm": False, "parity_band": 0.0, "parity_stop": 0.0}


def doctor(work: Path, rehearsal: bool) -> Outcome:
    """Every check of the machine, then a step of each kind of training; a check that failed does not stop the day."""
    from baselines.preflight.smoke import smoke

    quiet = {**QUIET, "vllm_enable_sleep_mode": False} if not rehearsal else QUIET
    run, selection, cell = day_run(work, rehearsal, "doctor", quiet)
    found = examine(read_machine(run.layout.root), run.profile, run.layout, selection)
    found += smoke(run, selection, cell.benchmark)
    failed = [one for one in found if one.passed is False]
    steps = {one.name: one.found for one in found if one.name.startswith("one step")}
    status = FAILED if any(one.name in steps for one in failed) else DONE
    return Outcome("doctor", status, tuple(map(_line, found)), {"failed": len(failed), "steps": steps})


def _line(one: Check) -> str:
    word = {True: "ok", False: "FAILED", None: "unknown"}[one.passed]
    return f"{word}: {one.name}: {one.found}" + (f". Fix: {one.fix}" if one.fix and not one.passed else "")


def vllm(work: Path, rehearsal: bool) -> Outcome:
    """One step of GRPO whose sampler states its log-probabilities: how far they are from the trainer's.

    Weights are random, so that logits are nearly flat: a lower bound of what real weights show.
    """
    from anatomy_r1.training.training_log import LOG_NAME, read
    from baselines.stages.stages import run_stage

    if not rehearsal and find_spec("vllm") is None:
        fix = 'pip install -c constraints.txt -e ".[gpu]"'
        return Outcome("vllm", UNKNOWN, (f"not compared: vLLM is not installed. Fix: {fix}",))
    sampler = {"shared_rollouts": True} if rehearsal else {"use_vllm": True, "vllm_mode": "colocate"}
    watched = {**sampler, "parity_band": BAND, "parity_stop": 0.0, "max_completion_length": TOKENS}
    run, _, cell = day_run(work, rehearsal, "vllm", watched)
    run_stage("train", cell.name, run)
    rows = read(run.layout.train(cell) / LOG_NAME, "parity")
    if rows.empty:
        return Outcome("vllm", FAILED, ("the sampler stated no log-probabilities: nothing was compared",))
    numbers = {name: float(rows[name].max()) for name in ("mean", "largest", "outside") if name in rows}
    said = ", ".join(f"{name} {value:.3g}" for name, value in numbers.items())
    who = "transformers in vLLM's place" if rehearsal else "vLLM"
    return Outcome("vllm", DONE, (f"{who} beside the trainer, in nats, band {BAND}: {said}",), numbers)


def plan(bench: Path) -> Outcome:
    """Of every measured case: the plan's memory over the driver's, and its cost beside GRPO's over the measured one."""
    found = [read_result(path) for path in sorted((bench / "cases").glob("*.json"))]
    measured = [one for one in found if one["status"] == "measured"]
    if not measured:
        return Outcome("plan", UNKNOWN, ("no case was measured",))
    memory, cost = dict(_memory(measured)), dict(_costs(measured))
    tiny = any(one["case"]["rehearsal"] for one in measured)
    lines = [f"memory of {name}: {_ratio(ratio, tiny)}" for name, ratio in memory.items()]
    lines += [f"seconds of {name} beside GRPO's: {_ratio(ratio, tiny)}" for name, ratio in cost.items()]
    if not memory:
        lines.append("memory: not measured without a GPU")
    return Outcome("plan", DONE, tuple(lines), {"memory": memory, "cost": cost})


def _ratio(value: float, tiny: bool) -> str:
    told = f"the plan's is {value:.2f} of the measured"
    if tiny:
        return f"{told}; {NOT_JUDGED}"
    return told if abs(value - 1) <= WITHIN else f"{told}, which is further than {WITHIN:.0%} away"


def _memory(measured: Sequence[CaseResult]) -> Iterator[tuple[str, float]]:
    for one in measured:
        if one["memory"]["driver"]:
            yield one["case"]["method"], one["plan"]["peak"] / one["memory"]["driver"]


def _costs(measured: Sequence[CaseResult]) -> Iterator[tuple[str, float]]:
    """The plan's ratio of a method's step to GRPO's, over the measured ratio: rollouts by transformers in both, and the
    lengths that were measured, which are not a profile's.
    """
    from baselines.bench.cases import Case
    from baselines.experiment.cell import arguments
    from baselines.preflight.effort import step_seconds

    seconds = {one["case"]["method"]: (one, one["seconds"]["median"]) for one in measured}
    if "grpo" not in seconds:
        return

    def planned(one: CaseResult) -> float:
        case = Case(**one["case"])
        profile, method = bench_profile(case), bench_method(case.method)
        entry = {"mini": "mini-l", **profile.models[case.model]} if case.rehearsal else profile.models[case.model]
        lengths = (one["prompt"], case.completion)
        return step_seconds(_with(profile, case.model, entry), case.model, arguments(profile, method, 0), lengths)

    first, at = seconds["grpo"]
    for name, (one, took) in seconds.items():
        if name not in ("grpo", "trl"):
            yield name, (planned(one) / planned(first)) / (took / at)


def _with(profile: Any, name: str, entry: Any) -> Any:
    from dataclasses import replace

    return replace(profile, models={name: entry})


def main(asked: dict[str, Any]) -> None:
    """Run one part and write its outcome."""
    work, rehearsal = Path(asked["work"]), bool(asked["rehearsal"])
    if rehearsal:
        import torch

        torch.set_num_threads(1)
    found = {
        "doctor": lambda: doctor(work, rehearsal),
        "vllm": lambda: vllm(work, rehearsal),
        "plan": lambda: plan(Path(asked["bench"])),
    }[asked["part"]]()
    write_outcome(Path(asked["out"]), found)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
