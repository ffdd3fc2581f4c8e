r"""A report as LaTeX: a `tabular` for each column group, to be included with \input; needs no package."""

from __future__ import annotations

import re

from anatomy_r1.tables.table import Cell, Column, Document, Table, groups

_WRAP = {"": "{}", "best": r"\textbf{{{}}}", "second": r"\underline{{{}}}"}
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
    '"': r"\textquotedbl{}",
    "—": "---",
    "\N{MINUS SIGN}": r"\ensuremath{-}",
    "·": r"\textperiodcentered{}",
    "±": r"\textpm{}",
    "†": r"\textdagger{}",
    "[": "{[}",  # after a row's \\ a bare bracket would be read as its optional argument
    "]": "{]}",
}


def render(report: Document) -> str:
    """The whole report, ending in a newline."""
    notes = [rf"\par\noindent {{\scriptsize {escape(note)}}}" for note in (report.warning, *report.notes) if note]
    head = f"% {' '.join(report.title.split())}"
    return "\n".join([head, *(_panel(t, g, i) for t in report.tables for g, i in groups(t)), *notes]) + "\n"


def _panel(table: Table, group: str, indices: list[int]) -> str:
    columns = [table.columns[index] for index in indices]
    span = len(columns) + 1
    lines = [
        r"\begin{table*}\centering\scriptsize\setlength{\tabcolsep}{2pt}",
        rf"\caption{{{escape(_unnumbered(table.title))}: {escape(group)}.}}",
        rf"\begin{{tabular}}{{l{'r' * len(columns)}}}",
        r"\hline",
        _line([escape(table.corner), *map(_heading, columns)]),
    ]
    for block in table.blocks:
        lines += [r"\hline", rf"\multicolumn{{{span}}}{{l}}{{\textit{{{escape(block.title)}}}}} \\"]
        lines += [_line([escape(row.title), *(_cell(row.cells[index]) for index in indices)]) for row in block.rows]
    notes = [rf"\par {escape(note)}" for note in table.notes]
    return "\n".join([*lines, r"\hline", r"\end{tabular}", *notes, r"\end{table*}"])


def _unnumbered(title: str) -> str:
    """LaTeX numbers tables itself."""
    return re.sub(r"^Table \d+\. ", "", title)


def _heading(column: Column) -> str:
    return rf"\textit{{{escape(column.title)}}}" if column.quiet else escape(column.title)


def _cell(cell: Cell) -> str:
    aside = rf"\,{{\tiny {escape(cell.aside)}}}" if cell.aside else ""
    return _WRAP[cell.emphasis].format(escape(cell.text)) + aside


def _line(cells: list[str]) -> str:
    return f"{' & '.join(cells)} \\\\"


def escape(text: str) -> str:
    """Text that LaTeX prints verbatim; characters without a glyph in base LaTeX become their code point."""
    one_line = " ".join(text.split())
    return re.sub(r"[^A-Za-z0-9 ]", _escaped, one_line)


def _escaped(match: re.Match[str]) -> str:
    character = match.group()
    plain = character if character.isascii() and character.isprintable() else f"{{[}}U+{ord(character):04X}{{]}}"
    return _SPECIAL.get(character, plain)
