"""`python -m reports audit`. Only argparse is imported here, so that `--help` is quick."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from reports.command_line import add_command, print_and_write

_ABOUT = """Test the paper's numbers against each other, and the released files if they are given. Print what was found,
and write it as text, Markdown, JSON, CSV and HTML. How to read it: docs/audit.md.

example:
  python -m reports audit --released RELEASED --paper-text paper.txt --out results/audit
"""


def add_audit(commands: Any) -> None:
    """Add `audit` with its arguments."""
    parser = add_command(commands, "audit", "what the paper's numbers and the released files say", _ABOUT, _audit)
    parser.add_argument("--released", type=Path, metavar="DIR", help="folder with GRPO.json and the other two files")
    parser.add_argument("--paper-text", type=Path, metavar="FILE", help="the paper's text in UTF-8")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="folder for audit.{txt,md,json,csv,html}; default: none"
    )


def _audit(options: argparse.Namespace) -> int:
    from reports.audit.audit import audit
    from reports.audit.write import files

    made = files(audit(options.released, options.paper_text))
    return print_and_write(made["audit.txt"], made, options.out)
