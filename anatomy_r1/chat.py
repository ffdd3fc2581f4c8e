r"""What a checkpoint puts around a response: its chat template before it, special tokens within it.

Evaluation and rewards both use it, so that they read the same text of the same tokens.

Example:
    >>> opened_by("<|im_start|>assistant\n<think>\n")
    '<think>'
    >>> opened_by("<|im_start|>assistant\n<think>\n\n</think>\n\n")
    ''
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import lru_cache
from typing import Any

from anatomy_r1.errors import AnatomyR1Error, one_line

TAGS = ("<think>", "</think>", "<answer>", "</answer>")
"""The tags of the prompts (`anatomy_r1.prompts`)."""

_TAG = re.compile(
    r"<\s*(/?)\s*(?:\w+:)?(?:think|thinking|thought|thoughts|reason|reasoning|answer)\s*>"
    r"|\[(/?)THINK\]|\u25c1(/?)think\u25b7|<\|(?:begin|(end))_of_(?:thought|solution)\|>",
    re.IGNORECASE,
)
"""Tags around reasoning or answer as models in use write them; a group matches where the tag closes. The list is ours:
`<seed:think>` (Seed-OSS), `[THINK]` (Magistral), triangles (Kimi-VL), `<|begin_of_thought|>` (Sky-T1)."""

PROBE = "probe of the chat template"
"""A user's turn without any tag."""

Render = Callable[..., str]
"""(chat, add_generation_prompt) -> prompt, where `chat` has content as a list of parts."""


@lru_cache(maxsize=1024)
def opened_by(prompt: str, generation_prompt: str = "") -> str:
    """What the end of a rendered prompt opened and left open, such as `<think>`; empty if nothing.

    The last tag of the prompt counts if only white space follows it, or if it is in the `generation_prompt`: a template
    may also begin the reasoning itself, and what it wrote then belongs to the response.
    """
    found = list(_TAG.finditer(prompt))
    if not found or any(found[-1].groups()):
        return ""
    start, rest = found[-1].start(), prompt[found[-1].end() :]
    return "" if rest.strip() and len(prompt) - start > len(generation_prompt) else prompt[start:].rstrip()


def generation_prompt(render: Render) -> str:
    """What a chat template writes after the user's turn for the model to continue."""
    chat = [{"role": "user", "content": [{"type": "text", "text": PROBE}]}]
    prompt, turn = render(chat, add_generation_prompt=True), render(chat, add_generation_prompt=False)
    same = next((place for place, pair in enumerate(zip(prompt, turn, strict=False)) if len(set(pair)) > 1), len(turn))
    return prompt[same:]


def chat_template_of(processor: Any, folder: Any) -> str:
    """The chat template of a processor, or of its tokenizer where the processor has none; the one named `default`.

    Raises:
        AnatomyR1Error: when there is none, or several without a default.
    """
    for holder in (processor, getattr(processor, "tokenizer", None)):
        template = getattr(holder, "chat_template", None)
        if isinstance(template, Mapping) and template:
            names = sorted(map(str, template))
            if len(names) > 1 and "default" not in template:
                fix = f"Fix: save one of {', '.join(names)} as its chat_template.jinja"
                raise AnatomyR1Error(f"{folder}: several chat templates, none named default. {fix}")
            template = template.get("default") or template[names[0]]
        if template:
            return str(template)
    fix = "Fix: put the base model's chat_template.jinja beside its weights"
    raise AnatomyR1Error(f"{folder}: neither processor nor tokenizer has a chat template. {fix}")


def check_template(render: Render, folder: Any) -> None:
    """Check that a chat template takes content as parts and shows an image where there is one.

    Raises:
        AnatomyR1Error: otherwise, as for the template of a text-only model.
    """
    image, text = {"type": "image"}, {"type": "text", "text": PROBE}
    fix = "Fix: put the chat template of the image-text base model (chat_template.jinja) beside its weights"
    try:
        shown, plain = (render([{"role": "user", "content": parts}]) for parts in ([image, text], [text]))
    except Exception as error:  # a template is a program: it raises anything
        raise AnatomyR1Error(
            f"{folder}: its chat template fails on an image and a text ({one_line(error)}). {fix}"
        ) from error
    if PROBE not in shown or re.search(r"""["']type["']\s*:""", shown):
        raise AnatomyR1Error(f"{folder}: its chat template is for text only: it takes no content as parts. {fix}")
    if shown == plain:
        raise AnatomyR1Error(f"{folder}: its chat template leaves out the image. {fix}")


class Detokenizer:
    """Turns generated tokens into a response's text.

    The text has no special tokens and no end token, except those that are tags: some training recipes add `<think>` or
    `</answer>` to the tokenizer as special tokens, and a response without them could not be read.
    """

    def __init__(self, tokenizer: Any, end_tokens: Collection[int]) -> None:
        """`end_tokens`: tokens that end a response."""
        self._tokenizer = tokenizer
        added = getattr(tokenizer, "added_tokens_decoder", {})
        special = {*tokenizer.all_special_ids, *(number for number, token in added.items() if token.special)}
        tags = {one for one in special | set(end_tokens) if _TAG.fullmatch(self.raw([one]).strip())}
        self._keep_special = bool(tags & special)
        self._dropped = ((special if self._keep_special else set()) | set(end_tokens)) - tags

    def text(self, tokens: Sequence[int]) -> str:
        """The text of a response."""
        kept = [token for token in tokens if token not in self._dropped]
        return str(self._tokenizer.decode(kept, skip_special_tokens=not self._keep_special))

    def raw(self, tokens: Sequence[int]) -> str:
        """The text with all special tokens."""
        return str(self._tokenizer.decode(list(tokens), skip_special_tokens=False))

    def check_tags(self, folder: Any) -> None:
        """Check that the four tags survive tokenizer and detokenizer.

        Raises:
            AnatomyR1Error: when one does not, as where the vocabulary lacks `<`: no response could be read.
        """
        text = self.text(self._tokenizer(" ".join(TAGS), add_special_tokens=False)["input_ids"])
        if lost := [tag for tag in TAGS if tag not in text]:
            fix = "Fix: add them to its vocabulary before training, or use a model whose tokenizer has < and >"
            raise AnatomyR1Error(f"{folder}: its tokenizer loses {', '.join(lost)}, so no answer could be read. {fix}")
