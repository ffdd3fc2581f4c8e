"""The released files' wording: are the methods' files worded alike, and what does the wording alone give away?"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from scipy.stats import chi2_contingency

from anatomy_r1.data.stems import FAMILIES, parse_stem
from anatomy_r1.evaluation.blind_controls import correct, naive_bayes, out_of_fold
from anatomy_r1.question import Question
from anatomy_r1.scoring.intervals import Interval, cluster_interval
from anatomy_r1.tables.table import prose_table, with_interval
from reports.audit.finding import Check, Finding, of_p
from reports.audit.released import Released

FORMS = tuple(f"{family}, {form}" for family in (*FAMILIES, "other") for form in ("what", "there"))
"""Family and surface form: a plain question, or "There is ...; what is it?"."""


def forms(file: Released) -> Counter[str]:
    """Questions by family and form."""
    stems = (parse_stem(question.stem) for question in file.questions)
    return Counter(f"{stem.family}, {stem.form}" for stem in stems)


def check_templates(files: Sequence[Released]) -> Check:
    """Do the methods' files ask the same kinds of questions?"""
    counts = {file.name: forms(file) for file in files}
    shown = [kind for kind in FORMS if any(of[kind] for of in counts.values())]
    table = [[of[kind] for kind in shown] for of in counts.values()]
    test = chi2_contingency(table) if len(table) > 1 and len(shown) > 1 else None
    p, statistic = (float(test.pvalue), float(test.statistic)) if test else (1.0, 0.0)
    strength = of_p(p)
    rows = tuple((kind, *(str(of[kind]) for of in counts.values())) for kind in shown)
    finding = Finding(
        id="released-templates.differ",
        title="The methods' files ask different kinds of questions",
        test="Chi-square test of template family and surface form by file.",
        figure=f"chi-square {statistic:.0f}, p = {p:.1e}. {_alone(counts)}",
        strength=strength or "suggestive",
        limits="Whether the test questions also have these forms. Other forms may be part of a method that "
        "rewrites questions; these files cannot tell the two apart.",
        question="Are the added forms the method's rewrites, and were the other methods given them too?",
    )
    return Check(
        id="released-templates",
        title="Released files: template families and surface forms",
        looked_at=f"{sum(len(file.records) for file in files):,} questions, by family and form",
        findings=(finding,) if strength else (),
        tables=(prose_table("Questions by family and form", ("family, form", *counts), rows),),
    )


def _alone(counts: dict[str, Counter[str]]) -> str:
    """How many questions of each file have a form that no other file has."""
    told = []
    for name, of in counts.items():
        others = {kind for other, found in counts.items() if other != name for kind in found}
        if alone := sum(count for kind, count in of.items() if kind not in others):
            told.append(f"{alone} of {of.total():,} questions of {name} have a form that no other file has.")
    return " ".join(told) or "Every form occurs in several files."


def check_prompts(files: Sequence[Released]) -> Check:
    """Do all files use the same prompt wordings?"""
    wordings = {file.name: Counter(record.wording for record in file.records) for file in files}
    rows = tuple(
        (name, ", ".join(f"{key} {count:,}" for key, count in sorted(of.items()))) for name, of in wordings.items()
    )
    apart = len({frozenset(of) for of in wordings.values()}) > 1
    finding = Finding(
        id="released-prompts.differ",
        title="The methods' prompts differ",
        test="Each prompt rebuilt from the wordings in the release (anatomy_r1/prompts.py), by file.",
        figure="; ".join(f"{name}: {text}" for name, text in rows) + ". (choice: asks for the letter; answer: for the "
        "answer; mixed: for the letter in the instruction, for the answer in the form.)",
        strength="counted",
        limits="How much of a gain is due to the prompt: a prompt that matches the reward may do much or nothing.",
        question="Were the methods of Table 1 trained with these different prompts, and tested with one?",
    )
    return Check(
        id="released-prompts",
        title="Released files: wording of the prompts",
        looked_at=f"{len(files)} files",
        findings=(finding,) if apart else (),
        tables=(prose_table("Wordings", ("file", "wording and records"), rows),),
    )


LEAST = 10
"""Fewest questions with a colour for it to count (our choice)."""


def colours(questions: Iterable[Question]) -> dict[str, Counter[str]]:
    """Colour of the object asked for -> counts of its answers."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for question in questions:
        if colour := parse_stem(question.stem).target.colour:
            found[colour][question.answer] += 1
    return dict(sorted(found.items()))


def check_colour(files: Sequence[Released]) -> Check:
    """Colours over all files together."""
    found = colours(question for file in files for question in file.questions)
    fixed = {c: of for c, of in found.items() if len(of) == 1 and of.total() >= LEAST}
    rows = tuple((c, ", ".join(f"{name} {count}" for name, count in of.most_common())) for c, of in found.items())
    asked = sum(of.total() for of in found.values())
    return Check(
        id="released-colour",
        title="Released files: does a colour in the question give the answer away?",
        looked_at=f"{asked:,} questions that name the colour of what they ask for",
        findings=(_fixed(fixed, asked),) if fixed else (),
        tables=(prose_table("Answers by colour", ("colour", "answers"), rows),),
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
    right = correct(questions, out_of_fold(naive_bayes, questions))
    return cluster_interval([float(one) for one in right], [question.cluster for question in questions])


def chance_level(questions: Sequence[Question]) -> float:
    """Accuracy of guessing."""
    return sum(1 / len(question.options) for question in questions) / len(questions)


def check_text(files: Sequence[Released]) -> Check:
    """Accuracy without the image, compared with guessing."""
    found = {file.name: (without_picture(file.questions), chance_level(file.questions)) for file in files}
    above = {name: one for name, one in found.items() if one[0].low is not None and one[0].low > one[1]}
    rows = tuple(
        (name, _percent(of), "" if of.se is None else f"{100 * of.se:.2f}", f"{100 * chance:.1f}", str(of.clusters))
        for name, (of, chance) in found.items()
    )
    return Check(
        id="released-text",
        title="Released files: how far does a guess without the image get?",
        looked_at=f"{sum(len(file.records) for file in files):,} questions in {len(files)} files",
        findings=(_above_chance(above),) if above else (),
        tables=(prose_table("Without the image", ("file", "right, percent", "SE", "guessing", "videos"), rows),),
    )


def _above_chance(above: Mapping[str, tuple[Interval, float]]) -> Finding:
    listed = "; ".join(f"{name}: {_percent(of)}" for name, (of, _) in above.items())
    return Finding(
        id="released-text.above-chance",
        title="The wording alone answers far more questions than guessing",
        test="Naive Bayes over the words of the question, no image, in folds that share no video (docs/controls.md).",
        figure=f"Right, percent [95 % cluster-robust interval]: {listed}; guessing: "
        f"{100 * max(chance for _, chance in above.values()):.1f}.",
        strength="strong",
        limits="What a policy does. These are training questions, so the paper's test numbers cannot be compared with "
        "them; this one classifier is a lower bound on what the wording gives away, not an upper bound.",
        question="What does each method score when the image is left out or swapped?",
    )


def _percent(of: Interval) -> str:
    low, high = (None if bound is None else 100 * bound for bound in (of.low, of.high))
    return with_interval(100 * of.mean, low, high)
