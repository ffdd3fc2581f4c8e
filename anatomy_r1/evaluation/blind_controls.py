"""Controls that see no picture and need no model: what an answer is worth that the question's wording gives away.

- `majority`: of the options shown, the one that was most often right in training.
- `naive_bayes`: multinomial naive Bayes over the words of the question, one class an answer text (scikit-learn's
  `CountVectorizer` and `MultinomialNB` as they come); of the options shown, the most probable.

Both were fixed before any of their numbers was looked at. They have no randomness: an option that was never right in
training ranks below all that were, ties go to the option shown first, and the five responses are one and the same, so
that Avg@5, Pass@1, Major@5 and greedy accuracy are equal.

Example:
    >>> known = [Question(id=str(i), benchmark="b", stem=f"What is the {colour} organ ?", options=("Gut", "Liver"),
    ...                   answer=answer, image="1.png", category=answer, cluster="VID01")
    ...          for i, (colour, answer) in enumerate([("brown", "Liver"), ("red", "Gut"), ("brown", "Liver")])]
    >>> majority(known, known), naive_bayes(known, known)
    (('B', 'B', 'B'), ('B', 'A', 'B'))
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.question import LETTERS, Question
from anatomy_r1.scoring.metrics import K

if TYPE_CHECKING:
    import pandas as pd

Control = Callable[[Sequence[Question], Sequence[Question]], tuple[str, ...]]
"""(questions with answers to learn from, questions to answer) -> a letter for each of the latter."""

FOLDS = 10
"""Most folds in `by_folds`. Ours."""


def majority(train: Sequence[Question], asked: Sequence[Question]) -> tuple[str, ...]:
    """The option that was most often right in training."""
    counts = Counter(question.answer for question in train)
    return tuple(_best(question, counts) for question in asked)


def naive_bayes(train: Sequence[Question], asked: Sequence[Question]) -> tuple[str, ...]:
    """The most probable option given the words of the question.

    Raises:
        AnatomyR1Error: when there is nothing to learn from.
    """
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.naive_bayes import MultinomialNB

    if not train:
        raise AnatomyR1Error("no training questions to learn from: the control needs questions of other clusters")
    words, model = CountVectorizer(), MultinomialNB()
    model.fit(words.fit_transform([q.stem for q in train]), [q.answer for q in train])
    logs = model.predict_joint_log_proba(words.transform([q.stem for q in asked])) if asked else []
    scored = (dict(zip(model.classes_, row, strict=True)) for row in logs)
    return tuple(_best(question, scores) for question, scores in zip(asked, scored, strict=True))


CONTROLS: dict[str, Control] = {"majority": majority, "naive-bayes": naive_bayes}


def of_other_clusters(train: Sequence[Question], asked: Sequence[Question]) -> list[Question]:
    """Training questions from clusters that no asked question is from: a control learns from nothing else."""
    clusters = {question.cluster for question in asked}
    return [question for question in train if question.cluster not in clusters]


def by_folds(control: Control, questions: Sequence[Question], folds: int = FOLDS) -> tuple[str, ...]:
    """A letter for each question, learnt from the other folds; no cluster is in two folds.

    Args:
        control: what to ask.
        questions: of one set that has no test side.
        folds: at most so many; never more than there are clusters.

    Raises:
        AnatomyR1Error: when all questions are of one cluster.
    """
    from sklearn.model_selection import GroupKFold

    clusters = [question.cluster for question in questions]
    if len(set(clusters)) < 2:
        raise AnatomyR1Error("folds disjoint by cluster need two clusters at least")
    letters = [""] * len(questions)
    for learn, ask in GroupKFold(min(folds, len(set(clusters)))).split(clusters, groups=clusters):
        given = control([questions[i] for i in learn], [questions[i] for i in ask])
        for index, letter in zip(ask, given, strict=True):
            letters[index] = letter
    return tuple(letters)


def correct(questions: Sequence[Question], letters: Sequence[str]) -> list[bool]:
    """Whether each letter is the right one."""
    return [letter == question.letter for question, letter in zip(questions, letters, strict=True)]


def table(questions: Sequence[Question], letters: Sequence[str]) -> pd.DataFrame:
    """One row a question, as the result store wants it; the five responses are the one letter."""
    import pandas as pd

    right = correct(questions, letters)
    columns = {name: [getattr(q, name) for q in questions] for name in ("id", "cluster", "category")}
    flags = dict.fromkeys((*(f"correct_{repeat}" for repeat in range(K)), "major", "greedy"), right)
    return pd.DataFrame({**columns, **flags, "parsed": K, "truncated": 0})


def _best(question: Question, scores: Mapping[str, float]) -> str:
    """Letter of the option with the highest score; `max` takes the first of equals."""
    ranks = [scores.get(option, float("-inf")) for option in question.options]
    return LETTERS[ranks.index(max(ranks))]
