"""Questions -> rows of a training set in TRL's format: chat turns, one image, and columns for the rewards."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from anatomy_r1.data.prepared import PreparedSet
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.prompts import Style, render
from anatomy_r1.question import Question


def completion(question: Question, style: Style) -> str:
    """The target of SFT: the answer alone, or first the rule-based rationale (wording ours: the paper gives none)."""
    answer = f"<answer> {question.letter} </answer>"
    return answer if style == "direct" else f"<think> {question.rationale} {question.letter} </think> {answer}"


def sft_rows(prepared: PreparedSet, style: Style) -> list[dict[str, Any]]:
    """Rows with `prompt`, `completion` and `image` (loss on the completion only).

    Raises:
        AnatomyR1Error: in `think` style, when no question has a rationale. Questions without one are left out.
    """
    usable = [q for q in prepared.questions if style == "direct" or q.rationale]
    if not usable:
        fix = "prepare it with --scene-graphs, from which rationales are made"
        raise AnatomyR1Error(f"{prepared.root}: no training question has a rationale for CoT-SFT. Fix: {fix}")
    return [
        {**_shown(prepared, q, style), "completion": [{"role": "assistant", "content": completion(q, style)}]}
        for q in usable
    ]


def rl_rows(prepared: PreparedSet, style: Style) -> list[dict[str, Any]]:
    """Rows with `prompt`, `image`, and what the rewards and the training log need."""
    return [
        {
            **_shown(prepared, q, style),
            "question_id": q.id,
            "options": list(q.options),
            "letter": q.letter,
            "anatomy": q.category,
        }
        for q in prepared.questions
    ]


def _shown(prepared: PreparedSet, question: Question, style: Style) -> dict[str, Any]:
    """The prompt has no image part: TRL puts the image before the text, as the release does."""
    return {
        "prompt": [{"role": "user", "content": render(question, style, prepared.wording)}],
        "image": str(prepared.image_root / question.image),
    }


def dataset(rows: Sequence[dict[str, Any]]) -> Any:
    """A `datasets.Dataset` that decodes an image when its row is read, so memory does not grow with the set."""
    from datasets import Dataset, Image

    return Dataset.from_list(list(rows)).cast_column("image", Image())
