"""What the responses of a run show about their server, beyond what the probe could know."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from anatomy_r1.evaluation.engines.jobs import Job
from anatomy_r1.evaluation.engines.server_messages import sent_as_png
from anatomy_r1.evaluation.engines.server_reply import Reply

TAGS = ("<think>", "</think>", "<answer>", "</answer>")
TAGLESS = 100
"""Responses without any tag, though the prompt asks for tags, before the user is warned (our choice)."""
TEXTLESS = 10
"""Responses that ended by themselves after reasoning, none with a text, before the user is warned (our choice)."""


@dataclass(slots=True)
class Observed:
    """Counts over the responses received now."""

    reasoning: str
    """Where reasoning was seen: `apart`, `in the text`, or nowhere yet."""
    apart: int = 0
    opened: int = 0
    """Responses that began inside the reasoning."""
    uncounted: int = 0
    """Responses whose tokens the server did not count."""
    filtered: int = 0
    cut_early: int = 0
    """Responses that the server cut off before the limit that was asked for, as its own context is full."""
    ended: int = 0
    """Responses that ended by themselves and whose reasoning the server kept apart."""
    ended_textless: int = 0
    """Of `ended`: those without any text after the reasoning."""
    asked_for_tags: int = 0
    tagged: int = 0
    shown: set[str] = field(default_factory=set)
    """Paths of the images sent so far."""
    as_png: dict[str, str] = field(default_factory=dict)
    """Path of an image that was not sent as it is -> its suffix."""

    def mixes_forms(self, reply: Reply) -> bool:
        """Whether this response has its reasoning elsewhere than those before it."""
        form = "apart" if reply.reasoning else "in the text" if reply.opened else ""
        self.reasoning = self.reasoning or form
        return form not in ("", self.reasoning)

    def add(self, job: Job, reply: Reply) -> None:
        """Count a response; warn once of what may be wrong with all of them."""
        self.apart += bool(reply.reasoning)
        self.opened += bool(reply.opened)
        self.uncounted += not reply.prompt_tokens
        self.filtered += reply.finish_reason == "content_filter"
        self.cut_early += reply.finish_reason == "length" and 0 < reply.tokens < job.sampling.max_new_tokens
        self._add_ended(reply)
        if "<answer>" in job.prompt:
            self.asked_for_tags += 1
            self.tagged += bool(reply.reasoning) or any(tag in reply.text for tag in TAGS)
        if self.asked_for_tags == TAGLESS and not self.tagged:
            print(f"warning: {_no_tags(TAGLESS)}", file=sys.stderr)
        paths = set(job.pictures.paths) if job.pictures else set()
        if paths - self.shown:
            self.shown |= paths
            self.as_png |= {path: Path(path).suffix.lower() for path in sent_as_png(job)}

    def _add_ended(self, reply: Reply) -> None:
        if reply.reasoning and reply.finish_reason == "stop":
            self.ended += 1
            self.ended_textless += not reply.text.strip()
            if self.ended == self.ended_textless == TEXTLESS:
                print(f"warning: {_no_text(TEXTLESS)}", file=sys.stderr)

    def as_dict(self) -> dict[str, Any]:
        """For the record of the run: what happened at least once."""
        counts: dict[str, Any] = {
            "reasoning_apart": self.apart,
            "began_inside_reasoning": self.opened,
            "content_filtered": self.filtered,
            "cut_before_the_limit": self.cut_early,
            "ended_without_text": self.ended_textless,
            "tokens_unknown": self.uncounted,
            "images_sent_as_png": dict(sorted(Counter(self.as_png.values()).items())),
            "warning": _no_text(self.ended) if self.ended == self.ended_textless > 0 else "",
        }
        return {name: value for name, value in counts.items() if value}

    def notices(self) -> list[str]:
        """For the user, at the end."""
        found = []
        if self.ended == self.ended_textless and 0 < self.ended < TEXTLESS:  # else it was a warning already
            found.append(_no_text(self.ended))
        if self.as_png:
            kinds = ", ".join(f"{count} {suffix}" for suffix, count in sorted(Counter(self.as_png.values()).items()))
            found.append(f"images sent as PNG, not as they are: {kinds}")
        if self.filtered:
            found.append(f"{self.filtered} responses were cut or refused by the provider's content filter; they count")
        if self.cut_early:
            found.append(
                f"{self.cut_early} responses were cut off before --max-new-tokens was reached, by the server's count: "
                "start it with a longer context, or lower --max-new-tokens (docs/servers.md)"
            )
        if self.opened:
            found.append(
                f"{self.opened} responses began inside the reasoning: <think>, which the prompt opened, was added"
            )
        return found


def _no_tags(count: int) -> str:
    return (
        f"none of the first {count} responses has a <think> or <answer> tag, although the prompt asks for them: the "
        "model ignores it, or the server drops its special tokens (docs/servers.md)"
    )


def _no_text(count: int) -> str:
    return (
        f"none of the first {count} responses that ended by themselves has text after its reasoning: start the server "
        "without its reasoning parser, or switch thinking on (docs/servers.md)"
    )
