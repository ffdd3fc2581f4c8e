"""Commands of `python -m reports` that need a result store alone: tables, figures, cards."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from reports.command_line import Run, add_command, print_and_write

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
