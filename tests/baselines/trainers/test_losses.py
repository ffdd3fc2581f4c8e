"""Loss and gradient of every method, on a recorded batch, against the formula in float64 over rows one by one."""

import random

import numpy as np
import pytest
import torch
from PIL import Image

from tests.helpers.recording import GROUP, hashed_reward, log_probabilities, shift_weights, spy_on_samples
from tests.helpers.recording import trainer_for as make

RL = ("grpo", "gpg", "dapo", "grpo-asc", "grpo-gdqa", "grpo-asc-gdqa", "dr-grpo", "gspo", "papo", "grpo-overlong")
OFF_POLICY = (
    "grpo",
    "dapo",
    "grpo-gdqa",
    "dr-grpo",
    "gspo",
    "papo",
)  # GPG is defined on-policy; a curriculum allows one step a batch


@pytest.fixture
def small(smoke_run, with_budget, monkeypatch):
    monkeypatch.setattr("anatomy_r1.training.rewards.accuracy_reward", hashed_reward)
    size = {"per_device_train_batch_size": 3 * GROUP, "temperature": 0.9, "beta": 0.1}
    return lambda **more: with_budget(smoke_run, "rl", **size, **more)


def grouped_advantages(totals, deviation):
    groups = totals.view(-1, GROUP)
    centred = groups - groups.mean(1, keepdim=True)
    return (centred / (groups.std(1, keepdim=True) + 1e-4) if deviation else centred).flatten()


def grpo_loss(new, old, reference, advantage, beta):
    """Mean over rows of the mean over tokens of -(min(r A, clip(r) A) - beta KL)."""
    return sum(
        -(clipped(n, o, a, 0.2) - beta * ((r - n).exp() - (r - n) - 1)).mean()
        for n, o, r, a in zip(new, old, reference, advantage, strict=True)
    ) / len(new)


def dapo_loss(new, old, advantage):
    total = sum(-clipped(n, o, a, 0.28).sum() for n, o, a in zip(new, old, advantage, strict=True))
    return total / sum(len(n) for n in new)


def gpg_loss(new, advantage, totals):
    """-alpha A log pi over all tokens, alpha from the responses in constant groups."""
    constant = sum(GROUP for group in totals.view(-1, GROUP) if group.max() - group.min() < 1e-6)
    alpha = len(totals) / (len(totals) - constant)
    return sum((-alpha * a * n).sum() for n, a in zip(new, advantage, strict=True)) / sum(len(n) for n in new)


def dr_grpo_loss(new, old, advantage, longest):
    """Sum over all tokens, divided by completions times the generation budget."""
    return sum(-clipped(n, o, a, 0.2).sum() for n, o, a in zip(new, old, advantage, strict=True)) / len(new) / longest


def gspo_loss(new, old, advantage):
    """Mean over completions; the ratio is the geometric mean of the tokens' ratios."""
    total = 0.0
    for n, o, a in zip(new, old, advantage, strict=True):
        ratio = torch.prod((n - o).exp()) ** (1 / len(n))
        total = total - torch.minimum(ratio * a, ratio.clamp(1 - 3e-4, 1 + 4e-4) * a)
    return total / len(new)


def papo_terms(trainer, seen, picks, new):
    """gamma 0.02 times minus the KL to the policy with masked images, eta 0.05 times the two sampled entropies."""
    rows = [seen[d][0][r] for d, r in picks]
    completions = [seen[d][1][r] for d, r in picks]
    total = 0.0
    for row, completion, n in zip(rows, completions, new, strict=True):
        masked = log_probabilities(trainer, trainer.model, {**row, "image": blackened(row)}, completion)
        assert (masked - n).abs().max() > 1e-4
        total = total + (-0.02 * ((masked - n).exp() - (masked - n) - 1) + 0.05 * (-n - masked)).mean()
    return total / len(new)


def blackened(row):
    """The first step's mask, written out: one number a patch of 14 x 14 pixels, row by row."""
    rng, pixels = random.Random(f"0/0/{row['question_id']}/mask"), np.asarray(row["image"]).copy()
    kept = np.array([[rng.random() >= 0.6 for _ in range(84 // 14)] for _ in range(84 // 14)])
    return Image.fromarray(pixels * np.kron(kept, np.ones((14, 14), bool))[..., None])


def clipped(new, old, advantage, high):
    ratio = (new - old).exp()
    return torch.minimum(ratio * advantage, ratio.clamp(0.8, 1 + high) * advantage)


def kept_rows(method, seen):
    """Rows that the loss must be about: for DAPO, the first three groups with mixed accuracy over all draws."""
    every = [(draw, row) for draw, (rows, _, _) in enumerate(seen) for row in range(len(rows))]
    if method != "dapo":
        return every
    groups = [every[i : i + GROUP] for i in range(0, len(every), GROUP)]
    mixed = [g for g in groups if len({seen[d][2][r, 0].item() for d, r in g}) > 1]
    return [pick for group in mixed[:3] for pick in group]


def formula(method, trainer, new, old, reference, totals):
    advantage = grouped_advantages(totals, deviation=method not in ("gpg", "dr-grpo"))
    if method == "dr-grpo":
        return dr_grpo_loss(new, old, advantage, trainer.args.max_completion_length)
    if method == "gspo":
        return gspo_loss(new, old, advantage)
    if method == "gpg":
        return gpg_loss(new, advantage, totals)
    if method == "dapo":
        return dapo_loss(new, old, advantage)
    return grpo_loss(new, old, reference, advantage, trainer.args.beta)


def by_rows(trainer, model, seen, picks):
    return [log_probabilities(trainer, model, seen[d][0][r], seen[d][1][r]) for d, r in picks]


MOVED = [pytest.param(method, True, marks=pytest.mark.slow) for method in OFF_POLICY]
QUICK = ("grpo", "gpg", "dapo", "dr-grpo", "gspo")
"""One method of each formula; PAPO's additional terms have quick tests of their own."""
UNMOVED = [pytest.param(method, False, marks=[] if method in QUICK else pytest.mark.slow) for method in RL]


@pytest.mark.parametrize(("method", "moved"), [*UNMOVED, *MOVED])
def test_loss_and_gradient_equal_the_formula(method, moved, small, tmp_path):
    """`moved`: weights have changed since the rollout; ratios leave the clip's bounds and the KL term is not zero."""
    trainer, _ = make(small(), method, tmp_path / "work")
    if moved:
        trainer.num_iterations = 2  # so that TRL notes the probabilities at the time of the rollout
    seen = spy_on_samples(trainer)
    rows = trainer.grouped([trainer.train_dataset[i] for i in range(3)])
    batch = trainer.collect(trainer.vary(trainer.choose(rows)))
    picks = kept_rows(method, seen)
    with torch.no_grad():
        old = by_rows(trainer, trainer.model, seen, picks)
    if moved:
        shift_weights(trainer.model, 0.02)
    weights = [p for p in trainer.model.parameters() if p.requires_grad]
    loss = trainer._compute_loss(trainer.model, batch)
    gradient = torch.autograd.grad(loss, weights, allow_unused=True)

    new = by_rows(trainer, trainer.model, seen, picks)
    with torch.no_grad():
        reference = by_rows(trainer, trainer.ref_model, seen, picks) if trainer.ref_model else None
    totals = torch.stack([seen[d][2][r].sum() for d, r in picks])
    expected = formula(method, trainer, new, old, reference, totals)
    if method == "papo":
        expected = expected + papo_terms(trainer, seen, picks, new)
    wanted = torch.autograd.grad(expected, weights, allow_unused=True)

    # On-policy the terms cancel: then the yardstick is an advantage, of size one.
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5, abs=1e-7)
    pairs = [(g, w) for g, w in zip(gradient, wanted, strict=True) if w is not None]
    error = torch.cat([(g - w).flatten() for g, w in pairs]).norm()
    size = torch.cat([w.flatten() for _, w in pairs]).norm()
    assert size > 1e-3
    assert error / size < 1e-5
    check_the_batch_was_worth_it(method, trainer, seen, picks, old, new, moved)


def check_the_batch_was_worth_it(method, trainer, seen, picks, old, new, moved):
    """Without these the test above could pass on a batch that shows nothing."""
    lengths = {len(n) for n in new}
    assert trainer.args.max_completion_length in lengths  # truncated
    assert len(lengths) > 1
    prompts = {len(seen[d][0][r]["prompt"][-1]["content"].split()) for d, r in picks}
    assert len(prompts) > 1
    if method == "dapo":
        assert len(seen) > 1
    else:
        assert (seen[0][2][GROUP : 2 * GROUP, 0] - 1.2).abs().max() < 1e-6  # a group of eight 1.2
    if moved:
        ratios = torch.cat([(n - o).exp() for n, o in zip(new, old, strict=True)])
        assert ratios.max() > 1.28
        assert ratios.min() < 0.8


def test_with_one_update_a_rollout_gspo_is_grpo_without_its_kl_term():
    """As its docs say: one loss and gradient, whatever the lengths; once the weights have moved, another."""
    generator = torch.Generator().manual_seed(0)
    advantage = torch.tensor([1.2, -0.7, 0.0, 0.4]).double()
    new = [(-torch.rand(n, generator=generator).double()).requires_grad_() for n in (5, 1, 8, 3)]
    for shift, same in ((0.0, True), (0.01, False)):
        old = [n.detach() - shift * torch.arange(len(n)) for n in new]
        losses = (gspo_loss(new, old, advantage), grpo_loss(new, old, old, advantage, beta=0.0))
        one, other = (torch.cat(torch.autograd.grad(loss, new)) for loss in losses)
        assert torch.allclose(one, other, atol=1e-12) == same
