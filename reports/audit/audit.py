"""The whole audit: every check, made or skipped. It only reads the files that it is given."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from reports.audit import (
    claims,
    definitions,
    grim,
    paper_text,
    prose,
    released_methods,
    released_records,
    released_wording,
    resolution,
    sampling,
)
from reports.audit.cells import PaperCells, check_same_everywhere
from reports.audit.cells import load as load_cells
from reports.audit.finding import Check, Finding
from reports.audit.released import SKIPPED, Released
from reports.audit.released import load as load_released
from reports.scores.names import BENCHMARKS


@dataclass(frozen=True, slots=True)
class Paper:
    """The paper as data."""

    cells: PaperCells
    figures: Sequence[prose.QuotedFigure]
    claims: Sequence[claims.Claim]
    definitions: Sequence[definitions.PassagePair]


def load_paper() -> Paper:
    """Read the CSV files of this project."""
    return Paper(load_cells(), prose.load(), claims.load(), definitions.load())


def sizes(cells: PaperCells) -> dict[str, int]:
    """Number of questions of each benchmark, inferred from its cells."""
    return {
        name: grim.inferred(grim.fits([cell for cell in cells if cell.benchmark == name])).n
        for name in BENCHMARKS
        if any(cell.benchmark == name for cell in cells)
    }


def paper_checks(paper: Paper) -> tuple[Check, ...]:
    """Checks of the paper's numbers and words alone."""
    found = sizes(paper.cells)
    return (
        *(grim.check(paper.cells, name) for name in found),
        prose.check(paper.figures, paper.cells),
        claims.check(paper.claims, paper.cells),
        check_same_everywhere(paper.cells),
        sampling.check(paper.cells, found),
        resolution.check(paper.claims, paper.cells, found),
        definitions.check(paper.definitions, paper.cells),
    )


RELEASED: dict[str, tuple[str, Callable[[Sequence[Released]], Check]]] = {
    "released-keys": ("keys, paths, consistent records", released_records.check_keys),
    "released-gold": ("repeated questions and conflicting gold answers", released_records.check_gold),
    "released-overlap": ("shared frames and questions, and the official split", released_records.check_overlap),
    "released-templates": ("template families and surface forms", released_wording.check_templates),
    "released-prompts": ("wording of the prompts", released_wording.check_prompts),
    "released-distractors": ("are distractors drawn uniformly?", released_methods.check_distractors),
    "released-order": ("is the curriculum's file in order of difficulty?", released_methods.check_order),
    "released-colour": ("does a colour in the question give the answer away?", released_wording.check_colour),
    "released-text": ("how far does a guess without the image get?", released_wording.check_text),
    "released-augmentation": ("are the augmented images and questions included?", released_methods.check_augmentation),
}
"""Id of a check of the released files -> its title and the check."""


def released_checks(files: Sequence[Released] | None) -> tuple[Check, ...]:
    """Checks of the released files; all are skipped where there are none."""
    if files is None:
        return tuple(
            Check(name, f"Released files: {title}", "the released files", skipped=SKIPPED)
            for name, (title, _) in RELEASED.items()
        )
    return tuple(check(files) for _, check in RELEASED.values())


def audit(released: Path | None = None, text: Path | None = None, paper: Paper | None = None) -> tuple[Check, ...]:
    """All checks.

    Args:
        released: folder with the authors' released files.
        text: the paper's text.
        paper: the paper as data (default: the files of this project).

    Raises:
        AnatomyR1Error: when a file cannot be read.
    """
    paper = paper or load_paper()
    of_text = paper_text.check(paper_text.read(text), paper.figures) if text else paper_text.skipped()
    files = load_released(released) if released else None
    return (*paper_checks(paper), of_text, *released_checks(files))


def findings(checks: Iterable[Check]) -> tuple[Finding, ...]:
    """Findings of all checks, in order."""
    return tuple(finding for check in checks for finding in check.findings)
