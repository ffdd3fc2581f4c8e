"""`python -m reports ledger`. Only argparse is imported here, so that `--help` is quick."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import _SubParsersAction

_ABOUT = """Every claim of the paper, what was done about it, at which scale, and the verdict: from a result store and
an audit. How to read it: docs/audit.md.

example:
  python -m reports ledger --store results/mini/store --audit results/audit/audit.json --out results/audit
"""


def add(commands: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """The arguments of the command."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = commands.add_parser(
        "ledger", help="every claim of the paper with its verdict", description=_ABOUT, formatter_class=raw
    )
    parser.add_argument("--store", type=Path, required=True, help="result store, for example results/mini/store")
    parser.add_argument("--audit", type=Path, metavar="FILE", help="audit.json; default: of the paper's numbers alone")
    curves = "figure_statements.csv: what training logs say of the paper's figures; default: none"
    parser.add_argument("--curves", type=Path, metavar="FILE", help=curves)
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="folder for ledger.{txt,md,json,csv,html}; default: none"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Judge, print, write."""
    from reports.audit.as_json import load
    from reports.audit.audit import audit
    from reports.ledger.curves import load as load_curves
    from reports.ledger.ledger import ledger
    from reports.ledger.write import files
    from reports.write import write_all

    checks = load(options.audit) if options.audit else audit()
    made = files(ledger(options.store, checks, load_curves(options.curves) if options.curves else ()))
    print(made["ledger.txt"], end="")
    if options.out:
        write_all(options.out, made)
        print(f"\nWritten: {', '.join(str(options.out / name) for name in sorted(made))}")
    return 0
