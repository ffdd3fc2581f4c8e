"""`anatomy-r1 log`: one log of several, and what to do with a damaged one. Only argparse is imported here."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from anatomy_r1.cli.commands import add_command, add_group

SALVAGE = "log salvage log.sqlite saved.sqlite"
MERGE = """log merge whole.sqlite part1.sqlite part2.sqlite
  anatomy-r1 score whole.sqlite --data prepared"""


def add_log_commands(subparsers: Any) -> None:
    """Add `log` and its subcommands."""
    about = "response logs: make one of several, keep what a damaged one still holds"
    commands = add_group(subparsers, "log", about, SALVAGE)
    about = "write all responses of several logs to a new one: the parts of an evaluation with --shard"
    parser = add_command(commands, "merge", about, MERGE, _merge)
    parser.add_argument("new", type=Path, metavar="NEW", help="response log to be made")
    parser.add_argument("logs", type=Path, nargs="+", metavar="LOG", help="response logs, which are left as they are")
    about = "write what is whole in a damaged response log to a new one; the damaged one is left as it is"
    parser = add_command(commands, "salvage", about, SALVAGE, _salvage)
    parser.add_argument("log", type=Path, metavar="LOG", help="damaged response log")
    parser.add_argument("new", type=Path, metavar="NEW", help="response log to be made")


def _merge(args: argparse.Namespace) -> int:
    from anatomy_r1.response_log.copies import merge

    found = merge(args.logs, args.new)
    print(f"{args.new}: {found.responses} responses, {found.runs} runs")
    return 0


def _salvage(args: argparse.Namespace) -> int:
    from anatomy_r1.response_log.copies import salvage

    found = salvage(args.log, args.new)
    print(f"{args.new}: {found.responses} responses and {found.runs} runs kept")
    print("run the same `anatomy-r1 evaluate` command with this --log: it asks for the missing responses only")
    return 0
