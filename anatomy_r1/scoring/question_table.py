"""The question table: a run's scores as one row per question. It is what the result store keeps of them.

`question_table` makes it from `Scores`; `table_metrics` computes the metrics of each question from it. If every
rotation of the options was asked (`anatomy_r1.data.shown`), a row is the mean over a question's rotations, so that
a question counts once however many options it has.

"All right" is right under every rotation, by the greedy response (CircularEval, MMBench, arXiv:2307.06281) and by the
majority of the five (ours, since Major@5 is what the paper calls stable).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from anatomy_r1.data.shown import original
from anatomy_r1.question import LETTERS
from anatomy_r1.scoring.extraction import extraction_columns
from anatomy_r1.scoring.intervals import Interval, cluster_interval
from anatomy_r1.scoring.metrics import K, majority
from anatomy_r1.scoring.position_bias import LetterCounts, count_letters
from anatomy_r1.scoring.score import Scores

_CORRECT = [f"correct_{repeat}" for repeat in range(K)]
_LENIENT = [f"lenient_{repeat}" for repeat in range(K)]

COLUMNS = ("id", "cluster", "category", *_CORRECT, "major", "greedy", "parsed", "truncated")
"""Columns of every question table: ids (str), whether each sampled response, the majority and the greedy response are
right, and counts out of five. `truncated` is empty if it is not known which responses were cut off."""

EXTRACTION = (*_LENIENT, "malformed", "several", "refused")
"""Columns that older stores lack: whether each sampled response is right by the lenient extractor, and counts out of
five."""

ALL_RIGHT = {"all_right_greedy": "greedy", "all_right_major": "major"}
"""Columns that say whether a question is right under all its rotations -> the flag that decides."""

LETTER_COUNTS = ("chosen", "readable", "right")
"""Counts by letter of the sampled answers over all rotations: those that chose the letter; and, where the right option
has that letter, those that could be read and those that were right."""

ROTATIONS = ("rotations", *ALL_RIGHT, *(f"{name}_{letter}" for name in LETTER_COUNTS for letter in LETTERS))
"""Further columns if every rotation of the options was asked. `COLUMNS` and `EXTRACTION` then hold means."""

BLIND = "blind"
"""Column that a result has if it records the best blind rule (`anatomy_r1.evaluation.blind_difference`): whether that
rule, which sees no image, is right."""

LENIENT = f"avg@{K}_lenient"
"""Avg@5 by the lenient extractor, reported next to the strict one."""


def question_table(scores: Scores) -> pd.DataFrame:
    """One row per question: `COLUMNS`, then `EXTRACTION`, then `ROTATIONS` if every rotation was asked."""
    columns: dict[str, Any] = {"id": scores.ids, "cluster": scores.clusters, "category": scores.categories}
    choices_and_gold = list(zip(scores.choices, scores.gold, strict=True))
    for repeat, name in enumerate(_CORRECT):
        columns[name] = [choices[repeat] == gold for choices, gold in choices_and_gold]
    columns["major"] = [majority(choices) == gold for choices, gold in choices_and_gold]
    columns["greedy"] = [choice == gold for choice, gold in zip(scores.greedy, scores.gold, strict=True)]
    columns["parsed"] = [sum(choice is not None for choice in choices) for choices in scores.choices]
    columns["truncated"] = scores.truncated
    table = pd.DataFrame(columns | extraction_columns(scores.extractions, scores.gold))
    return _average_rotations(table, scores) if scores.rotated else table


def _average_rotations(table: pd.DataFrame, scores: Scores) -> pd.DataFrame:
    """One row per question from one row per rotation: means of flags and counts, and `ROTATIONS`."""
    of = pd.Index([original(name)[0] for name in table["id"]], name="id")
    labels = table[["cluster", "category"]].groupby(of, sort=False).first()
    values = table[[*COLUMNS[3:], *EXTRACTION]].astype(float).groupby(of, sort=False)
    all_right = {name: values[flag].min() == 1 for name, flag in ALL_RIGHT.items()}
    counts = letter_counts(scores)
    by_letter: dict[str, NDArray[np.float64]] = {}
    for name in LETTER_COUNTS:
        by_letter |= {f"{name}_{letter}": getattr(counts, name)[:, at] for at, letter in enumerate(LETTERS)}
    letters = pd.DataFrame(by_letter).groupby(of, sort=False).sum()
    rotations = pd.DataFrame({"rotations": values.size(), **all_right})
    return pd.concat([labels, values.mean(), rotations, letters], axis=1).reset_index()


def table_metrics(table: pd.DataFrame) -> dict[str, NDArray[np.float64]]:
    """Metrics of each question from a question table, as arrays of shares between 0 and 1 (shape [questions]).

    Metrics of extraction are present only if the table has their columns, `truncated` only if it is known.
    """
    right = table[_CORRECT].to_numpy(dtype=float)
    metrics = {
        f"avg@{K}": right.mean(axis=1),
        "pass@1": right[:, 0],
        f"major@{K}": table["major"].to_numpy(dtype=float),
        "greedy": table["greedy"].to_numpy(dtype=float),
        "parsed": table["parsed"].to_numpy(dtype=float) / K,
    }
    if not table["truncated"].isna().any():
        metrics["truncated"] = table["truncated"].to_numpy(dtype=float) / K
    if set(EXTRACTION) <= set(table.columns):
        metrics[LENIENT] = table[_LENIENT].to_numpy(dtype=float).mean(axis=1)
        metrics |= {name: table[name].to_numpy(dtype=float) / K for name in ("malformed", "several", "refused")}
    return metrics


def letter_counts(scores: Scores) -> LetterCounts:
    """Answers by letter, as the model was asked: each rotation is a row."""
    return count_letters(scores.choices, scores.gold, scores.options, scores.clusters)


def stored_letter_counts(table: pd.DataFrame) -> LetterCounts:
    """Answers by letter from a stored question table with the columns `ROTATIONS`."""
    chosen, readable, right = (
        table[[f"{name}_{letter}" for letter in LETTERS]].to_numpy(dtype=float) for name in LETTER_COUNTS
    )
    offered = table["rotations"].to_numpy()[:, np.newaxis] > np.arange(len(LETTERS))
    return LetterCounts(chosen, readable, right, K * offered.astype(float), table["cluster"].to_numpy())


@dataclass(frozen=True, slots=True)
class RotationScores:
    """Scores under all rotations of the options, as shares with cluster-robust intervals."""

    questions: int
    rotations: int
    """Number of prompts."""
    average: Interval
    """Avg@5, the rotations of a question averaged first."""
    all_right: dict[str, Interval]
    """By `ALL_RIGHT`: right under every rotation."""

    def as_dict(self) -> dict[str, Any]:
        """For JSON, unrounded; bounds are clipped to 0 and 1."""
        intervals = {f"avg@{K}": self.average, **self.all_right}
        shares = {name: [one.mean, one.low, one.high] for name, one in intervals.items() for one in [one.within()]}
        return {"questions": self.questions, "rotations": self.rotations, **shares}


def rotation_scores(table: pd.DataFrame) -> RotationScores:
    """Scores under all rotations, from a question table with the columns `ROTATIONS`."""
    clusters = table["cluster"].to_numpy()
    return RotationScores(
        questions=len(table),
        rotations=int(table["rotations"].sum()),
        average=cluster_interval(table_metrics(table)[f"avg@{K}"], clusters),
        all_right={name: cluster_interval(table[name].to_numpy(dtype=float), clusters) for name in ALL_RIGHT},
    )
