"""A served row and its completion -> a row of the training log."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from PIL import Image

from anatomy_r1.prompts import prompt_hash
from anatomy_r1.question import LETTERS
from anatomy_r1.scoring.strict import extract
from anatomy_r1.training.rewards import text_of
from anatomy_r1.training.similarity import Similarity, served_difficulty
from anatomy_r1.training.training_log import Rollout


@dataclass(frozen=True)
class Place:
    """Where a completion stands in the run."""

    step: int
    group_index: int
    member: int
    draw: int
    kept: bool


def rollout(
    place: Place, row: dict[str, Any], completion: Any, *, similarity: Similarity | None, with_text: bool, **scored: Any
) -> Rollout:
    """One row, from what was really served: the hashes are of this member's own prompt and image."""
    prompt, text, options = row["prompt"][-1]["content"], text_of(completion), row["options"]
    return Rollout(
        **asdict(place),
        **scored,
        question_id=row["question_id"],
        anatomy=row["anatomy"],
        prompt_hash=prompt_hash(prompt),
        image_hash=image_hash(row["image"]),
        prompt=prompt if with_text else None,
        completion=text if with_text else None,
        choice=extract(text, options).choice,
        similarity=served_difficulty(similarity, options[LETTERS.index(row["letter"])], options),
        level=row.get("level"),
    )


def ends(completion_ids: torch.Tensor, eos: Sequence[int]) -> list[bool]:
    """Whether each row (B, C) holds an end-of-sequence token."""
    return torch.isin(completion_ids, torch.tensor(list(eos), device=completion_ids.device)).any(1).tolist()


def image_hash(image: Image.Image) -> str:
    """Identity of the pixels really served: 16 hex digits over size, mode and bytes."""
    head = f"{image.mode}{image.size}".encode()
    return hashlib.sha256(head + image.tobytes()).hexdigest()[:16]
