"""Engines: `open_engine`, and the base classes `Engine` and `LocalEngine`.

An engine generates the responses that the log lacks, for `evaluate` or for lm-eval.

lm-eval knows the engines as `anatomy-transformers`, `anatomy-vllm` and `anatomy-server`.

Example:
    >>> with ResponseLog(Path("log.sqlite")) as log:                        # doctest: +SKIP
    ...     engine = TransformersEngine("models/mini-l", log=log, batch_size=16)
    ...     lm_eval.simple_evaluate(model=engine, tasks=["sgg_anatomy_mini"], apply_chat_template=True)
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from inspect import Parameter, signature
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

from lm_eval.api.model import LM
from lm_eval.utils import simple_parse_args_string

from anatomy_r1.chat import Detokenizer, check_template, generation_prompt, opened_by
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.evaluation.config import ENGINES
from anatomy_r1.evaluation.engines.checkpoint import end_tokens, open_config, open_processor, weights_identity
from anatomy_r1.evaluation.engines.jobs import Job, JobBuilder, complete_jobs, jobs_from_items, jobs_from_requests
from anatomy_r1.evaluation.engines.lm_eval_models import arguments_of
from anatomy_r1.evaluation.items import IMAGE, Item
from anatomy_r1.response_log.log import ResponseLog
from anatomy_r1.response_log.response import Response, Sampling
from anatomy_r1.scoring.metrics import K


def content_parts(text: str) -> list[dict[str, str]]:
    """The content of a turn as a list: `<image>text` is an image, then a text."""
    found: list[dict[str, str]] = []
    for number, piece in enumerate(text.split(IMAGE)):
        found += [{"type": "image"}] * (number > 0) + [{"type": "text", "text": piece}] * bool(piece)
    return found


class Engine(LM):  # type: ignore[misc]  # lm-eval is untyped
    """A subclass sets `weights` and `settings`, and implements `complete` and `apply_chat_template`."""

    MULTIMODAL = True
    weights: str
    """Identity of the weights; part of every key."""
    settings: dict[str, Any]
    """Whatever else determines responses besides weights and sampling parameters; part of every key."""
    plan: Mapping[str, Any] = {}
    """What the engine adds to the plan of a run."""
    generated = 0
    """Responses generated so far, not counting those found in the log."""

    def __init__(self, log: ResponseLog, seed: int, *, progress: bool) -> None:
        super().__init__()
        self.log, self.seed, self._progress = log, seed, progress

    @classmethod
    def create_from_arg_obj(cls, arg_dict: dict[str, Any], additional_config: dict[str, Any] | None = None) -> Engine:
        """The engine from the arguments of lm-eval's command (`lm_eval_models.arguments_of`)."""
        return cls(**arguments_of(cls, arg_dict, additional_config))

    @classmethod
    def create_from_arg_string(cls, arg_string: str, additional_config: dict[str, Any] | None = None) -> Engine:
        """The same from `pretrained=DIR,log=FILE`."""
        return cls.create_from_arg_obj(simple_parse_args_string(arg_string), additional_config)

    @property
    def provenance(self) -> Mapping[str, Any]:
        """What is recorded with a run besides its plan: where responses came from, which decides none of them."""
        return {}

    @abstractmethod
    def complete(self, jobs: Iterable[Job], count: int, *, progress: bool = True) -> list[str]:
        """The text of each of `count` jobs, in order; only responses that are not in the log are generated."""

    @abstractmethod
    def apply_chat_template(self, chat_history: list[dict[str, Any]], add_generation_prompt: bool = True) -> str:
        """The prompt for chat turns, which have `<image>` in their text where an image goes."""

    def prompt(self, item: Item) -> str:
        """The prompt as the model reads it."""
        return self.apply_chat_template([{"role": "user", "content": item.turn}])

    def complete_items(self, items: Sequence[Item], sampling: Sequence[Sampling]) -> list[list[str]]:
        """For each item the texts of its responses: five for each sampled decoding, one for a greedy one."""
        size = sum(K if one.decoding == "sample" else 1 for one in sampling)
        texts = self.complete(jobs_from_items(items, sampling, self.prompt, self._builder()), size * len(items))
        return [texts[start : start + size] for start in range(0, len(texts), size)]

    def generate_until(self, requests: list[Any], disable_tqdm: bool = False) -> list[str]:
        """lm-eval's requests: one text per request, in order."""
        jobs = jobs_from_requests(requests, self._builder())
        return self.complete(jobs, len(requests), progress=not disable_tqdm)

    def _builder(self) -> JobBuilder:
        return JobBuilder(self.weights, self.seed, self.settings)

    def loglikelihood(self, requests: list[Any]) -> Any:
        """Not supported."""
        raise NotImplementedError(f"{type(self).__name__} only generates")

    loglikelihood_rolling = loglikelihood


class LocalEngine(Engine):
    """An engine over a checkpoint in a local folder, whose code is not executed. A subclass implements `_generate`."""

    def __init__(self, folder: Path, log: ResponseLog, seed: int, *, progress: bool) -> None:
        """Read everything but the weights."""
        super().__init__(log, seed, progress=progress)
        self.folder, self.weights = folder, weights_identity(folder)
        config = open_config(folder)
        self.processor = open_processor(folder)
        tokenizer = self.processor.tokenizer
        self.stated_dtype = None if config.dtype is None else str(config.dtype).removeprefix("torch.")
        self.end_tokens = end_tokens(folder, config, tokenizer)
        self.detokenizer = Detokenizer(tokenizer, self.end_tokens)
        self.detokenizer.check_tags(folder)
        text_config, longest = config.get_text_config(), int(tokenizer.model_max_length)
        self.max_length = min(int(getattr(text_config, "max_position_embeddings", None) or longest), longest)
        check_template(self._render, folder)
        self.generation_prompt = generation_prompt(self._render)
        if opened := opened_by(self.generation_prompt, self.generation_prompt):
            self.plan = {"opened": opened}

    @abstractmethod
    def _generate(self, questions: Iterable[Sequence[Job]]) -> Iterable[list[Response]]:
        """Responses to jobs grouped by question, in any order, as soon as they are available."""

    def complete(self, jobs: Iterable[Job], count: int, *, progress: bool = True) -> list[str]:
        """The text of each job, in order."""
        progress = self._progress and progress
        texts, generated = complete_jobs(jobs, count, self.log, self._generate, progress=progress)
        self.generated += generated
        return texts

    def apply_chat_template(self, chat_history: list[dict[str, Any]], add_generation_prompt: bool = True) -> str:
        """The prompt by the processor's chat template."""
        chat = [{**turn, "content": content_parts(turn["content"])} for turn in chat_history]
        return self._render(chat, add_generation_prompt=add_generation_prompt)

    def _render(self, chat: list[dict[str, Any]], *, add_generation_prompt: bool = True) -> str:
        text = self.processor.apply_chat_template(chat, add_generation_prompt=add_generation_prompt, tokenize=False)
        return str(text)

    def chat_template(self, chat_template: bool | str = False) -> str | None:
        """The processor's, whatever name lm-eval asks for."""
        return str(self.processor.chat_template)

    def check_length(self, job: Job, prompt_tokens: int) -> None:
        """Raise an AnatomyR1Error unless prompt and response fit."""
        new = job.sampling.max_new_tokens
        if prompt_tokens + new > self.max_length:
            raise AnatomyR1Error(
                f"question {job.key.question_id}: a prompt of {prompt_tokens} tokens and {new} new ones exceed the "
                f"model's {self.max_length}. Fix: lower --max-new-tokens, or max_pixels in the model's processor"
            )

    def response(
        self, job: Job, tokens: Sequence[int], finish_reason: Any, prompt_tokens: int, seconds: float
    ) -> Response:
        """The response to log for generated tokens, the end token included."""
        text, raw = self.detokenizer.text(tokens), self.detokenizer.raw(tokens)
        more = {
            "opened": opened_by(job.prompt, self.generation_prompt),
            "raw": raw if raw != text else "",
            "token_ids": " ".join(map(str, tokens)),
        }
        return job.response(text, finish_reason, prompt_tokens, len(tokens), seconds, **more)

    @property
    def tokenizer_name(self) -> str:
        """For lm-eval."""
        return self.folder.name


def open_engine(name: str, model: str | Path, *, benchmark: str, **options: Any) -> Any:
    """Open an engine of `ENGINES` with a model: the folder of a checkpoint, or a server's name for it.

    `options` are log, seed, progress, and the engine's own; None stands for the engine's default. `benchmark`, whose
    questions will be asked, is for engines that need it.

    Raises:
        AnatomyR1Error: when the engine or an option does not exist, or the engine cannot be opened.
    """
    if name not in ENGINES:
        raise AnatomyR1Error(f"engine {name!r}: unknown. Fix: one of {', '.join(ENGINES)}")
    engine = resolve_name(ENGINES[name])
    known = signature(engine).parameters
    given = {option: value for option, value in options.items() if value is not None}
    open_ended = any(parameter.kind is Parameter.VAR_KEYWORD for parameter in known.values())
    if (foreign := sorted(set(given) - set(known))) and not open_ended:
        named = ", ".join("--" + option.replace("_", "-") for option in foreign)
        raise AnatomyR1Error(f"{named}: the engine {name} has no such option. Fix: leave it out, or another --engine")
    try:
        return engine(model, **given, **({"benchmark": benchmark} if "benchmark" in known else {}))
    except TypeError as error:  # an engine with **options passes them on
        if "unexpected keyword argument" not in str(error):
            raise
        raise AnatomyR1Error(f"engine {name}: {error}. Fix: see --engine-arg") from error
