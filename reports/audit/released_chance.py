"""What in the released files is beyond chance: tests with a p value, and how far a guess without the image gets.

Two tests ask whether the file of ASC-Learning holds what the method adds: distractors chosen by similarity, easy
questions first. Neither needs an encoder.

- Distractors: is every set of that size from the other options equally frequent? Any choice by similarity favours some.
- Order: is the position of a record independent of its answer and options, on which alone S(q) depends? Any order by
  S(q) moves some groups to the front.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from math import comb

from scipy.optimize import brentq
from scipy.stats import chi2, chi2_contingency, chisquare, kruskal, ncx2

from anatomy_r1.data.stems import FAMILIES, parse_stem
from anatomy_r1.evaluation.blind_controls import correct, naive_bayes, out_of_fold
from anatomy_r1.question import Question
from anatomy_r1.scoring.intervals import Interval, cluster_interval
from anatomy_r1.tables.table import prose_table, with_interval
from reports.audit.omnimed import p_of_chance
from reports.audit.released import ASC, Released, check_of
from reports.audit.report import Check, Finding, of_p

FORMS = tuple(f"{family}, {form}" for family in (*FAMILIES, "other") for form in ("what", "there"))
"""Family and surface form: a plain question, or "There is ...; what is it?"."""


@dataclass(frozen=True, slots=True)
class ChiSquare:
    """A chi-square statistic."""

    statistic: float
    freedom: int
    p: float

    def __str__(self) -> str:
        return f"chi-square {self.statistic:.1f}, {self.freedom} degrees of freedom, p = {self.p:.3g}"


def uniform(questions: Sequence[Question]) -> ChiSquare:
    """Test that every set of distractors is equally likely, for each answer."""
    names = {option for question in questions for option in question.options}
    sets: dict[tuple[str, int], Counter[frozenset[str]]] = defaultdict(Counter)
    for question in questions:
        others = frozenset(question.options) - {question.answer}
        sets[question.answer, len(others)][others] += 1
    statistic, freedom = 0.0, 0
    for (_, size), counts in sets.items():
        ways, total = comb(len(names) - 1, size), counts.total()
        mean = total / ways
        statistic += sum((count - mean) ** 2 / mean for count in counts.values()) + mean * (ways - len(counts))
        freedom += ways - 1
    return ChiSquare(statistic, freedom, float(chi2.sf(statistic, freedom)) if freedom else 1.0)


def ordered(questions: Sequence[Question]) -> ChiSquare:
    """Kruskal-Wallis test of a record's position by its answer and options."""
    places: dict[tuple[str, frozenset[str]], list[int]] = defaultdict(list)
    for place, question in enumerate(questions):
        places[question.answer, frozenset(question.options)].append(place)
    if len(places) < 2:
        return ChiSquare(0.0, 0, 1.0)
    found = kruskal(*places.values())
    return ChiSquare(float(found.statistic), len(places) - 1, float(found.pvalue))


def detectable_effect(n: int, freedom: int) -> float:
    """Cohen's w that a chi-square test of `n` questions detects with 80 % power at the 5 % level."""
    limit = chi2.ppf(0.95, freedom)
    noncentral = brentq(lambda x: ncx2.sf(limit, freedom, x) - 0.8, 1e-6, 1e4)
    return float((noncentral / n) ** 0.5)


def check_distractors(files: Sequence[Released]) -> Check:
    """Distractors and the position of the right option in every file; only the curriculum file can give a finding."""
    tests = {file.name: uniform(file.questions) for file in files}
    letters = {file.name: _letters(file.questions) for file in files}
    findings = []
    if ASC in tests and tests[ASC].freedom and tests[ASC].p >= 0.05:
        n = next(len(file.records) for file in files if file.name == ASC)
        even = Finding(
            id="released-distractors.uniform",
            title="The curriculum file's distractors look uniformly drawn, not chosen by similarity",
            test="Chi-square test that every set of distractors is equally likely, by answer. Needs no encoder: any "
            "choice by similarity favours some sets.",
            figure=f"{tests[ASC]}. An effect of w = {detectable_effect(n, tests[ASC].freedom):.2f} would have been "
            "found with 80 % power; one fixed set per answer is w = 3.",
            strength="suggestive",
            limits="That training used these options: they may be chosen anew during training. A test that finds "
            "nothing does not show uniformity.",
            question="Where in the release is the choice of distractors by similarity?",
        )
        findings.append(even)
    for name, test in letters.items():
        if strength := of_p(min(1.0, len(files) * test.p)):
            skewed = Finding(
                id=f"released-distractors.letter-{name.removesuffix('.json')}",
                title=f"{name}: the right option is more often in some positions",
                test="Chi-square test of the letter of the right option, times the number of files.",
                figure=f"{test}.",
                strength=strength,
                limits="Whether a policy exploited it.",
                question="How were the options ordered?",
            )
            findings.append(skewed)
    head = ("file", "sets of distractors", "position of the right option", "options")
    rows = (
        (of.name, str(tests[of.name]), str(letters[of.name]), str(sorted({len(q.options) for q in of.questions})))
        for of in files
    )
    examined = f"distractors and the position of the right option in {len(files)} files"
    return check_of("released-distractors", examined, findings, prose_table("Uniformity", head, rows))


def _letters(questions: Sequence[Question]) -> ChiSquare:
    size = max(len(question.options) for question in questions)
    counts = Counter(question.letter for question in questions)
    found = chisquare([counts[letter] for letter in "ABCDEFGH"[:size]])
    return ChiSquare(float(found.statistic), size - 1, float(found.pvalue))


def check_order(files: Sequence[Released]) -> Check:
    """Order of the curriculum file, and of the others for comparison."""
    tests = {file.name: ordered(file.questions) for file in files}
    findings = []
    if ASC in tests and tests[ASC].p >= 0.05:
        finding = Finding(
            id="released-order.unordered",
            title="The curriculum file is not in an order of difficulty",
            test="Kruskal-Wallis test of a record's position by its answer and options, on which alone S(q) depends. "
            "Needs no encoder: an order by S(q), or in bins of it, moves some groups to the front.",
            figure=f"{tests[ASC]}.",
            strength="suggestive",
            limits="That training took the records in this order: a loader may sort them.",
            question="Which code orders the training questions, and by which similarities?",
        )
        findings.append(finding)
    rows = ((name, str(test), f"{test.statistic / max(test.freedom, 1):.2f}") for name, test in tests.items())
    note = "Statistic over degrees of freedom: 1 is what chance gives."
    table = prose_table("Order", ("file", "position by answer and options", "ratio"), rows, note)
    examined = f"position of every record by its answer and options, {len(files)} files"
    return check_of("released-order", examined, findings, table)


def check_templates(files: Sequence[Released]) -> Check:
    """Do the methods' files ask the same kinds of questions?"""
    counts: dict[str, Counter[str]] = {}
    for file in files:
        stems = (parse_stem(question.stem) for question in file.questions)
        counts[file.name] = Counter(f"{stem.family}, {stem.form}" for stem in stems)
    shown = [kind for kind in FORMS if any(of[kind] for of in counts.values())]
    findings = []
    if len(counts) > 1 and len(shown) > 1:
        test = chi2_contingency([[of[kind] for kind in shown] for of in counts.values()])
        if strength := of_p(float(test.pvalue)):
            finding = Finding(
                id="released-templates.differ",
                title="The methods' files ask different kinds of questions",
                test="Chi-square test of template family and surface form by file.",
                figure=f"chi-square {test.statistic:.0f}, p = {test.pvalue:.1e}. {_alone(counts)}",
                strength=strength,
                limits="Whether the test questions also have these forms. Other forms may be part of a method that "
                "rewrites questions; these files cannot tell the two apart.",
                question="Are the added forms the method's rewrites, and were the other methods given them too?",
            )
            findings.append(finding)
    rows = ((kind, *(str(of[kind]) for of in counts.values())) for kind in shown)
    table = prose_table("Questions by family and form", ("family, form", *counts), rows)
    total = sum(of.total() for of in counts.values())
    return check_of("released-templates", f"{total:,} questions, by family and form", findings, table)


def _alone(counts: dict[str, Counter[str]]) -> str:
    """How many questions of each file have a form that no other file has."""
    told = []
    for name, of in counts.items():
        others = {kind for other, found in counts.items() if other != name for kind in found}
        if alone := sum(count for kind, count in of.items() if kind not in others):
            told.append(f"{alone} of {of.total():,} questions of {name} have a form that no other file has.")
    return " ".join(told) or "Every form occurs in several files."


def check_text(files: Sequence[Released]) -> Check:
    """Accuracy of naive Bayes over the words, in folds that share no video, compared with guessing."""
    rows, above, guesses, tails = [], [], [], []
    for file in files:
        right = correct(file.questions, out_of_fold(naive_bayes, file.questions))
        of = cluster_interval([float(one) for one in right], [question.cluster for question in file.questions])
        guess = sum(1 / len(question.options) for question in file.questions) / len(file.questions)
        se = "" if of.se is None else f"{100 * of.se:.2f}"
        rows.append((file.name, _percent(of), se, f"{100 * guess:.1f}", str(of.clusters)))
        p = min(1.0, len(files) * p_of_chance(of, guess))
        if of_p(p):
            tails.append(p)
            above.append(f"{file.name}: {_percent(of)}")
            guesses.append(100 * guess)
    findings = []
    if above and (strength := of_p(max(tails))):  # of the weakest that is listed
        finding = Finding(
            id="released-text.above-chance",
            title="The wording alone answers far more questions than guessing",
            test="Naive Bayes over the words of the question, no image, in folds that share no video "
            "(docs/controls.md).",
            figure=f"Right, percent [95 % cluster-robust interval]: {'; '.join(above)}; guessing: {max(guesses):.1f}.",
            strength=strength,
            limits="What a policy does. These are training questions, so the paper's test numbers cannot be compared "
            "with them; this one classifier is a lower bound on what the wording gives away, not an upper bound.",
            question="What does each method score when the image is left out or swapped?",
        )
        findings.append(finding)
    table = prose_table("Without the image", ("file", "right, percent", "SE", "guessing", "videos"), rows)
    examined = f"{sum(len(file.records) for file in files):,} questions in {len(files)} files"
    return check_of("released-text", examined, findings, table)


def _percent(of: Interval) -> str:
    low, high = (None if bound is None else 100 * bound for bound in (of.low, of.high))
    return with_interval(100 * of.mean, low, high)
