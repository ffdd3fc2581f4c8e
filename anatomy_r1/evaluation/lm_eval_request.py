"""lm-eval requests whose prompt is rendered when it is read.

A chat template costs a tenth of a millisecond or more, and lm-eval renders the prompts of all questions before it asks
the first: of 100,000 questions that one would wait a quarter of a minute.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lm_eval.api.instance import Instance

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
