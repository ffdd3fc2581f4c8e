"""Evidence of a training -> its certificate.

Example:
    >>> certify(load_evidence(Path("runs/mini/train/sgg_anatomy_mini/mini-l/grpo/seed0"))).failed   # doctest: +SKIP
    ()
"""

from __future__ import annotations

from anatomy_r1.training.certificate import losses, rollouts, served
from anatomy_r1.training.certificate.certificate import Certificate, CertificateCheck, Evidence, not_checkable

CHECKS = (
    losses.check_loss,
    rollouts.check_advantages,
    served.check_rewards,
    served.check_curriculum,
    served.check_similarity,
    rollouts.check_constant_groups,
    rollouts.check_budget,
    rollouts.check_groups,
    served.check_data,
)
"""In the order of `anatomy_r1.training.certificate.certificate.NAMES`."""

OUR_TRAINERS = "baselines.trainers."
"""What the path of every trainer of this project begins with."""
OF_THE_TRAINER = ("loss", "advantages", "invalid gradients", "groups")
"""Checks by formulas and rules of our trainers, which a method's own trainer may replace (docs/add-a-method.md)."""


def certify(evidence: Evidence) -> Certificate:
    """Run every check. The same log always gives the same certificate."""
    constant = float(rollouts.constant_share(evidence).mean()) if evidence.samples else None
    facts = {**rollouts.budget_facts(evidence), "invalid_gradients": constant}
    return Certificate(tuple(_judged(check(evidence), evidence) for check in CHECKS), facts)


def _judged(check: CertificateCheck, evidence: Evidence) -> CertificateCheck:
    """The check; where a method's own trainer does otherwise than ours, nothing is known of what it should do."""
    trainer = str(evidence.plan.get("method", {}).get("trainer") or OUR_TRAINERS)
    if check.outcome != "failed" or check.name not in OF_THE_TRAINER or trainer.startswith(OUR_TRAINERS):
        return check
    return not_checkable(check.name, f"{trainer} is the method's own, and does otherwise than ours: {check.detail}")
