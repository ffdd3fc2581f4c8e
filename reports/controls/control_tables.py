"""The tables of the controls: a row a policy, beside it what it scores under other views."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from anatomy_r1.evaluation.views import NO_IMAGE, PLAIN, VIEWS, WRONG_IMAGE, row_name
from anatomy_r1.question import LETTERS
from anatomy_r1.results.store import Result
from anatomy_r1.scoring.intervals import Interval, SeededInterval
from anatomy_r1.tables.table import MISSING, Block, Cell, Row, Table
from reports.controls.image_ablation import Worth
from reports.controls.rotations import Turned
from reports.scores.caveats import Marks, marked
from reports.scores.names import method_title, model_title
from reports.scores.rows import benchmarks, columns, models, row_names
from reports.scores.scores import ALL, AVG, Group, Score, score_of
from reports.tables.accuracy import bounds, signed

_PICTURE = (
    "Avg@5, in percent, over the seeds under which all of these views ran. wrong image: that of a question of another "
    "video, slide, patient or image. Differences are paired, in points [95 % cluster-robust t interval]. The verdict "
    "is on real minus wrong, by the rule of docs/statistics.md: sign-flip test over clusters, Holm over all policies "
    "of this table as one family, not declared before the run. MDD: minimum detectable difference at 80 % power. "
    "A wrong image misleads a policy that looks, and now and then shows the right answer: that difference says "
    "whether the image is used, not what it is worth alone. A policy that never saw a prompt without an image may fail "
    "at that: real minus none has no test. Controls without a model stand where they belong: they see no image."
)
_ROTATED = (
    "Every question with its options in every cyclic order. over rotations: Avg@5, a question's rotations averaged "
    "first. all right: right under every rotation, by the greedy response (CircularEval, arXiv:2307.06281) and by the "
    "majority of the five (ours). moved: half the sum of the absolute excesses of the next table (ours). RStd: the "
    "standard deviation of its recalls (arXiv:2309.03882). Both are above zero by chance alone; the last column goes "
    "by intervals of the excess that hold together at 95 % (Bonferroni over letters; ours)."
)
_LETTER = (
    "Over all rotations, in which each letter is right equally often. excess: share of the readable answers that chose "
    "the letter minus the share to which it was right, in points (ours). recall: of the answers to questions with the "
    "right option there, unreadable ones included, the share that is right."
)
_NO_IMAGE = "no image"
Found = TypeVar("Found", Worth, Turned)


def _table(
    found: Sequence[Found],
    cells: Callable[[Found], Sequence[Cell]],
    flagged: Marks,
    *,
    name: str,
    title: str,
    titles: Sequence[str],
    note: str,
    others: Sequence[Score] = (),
) -> Table:
    """A row a policy and a group of columns a benchmark; `others`: rows with nothing but one score, at its place."""
    by_policy: dict[Group, Found] = {one.policy: one for one in found}
    alone: dict[Group, Score] = {score.group: score for score in others}
    keys = [(group, "", "") for group in (*by_policy, *alone)]
    shown = benchmarks(keys, always=())

    def of(group: Group) -> Sequence[Cell]:
        if group in by_policy:
            return cells(by_policy[group])
        return [_score(alone.get(group)) if title == _NO_IMAGE else Cell() for title in titles]

    def title_of(model: str, method: str, arm: str) -> str:
        groups = [Group(b, model, row_name(method, view), arm) for b in shown for view in VIEWS]
        return marked(method_title(method, arm), groups, flagged)

    blocks = tuple(
        Block(
            model_title(model, paper_beside=False),
            tuple(
                Row(title_of(model, *pair), tuple(c for b in shown for c in of(Group(b, model, *pair))))
                for pair in row_names(keys, model)
            ),
        )
        for model in models(keys)
    )
    return Table(name, title, "Policy", columns(shown, titles), blocks, (note,))


def picture_table(found: Sequence[Worth], without_model: Sequence[Score], flagged: Marks) -> Table:
    """What the picture is worth to each policy, and what controls without a model score without any."""
    titles = (
        *("real image", _NO_IMAGE, "wrong image", "real minus none", "real minus wrong"),
        *("p (Holm)", "MDD", "seeds", "verdict"),
    )

    def cells(one: Worth) -> list[Cell]:
        wrong = one.differences.get(WRONG_IMAGE)
        p = f"{wrong.test.p:.4f}" if wrong and wrong.test else MISSING
        least = wrong.difference(AVG).detectable if wrong else None
        return [
            *(_score(one.scores.get(view)) for view in (PLAIN, NO_IMAGE, WRONG_IMAGE)),
            *(signed(one.difference(view)) for view in (NO_IMAGE, WRONG_IMAGE)),
            Cell(p),
            Cell(MISSING if least is None else f"{100 * least:.2f}"),
            Cell(_seeds(one.results)),
            Cell(one.words or MISSING),
        ]

    where = {(one.policy.benchmark, one.policy.model) for one in found}
    others = [score for score in without_model if (score.group.benchmark, score.group.model) in where]
    title = "What the picture is worth: Avg@5 with the real, no and a wrong image, in percent"
    return _table(found, cells, flagged, name="picture", title=title, titles=titles, note=_PICTURE, others=others)


def rotation_table(found: Sequence[Turned], flagged: Marks) -> Table:
    """Mean and worst case over rotations, and position bias in a word."""
    titles = (
        *("as given", "over rotations", "minus as given", "all right, greedy", "all right, Major@5"),
        *("moved", "RStd", "seeds", "position bias"),
    )

    def cells(one: Turned) -> list[Cell]:
        shares = (one.bias.moved, one.bias.recall_sd) if one.bias else ()
        numbers = [Cell(f"{100 * share:.2f}") for share in shares] or [Cell(), Cell()]
        scored = [_score(one.given), _score(one.average), signed(one.change), *map(_score, one.all_right.values())]
        return [*scored, *numbers, Cell(_seeds(one.results)), Cell(one.bias.preferred if one.bias else MISSING)]

    title = "Options rotated: mean and worst case over rotations, in percent, and position bias"
    return _table(found, cells, flagged, name="rotations", title=title, titles=titles, note=_ROTATED)


def letter_table(found: Sequence[Turned], flagged: Marks) -> Table:
    """Position bias letter by letter."""
    count = max((len(one.bias.letters) for one in found if one.bias), default=0)
    titles = [f"{letter} {what}" for letter in LETTERS[:count] for what in ("excess", "recall")]

    def cells(one: Turned) -> list[Cell]:
        letters = one.bias.letters if one.bias else ()
        pairs = [(signed(_number(one, of.excess)), _score(_number(one, of.recall))) for of in letters]
        known = [cell for pair in pairs for cell in pair]
        return [*known, *([Cell()] * (len(titles) - len(known)))]

    title = "By letter: answers beyond those that are right there, in points, and recall, in percent"
    return _table(found, cells, flagged, name="letters", title=title, titles=titles, note=_LETTER)


def _seeds(results: Sequence[Result]) -> str:
    return str(len({result.seed for result in results}))


def _score(score: Score | None) -> Cell:
    return Cell(score.shown(), bounds(score, 2)) if score else Cell()


def _number(of: Turned, interval: Interval | None) -> Score | None:
    if interval is None:
        return None
    return score_of(of.average.group, "", ALL, SeededInterval(interval, of.seeds, None), of.leaks)
