"""A page as a value, before it is text, Markdown or HTML. It holds what a person reads, unescaped."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Grid:
    """A small table whose cells may hold sentences.

    Raises:
        ValueError: when a row has not one cell a column.
    """

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.head):
                raise ValueError(f"{self.title}: {len(row)} cells for {len(self.head)} columns")


@dataclass(frozen=True, slots=True)
class Entry:
    """Something with a name, a word that sums it up, and what there is to say about it."""

    name: str
    """For links: unique on its page."""
    title: str
    badge: str
    """One word or two, such as a strength or a verdict."""
    facts: tuple[tuple[str, str], ...]
    """Label and sentence."""


@dataclass(frozen=True, slots=True)
class Section:
    """A heading with what stands under it, in this order."""

    name: str
    title: str
    lead: tuple[str, ...] = ()
    entries: tuple[Entry, ...] = ()
    grids: tuple[Grid, ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """Everything of one file."""

    title: str
    warning: str
    lead: tuple[str, ...]
    sections: tuple[Section, ...]
    notes: tuple[str, ...]
