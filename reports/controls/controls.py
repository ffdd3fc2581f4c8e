"""The report of the control experiments: what the image is worth to each policy, and whether it prefers letters.

The policies under another view (`anatomy_r1/evaluation/views.py`) are measured in `views`; how to read the tables:
docs/controls.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from anatomy_r1.comparison.cells import p_text
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.evaluation.views import NO_IMAGE, PLAIN, VIEWS, WRONG_IMAGE, row_name
from anatomy_r1.question import LETTERS
from anatomy_r1.results.store import Result
from anatomy_r1.tables.table import MISSING, Cell, Document, Table
from reports.controls.views import ImageAblation, OptionRotation, image_ablations, option_rotations
from reports.scores.blind import blind_notes
from reports.scores.names import CONTROLS
from reports.scores.notes import USE, Marks, leakage_notes, made_from, marked, marks, unfit_notes, warning
from reports.scores.scores import ALL, AVG, Score, SystemKey, check_one_profile, scores, several_bases
from reports.tables import TableExport
from reports.tables.rows import RowName, benchmarks, columns, difference_cell, model_blocks, score_cell

_EMPTY = (
    "no policy under another view. Run `python -m baselines run --methods grpo --views no-image wrong-image rotations` "
    "first"
)
_IMAGE = (
    "Avg@5, in percent, over the seeds under which all of these views ran. wrong image: that of a question of another "
    "video, slide, patient or image. Differences are paired, in points [95 % cluster-robust t interval]. The verdict "
    "is on real minus wrong, by the rule of docs/statistics.md: sign-flip test over clusters, Holm over all policies "
    "of this table as one family, not declared before the run. MDD: minimum detectable difference at 80 % power. "
    "A wrong image misleads a policy that uses images and sometimes shows the right answer: that difference says "
    "whether the image is used, not what it is worth by itself. A policy that never saw a prompt without an image may "
    "fail for that reason alone: real minus none is not tested. Controls without a model see no image and are listed "
    "under it."
)
_ROTATIONS = (
    "Every question with its options in every cyclic order. over rotations: Avg@5, first averaged over a question's "
    "rotations. all right: right under every rotation, by the greedy response (CircularEval, arXiv:2307.06281) and by "
    "the majority of the five (ours). moved: half the sum of the absolute excesses of the next table (ours). RStd: the "
    "standard deviation of its recalls (arXiv:2309.03882). Both are above zero by chance alone; the last column uses "
    "simultaneous 95 % intervals of the excess (Bonferroni over letters; ours)."
)
_LETTERS = (
    "Over all rotations, in which each letter is right equally often. excess: share of the readable answers that chose "
    "the letter minus the share for which it was right, in points (ours). recall: of the answers to questions whose "
    "right option has that letter, including unreadable ones, the share that is right."
)
_NO_IMAGE = "no image"
Measured = TypeVar("Measured", ImageAblation, OptionRotation)


def export(results: Sequence[Result]) -> TableExport:
    """The controls as they are written; fails as `controls`."""
    check_one_profile(results)
    ablations, rotations = image_ablations(results), option_rotations(results)
    controls_shown = [result for result in results if result.method in CONTROLS]
    of_controls = scores(controls_shown)
    without_image = [score for score in of_controls if (score.metric, score.category) == (AVG, ALL)]
    if not ablations and not rotations:
        raise AnatomyR1Error(_EMPTY)
    known = marks(results)
    tables = (
        *([_image_table(ablations, without_image, known)] if ablations else []),
        *([_rotation_table(rotations, known), _letter_table(rotations, known)] if rotations else []),
    )
    measured: list[ImageAblation | OptionRotation] = [*ablations, *rotations]
    used = list({result.key: result for one in measured for result in one.results}.values())
    shown = [*(score for one in measured for score in one.all_scores()), *without_image]
    title = f"Anatomy-R1, controls: profile {results[0].profile}"
    meant = (*leakage_notes(shown), *blind_notes([*used, *controls_shown], shown))
    below = (*unfit_notes(used), *meant, made_from(used, shown), USE)
    return TableExport(Document(title, warning(results), tables, below), shown)


def controls(results: Sequence[Result]) -> Document:
    """The tables of controls for which there are results, from the results of one profile; pure.

    Raises:
        AnatomyR1Error: when no policy ran under another view, or the results do not belong together.
    """
    return export(results).report


def _table(
    name: str,
    title: str,
    titles: Sequence[str],
    cells: Callable[[Measured], Sequence[Cell]],
    found: Sequence[Measured],
    *,
    known: Marks,
    note: str,
    without_image: Sequence[Score] = (),
) -> Table:
    """A row for each policy, and for each control in `without_image`, which has a score under no image alone."""
    by_policy: dict[SystemKey, Measured] = {one.policy: one for one in found}
    alone: dict[SystemKey, Score] = {score.system: score for score in without_image}
    keys = [(system, "", "") for system in (*by_policy, *alone)]
    shown = benchmarks(keys)

    def marks_of(system: SystemKey) -> str:
        """Those of all views of a policy on all benchmarks, since its row shows them."""
        views = [row_name(system.method, view) for view in VIEWS]
        return marked("", (SystemKey(name, system.model, view, system.arm) for name in shown for view in views), known)

    def of_row(model: str, method_and_arm: RowName) -> Iterator[Cell]:
        for system in (SystemKey(benchmark, model, *method_and_arm) for benchmark in shown):
            if system in by_policy:
                yield from cells(by_policy[system])
            else:
                yield from (score_cell(alone.get(system)) if title == _NO_IMAGE else Cell() for title in titles)

    row_marks = {system: marks_of(system) for system, _, _ in keys}
    return Table(name, title, "Policy", columns(shown, titles), model_blocks(keys, of_row, row_marks), (note,))


def _image_table(found: Sequence[ImageAblation], without_image: Sequence[Score], known: Marks) -> Table:
    """What the image is worth to each policy, and what controls without a model score without any."""

    def cells(one: ImageAblation) -> list[Cell]:
        wrong = one.comparisons.get(WRONG_IMAGE)
        detectable = wrong.difference(AVG).detectable if wrong else None
        return [
            *(score_cell(one.scores.get(view)) for view in (PLAIN, NO_IMAGE, WRONG_IMAGE)),
            *(difference_cell(one.difference(view)) for view in (NO_IMAGE, WRONG_IMAGE)),
            Cell(p_text(wrong.test.p) if wrong and wrong.test else MISSING),
            Cell(MISSING if detectable is None else f"{100 * detectable:.2f}"),
            Cell(str(one.seeds)),
            Cell(one.verdict or MISSING),
        ]

    places = {(one.policy.benchmark, one.policy.model) for one in found}
    return _table(
        "picture",
        "What the image is worth: Avg@5 with the real, no and a wrong image, in percent",
        (
            *("real image", _NO_IMAGE, "wrong image", "real minus none", "real minus wrong"),
            *("p (Holm)", "MDD", _counted(score for one in found for score in one.scores.values()), "verdict"),
        ),
        cells,
        found,
        known=known,
        note=_IMAGE,
        without_image=[one for one in without_image if (one.system.benchmark, one.system.model) in places],
    )


def _counted(shown: Iterable[Score]) -> str:
    """What the column of counts counts: a run is a base under a seed."""
    return "runs" if several_bases(shown) else "seeds"


def _rotation_table(found: Sequence[OptionRotation], known: Marks) -> Table:
    """Mean and worst case over rotations, and position bias as a verdict."""

    def cells(one: OptionRotation) -> list[Cell]:
        return [
            *(score_cell(one.given), score_cell(one.average), difference_cell(one.change)),
            *map(score_cell, one.all_right.values()),
            Cell(f"{100 * one.bias.moved:.2f}" if one.bias else MISSING),
            Cell(f"{100 * one.bias.recall_sd:.2f}" if one.bias else MISSING),
            Cell(str(one.seeds)),
            Cell(one.bias.preferred if one.bias else MISSING),
        ]

    return _table(
        "rotations",
        "Option rotations: mean and worst case, in percent, and position bias",
        (
            *("as given", "over rotations", "minus as given", "all right, greedy", "all right, Major@5"),
            *("moved", "RStd", _counted(one.average for one in found), "position bias"),
        ),
        cells,
        found,
        known=known,
        note=_ROTATIONS,
    )


def _letter_table(found: Sequence[OptionRotation], known: Marks) -> Table:
    """Position bias letter by letter."""
    count = max((len(one.bias.letters) for one in found if one.bias), default=0)

    def cells(one: OptionRotation) -> list[Cell]:
        pairs = one.letter_scores()
        known_cells = [cell for excess, recall in pairs for cell in (difference_cell(excess), score_cell(recall))]
        return [*known_cells, *([Cell()] * (2 * count - len(known_cells)))]

    return _table(
        "letters",
        "By letter: excess of answers over right options, in points, and recall, in percent",
        [f"{letter} {what}" for letter in LETTERS[:count] for what in ("excess", "recall")],
        cells,
        found,
        known=known,
        note=_LETTERS,
    )
