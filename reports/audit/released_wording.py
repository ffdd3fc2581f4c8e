"""What the released questions' wording gives away: a colour that fixes the answer, and a guess without a picture."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from anatomy_r1.data.stems import parse_stem
from anatomy_r1.evaluation.blind_controls import by_folds, correct, naive_bayes
from anatomy_r1.question import Question
from anatomy_r1.scoring.intervals import Interval, cluster_interval
from reports.audit.finding import Check, Finding
from reports.audit.released import Released
from reports.formats.page import Grid

LEAST = 10
"""Fewest questions with a colour before it counts. Ours."""


def colours(questions: Iterable[Question]) -> dict[str, Counter[str]]:
    """Colour of the thing asked for -> answers."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for question in questions:
        if colour := parse_stem(question.stem).target.colour:
            found[colour][question.answer] += 1
    return dict(sorted(found.items()))


def check_colour(files: Sequence[Released]) -> Check:
    """Over all files together."""
    found = colours(question for file in files for question in file.questions)
    fixed = {c: of for c, of in found.items() if len(of) == 1 and of.total() >= LEAST}
    rows = tuple((c, ", ".join(f"{name} {count}" for name, count in of.most_common())) for c, of in found.items())
    asked = sum(of.total() for of in found.values())
    return Check(
        id="released-colour",
        title="Released files: does a colour in the question give the answer away?",
        looked_at=f"{asked:,} questions that name the colour of what they ask for",
        findings=(_fixed(fixed, asked),) if fixed else (),
        grids=(Grid("Answers by colour", ("colour", "answers"), rows),),
    )


def _fixed(fixed: Mapping[str, Counter[str]], asked: int) -> Finding:
    listed = ", ".join(f"{c} is {next(iter(of))} in {of.total()} of {of.total()}" for c, of in fixed.items())
    return Finding(
        id="released-colour.fixed",
        title="A colour in the question fixes the answer",
        test="Questions that name the colour of the thing asked for: answers by colour.",
        figure=f"{listed}; {sum(of.total() for of in fixed.values())} of {asked} questions with a colour.",
        strength="counted",
        limits="That a policy learnt it. The colours are the data set's labels, not what is seen in a frame.",
        question="How do the methods compare on questions without a colour?",
    )


def without_picture(questions: Sequence[Question]) -> Interval:
    """Accuracy of naive Bayes over the words, in folds that share no video."""
    right = correct(questions, by_folds(naive_bayes, questions))
    return cluster_interval([float(one) for one in right], [question.cluster for question in questions])


def chance_level(questions: Sequence[Question]) -> float:
    """What guessing gives."""
    return sum(1 / len(question.options) for question in questions) / len(questions)


def check_text(files: Sequence[Released]) -> Check:
    """Against guessing."""
    found = {file.name: (without_picture(file.questions), chance_level(file.questions)) for file in files}
    above = {name: one for name, one in found.items() if one[0].low is not None and one[0].low > one[1]}
    rows = tuple(
        (name, _percent(of), "" if of.se is None else f"{100 * of.se:.2f}", f"{100 * chance:.1f}", str(of.clusters))
        for name, (of, chance) in found.items()
    )
    return Check(
        id="released-text",
        title="Released files: how far does a guess without a picture come?",
        looked_at=f"{sum(len(file.records) for file in files):,} questions in {len(files)} files",
        findings=(_above_chance(above),) if above else (),
        grids=(Grid("Without a picture", ("file", "right, percent", "SE", "guessing", "videos"), rows),),
    )


def _above_chance(above: Mapping[str, tuple[Interval, float]]) -> Finding:
    listed = "; ".join(f"{name}: {_percent(of)}" for name, (of, _) in above.items())
    return Finding(
        id="released-text.above-chance",
        title="The wording alone answers far more questions than guessing",
        test="Naive Bayes over the words of the question, no picture, in folds that share no video (docs/controls.md).",
        figure=f"Right, percent [95 % cluster-robust interval]: {listed}; guessing: "
        f"{100 * max(chance for _, chance in above.values()):.1f}.",
        strength="strong",
        limits="What a policy does. These are training questions, so the paper's test numbers cannot be set against "
        "them; this one classifier is a floor of what the wording gives away, not a ceiling.",
        question="What does each method score when the picture is left out or swapped?",
    )


def _percent(of: Interval) -> str:
    if of.low is None or of.high is None:
        return f"{100 * of.mean:.2f} [no interval]"
    return f"{100 * of.mean:.2f} [{100 * of.low:.2f}, {100 * of.high:.2f}]"
