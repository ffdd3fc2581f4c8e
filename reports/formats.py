r"""What the paper's tables need besides `anatomy_r1.tables`: CSV, and LaTeX to be included with \input."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Mapping, Sequence

import pandas as pd

from anatomy_r1.tables.table import Cell, Column, Document, Table, groups
from reports.scores.cost import Amount, Cost
from reports.scores.scores import Score, SystemKey, several_bases

_SYSTEM = ("profile", "benchmark", "model", "method", "arm")
_TRAINING = ("steps", "steps_with_start", "rollout_tokens", "rollout_tokens_with_start")


def csv_text(columns: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """CSV with a header; text that others wrote must go through `inert` first."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(lines)
    return buffer.getvalue()


def inert(text: str) -> str:
    """The text, quoted if a spreadsheet would take it for a formula."""
    return f"'{text}" if text[:1] in {"=", "+", "-", "@", "\t", "\r"} else text


def frame_csv(table: pd.DataFrame) -> str:
    """CSV of a table whose texts others may have written."""
    kept = table.map(lambda value: inert(value) if isinstance(value, str) else value)
    return str(kept.to_csv(index=False, lineterminator="\n"))


def scores_csv(
    profile: str,
    scores: Iterable[Score],
    spent: Mapping[SystemKey, Cost],
    paper: Callable[[Score], float | None],
) -> str:
    """A line for each score, with the paper's number and the cost of its system; empty fields are missing numbers.

    `category` is empty for all questions. `low` and `high` are of these weights; over several bases, three further
    columns hold their number and the bounds of the method. If any score is not clean, a further column lists the kinds
    of leakage; if any is not above the best blind rule, a last one says so.
    """
    columns = [
        *(*_SYSTEM, "metric", "category", "percent", "low", "high", "se"),
        *("clusters", "questions", "seeds", "seed_sd", "paper", *_TRAINING),
    ]
    shown = list(scores)
    lines = [
        [
            *_names(profile, score.system),
            *(inert(score.metric), inert(score.category)),
            *map(_number, (score.percent, score.low, score.high, score.se)),
            *map(str, (score.clusters, score.questions, score.seeds)),
            *(_number(score.seed_sd), _number(paper(score))),
            *_amounts(spent[score.system].steps, spent[score.system].rollout_tokens),
        ]
        for score in shown
    ]
    if several_bases(shown):
        columns += ["bases", "method_low", "method_high"]
        bounds = ((str(one.bases), *map(_number, one.method or (None, None))) for one in shown)
        lines = [[*line, *of] for line, of in zip(lines, bounds, strict=True)]
    if any(score.not_clean for score in shown):
        columns.append("not_clean")
        lines = [[*line, " ".join(score.not_clean)] for line, score in zip(lines, shown, strict=True)]
    if any(score.not_above_blind for score in shown):
        columns.append("not_above_blind")
        lines = [[*line, "yes" * score.not_above_blind] for line, score in zip(lines, shown, strict=True)]
    return csv_text(columns, lines)


def costs_csv(profile: str, spent: Iterable[Cost]) -> str:
    """A line for each system's cost, mean over seeds; an empty field is unknown."""
    columns = (
        *(*_SYSTEM, "seeds", *_TRAINING, "training_seconds", "training_seconds_with_start"),
        *("evaluation_tokens", "evaluation_seconds"),
    )
    lines = (
        [
            *(*_names(profile, cost.system), str(cost.seeds)),
            *_amounts(cost.steps, cost.rollout_tokens, cost.training_seconds),
            *(_number(cost.evaluation_tokens), _number(cost.evaluation_seconds)),
        ]
        for cost in spent
    )
    return csv_text(columns, lines)


def _names(profile: str, system: SystemKey) -> list[str]:
    return [inert(name) for name in (profile, system.benchmark, system.model, system.method, system.arm)]


def _amounts(*amounts: Amount) -> list[str]:
    return [_number(value) for amount in amounts for value in (amount.own, amount.whole)]


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


_EMPHASIS = {"": "{}", "best": r"\textbf{{{}}}", "second": r"\underline{{{}}}"}
_SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\texttt{\char34}",  # \textquotedbl is not in LaTeX's default encoding
    "\N{RIGHTWARDS ARROW}": r"\ensuremath{\rightarrow}",
    "—": "---",
    "\N{MINUS SIGN}": r"\ensuremath{-}",
    "·": r"\textperiodcentered{}",
    "±": r"\textpm{}",
    "†": r"\textdagger{}",
    "‡": r"\textdaggerdbl{}",
    "[": "{[}",  # after a row's \\ a bare bracket would be read as its optional argument
    "]": "{]}",
}


def latex(report: Document) -> str:
    """The whole report as LaTeX that needs no package: a `tabular` for each column group."""
    notes = [rf"\par\noindent {{\scriptsize {escape_latex(note)}}}" for note in (report.warning, *report.notes) if note]
    head = f"% {' '.join(report.title.split())}"
    return "\n".join([head, *(_panel(t, g, i) for t in report.tables for g, i in groups(t)), *notes]) + "\n"


def _panel(table: Table, group: str, indices: list[int]) -> str:
    title = re.sub(r"^Table \d+\. ", "", table.title)  # LaTeX numbers tables itself
    heads = [_heading(table.columns[index]) for index in indices]
    lines = [
        r"\begin{table*}\centering\scriptsize\setlength{\tabcolsep}{2pt}",
        rf"\caption{{{escape_latex(title)}: {escape_latex(group)}.}}",
        rf"\begin{{tabular}}{{l{'r' * len(heads)}}}",
        r"\hline",
        _line([escape_latex(table.corner), *heads]),
    ]
    for block in table.blocks:
        lines += [r"\hline", rf"\multicolumn{{{len(heads) + 1}}}{{l}}{{\textit{{{escape_latex(block.title)}}}}} \\"]
        lines += [
            _line([escape_latex(row.title), *(_cell(row.cells[index]) for index in indices)]) for row in block.rows
        ]
    notes = [rf"\par {escape_latex(note)}" for note in table.notes]
    return "\n".join([*lines, r"\hline", r"\end{tabular}", *notes, r"\end{table*}"])


def _heading(column: Column) -> str:
    return rf"\textit{{{escape_latex(column.title)}}}" if column.quiet else escape_latex(column.title)


def _cell(cell: Cell) -> str:
    aside = rf"\,{{\tiny {escape_latex(cell.aside)}}}" if cell.aside else ""
    return _EMPHASIS[cell.emphasis].format(escape_latex(cell.text)) + aside


def _line(cells: list[str]) -> str:
    return f"{' & '.join(cells)} \\\\"


def escape_latex(text: str) -> str:
    """Text that LaTeX prints verbatim; characters without a glyph in base LaTeX become their code point."""
    one_line = " ".join(text.split())
    return re.sub(r"-{2,}|[^A-Za-z0-9 ]", _escaped, one_line)


def _escaped(match: re.Match[str]) -> str:
    character = match.group()
    if len(character) > 1:
        return "{}".join(character)  # hyphens, which LaTeX would join to a dash
    plain = character if character.isascii() and character.isprintable() else f"{{[}}U+{ord(character):04X}{{]}}"
    return _SPECIAL.get(character, plain)
