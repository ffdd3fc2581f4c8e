"""What the commands of `anatomy-r1` have in common. Only argparse is imported here, so that `--help` is quick."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

Run = Callable[[argparse.Namespace], int]
"""Does what the arguments ask for, and returns the exit status."""


def add_command(commands: Any, name: str, about: str, example: str, run: Run) -> argparse.ArgumentParser:
    """A command; the first line of `about` stands in the list of commands. `example` follows `anatomy-r1 `."""
    parser = _add(commands, name, about, example)
    parser.set_defaults(run=run)
    return parser


def add_group(commands: Any, name: str, about: str, example: str, metavar: str = "COMMAND") -> Any:
    """A command of commands; returns what these are added to."""
    return _add(commands, name, about, example).add_subparsers(required=True, metavar=metavar)


def count(text: str) -> int:
    """A whole number, not below 0.

    Raises:
        argparse.ArgumentTypeError: when it is below.
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
