"""The engine over transformers: each prompt and its image are read once, for all of its responses.

Each response draws from a random stream of its own, which depends on seed, benchmark, question and repeat only. So
batch size, order and resuming do not change which numbers it gets; only the last bits of the logits can differ.

Position ids are passed to the model explicitly. By itself, Qwen2.5-VL spreads its stored offset between text and
multimodal rotary positions evenly over the batch, which is wrong once some responses are logged already or have ended.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import numpy as np
from lm_eval.api.registry import register_model

from anatomy_r1 import arithmetic
from anatomy_r1.errors import AnatomyR1Error, one_line
from anatomy_r1.evaluation.engines.checkpoint import unusable
from anatomy_r1.evaluation.engines.engine import LocalEngine
from anatomy_r1.evaluation.engines.jobs import Job
from anatomy_r1.evaluation.items import refused_picture
from anatomy_r1.response_log.log import ResponseLog
from anatomy_r1.response_log.response import Response


def uniforms(seed: int, benchmark: str, question_id: str, repeat: int, count: int) -> Any:
    """The first `count` numbers in [0, 1) of a response's random stream, as a float64 array."""
    name = f"{seed}\0{benchmark}\0{question_id}\0{repeat}"
    key = int.from_bytes(hashlib.sha256(name.encode()).digest()[:16], "big")
    return np.random.Generator(np.random.Philox(key=key)).random(count)


def next_tokens(logits: Any, numbers: Any, greedy: Any, temperature: Any) -> Any:
    """The next token of each row: the most likely one, or inverse transform sampling with the row's random number.

    `logits`: (rows, vocabulary). The others have one value for each row; `numbers` are float64, uniform in [0, 1).
    """
    import torch

    likely = logits.argmax(dim=-1)
    if bool(greedy.all()):
        return likely
    # In float64, so that a sum over 150,000 tokens does not lose the tail
    cumulative = torch.softmax(logits.double() / temperature.unsqueeze(-1), dim=-1).cumsum(dim=-1)
    target = (numbers * cumulative[:, -1]).unsqueeze(-1)
    drawn = torch.searchsorted(cumulative, target, right=True).squeeze(-1).clamp(max=logits.shape[-1] - 1)
    return torch.where(greedy, likely, drawn)


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """One response to generate."""

    prompt: int
    """Index of its prompt in the batch."""
    numbers: Sequence[float]
    """One random number per token; their count is the maximum number of tokens."""
    greedy: bool
    temperature: float


@dataclass(slots=True)
class Generated:
    """The tokens of one response."""

    tokens: list[int] = field(default_factory=list)
    """The end token included, if there is one."""
    finish_reason: Literal["stop", "length"] = "length"


def decode(
    model: Any,
    inputs: dict[str, Any],
    requests: Sequence[GenerationRequest],
    end_tokens: Collection[int],
    on_logits: Callable[[list[int], Any], None] | None = None,
) -> list[Generated]:
    """Generate a response for each request, in order.

    `inputs` is the processor's output for the prompts, padded on the left; any number of requests may share a prompt.
    `on_logits`, for tests, gets the indices of the unfinished requests and their logits, (requests, vocabulary).
    """
    import torch

    outputs = [Generated() for _ in requests]
    with torch.inference_mode():
        state = _prefill(model, inputs, requests)
        while state.active:
            if on_logits:
                on_logits(list(state.active), state.logits)
            tokens = _pick(state, requests, outputs)
            unfinished = []  # rows of the batch
            for row, (index, token) in enumerate(zip(state.active, tokens.tolist(), strict=True)):
                outputs[index].tokens.append(token)
                if token in end_tokens:
                    outputs[index].finish_reason = "stop"
                elif len(outputs[index].tokens) < len(requests[index].numbers):
                    unfinished.append(row)
            state = _advance(model, state, tokens, unfinished)
    return outputs


@dataclass(slots=True)
class _State:
    active: list[int]
    """Batch row -> index of its request; finished requests are gone."""
    cache: Any
    mask: Any
    """(rows, positions) 1 for a token, 0 for padding."""
    offset: Any
    """(rows, 1) multimodal minus text position, or None if the model has only one kind."""
    logits: Any


def _prefill(model: Any, inputs: dict[str, Any], requests: Sequence[GenerationRequest]) -> _State:
    import torch

    mask = inputs["attention_mask"]
    with_image = inputs.get("pixel_values") is not None
    # Without an image the model would count padding as positions
    positions = {} if with_image else {"position_ids": (mask.cumsum(-1) - 1).clamp(min=0)}
    out = model(**inputs, **positions, use_cache=True, logits_to_keep=1)
    which = torch.tensor([one.prompt for one in requests], device=mask.device)
    out.past_key_values.batch_select_indices(which)
    deltas = getattr(out, "rope_deltas", None) if with_image else None
    offset = None if deltas is None else deltas.to(mask.device)[which]
    return _State(list(range(len(requests))), out.past_key_values, mask[which], offset, out.logits[which, -1].float())


def _pick(state: _State, requests: Sequence[GenerationRequest], outputs: Sequence[Generated]) -> Any:
    import torch

    device = state.logits.device
    rows = [requests[index] for index in state.active]
    step = len(outputs[state.active[0]].tokens)  # the same for all rows
    temperatures = [1.0 if row.greedy else row.temperature for row in rows]
    numbers = torch.tensor([float(row.numbers[step]) for row in rows], dtype=torch.float64, device=device)
    greedy = torch.tensor([row.greedy for row in rows], device=device)
    temperature = torch.tensor(temperatures, dtype=torch.float64, device=device)
    return next_tokens(state.logits, numbers, greedy, temperature)


def _advance(model: Any, state: _State, tokens: Any, unfinished: list[int]) -> _State:
    """Drop finished rows, and feed the others their token."""
    import torch

    if not unfinished:
        return _State([], None, None, None, None)
    mask, offset = state.mask, state.offset
    if len(unfinished) < len(state.active):
        kept = torch.tensor(unfinished, device=tokens.device)
        state.cache.batch_select_indices(kept)
        mask, tokens = mask[kept], tokens[kept]
        offset = None if offset is None else offset[kept]
    position = mask.sum(-1, keepdim=True)
    mask = torch.cat([mask, torch.ones_like(mask[:, :1])], dim=-1)
    out = model(
        input_ids=tokens[:, None],
        attention_mask=mask,
        position_ids=position if offset is None else (position + offset)[None].expand(3, -1, -1),
        past_key_values=state.cache,
        use_cache=True,
    )
    active = [state.active[row] for row in unfinished]
    return _State(active, out.past_key_values, mask, offset, out.logits[:, -1].float())


@register_model("anatomy-transformers")
class TransformersEngine(LocalEngine):
    """Any image-text-to-text checkpoint of transformers in a local folder: safetensors only, no remote code."""

    def __init__(
        self,
        pretrained: str | Path,
        *,
        log: ResponseLog,
        seed: int = 0,
        batch_size: int = 16,
        device: str | None = None,
        dtype: str = "auto",
        progress: bool = True,
    ) -> None:
        """Load model and processor; `batch_size` counts questions, not responses."""
        if batch_size < 1:
            raise AnatomyR1Error(f"batch_size {batch_size}: must be at least 1. Fix: --batch-size 1")
        super().__init__(Path(pretrained), log, seed, progress=progress)
        self._device = _usable_device(device)
        self.model = _load(self.folder, dtype).to(self._device).eval()
        self.batch_size = batch_size
        self.settings = {"engine": "transformers", "dtype": str(self.model.dtype).removeprefix("torch.")}
        if arithmetic.mode() == "portable":  # native runs keep their names
            self.settings["arithmetic"] = "portable"

    def _generate(self, questions: Iterable[Sequence[Job]]) -> Iterator[list[Response]]:
        waiting = iter(questions)
        while batch := list(islice(waiting, self.batch_size)):
            yield self._respond(batch)

    def _respond(self, questions: Sequence[Sequence[Job]]) -> list[Response]:
        began = time.perf_counter()
        inputs = self._encode([group[0] for group in questions])
        lengths = inputs["attention_mask"].sum(-1).tolist()
        jobs = [(prompt, job) for prompt, group in enumerate(questions) for job in group]
        for prompt, job in jobs:
            self.check_length(job, lengths[prompt])
        requests = [_request(prompt, job) for prompt, job in jobs]
        outputs = decode(self.model, inputs, requests, self.end_tokens)
        seconds = (time.perf_counter() - began) / len(jobs)
        return [
            self.response(job, one.tokens, one.finish_reason, lengths[prompt], seconds)
            for (prompt, job), one in zip(jobs, outputs, strict=True)
        ]

    def _encode(self, jobs: Sequence[Job]) -> dict[str, Any]:
        pictures = [list(job.pictures) for job in jobs]
        shown = {"images": pictures} if any(pictures) else {}
        try:
            encoded = self.processor(text=[job.prompt for job in jobs], **shown, padding=True, return_tensors="pt")
        except Exception as error:  # processors have no errors of their own
            if len(jobs) == 1:
                raise refused_picture(jobs[0].key.question_id, jobs[0].shown, error) from error
            for job in jobs:  # to find the one that cannot be encoded
                self._encode([job])
            raise
        return dict(encoded.to(self._device))


def _request(prompt: int, job: Job) -> GenerationRequest:
    key = job.key
    numbers = uniforms(key.seed, key.benchmark, key.question_id, key.repeat, job.sampling.max_new_tokens)
    return GenerationRequest(prompt, numbers, job.sampling.decoding == "greedy", job.sampling.temperature)


def _usable_device(name: str | None) -> Any:
    """The device; None: `cuda` if available. AnatomyR1Error if it does not exist here."""
    import torch

    try:
        device = torch.device(name or ("cuda" if torch.cuda.is_available() else "cpu"))
        torch.empty(1, device=device)
    except Exception as error:  # each backend raises its own
        raise AnatomyR1Error(f"device {name}: not usable here ({one_line(error)}). Fix: --device cpu") from error
    return device


def _load(folder: Path, dtype: str) -> Any:
    """The model; a checkpoint that lacks some of its weights is refused, since transformers makes them up."""
    from transformers import AutoModelForImageTextToText

    try:
        model, found = AutoModelForImageTextToText.from_pretrained(
            folder, dtype=dtype, use_safetensors=True, trust_remote_code=False, output_loading_info=True
        )
    except Exception as error:  # a library's loader: a broken file raises anything
        raise unusable(folder, error) from error
    if lost := sorted({*found["missing_keys"], *(str(key[0]) for key in found["mismatched_keys"])}):
        problem = f"{len(lost)} weights of the model are missing or of another shape, such as {lost[0]}"
        raise AnatomyR1Error(f"{folder}: {problem}. Fix: train or copy it again")
    return model
