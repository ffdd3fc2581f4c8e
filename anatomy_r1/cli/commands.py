"""What the commands of `anatomy-r1` have in common. Only argparse is imported here, so that `--help` is quick."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

Command = Callable[[argparse.Namespace], int]
"""Does what the arguments ask for, and returns the exit status."""


def add_command(commands: Any, name: str, about: str, example: str, run: Command) -> argparse.ArgumentParser:
    """Add a command. The list of commands shows the first line of `about`; `example` follows `anatomy-r1 `."""
    parser = _add(commands, name, about, example)
    parser.set_defaults(run=run)
    return parser


def add_group(commands: Any, name: str, about: str, example: str, metavar: str = "COMMAND") -> Any:
    """Add a command that has commands of its own; returns what these are added to."""
    return _add(commands, name, about, example).add_subparsers(required=True, metavar=metavar)


def count(text: str) -> int:
    """Parse a whole number that is not negative.

    Raises:
        argparse.ArgumentTypeError: It is negative.
    """
    if (number := int(text)) < 0:
        raise argparse.ArgumentTypeError(f"{text} is below 0")
    return number


def _add(commands: Any, name: str, about: str, example: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=about.partition("\n")[0],
        description=about,
        epilog=f"example:\n  anatomy-r1 {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    return parser
