"""`python -m reports`: tables and figures from a result store.

python -m reports table1 --store runs/mini/results --out runs/mini/reports
python -m reports audit --out runs/audit
python -m reports ledger --store runs/mini/results --out runs/audit
"""

from __future__ import annotations

import argparse
import sys

from reports.commands import add_audit, add_figures_and_cards, add_ledger, add_site, add_tables


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns an exit status."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="python -m reports", description=__doc__, formatter_class=raw)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for add in (add_tables, add_figures_and_cards, add_audit, add_ledger, add_site):
        add(commands)
    options = parser.parse_args(arguments)
    try:
        return int(options.function(options))
    except ValueError as error:
        from anatomy_r1.tables.text import plain_lines

        print(f"error: {plain_lines(str(error))}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
