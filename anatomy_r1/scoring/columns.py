"""The question table: its columns, and the metrics of each question from it."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from anatomy_r1.question import LETTERS
from anatomy_r1.scoring.metrics import K

COLUMNS = ("id", "cluster", "category", *(f"correct_{r}" for r in range(K)), "major", "greedy", "parsed", "truncated")
"""Columns of a question table: ids (str), five right/wrong flags, majority and greedy right, counts out of five.
Where it is not known which responses were cut off, `truncated` is empty."""


EXTRACTION = (*(f"lenient_{r}" for r in range(K)), "malformed", "several", "refused")
"""Further columns, which stores of before they were counted lack: five right/wrong flags by the lenient extractor,
and counts out of five."""


ALL_RIGHT = {"all_right_greedy": "greedy", "all_right_major": "major"}
"""Whether a question is right under all its rotations -> by which flag."""


LETTER_COUNTS = ("chosen", "readable", "right")
"""Of the sampled answers over all rotations: those that chose a letter; and, where the right option stood at it, those
that could be read, and that were right."""


ROTATIONS = ("rotations", *ALL_RIGHT, *(f"{name}_{letter}" for name in LETTER_COUNTS for letter in LETTERS))
"""Further columns of a view in which every rotation of the options was asked (`anatomy_r1.scoring.question_table`). The
flags and counts of `COLUMNS` and `EXTRACTION` are means over a question's rotations there."""


LENIENT = f"avg@{K}_lenient"
"""Avg@5 by the lenient extractor: shown beside the strict one, which decides."""


def question_metrics(table: pd.DataFrame) -> dict[str, NDArray[np.float64]]:
    """From a result's question table, per question: each metric as a share between 0 and 1.

    Those of extraction only where the table has them, and `truncated` where it is known.
    """
    right = table[[f"correct_{repeat}" for repeat in range(K)]].to_numpy(dtype=float)
    return {
        f"avg@{K}": right.mean(axis=1),
        "pass@1": right[:, 0],
        f"major@{K}": table["major"].to_numpy(dtype=float),
        "greedy": table["greedy"].to_numpy(dtype=float),
        "parsed": table["parsed"].to_numpy(dtype=float) / K,
        **({} if table["truncated"].isna().any() else {"truncated": table["truncated"].to_numpy(dtype=float) / K}),
        **(_extraction_metrics(table) if set(EXTRACTION) <= set(table.columns) else {}),
    }


def _extraction_metrics(table: pd.DataFrame) -> dict[str, NDArray[np.float64]]:
    right = table[[f"lenient_{repeat}" for repeat in range(K)]].to_numpy(dtype=float)
    counts = {name: table[name].to_numpy(dtype=float) / K for name in ("malformed", "several", "refused")}
    return {LENIENT: right.mean(axis=1), **counts}
