"""Evidence of a training -> its certificate.

Example:
    >>> certify(load_evidence(Path("runs/mini/train/sgg_anatomy_mini/mini-l/grpo/seed0"))).failed   # doctest: +SKIP
    ()
"""

from __future__ import annotations

from anatomy_r1.training.certificate.certificate import Certificate, Evidence
from anatomy_r1.training.certificate.losses import check_loss
from anatomy_r1.training.certificate.rollouts import (
    budget_facts,
    check_advantages,
    check_budget,
    check_constant_groups,
    check_groups,
    constant_share,
)
from anatomy_r1.training.certificate.served import check_curriculum, check_data, check_similarity

CHECKS = (
    check_loss,
    check_advantages,
    check_curriculum,
    check_similarity,
    check_constant_groups,
    check_budget,
    check_groups,
    check_data,
)
"""In the order of `anatomy_r1.training.certificate.certificate.NAMES`."""


def certify(evidence: Evidence) -> Certificate:
    """Run every check. The same log always gives the same certificate."""
    constant = float(constant_share(evidence).mean()) if evidence.samples else None
    return Certificate(
        tuple(check(evidence) for check in CHECKS), {**budget_facts(evidence), "invalid_gradients": constant}
    )
