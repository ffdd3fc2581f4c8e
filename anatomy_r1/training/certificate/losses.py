"""Check of the loss: recorded batches, recomputed in float64 by the method's published formula.

Written from the formulas, independently of TRL: DeepSeekMath eq. 3 (`grpo`), DAPO eq. 8 (`dapo`), the token mean of the
device batch (`bnpo`), Dr. GRPO (`dr_grpo`: arXiv:2503.20783, sec. 3.2), and GPG (`cispo` with a bound that is never
reached: -A log pi); the ratio of tokens, or of sequences (GSPO: arXiv:2507.18071, eq. 7); and PAPO's perception terms
(arXiv:2507.06448, eq. 2).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from anatomy_r1.training.certificate.certificate import CertificateCheck, Evidence, failed, not_checkable, passed
from anatomy_r1.training.training_log import Floats, RecordedBatch

TOLERANCE = 1e-5
"""Ours: training sums hundreds of terms of size one in float32, exact to about 1e-7; a wrong term is 1e-3 or more."""

NEUTRAL: Mapping[str, Any] = {
    "delta": None,
    "entropy_coef": 0.0,
    "off_policy_mask_threshold": None,
    "top_entropy_quantile": 1.0,
    "use_adaptive_entropy": False,
}
"""Arguments of TRL that change the loss in ways that have no formula here, and the values at which they do not."""

LARGEST_KL, FARTHEST = 10.0, 20.0
"""Bounds of PAPO's estimate of a token's KL and of the difference in its exponent (baselines/trainers/papo.py)."""


def check_loss(evidence: Evidence) -> CertificateCheck:
    """The recorded loss equals the formula's, and the log states the same loss, advantages and lengths."""
    if not evidence.samples:
        return not_checkable("loss", "supervised fine-tuning records no probabilities")
    if not evidence.batches:
        return not_checkable("loss", "no batch was recorded (trained before there were certificates)")
    losses = [recomputed_loss(batch, evidence.arguments) for batch in evidence.batches]
    if losses[0] is None:
        named = ", ".join([str(evidence.arguments.get("loss_type")), *_not_neutral(evidence.arguments)])
        return not_checkable("loss", f"no formula here for these arguments ({named})")
    found = [(batch, loss) for batch, loss in zip(evidence.batches, losses, strict=True) if loss is not None]
    faults = [fault for batch, loss in found if (fault := _fault(batch, loss, evidence))]
    if faults:
        return failed("loss", f"{len(faults)} of {len(found)} recorded batches, first: {faults[0]}")
    worst = max(abs(loss - batch.loss) for batch, loss in found)
    return passed("loss", f"recomputed on {len(found)} recorded batches, largest difference {worst:.1e}")


def recomputed_loss(batch: RecordedBatch, arguments: Mapping[str, Any]) -> float | None:
    """The loss by formula; None if the arguments ask for a loss that is not implemented here."""
    if not _has_formula(batch, arguments):
        return None
    if arguments.get("use_bias_correction_kl", False) and arguments.get("beta"):
        return None
    if arguments.get("use_vllm", False) and arguments.get("vllm_importance_sampling_correction", True):
        return None  # the loss is weighted by another ratio, which is not recorded
    terms = _policy_terms(batch, arguments) + float(arguments.get("beta") or 0.0) * _divergence(batch)
    return float(_mean(terms, batch, arguments)) + _perception(batch, arguments)


def _not_neutral(arguments: Mapping[str, Any]) -> list[str]:
    """Arguments that change the loss in ways that have no formula here."""
    return [name for name, neutral in NEUTRAL.items() if arguments.get(name, neutral) != neutral]


def _has_formula(batch: RecordedBatch, arguments: Mapping[str, Any]) -> bool:
    """Whether the loss is one of those above, and what it needs was stated and recorded."""
    kind, level = arguments.get("loss_type"), arguments.get("importance_sampling_level", "token")
    if kind not in ("grpo", "dapo", "bnpo", "cispo", "dr_grpo") or level not in ("token", "sequence"):
        return False
    if _not_neutral(arguments):
        return False
    if kind == "dr_grpo" and not arguments.get("max_completion_length"):
        return False  # the constant by which it divides
    return batch.masked is not None or not _perceives(arguments)


def _policy_terms(batch: RecordedBatch, arguments: Mapping[str, Any]) -> Floats:
    """(B, T): minus the clipped ratio times the advantage; for GPG minus the advantage times log pi."""
    ratio, advantage = _ratio(batch, arguments), batch.advantages[:, None]
    low = float(arguments.get("epsilon", 0.2))
    high = float(arguments.get("epsilon_high") or low)
    if arguments["loss_type"] == "cispo":
        return np.asarray(-np.minimum(ratio, high) * advantage * batch.policy)
    return np.asarray(-np.minimum(ratio * advantage, np.clip(ratio, 1 - low, 1 + high) * advantage))


def _ratio(batch: RecordedBatch, arguments: Mapping[str, Any]) -> Floats:
    """(B, T): pi / pi_old of each token; in GSPO, at every token the geometric mean of its completion's."""
    gap = np.where(batch.mask > 0, batch.policy - batch.old, 0.0)
    if arguments.get("importance_sampling_level", "token") == "sequence":
        mean = gap.sum(1, keepdims=True) / np.maximum(batch.mask.sum(1, keepdims=True), 1)
        gap = np.broadcast_to(mean, gap.shape)
    return np.asarray(np.exp(gap))


def _perceives(arguments: Mapping[str, Any]) -> bool:
    return bool(arguments.get("perception_weight") or arguments.get("double_entropy_weight"))


def _perception(batch: RecordedBatch, arguments: Mapping[str, Any]) -> float:
    """PAPO's terms: minus gamma KL(pi || pi_masked), plus eta times both sampled entropies; 0 in other methods."""
    if batch.masked is None or not _perceives(arguments):
        return 0.0
    gap = np.clip(batch.masked - batch.policy, -FARTHEST, FARTHEST)
    divergence = np.minimum(np.exp(gap) - gap - 1, LARGEST_KL)
    entropies = -batch.policy - batch.masked
    gamma, eta = (float(arguments.get(name) or 0.0) for name in ("perception_weight", "double_entropy_weight"))
    kept = np.where(batch.mask > 0, eta * entropies - gamma * divergence, 0.0)
    return float((kept.sum(1) / np.maximum(batch.mask.sum(1), 1)).mean() / batch.accumulation)


def _divergence(batch: RecordedBatch) -> Floats:
    """(B, T): the KL estimate of DeepSeekMath eq. 4, exp(d) - d - 1 with d = log pi_ref - log pi; else zero."""
    if batch.reference is None:
        return np.zeros_like(batch.policy)
    gap = batch.reference - batch.policy
    return np.asarray(np.exp(gap) - gap - 1)


def _mean(terms: Floats, batch: RecordedBatch, arguments: Mapping[str, Any]) -> Floats:
    kept, kind = np.where(batch.mask > 0, terms, 0.0), arguments["loss_type"]
    if kind == "grpo":  # over a completion's tokens, then over completions
        return np.asarray((kept.sum(1) / np.maximum(batch.mask.sum(1), 1)).mean() / batch.accumulation)
    if kind == "dr_grpo":  # over completions of one constant length
        return np.asarray(kept.sum() / len(kept) / float(arguments["max_completion_length"]) / batch.accumulation)
    if kind == "bnpo":  # over the tokens of the device batch
        return np.asarray(kept.sum() / max(batch.mask.sum(), 1) / batch.accumulation)
    share = batch.accumulation / float(arguments.get("steps_per_generation") or batch.accumulation)
    return np.asarray(kept.sum() * batch.processes / max(batch.tokens, 1) / share)  # over the tokens of all processes


def _fault(batch: RecordedBatch, recomputed: float, evidence: Evidence) -> str:
    """Where the batch contradicts the formula or the log; empty if nowhere."""
    if not np.isclose(recomputed, batch.loss, rtol=TOLERANCE, atol=TOLERANCE):
        return f"step {batch.step}: formula {recomputed}, training {batch.loss}"
    if batch.accumulation > 1 or batch.processes > 1:
        return ""  # the log has the mean over several batches, of which one was recorded
    stated = evidence.steps.loc[evidence.steps["step"] == batch.step, "loss"]
    if len(stated) != 1 or not np.isclose(stated.iloc[0], batch.loss, rtol=TOLERANCE, atol=TOLERANCE):
        return f"step {batch.step}: the log states a loss of {list(stated)}, the batch gave {batch.loss}"
    return _other_rows(batch, evidence)


def _other_rows(batch: RecordedBatch, evidence: Evidence) -> str:
    """Whether the batch holds other completions than the log; the trainer shuffles rows, so they compare as sets."""
    if evidence.arguments.get("steps_per_generation", 1) != 1:
        return ""
    rows = evidence.rollouts[(evidence.rollouts["step"] == batch.step) & (evidence.rollouts["kept"] == 1)]
    logged = np.sort(rows["advantage"].to_numpy(float))
    if len(logged) != len(batch.advantages) or not np.allclose(np.sort(batch.advantages), logged, atol=TOLERANCE):
        return f"step {batch.step}: the batch has other advantages than the log"
    if sorted(batch.mask.sum(1).astype(int)) != sorted(rows["tokens"]):
        return f"step {batch.step}: the batch has completions of other lengths than the log"
    return ""
