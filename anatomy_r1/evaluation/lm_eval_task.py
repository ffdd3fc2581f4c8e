"""What the task YAML files in `tasks/` call: documents, prompts, images and scores for lm-eval's users.

A task yields five sampled responses and a greedy one per question. lm-eval has one set of generation arguments per
task, so `AnatomyTask` adds the greedy request to each document.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from copy import deepcopy
from difflib import get_close_matches
from typing import Any

import datasets
from lm_eval.api.instance import Instance
from lm_eval.api.task import ConfigurableTask

from anatomy_r1.data.prepared import find_set
from anatomy_r1.data.shown import LazyImages, check_pictures
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.evaluation.config import EvaluationConfig
from anatomy_r1.evaluation.items import IMAGE, build_items, chat_turns, check_length, user_turn
from anatomy_r1.evaluation.task_files import categories
from anatomy_r1.scoring.metrics import question_metrics
from anatomy_r1.scoring.strict import extract

OPTIONS = ("data", "style", "wording", "images", "options", "split", "seed", "questions")
"""What `--metadata` may state."""


class AnatomyTask(ConfigurableTask):  # type: ignore[misc]  # lm-eval is untyped
    """A benchmark's questions, with five sampled responses and a greedy one each."""

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__(config={name: value for name, value in config.items() if name != "class"})

    def build_all_requests(self, **kwargs: Any) -> None:
        """Build lm-eval's requests, and reject what would otherwise fail late or silently."""
        if not kwargs.get("apply_chat_template"):
            raise AnatomyR1Error(
                f"task {self.config.task}: without the chat template the model reads a bare text and scores mean "
                "nothing. Fix: add --apply_chat_template"
            )
        self._sampled = sampled_arguments(self.config.generation_kwargs)
        if "max_gen_toks" not in self._sampled:
            fix = "Fix: --gen_kwargs max_gen_toks=512; openai-chat-completions sends it as max_completion_tokens"
            raise AnatomyR1Error(
                f"task {self.config.task}: max_gen_toks is left out, so each backend has its own. {fix}"
            )
        self._greedy = greedy_arguments(self._sampled)
        super().build_all_requests(**kwargs)
        check_pictures({one.doc["image"] for one in self.instances if one.doc["image"]})
        longest = max(self.instances, key=lambda one: len(one.args[0]))
        model = getattr(kwargs.get("chat_template"), "__self__", None)
        prompt, arguments, media = longest.args
        check_length(model, longest.doc["id"], prompt, media["visual"], arguments["max_gen_toks"])

    def construct_requests(self, doc: dict[str, Any], ctx: Any, **kwargs: Any) -> list[Instance]:
        """The sampled request (`repeats` responses), then the greedy one."""
        task, number, repeats = kwargs["metadata"]
        media, ctx = {"visual": self.doc_to_image(doc)}, without_placeholder(ctx)
        return [
            Instance("generate_until", doc, (ctx, self._sampled, media), 0, (task, number, repeats)),
            Instance("generate_until", doc, (ctx, self._greedy, media), 1, (task, number, 1)),
        ]


def without_placeholder(prompt: Any) -> Any:
    """The prompt that lm-eval's chat APIs send, without the placeholder for the image; any other one as it is.

    These backends keep the turns as JSON (`JsonChatStr`) and put the image before the text by themselves, without
    taking the placeholder out: the model would read a literal `<image>` that `evaluate` does not send.
    """
    turns = chat_turns(getattr(prompt, "prompt", None))
    if not turns or not hasattr(prompt, "_replace"):
        return prompt
    sent = [{**turn, "content": turn["content"].removeprefix(IMAGE)} for turn in turns]
    return prompt._replace(prompt=json.dumps(sent, ensure_ascii=False))


def greedy_arguments(sampled: dict[str, Any]) -> dict[str, Any]:
    """Generation arguments of the greedy response; the penalty is stated, or a checkpoint's own would apply."""
    stated = ("until", "max_gen_toks", "repetition_penalty")
    kept: dict[str, Any] = {name: sampled[name] for name in stated if name in sampled}
    return {**kept, "do_sample": False, "temperature": 0.0}


def sampled_arguments(stated: dict[str, Any]) -> dict[str, Any]:
    """Generation arguments of the sampled responses, without those set to None.

    `--gen_kwargs top_k=None` is for APIs that refuse it. A seed of None is sent, so that no backend adds its own.
    """
    return {name: deepcopy(value) for name, value in stated.items() if value is not None or name == "seed"}


def documents(
    *, benchmark: str, data: str | None = None, split: str = "test", category: str | None = None, **metadata: Any
) -> dict[str, datasets.Dataset]:
    """lm-eval's `custom_dataset`: the questions of one benchmark as documents, with paths in place of images.

    `data` is the prepared set, or the folder that holds it under the benchmark's name, which the task's YAML states.
    `style`, `wording`, `images`, `options` and `seed` are as in `EvaluationConfig`, and `questions` is its `limit`
    (lm-eval's own limit counts documents). All else that lm-eval passes, such as model arguments, is ignored, but for
    what looks like one of these misspelt.
    """
    _check_names(metadata)
    given = {name: metadata[name] for name in ("style", "wording", "images", "options", "seed") if name in metadata}
    given["seed"] = int(given.get("seed", 0))
    config = EvaluationConfig(limit=metadata.get("questions"), **given)
    prepared = find_set(benchmark, data, split)
    items = build_items(prepared, config, category)
    if category is not None:
        _warn_of_others(benchmark, Counter(question.category for question in prepared.questions))
    return {"test": datasets.Dataset.from_list([item.as_document() for item in items])}


def _check_names(metadata: Mapping[str, Any]) -> None:
    """Refuse `image` for `images`: the run would be the plain one under a control's name."""
    for name in sorted(metadata.keys() - set(OPTIONS)):
        if close := get_close_matches(name, OPTIONS, 1, cutoff=0.8):
            raise AnatomyR1Error(
                f"--metadata {name}: no option of the tasks. Fix: {close[0]}, one of {', '.join(OPTIONS)}"
            )


def _warn_of_others(benchmark: str, asked: Counter[str]) -> None:
    """Say which questions no task by category asks: a mean over these tasks leaves them out."""
    if others := sorted(asked.keys() - categories(benchmark)):
        named = ", ".join(f"{name!r} ({asked[name]})" for name in others)
        print(f"warning: {benchmark}: no task by category asks {named}; {benchmark} asks them", file=sys.stderr)


def doc_to_text(doc: dict[str, Any]) -> str:
    """The user's turn, with lm-eval's placeholder for the image."""
    return user_turn(doc["prompt"], doc["image"])


def doc_to_image(doc: dict[str, Any]) -> LazyImages:
    """The image, unopened."""
    return LazyImages([doc["image"]] if doc["image"] else [])


def choices(responses: Sequence[Sequence[str]], docs: Sequence[dict[str, Any]]) -> list[list[str | None]]:
    """lm-eval filter: the letter that each response chose, or None."""
    return [
        [extract(text, doc["options"]).choice for text in texts] for texts, doc in zip(responses, docs, strict=True)
    ]


def process_results(doc: dict[str, Any], results: Sequence[Sequence[str | None]]) -> dict[str, float]:
    """Metrics of one question from the choices of its sampled responses and of its greedy one."""
    sampled, (greedy,) = results
    return question_metrics(sampled, greedy, doc["letter"])
