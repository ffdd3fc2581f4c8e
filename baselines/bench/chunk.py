"""A call: the cases that have no result yet, one after another, each in a process of its own, until time is up."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anatomy_r1.provenance import ROOT
from baselines.bench.cases import Case
from baselines.bench.inputs import prepared
from baselines.bench.measure import head
from baselines.bench.store import done, path_of, read_one, write_json
from baselines.runtime.processes import die_with_parent

FRESH = 0.5
"""Share of a call's time that a case must have had for its being cut off to be a result; else the next call tries it
again (ours)."""
TAIL = 1500
"""Characters of a dead process's last words that are kept."""


@dataclass(frozen=True)
class Call:
    """Where results and inputs are, and how long it may take."""

    out: Path
    work: Path
    command: str
    """As it was typed, for the results."""
    seconds: float = 0.0
    """0 stands for as long as it takes."""


def run(call: Call, wanted: Sequence[Case]) -> list[Case]:
    """Measure what has no result; returns what is left for the next call."""
    began, longest = time.monotonic(), 0.0
    left = [case for case in wanted if case not in done(call.out, wanted)]
    while left:
        remaining = call.seconds - (time.monotonic() - began) if call.seconds else float("inf")
        if remaining <= 0 or (longest and remaining < longest):
            break
        started = time.monotonic()
        if not _one(call, left[0], remaining):
            break
        longest = max(longest, time.monotonic() - started)
        left = left[1:]
    return left


@dataclass(frozen=True)
class Ended:
    """How a process ended."""

    code: int | None
    """None when it was stopped for lack of time."""
    words: str
    """The last it printed."""


def _one(call: Call, case: Case, remaining: float) -> bool:
    """Whether there is a result now; False when the case is left to the next call."""
    print(f"{case.name} ...", end=" ", flush=True, file=sys.stderr)
    deadline = time.monotonic() + remaining
    for do in ("measure",) if prepared(call.work, case) else ("prepare", "measure"):
        ended = _child(call, case, do, deadline - time.monotonic())
        if ended.code is None and remaining < FRESH * call.seconds:
            print("stopped; the next call measures it", file=sys.stderr)
            return False
        if ended.code != 0:
            _note(call, case, do, ended)
            break
    print(_said(read_one(path_of(call.out, case))), file=sys.stderr)
    return True


def _child(call: Call, case: Case, do: str, seconds: float) -> Ended:
    """Run one process to its end, or for so many seconds; what it prints goes to a file beside its inputs."""
    asked = {"do": do, "case": dataclasses.asdict(case), "work": str(call.work), "command": call.command}
    asked["out"] = str(path_of(call.out, case))
    log = call.work / "logs" / f"{case.name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "baselines.bench", json.dumps(asked)]
    with log.open("w") as words:
        where: dict[str, Any] = {"stdout": words, "stderr": subprocess.STDOUT, "env": _environment(case)}
        process = subprocess.Popen(command, cwd=ROOT, preexec_fn=die_with_parent, **where)  # noqa: PLW1509  (no threads yet)
        try:
            code: int | None = process.wait(timeout=None if seconds == float("inf") else max(1.0, seconds))
        except subprocess.TimeoutExpired:
            code = None
        finally:
            process.kill()
            process.wait()
    return Ended(code, log.read_text(errors="replace")[-TAIL:])


def _environment(case: Case) -> dict[str, str]:
    """One GPU, or none for a rehearsal; nothing is fetched."""
    first = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0]
    more = {"CUDA_VISIBLE_DEVICES": "" if case.rehearsal else first, "HF_HUB_OFFLINE": "1"}
    threads = {"OMP_NUM_THREADS": "1"} if case.rehearsal else {}
    return {**os.environ, "PYTHONPATH": str(ROOT), "TOKENIZERS_PARALLELISM": "false", **more, **threads}


def _note(call: Call, case: Case, do: str, ended: Ended) -> None:
    """A process that died is a result too."""
    if ended.code is None:
        how = f"did not end within {call.seconds:.0f} seconds"
    else:
        how = f"ended by {signal.Signals(-ended.code).name}" if ended.code < 0 else f"ended with status {ended.code}"
    error = f"{do} {how}; its last words: {ended.words.strip()}"
    write_json(path_of(call.out, case), {**head(case, call.command), "status": "failed", "error": error})


def _said(found: dict[str, Any]) -> str:
    if found["status"] != "measured":
        return f"{found['status']}: {found['error'].splitlines()[0][:120]}"
    return f"{found['seconds']['median']:.2f} s a step"
