"""Both extractors' verdicts on a response, what is wrong with its form, and the rates of these over a run.

`Extraction` describes one response. The functions over a run take six extractions per question, the five sampled ones
and then the greedy one; rates and counts are over the sampled ones.

Example:
    >>> from anatomy_r1.response_log.response import ResponseKey
    >>> key = ResponseKey("sgg_anatomy", "q1", 0, "sample", "prompt", "image", "weights", "{}", 0)
    >>> one = extract_response(Response(key, "<answer> b </answer>", "stop", style="direct"), ["Liver", "Gut"])
    >>> one.strict.choice, one.lenient.choice, one.malformed
    (None, 'B', False)
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

from anatomy_r1.prompts import Style
from anatomy_r1.response_log.response import Response
from anatomy_r1.scoring.lenient import LenientAnswer, extract_lenient
from anatomy_r1.scoring.metrics import K, avg_at_k
from anatomy_r1.scoring.plain_text import normalize, strip_reasoning
from anatomy_r1.scoring.strict import Answer, extract

_FORMATS: dict[Style, re.Pattern[str]] = {
    "think": re.compile(r"\s*<think>.*?</think>\s*<answer>[^<]*</answer>\s*", re.DOTALL),
    "direct": re.compile(r"\s*<answer>[^<]*</answer>\s*"),
}
"""The format that the prompt of each style asks for (`anatomy_r1.prompts`)."""

_REFUSAL = re.compile(
    r"\bI(?:['\u2019]m|\s+am) (?:sorry|unable|not able)\b|\bas an AI\b|\bI (?:must )?(?:refuse|decline)\b"
    r"|\bI (?:can(?:no|['\u2019])t|can not|won['\u2019]t|will not) "
    r"(?:help|assist|answer|provide|give|identify|determine|analy[sz]e|see|view|diagnose)\b"
    r"|\b(?:cannot|can not|can['\u2019]t) be (?:determined|answered|identified)\b"
    r"|\bunable to (?:help|assist|answer|provide|identify|determine|analy[sz]e|see|view|diagnose)\b",
    re.IGNORECASE,
)
"""English phrases that decline to answer (ours): a count to look at, not a verdict."""


@dataclass(frozen=True, slots=True)
class Extraction:
    """What was read from one response, and its failures, which are not exclusive: it may be cut off and malformed."""

    strict: Answer
    """The verdict that is scored."""
    lenient: LenientAnswer
    """Reported next to it, never scored."""
    malformed: bool
    """Not in the format that the prompt's style asks for."""
    several: bool
    """States several answers: more than one answer tag, or different options."""
    refused: bool
    """Declines to answer, judged by a list of phrases, and only if no extractor finds an answer."""
    truncated: bool
    """Ended at the token limit."""


def extract_response(response: Response, options: Sequence[str]) -> Extraction:
    """Read a response to a question with these options."""
    text = response.full_text
    truncated = response.finish_reason == "length"
    strict, lenient = extract(text, options), extract_lenient(text, options, truncated=truncated)
    return Extraction(
        strict=strict,
        lenient=lenient,
        malformed=not well_formed(text, "direct" if response.style == "direct" else "think"),
        several=strict.reason == "several_answers" or lenient.reason == "several",
        refused=lenient.choice is None and bool(_REFUSAL.search(strip_reasoning(normalize(text)))),
        truncated=truncated,
    )


def well_formed(text: str, style: Style) -> bool:
    """Whether `text` is `<think>...</think><answer>...</answer>` (style `direct`: the answer alone) and nothing else.

    Each tag must occur exactly as often as the format has it, so that nothing nests and matching takes linear time.
    """
    thoughts = 1 if style == "think" else 0
    tags = {"<think>": thoughts, "</think>": thoughts, "<answer>": 1, "</answer>": 1}
    return all(text.count(tag) == count for tag, count in tags.items()) and bool(_FORMATS[style].fullmatch(text))


def extraction_rates(extractions: Sequence[Sequence[Extraction]], gold: Sequence[str]) -> dict[str, float]:
    """Avg@5 by the lenient extractor, and the shares of malformed, multiple and refused answers."""
    questions, columns = len(extractions), extraction_columns(extractions, gold)
    read = [[one.lenient.choice for one in six[:K]] for six in extractions]
    lenient = sum(avg_at_k(choices, letter) for choices, letter in zip(read, gold, strict=True)) / questions
    rates = {"format_failure_rate": "malformed", "several_rate": "several", "refusal_rate": "refused"}
    shares = {rate: sum(columns[name]) / (K * questions) for rate, name in rates.items()}
    return {f"avg@{K}_lenient": lenient, **shares}


def extraction_columns(extractions: Sequence[Sequence[Extraction]], gold: Sequence[str]) -> dict[str, list[int]]:
    """The columns `anatomy_r1.scoring.question_table.EXTRACTION`, one entry per question."""
    flags = {
        f"lenient_{repeat}": [six[repeat].lenient.choice == right for six, right in zip(extractions, gold, strict=True)]
        for repeat in range(K)
    }
    counted = ("malformed", "several", "refused")
    counts = {name: [sum(getattr(one, name) for one in six[:K]) for six in extractions] for name in counted}
    return {**flags, **counts}


def reason_counts(extractions: Sequence[Sequence[Extraction]]) -> dict[str, dict[str, int]]:
    """How often each extractor gave which reason, most frequent first."""
    sampled = list(chain.from_iterable(six[:K] for six in extractions))
    strict, lenient = Counter(one.strict.reason for one in sampled), Counter(one.lenient.reason for one in sampled)
    return {"strict": dict(strict.most_common()), "lenient": dict(lenient.most_common())}


def unread_shares(extractions: Sequence[Sequence[Extraction]]) -> dict[str, float]:
    """Share of the sampled responses that each extractor could not read.

    What only the strict one misses may have been lost by form; what the lenient one misses has no answer to be found.
    """
    sampled = list(chain.from_iterable(six[:K] for six in extractions))
    strict, lenient = (
        sum(one.strict.choice is None for one in sampled),
        sum(one.lenient.choice is None for one in sampled),
    )
    return {"strict": strict / max(len(sampled), 1), "lenient": lenient / max(len(sampled), 1)}
