"""`python -m reports audit`. Only argparse is imported here, so that `--help` is quick."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import _SubParsersAction

_ABOUT = """Test the paper's numbers against each other, and the released files if they are given. Print what was found,
and write it as text, Markdown, JSON, CSV and HTML. How to read it: docs/audit.md.

example:
  python -m reports audit --released RELEASED --paper-text paper.txt --out results/audit
"""


def add(commands: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """The arguments of the command."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = commands.add_parser(
        "audit", help="what the paper's numbers and the released files say", description=_ABOUT, formatter_class=raw
    )
    parser.add_argument("--released", type=Path, metavar="DIR", help="folder with GRPO.json and the other two files")
    parser.add_argument("--paper-text", type=Path, metavar="FILE", help="the paper's text in UTF-8")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="folder for audit.{txt,md,json,csv,html}; default: none"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Audit, print, write."""
    from reports.audit.audit import audit
    from reports.audit.write import files
    from reports.write import write_all

    made = files(audit(options.released, options.paper_text))
    print(made["audit.txt"], end="")
    if options.out:
        write_all(options.out, made)
        print(f"\nWritten: {', '.join(str(options.out / name) for name in sorted(made))}")
    return 0
