"""What the task YAML files in `tasks/` call: documents, prompts, pictures, and scores, all over the core's one scorer.

One task yields the five sampled responses and the greedy one of each question. lm-eval has one set of generation
arguments a task, so `AnatomyTask` adds the greedy request to each document itself.

lm-eval requests whose prompt is rendered when it is read.

A chat template costs a tenth of a millisecond or more, and lm-eval renders the prompts of all questions before it asks
the first: of 100,000 questions that one would wait a quarter of a minute.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any

from lm_eval.api.instance import Instance
from lm_eval.api.task import ConfigurableTask

from anatomy_r1.data.images import LazyImages, check_pictures, swapped
from anatomy_r1.data.locate import find_set
from anatomy_r1.data.rotations import prompted
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.prompts import WORDINGS, render
from anatomy_r1.question import Question
from anatomy_r1.scoring.metrics import question_metrics
from anatomy_r1.scoring.strict import extract

Document = dict[str, Any]


class Template:
    """What makes a prompt of a document: its one user turn, and a model's chat template."""

    def __init__(self, turn: Callable[[Document], str], render: Callable[..., str]) -> None:
        self.turn, self._render = turn, render
        self._last: tuple[Document | None, str] = (None, "")

    def __call__(self, doc: Document) -> str:
        """The prompt as the model reads it; made once for a document's requests, which are read one after the other."""
        if self._last[0] is not doc:
            turns = [{"role": "user", "content": self.turn(doc)}]
            self._last = doc, self._render(turns, add_generation_prompt=True)
        return self._last[1]


class Request(Instance):  # type: ignore[misc]  # lm-eval is untyped
    """An `Instance` that may have a `Template` for its first argument; whoever reads it finds the prompt there."""

    @property
    def arguments(self) -> tuple[Any, ...]:
        """Prompt, generation arguments, media."""
        prompt, *more = self._arguments
        return (prompt(self.doc) if isinstance(prompt, Template) else prompt, *more)

    @arguments.setter
    def arguments(self, given: tuple[Any, ...]) -> None:
        self._arguments = given

    @property
    def turn(self) -> str:
        """The prompt before the chat template."""
        prompt = self._arguments[0]
        return prompt.turn(self.doc) if isinstance(prompt, Template) else str(prompt)

    def __getstate__(self) -> dict[str, Any]:
        """Rendered: lm-eval may write requests to a file, where no model is."""
        return {**self.__dict__, "_arguments": self.arguments}


class Documents(list[dict[str, Any]]):
    """Documents as lm-eval wants them of a data set. A Hugging Face one would decode each row anew each time."""

    @property
    def features(self) -> dict[str, str]:
        """Names of the columns."""
        return {name: type(value).__name__ for one in self[:1] for name, value in one.items()}


class AnatomyTask(ConfigurableTask):  # type: ignore[misc]  # lm-eval is untyped
    """A benchmark's questions, five sampled responses and a greedy one each."""

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__(config={name: value for name, value in config.items() if name != "class"})

    def build_all_requests(self, **kwargs: Any) -> None:
        """As lm-eval does, once what would fail silently or late is ruled out.

        Raises:
            AnatomyR1Error: without a chat template, when a picture is missing, or the longest prompt does not fit.
        """
        if not kwargs.get("apply_chat_template"):
            raise AnatomyR1Error(
                f"task {self.config.task}: without the chat template the model reads a bare text and scores mean "
                "nothing. Fix: add --apply_chat_template"
            )
        self._sampled = deepcopy(self.config.generation_kwargs)
        self._greedy = greedy_arguments(self._sampled)
        template = kwargs.get("chat_template")
        self._template = Template(self.doc_to_text, template) if template and self._is_one_turn(kwargs) else None
        super().build_all_requests(**kwargs)
        check_pictures({one.doc["image"] for one in self.instances if one.doc["image"]})
        _check_longest(self.instances, getattr(template, "__self__", None))

    def _is_one_turn(self, kwargs: dict[str, Any]) -> bool:
        """Whether a prompt is the user's one turn and nothing else."""
        config = self.config
        return not (kwargs.get("system_instruction") or config.description or config.num_fewshot or config.gen_prefix)

    def fewshot_context(self, doc: dict[str, Any], **kwargs: Any) -> Any:
        """What will make the prompt when it is wanted; lm-eval's own, made now, where it is more than one turn."""
        return self._template or super().fewshot_context(doc, **kwargs)

    def construct_requests(self, doc: dict[str, Any], ctx: Any, **kwargs: Any) -> list[Instance]:
        """The sampled request (`repeats` responses), then the greedy one."""
        task, number, repeats = kwargs["metadata"]
        media = {"visual": self.doc_to_image(doc)}
        return [
            Request("generate_until", doc, (ctx, self._sampled, media), 0, (task, number, repeats)),
            Request("generate_until", doc, (ctx, self._greedy, media), 1, (task, number, 1)),
        ]


def greedy_arguments(sampled: dict[str, Any]) -> dict[str, Any]:
    """Generation arguments of the greedy response; the penalty stays stated, or a checkpoint's own would apply."""
    kept = {name: sampled[name] for name in ("until", "max_gen_toks", "repetition_penalty")}
    return {**kept, "do_sample": False, "temperature": 0.0}


def documents(
    *,
    benchmark: str,
    data: str | None = None,
    style: str = "think",
    images: str = "real",
    options: str = "given",
    questions: int | None = None,
    split: str = "test",
    category: str | None = None,
    seed: int = 0,
    wording: str | None = None,
    **_: Any,
) -> dict[str, Documents]:
    """`custom_dataset`: the questions of one benchmark as lm-eval documents, which hold paths and no picture.

    Args:
        benchmark: the task's, stated in its YAML.
        data: the prepared set, or a folder that holds it under the benchmark's name.
        style: `think` or `direct`.
        images: `real`, `swapped` or `none`.
        options: `given`, or `rotated` for one document a rotation, those of one question together.
        questions: only the first so many, each with all its documents (lm-eval's own limit counts documents).
        split: of the prepared set.
        category: keep only these questions.
        seed: of the swap.
        wording: of the prompt; the benchmark's canonical one unless told.
        _: everything else that lm-eval hands over (`--metadata` and all model arguments).

    Raises:
        AnatomyR1Error: when the set is missing or another benchmark's, or an argument is none of the above.
    """
    prepared = find_set(benchmark, data, split)
    shown = _shown(prepared.questions, images, int(seed))
    paths = {name: str(prepared.image_root / name) if name else "" for name in dict.fromkeys(shown)}
    rows = [
        _document(one, style, images, name, paths[name], wording=wording)
        for question, name in list(zip(prepared.questions, shown, strict=True))[:questions]
        if category in (None, question.category)
        for one in prompted([question], options)
    ]
    if not rows:
        raise AnatomyR1Error(f"{prepared.root}: split {split} has no question of category {category}")
    return {"test": Documents(rows)}


def _shown(questions: Sequence[Question], images: str, seed: int) -> list[str]:
    if images == "swapped":
        return swapped(questions, seed)
    if images not in ("real", "none"):
        raise AnatomyR1Error(f"images {images!r}: none of real, swapped, none")
    return ["" if images == "none" else question.image for question in questions]


def _document(
    question: Question, style: str, images: str, shown: str, path: str, *, wording: str | None
) -> dict[str, Any]:
    if style not in ("think", "direct"):
        raise AnatomyR1Error(f"style {style!r}: neither think nor direct")
    if wording is not None and wording not in WORDINGS:
        raise AnatomyR1Error(f"wording {wording!r}: none of {', '.join(WORDINGS)}")
    return {
        "id": question.id,
        "benchmark": question.benchmark,
        "prompt": render(question, "think" if style == "think" else "direct", wording),
        "options": list(question.options),
        "letter": question.letter,
        "category": question.category,
        "cluster": question.cluster,
        "style": style,
        "images": images,
        "shown": shown,
        "image": path,
    }


def doc_to_text(doc: dict[str, Any]) -> str:
    """The prompt, with lm-eval's mark where the picture goes."""
    return ("<image>" if doc["image"] else "") + str(doc["prompt"])


def doc_to_image(doc: dict[str, Any]) -> LazyImages:
    """The picture, unopened."""
    return LazyImages([doc["image"]] if doc["image"] else [])


def choices(responses: Sequence[Sequence[str]], docs: Sequence[dict[str, Any]]) -> list[list[str | None]]:
    """lm-eval filter: what each response chose, a letter or None."""
    return [
        [extract(text, doc["options"]).choice for text in texts] for texts, doc in zip(responses, docs, strict=True)
    ]


def process_results(doc: dict[str, Any], results: Sequence[Sequence[str | None]]) -> dict[str, float]:
    """Metrics of one question from the choices of its sampled responses and of its greedy one."""
    sampled, (greedy,) = results
    return question_metrics(sampled, greedy, doc["letter"])


def _check_longest(instances: Sequence[Any], model: Any) -> None:
    """Stock backends cut an over-long prompt on the left, through the picture; so measure the longest one before."""
    processor, most = getattr(model, "processor", None), getattr(model, "max_length", None)
    if not callable(processor) or not isinstance(most, int) or not instances:
        return
    instance = max(instances, key=lambda one: len(one.turn))
    prompt, arguments, media = instance.args
    shown = {"images": [list(media["visual"])]} if media["visual"] else {}
    tokens, new = len(_ids(processor, prompt, shown)), arguments["max_gen_toks"]
    if tokens + new > most:
        raise AnatomyR1Error(
            f"question {instance.doc['id']}: a prompt of {tokens} tokens and {new} new ones exceed the model's {most}. "
            "Fix: lower --max-new-tokens (lm-eval: --gen_kwargs max_gen_toks=N) or the picture's max_pixels"
        )


def _ids(processor: Callable[..., Any], prompt: str, shown: dict[str, Any]) -> Sequence[int]:
    ids: Sequence[int] = processor(text=[prompt], **shown)["input_ids"][0]
    return ids
