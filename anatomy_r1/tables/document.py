"""A document as a value, before it is text, Markdown, LaTeX or HTML: what every report of this project returns.

A document is a set of tables with notes, or sections of prose, entries and tables, or both. It holds what a person
reads, unescaped; each format escapes for itself.
"""

from __future__ import annotations

from dataclasses import dataclass

from anatomy_r1.tables.table import Table


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
