"""What the control rows say of each policy: what its pictures are worth, and whether it answers letters.

`controls(results)` is pure. Policies under another view (`anatomy_r1/evaluation/views.py`) are the source;
docs/controls.md.

What is reached without a picture, or without training: the rows that any method has to beat.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.evaluation.views import NO_IMAGE, WRONG_IMAGE
from anatomy_r1.results.store import MATCHED, Result
from anatomy_r1.tables.document import Document
from anatomy_r1.tables.table import Block, Table
from reports.controls.control_tables import letter_table, picture_table, rotation_table
from reports.controls.image_ablation import Worth, worths
from reports.controls.rotations import Turned, turned
from reports.scores import paper
from reports.scores.caveats import marks, unfit_notes
from reports.scores.names import CONTROLS, is_view
from reports.scores.notes import USE, leaks, made_from, notes, warning
from reports.scores.rows import benchmarks, models, row_names
from reports.scores.scores import ALL, AVG, Score, by_key, check_one_profile, scores
from reports.tables.accuracy import accuracy_block, accuracy_columns
from reports.tables.breakdowns import categories_table

_EMPTY = (
    "no policy under another view. Run `python -m baselines run --methods grpo --views no-image wrong-image rotations` "
    "first"
)


@dataclass(frozen=True, eq=False)
class Findings:
    """What the control rows of a store come to."""

    pictures: tuple[Worth, ...]
    rotated: tuple[Turned, ...]
    without_model: tuple[Score, ...]
    """Avg@5 of the controls that have no model."""

    def numbers(self) -> list[Score]:
        """Everything as scores, for the CSV."""
        of_pictures = [
            score
            for one in self.pictures
            for score in (*one.scores.values(), *(one.difference(view) for view in (NO_IMAGE, WRONG_IMAGE)))
            if score
        ]
        return [*of_pictures, *(number for one in self.rotated for number in one.numbers()), *self.without_model]


def findings(results: Sequence[Result]) -> Findings:
    """Of the results of one profile.

    Raises:
        AnatomyR1Error: when no policy ran under another view, or the results do not belong together.
    """
    check_one_profile(results)
    pictures, rotated = worths(results), turned(results)
    if not pictures and not rotated:
        raise AnatomyR1Error(_EMPTY)
    plain = scores([result for result in results if result.method in CONTROLS])
    without_model = (score for score in plain if (score.metric, score.category) == (AVG, ALL))
    return Findings(pictures, rotated, tuple(without_model))


def controls(results: Sequence[Result], found: Findings | None = None) -> Document:
    """The tables of controls that the store has anything for.

    Raises:
        AnatomyR1Error: as `findings`, which are made here unless given.
    """
    found = found or findings(results)
    pictures, rotated, flagged = found.pictures, found.rotated, marks(results)
    tables = (
        *([picture_table(pictures, found.without_model, flagged)] if pictures else []),
        *([rotation_table(rotated, flagged), letter_table(rotated, flagged)] if rotated else []),
    )
    title = f"Anatomy-R1, controls: profile {results[0].profile}"
    used, shown = _used(pictures, rotated), found.numbers()
    below = (*unfit_notes(used), *leaks(shown), made_from(used, shown), USE)
    return Document(title, warning(results), tables, below)


def _used(*found: Sequence[Worth] | Sequence[Turned]) -> list[Result]:
    """Results of the policies shown, each once."""
    return list({result.key: result for some in found for one in some for result in one.results}.values())


UNTRAINED = "zero-shot"
_READING = (
    "A control sees no picture and asks no model (docs/controls.md); Zero-Shot is the untrained model. A method that "
    "is not above all of them has not been shown to see."
)


def untrained_report(results: Sequence[Result], numbers: paper.PaperNumbers | None = None) -> Document:
    """Controls and the untrained model, by benchmark and by anatomy or question type.

    Raises:
        AnatomyR1Error: when no control ran.
    """
    kept = [result for result in results if _is_control(result) or result.method == UNTRAINED]
    kept = [result for result in kept if result.arm == MATCHED and not is_view(result.method)]
    if not any(_is_control(result) for result in kept):
        raise AnatomyR1Error("no control ran. Run `tox -e reproduce-table1` with --methods control-majority")
    found = by_key(scores(kept))
    shown, known = benchmarks(found), marks(kept)
    blocks: list[Block] = [
        accuracy_block(found, numbers or paper.load(), model, row_names(found, model), shown, table=1, marks=known)
        for model in models(found)
    ]
    title = "Controls beside the untrained model, in percent"
    table = Table("untrained", title, "Row", accuracy_columns(shown), tuple(blocks), (_READING,))
    below = (*unfit_notes(kept), *notes(kept, found.values(), 1))
    title = f"Anatomy-R1, controls: profile {results[0].profile}"
    return Document(title, warning(kept), (table, categories_table(found, known)), below)


def _is_control(result: Result) -> bool:
    return result.method in CONTROLS or result.method.startswith("control-")
