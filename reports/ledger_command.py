"""`python -m reports ledger`. Only argparse is imported here, so that `--help` is quick."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from reports.command_line import add_command, print_and_write

_ABOUT = """Every claim of the paper, what was done about it, at which scale, and the verdict: from a result store and
an audit. How to read it: docs/audit.md.

example:
  python -m reports ledger --store results/mini/store --audit results/audit/audit.json --out results/audit
"""


def add_ledger(commands: Any) -> None:
    """Add `ledger` with its arguments."""
    parser = add_command(commands, "ledger", "every claim of the paper with its verdict", _ABOUT, _ledger)
    parser.add_argument("--store", type=Path, required=True, help="result store, for example results/mini/store")
    parser.add_argument("--audit", type=Path, metavar="FILE", help="audit.json; default: of the paper's numbers alone")
    curves = "figure_statements.csv: what training logs say of the paper's figures; default: none"
    parser.add_argument("--curves", type=Path, metavar="FILE", help=curves)
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="folder for ledger.{txt,md,json,csv,html}; default: none"
    )


def _ledger(options: argparse.Namespace) -> int:
    from reports.audit.as_json import load
    from reports.audit.audit import audit
    from reports.ledger.curves import load as load_curves
    from reports.ledger.ledger import ledger
    from reports.ledger.write import files

    checks = load(options.audit) if options.audit else audit()
    made = files(ledger(options.store, checks, load_curves(options.curves) if options.curves else ()))
    return print_and_write(made["ledger.txt"], made, options.out)
