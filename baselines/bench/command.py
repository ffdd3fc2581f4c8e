"""`python -m baselines gpu-bench`."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

from baselines.bench.cases import COMPLETION, METHODS, MODELS, STEPS, TUNINGS, cases

EXAMPLE = "example: python -m baselines gpu-bench --out results/gpu --seconds 540     (repeat until nothing is left)"
UNFINISHED = 1
"""Exit status when cases are left; the same command continues."""
NO_GPU = 3


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `gpu-bench`."""
    text = "time and memory of a training step of each method on one GPU, with random weights: docs/gpu-bench.md"
    command = commands.add_parser("gpu-bench", help=text, description=text, epilog=EXAMPLE)
    add, work = command.add_argument, Path("runs/gpu-bench")
    add("--out", type=Path, default=Path("results/gpu"), help="folder of the results (default: %(default)s)")
    add("--work", type=Path, default=work, help="folder of the random weights, 24 GB (default: %(default)s)")
    for name, known in (("--models", MODELS), ("--tunings", TUNINGS), ("--methods", METHODS)):
        add(name, nargs="+", default=[], metavar="ID", help=f"{', '.join(known)} (default: all)")
    add("--completion", type=int, default=COMPLETION, help="tokens per completion (default: %(default)s)")
    add("--steps", type=int, default=STEPS, help="steps per case; the first is not counted (default: %(default)s)")
    add("--seconds", type=float, default=0.0, help="stop after this long; a later call continues (default: no limit)")
    add("--rehearsal", action="store_true", help="run on a CPU, with the mini architecture")
    add("--report", action="store_true", help="only write the report of the results that exist")
    command.set_defaults(function=gpu_bench)


def gpu_bench(arguments: argparse.Namespace) -> int:
    """Exit status 0 when every case has a result, 1 when some are left, 3 without a GPU."""
    from baselines.bench.report import write_report
    from baselines.bench.run import Call, run
    from baselines.runtime.processes import gpu_memory_gb

    asked = (arguments.models, arguments.tunings, arguments.methods)
    sizes = {"completion": arguments.completion, "steps": arguments.steps}
    wanted = cases(*asked, **sizes, rehearsal=arguments.rehearsal)
    left = []
    if not arguments.report:
        if not arguments.rehearsal and not gpu_memory_gb():
            print("error: no NVIDIA GPU found. Fix: another machine, or --rehearsal on a CPU", file=sys.stderr)
            return NO_GPU
        command = shlex.join(["python", "-m", "baselines", *sys.argv[1:]])
        left = run(Call(arguments.out.resolve(), arguments.work.resolve(), command, arguments.seconds), wanted)
    for aim in write_report(arguments.out.resolve()):
        found = "" if aim.value is None else f" {aim.value:.3f}"
        print(f"{aim.where}: {aim.title}: target {aim.aim}:{found} {aim.verdict}")
    print(f"report: {arguments.out / 'report.md'}" + (f"; {len(left)} cases left: run again" if left else ""))
    return UNFINISHED if left else 0
