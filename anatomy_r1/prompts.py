"""Question -> prompt text and chat messages.

The paper prints no prompt. Its release (three JSON files) has three wordings of the instruction, each with a form that
asks for `<think>` and one that asks for the answer alone; they are kept verbatim here. `choice` (the GDQA file's) is
canonical, because it asks for what is scored, the letter. The release has nothing for OmniMedVQA: `microscopy` is ours.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from anatomy_r1.question import LETTERS, Question

Style = Literal["think", "direct"]

_SURGERY = (
    "You are an expert in cholecystectomy surgical procedures, and I will provide you with a clinical image of a "
    "cholecystectomy surgery. "
)
_MICROSCOPY = (  # our wording: no OmniMedVQA prompt was released
    "You are an expert in medical microscopy, and I will provide you with a microscopy image. "
)
_ANSWER_ONLY = (
    "Please analyze the image and answer the question. You should only return the answer of the question, not any "
    "other text. "
)
_CHOOSE = (
    "Please analyze the image and follow the instructions:\n\n1.Select the most suitable option for the problem based "
    "on the given anatomy options. Only one correct answer exists. You should only return the choice letter, not any "
    "other text.\n\n2."
)
_THINK = (
    "Output the thinking process in <think> </think> and final answer in <answer> </answer> tags. The output answer "
    "format should be as follows:<think> ... </think> <answer>{slot}</answer>."
)
_DIRECT = (
    "Output the final answer in <answer> </answer> tags. The output answer format should be as follows:"
    "<answer>{slot}</answer>."
)
_ANSWER, _CHOICE = "YOUR ANSWER HERE", "YOUR CHOICE HERE"


@dataclass(frozen=True, slots=True)
class Wording:
    """One wording of the instruction: the text before `Question:` in both styles, and the title above the options."""

    think: str
    direct: str
    options_title: str = "Anatomy Options:"


WORDINGS: dict[str, Wording] = {
    # GRPO-GDQA.json, keys `instruction` and `sft_instruction`. Canonical for SGG.
    "choice": Wording(
        _SURGERY + _CHOOSE + _THINK.format(slot=_CHOICE), _SURGERY + _CHOOSE + _DIRECT.format(slot=_CHOICE)
    ),
    # GRPO.json, keys `instruction` and `sft_prompt`.
    "answer": Wording(
        _SURGERY + _ANSWER_ONLY + _THINK.format(slot=_ANSWER), _SURGERY + _ANSWER_ONLY + _DIRECT.format(slot=_ANSWER)
    ),
    # GRPO-ASC-Learning.json: asks for the letter, then shows `YOUR ANSWER HERE` in the think form only.
    "mixed": Wording(
        _SURGERY + _CHOOSE + _THINK.format(slot=_ANSWER), _SURGERY + _CHOOSE + _DIRECT.format(slot=_CHOICE)
    ),
    # Ours, by analogy with `choice`.
    "microscopy": Wording(
        _MICROSCOPY + _CHOOSE.replace("anatomy options", "options") + _THINK.format(slot=_CHOICE),
        _MICROSCOPY + _CHOOSE.replace("anatomy options", "options") + _DIRECT.format(slot=_CHOICE),
        options_title="Options:",
    ),
}


def canonical_wording(benchmark: str) -> str:
    """Name of the wording that a benchmark uses unless told otherwise."""
    return "microscopy" if benchmark.startswith("omnimed_mi") else "choice"


def render(question: Question, style: Style, wording: str | None = None) -> str:
    """The user turn's text. `style` is `think` (reason, then answer) or `direct` (answer alone)."""
    return render_text(question.stem, question.options, style, wording or canonical_wording(question.benchmark))


def render_text(stem: str, options: Sequence[str], style: Style, wording: str) -> str:
    """As `render`, from the parts."""
    words = WORDINGS[wording]
    lines = "\n".join(f"{letter}. {option}" for letter, option in zip(LETTERS, options, strict=False))
    return f"{getattr(words, style)}\nQuestion:\n{stem}\n{words.options_title}\n{lines}"


def messages(text: str) -> list[dict[str, Any]]:
    """One user turn with the image before the text, as the release has it (`<image>` comes first)."""
    return [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": text}]}]


@lru_cache(maxsize=16)  # a question's sampled and greedy requests follow each other
def prompt_hash(text: str) -> str:
    """Identity of a rendered prompt: 16 hex digits of SHA-256."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class ParsedPrompt:
    """What a rendered prompt says."""

    wording: str
    style: Style
    stem: str
    options: tuple[str, ...]


def parse(text: str) -> ParsedPrompt:
    """Inverse of `render_text`; a leading `<image>` is ignored.

    Raises:
        ValueError: when the text is none of the known wordings, or an option line is out of order.
    """
    body = text.removeprefix("<image>")
    for name, words in WORDINGS.items():
        for style in ("think", "direct"):
            head = getattr(words, style) + "\nQuestion:\n"
            title = f"\n{words.options_title}\n"
            if body.startswith(head) and title in body:
                stem, _, tail = body[len(head) :].partition(title)
                return ParsedPrompt(name, style, stem, _option_texts(tail))
    raise ValueError(f"not a known prompt wording: {text[:80]!r}...")


def _option_texts(block: str) -> tuple[str, ...]:
    lines = block.split("\n")
    for letter, line in zip(LETTERS, lines, strict=False):
        if not line.startswith(f"{letter}. "):
            raise ValueError(f"expected option {letter!r}, found {line!r}")
    return tuple(line[3:] for line in lines)
