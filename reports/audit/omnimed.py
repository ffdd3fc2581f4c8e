"""OmniMedVQA's microscopy questions: how far the texts alone get, and what the paper's scores on them can then show.

The paper's own questions are not public. Those looked at are the two split files of Med-R1, which have questions,
options and answers, but no images. The paper's scores are compared with the questions of four options: we infer that
the paper used such (docs/audit.md).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from scipy.stats import t as student_t

from anatomy_r1.data.leakage.sides import read_questions
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.evaluation.blind_ceiling import (
    ANSWERERS,
    DRAWS,
    BlindCeiling,
    TextCounts,
    blind_ceiling,
    percent,
    text_counts,
)
from anatomy_r1.evaluation.blind_controls import correct
from anatomy_r1.question import Question
from anatomy_r1.scoring.intervals import Interval, cluster_interval
from anatomy_r1.tables.table import Table, prose_table
from reports.audit.paper import PaperCell, PaperCells
from reports.audit.report import Check, Finding, Strength, of_p

TRAIN, TEST = "micro_train.json", "micro_test.json"
SKIPPED = f"Med-R1's split files of OmniMedVQA were not given (--omnimed-splits DIR, with {TRAIN} and {TEST})"
ID, TITLE = "omnimed-text", "OmniMedVQA, public split files: how far does a guess without the image get?"
ABOVE_CHANCE, ABOVE_PAPER = f"{ID}.above-chance", f"{ID}.above-paper"
"""Ids of the two findings."""
BENCHMARK = "omnimed_mi"
OPTIONS = 4
"""Of the paper's questions; inferred, like their number (`grim`)."""
COUNTED = "option-count"
"""The plainest of the rules: it only counts. Its curve stands in the finding."""

Questions = Sequence[Question]


@dataclass(frozen=True, eq=False)
class Splits:
    """The two files."""

    train: Questions
    test: Questions


def load(folder: Path) -> Splits:
    """Read the two files; AnatomyR1Error where one is missing or is not such a file."""
    paths = [folder / name for name in (TRAIN, TEST)]
    if missing := [path.name for path in paths if not path.is_file()]:
        raise AnatomyR1Error(f"{folder}: no {' and no '.join(missing)} in it. Fix: name the folder that has both")
    return Splits(*(read_questions([path]) for path in paths))


@dataclass(frozen=True, eq=False)
class Measured:
    """What the texts give away."""

    ceiling: BlindCeiling
    """Of the test questions with four options."""
    parts: Mapping[str, Questions]
    """Heading -> test questions: all, those with four options, of these those whose image is not in training."""
    right: Mapping[str, Mapping[str, Interval]]
    """Rule -> heading -> accuracy, learnt from all training questions."""
    counts: Mapping[str, TextCounts]
    """Heading -> counts: all questions, and those with four options on both sides."""


def measure(splits: Splits) -> Measured:
    """Every number of the check. Both sides need questions with four options, and training several clusters."""
    four, known = _four(splits.test), {question.image for question in splits.train}
    if not four or not (train_four := _four(splits.train)):
        raise AnatomyR1Error(f"{TRAIN} or {TEST}: no question with {OPTIONS} options. Fix: fetch the files again")
    parts = {"all": splits.test, "four options": four}
    parts["four options, image not in training"] = [question for question in four if question.image not in known]
    parts = {name: asked for name, asked in parts.items() if asked}
    right = {
        name: {part: _interval(asked, rule(splits.train, asked)) for part, asked in parts.items()}
        for name, rule in ANSWERERS.items()
    }
    counts = {"all": text_counts(splits.train, splits.test), "four options": text_counts(train_four, four)}
    return Measured(blind_ceiling(splits.train, four), parts, right, counts)


def _four(questions: Questions) -> list[Question]:
    return [question for question in questions if len(question.options) == OPTIONS]


def _interval(asked: Questions, letters: Sequence[str]) -> Interval:
    return cluster_interval(correct(asked, letters), [question.cluster for question in asked])


def check(splits: Splits | None, cells: PaperCells) -> Check:
    """The check; skipped without the files."""
    if splits is None:
        return Check(ID, TITLE, "the split files", skipped=SKIPPED)
    found = measure(splits)
    examined = (
        f"{len(splits.train):,} training and {len(splits.test):,} test questions on microscopy, as Med-R1 split them; "
        f"{len(found.parts['four options']):,} of the test questions have {OPTIONS} options"
    )
    strength = of_p(p_of_chance(found.ceiling.ceiling, found.ceiling.chance))
    best = max((cell for cell in cells if cell.benchmark == BENCHMARK), key=lambda one: one.hundredths, default=None)
    findings = []
    if strength:
        findings.append(_above_chance(found, strength))
    if best and strength and (found.ceiling.ceiling.low or 0) > best.hundredths / 10_000:
        findings.append(_above_paper(found, best, sum(cell.benchmark == BENCHMARK for cell in cells)))
    return Check(ID, TITLE, examined, tuple(findings), tuple(_tables(found)))


def p_of_chance(accuracy: Interval, chance: float) -> float:
    """Two-sided p value that an accuracy is `chance`, given its interval; 1 where it is not above it, or has none."""
    if accuracy.mean <= chance or accuracy.se is None:
        return 1.0
    if accuracy.degenerate:  # no cluster deviates: at the least, one question of each was guessed
        return chance**accuracy.clusters if accuracy.mean == 1 else 1.0
    return float(2 * student_t.sf((accuracy.mean - chance) / accuracy.se, accuracy.clusters - 1))


def _above_chance(found: Measured, strength: Strength) -> Finding:
    of, part = found.counts["four options"], "four options"
    means = sorted(score.accuracy.mean for score in found.ceiling.scores.values())
    rules = ", ".join(f"{name} {percent(score.accuracy)}" for name, score in found.ceiling.scores.items())
    return Finding(
        id=ABOVE_CHANCE,
        title=f"Rules that never see an image answer {100 * means[0]:.1f} to {100 * means[-1]:.1f} % of OmniMedVQA's "
        f"microscopy questions; guessing answers {100 * found.ceiling.chance:.1f} %",
        test="Four rules learn from the texts of the training questions and answer the test questions with four "
        "options, without any image (docs/blind.md). Intervals are cluster-robust. How strong this is comes from the p "
        "value of the rule that is best in training, against guessing.",
        figure=f"Right, percent [95 %], of {len(found.parts[part]):,} questions: {rules}.{_unseen(found)} "
        f"{_curve(found)}Why: of {of.options:,} option texts in training questions with four options, "
        f"{of.never_right:,} are never right; in {of.given_away:,} of the {of.test_questions:,} test questions "
        f"({100 * of.given_away / of.test_questions:.1f} %) no distractor is ever right in training.",
        strength=strength,
        limits="That any model did this: that a rule can does not show that a model did. A model that was not trained "
        "on such questions has not seen which texts are right. The split is that of Med-R1, and only the microscopy "
        "questions were looked at. A model without its image was not asked.",
        question="To the authors of OmniMedVQA: how were the distractors chosen, and could they be texts that are "
        "right for other questions of the same kind?",
    )


def _unseen(found: Measured) -> str:
    part = "four options, image not in training"
    if part not in found.parts:
        return ""
    rule, best = found.right[COUNTED][part], found.right[found.ceiling.best][part]
    return (
        f" Of the {rule.n:,} whose image is not in training: {COUNTED} {percent(rule)}, {found.ceiling.best} "
        f"{percent(best)}."
    )


def _curve(found: Measured) -> str:
    """The first point of the curve of the plainest rule; empty where training is smaller."""
    (size, mean), *rest = found.ceiling.scores[COUNTED].curve.items()
    if not rest:
        return ""
    return f"After {size} training questions, {COUNTED} is right in {100 * mean:.1f} % (mean of {DRAWS} random draws). "


def _above_paper(found: Measured, best: PaperCell, cells: int) -> Finding:
    ceiling = found.ceiling
    return Finding(
        id=ABOVE_PAPER,
        title=f"The paper's scores on OmniMedVQA, at most {best.shown} %, are below what the texts of public questions "
        "of this kind allow",
        test="The highest of the paper's cells on OmniMedVQA against the rule that is best in training. Assumption of "
        f"ours: the paper's questions are like these, microscopy questions with {OPTIONS} options, and its methods "
        "were trained on others of them.",
        figure=f"Highest of {cells} cells: {best.name}, {best.shown}. {ceiling.best}, without an image: "
        f"{percent(ceiling.ceiling)}.{_passes(found, best)}",
        strength="suggestive",
        limits="That the paper's models used the texts, that they did not use the images, or that a score is wrong. "
        "The paper's questions and its split are not public and may differ from these; rule and paper were not "
        "compared on the same questions. A model that had learnt all that the texts give away would score higher than "
        "the paper's. By the paper, its zero-shot models were not trained on such questions.",
        question="To the authors of the paper: which questions are the training and the test set, and what does each "
        "method score on them without the image, with another image, and where the distractors are right for other "
        "questions?",
    )


def _passes(found: Measured, best: PaperCell) -> str:
    """The first point of the curve of the plainest rule that is above a cell."""
    curve = found.ceiling.scores[COUNTED].curve
    size = next((size for size, mean in curve.items() if mean > best.hundredths / 10_000), None)
    return f" {COUNTED} is above it after {size:,} training questions ({100 * curve[size]:.1f})." if size else ""


def _tables(found: Measured) -> list[Table]:
    rows = [(name, *(percent(of) for of in by_part.values())) for name, by_part in found.right.items()]
    asked = [f"{name} ({len(questions):,})" for name, questions in found.parts.items()]
    guess = (sum(1 / len(q.options) for q in questions) / len(questions) for questions in found.parts.values())
    rows.append(("guessing", *(f"{100 * one:.1f}" for one in guess)))
    sizes = list(found.ceiling.scores[COUNTED].curve)
    curves = ((n, *(f"{100 * s.curve[size]:.1f}" for size in sizes)) for n, s in found.ceiling.scores.items())
    counted = (
        ("option texts in training", *(f"{of.options:,}" for of in found.counts.values())),
        ("of these never right", *(f"{of.never_right:,}" for of in found.counts.values())),
        ("test questions", *(f"{of.test_questions:,}" for of in found.counts.values())),
        ("of these without a distractor that is ever right", *(f"{of.given_away:,}" for of in found.counts.values())),
    )
    note = "Learnt from all training questions; 95 % cluster-robust intervals."
    drawn = f"Of the test questions with four options; the mean of {DRAWS} random draws, in the last column all."
    return [
        prose_table("Right without the image, percent of the test questions", ("rule", *asked), rows, note),
        prose_table(
            "Right after fewer training questions, percent", ("rule", *(f"{n:,}" for n in sizes)), curves, drawn
        ),
        prose_table(
            "What the option texts give away",
            ("", *found.counts),
            counted,
            "In each column, of questions of that kind on both sides.",
        ),
    ]
