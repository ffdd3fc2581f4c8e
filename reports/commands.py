"""The commands of `python -m reports`: arguments, and what each does with them.

Only argparse and the names of tables are imported at the top, so that `--help` is fast.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from reports.tables import TABLES

_TABLE = """Print {title}, and write the same as text, Markdown, CSV, LaTeX and HTML, from the result store alone.
A cost table (steps, tokens, seconds) is printed first and written to cost.txt and cost.csv.

example:
  python -m reports {name} --store runs/mini/results --out runs/mini/reports
"""
_FIGURES = """Draw every figure from training curves, as PDF, SVG, PNG and CSV, over rollout tokens; with --seconds also
over wall-clock time (*_seconds). Also write figure_statements.{csv,json}: what each figure of the paper states,
measured, with intervals over seeds, or over bases where there are several.

example:
  python -m reports figures --store results/mini --out results/mini/figures
"""
_CARDS = """Write a model card for each trained policy and a data card for each benchmark, from a result store.

example:
  python -m reports cards --store results/mini/store --out results/mini/cards
"""
_AUDIT = """Test the paper's numbers against each other, and the released files and OmniMedVQA's split files if they are
given. Print the findings, and write them as text, Markdown, JSON, CSV and HTML. How to read them: docs/audit.md.

example:
  python -m reports audit --released RELEASED --omnimed-splits SPLITS --paper-text paper.txt --out results/audit
"""
_LEDGER = """Every claim of the paper, what was done about it, at which scale, and the verdict:
from a result store and an audit. How to read it: docs/audit.md.

example:
  python -m reports ledger --store results/mini/store --audit results/audit/audit.json --out results/audit
"""
_SITE = """Write a static site that opens from disk: tables, methods, single answers, training rollouts.
It is one folder and needs no server or network. The same store and run give the same bytes.

examples:
  python -m reports site --out site --run runs/mini         store, responses and rollouts of a run
  python -m reports site --out site --store results/demo    of the committed demo: no page is empty, nothing is trained
  python -m reports site --out site --store results/mini    the committed results, with the demo's samples and rollouts
"""
RUN, STORE, AUDIT, DEMO = Path("runs/mini"), Path("results/mini/store"), Path("results/audit"), Path("results/demo")


def add_commands(commands: Any) -> None:
    """Add every command to the subparsers of `python -m reports`."""
    for name, table in TABLES.items():
        about = _TABLE.format(name=name, title=table.title)
        parser = _add(commands, name, f"print and write {table.title}", about, _table)
        several = "result store, or the folder that contains it (runs/mini); several are read as one"
        parser.add_argument("--store", type=Path, nargs="+", required=True, metavar="DIR", help=several)
        parser.add_argument("--bases", nargs="+", default=[], metavar="ID", help="of these bases only (default: all)")
        more = "; the figure as pdf, svg and png" if table.figure else ""
        files = f"folder for {name}.{{md,csv,tex,html,txt}}{more} and cost.{{txt,csv}} (default: only print)"
        parser.add_argument("--out", type=Path, help=files)
        parser.set_defaults(table=name)

    figures = _add(commands, "figures", "the paper's figures, and their statements as numbers", _FIGURES, _figures)
    _add_folders(figures)
    figures.add_argument("--benchmark", metavar="ID", help="default: the paper's choice, SGG-VQA")
    figures.add_argument("--model", metavar="ID", help="default: the paper's choice, the larger one")
    figures.add_argument("--seconds", action="store_true", help="also draw each over wall-clock time")
    _add_folders(_add(commands, "cards", "model and data cards", _CARDS, _cards))

    audit = _add(commands, "audit", "what the paper's numbers and the released files say", _AUDIT, _audit)
    audit.add_argument("--released", type=Path, metavar="DIR", help="folder with GRPO.json and the other two files")
    splits = "folder with Med-R1's split files of OmniMedVQA, micro_train.json and micro_test.json"
    audit.add_argument("--omnimed-splits", type=Path, metavar="DIR", help=splits)
    audit.add_argument("--paper-text", type=Path, metavar="FILE", help="the paper's text in UTF-8")
    audit.add_argument(
        "--out", type=Path, metavar="DIR", help="folder for audit.{txt,md,json,csv,html} (default: only print)"
    )

    ledger = _add(commands, "ledger", "every claim of the paper with its verdict", _LEDGER, _ledger)
    ledger.add_argument("--store", type=Path, required=True, help="result store, or the folder that contains it")
    ledger.add_argument("--audit", type=Path, metavar="FILE", help="audit.json; default: of the paper's numbers alone")
    curves = "figure_statements.csv: what training logs say about the paper's figures; default: none"
    ledger.add_argument("--curves", type=Path, metavar="FILE", help=curves)
    files = "folder for ledger.{txt,md,json,csv,html} (default: only print)"
    ledger.add_argument("--out", type=Path, metavar="DIR", help=files)

    about_site = "a static site that opens from disk: tables, methods, single answers, training rollouts"
    site = _add(commands, "site", about_site, _SITE, _site)
    replaces = "folder to make; replaces an older site there"
    site.add_argument("--out", type=Path, required=True, metavar="DIR", help=replaces)
    site.add_argument("--run", type=Path, metavar="DIR", help="a run's folder: response logs, data, training logs")
    site.add_argument("--store", type=Path, metavar="DIR", help="result store, or a run (default: the run's)")
    demo = "without a run: one whose samples and rollouts are shown as a demo (of results/mini: results/demo)"
    site.add_argument("--demo", type=Path, metavar="DIR", help=demo)
    artefacts = "folders of figures, cards and JSON (default: the run's reports, beside NAME/store, results/audit)"
    site.add_argument("--artefacts", type=Path, nargs="+", metavar="DIR", help=artefacts)
    site.add_argument("--with-images", action="store_true", help="also copy real images; read DATA_LICENSES.md first")


def _add(
    commands: Any, name: str, title: str, about: str, run: Callable[[argparse.Namespace], int]
) -> argparse.ArgumentParser:
    """A command: `title` is shown in the list of commands, `about` in its own help."""
    raw = argparse.RawDescriptionHelpFormatter
    parser: argparse.ArgumentParser = commands.add_parser(name, help=title, description=about, formatter_class=raw)
    parser.set_defaults(function=run)  # not `run`, which is an option of `site`
    return parser


def _add_folders(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--store", type=Path, required=True, help="result store, or the folder that contains it")
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")


def _table(options: argparse.Namespace) -> int:
    from reports.write import cost_files, table_figure_files, table_files

    of, name = options.bases, options.table
    with _naming(*options.store):
        files, costs = table_files(name, *options.store, bases=of), cost_files(*options.store, bases=of)
        drawn = table_figure_files(name, *options.store, bases=of) if options.out else {}
    shown = f"{costs['cost.txt']}\n{files[f'{name}.txt']}"
    status = _print_and_write(shown, {**files, **costs, **drawn}, options.out)
    if options.out and TABLES[name].figure:
        figures = (f"{TABLES[name].figure_name}.{suffix}" for suffix in ("pdf", "svg", "png"))
        _remove(options.out, figures, {**files, **drawn})
    return status


def _figures(options: argparse.Namespace) -> int:
    from reports.figures.figures import every_name, figure_files

    with _naming(options.store):
        made = figure_files(options.store, options.benchmark, options.model, seconds=options.seconds)
    status = _write(options.out, made)
    _remove(options.out, every_name(), made)
    return status


def _cards(options: argparse.Namespace) -> int:
    from reports.cards import card_files, old_cards

    with _naming(options.store):
        made = card_files(options.store)
    status = _write(options.out, made)
    _remove(options.out, old_cards(options.out), made)
    return status


def _audit(options: argparse.Namespace) -> int:
    from reports.audit.audit import audit
    from reports.audit.report import files

    made = files(audit(options.released, options.paper_text, splits=options.omnimed_splits))
    return _print_and_write(made["audit.txt"], made, options.out)


def _ledger(options: argparse.Namespace) -> int:
    from reports.audit.audit import audit
    from reports.audit.report import load
    from reports.ledger.ledger import files, ledger
    from reports.ledger.measured import load_curves

    checks = load(options.audit) if options.audit else audit()
    made = files(ledger(options.store, checks, load_curves(options.curves) if options.curves else ()))
    return _print_and_write(made["ledger.txt"], made, options.out)


def _site(options: argparse.Namespace) -> int:
    from anatomy_r1.results.store import store_in
    from reports.audit.report import read_document as read_audit
    from reports.ledger.ledger import read_document as read_ledger
    from reports.ledger.shown import claims
    from reports.site.build import SiteSources, build
    from reports.site.run import is_run

    run, store = options.run, options.store
    if run is None and store is None:
        run, store = (RUN, None) if RUN.is_dir() else (None, STORE)
    if run is None and is_run(store):
        run = store
    store = store_in(store or run)
    committed = store.resolve() == STORE.resolve()
    beside = [store.parent] if store.name == STORE.name else []  # results/NAME/store
    artefacts = tuple(options.artefacts or [*([run / "reports"] if run else []), *beside])
    demo = options.demo or (DEMO if committed and run is None and is_run(DEMO) else None)
    shown = claims(store, artefacts, AUDIT, committed)
    sources = SiteSources(
        store,
        run,
        artefacts=artefacts,
        readers=(read_audit, read_ledger),
        with_images=options.with_images,
        demo=demo,
        documents=shown.documents,
        absent=shown.absent,
    )
    written = build(options.out, sources)
    shown_of = f", of {demo}" if demo else ""
    counts = f"{written.cells} cells, {written.responses:,} responses, {written.trainings} trainings with rollouts"
    print(f"To look into: {counts}{shown_of}")
    print(*written.notices, sep="\n", end="\n" if written.notices else "")
    print(f"Open {options.out / 'index.html'}")
    return 0


@contextmanager
def _naming(*stores: Path) -> Iterator[None]:
    """Prefix errors with the stores that they are about."""
    from anatomy_r1.errors import AnatomyR1Error

    try:
        yield
    except ValueError as error:
        raise AnatomyR1Error(f"{', '.join(map(str, stores))}: {error}") from error


def _print_and_write(text: str, files: Mapping[str, str | bytes], out: Path | None) -> int:
    """Print `text`, and write the files (name -> content) if there is a folder for them."""
    from reports.write import write_all

    print(text, end="")
    if out:
        write_all(out, files)
        print(f"\nWritten: {', '.join(str(out / name) for name in sorted(files))}")
    return 0


def _write(out: Path, files: Any) -> int:
    from reports.write import write_all

    write_all(out, files)
    print(f"Written to {out}: {', '.join(sorted(files))}")
    return 0


def _remove(out: Path, names: Iterable[str], made: Container[str]) -> None:
    """Remove what an earlier call left in `out` and this one did not make: beside new files it would look current."""
    from reports.write import remove_stale

    if removed := remove_stale(out, names, made):
        print(f"Removed, since this call did not make them: {', '.join(removed)}")
