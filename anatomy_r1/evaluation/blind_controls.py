"""Blind controls, which need neither images nor a model: the accuracy that the text of the questions alone allows.

- `majority`: among the options shown, the one that was correct most often in training.
- `naive_bayes`: multinomial naive Bayes over the words of the question, with one class per answer text (scikit-learn's
  `CountVectorizer` and `MultinomialNB` with their defaults); among the options shown, the most probable one.

Both were fixed before any of their results was seen. They are deterministic: an option that was never correct in
training ranks below all that were, ties go to the option shown first, and the five responses are identical, so that
Avg@5, Pass@1, Major@5 and greedy accuracy are equal.

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
"""(training questions, test questions) -> a letter for each test question."""


def majority(train: Sequence[Question], test: Sequence[Question]) -> tuple[str, ...]:
    """Among the options shown, the one that was correct most often in training."""
    counts = Counter(question.answer for question in train)
    return tuple(best(question, counts) for question in test)


def naive_bayes(train: Sequence[Question], test: Sequence[Question]) -> tuple[str, ...]:
    """The most probable option given the words of the question."""
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.naive_bayes import MultinomialNB

    if not train:
        raise AnatomyR1Error("no training questions to learn from: the control needs questions of other clusters")
    words, model = CountVectorizer(), MultinomialNB()
    model.fit(words.fit_transform([q.stem for q in train]), [q.answer for q in train])
    logs = model.predict_joint_log_proba(words.transform([q.stem for q in test])) if test else []
    scored = (dict(zip(model.classes_, row, strict=True)) for row in logs)
    return tuple(best(question, scores) for question, scores in zip(test, scored, strict=True))


CONTROLS: dict[str, Control] = {"majority": majority, "naive-bayes": naive_bayes}


def exclude_test_clusters(train: Sequence[Question], test: Sequence[Question]) -> list[Question]:
    """Training questions from clusters without a test question; a control learns from no others."""
    clusters = {question.cluster for question in test}
    return [question for question in train if question.cluster not in clusters]


def out_of_fold(control: Control, questions: Sequence[Question], folds: int = 10) -> tuple[str, ...]:
    """A letter for each question of a set without a test split, learned from the other folds.

    No cluster is in two folds, and there are never more folds (10: our choice) than clusters.
    """
    from sklearn.model_selection import GroupKFold

    clusters = [question.cluster for question in questions]
    if len(set(clusters)) < 2:
        raise AnatomyR1Error("cross-validation by cluster needs at least two clusters")
    letters = [""] * len(questions)
    for train, test in GroupKFold(min(folds, len(set(clusters)))).split(clusters, groups=clusters):
        found = control([questions[i] for i in train], [questions[i] for i in test])
        for index, letter in zip(test, found, strict=True):
            letters[index] = letter
    return tuple(letters)


def correct(questions: Sequence[Question], letters: Sequence[str]) -> list[bool]:
    """Whether each letter is correct."""
    return [letter == question.letter for question, letter in zip(questions, letters, strict=True)]


def question_rows(questions: Sequence[Question], letters: Sequence[str]) -> pd.DataFrame:
    """One row per question for the result store; all five responses are the one letter."""
    import pandas as pd

    right = correct(questions, letters)
    columns = {name: [getattr(q, name) for q in questions] for name in ("id", "cluster", "category")}
    flags = dict.fromkeys((*(f"correct_{repeat}" for repeat in range(K)), "major", "greedy"), right)
    return pd.DataFrame({**columns, **flags, "parsed": K, "truncated": 0})


def best(question: Question, scores: Mapping[str, float]) -> str:
    """Letter of the option with the highest score, the first one among equals."""
    ranks = [scores.get(option, float("-inf")) for option in question.options]
    return LETTERS[ranks.index(max(ranks))]
