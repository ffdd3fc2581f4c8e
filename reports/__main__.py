"""`python -m reports`: tables and figures from a result store.

python -m reports table1 --store runs/mini/results --out runs/mini/reports
python -m reports audit --out runs/audit
python -m reports ledger --store runs/mini/results --out runs/audit
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from reports.audit import command as audit_command
from reports.commands import add_commands
from reports.ledger import command as ledger_command
from reports.site import command as site

_DESCRIPTION = """Print {title} and write it as text, Markdown, CSV, LaTeX and HTML, from the result store alone.
What the store's methods cost, seconds included, is printed before it and goes to cost.txt and cost.csv.

example:
  python -m reports {name} --store runs/mini/results --out runs/mini/reports
"""
_TABLES = {"table1": "Table 1", "table2": "Table 2", "controls": "what the controls say of each policy"}


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns an exit status."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="python -m reports", description=__doc__, formatter_class=raw)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, title in _TABLES.items():
        command = commands.add_parser(
            name,
            help=f"{title} on the screen and in files",
            description=_DESCRIPTION.format(name=name, title=title),
            formatter_class=raw,
        )
        command.add_argument("--store", type=Path, required=True, help="result store, for example runs/mini/results")
        command.add_argument(
            "--out", type=Path, help=f"folder for {name}.{{md,csv,tex,html,txt}} and cost.{{txt,csv}}; default: none"
        )
        command.set_defaults(function=_table)
    add_commands(commands)
    audit_command.add(commands)
    ledger_command.add(commands)
    pages = commands.add_parser("site", help=site.SUMMARY, description=site.DESCRIPTION, formatter_class=raw)
    site.add_site_options(pages)
    options = parser.parse_args(arguments)
    return int(options.function(options)) if "function" in options else _other(options)


def _other(options: argparse.Namespace) -> int:
    """A command that brings its own function."""
    try:
        return int(options.run(options))
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def _table(options: argparse.Namespace) -> int:
    from reports import write

    make = {"table1": write.table1_files, "table2": write.table2_files, "controls": write.controls_files}[
        options.command
    ]
    try:
        files, costs = make(options.store), write.cost_files(options.store)
    except ValueError as error:
        print(f"error: {options.store}: {error}", file=sys.stderr)
        return 2
    print(costs["cost.txt"], files[f"{options.command}.txt"], sep="\n", end="")
    if options.out:
        everything = {**files, **costs}
        write.write_all(options.out, everything)
        print(f"\nWritten: {', '.join(str(options.out / name) for name in sorted(everything))}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
