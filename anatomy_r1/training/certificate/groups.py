"""What the groups of a run hold: signal or none, DAPO's kept draws, and what GDQA's members were shown."""

from __future__ import annotations

import pandas as pd

from anatomy_r1.training.certificate.advantages import CONSTANT, GROUP, spread
from anatomy_r1.training.certificate.evidence import Evidence
from anatomy_r1.training.certificate.value import Check, failed, not_checkable, passed
from anatomy_r1.training.training_log import ACCURACY


def invalid_ratio(evidence: Evidence) -> pd.Series:
    """Step -> share of the groups drawn first (what the method itself would learn from) without any signal.

    One rule for every method: a group of constant total reward gives no gradient (the paper's invalid gradients).
    """
    first = evidence.rollouts["draw"] == 0
    constant = (spread(evidence) <= CONSTANT)[first]
    return constant.groupby(evidence.rollouts.loc[first, "step"]).mean()


def check_invalid(evidence: Evidence) -> Check:
    """A group has no advantage exactly where its rewards are constant: the ratio means the same in every method."""
    name = "invalid gradients"
    if not evidence.samples:
        return not_checkable(name, "supervised fine-tuning draws no groups")
    keys = [evidence.rollouts[column] for column in GROUP]
    constant = (spread(evidence) <= CONSTANT).groupby(keys).first()
    silent = (evidence.rollouts["advantage"] == 0).groupby(keys).all()
    if wrong := [place for place in constant.index if constant[place] != silent[place]]:
        return failed(name, f"{len(wrong)} groups, first: step {wrong[0][0]}, group {wrong[0][1]}")
    return passed(name, f"{100 * invalid_ratio(evidence).mean():.1f} % of {len(constant)} groups, first draws")


def check_groups(evidence: Evidence) -> Check:
    """Whole groups of one question; DAPO keeps what has a signal; GDQA's members differ, others' are alike."""
    if not evidence.samples:
        return not_checkable("groups", "supervised fine-tuning draws no groups")
    rows, members = evidence.rollouts, evidence.members
    found = rows.groupby(GROUP).agg(
        members=("member", "nunique"), questions=("question_id", "nunique"), kept=("kept", "nunique")
    )
    broken = found[(found["members"] != members) | (found["questions"] != 1) | (found["kept"] != 1)]
    if len(broken):
        return failed("groups", f"step {broken.index[0][0]}, group {broken.index[0][1]}: not {members} of one question")
    fault = _kept_fault(evidence) or _shown_fault(evidence)
    return failed("groups", fault) if fault else passed("groups", _told(evidence))


def _told(evidence: Evidence) -> str:
    told = f"{len(evidence.rollouts.groupby(GROUP))} whole groups"
    if evidence.arguments.get("resample_rounds"):
        groups = _by_group(evidence)
        filled = groups[(groups["kept"] == 1) & ~groups["signal"]]
        told += f"; dynamic sampling kept 0 < correct < G, save {len(filled)} after its last draw"
    return told


def _by_group(evidence: Evidence) -> pd.DataFrame:
    """A row a group: kept, draw, and whether it carries a signal (0 < correct < G, and rewards that differ)."""
    rows = evidence.rollouts.assign(live=spread(evidence) > CONSTANT)
    found = rows.groupby(GROUP).agg(
        kept=("kept", "first"), draw=("draw", "first"), live=("live", "first"), right=(ACCURACY, "sum")
    )
    mixed = (found["right"] > CONSTANT) & (found["right"] < evidence.members - CONSTANT)
    return found.assign(signal=found["live"] & mixed)


def _kept_fault(evidence: Evidence) -> str:
    """Where what was kept is not what the rule keeps: all groups but for dynamic sampling."""
    rounds = int(evidence.arguments.get("resample_rounds") or 0)
    for step, groups in _by_group(evidence).groupby(level="step"):
        kept = groups[groups["kept"] == 1]
        if not rounds:
            if len(kept) < len(groups):
                return f"step {step}: {len(groups) - len(kept)} groups were dropped, and no rule says so"
            if further := int((groups["draw"] > 0).sum()):
                return f"step {step}: {further} groups are of a further draw, and no rule says so"
            continue
        without, wanted = kept[~kept["signal"]], int((groups["draw"] == 0).sum())
        if len(kept) != wanted:
            return f"step {step}: kept {len(kept)} groups of {wanted}"
        if len(without) and (kept["signal"].sum() < groups["signal"].sum() or (without["draw"] > 0).any()):
            return f"step {step}, group {without.index[0][1]}: kept without 0 < correct < G while others had it"
        if len(without) and groups["draw"].max() < rounds and not _exhausted(evidence, groups):
            return f"step {step}, group {without.index[0][1]}: kept without 0 < correct < G before the last draw"
    return ""


def _exhausted(evidence: Evidence, groups: pd.DataFrame) -> bool:
    """Whether too few questions were left for another draw."""
    if evidence.training_set is None:
        return False
    left = len(evidence.training_set.questions) - len(groups)
    return left < int((groups["draw"] == 0).sum())


def _shown_fault(evidence: Evidence) -> str:
    """Where members of a group were not shown what the method says."""
    text, image = bool(evidence.arguments.get("augment_text")), bool(evidence.arguments.get("augment_image"))
    shown = evidence.rollouts.groupby(GROUP).agg(prompts=("prompt_hash", "nunique"), images=("image_hash", "nunique"))
    images = evidence.members if image else 1
    wrong = shown[(shown["images"] != images) | ((shown["prompts"] > 1) != text)]
    if not len(wrong):
        return ""
    told = f"{wrong.iloc[0]['prompts']} prompts and {wrong.iloc[0]['images']} images"
    return f"step {wrong.index[0][0]}, group {wrong.index[0][1]}: its {evidence.members} members saw {told}"
