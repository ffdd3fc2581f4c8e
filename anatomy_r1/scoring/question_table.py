"""Scores of a run -> its question table, one row a question; where every rotation was asked, their mean.

A question counts once, however many options it has. **All right** is the worst case over its rotations: right under
every one of them, by the greedy response (CircularEval, MMBench, arXiv:2307.06281, which has one response a rotation)
and by the majority of the five (ours, for Major@5 is what the paper calls stable).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from anatomy_r1.data.rotations import original
from anatomy_r1.question import LETTERS
from anatomy_r1.scoring.columns import ALL_RIGHT, COLUMNS, EXTRACTION, LETTER_COUNTS, ROTATIONS
from anatomy_r1.scoring.intervals import Interval, cluster_interval
from anatomy_r1.scoring.metrics import K, majority
from anatomy_r1.scoring.outcomes import extraction_columns
from anatomy_r1.scoring.position_bias import LetterCounts, count_letters, summed
from anatomy_r1.scoring.score import Scores

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class RotationScores:
    """Over all questions, as shares with cluster-robust intervals."""

    questions: int
    rotations: int
    """Prompts in all."""
    average: Interval
    """Avg@5, the rotations of a question averaged first."""
    all_right: dict[str, Interval]
    """`all_right_greedy`, `all_right_major`: right under every rotation."""


def question_table(scores: Scores) -> pd.DataFrame:
    """One row a question, as the result store wants it: `COLUMNS`, then `EXTRACTION`.

    Where every rotation of the options was asked, means over a question's rotations, then `ROTATIONS`.
    """
    import pandas as pd

    columns: dict[str, Any] = {"id": scores.ids, "cluster": scores.clusters, "category": scores.categories}
    answered = list(zip(scores.choices, scores.gold, strict=True))
    for repeat in range(K):
        columns[f"correct_{repeat}"] = [choices[repeat] == gold for choices, gold in answered]
    columns["major"] = [majority(choices) == gold for choices, gold in answered]
    columns["greedy"] = [choice == gold for choice, gold in zip(scores.greedy, scores.gold, strict=True)]
    columns["parsed"] = [sum(choice is not None for choice in choices) for choices, _ in answered]
    columns["truncated"] = scores.truncated
    table = pd.DataFrame(columns | extraction_columns(scores.outcomes, scores.gold))
    return _folded(table, scores) if scores.rotated else table


def counts_of_scores(scores: Scores) -> LetterCounts:
    """Answers by letter, as the model was asked: under rotations each prompt is a row."""
    return count_letters(scores.choices, scores.gold, scores.options, scores.clusters)


def counts_of_table(table: pd.DataFrame) -> LetterCounts:
    """Answers by letter from a stored question table with the columns `ROTATIONS`."""
    chosen, readable, right = (
        table[[f"{name}_{letter}" for letter in LETTERS]].to_numpy(dtype=float) for name in LETTER_COUNTS
    )
    offered = table["rotations"].to_numpy()[:, np.newaxis] > np.arange(len(LETTERS))
    return LetterCounts(chosen, readable, right, K * offered.astype(float), table["cluster"].to_numpy())


def _folded(table: pd.DataFrame, scores: Scores) -> pd.DataFrame:
    """One row a question from a table with one row a rotation: means of flags and counts, and `ROTATIONS`."""
    import pandas as pd

    base = [original(name)[0] for name in table["id"]]
    names, counts = summed(counts_of_scores(scores), base)
    labels = table[["cluster", "category"]].groupby(base, sort=False).first()
    values = table[[*COLUMNS[3:], *EXTRACTION]].astype(float).groupby(base, sort=False)
    own = {
        "rotations": values.size().to_numpy(),
        **{name: values[flag].min().to_numpy() == 1 for name, flag in ALL_RIGHT.items()},
    }
    tables = zip(LETTER_COUNTS, (counts.chosen, counts.readable, counts.right), strict=True)
    by_letter = {f"{name}_{letter}": of[:, at] for name, of in tables for at, letter in enumerate(LETTERS)}
    means = values.mean().reset_index(drop=True)
    return pd.concat(
        [
            pd.DataFrame({"id": names}),
            labels.reset_index(drop=True),
            means,
            pd.DataFrame(own | by_letter)[list(ROTATIONS)],
        ],
        axis=1,
    )


def rotation_scores(table: pd.DataFrame) -> RotationScores:
    """From a folded table."""
    clusters = table["cluster"].to_numpy()
    average = table[[f"correct_{repeat}" for repeat in range(K)]].to_numpy(dtype=float).mean(axis=1)
    return RotationScores(
        questions=len(table),
        rotations=int(table["rotations"].sum()),
        average=cluster_interval(average, clusters),
        all_right={name: cluster_interval(table[name].to_numpy(dtype=float), clusters) for name in ALL_RIGHT},
    )


def as_dict(found: RotationScores) -> dict[str, Any]:
    """For JSON, shares and bounds unrounded."""
    intervals = {f"avg@{K}": found.average, **found.all_right}
    shares = {name: [one.mean, one.low, one.high] for name, one in intervals.items()}
    return {"questions": found.questions, "rotations": found.rotations, **shares}
