"""Questions -> rows of a training set, as TRL wants them: chat turns, one image, and the columns that rewards read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from anatomy_r1.data.prepared import PreparedSet
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.prompts import Style, render
from anatomy_r1.question import Question


def completion(question: Question, style: Style) -> str:
    """What SFT imitates: the answer alone, or the rule-based rationale first (our wording; the paper gives none)."""
    answer = f"<answer> {question.letter} </answer>"
    return answer if style == "direct" else f"<think> {question.rationale} {question.letter} </think> {answer}"


def sft_rows(prepared: PreparedSet, style: Style) -> list[dict[str, Any]]:
    """Rows with `prompt`, `completion` and `image` (loss on the completion only).

    Raises:
        AnatomyR1Error: in `think` style when no question has a rationale. Questions without one are left out.
    """
    usable = [q for q in prepared.questions if style == "direct" or q.rationale]
    if not usable:
        raise AnatomyR1Error(
            f"{prepared.root}: no training question has a rationale, so CoT-SFT has nothing to imitate"
        )
    return [
        {**_shown(prepared, q, style), "completion": [{"role": "assistant", "content": completion(q, style)}]}
        for q in usable
    ]


def rl_rows(prepared: PreparedSet, style: Style) -> list[dict[str, Any]]:
    """Rows with `prompt`, `image` and what rewards and the training log need."""
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
    """Prompt without an image part: TRL puts the image before the text, as the release does."""
    return {
        "prompt": [{"role": "user", "content": render(question, style, prepared.wording)}],
        "image": str(prepared.image_root / question.image),
    }


def dataset(rows: Sequence[dict[str, Any]]) -> Any:
    """A `datasets.Dataset` whose images are decoded when a row is read, so memory does not grow with the set."""
    from datasets import Dataset, Image

    return Dataset.from_list(list(rows)).cast_column("image", Image())
