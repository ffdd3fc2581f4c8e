"""Run the grid, then print Table 1 from what it left: two commands, because training and reporting never import
each other.

    python scripts/reproduce.py                                    the mini profile
    python scripts/reproduce.py --profile smoke                    another profile
    python scripts/reproduce.py --methods zero-shot,sft --seeds 0  everything else goes to `python -m baselines run`

Where cells of the grid failed, the table still shows the others, and the exit status is the grid's.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DEFAULT_PROFILE = "mini"


def main(arguments: list[str]) -> int:
    """Both commands; returns an exit status."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--profile", default=DEFAULT_PROFILE)
    known, others = parser.parse_known_args(arguments)
    status = command("baselines", "run", "--profile", known.profile, *others)
    store = Path("runs") / known.profile / "results"
    # No store: the run only planned, only helped, or refused; it has said so itself.
    if (ROOT / store).is_dir():
        reported = command("reports", "table1", "--store", str(store), "--out", str(store.parent / "reports"))
        status = status or reported
    return status


def command(app: str, *arguments: str) -> int:
    """One app in its own process, from the checkout's root."""
    return subprocess.run([sys.executable, "-m", app, *arguments], cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:  # the grid has said how to go on
        sys.exit(130)
