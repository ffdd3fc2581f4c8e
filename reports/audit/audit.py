"""The whole audit: every check, made or skipped. It only reads the files that it is given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from reports.audit import agreement, grim, omnimed, released, released_chance, resolution, sampling
from reports.audit.paper import Paper, PaperCells, load_paper
from reports.audit.released import SKIPPED, Released, load
from reports.audit.report import Check
from reports.scores.names import BENCHMARKS


def sizes(cells: PaperCells) -> dict[str, int]:
    """Number of questions of each benchmark, inferred from its cells."""
    by_benchmark = {name: [cell for cell in cells if cell.benchmark == name] for name in BENCHMARKS}
    return {name: grim.inferred(grim.fits(of)).n for name, of in by_benchmark.items() if of}


def paper_checks(paper: Paper) -> tuple[Check, ...]:
    """Checks of the paper's numbers and words alone."""
    found = sizes(paper.cells)
    return (
        *(grim.check(paper.cells, name) for name in found),
        agreement.check_prose(paper.figures, paper.cells),
        agreement.check_claims(paper.claims, paper.cells),
        agreement.check_twice(paper.cells),
        sampling.check(paper.cells, found),
        resolution.check(paper.claims, paper.cells, found),
        agreement.check_definitions(paper.definitions, paper.cells),
    )


RELEASED: dict[str, Callable[[Sequence[Released]], Check]] = {
    "released-keys": released.check_keys,
    "released-gold": released.check_gold,
    "released-overlap": released.check_overlap,
    "released-templates": released_chance.check_templates,
    "released-prompts": released.check_prompts,
    "released-distractors": released_chance.check_distractors,
    "released-order": released_chance.check_order,
    "released-colour": released.check_colour,
    "released-text": released_chance.check_text,
    "released-augmentation": released.check_augmentation,
}
"""Id of a check of the released files -> the check."""


def released_checks(files: Sequence[Released] | None) -> tuple[Check, ...]:
    """Checks of the released files; all are skipped where there are none."""
    if files is None:
        return tuple(Check(name, released.TITLES[name], "the released files", skipped=SKIPPED) for name in RELEASED)
    return tuple(check(files) for check in RELEASED.values())


def audit(
    folder: Path | None = None, text: Path | None = None, paper: Paper | None = None, splits: Path | None = None
) -> tuple[Check, ...]:
    """All checks.

    Args:
        folder: the authors' released files.
        text: the paper's text.
        paper: the paper as data (default: the files of this project).
        splits: Med-R1's split files of OmniMedVQA's microscopy questions.

    Raises:
        AnatomyR1Error: when a file cannot be read.
    """
    paper = paper or load_paper()
    of_text = agreement.check_text_file(text, paper.figures)
    of_release = released_checks(load(folder) if folder else None)
    of_splits = omnimed.check(omnimed.load(splits) if splits else None, paper.cells)
    return (*paper_checks(paper), of_text, *of_release, of_splits)
