"""Commands of `python -m reports` besides the tables: figures and cards."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

_FIGURES = """Draw every figure from curves, as PDF, SVG, PNG and CSV, over rollout tokens and (*_seconds) wall-clock.
Also writes figure_statements.{csv,json}: what each figure of the paper says, measured, with intervals over seeds.

example:
  python -m reports figures --store results/mini --out results/mini/figures
"""
_CARDS = """Write a model card for each trained policy and a data card for each benchmark, from a result store.

example:
  python -m reports cards --store results/mini/store --out results/mini/cards
"""
Files = Callable[[argparse.Namespace], dict[str, Any]]


def add_commands(commands: Any) -> None:
    """Add the subcommands to the parser."""
    figures = _command(commands, "figures", "the paper's figures, and their statements as numbers", _FIGURES, _figures)
    figures.add_argument("--benchmark", metavar="ID", help="default: the paper's choice, SGG-VQA")
    figures.add_argument("--model", metavar="ID", help="default: the paper's choice, the larger one")
    _command(commands, "cards", "model and data cards", _CARDS, _cards)


def _command(commands: Any, name: str, title: str, words: str, files: Files) -> argparse.ArgumentParser:
    raw = argparse.RawDescriptionHelpFormatter
    command: argparse.ArgumentParser = commands.add_parser(name, help=title, description=words, formatter_class=raw)
    command.add_argument("--store", type=Path, required=True, help="result store, or the folder that it is in")
    command.add_argument("--out", type=Path, required=True, help="folder to write to")
    command.set_defaults(function=lambda options: _write(options, files))
    return command


def _write(options: argparse.Namespace, files: Files) -> int:
    from reports.write import write_all

    try:
        made = files(options)
    except ValueError as error:
        print(f"error: {options.store}: {error}", file=sys.stderr)
        return 2
    write_all(options.out, made)
    print(f"Written to {options.out}: {', '.join(sorted(made))}")
    return 0


def _figures(options: argparse.Namespace) -> dict[str, Any]:
    from reports.figures.write import figure_files

    return dict(figure_files(options.store, options.benchmark, options.model))


def _cards(options: argparse.Namespace) -> dict[str, Any]:
    from reports.cards import card_files

    return dict(card_files(options.store))
