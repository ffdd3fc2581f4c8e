"""Memory of a training on each GPU, part by part, in bytes.

Model states are exact: DeepSpeed's estimators (`estimate_zero2_model_states_mem_needs` and its counterpart for stage 3,
DeepSpeed 0.19.8) when everything is trained; frozen weights count two bytes. What the layers keep for the gradient is
counted tensor by tensor (results/bench/plan_estimates.md compares it with what is kept on a CPU). The rest of a step is
our own estimate, which the GPU bench checks.

Parameters are counted on the model itself, built without memory (meta device). `baselines/preflight/architectures/` has
the hub's `config.json` of each model, so that a plan needs neither weights nor a network.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anatomy_r1.errors import AnatomyR1Error

if TYPE_CHECKING:  # `--help` shows a default of this module, and profiles need pandas
    from baselines.experiment.profile_file import Launch

ARCHITECTURES = Path(__file__).resolve().parent / "architectures"


@dataclass(frozen=True)
class ModelShape:
    """The sizes that memory depends on."""

    parameters: int
    """All, tied ones counted once."""
    trainable: int
    """Those that training changes; with adapters, the adapters' only."""
    adapters: int
    """Trainable parameters that were added to the model."""
    largest_layer: int
    """Most parameters held directly by one module; ZeRO-3 gathers them at once."""
    layers: int
    width: int
    inner: int
    """Width of the feed-forward layers."""
    vocabulary: int
    keys: int
    """Width of the keys of all heads, and of the values."""
    queries: int = 0
    """Width of the queries of all heads; 0: `width`, as in models that do not state the width of a head."""


def head_width(text: Any) -> int:
    """Width of a head of a language model's configuration."""
    return int(getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads)


def shape_of(source: Mapping[str, Any], folder: Path | None = None) -> ModelShape:
    """Shape of a profile's model entry; a model that has been fetched is read from its folder."""
    model = empty_model(source, folder)
    total = sum(weight.numel() for weight in model.parameters())
    largest = max(sum(w.numel() for w in part.parameters(recurse=False)) for part in model.modules())
    text = model.config.get_text_config()
    model = prepared(model, source)
    trainable = sum(weight.numel() for weight in model.parameters() if weight.requires_grad)
    heads = (head_width(text) * count for count in (text.num_key_value_heads, text.num_attention_heads))
    sizes = (text.num_hidden_layers, text.hidden_size, text.intermediate_size, text.vocab_size)
    return ModelShape(total, trainable, trainable if source.get("lora") else 0, largest, *sizes, *heads)


def config_of(source: Mapping[str, Any], folder: Path | None = None) -> Any:
    """Configuration of a profile's model from the hub: the fetched one's, or the one that the repository has."""
    from transformers import AutoConfig

    path = ARCHITECTURES / f"{str(source.get('hub', '')).rpartition('/')[2]}.json"
    if folder and (folder / "config.json").is_file():
        path = folder / "config.json"
    if not path.is_file():
        known = ", ".join(sorted(one.stem for one in ARCHITECTURES.glob("*.json")))
        raise AnatomyR1Error(f"no configuration of {source.get('hub')!r} to count its parameters; known: {known}")
    return AutoConfig.for_model(**json.loads(path.read_text()))


def empty_model(source: Mapping[str, Any], folder: Path | None = None) -> Any:
    """The model of a profile's entry without weights; of the mini world's base, with random ones."""
    if "mini" in source:
        from anatomy_r1.mini.architecture import build_model, build_processor

        return build_model(source["mini"], build_processor())
    import torch
    from transformers import AutoModelForImageTextToText

    with torch.device("meta"):
        return AutoModelForImageTextToText.from_config(config_of(source, folder))


def prepared(model: Any, source: Mapping[str, Any]) -> Any:
    """The model with the entry's parts frozen and its adapters added, as it is trained.

    Raises:
        AnatomyR1Error: The model has no such part, or PEFT finds nothing to adapt.
    """
    from baselines.stages.policy import adapters, freeze

    freeze(model, source.get("frozen", ()))
    lora = adapters(source)
    if not lora:
        return model
    from peft import get_peft_model

    try:
        return get_peft_model(model, lora)
    except (TypeError, ValueError) as error:
        raise AnatomyR1Error(f"lora: {' '.join(str(error).split())}. Fix: see PEFT's LoraConfig") from error


GB = 2**30
BFLOAT16, FLOAT32 = 2, 4
"""Bytes per number."""
PRECISE = 16
"""Bytes of gradient and optimiser per trained parameter in stage 3, where DeepSpeed counts 18 including the weight's
own two. In stage 2 it counts 18 without them."""
ADAPTER = 4 * FLOAT32
"""Bytes per adapter parameter, which PEFT keeps in float32: weight, gradient, two moments."""
ALONE = 3 * BFLOAT16
"""Bytes of gradient and two moments per trained parameter without DeepSpeed: all in bfloat16."""
WHOLE = ("zero3", "fsdp2")
"""Launchers that also shard the weights."""
OVERHEAD = 2 * GB
"""CUDA context, NCCL and fragmentation (our guess)."""
HEAD_TILE = (4096, 32_768)
"""Tokens and words whose logits exist at one time (TRL 1.16.0, `TOKEN_CHUNK_SIZE`, `_CHUNKED_LOGPROB_CHUNK_SIZE`)."""
PROMPT, LONGEST = 704, 816
"""Tokens of a prompt of Qwen2.5-VL, rounded up: mean and longest, in Qwen's own vocabulary. A frame of 854 x 480 has
30 x 17 = 510 (28 x 28 pixels per token); with question, instruction and template, released prompts have 692 on
average and 723 at most. An image of OmniMedVQA at the profile's limit has 576, and its longest prompt 810
(`results/shapes/prompts.md`)."""
ROLLOUT_TOKENS = 190
"""Tokens per sampled completion (our guess until a first run)."""
ANSWER = 64
"""Tokens per SFT target, rounded up (our guess)."""
TRL_COMPLETION = 512
"""Default of `max_completion_length` in TRL 1.16.0."""


@dataclass(frozen=True)
class MemoryEstimate:
    """Peak memory of a training on one GPU, by part, in bytes."""

    states: int
    """Weights, gradients, optimiser states."""
    reference: int
    """The reference model of the KL term."""
    step: int
    """Activations and logits of the loss."""
    rollout: int
    """vLLM, while it samples; with sleep mode it frees this while the policy is updated."""
    overhead: int
    asleep: bool

    @property
    def peak(self) -> int:
        """The most at one time."""
        busy = max(self.step, self.rollout) if self.asleep else self.step + self.rollout
        return self.states + self.reference + busy + self.overhead


def states(shape: ModelShape, launch: Launch) -> int:
    """Bytes of weights, gradients and optimiser states on each GPU."""
    own = shape.trainable - shape.adapters
    weights, adapters = BFLOAT16 * shape.parameters, ADAPTER * shape.adapters
    if launch.accelerate in WHOLE:
        gathered = 2 * BFLOAT16 * shape.largest_layer  # one layer at a time, with its gradient
        return gathered + (weights + PRECISE * own + adapters) // launch.processes
    if launch.accelerate == "zero2":
        return weights + ((PRECISE + BFLOAT16) * own + adapters) // launch.processes
    return weights + ALONE * own + adapters


@dataclass(frozen=True)
class Rows:
    """What the layers see at one time."""

    count: int
    length: int
    shared: bool = False
    """A group in each row (`shared_prefix`), under a mask of its own."""

    @property
    def tokens(self) -> int:
        """Of all rows."""
        return self.count * self.length


def rows_of(arguments: Mapping[str, Any], *, prompt: int, completion: int) -> Rows:
    """The rows of a batch: one a group with `shared_prefix`, unless its members differ or the batch splits groups."""
    rows = int(arguments["per_device_train_batch_size"])
    group = int(arguments.get("num_generations", rows))
    differ = arguments.get("augment_text") or arguments.get("augment_image")
    if not arguments.get("shared_prefix") or differ or rows % group:
        return Rows(rows, prompt + completion)
    return Rows(rows // group, prompt - 1 + group * completion, shared=True)


def layer_kept(shape: ModelShape, rows: Rows, precision: int) -> int:
    """Bytes that one layer of transformers 5.17.0 keeps for the gradient; `sdpa` stores no scores.

    Two norms: the input in float32, normalised, and scaled. Attention: queries, keys, values, and its output as the
    kernel and as the projection has it; under a mask, also the mask as numbers, and keys and values of every head.
    Feed-forward: gate, its activation, up, and their product.
    """
    norms = 2 * (FLOAT32 + 2 * precision) * shape.width
    queries = shape.queries or shape.width
    attention = precision * (3 * queries + 2 * (queries if rows.shared else shape.keys))
    mask = precision * rows.count * rows.length**2 if rows.shared else 0
    return rows.tokens * (norms + attention + 4 * precision * shape.inner) + mask


def activations(shape: ModelShape, rows: Rows, *, precision: int, checkpointing: bool, passes: int = 1) -> int:
    """Bytes that the layers keep for the gradient of so many forward passes before the backward pass; with
    checkpointing, each layer's input, and one layer recomputed.
    """
    one = layer_kept(shape, rows, precision)
    kept = rows.tokens * precision * shape.width if checkpointing else one
    return passes * kept * shape.layers + (one if checkpointing else 0)


def head(shape: ModelShape, scored: int) -> int:
    """Bytes of TRL's head over so many scored tokens: one tile, float32 gradients of the hidden states and, where it is
    trained, of its weight, which is then copied to the weight's own precision.
    """
    tokens, words = HEAD_TILE
    tile = BFLOAT16 * min(scored, tokens) * min(shape.vocabulary, words)
    trained = 0 if shape.adapters else (FLOAT32 + BFLOAT16) * shape.vocabulary * shape.width
    return tile + FLOAT32 * scored * shape.width + trained


def training_memory(
    shape: ModelShape, launch: Launch, arguments: Mapping[str, Any], *, prompt: int, gpu: float, kind: str
) -> MemoryEstimate:
    """Memory of one training; `prompt` is in tokens, `gpu` in GB, of which vLLM takes a share."""
    rows = int(arguments["per_device_train_batch_size"])
    completion = int(arguments.get("max_completion_length", TRL_COMPLETION)) if kind == "rl" else ANSWER
    batch, again = (
        rows_of(arguments, prompt=prompt, completion=completion),
        bool(arguments.get("gradient_checkpointing")),
    )
    has_reference = kind == "rl" and arguments.get("beta", 0.0) > 0 and not shape.adapters
    sharing = launch.processes if launch.accelerate in WHOLE else 1
    share = float(arguments.get("vllm_gpu_memory_utilization", 0.0)) if arguments.get("use_vllm") else 0.0
    passes = 2 if arguments.get("perception_weight") else 1  # PAPO: the same rows with masked images
    step = activations(shape, batch, precision=BFLOAT16, checkpointing=again, passes=passes)
    return MemoryEstimate(
        states=states(shape, launch),
        reference=BFLOAT16 * shape.parameters // sharing if has_reference else 0,
        step=step + head(shape, rows * completion),
        rollout=round(share * gpu * GB),
        overhead=OVERHEAD,
        asleep=bool(arguments.get("vllm_enable_sleep_mode")),
    )
