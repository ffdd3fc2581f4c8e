"""What a training step computes: the floating-point operations of its matrix products, part by part.

A function of the architecture, of the lengths and of the trainer's arguments, so that a plan knows what a method costs
beside another and what a group shares (docs/choices.md, *What a group shares*). tests/baselines/preflight/test_work.py
compares the counts with those of PyTorch's own counter.

A product of (m, k) and (k, n) is 2 m k n operations. Backward computes two products for each of forward's: one for the
input, one for the weight; where weights are frozen, only the first. Attention computes two products of query-key pairs
forward and five backward, for it computes the scores again (Dao 2022, arXiv:2205.14135, appendix B).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from baselines.preflight.memory import head_width

FORWARD_PAIRS, BACKWARD_PAIRS = 4, 10
"""Operations for each query-key pair and unit of width: two products forward, five backward."""
COLOURS, FRAMES = 3, 2
"""Of a patch: an image counts as two frames."""
MERGED = 4
"""Patches in an image token: 2 x 2."""


@dataclass(frozen=True)
class Network:
    """The sizes of a Qwen2.5-VL or Qwen3-VL that its arithmetic depends on."""

    width: int
    inner: int
    """Width of the feed-forward layers."""
    layers: int
    keys: int
    """Width of the keys of all heads, and of the values."""
    vocabulary: int
    vision_width: int
    vision_inner: int
    vision_layers: int
    vision_whole: int
    """Layers of the vision tower whose patches see the whole image; in the others, their window."""
    window: int
    """Patches in a window."""
    queries: int = 0
    """Width of the queries of all heads; 0: `width`."""
    patch: int = 14
    """Side of a patch in pixels."""
    vision_products: int = 3
    """Matrices of a feed-forward layer of the vision tower: with a gate, three."""
    mergers: int = 1
    """Of patches into image tokens: one more for each deep layer of Qwen3-VL."""

    @property
    def layer(self) -> int:
        """Weights in the matrices of one language layer."""
        return 2 * self.width * ((self.queries or self.width) + self.keys) + 3 * self.width * self.inner

    def language(self, tokens: float, pairs: float) -> Products:
        """The language layers over these tokens and query-key pairs; the head is apart."""
        seen = FORWARD_PAIRS * pairs * (self.queries or self.width)
        return Products(2.0 * tokens * self.layer * self.layers, seen * self.layers)

    def head(self, tokens: float) -> float:
        """Logits of these tokens."""
        return 2.0 * tokens * self.width * self.vocabulary

    def vision(self, patches: int) -> Products:
        """The vision tower over one image."""
        layer = 4 * self.vision_width**2 + self.vision_products * self.vision_width * self.vision_inner
        merger = MERGED * self.vision_width**2 * MERGED + MERGED * self.vision_width * self.width
        weights = patches * self.vision_layers * layer + patches // MERGED * merger * self.mergers
        seen = self.vision_whole * patches + (self.vision_layers - self.vision_whole) * min(patches, self.window)
        pairs = float(FORWARD_PAIRS * patches * seen * self.vision_width)
        return Products(2.0 * weights + self.embedding(patches), pairs)

    def embedding(self, patches: int) -> float:
        """The tower's first product, whose input needs no gradient."""
        return 2.0 * patches * COLOURS * FRAMES * self.patch**2 * self.vision_width


@dataclass(frozen=True)
class Products:
    """Operations of products with weights, and of queries with keys and values."""

    weights: float
    pairs: float

    @property
    def forward(self) -> float:
        """All operations of a forward pass."""
        return self.weights + self.pairs

    def backward(self, trained: bool) -> float:
        """Those of the backward pass; frozen weights need no gradient of their own."""
        return self.weights * (2 if trained else 1) + self.pairs * BACKWARD_PAIRS / FORWARD_PAIRS


def network_of(config: Any) -> Network:
    """The sizes in a model's configuration."""
    text, vision = config.get_text_config(), config.vision_config
    whole = getattr(vision, "fullatt_block_indexes", range(vision.depth))  # Qwen3-VL has no windows
    side = getattr(vision, "window_size", 0) // vision.patch_size
    return Network(
        width=text.hidden_size,
        inner=text.intermediate_size,
        layers=text.num_hidden_layers,
        keys=head_width(text) * text.num_key_value_heads,
        vocabulary=text.vocab_size,
        vision_width=vision.hidden_size,
        vision_inner=vision.intermediate_size,
        vision_layers=vision.depth,
        vision_whole=len(whole),
        window=side * side,
        queries=head_width(text) * text.num_attention_heads,
        patch=vision.patch_size,
        vision_products=2 if hasattr(vision, "deepstack_visual_indexes") else 3,
        mergers=1 + len(getattr(vision, "deepstack_visual_indexes", ())),
    )


def mini_network(size: str) -> Network:
    """The sizes of the generated world's model, without building it."""
    from anatomy_r1.mini.architecture import HEADS, KEY_HEADS, SHAPES
    from anatomy_r1.mini.tokenizer import build_tokenizer

    shape = SHAPES["mini-s" if size == "mini-s" else "mini-l"]
    return Network(
        width=shape.width,
        inner=shape.feed_forward,
        layers=shape.layers,
        keys=shape.width // HEADS * KEY_HEADS,
        vocabulary=len(build_tokenizer()),
        vision_width=shape.vision_width,
        vision_inner=2 * shape.vision_width,
        vision_layers=shape.vision_layers,
        vision_whole=shape.vision_layers,
        window=36,
        queries=shape.width,
    )


@dataclass(frozen=True)
class Lengths:
    """Of one row."""

    prompt: int
    """Tokens, those of the image included."""
    completion: float
    """Tokens on average."""
    longest: float
    """Tokens of the longest completion of a batch, to which TRL pads the others."""
    patches: int
    """Of the image: four for each of its tokens."""


@dataclass(frozen=True)
class Setting:
    """What of a trainer's arguments and of a model's entry changes the arithmetic of a step."""

    rows: int
    """Completions that a process learns from in a step."""
    batches: int
    """Forward and backward passes of a step, each over a part of the rows."""
    group: int
    draws: int
    """Times that it samples as many; for DAPO, the most."""
    reference: bool
    """Whether a model without adapters gives the log-probabilities of the reference."""
    checkpointing: bool
    shared_prefix: bool
    shared_rollouts: bool
    own_text: bool
    """Whether each member of a group has its own wording (GDQA)."""
    own_image: bool
    """Whether each has its own noise."""
    language_trained: bool
    """False with adapters."""
    vision_trained: bool
    every_position: bool
    """Whether the head scores prompts, too, as TRL's does on a CPU."""

    def prompts(self, shared: bool) -> int:
        """Different prompts with their image, if the group's are computed once."""
        return self.rows // self.group if shared and not (self.own_text or self.own_image) else self.rows

    def images(self, shared: bool) -> int:
        """Different images."""
        return self.rows // self.group if shared and not self.own_image else self.rows


def setting_of(given: Mapping[str, Any], entry: Mapping[str, Any], *, every_position: bool) -> Setting:
    """From a trainer's arguments (`baselines.experiment.cell.arguments`) and the profile's entry of the model."""
    batches = int(given.get("gradient_accumulation_steps", 1))
    adapted = bool(entry.get("lora"))
    return Setting(
        rows=int(given["per_device_train_batch_size"]) * batches,
        batches=batches,
        group=int(given.get("num_generations", 8)),
        draws=1 + int(given.get("resample_rounds", 0)),
        reference=float(given.get("beta", 0.0)) > 0,
        checkpointing=bool(given.get("gradient_checkpointing")),
        shared_prefix=bool(given.get("shared_prefix")),
        shared_rollouts=bool(given.get("shared_rollouts") or given.get("use_vllm")),
        own_text=bool(given.get("augment_text")),
        own_image=bool(given.get("augment_image")),
        language_trained=not adapted,
        vision_trained=not adapted and not any("visual" in name for name in entry.get("frozen", ())),
        every_position=every_position,
    )


@dataclass(frozen=True)
class Work:
    """Operations of a step by part, and what is counted otherwise."""

    rows: float
    """Rows whose image and prompt are processed, over all draws."""
    draws: int
    """Prefills."""
    prefill: float
    calls: float
    """Passes that each give every unfinished row a token; their operations are few, and their time is not theirs."""
    batches: int
    reference: float
    forward: float
    backward: float

    @property
    def learning(self) -> float:
        """Forward and backward."""
        return self.forward + self.backward


def work(network: Network, lengths: Lengths, setting: Setting) -> Work:
    """The work of a step of one process."""
    draws, learned = setting.draws, _learned(network, lengths, setting)
    return Work(
        rows=draws * setting.rows,
        draws=draws,
        prefill=draws * _prefill(network, lengths, setting),
        calls=draws * lengths.longest,
        batches=setting.batches,
        reference=learned.forward if setting.reference else 0.0,
        forward=learned.forward,
        backward=learned.backward,
    )


def _prefill(network: Network, lengths: Lengths, setting: Setting) -> float:
    """Prompts and their images read, and the first logits."""
    shared = setting.shared_rollouts
    prompts = setting.prompts(shared)
    images = prompts if shared or not setting.shared_prefix else setting.images(shared=True)
    read = network.language(prompts * lengths.prompt, prompts * lengths.prompt**2 / 2)
    return read.forward + network.head(prompts) + images * network.vision(lengths.patches).forward


@dataclass(frozen=True)
class _Learned:
    forward: float
    backward: float


def _learned(network: Network, lengths: Lengths, setting: Setting) -> _Learned:
    """Log-probabilities of the rows, and their gradient."""
    prompts = setting.prompts(setting.shared_prefix)
    if prompts < setting.rows:  # one row a group: each branch begins with the prompt's last token
        row = lengths.prompt - 1 + setting.group * lengths.completion
        tokens, pairs = prompts * row, prompts * row**2
    else:
        row = lengths.prompt + lengths.longest
        tokens, pairs = setting.rows * row, setting.rows * row**2 / 2
    layers = network.language(tokens, pairs)
    head = network.head(tokens if setting.every_position else setting.rows * lengths.completion)
    images, seen = setting.images(setting.shared_prefix), network.vision(lengths.patches)
    again = layers.forward if setting.checkpointing else 0.0  # a frozen tower has no graph, so nothing to recompute
    tower = images * (seen.backward(True) - network.embedding(lengths.patches)) if setting.vision_trained else 0.0
    # The head always computes its logits again (`ChunkedLogProbFunction` of TRL 1.16.0)
    back = layers.backward(setting.language_trained) + head * (3 if setting.language_trained else 2) + tower
    return _Learned(layers.forward + head + images * seen.forward, again + back)


@dataclass(frozen=True)
class Spans:
    """Seconds of a step by part, as the bench measures them (`baselines.bench.cases.SPANS`); `rest` is what is left."""

    rollout: float
    scoring: float
    forward: float
    backward: float
    rest: float

    @property
    def step(self) -> float:
        """Seconds of the step."""
        return self.rollout + self.scoring + self.forward + self.backward + self.rest


@dataclass(frozen=True)
class Rates:
    """How fast a machine computes one model, from one measured step or from its data sheet."""

    row: float
    """Seconds to process the image and prompt of a row."""
    call: float
    """Seconds of a pass besides its operations: to start so many products, and to read the weights; it is all that a
    pass costs which gives each row one token."""
    forward: float
    """Operations per second."""
    backward: float
    rest: float
    """Seconds of a step for everything else: optimiser, data, logging."""


def seconds(done: Work, rates: Rates) -> Spans:
    """What a step takes. Rows are processed twice: for sampling and for the log-probabilities."""
    rows, passes = done.rows * rates.row, done.batches * rates.call
    return Spans(
        rollout=rows + done.prefill / rates.forward + (done.draws + done.calls) * rates.call,
        scoring=rows + (done.reference / rates.forward + passes if done.reference else 0.0),
        forward=done.forward / rates.forward + passes,
        backward=done.backward / rates.backward + 2 * passes,
        rest=rates.rest,
    )


def calibrated(done: Work, measured: Spans) -> Rates:
    """The rates of the machine and model on which GRPO's step took so long; `seconds` of the same work is `measured`
    again, but for a scoring that is shorter than the forward pass.

    The reference's pass is the policy's, so that rows take what scoring takes besides; sampling says what a call takes.
    """
    rows = max(0.0, measured.scoring - measured.forward)
    share = done.prefill / done.forward
    alone = done.draws + done.calls - share * done.batches
    call = max(0.0, measured.rollout - rows - share * measured.forward) / alone
    passes = done.batches * call
    return Rates(
        row=rows / done.rows,
        call=call,
        forward=done.forward / (measured.forward - passes),
        backward=done.backward / (measured.backward - 2 * passes),
        rest=measured.rest,
    )
