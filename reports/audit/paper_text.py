"""Checks of the paper's text: missing parts that it announces, unresolved references, and our own quotes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.tables.table import prose_table
from reports.audit.finding import Check, Finding
from reports.audit.prose import QuotedFigure

_ID = "paper-text"
_TITLE = "The paper's text: announced parts, open references, our quotes"
_APPENDIX = re.compile(r"\bappendix\b", re.IGNORECASE)
_HEADING = re.compile(
    r"^[#*\s]*(?:[A-Z]\.?\s+)?(?:technical\s+)?append(?:ix|ices)\b[^.]{0,60}$", re.IGNORECASE | re.MULTILINE
)
_OPEN = re.compile(r"\b(?:Figure|Fig\.|Table|Section|Eq\.) (?:[XY]\b|\?\?)")


def skipped() -> Check:
    """The check where no text is given."""
    why = "no text was given (--paper-text FILE: the paper's text, which is not part of this project)"
    return Check(
        _ID, _TITLE, "mentions of an appendix, references such as Figure X, and every short quote", skipped=why
    )


def read(path: Path) -> str:
    """The text of a file.

    Raises:
        AnatomyR1Error: when it cannot be read as text.
    """
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise AnatomyR1Error(f"{path}: no text ({error}). Fix: name the paper's text in UTF-8") from error


def check(text: str, quotes: Sequence[QuotedFigure]) -> Check:
    """Check the whole text."""
    lost = [one for one in quotes if _plain(one.quote) not in _plain(text)]
    mentions, open_references = len(_APPENDIX.findall(text)), _OPEN.findall(text)
    absent = 0 if _HEADING.search(text) else mentions
    findings = [*([_appendix(absent)] if absent else []), *([_open(open_references)] if open_references else [])]
    rows = tuple((one.id, one.locator, one.quote) for one in lost)
    note = "If a quote is not found, the mistake is ours, or this is another version of the text."
    return Check(
        id=_ID,
        title=_TITLE,
        looked_at=f"{len(text.split()):,} words; {len(quotes) - len(lost)} of {len(quotes)} quotes found in it",
        findings=tuple(findings),
        tables=(prose_table("Quotes not found in this text", ("id", "place", "quote"), rows, note),) if lost else (),
    )


def _plain(text: str) -> str:
    return " ".join(text.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'").split())


def _appendix(mentions: int) -> Finding:
    return Finding(
        id=f"{_ID}.appendix",
        title="An appendix is announced, but there is none",
        test="Mentions of an appendix against headings that begin one.",
        figure=f"{mentions} mention{'s' if mentions > 1 else ''}, no such heading.",
        strength="counted",
        limits="It may exist apart from this text.",
        question="Where are the details of the data sets and of the implementation, which the appendix is said to "
        "have?",
    )


def _open(found: Sequence[str]) -> Finding:
    return Finding(
        id=f"{_ID}.open-reference",
        title="A reference was left unresolved",
        test="References to a figure, table, section or equation whose number is X, Y or ??.",
        figure=f"{', '.join(sorted(set(found)))}: {len(found)} in all.",
        strength="counted",
        limits="Anything about the results.",
        question="Which figure is meant?",
    )
