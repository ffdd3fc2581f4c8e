"""What the commands of `python -m reports` have in common. Only argparse is imported here: `--help` is quick."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

Run = Callable[[argparse.Namespace], int]
"""Does what the options ask for, and returns the exit status."""


def add_command(commands: Any, name: str, title: str, about: str, run: Run) -> argparse.ArgumentParser:
    """A command: `title` stands in the list of commands, `about` with an example in its own help."""
    raw = argparse.RawDescriptionHelpFormatter
    parser: argparse.ArgumentParser = commands.add_parser(name, help=title, description=about, formatter_class=raw)
    parser.set_defaults(function=run)  # `run` is an option of `site`
    return parser


def print_and_write(text: str, files: Mapping[str, str], out: Path | None) -> int:
    """Print `text`; write the files (name -> content) where there is a folder for them.

    Raises:
        AnatomyR1Error: when a file cannot be written.
    """
    from reports.write import write_all

    print(text, end="")
    if out:
        write_all(out, files)
        print(f"\nWritten: {', '.join(str(out / name) for name in sorted(files))}")
    return 0
