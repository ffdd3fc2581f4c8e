"""Steps, completions and tokens: what was planned, what the log holds, what the record of the training claims."""

from __future__ import annotations

from typing import Any

import pandas as pd

from anatomy_r1.training.certificate.evidence import Evidence
from anatomy_r1.training.certificate.value import Check, failed, passed


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
