"""Run the grid, then print Table 1 from what it left: two commands, because training and reporting never import
each other.

    python scripts/reproduce.py                                    the mini profile
    python scripts/reproduce.py --profile smoke                    another profile
    python scripts/reproduce.py --methods zero-shot sft --seeds 0  everything else goes to `python -m baselines run`

Where cells of the grid failed, the table still shows the others, and the exit status is the grid's.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NOT_ALL_CELLS = 1
"""Exit status of a grid in which a cell failed; any higher one means that it did not run at all."""


def main(arguments: list[str]) -> int:
    """Both commands; returns an exit status."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--profile", default="mini")
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    known, others = parser.parse_known_args(arguments)
    status = command("baselines", "run", "--profile", known.profile, "--runs", str(known.runs), *others)
    # A profile may be given as a file; it is kept under its name, which is the file's.
    run = known.runs / Path(known.profile).stem
    if status > NOT_ALL_CELLS or not (ROOT / run / "results").is_dir():
        return status  # it refused, was stopped, or only helped, and has said so itself
    reported = command("reports", "table1", "--store", str(run / "results"), "--out", str(run / "reports"))
    return status or reported


def command(app: str, *arguments: str) -> int:
    """One app in its own process, from the checkout's root."""
    return subprocess.run([sys.executable, "-m", app, *arguments], cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:  # the grid has said how to go on
        sys.exit(130)
