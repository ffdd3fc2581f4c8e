"""`anatomy-r1 log`: what to do with a damaged response log. Only argparse is imported here."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any


def add_log_commands(subparsers: Any) -> None:
    """Add `log` and its subcommand; it sets `run`, a function of the parsed arguments that returns an exit code."""
    about = "response logs: keep what a damaged one still holds"
    commands = _group(subparsers, "log", about).add_subparsers(dest="log_command", required=True, metavar="COMMAND")
    about = "write what is whole in a damaged response log to a new one; the damaged one is left as it is"
    parser = _group(commands, "salvage", about)
    parser.add_argument("log", type=Path, metavar="LOG", help="damaged response log")
    parser.add_argument("new", type=Path, metavar="NEW", help="response log to be made")
    parser.set_defaults(run=_salvage)


def _group(commands: Any, name: str, about: str) -> argparse.ArgumentParser:
    shape = argparse.RawDescriptionHelpFormatter
    text = "example:\n  anatomy-r1 log salvage log.sqlite saved.sqlite"
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=about, description=about, epilog=text, formatter_class=shape
    )
    return parser


def _salvage(args: argparse.Namespace) -> int:
    from anatomy_r1.salvage import salvage

    found = salvage(args.log, args.new)
    print(f"{args.new}: {found.responses} responses and {found.runs} runs kept")
    print("run the same `anatomy-r1 evaluate` command with this --log: it asks for the missing responses only")
    return 0
