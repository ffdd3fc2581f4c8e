"""`python -m reports site`. Only argparse is imported here, so that `--help` is quick."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

SUMMARY = "a static site that opens from disk: tables, methods, single answers, training rollouts"
DESCRIPTION = """Write a static site that opens from disk: tables, methods, single answers, training rollouts. One folder, no server, no
network; zip it and pass it on. The same store and run give the same bytes.

examples:
  python -m reports site --out site --run runs/mini                  store, responses and rollouts of a run
  python -m reports site --out site --store results/mini/store       from a store alone; the viewer says what is missing
"""
RUN, STORE = Path("runs/mini"), Path("results/mini/store")


def add_site_options(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to make; an older site is replaced")
    parser.add_argument("--run", type=Path, metavar="DIR", help="a run's folder: response logs, data, training logs")
    parser.add_argument("--store", type=Path, metavar="DIR", help="result store (default: the run's)")
    parser.add_argument("--figures", type=Path, metavar="DIR", help="figures to show (default: the run's reports/figures)")
    parser.add_argument(
        "--documents", type=Path, metavar="DIR", help="JSON files to show, a page each (default: the run's reports)"
    )
    parser.add_argument("--with-images", action="store_true", help="copy real pictures too; read DATA_LICENSES.md first")


def run_site(options: argparse.Namespace) -> int:
    """Build, and say where to look; returns an exit status."""
    from reports.site.build import Sources, build

    run, store = options.run, options.store
    if run is None and store is None:
        run, store = (RUN, None) if RUN.is_dir() else (None, STORE)
    reports = run / "reports" if run else None
    sources = Sources(
        store=store or run / "results",
        run=run,
        figures=options.figures or (reports / "figures" if reports else None),
        documents=options.documents or reports,
        with_images=options.with_images,
    )
    try:
        written = build(options.out, sources)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{written.cells} cells, {written.responses:,} responses, {written.trainings} trainings with rollouts")
    print(*written.notices, sep="\n", end="\n" if written.notices else "")
    print(f"Open {options.out / 'index.html'}")
    return 0
