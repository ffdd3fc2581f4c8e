"""The loss by formula of Dr. GRPO, GSPO and PAPO, against loops over completions of unequal lengths."""

import dataclasses

import numpy as np
import pytest

from anatomy_r1.training.certificate.losses import recomputed_loss
from anatomy_r1.training.training_log import RecordedBatch, read_batches, write_batch

LENGTHS, LONGEST, BUDGET = (5, 1, 8, 3), 8, 24  # the third was cut off: it fills the row
DR_GRPO = {"loss_type": "dr_grpo", "max_completion_length": BUDGET}
GSPO = {"loss_type": "grpo", "importance_sampling_level": "sequence", "epsilon": 3e-4, "epsilon_high": 4e-4}
PAPO = {"loss_type": "grpo", "perception_weight": 0.02, "double_entropy_weight": 0.05}


@pytest.fixture
def batch():
    rng = np.random.default_rng(0)
    mask = np.array([[float(t < n) for t in range(LONGEST)] for n in LENGTHS])
    policy, old, masked = (-rng.exponential(1, (4, LONGEST)) for _ in range(3))
    advantages = np.array([1.2, -0.7, 0.0, 0.4])
    return RecordedBatch(1, 0.0, 17.0, 2, 1, policy, old, None, advantages, mask, masked)


def rows(batch):
    arrays = zip(batch.policy, batch.old, batch.masked, batch.advantages, strict=True)
    return [(p[:n], o[:n], m[:n], a) for (p, o, m, a), n in zip(arrays, LENGTHS, strict=True)]


def clipped(ratio, advantage, low, high):
    return min(ratio * advantage, min(max(ratio, 1 - low), 1 + high) * advantage)


def test_dr_grpo(batch):
    total = sum(-clipped(np.exp(x - y), a, 0.2, 0.2) for p, o, _, a in rows(batch) for x, y in zip(p, o, strict=True))
    assert recomputed_loss(batch, DR_GRPO) == pytest.approx(total / 4 / BUDGET / 2, rel=1e-12)


def test_gspo(batch):
    ratios = [np.prod(np.exp(p - o)) ** (1 / len(p)) for p, o, _, _ in rows(batch)]
    total = sum(-clipped(r, a, 3e-4, 4e-4) for r, (_, _, _, a) in zip(ratios, rows(batch), strict=True))
    assert recomputed_loss(batch, GSPO) == pytest.approx(total / 4 / 2, rel=1e-12)
    assert recomputed_loss(batch, {**GSPO, "importance_sampling_level": "token"}) != pytest.approx(total / 4 / 2)


def test_papo(batch):
    total = 0.0
    for p, o, m, a in rows(batch):
        grpo = [-clipped(r, a, 0.2, 0.2) for r in np.exp(p - o)]
        total += np.mean(grpo - 0.02 * (np.exp(m - p) - (m - p) - 1) + 0.05 * (-p - m))
    assert recomputed_loss(batch, PAPO) == pytest.approx(total / 4 / 2, rel=1e-12)


def test_what_was_not_recorded_or_stated_has_no_formula(batch):
    assert recomputed_loss(dataclasses.replace(batch, masked=None), PAPO) is None
    assert recomputed_loss(batch, {"loss_type": "dr_grpo"}) is None
    assert recomputed_loss(batch, {**GSPO, "importance_sampling_level": "word"}) is None
    assert recomputed_loss(dataclasses.replace(batch, masked=None), GSPO) is not None


@pytest.mark.parametrize(
    "setting", [{"top_entropy_quantile": 0.2}, {"entropy_coef": 0.01}, {"delta": 4.0}, {"off_policy_mask_threshold": 1}]
)
def test_an_argument_that_changes_the_loss_otherwise_has_no_formula(batch, setting):
    assert recomputed_loss(batch, {**GSPO, **setting}) is None
    assert recomputed_loss(batch, {**GSPO, "top_entropy_quantile": 1.0, "entropy_coef": 0.0, "delta": None}) is not None


def test_a_recorded_batch_keeps_its_masked_probabilities(batch, tmp_path):
    for step, masked in ((1, batch.masked), (2, None)):
        write_batch(tmp_path, dataclasses.replace(batch, step=step, masked=masked))
    first, second = read_batches(tmp_path)
    assert np.array_equal(first.masked, batch.masked.astype(np.float32))
    assert second.masked is None
