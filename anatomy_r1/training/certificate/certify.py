"""Evidence of a training -> its certificate.

Example:
    >>> certify(load_evidence(Path("runs/mini/train/sgg_anatomy_mini/mini-l/grpo/seed0"))).failed   # doctest: +SKIP
    ()
"""

from __future__ import annotations

from anatomy_r1.training.certificate import losses, rollouts, served
from anatomy_r1.training.certificate.certificate import Certificate, Evidence

CHECKS = (
    losses.check_loss,
    rollouts.check_advantages,
    served.check_curriculum,
    served.check_similarity,
    rollouts.check_constant_groups,
    rollouts.check_budget,
    rollouts.check_groups,
    served.check_data,
)
"""In the order of `anatomy_r1.training.certificate.certificate.NAMES`."""


def certify(evidence: Evidence) -> Certificate:
    """Run every check. The same log always gives the same certificate."""
    constant = float(rollouts.constant_share(evidence).mean()) if evidence.samples else None
    facts = {**rollouts.budget_facts(evidence), "invalid_gradients": constant}
    return Certificate(tuple(check(evidence) for check in CHECKS), facts)
