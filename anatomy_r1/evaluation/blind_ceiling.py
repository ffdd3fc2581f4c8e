"""The blind ceiling of a multiple-choice set: how often a rule is right that has read the texts and sees no image.

A score that is not above it has not been shown to need the image. Four rules learn from training questions; each is
scored on test questions, over all of them, by category, and as a curve over the number of training questions:

- `option-count`: of the options shown, the one that was most often right in training (`blind_controls.majority`).
- `option-share`: the one that was right in the largest share of the training questions that showed it.
- `naive-bayes`: the most probable one given the words of the stem (`blind_controls.naive_bayes`).
- `logistic`: logistic regression over TF-IDF of the words of the option, and of each pair of a word of the stem and
  the option.

The best rule is chosen on the training questions, by cross-validation in folds of clusters, and never on the test
questions. The family, the training sizes and the number of draws are ours. Everything is deterministic.

Example:
    >>> known = [Question(id=str(i), benchmark="b", stem="What is shown ?", options=("Gut", other), answer="Gut",
    ...                   image="1.png", category="c", cluster=str(i)) for i, other in enumerate(["Liver", "Duct"])]
    >>> text_counts(known, known).never_right, text_counts(known, known).given_away
    (2, 2)
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any

from anatomy_r1.evaluation.blind_controls import Control, best, correct, majority, naive_bayes, out_of_fold
from anatomy_r1.question import LETTERS, Question
from anatomy_r1.scoring.intervals import Interval, cluster_interval

SIZES = (50, 100, 200, 500, 1000, 2000)
"""Numbers of training questions on the curve, before all of them."""
DRAWS = 10
"""Random draws of training questions that a point of the curve averages."""
VERSION = 1
"""Of the rules and of how the best one is chosen; stored with their answers."""


def option_share(train: Sequence[Question], test: Sequence[Question]) -> tuple[str, ...]:
    """Among the options shown, the one that was right in the largest share of its showings in training."""
    shown = Counter(option for question in train for option in question.options)
    right = Counter(question.answer for question in train)
    shares = {option: right[option] / count for option, count in shown.items()}
    return tuple(best(question, shares) for question in test)


def logistic(train: Sequence[Question], test: Sequence[Question]) -> tuple[str, ...]:
    """The option with the highest logit of being right; scikit-learn's defaults otherwise."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    vectorizer = TfidfVectorizer(analyzer=_features)
    pairs = [(question.stem, option) for question in train for option in question.options]
    right = [option == question.answer for question in train for option in question.options]
    model = LogisticRegression(max_iter=1000).fit(vectorizer.fit_transform(pairs), right)
    asked = [(question.stem, option) for question in test for option in question.options]
    logits = iter(model.decision_function(vectorizer.transform(asked)) if asked else ())
    scored = ({option: float(next(logits)) for option in question.options} for question in test)
    return tuple(best(question, scores) for question, scores in zip(test, scored, strict=True))


def _features(pair: tuple[str, str]) -> list[str]:
    stem, option = (text.casefold() for text in pair)
    return [*option.split(), f"={option}", *(f"{word}&{option}" for word in sorted(set(stem.split())))]


ANSWERERS: dict[str, Control] = {
    "option-count": majority,
    "option-share": option_share,
    "naive-bayes": naive_bayes,
    "logistic": logistic,
}


@dataclass(frozen=True, slots=True)
class TextCounts:
    """What the option texts give away."""

    options: int
    """Different option texts shown in training."""
    never_right: int
    """Of these, texts that are never the right one in training."""
    test_questions: int
    given_away: int
    """Test questions with no distractor that is ever right in training."""
    letters: Mapping[str, float]
    """Letter -> share of the test questions whose right option has it."""
    longest: float
    """Share of the test questions whose right option is the longest text; ties count in part."""
    longest_by_chance: float
    """What that share would be if length said nothing: the mean of 1 over the number of options."""


def text_counts(train: Sequence[Question], test: Sequence[Question]) -> TextCounts:
    """Count what the option texts give away; both sides have at least one question."""
    shown = {option for question in train for option in question.options}
    right = {question.answer for question in train}
    letters = Counter(question.letter for question in test)
    return TextCounts(
        options=len(shown),
        never_right=len(shown - right),
        test_questions=len(test),
        given_away=sum(not right.intersection(q.options) - {q.answer} for q in test),
        letters={letter: letters[letter] / len(test) for letter in LETTERS if letter in letters},
        longest=fmean(_longest(question) for question in test),
        longest_by_chance=fmean(1 / len(question.options) for question in test),
    )


def _longest(question: Question) -> float:
    lengths = [len(option) for option in question.options]
    return (len(question.answer) == max(lengths)) / lengths.count(max(lengths))


@dataclass(frozen=True, slots=True)
class BlindScore:
    """What one rule reaches on the test questions."""

    accuracy: Interval
    """Over all test questions, cluster-robust."""
    by_category: Mapping[str, Interval]
    curve: Mapping[int, float]
    """Number of training questions -> accuracy, the mean over `DRAWS` random draws; the last point has all of them."""
    in_training: float
    """Accuracy on the training questions, cross-validated in folds of clusters: what the best rule is chosen by."""


@dataclass(frozen=True, slots=True)
class BlindCeiling:
    """The blind ceiling of a set."""

    train_questions: int
    chance: float
    """Accuracy of a random choice on the test questions."""
    counts: TextCounts
    scores: Mapping[str, BlindScore]
    """By the names of `ANSWERERS`."""
    best: str
    """The rule that is best in training; its accuracy on the test questions is the ceiling."""

    @property
    def ceiling(self) -> Interval:
        """Accuracy of the best rule."""
        return self.scores[self.best].accuracy

    def as_dict(self) -> dict[str, Any]:
        """For JSON, unrounded."""
        return asdict(self)


def blind_ceiling(train: Sequence[Question], test: Sequence[Question], seed: int = 0) -> BlindCeiling:
    """The blind ceiling of `test`, learnt from `train`; `seed` is that of the draws of the curve.

    Raises:
        AnatomyR1Error: a side has no questions, or all training questions are of one cluster.
    """
    scores = {name: _score(control, train, test, seed) for name, control in ANSWERERS.items()}
    return BlindCeiling(
        train_questions=len(train),
        chance=fmean(1 / len(question.options) for question in test),
        counts=text_counts(train, test),
        scores=scores,
        best=max(scores, key=lambda name: scores[name].in_training),  # the first one among equals
    )


def best_rule(train: Sequence[Question]) -> tuple[str, float]:
    """The rule that is best in training, and its accuracy there, cross-validated; errors as `blind_ceiling`."""
    found = {name: _in_training(control, train) for name, control in ANSWERERS.items()}
    best_one = max(found, key=lambda name: found[name])  # the first one among equals
    return best_one, found[best_one]


def _in_training(control: Control, train: Sequence[Question]) -> float:
    return fmean(correct(train, out_of_fold(control, train)))


def _score(control: Control, train: Sequence[Question], test: Sequence[Question], seed: int) -> BlindScore:
    right = correct(test, control(train, test))
    sizes = [size for size in SIZES if size < len(train)]
    by_category: dict[str, list[int]] = {}
    for index, question in enumerate(test):
        by_category.setdefault(question.category, []).append(index)
    return BlindScore(
        accuracy=_interval(test, right, range(len(test))),
        by_category={name: _interval(test, right, by_category[name]) for name in sorted(by_category)},
        curve={size: _drawn(control, train, test, size, seed) for size in sizes} | {len(train): fmean(right)},
        in_training=_in_training(control, train),
    )


def _interval(test: Sequence[Question], right: Sequence[bool], which: Sequence[int]) -> Interval:
    return cluster_interval([right[index] for index in which], [test[index].cluster for index in which])


def _drawn(control: Control, train: Sequence[Question], test: Sequence[Question], size: int, seed: int) -> float:
    draws = (random.Random(seed + draw).sample(list(train), size) for draw in range(DRAWS))
    return fmean(fmean(correct(test, control(some, test))) for some in draws)


def percent(interval: Interval) -> str:
    """A share with its interval in percent, bounds cut off at 0 and 100: `97.6 [96.6, 98.5]`."""
    mean, shown = f"{100 * interval.mean:.1f}", interval.within()
    if shown.low is None or shown.high is None:
        return f"{mean} [one cluster]"
    return f"{mean} [{100 * shown.low:.1f}, {100 * shown.high:.1f}]"


def as_text(found: BlindCeiling) -> str:
    """The blind ceiling as text: the counts, a row per rule, its curve, its categories, and the ceiling last."""
    counts = found.counts
    letters = ", ".join(f"{letter} {100 * share:.1f}" for letter, share in counts.letters.items())
    lines = [
        f"option texts that are never right in training: {counts.never_right:,} of {counts.options:,}",
        f"test questions with no distractor that is ever right in training: {counts.given_away:,} of "
        f"{counts.test_questions:,}",
        f"right letter, percent of the test questions: {letters}",
        f"right option is the longest text: {100 * counts.longest:.1f} % (chance {100 * counts.longest_by_chance:.1f})",
        *_curves(found),
    ]
    categories = sorted({category for score in found.scores.values() for category in score.by_category})
    if len(categories) > 1:
        score = found.scores[found.best]
        lines += [f"{found.best}, {name or '(no category)'}: {percent(score.by_category[name])}" for name in categories]
    ceiling = f"blind ceiling: {percent(found.ceiling)} % by {found.best}, the best rule in training"
    return "\n".join([*lines, f"{ceiling}; chance is {100 * found.chance:.1f} %"])


def _curves(found: BlindCeiling) -> list[str]:
    """A row per rule: accuracy with all training questions, then after fewer."""
    sizes = list(next(iter(found.scores.values())).curve)[:-1]
    head = f"{'right without the image, percent':34}  {'all ' + format(found.train_questions, ','):>20}"
    rows = [head + "".join(f"  {size:>6,}" for size in sizes)]
    for name, score in found.scores.items():
        drawn = "".join(f"  {100 * score.curve[size]:6.1f}" for size in sizes)
        rows.append(f"{name:34}  {percent(score.accuracy):>20}{drawn}")
    note = f"columns: training questions, all or the mean over {DRAWS} random draws of so many"
    return [*rows, note] if sizes else rows
