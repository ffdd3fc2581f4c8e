"""The ledger as a page: verdicts counted, all claims in one table, then each with what was done.

The ledger in every format.
"""

from __future__ import annotations

import json
from itertools import groupby

from reports.formats.csv_files import csv_text, inert
from reports.formats.page import Entry, Grid, Page, Section
from reports.formats.page_text import render_html, render_markdown, render_text
from reports.ledger.judgement import MEANINGS, Judgement
from reports.ledger.ledger import Ledger, Line
from reports.scores.notes import MINI_WARNING, USE

TITLE = "Reproduction ledger: every claim of the paper, and what was done about it"
PAPER, MINI = "paper", "mini world"
_RULE = (
    "Two verdicts a claim. Paper: by the paper's own numbers, its released files, and results on its models and data "
    "where a store holds any. Mini world: by a tiny network in a generated world; its verdicts are about that world."
)


def page(of: Ledger) -> Page:
    """The same ledger gives the same page."""
    sections = (Section("summary", "Verdicts", grids=(_counts(of), _scale())), _overview(of))
    return Page(TITLE, MINI_WARNING, (_RULE,), (*sections, *_parts(of)), _notes(of))


def _counts(of: Ledger) -> Grid:
    rows = tuple((word, *(str(sum(one.verdict == word for one in side)) for side in _sides(of))) for word in MEANINGS)
    return Grid(f"{len(of.lines)} claims by verdict", ("verdict", PAPER, MINI), rows)


def _sides(of: Ledger) -> tuple[list[Judgement], list[Judgement]]:
    return [line.paper for line in of.lines], [line.mini for line in of.lines]


def _scale() -> Grid:
    return Grid("What a verdict means", ("verdict", "meaning"), tuple(MEANINGS.items()), "The rules are ours.")


def _overview(of: Ledger) -> Section:
    rows = tuple((line.claim.id, line.claim.text, line.paper.verdict, line.mini.verdict) for line in of.lines)
    return Section("overview", "All claims", grids=(Grid("Claims", ("id", "claim", PAPER, MINI), rows),))


def _parts(of: Ledger) -> tuple[Section, ...]:
    """A section a part of the paper, in the order of the file; a part may come twice."""
    runs = [(name, list(group)) for name, group in groupby(of.lines, key=_part)]
    return tuple(
        Section(f"part-{number}", name, entries=tuple(map(_entry, lines)))
        for number, (name, lines) in enumerate(runs, 1)
    )


def _part(line: Line) -> str:
    return line.claim.locator.split(",")[0].split(";")[0]


def _entry(line: Line) -> Entry:
    claim = line.claim
    return Entry(
        name=claim.id,
        title=claim.text,
        badge=f"{PAPER}: {line.paper.verdict}",
        facts=(
            ("where", claim.locator),
            (PAPER, f"{_capital(line.paper.verdict)}. {line.paper.why}"),
            (MINI, f"{_capital(line.mini.verdict)}. {line.mini.why}"),
        ),
    )


def _notes(of: Ledger) -> tuple[str, ...]:
    family = (
        f"Mini world: {of.family} comparisons by Avg@5 in the matched arm, Holm over all of them; sign-flip test over "
        "clusters, verdicts and MDD as docs/statistics.md has them. The family follows from the claims, and was not "
        "declared before the runs. Intervals are over videos or images, given these trainings, unless they say that "
        "they are over clusters and seeds; all trainings of a model start from one base."
    )
    return (
        *([family] if of.family else []),
        *(f"Compared although it differs: {text}." for text in of.told if " differ in " in text),
        *(f"Audit check not made: {title}." for title in of.skipped),
        f"Results of commit {', '.join(of.commits) or 'none'}.",
        "How to read this: docs/audit.md.",
        USE,
    )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


COLUMNS = ("id", "locator", "kind", "claim", "paper_verdict", "paper_why", "mini_verdict", "mini_why")


def files(of: Ledger) -> dict[str, str]:
    """File name -> content."""
    shown = page(of)
    return {
        "ledger.txt": render_text(shown),
        "ledger.md": render_markdown(shown),
        "ledger.html": render_html(shown),
        "ledger.json": _json(of),
        "ledger.csv": _csv(of),
    }


def _lines(of: Ledger) -> list[dict[str, str]]:
    return [
        dict(
            zip(
                COLUMNS,
                (
                    *(line.claim.id, line.claim.locator, line.claim.kind, line.claim.text),
                    *(line.paper.verdict, line.paper.why, line.mini.verdict, line.mini.why),
                ),
                strict=True,
            )
        )
        for line in of.lines
    ]


def _json(of: Ledger) -> str:
    content = {"claims": _lines(of), "family": of.family, "told": of.told, "commits": of.commits}
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def _csv(of: Ledger) -> str:
    return csv_text(COLUMNS, ([inert(value) for value in line.values()] for line in _lines(of)))
