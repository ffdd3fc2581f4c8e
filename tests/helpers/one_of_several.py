"""One of several processes: what each method learns from recorded completions, in float64. Started by a test.

python one_of_several.py RUNS_FOLDER OUT_FOLDER SHARED_PREFIX (true or false)
Rank and world size come from the environment, as torchrun sets them.
"""

import dataclasses
import os
import random
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import anatomy_r1.training.rewards
from baselines.experiment.cell import GridRun, Layout
from tests.helpers.double import make_double
from tests.helpers.recording import GROUP, hashed, trainer_for
from tests.helpers.smoke import smoke_profile

METHODS = ("grpo", "gpg", "dapo", "grpo-asc", "grpo-gdqa", "grpo-gdqa-no-image", "dr-grpo", "papo")
GROUPS = 4
RANK, WORLD = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))


def accuracy_reward(completions, question_id, **_):
    """Mixed in every group but the first question's, which is constant."""
    return [1.2 if q == accuracy_reward.constant else hashed(c) for c, q in zip(completions, question_id, strict=True)]


def recorded(place, eos):
    """Tokens of one completion; it depends on its place over all processes only. Every third is cut off."""
    rng = random.Random(100 + place)  # here every group is mixed: DAPO draws once
    ends = place % 3 != 0
    tokens = [rng.randrange(20, 150) for _ in range(rng.randrange(2, 20) if ends else 24)]
    return [*tokens, eos] if ends else tokens


def replay(trainer):
    """Put the recorded completions in the place of sampling."""
    eos = trainer.eos_token_ids[0]

    def sample(prompt_ids, images, fields, num_generations, *_, **__):
        first = RANK * len(prompt_ids)
        return [recorded(first + i, eos) for i in range(len(prompt_ids))], None

    trainer._generate_single_turn = sample


def one(run, method, out):
    trainer, _ = trainer_for(run, method, out / f"work-{method}-{WORLD}-{RANK}")
    replay(trainer)
    accuracy_reward.constant = "" if method == "dapo" else trainer.train_dataset[0]["question_id"]
    rows = trainer.grouped([trainer.train_dataset[i] for i in range(GROUPS)])
    share = len(rows) // WORLD
    served = trainer.vary(trainer.choose(rows[RANK * share : (RANK + 1) * share]))
    batch = trainer.collect(served)
    loss = trainer._compute_loss(trainer.model, batch)
    weights = [p for p in trainer.model.parameters() if p.requires_grad]
    found = torch.autograd.grad(loss, weights, allow_unused=True)
    flat = torch.cat([g.flatten() for g in found if g is not None]).double().numpy()
    shown = [f"{row['question_id']} {row['prompt'][-1]['content'][-80:]}" for row in served]
    real = batch["completion_mask"].bool()
    logps = trainer._log_probabilities[real].numpy()  # in the order of rows, whatever their padding
    np.savez(out / f"{method}-{WORLD}-{RANK}.npz", loss=loss.item(), gradient=flat, shown=shown, logps=logps)


def main(root, out, shared):
    torch.set_num_threads(1)
    make_double(pytest.MonkeyPatch())
    anatomy_r1.training.rewards.accuracy_reward = accuracy_reward
    profile = smoke_profile()
    budget = {**profile.training["rl"], "per_device_train_batch_size": GROUPS * GROUP // WORLD, "max_steps": 9}
    budget["shared_prefix"] = shared
    profile = dataclasses.replace(profile, training={**profile.training, "rl": budget})
    for method in METHODS:
        one(GridRun(profile, Layout(root), "smoke"), method, out)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3] == "true")
