"""What the groups of a run hold: signal or none, DAPO's kept draws, and what GDQA's members were shown.

Advantages recomputed from the logged rewards, group by group (DeepSeekMath eq. 1; GPG's alpha).

Steps, completions and tokens: what was planned, what the log holds, what the record of the training claims.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from anatomy_r1.training.certificate.evidence import Evidence
from anatomy_r1.training.certificate.value import Check, failed, not_checkable, passed
from anatomy_r1.training.training_log import ACCURACY

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


def facts(evidence: Evidence) -> dict[str, Any]:
    """What tables compare between methods, of the own budget."""
    own = evidence.steps[evidence.steps["step"] <= evidence.own_steps]
    tokens = own["rollout_tokens"].fillna(0).iloc[-1] if len(own) and evidence.samples else 0
    return {"steps": len(own), "completions": _a_step(evidence), "rollout_tokens": int(tokens)}


def _learned(evidence: Evidence) -> pd.Series:
    """Step -> completions (or examples) that it learned from."""
    if not evidence.samples:
        return evidence.served.groupby("step").size()
    return evidence.rollouts[evidence.rollouts["kept"] == 1].groupby("step").size()


def _a_step(evidence: Evidence) -> int | None:
    counts = _learned(evidence).unique()
    return int(counts[0]) if len(counts) == 1 else None


def check_budget(evidence: Evidence) -> Check:
    """As many steps as planned, each of as many completions, and the tokens that the record claims."""
    fault = _steps(evidence) or _completions(evidence) or _tokens(evidence) or _claimed(evidence)
    if fault:
        return failed("budget", fault)
    found = facts(evidence)
    each = f" of {found['completions']}" if found["completions"] else ""
    return passed("budget", f"{found['steps']} steps{each}, {found['rollout_tokens']:,} sampled tokens, as planned")


def _steps(evidence: Evidence) -> str:
    """Steps 1, 2, 3, ... without a gap, and no fewer than planned."""
    logged = list(evidence.steps["step"])
    most = int(evidence.arguments["max_steps"])
    if logged != list(range(1, len(logged) + 1)):
        return "steps are missing from the log"
    if not evidence.own_steps <= len(logged) <= most:
        return f"{len(logged)} steps logged; planned: {evidence.own_steps}, at most {most}"
    return ""


def _completions(evidence: Evidence) -> str:
    """The plan does not say how many processes trained: their number must be whole, and the same at each step."""
    counts = _learned(evidence)
    if not evidence.samples and not len(counts):
        return ""  # an old log; `data` says so
    each = int(evidence.arguments.get("per_device_train_batch_size", 1))
    each *= int(evidence.arguments.get("gradient_accumulation_steps", 1))
    if len(counts) != len(evidence.steps) or counts.nunique() != 1 or counts.iloc[0] % each:
        return f"steps learned from {sorted(set(counts))} completions; planned: {each} in each of {len(evidence.steps)}"
    processes = {batch.processes for batch in evidence.batches}
    if processes and processes != {counts.iloc[0] // each}:
        return f"steps learned from {counts.iloc[0]} completions; planned: {each} in each of {max(processes)} processes"
    return ""


def _tokens(evidence: Evidence) -> str:
    """The running count is the sum over rollouts, discarded draws included."""
    if not evidence.samples:
        return ""
    summed = evidence.rollouts.groupby("step")["tokens"].sum().cumsum()
    stated = evidence.steps.set_index("step")["rollout_tokens"]
    wrong = [step for step in stated.index if stated[step] != summed.get(step)]
    return f"step {wrong[0]}: {stated[wrong[0]]} tokens stated, {summed.get(wrong[0])} sampled" if wrong else ""


def _claimed(evidence: Evidence) -> str:
    found = facts(evidence)
    claimed = {name: evidence.spent.get(name) for name in ("steps", "rollout_tokens")}
    wrong = [name for name, value in claimed.items() if value != found[name]]
    return f"training.json claims {claimed[wrong[0]]} {wrong[0]}, the log has {found[wrong[0]]}" if wrong else ""
