"""Checks of rollouts, group by group: advantages, constant groups (`invalid gradients`), groups, and the budget.

A group is constant if all its rewards are equal (a zero-variance group): it gives no gradient in any method.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from anatomy_r1.training.certificate.certificate import CertificateCheck, Evidence, failed, not_checkable, passed
from anatomy_r1.training.training_log import ACCURACY

CONSTANT = 1e-6
"""A group is constant if its rewards spread by no more, as in training."""
DEVIATION_FLOOR = 1e-4
"""TRL adds it to the standard deviation of the paper's eq. 1."""
TOLERANCE = 1e-5
"""Ours, beside what float32 rounds. A doubled reward, the only one of its group, moves its advantage by 5e-5 in a group
of two (through `DEVIATION_FLOOR`), and by more in larger ones.
"""
ROUNDINGS = 8
"""Ours: training adds and subtracts rewards in float32; so many of its rounding errors may add up in an advantage."""
GROUP = ["step", "group_index"]


def check_advantages(evidence: Evidence) -> CertificateCheck:
    """The logged advantages follow from the logged rewards."""
    if not evidence.samples:
        return not_checkable("advantages", "supervised fine-tuning has none")
    if evidence.arguments.get("scale_rewards", "group") not in ("group", "none"):
        return not_checkable("advantages", f"no formula here for scale_rewards {evidence.arguments['scale_rewards']}")
    if each := _normalised_each(evidence):
        return not_checkable("advantages", each)
    logged, wanted = evidence.rollouts["advantage"].to_numpy(float), recomputed_advantages(evidence).to_numpy(float)
    allowed = TOLERANCE + TOLERANCE * np.abs(wanted) + _rounding(evidence).to_numpy(float)
    wrong = np.flatnonzero(~(np.abs(logged - wanted) <= allowed))
    if len(wrong):
        row = evidence.rollouts.iloc[int(wrong[0])]
        where = f"step {row['step']}, group {row['group_index']}, member {row['member']}"
        first = f"{where}: {row['advantage']:.6f}, not {wanted[wrong[0]]:.6f}"
        return failed("advantages", f"{len(wrong)} of {len(logged)} differ, first: {first}")
    return passed("advantages", f"{len(logged)} recomputed from rewards")


def _normalised_each(evidence: Evidence) -> str:
    """Why advantages do not follow from the sum of the rewards; empty if they do."""
    found = evidence.arguments.get("multi_objective_aggregation", "sum_then_normalize")
    return "" if found == "sum_then_normalize" else f"no formula here for multi_objective_aggregation {found}"


def recomputed_advantages(evidence: Evidence) -> pd.Series:
    """Advantage of every rollout: the paper's eq. 1, without the deviation where the plan says so, or GPG's."""
    grouped = evidence.totals.groupby([evidence.rollouts[name] for name in GROUP])
    centred = evidence.totals - grouped.transform("mean")
    if evidence.arguments.get("scale_rewards", "group") == "group":
        centred = centred / (grouped.transform("std") + DEVIATION_FLOOR)
    live = ~_constant(evidence)
    if str(evidence.plan.get("method", {}).get("trainer", "")).endswith("GPGTrainer"):
        share = live.groupby([evidence.rollouts["step"], evidence.rollouts["draw"]]).transform("mean")
        centred = centred * (1.0 / share).where(share > 0, 1.0)  # GPG's alpha, B / (B - M)
    return centred.where(live, 0.0)


def _rounding(evidence: Evidence) -> pd.Series:
    """How far float32 may move each advantage: little, unless a group's rewards differ by little beside their size."""
    keys = [evidence.rollouts[name] for name in GROUP]
    error = ROUNDINGS * float(np.finfo(np.float32).eps) * evidence.totals.abs().groupby(keys).transform("max")
    if evidence.arguments.get("scale_rewards", "group") != "group":
        return error
    return error / (evidence.totals.groupby(keys).transform("std") + DEVIATION_FLOOR)


def _constant(evidence: Evidence) -> pd.Series:
    """Whether each rollout's group is constant."""
    grouped = evidence.totals.groupby([evidence.rollouts[name] for name in GROUP])
    return ~(grouped.transform("max") - grouped.transform("min") > CONSTANT)


def check_constant_groups(evidence: Evidence) -> CertificateCheck:
    """All advantages of a group are zero exactly where it is constant: the share means the same in every method."""
    name = "invalid gradients"
    if not evidence.samples:
        return not_checkable(name, "supervised fine-tuning draws no groups")
    if each := _normalised_each(evidence):
        return not_checkable(name, each)
    keys = [evidence.rollouts[column] for column in GROUP]
    constant = _constant(evidence).groupby(keys).first()
    silent = (evidence.rollouts["advantage"] == 0).groupby(keys).all()
    if wrong := [place for place in constant.index if constant[place] != silent[place]]:
        return failed(name, f"{len(wrong)} groups, first: step {wrong[0][0]}, group {wrong[0][1]}")
    return passed(name, f"{100 * constant_share(evidence).mean():.1f} % of {len(constant)} groups, first draws")


def constant_share(evidence: Evidence) -> pd.Series:
    """Step -> share of constant groups among those drawn first, the same rule for every method.

    The paper calls the gradients of such groups invalid.
    """
    first = evidence.rollouts["draw"] == 0
    return _constant(evidence)[first].groupby(evidence.rollouts.loc[first, "step"]).mean()


def check_groups(evidence: Evidence) -> CertificateCheck:
    """Groups are whole and of one question; DAPO keeps those with signal; members see what the method shows them."""
    if not evidence.samples:
        return not_checkable("groups", "supervised fine-tuning draws no groups")
    members = evidence.members
    found = evidence.rollouts.groupby(GROUP).agg(
        members=("member", "nunique"), questions=("question_id", "nunique"), kept=("kept", "nunique")
    )
    broken = found[(found["members"] != members) | (found["questions"] != 1) | (found["kept"] != 1)]
    if len(broken):
        return failed("groups", f"step {broken.index[0][0]}, group {broken.index[0][1]}: not {members} of one question")
    groups = _groups(evidence)
    if fault := _kept_fault(evidence, groups) or _shown_fault(evidence):
        return failed("groups", fault)
    detail = f"{len(groups)} whole groups"
    if evidence.arguments.get("resample_rounds"):
        filled = int(((groups["kept"] == 1) & ~groups["signal"]).sum())
        detail += f"; dynamic sampling kept 0 < correct < G, save {filled} after its last draw"
    return passed("groups", detail)


def _groups(evidence: Evidence) -> pd.DataFrame:
    """One row per group: kept, draw, and whether it has a signal (0 < correct < G, and rewards that differ)."""
    rows = evidence.rollouts.assign(constant=_constant(evidence))
    found = rows.groupby(GROUP).agg(
        kept=("kept", "first"), draw=("draw", "first"), constant=("constant", "first"), right=(ACCURACY, "sum")
    )
    mixed = (found["right"] > CONSTANT) & (found["right"] < evidence.members - CONSTANT)
    return found.assign(signal=mixed & ~found["constant"])


def _kept_fault(evidence: Evidence, by_group: pd.DataFrame) -> str:
    """Where groups were kept or dropped against the rule: all are kept, except under dynamic sampling."""
    rounds = int(evidence.arguments.get("resample_rounds") or 0)
    questions = len(evidence.training_set.questions) if evidence.training_set else float("inf")
    for step, groups in by_group.groupby(level="step"):
        kept = groups[groups["kept"] == 1]
        if not rounds:
            if len(kept) < len(groups):
                return f"step {step}: {len(groups) - len(kept)} groups were dropped, although the method keeps all"
            if further := int((groups["draw"] > 0).sum()):
                return f"step {step}: {further} groups are of a further draw, although the method draws once"
            continue
        without, wanted = kept[~kept["signal"]], int((groups["draw"] == 0).sum())
        for part in _shares(evidence, groups, wanted):
            if fault := _share_fault(part):
                return f"step {step}{fault}"
        exhausted = questions - len(groups) < wanted  # too few questions were left for another draw
        if len(without) and groups["draw"].max() < rounds and not exhausted:
            return f"step {step}, group {without.index[0][1]}: kept without 0 < correct < G before the last draw"
    return ""


def _shares(evidence: Evidence, groups: pd.DataFrame, wanted: int) -> Iterator[pd.DataFrame]:
    """The groups of a step by process: each fills its own share of the batch, whatever the others have to spare."""
    processes = next((batch.processes for batch in evidence.batches), int(evidence.plan.get("processes", 1)))
    place = groups.index.get_level_values("group_index") % max(wanted, 1)
    for _, part in groups.groupby(place // max(wanted // processes, 1)):
        yield part


def _share_fault(groups: pd.DataFrame) -> str:
    """Where a process kept too few or too many groups, or one without signal although it had another with."""
    kept, wanted = groups[groups["kept"] == 1], int((groups["draw"] == 0).sum())
    without = kept[~kept["signal"]]
    if len(kept) != wanted:
        return f": kept {len(kept)} groups of {wanted}"
    if len(without) and (kept["signal"].sum() < groups["signal"].sum() or (without["draw"] > 0).any()):
        return f", group {without.index[0][1]}: kept without 0 < correct < G while others had it"
    return ""


def _shown_fault(evidence: Evidence) -> str:
    """Where members of a group did not see what the method shows them (GDQA: different pairs; else: the same)."""
    text, image = bool(evidence.arguments.get("augment_text")), bool(evidence.arguments.get("augment_image"))
    shown = evidence.rollouts.groupby(GROUP).agg(prompts=("prompt_hash", "nunique"), images=("image_hash", "nunique"))
    images = evidence.members if image else 1
    wrong = shown[(shown["images"] != images) | ((shown["prompts"] > 1) != text)]
    if not len(wrong):
        return ""
    seen = f"{wrong.iloc[0]['prompts']} prompts and {wrong.iloc[0]['images']} images"
    return f"step {wrong.index[0][0]}, group {wrong.index[0][1]}: its {evidence.members} members saw {seen}"


def check_budget(evidence: Evidence) -> CertificateCheck:
    """Steps, completions per step and tokens agree between the plan, the log and training.json."""
    facts = budget_facts(evidence)
    faults = (_steps_fault, _completions_fault, _tokens_fault, _equal_tokens_fault)
    fault = next((found for one in faults if (found := one(evidence))), "")
    claimed = {name: evidence.spent.get(name) for name in ("steps", "rollout_tokens")}
    wrong = [name for name, value in claimed.items() if value != facts[name]]
    if not fault and wrong:
        fault = f"training.json claims {claimed[wrong[0]]} {wrong[0]}, the log has {facts[wrong[0]]}"
    if fault:
        return failed("budget", fault)
    each = f" of {facts['completions']}" if facts["completions"] else ""
    return passed("budget", f"{facts['steps']} steps{each}, {facts['rollout_tokens']:,} sampled tokens, as planned")


def budget_facts(evidence: Evidence) -> dict[str, Any]:
    """Steps and tokens of the own budget, and the completions of a step (None if steps differ)."""
    own = evidence.steps[evidence.steps["step"] <= evidence.own_steps]
    tokens = own["rollout_tokens"].fillna(0).iloc[-1] if len(own) and evidence.samples else 0
    counts = _learned(evidence).unique()
    completions = int(counts[0]) if len(counts) == 1 else None
    return {"steps": len(own), "completions": completions, "rollout_tokens": int(tokens)}


def _learned(evidence: Evidence) -> pd.Series:
    """Step -> number of completions (or examples) that it learned from."""
    if not evidence.samples:
        return evidence.served.groupby("step").size()
    return evidence.rollouts[evidence.rollouts["kept"] == 1].groupby("step").size()


def _steps_fault(evidence: Evidence) -> str:
    """Steps are 1, 2, 3, ... without a gap, and no fewer than planned."""
    logged = list(evidence.steps["step"])
    most = int(evidence.arguments["max_steps"])
    if logged != list(range(1, len(logged) + 1)):
        return "steps are missing from the log"
    if not evidence.own_steps <= len(logged) <= most:
        return f"{len(logged)} steps logged; planned: {evidence.own_steps}, at most {most}"
    return ""


def _completions_fault(evidence: Evidence) -> str:
    """The plan does not state the number of processes: it must be whole, and the same at each step."""
    counts = _learned(evidence)
    if not evidence.samples and not len(counts):
        return ""  # an old log, which the check of data reports
    each = int(evidence.arguments.get("per_device_train_batch_size", 1))
    each *= int(evidence.arguments.get("gradient_accumulation_steps", 1))
    if len(counts) != len(evidence.steps) or counts.nunique() != 1 or counts.iloc[0] % each:
        return f"steps learned from {sorted(set(counts))} completions; planned: {each} in each of {len(evidence.steps)}"
    processes = {batch.processes for batch in evidence.batches}
    if processes and processes != {counts.iloc[0] // each}:
        return f"steps learned from {counts.iloc[0]} completions; planned: {each} in each of {max(processes)} processes"
    return ""


def _equal_tokens_fault(evidence: Evidence) -> str:
    """The policy of equal tokens is that of the first step by which they were sampled, or else the last one."""
    kept = evidence.equal_tokens
    if kept is None:
        return ""
    done = evidence.steps["rollout_tokens"] >= int(evidence.arguments.get("rollout_tokens") or 0)
    wanted = int(done.to_numpy().argmax()) + 1 if done.any() else len(evidence.steps)
    if kept["reached"] == bool(done.any()) and kept["spent"].get("steps") == wanted:
        return ""
    claimed = f"step {kept['spent'].get('steps')} ({'' if kept['reached'] else 'not '}reached)"
    return f"the policy of equal tokens is claimed to be that of {claimed}, and the log says step {wanted}"


def _tokens_fault(evidence: Evidence) -> str:
    """The running count is the sum over rollouts, discarded draws included."""
    if not evidence.samples:
        return ""
    summed = evidence.rollouts.groupby("step")["tokens"].sum().cumsum()
    stated = evidence.steps.set_index("step")["rollout_tokens"]
    wrong = [step for step in stated.index if stated[step] != summed.get(step)]
    return f"step {wrong[0]}: {stated[wrong[0]]} tokens stated, {summed.get(wrong[0])} sampled" if wrong else ""
