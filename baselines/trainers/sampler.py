"""The order in which questions are served: a function of the seed only, so that a resumed run serves the same ones.

TRL's sampler shuffles each epoch from a generator whose state is not in the checkpoint; ours treats a whole run as one
epoch and has no state. Rows of a group stay adjacent, as TRL's advantages expect.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from torch.utils.data import Sampler

TrainingRow = dict[str, Any]
"""One row of the training set, as `baselines/stages/training_rows.py` makes it."""


class GroupSampler(Sampler[int]):
    """Yields each question `group` times in a row, and each chunk of `chunk` questions `repeats` times over.

    Args:
        questions: size of the training set.
        chunk: questions for which completions are generated together.
        chunks: number of chunks in the whole run.
        group: completions per question (G; 1 in SFT).
        repeats: how often a generated chunk is used (steps per generation x iterations).
        seed: seed of the run.
    """

    def __init__(
        self, questions: int, *, chunk: int, chunks: int, group: int = 1, repeats: int = 1, seed: int = 0
    ) -> None:
        self.order = question_order(questions, chunk * chunks, seed, chunk)
        self.chunk, self.group, self.repeats = chunk, group, repeats

    def __len__(self) -> int:
        return len(self.order) * self.group * self.repeats

    def __iter__(self) -> Iterator[int]:
        for first in range(0, len(self.order), self.chunk):
            for _ in range(self.repeats):
                for index in self.order[first : first + self.chunk]:
                    yield from [index] * self.group


def question_order(questions: int, count: int, seed: int | str, chunk: int = 1) -> list[int]:
    """`count` indices below `questions`: shuffled passes over all questions, one after another.

    A chunk that spans two passes holds no question twice, unless there are fewer questions than it needs.
    """
    order: list[int] = []
    for epoch in range(-(-count // questions)):
        one_pass = list(range(questions))
        random.Random(f"{seed}/{epoch}").shuffle(one_pass)
        begun = order[len(order) - len(order) % chunk :]
        order += _apart(one_pass, begun, chunk - len(begun))
    return order[:count]


def _apart(one_pass: list[int], begun: list[int], room: int) -> list[int]:
    """The pass, reordered so that its first `room` indices are not in the chunk that has begun."""
    if not begun or len(one_pass) < len(begun) + room:
        return one_pass
    fresh = [index for index in one_pass if index not in begun][:room]
    return [*fresh, *(index for index in one_pass if index not in fresh)]
