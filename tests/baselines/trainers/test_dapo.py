"""Dynamic sampling: what is kept, drawn and logged; and how batches of different lengths are joined."""

import pytest
import torch

from anatomy_r1.training.training_log import read
from baselines.experiment.cell import Cell
from baselines.stages.train import LOG_NAME, train
from baselines.trainers.batches import merge
from tests.helpers.recording import GROUP, hashed, hashed_reward, trainer_for
from tests.helpers.small_runs import ignore

CELL = Cell("sgg_anatomy_mini", "mini-l", "dapo", 0)


def never(completions, **_):
    return [0.0] * len(completions)


never.__name__ = "accuracy_reward"


@pytest.fixture
def dapo(smoke_run, with_budget, monkeypatch):
    def make(reward):
        monkeypatch.setattr("anatomy_r1.training.rewards.accuracy_reward", reward)
        return with_budget(
            smoke_run, "rl", per_device_train_batch_size=3 * GROUP, max_steps=2, max_completion_length=12
        )

    return make


@pytest.mark.slow
def test_a_full_batch_has_no_group_without_signal_and_no_prompt_twice(dapo):
    out = train(dapo(hashed_reward), CELL, ignore)
    rollouts, steps = read(out / LOG_NAME, "rollouts"), read(out / LOG_NAME, "steps")
    for step in (1, 2):
        drawn = rollouts[rollouts["step"] == step]
        kept = drawn[drawn["kept"] == 1]
        assert len(kept) == 3 * GROUP
        assert drawn["draw"].max() >= 1  # the second group of each draw is constant
        correct = kept.groupby("group_index")["reward_accuracy_reward"].sum()
        assert ((correct > 0) & (correct < GROUP)).all()
        assert (kept.groupby("group_index")["advantage"].std() > 0).all()
        assert drawn.groupby("group_index")["question_id"].nunique().max() == 1
        assert drawn.groupby("question_id")["group_index"].nunique().max() == 1
    assert steps["rollout_tokens"].iloc[-1] == rollouts["tokens"].sum()
    assert rollouts["tokens"].sum() > rollouts[rollouts["kept"] == 1]["tokens"].sum()


@pytest.mark.slow
def test_after_three_further_draws_the_first_draws_groups_fill_the_batch(dapo):
    out = train(dapo(never), CELL, ignore)
    first = read(out / LOG_NAME, "rollouts").query("step == 1")
    assert first["draw"].nunique() == 4
    kept = first[first["kept"] == 1]
    assert set(kept["draw"]) == {0}
    assert len(kept) == 3 * GROUP
    assert first["question_id"].nunique() == 4 * 3


def test_drawing_stops_when_there_are_no_other_prompts(dapo, tmp_path):
    trainer, _ = trainer_for(dapo(never), "dapo", tmp_path / "work", precise=False)
    trainer.train_dataset = trainer.train_dataset.select(range(5))
    trainer.collect(trainer.grouped([trainer.train_dataset[i] for i in range(3)]))
    assert trainer._metrics["train"]["dapo/draws"] == [1]
    assert trainer._metrics["train"]["dapo/full"] == [0.0]


def test_a_format_point_that_makes_up_for_accuracy_is_no_signal(dapo, tmp_path):
    def mirrored(completions, **_):
        return [1.0 - hashed(c) for c in completions]

    def accuracy(completions, **_):
        return [hashed(c) for c in completions]

    accuracy.__name__ = "accuracy_reward"
    run = dapo(accuracy)
    trainer, _ = trainer_for(run, "dapo", tmp_path / "work", precise=False)
    trainer.reward_funcs = [accuracy, mirrored, never]
    drawn = trainer.draw(trainer.grouped([trainer.train_dataset[i] for i in range(3)]))
    assert (drawn.totals == 1).all()
    assert trainer._with_signal(drawn) == []


def test_whole_groups_are_required(dapo, tmp_path):
    trainer, _ = trainer_for(dapo(never), "dapo", tmp_path / "work", precise=False)
    with pytest.raises(ValueError, match="whole groups"):
        trainer.collect([trainer.train_dataset[0]] * 12)


@pytest.mark.parametrize(
    ("length", "punishment"),
    [(1, 0.0), (10, 0.0), (11, -0.5), (12, -1.0)],
    ids=["short", "at the border", "within the cache", "at the limit"],
)
def test_overlong_responses_are_punished_by_length(length, punishment, dapo, tmp_path):
    trainer, _ = trainer_for(dapo(never), "dapo", tmp_path / "work", precise=False)
    overlong = trainer.reward_funcs[2]  # arXiv:2503.14476, eq. 13, with L_max 12 and a cache of a fifth: 2
    assert overlong(completion_ids=[[7] * length]) == [punishment]


def batch(prompt, completion, rows, first):
    """Row i holds the number first + i everywhere; its prompt and completion are shorter by i."""
    ids = torch.full((rows, prompt), 99), torch.full((rows, completion), 99)
    masks = torch.zeros(rows, prompt, dtype=torch.long), torch.zeros(rows, completion, dtype=torch.long)
    for i in range(rows):
        ids[0][i, i:], masks[0][i, i:] = first + i, 1
        ids[1][i, : completion - i], masks[1][i, : completion - i] = first + i, 1
    return {
        "prompt_ids": ids[0], "prompt_mask": masks[0], "completion_ids": ids[1], "completion_mask": masks[1],
        "advantages": torch.arange(first, first + rows).float(), "num_items_in_batch": masks[1].sum(),
        "old_per_token_logps": ids[1].float(), "num_images": [1] * rows,
        "mm_token_type_ids": torch.cat([masks[0], torch.zeros_like(masks[1])], 1),
        "pixel_values": torch.repeat_interleave(torch.arange(first, first + rows), 4)[:, None].float(),
        "image_grid_thw": torch.tensor([[1, 2, 2]] * rows),
    }  # fmt: skip


def test_rows_of_batches_with_other_lengths_are_joined_without_mixing():
    merged = merge([batch(5, 7, 2, first=10), batch(8, 4, 3, first=20)], [(1, 2), (0, 0), (1, 0)], pad=99)
    numbers = [22, 10, 20]
    assert merged["prompt_ids"].shape == (3, 8)
    assert merged["completion_ids"].shape == (3, 7)
    for row, (number, prompt, completion) in enumerate(zip(numbers, (6, 5, 8), (2, 7, 4), strict=True)):
        mask = merged["prompt_mask"][row].bool()
        assert mask.tolist() == [False] * (8 - prompt) + [True] * prompt
        assert set(merged["prompt_ids"][row][mask].tolist()) == {number}
        assert set(merged["prompt_ids"][row][~mask].tolist()) <= {99}
        mask = merged["completion_mask"][row].bool()
        assert mask.tolist() == [True] * completion + [False] * (7 - completion)
        assert set(merged["completion_ids"][row][mask].tolist()) == {number}
        assert set(merged["old_per_token_logps"][row][mask].tolist()) == {float(number)}
        assert merged["mm_token_type_ids"][row].tolist() == [*merged["prompt_mask"][row].tolist(), *[0] * 7]
    assert merged["advantages"].tolist() == numbers
    assert merged["pixel_values"][:, 0].tolist() == [n for n in numbers for _ in range(4)]
    assert merged["image_grid_thw"].shape == (3, 3)
    assert merged["num_images"] == [1, 1, 1]


def test_a_key_that_a_new_release_adds_is_not_dropped_silently():
    with pytest.raises(ValueError, match="new_thing"):
        merge([{**batch(5, 7, 2, first=10), "new_thing": torch.zeros(2)}], [(0, 0)], pad=0)
