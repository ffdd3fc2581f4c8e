"""Option rotations: a question with its options in every cyclic order.

Rotation s shows option s first: the option at letter j + s (modulo their number) moves to letter j. Over all rotations
every option is at every letter once, so that a remaining preference is a preference for the letter. Cyclic orders are
those of CircularEval (MMBench, arXiv:2307.06281); all orders of four options would cost six times as much.

Example:
    >>> q = Question(id="1", benchmark="b", stem="What is this ?", options=("Gut", "Liver"), answer="Gut",
    ...              image="1.png", category="Gut", cluster="VID01")
    >>> [(one.id, one.options, one.letter) for one in rotations(q)]
    [('1#rotated0', ('Gut', 'Liver'), 'A'), ('1#rotated1', ('Liver', 'Gut'), 'B')]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.question import Question

Options = Literal["given", "rotated"]
"""How options are shown: in the order of the prepared set, or in every cyclic order, one prompt per order."""

MARK = "#rotated"
"""Separates a question's id from the number of its rotation."""


def rotated(question: Question, shift: int) -> Question:
    """The question with option number `shift` first, followed by the others in cyclic order, under its own id."""
    options = question.options[shift:] + question.options[:shift]
    return replace(question, id=f"{question.id}{MARK}{shift}", options=options)


def rotations(question: Question) -> tuple[Question, ...]:
    """One question per cyclic order, as many as it has options; the first has the given order."""
    return tuple(rotated(question, shift) for shift in range(len(question.options)))


def prompted(questions: Sequence[Question], options: str) -> list[Question]:
    """The questions to ask: as given, or all their rotations, those of one question together.

    Raises:
        AnatomyR1Error: when `options` is neither `given` nor `rotated`.
    """
    if options not in ("given", "rotated"):
        raise AnatomyR1Error(f"options {options!r}: neither given nor rotated")
    return list(questions) if options == "given" else [one for q in questions for one in rotations(q)]


def original(id: str) -> tuple[str, int]:  # noqa: A002
    """Id of the question before rotation, and its shift; an id without a rotation is returned with shift 0."""
    name, mark, shift = id.rpartition(MARK)
    return (name, int(shift)) if mark and shift.isdigit() else (id, 0)
