"""Tables and documents as values, before they are text, Markdown, LaTeX or HTML.

A document is what every report of this project returns: a set of tables with notes, or sections of prose, entries and
tables, or both. It holds what a person reads, unescaped; each format escapes for itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

MISSING = "—"
"""What a cell shows where nothing was run. Never a zero, never a guess."""

NO_INTERVAL = "[no interval]"

Emphasis = Literal["", "best", "second"]


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell: a main text with an optional aside (an interval) and an emphasis."""

    text: str = MISSING
    aside: str = ""
    emphasis: Emphasis = ""


@dataclass(frozen=True, slots=True)
class Column:
    """A column's heading."""

    title: str
    group: str = ""
    """The heading above it, which it shares with its neighbours."""
    quiet: bool = False
    """Set back in formats that can: context, such as the paper's number, not our measurement."""


@dataclass(frozen=True, slots=True)
class Row:
    """A named row."""

    title: str
    cells: tuple[Cell, ...]
    about: tuple[str, ...] = ()
    """Model, method and arm of its numbers, for pages that link them to their evidence; may be unknown."""


@dataclass(frozen=True, slots=True)
class Block:
    """Rows under a common heading: one model."""

    title: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A table; every row has one cell for each column."""

    name: str
    """For anchors and labels, such as `table1`. Tables of sections need none."""
    title: str
    corner: str
    """Heading of the row names."""
    columns: tuple[Column, ...]
    blocks: tuple[Block, ...]
    notes: tuple[str, ...] = ()
    prose: bool = False
    """Cells hold words or sentences: every format aligns them left and wraps them."""

    def __post_init__(self) -> None:
        for block in self.blocks:
            for row in block.rows:
                if len(row.cells) != len(self.columns):
                    raise ValueError(f"row {row.title!r}: {len(row.cells)} cells for {len(self.columns)} columns")


@dataclass(frozen=True, slots=True)
class Entry:
    """One item with labelled facts, such as a finding or a claim."""

    name: str
    """For links: unique in its document."""
    title: str
    badge: str
    """One or two words that sum it up, such as a verdict."""
    facts: tuple[tuple[str, str], ...]
    """Labels and sentences."""


@dataclass(frozen=True, slots=True)
class Section:
    """A heading with paragraphs, entries and tables below it, in this order."""

    name: str
    """For links: unique in its document."""
    title: str
    lead: tuple[str, ...] = ()
    entries: tuple[Entry, ...] = ()
    tables: tuple[Table, ...] = ()


@dataclass(frozen=True, slots=True)
class Headline:
    """A finding in one sentence, and the estimate that it rests on, which HTML draws."""

    group: str
    """What shares an axis: a benchmark and what is subtracted."""
    label: str
    sentence: str
    value: float
    """In points."""
    inner: tuple[float, float] | None = None
    """95 % interval of `value`."""
    outer: tuple[float, float] | None = None
    """A further interval that allows for more, such as another training."""
    about: tuple[str, ...] = ()
    """Benchmark, name of the baseline, name of the other: for pages that link to the evidence."""
    decided: bool = True
    """Whether the verdict is that there is a difference; the dot is open otherwise."""


@dataclass(frozen=True, slots=True)
class Document:
    """One report: the content of one file."""

    title: str
    warning: str
    """What a reader must know before any number; may be empty."""
    tables: tuple[Table, ...] = ()
    notes: tuple[str, ...] = ()
    """Hold for the whole document; printed last."""
    lead: tuple[str, ...] = ()
    """Paragraphs before the first section."""
    sections: tuple[Section, ...] = ()
    headlines: tuple[Headline, ...] = ()
    """What came out, before any table; HTML alone shows them, and folds the tables."""


def prose_table(title: str, head: Sequence[str], rows: Iterable[Sequence[str]], note: str = "") -> Table:
    """A table of words from its headings and rows; the first cell of a row names it."""
    corner, *columns = head
    named = ((name, cells) for name, *cells in rows)
    block = Block("", tuple(Row(name, tuple(map(Cell, cells))) for name, cells in named))
    notes = (note,) if note else ()
    return Table("", title, corner, tuple(map(Column, columns)), (block,), notes, prose=True)


def prose_rows(table: Table) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Headings and rows of a table of words: inverse of `prose_table`."""
    head = (table.corner, *(column.title for column in table.columns))
    rows = [(row.title, *(cell.text for cell in row.cells)) for block in table.blocks for row in block.rows]
    return head, rows


def groups(table: Table) -> Iterator[tuple[str, list[int]]]:
    """Each column group in order, with the indices of its columns."""
    found: dict[str, list[int]] = {}
    for index, column in enumerate(table.columns):
        found.setdefault(column.group, []).append(index)
    yield from found.items()


def emphases(values: Sequence[float | None], decimals: int) -> list[Emphasis]:
    """Best and second of one column, as the paper marks them; ties share a mark.

    Values are compared as printed, so that two cells that look the same are marked the same. Fewer than two values
    rank nothing.
    """
    shown = [None if value is None else round(value, decimals) for value in values]
    ranked = sorted({value for value in shown if value is not None}, reverse=True)
    if sum(value is not None for value in shown) < 2:
        return [""] * len(shown)
    marks: dict[float | None, Emphasis] = {ranked[0]: "best"}
    if len(ranked) > 1:
        marks[ranked[1]] = "second"
    return [marks.get(value, "") for value in shown]


def bracketed(
    low: float | None, high: float | None, spec: str = ".2f", within: tuple[float, float] | None = None
) -> str:
    """An interval as `[22.49, 41.00]`, or `[no interval]` where a bound is missing.

    Bounds are clipped to `within`, the range that the quantity cannot leave, such as 0 to 100 for a percentage.
    """
    if low is None or high is None:
        return NO_INTERVAL
    if within is not None:
        low, high = max(low, within[0]), min(high, within[1])
    return f"[{low:{spec}}, {high:{spec}}]"


def with_interval(value: float, low: float | None, high: float | None, spec: str = ".2f") -> str:
    """`30.12 [22.49, 41.00]`: a value and its interval in one format."""
    return f"{value:{spec}} {bracketed(low, high, spec)}"
