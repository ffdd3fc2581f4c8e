"""Advantages recomputed from the logged rewards, group by group (DeepSeekMath eq. 1; GPG's alpha)."""

from __future__ import annotations

import numpy as np
import pandas as pd

from anatomy_r1.training.certificate.evidence import Evidence
from anatomy_r1.training.certificate.value import Check, failed, not_checkable, passed

CONSTANT = 1e-6
"""A group whose rewards spread by no more has no signal, as in training."""
DEVIATION_FLOOR = 1e-4
"""TRL adds it to the deviation of eq. 1."""
TOLERANCE = 1e-4
"""Ours: rewards and deviations are float32 in training; a wrong sign or scale is 1e-1 and up."""
GROUP = ["step", "group_index"]


def spread(evidence: Evidence) -> pd.Series:
    """Largest minus smallest reward of each rollout's group."""
    grouped = evidence.totals.groupby([evidence.rollouts[name] for name in GROUP])
    return grouped.transform("max") - grouped.transform("min")


def recomputed(evidence: Evidence) -> pd.Series:
    """Advantage of every rollout by formula."""
    rows, totals = evidence.rollouts, evidence.totals
    grouped = totals.groupby([rows[name] for name in GROUP])
    centred = totals - grouped.transform("mean")
    if evidence.arguments.get("scale_rewards", "group") == "group":
        centred = centred / (grouped.transform("std") + DEVIATION_FLOOR)
    live = spread(evidence) > CONSTANT
    return (centred * _alpha(evidence, live)).where(live, 0.0)


def _alpha(evidence: Evidence, live: pd.Series) -> pd.Series | float:
    """GPG's B / (B - M) of the draw, 1 elsewhere."""
    if not _is_gpg(evidence):
        return 1.0
    share = live.groupby([evidence.rollouts["step"], evidence.rollouts["draw"]]).transform("mean")
    return (1.0 / share).where(share > 0, 1.0)


def _is_gpg(evidence: Evidence) -> bool:
    return str(evidence.plan.get("method", {}).get("trainer", "")).endswith("GPGTrainer")


def check_advantages(evidence: Evidence) -> Check:
    """The logged advantages are those of the logged rewards."""
    if not evidence.samples:
        return not_checkable("advantages", "supervised fine-tuning has none")
    if evidence.arguments.get("scale_rewards", "group") not in ("group", "none"):
        return not_checkable("advantages", f"no formula here for scale_rewards {evidence.arguments['scale_rewards']}")
    logged, wanted = evidence.rollouts["advantage"].to_numpy(float), recomputed(evidence).to_numpy(float)
    wrong = np.flatnonzero(~np.isclose(logged, wanted, rtol=TOLERANCE, atol=TOLERANCE))
    if len(wrong):
        row = evidence.rollouts.iloc[int(wrong[0])]
        where = f"step {row['step']}, group {row['group_index']}, member {row['member']}"
        return failed(
            "advantages",
            f"{len(wrong)} of {len(logged)} differ, first: {where}: {row['advantage']:.6f}, not {wanted[wrong[0]]:.6f}",
        )
    return passed("advantages", f"{len(logged)} recomputed from rewards")
