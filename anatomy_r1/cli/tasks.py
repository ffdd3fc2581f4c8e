"""`anatomy-r1 tasks`: lists and installs the lm-eval tasks. Imports nothing heavy, so that `--help` is quick."""

from __future__ import annotations

import argparse
from typing import Any

from anatomy_r1.cli.commands import add_command, add_group


def add_tasks_commands(subparsers: Any) -> None:
    """Add `tasks` and its subcommands."""
    commands = add_group(subparsers, "tasks", "the lm-eval tasks", "tasks install")
    add_command(commands, "list", "names of all tasks and groups", "tasks list", _list)
    about = "make the tasks available to the `lm-eval` command (not needed for an installed wheel)"
    add_command(commands, "install", about, "tasks install", _install)
    add_command(commands, "uninstall", "undo `install`", "tasks uninstall", _uninstall)


def _list(_: argparse.Namespace) -> int:
    from anatomy_r1.evaluation.task_files import task_files

    print("\n".join(task_files()))
    return 0


def _install(_: argparse.Namespace) -> int:
    from anatomy_r1.evaluation.task_files import install, lm_eval_folder

    written = install()
    print(f"{lm_eval_folder()}: {f'{len(written)} tasks written' if written else 'the tasks are installed already'}")
    return 0


def _uninstall(_: argparse.Namespace) -> int:
    from anatomy_r1.evaluation.task_files import lm_eval_folder, uninstall

    print(f"{lm_eval_folder()}: {len(uninstall())} tasks removed")
    return 0
