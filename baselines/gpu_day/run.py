"""Run the parts of a day that have not ended, one after another, within a time limit; then write the report.

The same command continues: a part that ended is not run again, and what a part has done of its cases stays. A part that
the limit ended is tried again by the next call.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from anatomy_r1.provenance import ROOT
from baselines.bench.cases import Case as BenchCase
from baselines.bench.cases import CaseResult, read_result, result_path
from baselines.bench.run import CASES_LEFT, FRESH
from baselines.gpu_day.inputs import SIZE, TUNING
from baselines.gpu_day.parts import (
    CASES,
    DONE,
    FAILED,
    LEFT,
    SHORTEST,
    Outcome,
    Part,
    outcome_path,
    read_outcome,
    write_outcome,
)
from baselines.gpu_day.report import write_report
from baselines.runtime.processes import VISIBLE, die_with_parent, visible

STEPS = 3
"""Steps of a bench case, the first of which does not count (ours): a day is for many cases."""
MIDI = ("zero-shot", "grpo", "cot-sft", "grpo-asc", "grpo-gdqa")
"""Rows of profile midi, those that say most first (ours)."""


@dataclass(frozen=True)
class Day:
    """One call of `gpu-day`."""

    out: Path
    work: Path
    command: str
    seconds: float
    """Limit of this call."""
    rehearsal: bool = False
    methods: tuple[str, ...] = ()
    """Methods of the bench's cases; empty: all."""

    @property
    def bench(self) -> Path:
        """Folder of the bench's results."""
        return self.out / "bench"


def unusable_gpu() -> str:
    """Why PyTorch cannot compute on the GPU that the driver lists; empty if it can. In a process of its own, whose
    memory is free again.
    """
    words = [sys.executable, "-c", "import torch; torch.ones(1, device='cuda').sum().item()"]
    found = subprocess.run(words, capture_output=True, text=True, check=False)
    lines = found.stderr.strip().splitlines() or [f"status {found.returncode}"]
    return lines[-1][:300] if found.returncode else ""


def run_day(day: Day, wanted: Sequence[Part]) -> list[Outcome]:
    """Run what has not ended, as far as the limit allows; returns how every wanted part stands."""
    began = time.monotonic()
    for part in wanted:
        before = read_outcome(day.out, part.name)
        remaining = day.seconds - (time.monotonic() - began)
        asked = day.methods if part.name in CASES else ()
        if before.ended(asked) or remaining < SHORTEST:
            continue
        print(f"{part.name}: {part.shows} ...", file=sys.stderr, flush=True)
        started = time.monotonic()
        found = _run(day, part.name, remaining)
        spent = before.seconds + time.monotonic() - started
        write_outcome(day.out, replace(found, seconds=round(spent, 1), methods=asked))
        print(f"{part.name}: {found.status}", file=sys.stderr, flush=True)
        write_report(day.out, day.command, wanted, rehearsal=day.rehearsal)  # a machine may be gone at any time
    write_report(day.out, day.command, wanted, rehearsal=day.rehearsal)
    return [read_outcome(day.out, part.name) for part in wanted]


def _run(day: Day, name: str, seconds: float) -> Outcome:
    if name in CASES:
        return _bench(day, name, seconds)
    return _midi(day, seconds) if name == "midi" else _check(day, name, seconds)


def _bench(day: Day, name: str, seconds: float) -> Outcome:
    """The bench's cases of a part; what each found is in the bench's own report.

    A part whose outcome was moved away tries its failed cases again. A case that ran out of what was left of this call,
    rather than of a good part of a whole one, is left to the next.
    """
    methods = [one for one in CASES[name] if not day.methods or one in day.methods]
    model = "mini" if day.rehearsal else SIZE
    paths = {one: result_path(day.bench, BenchCase(model, TUNING, one)) for one in methods}
    if not outcome_path(day.out, name).is_file():
        _forget(paths.values(), lambda result: result["status"] != "measured")
    words = ["gpu-bench", "--out", str(day.bench), "--work", str(day.work), "--models", model, "--tunings", TUNING]
    words += ["--steps", str(STEPS), "--seconds", f"{seconds:.0f}", "--methods", *methods]
    words += ["--rehearsal", "--completion", "3"] if day.rehearsal else []
    code, tail = _command(day, name, words, seconds + 60)  # it ends by itself
    if seconds < FRESH * day.seconds:
        _forget(paths.values(), lambda result: result.get("cut_off"))
    found = {one: read_result(path) for one, path in paths.items() if path.is_file()}
    lines = [f"{one}: {_measured(result)}" for one, result in found.items()]
    wrong = [one for one, result in found.items() if result["status"] == "failed"]
    if len(found) < len(methods):
        lines += [f"left for the next call: {', '.join(one for one in methods if one not in found)}"]
        return Outcome(name, LEFT if code in (0, CASES_LEFT, None) else FAILED, tuple(lines + tail))
    seconds_of = {one: r["seconds"]["median"] for one, r in found.items() if r["status"] == "measured"}
    return Outcome(name, FAILED if wrong else DONE, tuple(lines), {"seconds": seconds_of})


def _forget(results: Iterable[Path], which: Callable[[CaseResult], Any]) -> None:
    """Remove these results: their cases are measured again."""
    for path in results:
        if path.is_file() and which(read_result(path)):
            path.unlink()


def _measured(result: Any) -> str:
    """One case in words."""
    if result["status"] != "measured":
        return f"{result['status']}: {' '.join(str(result['error']).split())[:200]}"
    memory = result["memory"]["driver"]
    used = f"{memory / 2**30:.1f} GB" if memory else "memory not measured"
    rate = result["tokens_per_second"]
    return f"{result['seconds']['median']:.2f} s a step, {used}, {rate:.0f} sampled tokens a second"


def _check(day: Day, name: str, seconds: float) -> Outcome:
    """A part of `checks.py`, in a process of its own."""
    asked = {"part": name, "work": str(day.work), "bench": str(day.bench), "rehearsal": day.rehearsal}
    path = outcome_path(day.out, name)
    path.unlink(missing_ok=True)
    words = ["-m", "baselines.gpu_day.checks", json.dumps({**asked, "out": str(day.out)})]
    code, tail = _process(day, name, words, seconds)
    if path.is_file():
        return read_outcome(day.out, name)
    if code is None:
        return Outcome(name, LEFT, ("the limit ended it; the next call tries it again",))
    return Outcome(name, FAILED, (f"ended with status {code}", *tail))


def _midi(day: Day, seconds: float) -> Outcome:
    """The grid of profile midi for the rest of the time; it resumes by itself. A rehearsal prints its plan."""
    words = ["--profile", "midi", "--runs", str(day.work / "runs"), "--methods", *MIDI]
    code, tail = _command(day, "midi", ["plan" if day.rehearsal else "run", *words], seconds)
    root = day.work / "runs" / "midi" / "results"
    rows = sorted(str(path.relative_to(root).with_suffix("")) for path in root.rglob("seed*.json"))
    if day.rehearsal:
        missing = code == 3  # it prints its plan, and then that there is no GPU
        status = DONE if code == 0 or missing else FAILED
        return Outcome("midi", status, ("planned only: a rehearsal trains nothing of this size", *tail))
    lines = (f"rows with a result: {', '.join(rows) or 'none'}", f"its results: {root}")
    if code is None:
        return Outcome("midi", LEFT, (*lines, "the limit ended it; the next call resumes it"))
    return Outcome("midi", DONE if code == 0 else FAILED, (*lines, *(tail if code else ())))


def _command(day: Day, name: str, words: Sequence[str], seconds: float) -> tuple[int | None, list[str]]:
    return _process(day, name, ["-m", "baselines", *words], seconds)


def _process(day: Day, name: str, words: Sequence[str], seconds: float) -> tuple[int | None, list[str]]:
    """Exit status (None: the limit ended it) and the last lines of the output, which is in a log."""
    log = day.work / "logs" / f"part-{name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    env = {**os.environ, "PYTHONPATH": str(ROOT), "TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1"}
    one_gpu = (visible(1) or [""])[0]
    env |= {VISIBLE: "", "OMP_NUM_THREADS": "1"} if day.rehearsal else {VISIBLE: one_gpu}
    with log.open("w") as output:
        where: dict[str, Any] = {"stdout": output, "stderr": subprocess.STDOUT, "env": env}
        process = subprocess.Popen([sys.executable, *words], cwd=ROOT, preexec_fn=die_with_parent, **where)  # noqa: PLW1509
        try:
            code: int | None = process.wait(timeout=max(1.0, seconds))
        except subprocess.TimeoutExpired:
            code = None
        finally:
            process.terminate()
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return code, [line[:200] for line in lines[-5:]]
