"""`anatomy-r1 log`: one log of several, and what to do with a damaged one. Only argparse is imported here."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

SALVAGE = "log salvage log.sqlite saved.sqlite"
MERGE = """log merge whole.sqlite part1.sqlite part2.sqlite
  anatomy-r1 score whole.sqlite --data prepared"""


def add_log_commands(subparsers: Any) -> None:
    """Add `log` and its subcommands; each sets `run`, a function of the parsed arguments that returns an exit code."""
    about = "response logs: make one of several, keep what a damaged one still holds"
    group = _group(subparsers, "log", about, SALVAGE)
    commands = group.add_subparsers(dest="log_command", required=True, metavar="COMMAND")
    about = "write all responses of several logs to a new one: the parts of an evaluation with --shard"
    parser = _group(commands, "merge", about, MERGE)
    parser.add_argument("new", type=Path, metavar="NEW", help="response log to be made")
    parser.add_argument("logs", type=Path, nargs="+", metavar="LOG", help="response logs, which are left as they are")
    parser.set_defaults(run=_merge)
    about = "write what is whole in a damaged response log to a new one; the damaged one is left as it is"
    parser = _group(commands, "salvage", about, SALVAGE)
    parser.add_argument("log", type=Path, metavar="LOG", help="damaged response log")
    parser.add_argument("new", type=Path, metavar="NEW", help="response log to be made")
    parser.set_defaults(run=_salvage)


def _group(commands: Any, name: str, about: str, example: str) -> argparse.ArgumentParser:
    shape = argparse.RawDescriptionHelpFormatter
    text = f"example:\n  anatomy-r1 {example}"
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=about, description=about, epilog=text, formatter_class=shape
    )
    return parser


def _merge(args: argparse.Namespace) -> int:
    from anatomy_r1.shards import merge

    found = merge(args.logs, args.new)
    print(f"{args.new}: {found.responses} responses, {found.runs} runs")
    return 0


def _salvage(args: argparse.Namespace) -> int:
    from anatomy_r1.salvage import salvage

    found = salvage(args.log, args.new)
    print(f"{args.new}: {found.responses} responses and {found.runs} runs kept")
    print("run the same `anatomy-r1 evaluate` command with this --log: it asks for the missing responses only")
    return 0
