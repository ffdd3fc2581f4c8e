"""What a page of an artefact is made of."""

from __future__ import annotations

from dataclasses import dataclass

from anatomy_r1.tables.table import Table


@dataclass(frozen=True)
class Section:
    """One heading with a table or with lines of text below it."""

    level: int
    title: str
    table: Table | None
    lines: tuple[tuple[str, str], ...]
