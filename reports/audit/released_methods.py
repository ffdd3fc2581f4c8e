"""Do the released files hold what their method adds?

ASC-Learning: distractors chosen by similarity, easy questions first. Neither test needs an encoder.

- Distractors: is every set of that size from the other options equally frequent? Any choice by similarity favours some.
- Order: is the position of a record independent of its answer and options, on which alone S(q) depends? Any order by
  S(q) moves some groups to the front.

GDQA: changed images, and several wordings of one question.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import comb

from scipy.optimize import brentq
from scipy.stats import chi2, chisquare, kruskal, ncx2

from anatomy_r1.question import Question
from anatomy_r1.tables.table import prose_table
from reports.audit.finding import Check, Finding, Strength, of_p
from reports.audit.released import ASC, GDQA, QuestionMeaning, Released, meaning, named


@dataclass(frozen=True, slots=True)
class ChiSquare:
    """A chi-square statistic."""

    statistic: float
    freedom: int
    p: float


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
    rows = tuple(
        (file.name, _text(tests[file.name]), _text(letters[file.name]), str(sorted(_sizes(file)))) for file in files
    )
    skewed = [(name, test, of_p(min(1.0, len(files) * test.p))) for name, test in letters.items()]
    asc = named(files, ASC)
    found = [_uniform(asc, tests[ASC])] if asc and tests[ASC].freedom and tests[ASC].p >= 0.05 else []
    return Check(
        id="released-distractors",
        title="Released files: are distractors drawn uniformly?",
        looked_at=f"distractors and the position of the right option in {len(files)} files",
        findings=(*found, *(_skewed(name, test, strength) for name, test, strength in skewed if strength)),
        tables=(
            prose_table("Uniformity", ("file", "sets of distractors", "position of the right option", "options"), rows),
        ),
    )


def check_order(files: Sequence[Released]) -> Check:
    """Order of the curriculum file, and of the others for comparison."""
    tests = {file.name: ordered(file.questions) for file in files}
    rows = tuple((name, _text(test), f"{test.statistic / max(test.freedom, 1):.2f}") for name, test in tests.items())
    found = [_unordered(tests[ASC])] if ASC in tests and tests[ASC].p >= 0.05 else []
    note = "Statistic over degrees of freedom: 1 is what chance gives."
    return Check(
        id="released-order",
        title="Released files: is the curriculum's file in order of difficulty?",
        looked_at=f"position of every record by its answer and options, {len(files)} files",
        findings=tuple(found),
        tables=(prose_table("Order", ("file", "position by answer and options", "ratio"), rows, note),),
    )


def _letters(questions: Sequence[Question]) -> ChiSquare:
    size = max(len(question.options) for question in questions)
    counts = Counter(question.letter for question in questions)
    found = chisquare([counts[letter] for letter in "ABCDEFGH"[:size]])
    return ChiSquare(float(found.statistic), size - 1, float(found.pvalue))


def _sizes(file: Released) -> set[int]:
    return {len(question.options) for question in file.questions}


def _text(test: ChiSquare) -> str:
    return f"chi-square {test.statistic:.1f}, {test.freedom} degrees of freedom, p = {test.p:.3g}"


def _uniform(asc: Released, test: ChiSquare) -> Finding:
    w = detectable_effect(len(asc.records), test.freedom)
    return Finding(
        id="released-distractors.uniform",
        title="The curriculum file's distractors look uniformly drawn, not chosen by similarity",
        test="Chi-square test that every set of distractors is equally likely, by answer. Needs no encoder: any "
        "choice by similarity favours some sets.",
        figure=f"{_text(test)}. An effect of w = {w:.2f} would have been found with 80 % power; one fixed set per "
        f"answer is w = 3.",
        strength="suggestive",
        limits="That training used these options: they may be chosen anew during training. A test that finds "
        "nothing does not show uniformity.",
        question="Where in the release is the choice of distractors by similarity?",
    )


def _unordered(test: ChiSquare) -> Finding:
    return Finding(
        id="released-order.unordered",
        title="The curriculum file is not in an order of difficulty",
        test="Kruskal-Wallis test of a record's position by its answer and options, on which alone S(q) depends. Needs "
        "no encoder: an order by S(q), or in bins of it, moves some groups to the front.",
        figure=f"{_text(test)}.",
        strength="suggestive",
        limits="That training took the records in this order: a loader may sort them.",
        question="Which code orders the training questions, and by which similarities?",
    )


def _skewed(name: str, test: ChiSquare, strength: Strength) -> Finding:
    return Finding(
        id=f"released-distractors.letter-{name.removesuffix('.json')}",
        title=f"{name}: the right option is more often in some positions",
        test="Chi-square test of the letter of the right option, times the number of files.",
        figure=f"{_text(test)}.",
        strength=strength,
        limits="Whether a policy exploited it.",
        question="How were the options ordered?",
    )


_FRAME = re.compile(r"VID\d{2}/\d{6}\.png")
_AUGMENTATION = "Released files: are the augmented images and questions included?"


def changed_images(questions: Iterable[Question]) -> int:
    """Number of records whose image does not have the name of a frame of the data set."""
    return sum(not _FRAME.fullmatch(question.image) for question in questions)


def reworded(questions: Iterable[Question]) -> int:
    """Number of questions that occur in several wordings."""
    wordings: dict[QuestionMeaning, set[str]] = defaultdict(set)
    for question in questions:
        wordings[meaning(question)].add(question.stem)
    return sum(len(found) > 1 for found in wordings.values())


def check_augmentation(files: Sequence[Released]) -> Check:
    """Changed images and rewritten questions in the GDQA file."""
    file = named(files, GDQA)
    if file is None:
        return Check("released-augmentation", _AUGMENTATION, "the GDQA file", skipped=f"{GDQA} is not among the files")
    images, wordings = changed_images(file.questions), reworded(file.questions)
    lacking = [
        what for what, count in (("changed images", images), ("questions in several wordings", wordings)) if not count
    ]
    finding = Finding(
        id="released-augmentation.absent",
        title=f"The GDQA file contains no {' and no '.join(lacking)}",
        test="Image paths that are not plain frames; questions of one image and meaning in several wordings.",
        figure=f"{images} changed images and {wordings} questions in several wordings among {len(file.records):,} "
        "records.",
        strength="counted",
        limits="That training did without them: both can be made during training. A change under the frame's own "
        "name does not show in a path, and no images were released.",
        question="Which code makes the rewritten questions and changed images, and with what settings?",
    )
    rows = ((file.name, str(images), str(wordings)),)
    return Check(
        id="released-augmentation",
        title=_AUGMENTATION,
        looked_at=f"{len(file.records):,} records of {file.name}",
        findings=(finding,) if lacking else (),
        tables=(prose_table("Augmentation", ("file", "changed images", "questions in several wordings"), rows),),
    )
