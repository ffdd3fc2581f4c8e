"""Curves of many trainings -> one frame of groups, with what each had cost when it was served."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.training.curves import Curves

KEYS = ("benchmark", "model", "method", "seed")


def groups_frame(curves: Sequence[Curves]) -> pd.DataFrame:
    """One row a group of each method's own budget, columns of a curves file, `KEYS`, `own_steps` and two costs.

    `kilotokens` and `seconds` are what the training had spent up to the end of the group's step. DAPO's further draws
    count there, and are no rows: they stand in for questions that gave no signal, and would flatter it.

    Raises:
        AnatomyR1Error: without curves, or with those of several profiles or of one cell twice.
    """
    if not curves:
        raise AnatomyR1Error("no curves. Run `tox -e reproduce-figures` first, or name another folder")
    if len({one.profile for one in curves}) > 1 or len({one.key for one in curves}) < len(curves):
        raise AnatomyR1Error("curves of several profiles, or of one training twice; give one folder of one profile")
    return pd.concat([_one(one) for one in curves], ignore_index=True)


def _one(curves: Curves) -> pd.DataFrame:
    own = curves.groups[curves.groups["step"] <= curves.own_steps]
    tokens = own.groupby("step")["tokens"].sum().cumsum() / 1000
    seconds = curves.seconds.set_index("step")["seconds"].cumsum()
    return own[own["draw"] == 0].assign(
        benchmark=curves.benchmark,
        model=curves.model,
        method=curves.method,
        seed=curves.seed,
        own_steps=curves.own_steps,
        kilotokens=own["step"].map(tokens),
        seconds=own["step"].map(seconds),
    )
