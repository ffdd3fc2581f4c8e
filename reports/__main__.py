"""Tables, figures and pages from a result store: `python -m reports`.

Examples:
  python -m reports table1 --store runs/mini/results --out runs/mini/reports
  python -m reports audit --out runs/audit
  python -m reports ledger --store runs/mini/results --out runs/audit
"""

from __future__ import annotations

import argparse
import sys

from anatomy_r1.errors import missing_extra
from reports.commands import add_commands


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns an exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m reports", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_commands(parser.add_subparsers(required=True, metavar="COMMAND"))
    options = parser.parse_args(arguments)
    try:
        return int(options.function(options))
    except ValueError as error:
        from anatomy_r1.tables.text import plain_lines

        print(f"error: {plain_lines(str(error))}", file=sys.stderr)
        return 2
    except ModuleNotFoundError as error:
        if (needed := missing_extra(error, sys.argv[1:] if arguments is None else arguments)) is None:
            raise
        print(f"error: {needed}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
