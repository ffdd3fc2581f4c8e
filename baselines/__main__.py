"""`python -m baselines`: run the grid, or print what it would run."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from anatomy_r1.errors import AnatomyR1Error
from baselines.bench.command import add_command as add_bench

if TYPE_CHECKING:
    from baselines.cell import Run
    from baselines.plan import Selection
    from baselines.profile import Profile


LAUNCH_EXAMPLE = (
    "example: ANATOMY_R1_LAUNCH_ARGS='--num_machines 2 --machine_rank 1 ...' python -m baselines launch "
    "--profile eight.yaml --root runs/eight sgg_anatomy/qwen2.5-vl-7b/grpo/seed0"
)


def main(argv: list[str] | None = None) -> int:
    """Entry point; returns the status: 0 done, 1 a stage failed, 2 bad arguments, 3 the machine lacks something."""
    arguments = _parser().parse_args(argv)
    try:
        return int(arguments.function(arguments))
    except AnatomyR1Error as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped; the same command goes on from here", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    example = "example: python -m baselines run --profile mini --methods zero-shot grpo --seeds 0 1 2"
    parser = argparse.ArgumentParser(prog="python -m baselines", description=__doc__, epilog=example)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, function, text in (
        ("run", _run, "train and evaluate what is missing"),
        ("plan", _plan, "print what `run` would do, what it takes and what is missing, and do nothing"),
        ("doctor", _doctor, "look at this machine and say what would stop a run, each with its cure"),
    ):
        command = commands.add_parser(name, help=text, description=text, epilog=example.replace(" run ", f" {name} "))
        _selection_arguments(command)
        command.set_defaults(function=function)
        if name == "run":
            _cluster_arguments(command)
        if name == "doctor":
            about = "also train one step and compare rollouts on each model: minutes, on the real weights"
            command.add_argument("--smoke", action="store_true", help=about)
    add_bench(commands)
    curves = commands.add_parser("curves", help="what figures need of the training logs; `run` does it at its end")
    curves.add_argument("--root", type=Path, required=True, help="runs of one profile, for example runs/mini")
    curves.add_argument("--out", type=Path, help="folder to write to (default: ROOT/curves)")
    curves.add_argument("--methods", nargs="+", default=[], metavar="ID", help="default: all that sample in training")
    curves.set_defaults(function=_curves)
    stage = commands.add_parser("stage", help="one stage of the grid; called by Snakemake")
    stage.add_argument("--profile", required=True)
    stage.add_argument("--root", type=Path, required=True)
    stage.add_argument("--report-to", default="none")
    _method_file_argument(stage)
    stage.add_argument("--pool", default="", help="socket of a grid that forks stages; empty: run it here")
    stage.add_argument("stage")
    stage.add_argument("name")
    stage.set_defaults(function=_stage)
    for name, function, text in (
        ("launch", _launch, "start this machine's processes of a training over several machines"),
        ("worker", _worker, "one process of a training; called by a launcher"),
    ):
        command = commands.add_parser(name, help=text, description=text, epilog=LAUNCH_EXAMPLE)
        command.add_argument("--profile", required=True)
        command.add_argument("--root", type=Path, required=True)
        command.add_argument("--report-to", default="none")
        _method_file_argument(command)
        command.add_argument("name", help="benchmark/model/method/seed0")
        command.set_defaults(function=function)
    return parser


def _selection_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("--profile", default="mini", help="profile name or .yaml file (default: mini)")
    _method_file_argument(command)
    command.add_argument(
        "--methods", nargs="+", default=[], metavar="ID", help="rows of the table, or `all`, controls included"
    )
    command.add_argument(
        "--views", nargs="+", default=[], metavar="ID",
        help="of each method: plain, no-image, wrong-image, rotations, or `all`; all but plain are controls",
    )  # fmt: skip
    command.add_argument("--benchmarks", nargs="+", default=[], metavar="ID")
    command.add_argument("--models", nargs="+", default=[], metavar="ID")
    command.add_argument("--seeds", nargs="+", default=[], type=int, metavar="N")
    command.add_argument(
        "--arms", nargs="+", default=[], metavar="ID", help="matched, equal-tokens, as-released (default: matched)"
    )
    command.add_argument("--runs", type=Path, default=Path("runs"), help="where runs are kept (default: runs)")
    command.add_argument("--jobs", type=int, default=0, help="processes at a time (default: one a core)")
    command.add_argument("--report-to", default="none", help="tensorboard, wandb or trackio (default: none)")


def _cluster_arguments(command: argparse.ArgumentParser) -> None:
    about = "local, or slurm: each stage is a job that asks for the GPUs, memory and time of the plan (default: local)"
    command.add_argument("--executor", default="local", help=about)
    command.add_argument("--partition", default="", help="of SLURM")
    command.add_argument("--account", default="", help="of SLURM")
    command.add_argument("--sbatch", default="", metavar="WORDS", help="further words for sbatch")


def _method_file_argument(command: argparse.ArgumentParser) -> None:
    text = "your own methods, which run besides those named (docs/add-a-method.md); it is run as code. May be repeated"
    command.add_argument("--method-file", action="append", default=[], metavar="FILE.py", help=text)


def _method_files(arguments: argparse.Namespace) -> tuple[str, ...]:
    """Absolute, for stages run elsewhere; each once."""
    return tuple(dict.fromkeys(str(Path(file).resolve()) for file in arguments.method_file))


def _selection(profile: Profile, arguments: argparse.Namespace) -> Selection:
    from baselines.methods import add_methods
    from baselines.plan import select

    own = [method.id for method in add_methods(_method_files(arguments))]
    asked = {name: getattr(arguments, name) for name in ("benchmarks", "models", "seeds", "arms", "views")}
    return select(profile, methods=[*(arguments.methods or profile.default["methods"]), *own], **asked)


def _run(arguments: argparse.Namespace) -> int:
    from baselines.cell import Layout, Run
    from baselines.cluster import Cluster
    from baselines.curves import FOLDER, write_curves
    from baselines.grid import default_jobs, run_grid, wait_note
    from baselines.profile import load_profile
    from baselines.requirements import lacking

    profile = load_profile(arguments.profile)
    selection = _selection(profile, arguments)
    problems = lacking(profile) if arguments.executor == "local" else []  # a cluster's head has no GPU
    if problems:
        _plan(arguments)
        print(f"\nprofile {profile.name} cannot run here:", *problems, sep="\n  - ", file=sys.stderr)
        return 3
    started = time.monotonic()
    layout = Layout((arguments.runs / profile.name).resolve())
    run = Run(profile, layout, arguments.profile, arguments.report_to, _method_files(arguments))
    cluster = Cluster(arguments.executor, arguments.partition, arguments.account, arguments.sbatch)
    done = run_grid(run, selection, arguments.jobs or default_jobs(), cluster)
    write_curves(layout.root, layout.root / FOLDER)
    print(f"grid {'done' if done else 'not done'} in {wait_note(started)}: {layout.root}", file=sys.stderr)
    return 0 if done else 1


def _plan(arguments: argparse.Namespace) -> int:
    """Status 3 when something is missing, so that a script can ask before it starts."""
    from baselines.cell import Layout
    from baselines.missing import missing
    from baselines.plan import stages
    from baselines.plan_text import as_text, missing_text
    from baselines.profile import load_profile

    profile = load_profile(arguments.profile)
    selection, layout = _selection(profile, arguments), Layout((arguments.runs / profile.name).resolve())
    print(as_text(profile, layout, selection, stages(profile, layout, selection)))
    if found := missing(profile, layout, selection):
        print(f"\nmissing for profile {profile.name}:\n{missing_text(found)}", file=sys.stderr)
    return 3 if found else 0


def _doctor(arguments: argparse.Namespace) -> int:
    """Status 0 when nothing would stop a run, 3 when something would."""
    from baselines.cell import Layout, Run
    from baselines.doctor.checks import LOCK
    from baselines.doctor.examine import as_text, examine
    from baselines.doctor.machine import read_machine
    from baselines.profile import load_profile

    profile = load_profile(arguments.profile)
    selection, layout = _selection(profile, arguments), Layout((arguments.runs / profile.name).resolve())
    found = examine(read_machine(layout.root), profile, layout, selection, LOCK)
    print(as_text(found))
    if arguments.smoke and all(one.passed for one in found):
        from baselines.doctor.smoke import smoke

        run = Run(profile, layout, arguments.profile, arguments.report_to, _method_files(arguments))
        more = smoke(run, selection, selection.benchmarks[0])
        print(as_text(more))
        found += more
    failed = [one for one in found if not one.passed]
    print(f"\n{len(failed)} of {len(found)} would stop a run" if failed else "\nnothing found that would stop a run")
    return 3 if failed else 0


def _curves(arguments: argparse.Namespace) -> int:
    from baselines.curves import FOLDER, write_curves

    root = arguments.root.resolve()
    if not (root / "train").is_dir():
        raise AnatomyR1Error(f"{arguments.root}: no train/ in it; name the runs of one profile, for example runs/mini")
    out = arguments.out or root / FOLDER
    print(f"{len(write_curves(root, out, arguments.methods))} trainings distilled into {out}")
    return 0


def _stage(arguments: argparse.Namespace) -> int:
    files = _method_files(arguments)
    if arguments.pool:
        from baselines.pool import ask

        names = ("profile", "report_to", "stage", "name")
        asked = {name: str(getattr(arguments, name)) for name in names}
        asked["method_files"] = json.dumps(files)
        return ask(arguments.pool, {**asked, "root": str(arguments.root.resolve())})
    from baselines.cell import Layout, Run
    from baselines.methods import add_methods
    from baselines.profile import load_profile
    from baselines.stages import run_stage

    layout = Layout(arguments.root.resolve())
    run = Run(load_profile(arguments.profile), layout, arguments.profile, arguments.report_to, files)
    add_methods(files)
    run_stage(arguments.stage, arguments.name, run)
    return 0


def _launch(arguments: argparse.Namespace) -> int:
    from baselines.stages import start_training

    start_training(arguments.name, _run_at(arguments))
    return 0


def _worker(arguments: argparse.Namespace) -> int:
    from baselines.stages import work

    work(arguments.name, _run_at(arguments))
    return 0


def _run_at(arguments: argparse.Namespace) -> Run:
    from baselines.cell import Layout, Run
    from baselines.methods import add_methods
    from baselines.profile import load_profile

    files, layout = _method_files(arguments), Layout(arguments.root.resolve())
    add_methods(files)
    return Run(load_profile(arguments.profile), layout, arguments.profile, arguments.report_to, files)


if __name__ == "__main__":
    sys.exit(main())
