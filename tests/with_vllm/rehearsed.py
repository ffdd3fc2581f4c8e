"""The profile `paper` with a tiny base and eight questions, and what a CPU needs in place of a GPU (`on_a_cpu`).

Three things differ from a GPU, all of them here and none in the product:

1. vLLM's engine gets options that TRL does not pass (`CPU`): float32, short blocks, a small cache, no graphs, no video.
2. vLLM's CPU build repacks each matrix at load and drops the original, so that TRL's `load_weights` would find nothing
   to load into. Repacking is off: `_supports_onednn`, and the kernels for AMX.
3. The profile says `use_cpu`, and has no sleep mode, which the CPU build refuses.
"""

import dataclasses

import numpy as np

from baselines.experiment.cell import Cell, GridRun, Layout
from baselines.experiment.profile import load_profile
from tests.helpers.smoke import smoke_profile

TASK, MODEL = "sgg_anatomy_mini", "qwen2.5-vl-3b"
SIZES = ((96, 64), (64, 96), (84, 84), (140, 84))
PIXELS = {"min": 28 * 28, "max": 112 * 112}
"""Limits under which these pictures have different numbers of tokens; they are saved in the processor, as always."""
CPU = {
    "dtype": "float32",
    "enforce_eager": True,
    "block_size": 32,
    "kv_cache_memory_bytes": 20_000_000,
    "limit_mm_per_prompt": {"image": 1, "video": 0},
}
STEPS = 2
TINY = {
    "max_steps": STEPS,
    "own_steps": STEPS,
    "rollout_tokens": 0,
    "warmup_steps": 0,
    "per_device_train_batch_size": 16,
    "max_completion_length": 12,
    "learning_rate": 3e-3,
    "similarity": "mini",
    "vllm_enable_sleep_mode": False,
    "parity_band": 1e-3,
    "parity_stop": 0.01,
}
"""Arguments of reinforcement learning that differ from the profile's. Its rate would leave weights nearly alike."""


def write_base(folder):
    """Untrained, each picture and word matters, and the image token is as improbable as in a real model."""
    import torch

    from anatomy_r1.mini.architecture import build_model, build_processor, save

    processor = build_processor(rewrites=True)
    model = build_model("mini-s", processor)
    torch.manual_seed(0)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.dim() > 1:
                weight.normal_(0, 0.08)
        rows = model.model.language_model.embed_tokens.weight
        rows[:, 0] += 4  # what every word shares
        rows[processor.tokenizer.convert_tokens_to_ids("<|image_pad|>")] = -rows.mean(0)
    save(model, processor, folder)


def write_questions(root, count):
    """A training set with pictures of four sizes."""
    from PIL import Image

    from anatomy_r1.data.prepared import write
    from tests.helpers.small_set import questions

    asked = questions(count)
    for number, question in enumerate(asked):
        path = root / "images" / question.image
        path.parent.mkdir(parents=True, exist_ok=True)
        width, height = SIZES[number % len(SIZES)]
        Image.fromarray(np.random.default_rng(number).integers(0, 256, (height, width, 3), dtype=np.uint8)).save(path)
    write(root / "data" / TASK, {"train": asked}, root / "images", {"benchmark": TASK, "generated": True, "seed": 0})


def rehearsal(base, root, profile="paper", *, model=None, **rl):
    """A run of the profile in `root`, with `model` and `rl` in place of entries of its model and its budget."""
    from baselines.stages.policy import fetch

    loaded = load_profile(profile)
    entry = {**loaded.models[MODEL], "hub": str(base), "pixels": PIXELS, "dtype": "float32", **(model or {})}
    training = {
        **loaded.training,
        "common": {**loaded.training["common"], "use_cpu": True, "bf16": False, "gradient_checkpointing": False},
        "rl": {**loaded.training["rl"], "gradient_accumulation_steps": 1, **TINY, **rl},
    }
    data = {TASK: smoke_profile().data[TASK]}
    changed = dataclasses.replace(loaded, models={MODEL: entry}, training=training, data=data)
    run = GridRun(changed, Layout(root), profile)
    fetch(entry, run.layout.base(MODEL))
    return run


def trainer_of(run, method, folder):
    """A trainer, built as a stage builds it; closes nothing."""
    from baselines.stages.train import build
    from tests.helpers.small_runs import ignore

    return build(run, Cell(TASK, MODEL, method, 0), folder, ignore)[0]


def on_a_cpu(patch, *, repacked=False, **options):
    """Let TRL's colocate mode load vLLM's CPU build; every other line of both is their own."""
    import os

    import trl.generation.vllm_generation as trl_vllm
    import vllm._custom_ops as operators
    from vllm.entrypoints.llm import LLM
    from vllm.model_executor.layers import utils

    from anatomy_r1.evaluation.engines.vllm_engine import ENVIRONMENT

    for name, value in ENVIRONMENT.items():
        if name not in os.environ:
            patch.setenv(name, value)
    for name in ("RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"):  # TRL sets them
        patch.setenv(name, "")  # so that they are gone after the test
        patch.delenv(name)
    patch.setattr(operators, "_supports_onednn", repacked)
    patch.setattr(utils, "check_cpu_sgl_kernel", lambda *_: False)
    patch.setattr(trl_vllm, "LLM", lambda **given: LLM(**{**given, **CPU, **options}))
