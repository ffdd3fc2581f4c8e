"""A score beside the best blind rule: the paired difference to a rule that has read the texts and sees no image.

A score that is not above the rule has not been shown to need the image. The rule is that of the four of `blind_ceiling`
which is best in cross-validation on training questions; it answers the same test questions. It learns only from
training questions of clusters without a test question, so it never knows a test video, slide or patient. (`data
controls` uses all training questions, since it measures the set as it is.) Where every rotation of the options was
asked, a question counts once, and the rule answers it in its given order.

The interval is the 95 % cluster-robust t interval of a paired difference (`anatomy_r1.scoring.intervals`), two-sided,
given the training questions that the rule has learnt from. A score is *above* the rule if the lower bound is above
zero.

Example:
    >>> found = difference_from_blind([1.0, 0.8, 1.0, 0.6], [1, 0, 1, 0], ["a", "a", "b", "b"], "option-count")
    >>> round(found.difference.mean, 2), round(found.difference.low, 2), found.verdict
    (0.35, -0.29, 'not above')
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from anatomy_r1.data.prepared import find_set, load, load_manifest
from anatomy_r1.errors import AnatomyR1Error, one_line
from anatomy_r1.evaluation.blind_ceiling import ANSWERERS, VERSION, best_rule, percent
from anatomy_r1.evaluation.blind_controls import correct, exclude_test_clusters
from anatomy_r1.question import Question
from anatomy_r1.scoring.intervals import ROUNDING, Interval, Labels, cluster_interval, paired_interval
from anatomy_r1.scoring.metrics import K
from anatomy_r1.scoring.question_table import BLIND, question_table, table_metrics
from anatomy_r1.scoring.score import Scores

if TYPE_CHECKING:
    import pandas as pd

Verdict = Literal["above", "not above", "no interval"]
NOT_RECORDED = "not recorded"
"""What is said of a result that was stored before blind rules were recorded."""
NOT_COMPUTED = "not_computed"
"""Key of a record that says why no rule could learn."""
_WORDS: dict[Verdict, str] = {
    "above": "above it",
    "not above": "NOT ABOVE IT: not shown to need the image",
    "no interval": "no interval: one cluster",
}


@dataclass(frozen=True, slots=True)
class BlindRule:
    """The best blind rule of a benchmark, as a result records it (`provenance["blind"]`)."""

    rule: str
    """A name of `blind_ceiling.ANSWERERS`."""
    in_training: float
    """Accuracy on the training questions that it learnt from, cross-validated: what it was chosen by."""
    train_questions: int
    """Number of these."""
    accuracy: float
    """Accuracy on all test questions."""
    version: int
    """`blind_ceiling.VERSION`."""
    scikit_learn: str
    """Version of the library behind two of the rules."""


@dataclass(frozen=True, slots=True)
class BlindAnswers:
    """The best blind rule, and on which test questions it is right."""

    rule: BlindRule
    right: Mapping[str, bool]
    """By question id."""


def answer_blind(train: Sequence[Question], test: Sequence[Question]) -> BlindAnswers:
    """Choose the best rule on training questions, and answer the test questions with it.

    Raises:
        AnatomyR1Error: nothing can be learnt: no training questions of other clusters, fewer than two clusters, or
            texts without words. The message names no file.
    """
    learnt = exclude_test_clusters(train, test)
    if not learnt or not test:
        nothing = "no training questions of other clusters than those asked about" if test else "no questions"
        raise AnatomyR1Error(nothing)
    try:
        name, in_training = best_rule(learnt)
        right = correct(test, ANSWERERS[name](learnt, test))
    except AnatomyR1Error:
        raise
    except ValueError as error:  # scikit-learn's, of stems without a single word
        raise AnatomyR1Error(f"the rules cannot learn from these texts ({one_line(error)})") from error
    accuracy = sum(right) / len(test)
    rule = BlindRule(name, in_training, len(learnt), accuracy, VERSION, version("scikit-learn"))
    return BlindAnswers(rule, dict(zip((question.id for question in test), right, strict=True)))


def blind_answers(root: Path, split: str = "test") -> BlindAnswers:
    """`answer_blind` for a split of the prepared set `root`, learnt from its training split; errors likewise."""
    return _answers_of_set(root.resolve(), load_manifest(root)["questions_sha256"], split)


@lru_cache(maxsize=8)
def _answers_of_set(root: Path, questions_sha256: str, split: str) -> BlindAnswers:
    if not load_manifest(root)["counts"].get("train", {}).get("questions"):
        raise AnatomyR1Error("the prepared set has no training questions")
    return answer_blind(load(root, "train").questions, load(root, split).questions)


@dataclass(frozen=True, slots=True)
class BlindDifference:
    """A score minus the best blind rule, on the same questions; as shares."""

    rule: str
    accuracy: Interval
    """Of the rule."""
    difference: Interval

    @property
    def verdict(self) -> Verdict:
        """`above` if the lower bound of the difference is above zero; `no interval` with a single cluster."""
        if self.difference.low is None:
            return "no interval"
        return "above" if self.difference.low > ROUNDING else "not above"

    @property
    def not_above(self) -> bool:
        """Whether the score is to be marked."""
        return self.verdict == "not above"

    def as_dict(self) -> dict[str, Any]:
        """For JSON, unrounded: means with the bounds of their intervals."""
        accuracy, difference = self.accuracy.within(), self.difference.within(-1.0)
        return {
            "rule": self.rule,
            "accuracy": [accuracy.mean, accuracy.low, accuracy.high],
            "difference": [difference.mean, difference.low, difference.high],
            "verdict": self.verdict,
        }


BesideBlind = BlindDifference | str
"""A difference, or in words why there is none."""


def difference_from_blind(shares: ArrayLike, blind: ArrayLike, clusters: Labels, rule: str) -> BlindDifference:
    """Paired difference of each question's share (a score of 0 to 1) from the rule's 0 or 1; shape [questions] each."""
    right = np.asarray(blind, dtype=float)
    return BlindDifference(rule, cluster_interval(right, clusters), paired_interval(shares, right, clusters))


def beside_blind(tables: Sequence[pd.DataFrame], records: Sequence[Any], metric: str = f"avg@{K}") -> BesideBlind:
    """The difference of one system from its stored question tables, one for each seed, questions in the same order.

    A question is averaged over the seeds first. `records` are the seeds' `provenance["blind"]`; a store may hold any
    value there.
    """
    rules = [read_rule(record) for record in records]
    if known := next((one for one in rules if isinstance(one, str)), ""):
        return known
    right = [table[BLIND].to_numpy(dtype=float) for table in tables]
    names = sorted({one.rule for one in rules if isinstance(one, BlindRule)})
    if len(names) > 1 or not all(np.array_equal(one, right[0]) for one in right):
        return "its seeds record different blind rules"
    shares = np.mean([table_metrics(table)[metric] for table in tables], axis=0)
    return difference_from_blind(shares, right[0], tables[0]["cluster"].to_numpy(), names[0])


def recorded(table: pd.DataFrame, root: Path, split: str = "test") -> tuple[pd.DataFrame, dict[str, Any]]:
    """A question table with the column `BLIND`, and the record of the rule; or without it, and why there is none.

    The table answers questions of a split of the prepared set `root`.
    """
    try:
        found = blind_answers(root, split)
    except AnatomyR1Error as error:
        return table.drop(columns=BLIND, errors="ignore"), {NOT_COMPUTED: str(error)}
    right = [found.right[name] for name in table["id"]]
    return table.assign(**{BLIND: right}), asdict(found.rule)


def recorded_scores(scores: Scores, data: str | Path | None) -> tuple[pd.DataFrame, dict[str, Any]]:
    """`recorded` for a scored run, from the prepared set that it was asked from, or its parent."""
    split = str(scores.plan["split"])
    return recorded(question_table(scores), find_set(scores.benchmark, data, split).root, split)


def blind_json(found: BesideBlind) -> dict[str, Any]:
    """For JSON: the difference, unrounded, or why there is none."""
    return {"missing": found} if isinstance(found, str) else found.as_dict()


def blind_line(found: BesideBlind) -> str:
    """For a terminal: `avg@5 minus the best blind rule (logistic, 44.8 [39.6, 50.1]): +3.1 [-1.2, +7.4], NOT ABOVE`."""
    head = f"avg@{K} minus the best blind rule"
    if isinstance(found, str):
        return f"{head}: {found}"
    mean, shown = f"{100 * found.difference.mean:+.1f}", found.difference.within(-1.0)
    bounds = ""
    if shown.low is not None and shown.high is not None:
        bounds = f" [{100 * shown.low:+.1f}, {100 * shown.high:+.1f}]"
    rule = f"{found.rule}, {percent(found.accuracy)} %"
    return f"{head} ({rule}): {mean}{bounds} points, {_WORDS[found.verdict]}"


def read_rule(record: Any) -> BlindRule | str:
    """The rule of `provenance["blind"]`, or in words why there is none."""
    if not isinstance(record, Mapping):
        return NOT_RECORDED
    if (why := record.get(NOT_COMPUTED)) is not None:
        return f"not computed: {why}"
    names = BlindRule.__dataclass_fields__
    return BlindRule(**{name: record[name] for name in names}) if names.keys() <= record.keys() else NOT_RECORDED
