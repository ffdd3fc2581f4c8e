"""`python -m reports site`. Only argparse is imported here, so that `--help` is quick."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from reports.command_line import add_command

TITLE = "a static site that opens from disk: tables, methods, single answers, training rollouts"
ABOUT = """Write a static site that opens from disk: tables, methods, single answers, training rollouts.
One folder, no server, no network; zip it and pass it on. The same store and run give the same bytes.

examples:
  python -m reports site --out site --run runs/mini                  store, responses and rollouts of a run
  python -m reports site --out site --store results/mini/store       from a store alone; the viewer says what is missing
"""
RUN, STORE = Path("runs/mini"), Path("results/mini/store")
AUDIT = Path("results/audit")
"""Audit and ledger of the paper, which are of no single run."""


def add_site(commands: Any) -> None:
    """Add `site` with its arguments."""
    parser = add_command(commands, "site", TITLE, ABOUT, _site)
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="folder to make; an older site is replaced"
    )
    parser.add_argument("--run", type=Path, metavar="DIR", help="a run's folder: response logs, data, training logs")
    parser.add_argument("--store", type=Path, metavar="DIR", help="result store (default: the run's)")
    parser.add_argument(
        "--artefacts",
        type=Path,
        nargs="+",
        metavar="DIR",
        help="folders of figures, cards and JSON (default: the run's reports, beside NAME/store, results/audit)",
    )
    parser.add_argument(
        "--with-images", action="store_true", help="copy real pictures too; read DATA_LICENSES.md first"
    )


def _site(options: argparse.Namespace) -> int:
    """Build, and say where to look."""
    from reports.site.build import Sources, build

    run, store = options.run, options.store
    if run is None and store is None:
        run, store = (RUN, None) if RUN.is_dir() else (None, STORE)
    store = store or run / "results"
    shown = options.artefacts or _beside(run, store)
    sources = Sources(store, run, artefacts=tuple(shown), with_images=options.with_images)
    written = build(options.out, sources)
    print(f"{written.cells} cells, {written.responses:,} responses, {written.trainings} trainings with rollouts")
    print(*written.notices, sep="\n", end="\n" if written.notices else "")
    print(f"Open {options.out / 'index.html'}")
    return 0


def _beside(run: Path | None, store: Path) -> list[Path]:
    """Where reports of the same results lie: in a run, and in `results/NAME/`, which keeps its store as `store`."""
    return [*([run / "reports"] if run else []), *([store.parent] if store.name == STORE.name else []), AUDIT]
