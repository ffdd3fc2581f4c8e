"""`python -m reports`: tables and figures from a result store.

python -m reports table1 --store runs/mini/results --out runs/mini/reports
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

_TABLE1 = """Print Table 1 and write it as Markdown, CSV, LaTeX and HTML, from the result store alone.

example:
  python -m reports table1 --store runs/mini/results --out runs/mini/reports
"""


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns an exit status."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="python -m reports", description=__doc__, formatter_class=raw)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    table1 = commands.add_parser(
        "table1", help="Table 1 on the screen and in files", description=_TABLE1, formatter_class=raw
    )
    table1.add_argument("--store", type=Path, required=True, help="result store, for example runs/mini/results")
    table1.add_argument("--out", type=Path, help="folder for table1.{md,csv,tex,html,txt}; without it, only the screen")
    return _table1(parser.parse_args(arguments))


def _table1(options: argparse.Namespace) -> int:
    from reports.write import table1_files

    try:
        files = table1_files(options.store)
    except ValueError as error:
        print(f"error: {options.store}: {error}", file=sys.stderr)
        return 2
    print(files["table1.txt"], end="")
    if options.out:
        from reports.write import write_all

        write_all(options.out, files)
        print(f"\nWritten: {', '.join(str(options.out / name) for name in sorted(files))}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
