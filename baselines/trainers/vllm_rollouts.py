"""What TRL 1.16.0's rollouts with vLLM lack, most of it where prompts have images; item 3 of the step in grpo.py.

- **Image tokens of a prompt.** In colocate mode TRL expands them, and vLLM does so again (huggingface/trl#6294, #6718,
  #6719): `collapse_image_padding`.
- **Image tokens in a completion.** A sampled one refers to no image, and the trainer's forward pass fails (seen by
  users as StarsfieldAI/R1-V#91). TRL suppresses the token when it samples with transformers, not with vLLM:
  `ban_image_token`.
- **Features of images.** vLLM keeps what its vision tower has computed, by image. TRL empties the prefix cache after an
  update of the weights, but not that one (huggingface/trl#7198): `forget_images`.
- **The context.** vLLM starts only if its cache can hold one request of its longest length, which is the model's whole
  context unless it is told another: `bound_context`.
- **The seed.** TRL seeds vLLM by the process alone, after it has seeded itself. Colocated, both draw from the same
  generators, so that trainings of all seeds would sample with the same random numbers: `seed_sampler`.
- **Gradients.** Colocated, vLLM's batch invariance (`VLLM_BATCH_INVARIANT`) replaces `aten::linear` and `aten::matmul`
  in the trainer too: on GPUs of compute capability 8 (A100, A800), and without their backward passes (0.25.1,
  `layers/batch_invariant.py`). The first update would fail, after the first rollouts: `require_gradients`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

import torch
from accelerate.utils import set_seed

from anatomy_r1.errors import AnatomyR1Error

PROMPT_ROOM = 4096
"""Tokens that a prompt may have besides the completion: five times the longest of the profiles (ours)."""
NEVER = -100.0
"""The lowest bias that vLLM takes: e to its power is 0 beside any other token."""


def collapse_image_padding(tokens: Sequence[int], pad: int) -> list[int]:
    """Each run of the image's padding token as one token: vLLM expands it.

    Example:
        >>> collapse_image_padding([5, 9, 9, 9, 6, 9, 9], pad=9)
        [5, 9, 6, 9]
    """
    return [token for value, run in groupby(tokens) for token in ([value] if value == pad else run)]


def for_vllm(trainer: Any, prompts: Sequence[Sequence[int]], pad: int) -> Sequence[Sequence[int]]:
    """Prompts as `VLLMGeneration.generate` should have them. Called before TRL updates vLLM's weights, if it does."""
    if trainer.state.global_step != trainer._last_loaded_step:
        forget_images(trainer.vllm_generation, is_main_process=trainer.accelerator.is_main_process)
    if trainer.vllm_mode == "server":  # which finds the images by these tokens
        return prompts
    return [collapse_image_padding(tokens, pad) for tokens in prompts]


def bound_context(args: Any, model: Any) -> None:
    """State vLLM's longest request, where the profile does not: room for a prompt, and a completion.

    The whole context of a Qwen3-VL, 262,144 tokens, takes 36 GiB of cache, more than the profile gives to vLLM.
    """
    if args.use_vllm and args.vllm_max_model_length is None and args.max_completion_length:
        whole = getattr(model.config.get_text_config(), "max_position_embeddings", None)
        wanted = PROMPT_ROOM + args.max_completion_length
        args.vllm_max_model_length = min(wanted, whole or wanted)


def seed_sampler(args: Any, process: int) -> None:
    """Seed this process by the run's seed, as TRL does before it starts vLLM; alike where processes share an engine."""
    set_seed(args.seed + process // args.vllm_tensor_parallel_size)


def require_gradients(device: torch.device) -> None:
    """A linear layer has a gradient on this device, whatever has been registered since PyTorch was imported.

    Raises:
        AnatomyR1Error: It has none.
    """
    weight = torch.ones(8, 8, device=device, requires_grad=True)
    try:
        torch.autograd.grad(torch.nn.functional.linear(weight, weight).sum(), weight)
    except NotImplementedError as error:
        told = f"vLLM has replaced PyTorch's linear layer by one without a gradient ({str(error).split('. ')[0]})"
        fix = "Fix: without `deterministic: true` and VLLM_BATCH_INVARIANT, use_vllm: false, or a GPU such as the H100"
        raise AnatomyR1Error(f"{told}. {fix}; docs/determinism.md") from error


def ban_image_token(generation: Any, pad: int) -> None:
    """Never sample the image's padding token; biases of the profile's `generation_kwargs` stay.

    vLLM's log-probabilities are then those of a policy without this token: higher by -log(1 - p) where the policy gives
    it probability p.
    """
    given = generation.generation_kwargs
    generation.generation_kwargs = {**given, "logit_bias": {**(given.get("logit_bias") or {}), pad: NEVER}}


def forget_images(generation: Any, *, is_main_process: bool) -> None:
    """Empty vLLM's cache of image features, which belong to the last policy's vision tower."""
    if generation.mode == "colocate":
        generation.llm.llm_engine.reset_encoder_cache()
    elif is_main_process:
        client = generation.vllm_client
        client.session.post(f"{client.base_url}/reset_encoder_cache").raise_for_status()
