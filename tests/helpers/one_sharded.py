"""One of several processes that train with sharded weights, with shared rows and without. Started by a test.

python one_sharded.py RUNS_FOLDER OUT_FOLDER KIND (fsdp2, in float64, or zero3, in float32, as DeepSpeed shards)
Rank, world size and accelerate's settings come from the environment, as `accelerate launch` sets them.
"""

import dataclasses
import os
import sys
from importlib import import_module
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
import torch
from accelerate import PartialState
from accelerate.utils import DistributedType

import anatomy_r1.training.rewards
from baselines.experiment.cell import GridRun, Layout
from baselines.trainers import shared_scores
from tests.helpers.double import make_double
from tests.helpers.one_of_several import accuracy_reward, replay
from tests.helpers.recording import trainer_for
from tests.helpers.smoke import smoke_profile

RANK = int(os.environ["RANK"])
BUDGET = {
    **{"per_device_train_batch_size": 4, "num_generations": 4, "gradient_accumulation_steps": 2},
    **{"steps_per_generation": 2, "max_steps": 2, "own_steps": 2, "rollout_tokens": 0, "beta": 0.1, "optim": "sgd"},
    **{"gradient_checkpointing": True, "gradient_checkpointing_kwargs": {"use_reentrant": False}},
    **{"learning_rate": 0.1, "warmup_steps": 0, "max_grad_norm": 0.0, "save_strategy": "no"},
}
"""Two steps of gradient descent: weights move by gradients. After the first, the policy is no longer the reference."""


def fsdp2_on_cpus():
    """accelerate lets FSDP shard between GPUs alone; PyTorch's can do without."""
    original = PartialState.__init__

    def changed(self, *given, **named):
        original(self, *given, **named)
        if self.distributed_type == DistributedType.MULTI_CPU:
            self._shared_state["distributed_type"] = DistributedType.MULTI_GPU

    PartialState.__init__ = changed


def zero3_on_cpus():
    """accelerate asks DeepSpeed for other devices than CPUs alone, and finds no way for processes to talk there."""
    original = PartialState._prepare_backend

    def changed(self, cpu=False, *given, **named):
        return original(self, True, *given, **named)

    PartialState._prepare_backend = changed
    # A quicker exchange, which would be compiled for minutes. `deepspeed.comm.torch` is PyTorch itself.
    import_module("deepspeed.comm.torch").build_shm_op = lambda: None


def planned(root, kind, shared):
    profile = smoke_profile()
    common = {**profile.training["common"], "use_cpu": kind == "fsdp2"}
    rl = {**profile.training["rl"], **BUDGET, "shared_prefix": shared}
    training = {**profile.training, "common": common, "rl": rl}
    return GridRun(dataclasses.replace(profile, training=training), Layout(root), "smoke")


def learn(root, out, kind, shared):
    """Losses and KL terms of the steps, and how far each weight moved."""
    work = out / f"work-{shared}-{RANK}"
    trainer, _ = trainer_for(planned(root, kind, shared), "grpo", work, precise=kind == "fsdp2")
    replay(trainer)
    before = whole(trainer.model, kind)
    packed, original = [], shared_scores.pack
    with patch.object(shared_scores, "pack", lambda *given: packed.append(original(*given)) or packed[-1]):
        trainer.train()
    parts = sum(weight.numel() for model in (trainer.model, trainer.ref_model) for weight in here(model))
    after = trainer.accelerator.get_state_dict(trainer.model_wrapped)
    if RANK == 0:
        steps = [entry for entry in trainer.state.log_history if "loss" in entry]
        logged = {name: [step.get(name, 0.0) for step in steps] for name in ("loss", "kl")}
        moved = np.concatenate([(after[name].cpu() - weight).flatten().numpy() for name, weight in before.items()])
        np.savez(out / f"{shared}.npz", **logged, moved=moved, packed=len(packed), share=parts / len(moved) / 2)


def whole(model, kind):
    """The weights before training: DeepSpeed shards them while they are loaded."""
    weights = dict(model.named_parameters())
    if kind == "fsdp2":
        return {name: weight.detach().clone() for name, weight in weights.items()}
    import deepspeed

    with deepspeed.zero.GatheredParameters(list(weights.values())):
        return {name: weight.detach().clone() for name, weight in weights.items()}


def here(model):
    """What this process holds of each weight: its part, or all."""
    for weight in model.parameters():
        yield getattr(weight, "_local_tensor", getattr(weight, "ds_tensor", weight))


def main(root, out, kind):
    torch.set_num_threads(1)
    anatomy_r1.training.rewards.accuracy_reward = accuracy_reward
    accuracy_reward.constant = ""
    {"fsdp2": fsdp2_on_cpus, "zero3": zero3_on_cpus}[kind]()
    if kind == "fsdp2":
        make_double(pytest.MonkeyPatch())
    for shared in (True, False):
        learn(root, out, kind, shared)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
