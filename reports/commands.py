"""Commands of `python -m reports` that need a result store alone: tables, figures, cards.

What the commands of `python -m reports` have in common. Only argparse is imported here: `--help` is quick.

`python -m reports audit`. Only argparse is imported here, so that `--help` is quick.

`python -m reports ledger`. Only argparse is imported here, so that `--help` is quick.

`python -m reports site`. Only argparse is imported here, so that `--help` is quick.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Run = Callable[[argparse.Namespace], int]
"""Does what the options ask for, and returns the exit status."""


def add_command(commands: Any, name: str, title: str, about: str, run: Run) -> argparse.ArgumentParser:
    """A command: `title` stands in the list of commands, `about` with an example in its own help."""
    raw = argparse.RawDescriptionHelpFormatter
    parser: argparse.ArgumentParser = commands.add_parser(name, help=title, description=about, formatter_class=raw)
    parser.set_defaults(function=run)  # `run` is an option of `site`
    return parser


def print_and_write(text: str, files: Mapping[str, str], out: Path | None) -> int:
    """Print `text`; write the files (name -> content) where there is a folder for them.

    Raises:
        AnatomyR1Error: when a file cannot be written.
    """
    from reports.write import write_all

    print(text, end="")
    if out:
        write_all(out, files)
        print(f"\nWritten: {', '.join(str(out / name) for name in sorted(files))}")
    return 0


_TABLE = """Print {title} and write it as text, Markdown, CSV, LaTeX and HTML, from the result store alone.
What the store's methods cost, seconds included, is printed before it and goes to cost.txt and cost.csv.

example:
  python -m reports {name} --store runs/mini/results --out runs/mini/reports
"""
_TABLES = {"table1": "Table 1", "table2": "Table 2", "controls": "what the controls say of each policy"}
_FIGURES = """Draw every figure from curves, as PDF, SVG, PNG and CSV, over rollout tokens and (*_seconds) wall-clock.
Also writes figure_statements.{csv,json}: what each figure of the paper says, measured, with intervals over seeds.

example:
  python -m reports figures --store results/mini --out results/mini/figures
"""
_CARDS = """Write a model card for each trained policy and a data card for each benchmark, from a result store.

example:
  python -m reports cards --store results/mini/store --out results/mini/cards
"""


def add_tables(commands: Any) -> None:
    """Add a command for each table."""
    for name, title in _TABLES.items():
        about = _TABLE.format(name=name, title=title)
        parser = add_command(commands, name, f"{title} on the screen and in files", about, _table)
        parser.add_argument("--store", type=Path, required=True, help="result store, for example runs/mini/results")
        out = f"folder for {name}.{{md,csv,tex,html,txt}} and cost.{{txt,csv}}; default: none"
        parser.add_argument("--out", type=Path, help=out)
        parser.set_defaults(table=name)


def add_figures_and_cards(commands: Any) -> None:
    """Add `figures` and `cards`."""
    figures = _folder(commands, "figures", "the paper's figures, and their statements as numbers", _FIGURES, _figures)
    figures.add_argument("--benchmark", metavar="ID", help="default: the paper's choice, SGG-VQA")
    figures.add_argument("--model", metavar="ID", help="default: the paper's choice, the larger one")
    _folder(commands, "cards", "model and data cards", _CARDS, _cards)


def _folder(commands: Any, name: str, title: str, about: str, run: Run) -> argparse.ArgumentParser:
    parser = add_command(commands, name, title, about, run)
    parser.add_argument("--store", type=Path, required=True, help="result store, or the folder that it is in")
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    return parser


@contextmanager
def _named(store: Path) -> Iterator[None]:
    """What is wrong with a store is said with its name."""
    from anatomy_r1.errors import AnatomyR1Error

    try:
        yield
    except ValueError as error:
        raise AnatomyR1Error(f"{store}: {error}") from error


def _table(options: argparse.Namespace) -> int:
    from reports import write

    make = {"table1": write.table1_files, "table2": write.table2_files, "controls": write.controls_files}
    with _named(options.store):
        files, costs = make[options.table](options.store), write.cost_files(options.store)
    shown = f"{costs['cost.txt']}\n{files[f'{options.table}.txt']}"
    return print_and_write(shown, {**files, **costs}, options.out)


def _figures(options: argparse.Namespace) -> int:
    from reports.figures.write import figure_files

    with _named(options.store):
        made = figure_files(options.store, options.benchmark, options.model)
    return _write(options.out, made)


def _cards(options: argparse.Namespace) -> int:
    from reports.cards import card_files

    with _named(options.store):
        made = card_files(options.store)
    return _write(options.out, made)


def _write(out: Path, files: Any) -> int:
    from reports.write import write_all

    write_all(out, files)
    print(f"Written to {out}: {', '.join(sorted(files))}")
    return 0


_AUDIT = """Test the paper's numbers against each other, and the released files if they are given.
Print what was found, and write it as text, Markdown, JSON, CSV and HTML. How to read it: docs/audit.md.

example:
  python -m reports audit --released RELEASED --paper-text paper.txt --out results/audit
"""


def add_audit(commands: Any) -> None:
    """Add `audit` with its arguments."""
    parser = add_command(commands, "audit", "what the paper's numbers and the released files say", _AUDIT, _audit)
    parser.add_argument("--released", type=Path, metavar="DIR", help="folder with GRPO.json and the other two files")
    parser.add_argument("--paper-text", type=Path, metavar="FILE", help="the paper's text in UTF-8")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="folder for audit.{txt,md,json,csv,html}; default: none"
    )


def _audit(options: argparse.Namespace) -> int:
    from reports.audit.audit import audit
    from reports.audit.report import files

    made = files(audit(options.released, options.paper_text))
    return print_and_write(made["audit.txt"], made, options.out)


_LEDGER = """Every claim of the paper, what was done about it, at which scale, and the verdict:
from a result store and an audit. How to read it: docs/audit.md.

example:
  python -m reports ledger --store results/mini/store --audit results/audit/audit.json --out results/audit
"""


def add_ledger(commands: Any) -> None:
    """Add `ledger` with its arguments."""
    parser = add_command(commands, "ledger", "every claim of the paper with its verdict", _LEDGER, _ledger)
    parser.add_argument("--store", type=Path, required=True, help="result store, for example results/mini/store")
    parser.add_argument("--audit", type=Path, metavar="FILE", help="audit.json; default: of the paper's numbers alone")
    curves = "figure_statements.csv: what training logs say of the paper's figures; default: none"
    parser.add_argument("--curves", type=Path, metavar="FILE", help=curves)
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="folder for ledger.{txt,md,json,csv,html}; default: none"
    )


def _ledger(options: argparse.Namespace) -> int:
    from reports.audit.audit import audit
    from reports.audit.report import load
    from reports.ledger.ledger import ledger
    from reports.ledger.measured import load_curves
    from reports.ledger.report import files

    checks = load(options.audit) if options.audit else audit()
    made = files(ledger(options.store, checks, load_curves(options.curves) if options.curves else ()))
    return print_and_write(made["ledger.txt"], made, options.out)


_SITE_TITLE = "a static site that opens from disk: tables, methods, single answers, training rollouts"
_SITE = """Write a static site that opens from disk: tables, methods, single answers, training rollouts.
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
    parser = add_command(commands, "site", _SITE_TITLE, _SITE, _site)
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
    from reports.audit.report import read_document as read_audit
    from reports.ledger.report import read_document as read_ledger
    from reports.site.build import SiteSources, build

    run, store = options.run, options.store
    if run is None and store is None:
        run, store = (RUN, None) if RUN.is_dir() else (None, STORE)
    store = store or run / "results"
    shown = options.artefacts or _beside(run, store)
    sources = SiteSources(
        store, run, artefacts=tuple(shown), readers=(read_audit, read_ledger), with_images=options.with_images
    )
    written = build(options.out, sources)
    print(f"{written.cells} cells, {written.responses:,} responses, {written.trainings} trainings with rollouts")
    print(*written.notices, sep="\n", end="\n" if written.notices else "")
    print(f"Open {options.out / 'index.html'}")
    return 0


def _beside(run: Path | None, store: Path) -> list[Path]:
    """Where reports of the same results lie: in a run, and in `results/NAME/`, which keeps its store as `store`."""
    return [*([run / "reports"] if run else []), *([store.parent] if store.name == STORE.name else []), AUDIT]
