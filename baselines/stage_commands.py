"""`stage`, `launch` and `worker`: what the grid and launchers start; a person starts `launch` alone."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from baselines.experiment.cell import Run

EXAMPLE = (
    "example: ANATOMY_R1_LAUNCH_ARGS='--num_machines 2 --machine_rank 1 ...' python -m baselines launch "
    "--profile eight.yaml --root runs/eight sgg_anatomy/qwen2.5-vl-7b/grpo/seed0"
)


def add_stage_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the three with their arguments."""
    stage = commands.add_parser("stage", help="one stage of the grid; called by Snakemake")
    _run_arguments(stage)
    stage.add_argument("--pool", default="", help="socket of a grid that forks stages; empty: run it here")
    stage.add_argument("stage")
    stage.add_argument("name")
    stage.set_defaults(function=_stage)
    for name, function, text in (
        ("launch", _launch, "start this machine's processes of a training over several machines"),
        ("worker", _worker, "one process of a training; called by a launcher"),
    ):
        command = commands.add_parser(name, help=text, description=text, epilog=EXAMPLE)
        _run_arguments(command)
        command.add_argument("name", help="benchmark/model/method/seed0")
        command.set_defaults(function=function)


def _run_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("--profile", required=True)
    command.add_argument("--root", type=Path, required=True)
    command.add_argument("--report-to", default="none")
    add_method_file(command)


def add_method_file(command: argparse.ArgumentParser) -> None:
    """Add `--method-file`, read by `method_files`."""
    text = "your own methods, which run besides those named (docs/add-a-method.md); it is run as code. May be repeated"
    command.add_argument("--method-file", action="append", default=[], metavar="FILE.py", help=text)


def method_files(arguments: argparse.Namespace) -> tuple[str, ...]:
    """Absolute, for stages run elsewhere; each once."""
    return tuple(dict.fromkeys(str(Path(file).resolve()) for file in arguments.method_file))


def _stage(arguments: argparse.Namespace) -> int:
    if arguments.pool:
        from baselines.grid.pool import ask

        asked = {name: getattr(arguments, name) for name in ("profile", "report_to", "stage", "name")}
        asked |= {"root": str(arguments.root.resolve()), "method_files": method_files(arguments)}
        return ask(arguments.pool, asked)
    from baselines.stages.stages import run_stage

    run_stage(arguments.stage, arguments.name, _run(arguments))
    return 0


def _launch(arguments: argparse.Namespace) -> int:
    from baselines.stages.stages import start_training

    start_training(arguments.name, _run(arguments))
    return 0


def _worker(arguments: argparse.Namespace) -> int:
    from baselines.stages.stages import work

    work(arguments.name, _run(arguments))
    return 0


def _run(arguments: argparse.Namespace) -> Run:
    from baselines.experiment.cell import open_run

    return open_run(arguments.profile, arguments.root.resolve(), arguments.report_to, method_files(arguments))
