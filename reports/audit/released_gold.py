"""Questions that stand twice in the released files, and questions with more than one gold answer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from anatomy_r1.question import Question
from reports.audit.finding import Check, Finding
from reports.audit.released import Released
from reports.formats.page import Grid


def repeated(questions: Iterable[Question]) -> int:
    """Records beyond the first of each image and stem."""
    known = [(question.image, question.stem) for question in questions]
    return len(known) - len(set(known))


def conflicting(questions: Iterable[Question]) -> list[tuple[str, str]]:
    """Pairs of image and stem with more than one gold answer, sorted."""
    answers: dict[tuple[str, str], set[str]] = defaultdict(set)
    for question in questions:
        answers[question.image, question.stem].add(question.answer)
    return sorted(key for key, found in answers.items() if len(found) > 1)


def check(files: Sequence[Released]) -> Check:
    """Within each file and over all."""
    twice = {file.name: repeated(file.questions) for file in files}
    within = {file.name: conflicting(file.questions) for file in files}
    all_ = conflicting(question for file in files for question in file.questions)
    rows = tuple((file.name, str(twice[file.name]), str(len(within[file.name]))) for file in files)
    return Check(
        id="released-gold",
        title="Released files: repeated questions and conflicting gold answers",
        looked_at=f"{sum(len(file.records) for file in files):,} records by image and question",
        findings=(
            *([_repeats(twice)] if any(twice.values()) else []),
            *([_conflicts(all_, within)] if all_ else []),
        ),
        grids=(Grid("By file", ("file", "repeated records", "questions with several gold answers"), rows),),
    )


def _repeats(twice: dict[str, int]) -> Finding:
    listed = ", ".join(f"{count} in {name}" for name, count in twice.items() if count)
    return Finding(
        id="released-gold.repeated",
        title="Some questions stand twice in one file",
        test="Records with the image and the question of an earlier one.",
        figure=f"{listed}.",
        strength="counted",
        limits="Any effect: so few change little.",
        question="Are these meant to count twice?",
    )


def _conflicts(found: Sequence[tuple[str, str]], within: dict[str, list[tuple[str, str]]]) -> Finding:
    inside = ", ".join(f"{len(keys)} within {name}" for name, keys in within.items() if keys) or "none within a file"
    return Finding(
        id="released-gold.conflict",
        title=f"{len(found)} question{'s have' if len(found) > 1 else ' has'} more than one gold answer",
        test="The same image and question with different gold answers, within a file or across files.",
        figure=f"{len(found)} pairs of image and question, {inside}.",
        strength="counted",
        limits="How often several options are right where the question was drawn only once: that needs the scene "
        "graphs. Several structures can lie at one place, so neither answer need be wrong.",
        question="Were options that are right as well kept out of the distractors?",
    )
