"""Does the paper agree with itself? Its prose, claims, definitions and text against each other and its tables."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, product
from pathlib import Path

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.tables.table import prose_table
from reports.audit.paper import (
    CellAddress,
    Claim,
    PaperCell,
    PaperCells,
    PassagePair,
    QuotedFigure,
    by_address,
    name_of,
    percent,
)
from reports.audit.report import Check, Finding
from reports.scores.names import BENCHMARKS, METRICS, TITLES


def expected(quoted: QuotedFigure, cells: Mapping[CellAddress, int]) -> int:
    """What the tables give for a figure, in hundredths; an error where they lack a cell that it names."""
    table, model, _, benchmark, metric = quoted.address
    try:
        taken = cells[table, model, quoted.minus, benchmark, metric] if quoted.minus else 0
        return cells[quoted.address] - taken
    except KeyError as error:
        raise AnatomyR1Error(f"prose {quoted.id}: the tables have no {quoted.meant}. Fix: correct the line") from error


def agrees(quoted: QuotedFigure, cells: Mapping[CellAddress, int]) -> bool:
    """Whether prose and table say the same."""
    return quoted.hundredths == expected(quoted, cells)


def check_prose(figures: Sequence[QuotedFigure], cells: PaperCells) -> Check:
    """Every figure, with one finding for each sentence that has a figure unlike the tables."""
    known = by_address(cells)
    wrong = [one for one in figures if not agrees(one, known)]
    head = ("id", "place", "quote", "figure", "should equal", "tables", "agree")
    rows = (
        (
            *(one.id, one.locator, one.quote, percent(one.hundredths), one.meant),
            *(percent(expected(one, known)), "yes" if agrees(one, known) else "no"),
        )
        for one in figures
    )
    return Check(
        id="prose",
        title="Figures in the prose against the tables",
        looked_at=f"{len(figures)} figures of the main results, each against the cell or difference that it names; "
        f"{len(figures) - len(wrong)} agree",
        findings=tuple(
            _misquoted(place, list(group), known) for place, group in groupby(wrong, key=lambda one: one.locator)
        ),
        tables=(prose_table("Quoted figures", head, rows),),
    )


def _misquoted(place: str, wrong: Sequence[QuotedFigure], known: Mapping[CellAddress, int]) -> Finding:
    figures = "; ".join(
        f"{percent(one.hundredths)} for {one.meant}, where the table has {percent(expected(one, known))} "
        f"({_elsewhere(one, known)})"
        for one in wrong
    )
    return Finding(
        id=f"prose.{wrong[0].id}",
        title=f"{place}: {len(wrong)} figure{'s' if len(wrong) > 1 else ''} that differ from the tables",
        test="The figure in the sentence against the cell that the sentence names (method, metric, benchmark, model).",
        figure=figures + ".",
        strength="counted",
        limits="Which of the two is right, or whether either belongs to another version of the experiment. Where the "
        "sentence says RL, the GRPO-GDQA row was used, which the sentence's other figures agree with.",
        question="Which experiment do these figures come from, and which is correct: the sentence or the table?",
    )


def _elsewhere(one: QuotedFigure, known: Mapping[CellAddress, int]) -> str:
    places = [name_of(address) for address, value in known.items() if value == one.hundredths]
    return f"the figure is that of {places[0]}" if places else "no cell has this figure"


@dataclass(frozen=True, slots=True)
class PrintedDifference:
    """A difference that a claim is about, in hundredths of a point, as the tables print it."""

    model: str
    benchmark: str
    metric: str
    left: str
    right: str
    hundredths: int
    """Above 0 where the claim holds."""

    @property
    def text(self) -> str:
        """`SGG-VQA (Anatomy), Qwen-2.5-VL-7B, Avg@5, GRPO-GDQA minus SFT: +10.86`."""
        names = f"{TITLES.get(self.left, self.left)} minus {TITLES.get(self.right, self.right)}"
        where = f"{BENCHMARKS.get(self.benchmark, self.benchmark)}, {self.model}"
        return f"{where}, {METRICS.get(self.metric, self.metric)}, {names}: {self.hundredths / 100:+.2f}"


def printed(claim: Claim, cells: Mapping[CellAddress, int]) -> tuple[PrintedDifference, ...]:
    """The differences that a claim of kind `higher` or `gain` is about, without those that lack a cell."""
    if claim.kind == "gain":
        return tuple(_gains(claim, cells))
    if claim.kind != "higher":
        return ()
    found = (
        PrintedDifference(*where, left, right, value)
        for where in product(claim.models, claim.benchmarks, claim.metrics)
        for left, right in product(claim.left, claim.right)
        if (value := _difference(cells, where, left, right)) is not None
    )
    return tuple(found)


def _gains(claim: Claim, cells: Mapping[CellAddress, int]) -> Iterator[PrintedDifference]:
    first, second = claim.models
    for benchmark, metric, left, right in product(claim.benchmarks, claim.metrics, claim.left, claim.right):
        a, b = (_difference(cells, (model, benchmark, metric), left, right) for model in (first, second))
        if a is not None and b is not None:
            yield PrintedDifference(f"{first} against {second}", benchmark, metric, left, right, a - b)


def _difference(cells: Mapping[CellAddress, int], where: tuple[str, str, str], left: str, right: str) -> int | None:
    """Difference of two methods at (model, benchmark, metric), from the table that has both."""
    model, benchmark, metric = where
    for table in (1, 2):
        a, b = (cells.get((table, model, method, benchmark, metric)) for method in (left, right))
        if a is not None and b is not None:
            return a - b
    return None


def holds(claim: Claim, found: Sequence[PrintedDifference]) -> bool:
    """Whether the printed numbers, taken at face value, support the claim."""
    held = sum(one.hundredths > 0 for one in found)
    return 2 * held > len(found) if claim.quantifier == "most" else held == len(found)


def check_claims(claims: Sequence[Claim], cells: PaperCells) -> Check:
    """Every claim that compares methods, however small the differences."""
    known = by_address(cells)
    found = [(claim, printed(claim, known)) for claim in claims if claim.kind in ("higher", "gain")]
    rows, findings = [], []
    for claim, of in found:
        against = [one.text for one in of if one.hundredths <= 0]
        support = f"{len(of) - len(against)} of {len(of)}"
        rows.append((claim.id, claim.text, support, "yes" if holds(claim, of) else "no"))
        if not holds(claim, of):
            finding = Finding(
                id=f"statements.{claim.id}",
                title=f"{claim.locator}: the tables support it in {support} cells",
                test=f"Every printed difference that the claim is about ({claim.quantifier} must be above 0): "
                f"{claim.text}",
                figure=f"Against it: {'; '.join(against[:8])}.",
                strength="counted",
                limits="Whether the sentence is about every metric, or only the one that the next sentences quote. "
                "Differences this small may have either sign by chance.",
                question="Is the sentence about all metrics in the table?",
            )
            findings.append(finding)
    head = ("claim", "in our words", "differences that support it", "holds")
    return Check(
        id="statements",
        title="Comparisons in words against the tables",
        looked_at=f"{len(found)} claims over {sum(len(of) for _, of in found)} differences, as printed and without "
        "regard to chance",
        findings=tuple(findings),
        tables=(prose_table("Claims that compare", head, rows),),
    )


def check_twice(cells: PaperCells) -> Check:
    """Do cells that both tables print agree?"""
    groups: dict[tuple[str, ...], list[PaperCell]] = defaultdict(list)
    for cell in cells:
        groups[cell.model, cell.method, cell.benchmark, cell.metric].append(cell)
    twice = [group for group in groups.values() if len(group) > 1]
    apart = [group for group in twice if len({cell.hundredths for cell in group}) > 1]
    return Check(
        id="twice",
        title="Cells printed in two tables",
        looked_at=f"{len(twice)} cells that Tables 1 and 2 both have; {len(twice) - len(apart)} agree",
        findings=tuple(
            Finding(
                id=f"twice.{group[0].method}-{group[0].benchmark}-{group[0].metric}",
                title="One result, two numbers",
                test="The same model, method, benchmark and metric in two tables.",
                figure=f"{'; '.join(f'{cell.name}: {cell.shown}' for cell in group)}.",
                strength="counted",
                limits="Which one is right; they may come from two runs.",
                question="Are these one run or two?",
            )
            for group in apart
        ),
    )


def broken(pair: PassagePair, cells: PaperCells) -> str:
    """How two passages disagree; empty where they agree."""
    if pair.relation == "same":
        first, second = (set(map(str.strip, text.split(";"))) for text in (pair.first, pair.second))
        sides = (("first", first - second), ("second", second - first))
        return "; ".join(f"only the {side}: {', '.join(sorted(only))}" for side, only in sides if only)
    if pair.relation == "range":
        low, high = map(float, pair.first.split(".."))
        values = [cell.hundredths / 100 for cell in cells if cell.metric == pair.second]
        beyond = [value for value in values if not low <= value <= high]
        told = f"{len(beyond)} of {len(values)} {METRICS.get(pair.second, pair.second)} cells lie outside {pair.first}"
        return f"{told}, up to {max(beyond)}" if beyond else ""
    there = {cell.benchmark for cell in cells if cell.method == pair.first}
    missing = [name for name in pair.second.split() if name not in there]
    return f"{pair.first} has no cell on {', '.join(missing)}" if missing else ""


def check_definitions(pairs: Sequence[PassagePair], cells: PaperCells) -> Check:
    """Every pair of passages."""
    found = [(pair, broken(pair, cells)) for pair in pairs]
    rows = (
        (pair.id, f"{pair.first_locator}: {pair.first}", f"{pair.second_locator}: {pair.second}", words or "agree")
        for pair, words in found
    )
    head = ("id", "first", "second", "comparison")
    return Check(
        id="definitions",
        title="Definitions compared with each other and with the tables",
        looked_at=f"{len(pairs)} pairs of passages",
        findings=tuple(
            Finding(
                id=f"definitions.{pair.id}",
                title=pair.title,
                test=f"{pair.first_locator}, against {pair.second_locator}.",
                figure=f"First: {pair.first}. Second: {pair.second}. {words[0].upper()}{words[1:]}.",
                strength="reading" if pair.relation == "same" else "counted",
                limits="What was actually run. The passages are in our words; a slip of the pen would also explain it.",
                question=pair.question,
            )
            for pair, words in found
            if words
        ),
        tables=(prose_table("Pairs of passages", head, rows, "Passages in our words."),),
    )


_TEXT = "The paper's text: announced parts, open references, our quotes"
_APPENDIX = re.compile(r"\bappendix\b", re.IGNORECASE)
_HEADING = re.compile(
    r"^[#*\s]*(?:[A-Z]\.?\s+)?(?:technical\s+)?append(?:ix|ices)\b[^.]{0,60}$", re.IGNORECASE | re.MULTILINE
)
_OPEN = re.compile(r"\b(?:Figure|Fig\.|Table|Section|Eq\.) (?:[XY]\b|\?\?)")


def check_text_file(path: Path | None, quotes: Sequence[QuotedFigure]) -> Check:
    """Check the file with the paper's text; skipped where there is none."""
    if path is None:
        examined = "mentions of an appendix, references such as Figure X, and every short quote"
        why = "no text was given (--paper-text FILE: the paper's text, which is not part of this project)"
        return Check("paper-text", _TEXT, examined, skipped=why)
    try:
        return check_text(path.read_text(encoding="utf-8"), quotes)
    except (OSError, UnicodeDecodeError) as error:
        raise AnatomyR1Error(f"{path}: no text ({error}). Fix: name the paper's text in UTF-8") from error


def check_text(text: str, quotes: Sequence[QuotedFigure]) -> Check:
    """Missing parts that the text announces, unresolved references, and whether our own quotes are in it."""
    lost = [one for one in quotes if _plain(one.quote) not in _plain(text)]
    findings = []
    if (mentions := len(_APPENDIX.findall(text))) and not _HEADING.search(text):
        appendix = Finding(
            id="paper-text.appendix",
            title="An appendix is announced, but there is none",
            test="Mentions of an appendix against headings that begin one.",
            figure=f"{mentions} mention{'s' if mentions > 1 else ''}, no such heading.",
            strength="counted",
            limits="It may exist apart from this text.",
            question="Where are the details of the data sets and of the implementation, which the appendix is said to "
            "have?",
        )
        findings.append(appendix)
    if found := _OPEN.findall(text):
        reference = Finding(
            id="paper-text.open-reference",
            title="A reference was left unresolved",
            test="References to a figure, table, section or equation whose number is X, Y or ??.",
            figure=f"{', '.join(sorted(set(found)))}: {len(found)} in all.",
            strength="counted",
            limits="Anything about the results.",
            question="Which figure is meant?",
        )
        findings.append(reference)
    rows = ((one.id, one.locator, one.quote) for one in lost)
    note = "If a quote is not found, the mistake is ours, or this is another version of the text."
    return Check(
        id="paper-text",
        title=_TEXT,
        looked_at=f"{len(text.split()):,} words; {len(quotes) - len(lost)} of {len(quotes)} quotes found in it",
        findings=tuple(findings),
        tables=(prose_table("Quotes not found in this text", ("id", "place", "quote"), rows, note),) if lost else (),
    )


def _plain(text: str) -> str:
    return " ".join(text.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'").split())
