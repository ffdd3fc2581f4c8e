"""The commands of `python -m baselines`.

Most are for people. `stage` and `worker` are started by the grid and by launchers; `launch` by a person, only for a
training over several machines. Heavy imports stay inside the functions.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from anatomy_r1.arithmetic import EXPECTED, MODES, machine_note, restart_portable, use_portable
from anatomy_r1.errors import AnatomyR1Error
from baselines.bench.cases import COMPLETION, METHODS, MODELS, STEPS, TUNINGS, cases
from baselines.gpu_day.parts import FAILED, LEFT, PARTS, chosen

if TYPE_CHECKING:
    from baselines.experiment.cell import GridRun
    from baselines.experiment.plan import Selection

EXAMPLE = "example: python -m baselines run --profile mini --methods zero-shot grpo --seeds 0 1 2"
BENCH_EXAMPLE = (
    "example: python -m baselines gpu-bench --out results/gpu --seconds 540     (repeat until nothing is left)"
)
DAY_EXAMPLE = "example: python -m baselines gpu-day --hours 0.25     (repeat to continue)"
CURVES_EXAMPLE = "example: python -m baselines curves --root runs/mini"
TWICE_EXAMPLE = "example: python -m baselines twice --profile smoke --steps 2 sgg_anatomy_mini/mini-l/grpo/seed0"
BLIND_EXAMPLE = "example: python -m baselines blind --store results/mini/store --data prepared"
LAUNCH_EXAMPLE = (
    "example: ANATOMY_R1_LAUNCH_ARGS='--num_machines 2 --machine_rank 1 ...' python -m baselines launch "
    "--profile eight.yaml --root runs/eight sgg_anatomy/qwen2.5-vl-7b/grpo/seed0"
)

REPORTERS = ("none", "tensorboard", "wandb", "trackio")


def add_grid_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `run`, `plan`, `doctor`, `twice`, `curves` and `blind`."""
    for name, function, text in (
        ("run", _run, "train and evaluate what is missing"),
        ("plan", _plan, "print what `run` would do, what it takes and what is missing"),
        ("doctor", _doctor, "check this machine for anything that would stop a run, with a fix for each problem"),
    ):
        command = commands.add_parser(name, help=text, description=text, epilog=EXAMPLE.replace(" run ", f" {name} "))
        _selection_arguments(command)
        command.set_defaults(function=function)
        if name == "run":
            about = (
                "local, or slurm: each stage is a job that requests the plan's GPUs, memory and time (default: local)"
            )
            command.add_argument("--executor", default="local", help=about)
            command.add_argument("--partition", default="", help="SLURM partition")
            command.add_argument("--account", default="", help="SLURM account")
            about = "additional arguments of sbatch, such as --sbatch=--constraint=a100"
            command.add_argument("--sbatch", default="", metavar="ARGS", help=about)
        if name == "doctor":
            about = "also train one step and compare rollouts on each real model (takes minutes)"
            command.add_argument("--smoke", action="store_true", help=about)
    text = "run trainings of a few steps two times: are rollouts, rewards and weights the same to the bit?"
    repeated = commands.add_parser("twice", help=text, description=text, epilog=TWICE_EXAMPLE)
    repeated.add_argument("cells", nargs="+", metavar="CELL", help="benchmark/model/method/seed0")
    repeated.add_argument("--profile", default="mini", help="profile name or .yaml file (default: mini)")
    repeated.add_argument("--runs", type=Path, default=Path("runs"), help="folder of all runs (default: runs)")
    repeated.add_argument("--steps", type=int, default=3, metavar="N", help="of each training (default: 3)")
    about = "set an environment variable in the second run alone, to see that a difference is found. May be repeated"
    repeated.add_argument("--vary", action="append", default=[], metavar="NAME=VALUE", help=about)
    about = "train the second time with this seed, to see that a difference is found"
    repeated.add_argument("--second-seed", type=int, metavar="N", help=about)
    _add_arithmetic(repeated)
    _add_method_file(repeated)
    repeated.set_defaults(function=_twice)
    text = "extract what figures need from the training logs; `run` ends with it"
    curves = commands.add_parser("curves", help=text, description=text, epilog=CURVES_EXAMPLE)
    curves.add_argument("--root", type=Path, required=True, help="runs of one profile, for example runs/mini")
    curves.add_argument("--out", type=Path, help="folder to write to (default: ROOT/curves)")
    curves.add_argument("--methods", nargs="+", default=[], metavar="ID", help="default: all that sample in training")
    curves.set_defaults(function=_curves)
    text = (
        "add the best rule that sees no image to the results of a store that lack it; `run` records it (docs/blind.md)"
    )
    blind = commands.add_parser("blind", help=text, description=text, epilog=BLIND_EXAMPLE)
    blind.add_argument("--store", type=Path, required=True, metavar="DIR", help="result store, or its parent folder")
    about = "prepared sets that were asked, or folders that hold them by benchmark; checked by hash, ids and clusters"
    blind.add_argument("--data", type=Path, nargs="+", required=True, metavar="DIR", help=about)
    blind.set_defaults(function=_blind)


def add_stage_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `stage`, `launch` and `worker`."""
    stage = commands.add_parser("stage", help="one stage of the grid; called by Snakemake")
    _run_arguments(stage)
    stage.add_argument("--pool", default="", help="socket of a grid that forks stages; empty: run in this process")
    about = "folder that relative paths of the profile and the environment start from (default: the current one)"
    stage.add_argument("--cwd", type=Path, help=about)
    about = "digest of the settings that the grid began with; with others, the stage refuses (default: no check)"
    stage.add_argument("--settings", default="", help=about)
    stage.add_argument("stage")
    stage.add_argument("name")
    stage.set_defaults(function=_stage)
    for name, text in (
        ("launch", "start this machine's processes of a training over several machines"),
        ("worker", "one process of a training; called by a launcher"),
    ):
        command = commands.add_parser(name, help=text, description=text, epilog=LAUNCH_EXAMPLE)
        _run_arguments(command)
        command.add_argument("name", help="benchmark/model/method/seed0")
        command.set_defaults(function=_training, launches=name == "launch")


def add_bench_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `gpu-bench`."""
    text = "time and memory of a training step of each method on one GPU, with random weights: docs/gpu-bench.md"
    command = commands.add_parser("gpu-bench", help=text, description=text, epilog=BENCH_EXAMPLE)
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
    command.set_defaults(function=_gpu_bench)


def add_day_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `gpu-day`."""
    text = "what an hour on one GPU shows, in order of worth: docs/paper-run.md. The same command continues"
    command = commands.add_parser("gpu-day", help=text, description=text, epilog=DAY_EXAMPLE)
    add, known = command.add_argument, ", ".join(part.name for part in PARTS)
    add("--hours", type=float, default=1.0, help="limit of this call (default: %(default)s)")
    add("--out", type=Path, default=Path("results/gpu-day"), help="folder of the results (default: %(default)s)")
    add("--work", type=Path, default=Path("runs/gpu-day"), help="weights, data and logs, 8 GB (default: %(default)s)")
    add("--parts", nargs="+", default=[], metavar="NAME", help=f"{known} (default: all)")
    add("--methods", nargs="+", default=[], metavar="ID", help="of the bench's cases (default: all)")
    add("--rehearsal", action="store_true", help="run on a CPU, with tiny shapes")
    command.set_defaults(function=_gpu_day)


def _selection_arguments(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    add("--profile", default="mini", help="profile name or .yaml file (default: mini)")
    _add_method_file(command)
    add(
        "--methods",
        nargs="+",
        default=[],
        metavar="ID",
        help="rows of the table (default: the profile's), or `all`, which includes controls",
    )
    about = "of each method: plain, no-image, wrong-image, rotations, or `all`; all but plain are controls"
    add("--views", nargs="+", default=[], metavar="ID", help=about)
    add("--benchmarks", nargs="+", default=[], metavar="ID", help="default: the profile's")
    add("--models", nargs="+", default=[], metavar="ID", help="default: the profile's")
    add("--seeds", nargs="+", default=[], type=int, metavar="N", help="default: the profile's")
    about = "of each model, by name, or `all` (default: the profile's; a profile may list none)"
    add("--bases", nargs="+", default=[], metavar="ID", help=about)
    add("--arms", nargs="+", default=[], metavar="ID", help="matched, equal-tokens, as-released (default: matched)")
    add("--runs", type=Path, default=Path("runs"), help="folder of all runs (default: runs)")
    add("--jobs", type=int, default=0, help="number of concurrent processes (default: one per core)")
    _add_arithmetic(command)
    add("--report-to", default="none", choices=REPORTERS, help="tensorboard, wandb or trackio (default: none)")


def _run_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("--profile", required=True)
    command.add_argument("--root", type=Path, required=True)
    command.add_argument("--report-to", default="none")
    _add_arithmetic(command)
    _add_method_file(command)


def _add_arithmetic(command: argparse.ArgumentParser) -> None:
    text = "portable: the same bytes on every x86-64 machine with AVX2, in about twice the time (docs/portable.md); "
    command.add_argument(
        "--arithmetic", choices=MODES, help=text + "default: the profile's; portable in mini and smoke, else native"
    )


def _add_method_file(command: argparse.ArgumentParser) -> None:
    text = "your own methods, in addition to those named (docs/add-a-method.md); executed as code. May be repeated"
    command.add_argument("--method-file", action="append", default=[], metavar="FILE.py", help=text)


def _method_files(arguments: argparse.Namespace) -> tuple[str, ...]:
    """Absolute paths, because stages run elsewhere; without duplicates."""
    return tuple(dict.fromkeys(str(Path(file).resolve()) for file in arguments.method_file))


def _run(arguments: argparse.Namespace) -> int:
    from baselines.grid.grid import Cluster, default_jobs, run_grid
    from baselines.preflight.doctor import missing_packages
    from baselines.runtime.processes import missing_gpus
    from baselines.stages.curves import FOLDER, write_curves

    run, selection = _asked(arguments)
    _start_portable(run, arguments)
    problems = missing_gpus(run.profile) if arguments.executor == "local" else []  # a cluster's head has no GPU
    problems += [f"{one.name} is {one.found}: {one.fix}" for one in missing_packages(run.profile)]
    if problems:
        _plan(arguments)
        print(f"\nprofile {run.profile.name} cannot run here:", *problems, sep="\n  - ", file=sys.stderr)
        return 3
    started, root = time.monotonic(), run.layout.root
    cluster = Cluster(arguments.executor, arguments.partition, arguments.account, arguments.sbatch)
    done = run_grid(run, selection, arguments.jobs or default_jobs(), cluster)
    write_curves(root, root / FOLDER)
    minutes, seconds = divmod(round(time.monotonic() - started), 60)
    print(f"grid {'done' if done else 'not done'} in {minutes} min {seconds} s: {root}", file=sys.stderr)
    return 0 if done else 1


def _start_portable(run: GridRun, arguments: argparse.Namespace) -> None:
    """In portable arithmetic: start this process again if need be, and say what its numbers are before they are made.

    The stages inherit the environment.
    """
    if run.profile.arithmetic != "portable":
        return
    restart_portable("baselines", arguments.words)
    use_portable()
    print(machine_note() or f"portable arithmetic, fingerprint {EXPECTED} as expected", file=sys.stderr)


def _plan(arguments: argparse.Namespace) -> int:
    """Exit status 3 when something is missing, so that a script can check before it starts."""
    from baselines.experiment.plan import stages
    from baselines.grid.grid import to_replace
    from baselines.preflight.doctor import missing
    from baselines.preflight.effort import as_text

    run, selection = _asked(arguments)
    profile, layout = run.profile, run.layout
    again = to_replace(run, selection)
    print(as_text(profile, layout, selection, stages(profile, layout, selection), again))
    if found := missing(profile, layout, selection):
        lines = [f"  - {one.name}\n      {one.fix}" for one in found]
        print(f"\nmissing for profile {profile.name}:", *lines, sep="\n", file=sys.stderr)
    return 3 if found else 0


def _doctor(arguments: argparse.Namespace) -> int:
    """Exit status 0 when every check passed, 3 when one failed or could not be made."""
    from baselines.preflight.doctor import as_text, examine, read_machine, summary

    run, selection = _asked(arguments)
    found = examine(read_machine(run.layout.root), run.profile, run.layout, selection)
    print(as_text(found))
    if arguments.smoke and all(one.passed for one in found):
        from baselines.preflight.smoke import smoke

        more = smoke(run, selection, selection.benchmarks[0])
        print(as_text(more))
        found += more
    elif arguments.smoke:
        print("\nno step was trained and no rollout compared: --smoke waits until every check above is ok")
    print(f"\n{summary(found)}")
    return 0 if all(one.passed for one in found) else 3


def _asked(arguments: argparse.Namespace) -> tuple[GridRun, Selection]:
    """The run and its rows: the methods named, and all methods of method files."""
    from baselines.experiment.cell import GridRun, Layout
    from baselines.experiment.plan import left_out, select
    from baselines.experiment.profile import load_profile
    from baselines.methods.registry import add_methods
    from baselines.preflight.arguments import check_trainings
    from baselines.preflight.names import check_profile

    profile = load_profile(arguments.profile).in_arithmetic(arguments.arithmetic)
    files = _method_files(arguments)
    own = [method.id for method in add_methods(files)]
    check_profile(profile, arguments.profile)
    asked = {name: getattr(arguments, name) for name in ("benchmarks", "models", "seeds", "bases", "arms", "views")}
    selection = select(profile, methods=[*(arguments.methods or profile.default["methods"]), *own], **asked)
    methods = [] if arguments.views else [name for name in arguments.methods if name != "all"]  # else under other names
    if absent := left_out(profile, selection, [*methods, *arguments.benchmarks]):
        told = f"left out, for there is none in {', '.join(selection.arms)}: {', '.join(absent)}"
        print(told, file=sys.stderr)
    layout = Layout((arguments.runs / profile.name).resolve())
    run = GridRun(profile, layout, arguments.profile, arguments.report_to, files)
    check_trainings(run, selection)
    return run, selection


def _twice(arguments: argparse.Namespace) -> int:
    """Exit status 0 when every training was the same to the bit, else 1."""
    from baselines.experiment.cell import open_run
    from baselines.experiment.profile import load_profile
    from baselines.preflight.twice import check_cells, twice
    from baselines.stages.stages import parse_cell

    if arguments.steps < 1:
        raise AnatomyR1Error(f"--steps {arguments.steps}: should be 1 or more. Fix: --steps 3")
    if wrong := [word for word in arguments.vary if "=" not in word]:
        raise AnatomyR1Error(f"--vary {wrong[0]}: has no value. Fix: --vary NAME=VALUE")
    root = (arguments.runs / load_profile(arguments.profile).name).resolve()
    run = open_run(arguments.profile, root, "none", _method_files(arguments), arguments.arithmetic)
    cells = [parse_cell(name) for name in arguments.cells]
    check_cells(run.profile, cells)
    _start_portable(run, arguments)
    vary = dict(word.split("=", 1) for word in arguments.vary)
    found = []
    for one in twice(run, cells, arguments.steps, vary, arguments.second_seed):
        print(one.line, flush=True)
        found.append(one)
    return int(any(one.difference for one in found))


def _curves(arguments: argparse.Namespace) -> int:
    from baselines.stages.curves import FOLDER, write_curves

    root = arguments.root.resolve()
    if not (root / "train").is_dir():
        raise AnatomyR1Error(f"{arguments.root}: no train/ in it; name the runs of one profile, for example runs/mini")
    out = arguments.out or root / FOLDER
    print(f"curves of {len(write_curves(root, out, arguments.methods))} trainings written to {out}")
    return 0


def _blind(arguments: argparse.Namespace) -> int:
    from anatomy_r1.results.blind_record import record_blind

    done = record_blind(arguments.store, arguments.data)
    print(*done.rules, sep="\n")
    print(f"{done.store}: {done.written} results written, {done.kept} had this record already")
    return 0


def _gpu_bench(arguments: argparse.Namespace) -> int:
    """Exit status 0 when every case has a result, 4 when some are left, 3 without a GPU."""
    from baselines.bench.report import write_report
    from baselines.bench.run import CASES_LEFT, Call, run
    from baselines.runtime.processes import gpu_memory_gb

    asked = (arguments.models, arguments.tunings, arguments.methods)
    sizes = {"completion": arguments.completion, "steps": arguments.steps}
    wanted = cases(*asked, **sizes, rehearsal=arguments.rehearsal)
    left = []
    if not arguments.report:
        if not arguments.rehearsal and not gpu_memory_gb():
            print("error: no NVIDIA GPU found. Fix: another machine, or --rehearsal on a CPU", file=sys.stderr)
            return 3
        command = shlex.join(["python", "-m", "baselines", *sys.argv[1:]])
        left = run(Call(arguments.out.resolve(), arguments.work.resolve(), command, arguments.seconds), wanted)
    for aim in write_report(arguments.out.resolve()):
        found = "" if aim.value is None else f" {aim.value:.3f}"
        print(f"{aim.where}: {aim.title}: target {aim.aim}:{found} {aim.verdict}")
    print(f"report: {arguments.out / 'report.md'}" + (f"; {len(left)} cases left: run again" if left else ""))
    return CASES_LEFT if left else 0


def _gpu_day(arguments: argparse.Namespace) -> int:
    """Exit status 0 when every part ended, 1 when some are left or something is wrong, 3 without a GPU that works."""
    from baselines.gpu_day.run import Day, run_day, unusable_gpu
    from baselines.runtime.processes import gpu_memory_gb

    wanted = chosen(arguments.parts)
    if not 0 < arguments.hours < float("inf"):
        raise AnatomyR1Error(f"--hours {arguments.hours:g}: should be above 0. Fix: --hours 1")
    if not arguments.rehearsal and not gpu_memory_gb():
        print("error: no NVIDIA GPU found. Fix: another machine, or --rehearsal on a CPU", file=sys.stderr)
        return 3
    if not arguments.rehearsal and (reason := unusable_gpu()):  # midi would train on the CPU, for hours
        fix = "Fix: `python -m baselines doctor --profile paper-1gpu` compares driver, PyTorch and packages"
        print(f"error: PyTorch cannot use the GPU ({reason}). {fix}", file=sys.stderr)
        return 3
    command = shlex.join(["python", "-m", "baselines", *sys.argv[1:]])
    folders = (arguments.out.resolve(), arguments.work.resolve())
    day = Day(*folders, command, 3600 * arguments.hours, arguments.rehearsal, tuple(arguments.methods))
    found = run_day(day, wanted)
    print(*(f"{one.name}: {one.status}" for one in found), f"report: {arguments.out / 'report.md'}", sep="\n")
    return int(any(one.status in (LEFT, FAILED) for one in found))


def _stage(arguments: argparse.Namespace) -> int:
    if arguments.pool:
        from baselines.grid.pool import submit

        words = ("profile", "report_to", "arithmetic", "settings", "stage", "name")
        asked = {name: getattr(arguments, name) for name in words}
        asked |= {"root": str(arguments.root.resolve()), "method_files": _method_files(arguments)}
        return submit(arguments.pool, asked)
    from baselines.stages.stages import run_stage

    run = _opened(arguments)
    if run.profile.arithmetic == "portable":  # a job of a cluster may not have the grid's environment
        restart_portable("baselines", arguments.words)
    if arguments.cwd:  # Snakemake's own is the folder of the runs
        os.chdir(arguments.cwd)
    run_stage(arguments.stage, arguments.name, run, arguments.settings)
    return 0


def _training(arguments: argparse.Namespace) -> int:
    from baselines.stages.stages import start_training, work

    (start_training if arguments.launches else work)(arguments.name, _opened(arguments))
    return 0


def _opened(arguments: argparse.Namespace) -> GridRun:
    from baselines.experiment.cell import open_run

    words = (arguments.report_to, _method_files(arguments), arguments.arithmetic)
    return open_run(arguments.profile, arguments.root.resolve(), *words)
