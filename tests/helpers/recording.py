"""What the tests of methods share: a trainer on the untrained model in float64, its batch looked at independently."""

import hashlib

import torch

from anatomy_r1.training.rewards import text_of
from baselines.experiment.cell import Cell
from baselines.stages.train import build
from tests.helpers.small_runs import ignore

GROUP = 8
BENCHMARK = "sgg_anatomy_mini"


def hashed(completion):
    return float(hashlib.sha256(text_of(completion).encode()).digest()[0] % 2)


def hashed_reward(completions, **_):
    """An untrained model is never right: reward its texts by a hash. The second of each three groups is constant."""
    return [1.2 if i // GROUP % 3 == 1 else hashed(c) for i, c in enumerate(completions)]


hashed_reward.__name__ = "accuracy_reward"


def trainer_for(run, method, folder, benchmark=BENCHMARK, precise=True):
    trainer, log, _ = build(run, Cell(benchmark, "mini-l", method, 0), folder, ignore)
    trainer.current_gradient_accumulation_steps = 1
    trainer.model.train()
    if precise:
        trainer.model.double()
        if trainer.ref_model is not None:
            trainer.ref_model.double()
    return trainer, log


def spy_on_samples(trainer):
    """Rows as served, completions without padding and rewards, one entry a draw: taken where rewards are computed."""
    seen, original = [], trainer._calculate_rewards

    def spy(inputs, prompts, completions, completion_ids):
        rewards = original(inputs, prompts, completions, completion_ids)
        seen.append((inputs, completion_ids, rewards.double()))
        return rewards

    trainer._calculate_rewards = spy
    return seen


def log_probabilities(trainer, model, row, completion):
    """(tokens,) of one row by itself: no padding, no batch, float64."""
    chat = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": row["prompt"][-1]["content"]}]}]
    processor = trainer.processing_class
    text = processor.apply_chat_template(chat, add_generation_prompt=True, tokenize=False)
    inputs = processor(images=[row["image"]], text=[text], return_tensors="pt")
    prompt = inputs["input_ids"]
    ids = torch.cat([prompt, torch.tensor([completion])], 1)
    types = (ids == processor.tokenizer.convert_tokens_to_ids("<|image_pad|>")).long()
    logits = model(
        input_ids=ids, attention_mask=torch.ones_like(ids), mm_token_type_ids=types,
        pixel_values=inputs["pixel_values"].double(), image_grid_thw=inputs["image_grid_thw"],
    ).logits  # fmt: skip
    logits = logits[0, prompt.size(1) - 1 : -1].double() / trainer.args.temperature
    return logits.log_softmax(-1).gather(1, torch.tensor(completion)[:, None])[:, 0]


def shift_weights(model, size, seed=0):
    """As if the optimiser had moved: ratios are no longer 1 and the reference is another model."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(size * torch.randn(weight.shape, generator=generator, dtype=weight.dtype))
