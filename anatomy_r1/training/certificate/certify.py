"""Training log -> certificate.

Example:
    >>> certify(load_evidence(Path("runs/mini/train/sgg_anatomy_mini/mini-l/grpo/seed0"))).failed   # doctest: +SKIP
    ()
"""

from __future__ import annotations

from anatomy_r1.training.certificate.evidence import Evidence
from anatomy_r1.training.certificate.groups import (
    check_advantages,
    check_budget,
    check_groups,
    check_invalid,
    facts,
    invalid_ratio,
)
from anatomy_r1.training.certificate.losses import check_loss
from anatomy_r1.training.certificate.served import check_curriculum, check_data, check_similarity
from anatomy_r1.training.certificate.value import Certificate

CHECKS = (
    check_loss,
    check_advantages,
    check_curriculum,
    check_similarity,
    check_invalid,
    check_budget,
    check_groups,
    check_data,
)
"""In the order of `anatomy_r1.training.certificate.value.NAMES`."""


def certify(evidence: Evidence) -> Certificate:
    """Every check of one training. Pure: the same log gives the same certificate."""
    ratio = float(invalid_ratio(evidence).mean()) if evidence.samples else None
    return Certificate(tuple(check(evidence) for check in CHECKS), {**facts(evidence), "invalid_gradients": ratio})
