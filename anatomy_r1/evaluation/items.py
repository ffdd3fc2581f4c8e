"""Evaluation items: the questions of a prepared set as they are asked, each with its prompt and its image.

`evaluate` and the lm-eval task both ask these items, so that their prompts are the same.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from anatomy_r1.data.prepared import PreparedSet
from anatomy_r1.data.shown import LazyImages, prompted, swapped
from anatomy_r1.errors import AnatomyR1Error, one_line
from anatomy_r1.evaluation.config import EvaluationConfig
from anatomy_r1.prompts import WORDINGS, render
from anatomy_r1.question import Question

IMAGE = "<image>"
"""lm-eval's placeholder for an image."""


@dataclass(frozen=True, slots=True)
class Item:
    """A question as it is asked."""

    question: Question
    """With its options in the order in which they are shown."""
    prompt: str
    """Without chat template and without a placeholder for the image."""
    style: str
    images: str
    shown: str
    """Path of the image relative to the image root; empty without an image."""
    path: str
    """Path of the image file; empty without an image."""

    @property
    def turn(self) -> str:
        """The user's chat turn."""
        return user_turn(self.prompt, self.path)

    @property
    def pictures(self) -> LazyImages:
        """The image, unopened."""
        return LazyImages([self.path] if self.path else [])

    def as_document(self) -> dict[str, Any]:
        """The item as a document of lm-eval."""
        question = self.question
        return {
            "id": question.id,
            "benchmark": question.benchmark,
            "prompt": self.prompt,
            "options": list(question.options),
            "letter": question.letter,
            "category": question.category,
            "cluster": question.cluster,
            "style": self.style,
            "images": self.images,
            "shown": self.shown,
            "image": self.path,
        }


def user_turn(prompt: str, path: str) -> str:
    """The user's chat turn, with lm-eval's placeholder for the image."""
    return (IMAGE if path else "") + prompt


def chat_turns(sent: Any) -> list[dict[str, Any]]:
    """The turns of a prompt that a chat API was sent as JSON, if that is what it is and all of them are texts."""
    try:
        turns = json.loads(sent) if isinstance(sent, str) and sent.lstrip().startswith("[") else []
    except (ValueError, RecursionError):
        return []
    plain = [turn for turn in turns if isinstance(turn, dict) and isinstance(turn.get("content"), str)]
    return plain if len(plain) == len(turns) else []


def build_items(prepared: PreparedSet, config: EvaluationConfig, category: str | None = None) -> list[Item]:
    """The items of one split, in its order; rotations of one question follow each other.

    Uses `style`, `wording`, `images`, `seed`, `options` and `limit` of `config`. Images are swapped within the split.
    """
    style, wording = config.style, config.wording
    if style not in ("think", "direct"):
        raise AnatomyR1Error(f"style {style!r}: neither think nor direct")
    if wording is not None and wording not in WORDINGS:
        raise AnatomyR1Error(f"wording {wording!r}: none of {', '.join(WORDINGS)}")
    shown = _shown_images(prepared.questions, config.images, config.seed)
    paths = {name: str(prepared.image_root / name) if name else "" for name in dict.fromkeys(shown)}
    items = [
        Item(one, render(one, style, wording), style, config.images, name, paths[name])
        for question, name in list(zip(prepared.questions, shown, strict=True))[: config.limit]
        if category in (None, question.category)
        for one in prompted([question], config.options)
    ]
    if not items:
        raise AnatomyR1Error(f"{prepared.root}: no question of category {category} in this split")
    return items


def _shown_images(questions: Sequence[Question], images: str, seed: int) -> list[str]:
    if images == "swapped":
        return swapped(questions, seed)
    if images not in ("real", "none"):
        raise AnatomyR1Error(f"images {images!r}: none of real, swapped, none")
    return ["" if images == "none" else question.image for question in questions]


def check_length(model: Any, question_id: str, prompt: str, pictures: LazyImages, max_new_tokens: int) -> None:
    """Check that a prompt and its response fit the model, if the model has a processor and a maximum length.

    lm-eval's own backends truncate a prompt on the left, through the image, without an error. A prompt without a place
    for its image is refused too.
    """
    processor, max_length = getattr(model, "processor", None), getattr(model, "max_length", None)
    if not callable(processor) or not isinstance(max_length, int):
        return
    shown = {"images": [list(pictures)]} if pictures else {}
    try:
        ids = processor(text=[prompt], **shown)["input_ids"][0]
    except Exception as error:  # processors have no errors of their own
        raise refused_picture(question_id, ", ".join(pictures.paths), error) from error
    mark = getattr(processor, "image_token_id", None)
    if pictures and isinstance(mark, int) and mark not in list(ids):
        fix = "Fix: use the chat template of the image-text base model"
        raise AnatomyR1Error(f"question {question_id}: the prompt has no place for its image. {fix}")
    tokens = len(ids)
    if tokens + max_new_tokens > max_length:
        raise AnatomyR1Error(
            f"question {question_id}: a prompt of {tokens} tokens and {max_new_tokens} new ones exceed the model's "
            f"{max_length}. Fix: lower --max-new-tokens (lm-eval: --gen_kwargs max_gen_toks=N) or the image "
            "processor's max_pixels"
        )


def refused_picture(question_id: str, shown: str, error: Exception) -> AnatomyR1Error:
    """The error for a prompt and a picture that a model's processor refuses, as one 201 times as wide as high."""
    picture = f", picture {shown}" if shown else ""
    fix = "Fix: crop or pad the picture, and prepare the set again; earlier responses are in the log"
    return AnatomyR1Error(
        f"question {question_id}{picture}: the model's processor refuses it ({one_line(error)}). {fix}"
    )
