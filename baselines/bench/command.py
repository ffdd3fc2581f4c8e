"""`python -m baselines gpu-bench`."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

from baselines.bench.cases import COMPLETION, METHODS, MODELS, STEPS, TUNINGS, cases

EXAMPLE = "example: python -m baselines gpu-bench --out results/gpu --seconds 540     (again, until nothing is left)"
UNFINISHED = 1
"""Status when there is more to measure: the same command goes on."""
NO_GPU = 3


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `gpu-bench` with its arguments."""
    text = "seconds and memory of a step of each method on one GPU, with random weights: docs/gpu-bench.md"
    command = commands.add_parser("gpu-bench", help=text, description=text, epilog=EXAMPLE)
    command.add_argument("--out", type=Path, default=Path("results/gpu"), help="of results (default: results/gpu)")
    work = Path("runs/gpu-bench")
    command.add_argument("--work", type=Path, default=work, help=f"of random weights: 24 GB (default: {work})")
    command.add_argument("--models", nargs="+", default=[], metavar="ID", help=f"{', '.join(MODELS)} (default: all)")
    command.add_argument("--tunings", nargs="+", default=[], metavar="ID", help=f"{', '.join(TUNINGS)} (default: all)")
    command.add_argument("--methods", nargs="+", default=[], metavar="ID", help=f"{', '.join(METHODS)} (default: all)")
    command.add_argument("--completion", type=int, default=COMPLETION, help=f"tokens of each (default: {COMPLETION})")
    command.add_argument("--steps", type=int, default=STEPS, help=f"the first is not counted (default: {STEPS})")
    command.add_argument("--seconds", type=float, default=0.0, help="stop after so many, to go on later (default: no)")
    command.add_argument("--rehearsal", action="store_true", help="on a CPU, with the mini architecture")
    command.add_argument("--report", action="store_true", help="write the report of what is there, and measure nothing")
    command.set_defaults(function=gpu_bench)


def gpu_bench(arguments: argparse.Namespace) -> int:
    """Status 0 when every case has a result, 1 when some are left, 3 without a GPU."""
    from baselines.bench.chunk import Call, run
    from baselines.bench.report import write_report
    from baselines.runtime.gpus import gpu_memory_gb

    asked = (arguments.models, arguments.tunings, arguments.methods)
    sizes = {"completion": arguments.completion, "steps": arguments.steps}
    wanted = cases(*asked, **sizes, rehearsal=arguments.rehearsal)
    left = []
    if not arguments.report:
        if not arguments.rehearsal and not gpu_memory_gb():
            print("error: no NVIDIA GPU here. Fix: such a machine, or --rehearsal on a CPU", file=sys.stderr)
            return NO_GPU
        command = shlex.join(["python", "-m", "baselines", *sys.argv[1:]])
        left = run(Call(arguments.out.resolve(), arguments.work.resolve(), command, arguments.seconds), wanted)
    for aim in write_report(arguments.out.resolve()):
        found = "" if aim.value is None else f" {aim.value:.3f}"
        print(f"{aim.where}: {aim.title}: aimed at {aim.aim}:{found} {aim.verdict}")
    print(f"report: {arguments.out / 'report.md'}" + (f"; {len(left)} cases left: call again" if left else ""))
    return UNFINISHED if left else 0
