"""`anatomy-r1 log`: merges several response logs, and salvages a damaged one. Imports nothing heavy."""

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
    about = "response logs: merge several, or salvage a damaged one"
    commands = add_group(subparsers, "log", about, SALVAGE)
    about = "write all responses of several logs to a new one, such as the shards of an evaluation"
    parser = add_command(commands, "merge", about, MERGE, _merge)
    parser.add_argument("new", type=Path, metavar="NEW", help="response log to create")
    parser.add_argument("logs", type=Path, nargs="+", metavar="LOG", help="response logs, which are not changed")
    about = "write the intact responses of a damaged log to a new one; the damaged one is not changed"
    parser = add_command(commands, "salvage", about, SALVAGE, _salvage)
    parser.add_argument("log", type=Path, metavar="LOG", help="damaged response log")
    parser.add_argument("new", type=Path, metavar="NEW", help="response log to create")


def _merge(args: argparse.Namespace) -> int:
    from anatomy_r1.response_log.copies import merge

    found = merge(args.logs, args.new)
    print(f"{args.new}: {found.responses} responses, {found.runs} runs")
    return 0


def _salvage(args: argparse.Namespace) -> int:
    from anatomy_r1.response_log.copies import salvage

    found = salvage(args.log, args.new)
    print(f"{args.new}: {found.responses} responses and {found.runs} runs kept")
    print("run the same `anatomy-r1 evaluate` command with this --log: it generates only the missing responses")
    return 0
