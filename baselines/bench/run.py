"""Run the cases that have no result yet, one after another, each in a process of its own, within a time limit.

The process is `python -m baselines.bench.run '{"do": "measure", "case": ...}'`.
"""

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
from baselines.bench.cases import Case, has_result, read_result, result_header, result_path, write_json
from baselines.bench.inputs import prepare, prepared
from baselines.runtime.processes import die_with_parent

FRESH = 0.5
"""A case that times out counts as failed if it had at least this share of the time limit; otherwise the next call
tries it again (ours)."""

CASES_LEFT = 4
"""Exit status of a call that left cases to the next; Python's own for an uncaught error is 1."""


@dataclass(frozen=True)
class Call:
    """One call of `gpu-bench`: where results, and weights, data and logs go; its command line; its time limit."""

    out: Path
    work: Path
    command: str
    seconds: float = 0.0
    """0 is no limit."""


@dataclass(frozen=True)
class Exit:
    """How a process ended: its status (None when it ran out of time), and the end of what it printed."""

    code: int | None
    output: str


def run(call: Call, wanted: Sequence[Case]) -> list[Case]:
    """Measure the cases without a result; returns those left for the next call."""
    began, longest = time.monotonic(), 0.0
    left = [case for case in wanted if not has_result(call.out, case)]
    while left:
        remaining = call.seconds - (time.monotonic() - began) if call.seconds else float("inf")
        if remaining <= 0 or (longest and remaining < longest):
            break
        started = time.monotonic()
        if not _measured(call, left[0], remaining):
            break
        longest = max(longest, time.monotonic() - started)
        left = left[1:]
    return left


def _measured(call: Call, case: Case, remaining: float) -> bool:
    """Whether the case has a result now; False leaves it to the next call."""
    print(f"{case.name} ...", end=" ", flush=True, file=sys.stderr)
    deadline = time.monotonic() + remaining
    for do in ("measure",) if prepared(call.work, case) else ("prepare", "measure"):
        ended = _child(call, case, do, deadline - time.monotonic())
        if ended.code is None and remaining < FRESH * call.seconds:
            print("out of time; the next call measures it", file=sys.stderr)
            return False
        if ended.code != 0:
            if ended.code is None:
                how = f"did not end within {call.seconds:.0f} seconds"
            elif ended.code < 0:
                how = f"ended by {signal.Signals(-ended.code).name}"
            else:
                how = f"ended with status {ended.code}"
            died: dict[str, Any] = {
                "status": "failed",
                "error": f"{do} {how}; end of its output: {ended.output.strip()}",
            }
            died |= {"cut_off": ended.code is None}
            write_json(result_path(call.out, case), {**result_header(case, call.command), **died})
            break
    found = read_result(result_path(call.out, case))
    measured = found["status"] == "measured"
    short = f"{found['seconds']['median']:.2f} s per step" if measured else found["error"].splitlines()[0][:120]
    print(short if measured else f"{found['status']}: {short}", file=sys.stderr)
    return True


def _child(call: Call, case: Case, do: str, seconds: float) -> Exit:
    """Run one process for at most `seconds`, its output in a log file."""
    asked = {"do": do, "case": dataclasses.asdict(case), "work": str(call.work), "command": call.command}
    asked["out"] = str(result_path(call.out, case))
    log = call.work / "logs" / f"{case.name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "baselines.bench.run", json.dumps(asked)]
    one_gpu = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1"}
    env |= {"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"} if case.rehearsal else {"CUDA_VISIBLE_DEVICES": one_gpu}
    with log.open("w") as output:
        where: dict[str, Any] = {"stdout": output, "stderr": subprocess.STDOUT, "env": env}
        process = subprocess.Popen(command, cwd=ROOT, preexec_fn=die_with_parent, **where)  # noqa: PLW1509  (no threads yet)
        try:
            code: int | None = process.wait(timeout=None if seconds == float("inf") else max(1.0, seconds))
        except subprocess.TimeoutExpired:
            code = None
        finally:
            process.kill()
            process.wait()
    return Exit(code, log.read_text(errors="replace")[-1500:])


def main(asked: dict[str, Any]) -> None:
    """`do: prepare` makes the case's inputs; `do: measure` measures it and writes `out`."""
    case, work = Case(**asked["case"]), Path(asked["work"])
    if case.rehearsal:
        import torch

        torch.set_num_threads(1)
    if asked["do"] == "prepare":
        prepare(work, case, "cpu" if case.rehearsal else "cuda")
    else:
        from baselines.bench.measure import measure

        write_json(Path(asked["out"]), measure(case, work, asked["command"]))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
