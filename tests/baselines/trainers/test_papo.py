"""PAPO: masks, the estimate of the divergence, and what a batch carries of them."""

import random

import numpy as np
import pytest
import torch
from PIL import Image

from baselines.trainers.papo import BOUND, MASKED, mask_patches, mean_over_completions, perception_kl
from baselines.trainers.records import image_hash
from tests.helpers.recording import GROUP, hashed_reward, trainer_for

WHITE = Image.new("RGB", (84, 56), "white")


@pytest.mark.parametrize(("share", "black"), [(0.0, 0.0), (0.6, 0.6), (1.0, 1.0)])
def test_whole_patches_are_black_and_nothing_else_changes(share, black):
    wide = Image.new("RGB", (14 * 40, 14 * 30), "white")
    pixels = np.asarray(mask_patches(wide, share, random.Random(0)))
    patches = pixels.reshape(30, 14, 40, 14, 3).transpose(0, 2, 1, 3, 4).reshape(1200, -1)
    assert set(map(tuple, np.stack([patches.min(1), patches.max(1)], 1))) <= {(0, 0), (255, 255)}
    assert (patches.max(1) == 0).mean() == pytest.approx(black, abs=0.04)


def test_an_image_that_is_no_whole_number_of_patches_is_masked_to_its_border():
    odd = mask_patches(Image.new("RGB", (30, 17), "white"), 1.0, random.Random(0))
    assert odd.size == (30, 17)
    assert not np.asarray(odd).any()


def test_a_mask_is_a_function_of_its_generator():
    first, again, other = (mask_patches(WHITE, 0.6, random.Random(seed)) for seed in (1, 1, 2))
    assert image_hash(first) == image_hash(again) != image_hash(other)


@pytest.mark.parametrize(
    ("policy", "masked", "expected", "case"),
    [
        (-0.5, -0.5, 0.0, "the image makes no difference"),
        (-0.5, -1.5, np.exp(-1) + 1 - 1, "masked: less likely"),
        (-1.5, -0.5, np.exp(1) - 1 - 1, "masked: more likely"),
        (-0.5, -60.0, BOUND, "beyond the bound"),
        (-200.0, -0.5, BOUND, "beyond what exp can hold"),
    ],
)
def test_the_estimate_of_a_token(policy, masked, expected, case):
    both = [torch.tensor([[value]], dtype=torch.float64, requires_grad=True) for value in (policy, masked)]
    found = perception_kl(*both)
    assert found.item() == pytest.approx(expected, abs=1e-12), case
    found.sum().backward()
    slope = 0.0 if expected == BOUND else np.exp(masked - policy) - 1
    assert [one.grad.item() for one in both] == pytest.approx([-slope, slope], abs=1e-12), case


def test_the_estimate_has_the_divergence_as_its_mean():
    p, q = torch.tensor([0.7, 0.2, 0.1]).double(), torch.tensor([0.3, 0.3, 0.4]).double()
    assert (p * perception_kl(p.log(), q.log())).sum().item() == pytest.approx((p * (p / q).log()).sum().item())


def test_the_mean_is_over_tokens_then_over_completions():
    values = torch.tensor([[1.0, 2.0, 90.0], [4.0, 90.0, 90.0], [90.0, 90.0, 90.0]])
    mask = torch.tensor([[1, 1, 0], [1, 0, 0], [0, 0, 0]])
    assert mean_over_completions(values, mask).item() == pytest.approx((1.5 + 4 + 0) / 3)


@pytest.fixture
def papo(smoke_run, with_budget, monkeypatch, tmp_path):
    monkeypatch.setattr("anatomy_r1.training.rewards.accuracy_reward", hashed_reward)
    run = with_budget(smoke_run, "rl", per_device_train_batch_size=3 * GROUP)
    return trainer_for(run, "papo", tmp_path / "work")[0]


def drawn(trainer):
    return trainer.collect(trainer.grouped([trainer.train_dataset[i] for i in range(3)]))


def test_a_group_has_one_mask_and_another_in_the_next_step(papo):
    row = papo.train_dataset[0]
    first, again = image_hash(papo._masked(row)), image_hash(papo._masked(row))
    other_question = image_hash(papo._masked({**row, "question_id": "another"}))
    papo.state.global_step = 1
    assert len({first, image_hash(papo._masked(row)), other_question, image_hash(row["image"])}) == 4
    assert first == again
    batch = drawn(papo)
    for group in range(3):
        of_group = batch[MASKED][group * GROUP : (group + 1) * GROUP]
        assert all(torch.equal(of_group[0], one) for one in of_group)
    assert not torch.equal(batch[MASKED][0], batch[MASKED][GROUP])


def test_an_image_without_black_patches_is_the_image_and_has_no_divergence(papo):
    """The masked images take another way to the model than TRL's: it must be the same input."""
    papo.args.masked_share = 0.0
    batch = drawn(papo)
    assert torch.equal(torch.cat(batch[MASKED]), batch["pixel_values"])
    papo.args.double_entropy_weight = 0.0
    papo._compute_loss(papo.model, batch)
    assert papo._metrics["train"]["papo/kl"] == [pytest.approx(0.0, abs=1e-12)]


def test_rows_keep_their_own_masked_image_when_trl_shuffles_a_batch(papo):
    from trl.trainer.utils import shuffle_sequence_dict, split_pixel_values_by_grid, split_tensor_dict

    batch = drawn(papo)
    batch["place"] = torch.arange(3 * GROUP)
    masked = list(batch[MASKED])
    halves = split_tensor_dict(shuffle_sequence_dict(split_pixel_values_by_grid(batch)), 2)
    places = torch.cat([half["place"] for half in halves]).tolist()
    found = [one for half in halves for one in half[MASKED]]
    assert places != sorted(places)
    assert all(torch.equal(one, masked[place]) for one, place in zip(found, places, strict=True))
