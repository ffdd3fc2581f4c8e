"""What stands around a question's text in every prompt of a run, as its chat template writes it.

A response's key has only a hash of its prompt. With the frame, a scorer can hash the prompt of each question itself. So
it tells a run's responses from those of another run with another wording, or with other options to the same question.

Example:
    >>> frame = Frame.of("<|user|>What is this ?<|end|>", "What is this ?")
    >>> frame.before, frame.after, frame.prompts_of("Where is it ?")
    ('<|user|>', '<|end|>', ['<|user|>Where is it ?<|end|>'])
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Frame:
    """The prompt before and after the question's text."""

    before: str
    after: str
    escaped: bool = False
    """Whether the text stands in a JSON string: chat messages that a server renders."""

    @staticmethod
    def of(prompt: str, text: str) -> Frame | None:
        """The frame of a prompt; None unless the text stands in it exactly once."""
        for escaped in (False, True):
            shown = _shown(text, escaped)
            if prompt.count(shown) == 1:
                before, _, after = prompt.partition(shown)
                return Frame(before, after, escaped)
        return None

    @staticmethod
    def read(text: str) -> Frame:
        """The inverse of `as_json`."""
        return Frame(**json.loads(text))

    def as_json(self) -> str:
        """For the log."""
        return json.dumps(asdict(self), sort_keys=True)

    def prompts_of(self, text: str) -> list[str]:
        """The prompts that may ask this text: some templates strip the blanks around it."""
        return [f"{self.before}{_shown(one, self.escaped)}{self.after}" for one in dict.fromkeys((text, text.strip()))]


def _shown(text: str, escaped: bool) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1] if escaped else text
