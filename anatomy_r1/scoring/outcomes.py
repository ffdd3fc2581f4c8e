"""How one response came out: the strict verdict and the lenient one beside it, and what went wrong with its form.

Example:
    >>> one = outcome(Response(key, "<answer> b </answer>", "stop", style="direct"), ["Liver", "Gut"])  # doctest: +SKIP
    >>> one.strict.choice, one.lenient.choice, one.malformed                                          # doctest: +SKIP
    (None, 'B', False)

Outcomes -> what extraction did to a run: the strict and the lenient score as a band, and rates of failures.

All over the five sampled responses to a question; outcomes come as six a question, the greedy one's last.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

from anatomy_r1.prompts import Style
from anatomy_r1.response_log.response import Response
from anatomy_r1.scoring.lenient import Lenient, lenient
from anatomy_r1.scoring.lenient_text import clean, without_reasoning
from anatomy_r1.scoring.metrics import K, avg_at_k
from anatomy_r1.scoring.strict import Answer, extract

_FORMATS: dict[Style, tuple[re.Pattern[str], dict[str, int]]] = {
    "think": (
        re.compile(r"\s*<think>.*?</think>\s*<answer>[^<]*</answer>\s*", re.DOTALL),
        {"<think>": 1, "</think>": 1, "<answer>": 1, "</answer>": 1},
    ),
    "direct": (
        re.compile(r"\s*<answer>[^<]*</answer>\s*"),
        {"<think>": 0, "</think>": 0, "<answer>": 1, "</answer>": 1},
    ),
}
"""What a prompt of each style asks for (`anatomy_r1.prompts`), and how often each tag stands in it."""

_REFUSAL = re.compile(
    r"\bI(?:['\u2019]m|\s+am) (?:sorry|unable|not able)\b|\bas an AI\b|\bI (?:must )?(?:refuse|decline)\b"
    r"|\bI (?:can(?:no|['\u2019])t|can not|won['\u2019]t|will not) "
    r"(?:help|assist|answer|provide|give|identify|determine|analy[sz]e|see|view|diagnose)\b"
    r"|\b(?:cannot|can not|can['\u2019]t) be (?:determined|answered|identified)\b"
    r"|\bunable to (?:help|assist|answer|provide|identify|determine|analy[sz]e|see|view|diagnose)\b",
    re.IGNORECASE,
)
"""English phrases that decline to answer. Ours: a count to look at, not a verdict."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One response's verdicts and failures. Failures are not exclusive: a response may be cut off and malformed."""

    strict: Answer
    """Decides."""
    lenient: Lenient
    """Shown beside it, never scored."""
    malformed: bool
    """Not the form that its prompt's style asks for."""
    several: bool
    """States several answers: more than one answer tag, or different options."""
    refused: bool
    """Declines to answer, as far as a list of phrases can tell; only where no extractor finds an answer."""
    truncated: bool
    """Ended at the token limit."""


def outcome(response: Response, options: Sequence[str]) -> Outcome:
    """How a response to a question with these options came out."""
    strict, loose = extract(response.text, options), lenient(response.text, options)
    return Outcome(
        strict=strict,
        lenient=loose,
        malformed=not well_formed(response.text, "direct" if response.style == "direct" else "think"),
        several=strict.reason == "several_answers" or loose.reason == "several",
        refused=loose.choice is None and bool(_REFUSAL.search(without_reasoning(clean(response.text)))),
        truncated=response.finish_reason == "length",
    )


def well_formed(text: str, style: Style) -> bool:
    """`<think>...</think>` and then `<answer>...</answer>` (style `direct`: the latter alone), and nothing else.

    Each tag as often as the form has it, so that nothing nests and linear time is kept.
    """
    pattern, tags = _FORMATS[style]
    return all(text.count(tag) == count for tag, count in tags.items()) and pattern.fullmatch(text) is not None


Six = Sequence[Outcome]


def extraction_rates(outcomes: Sequence[Six], gold: Sequence[str]) -> dict[str, float]:
    """Avg@5 by the lenient extractor, and shares of responses that failed in form, answered several times, refused.

    Args:
        outcomes: six a question.
        gold: letter of each question's right option.
    """
    columns = extraction_columns(outcomes, gold)
    return {
        f"avg@{K}_lenient": sum(avg_at_k(_lenient(six), letter) for six, letter in zip(outcomes, gold, strict=True))
        / len(outcomes),
        "format_failure_rate": sum(columns["malformed"]) / (K * len(outcomes)),
        "several_rate": sum(columns["several"]) / (K * len(outcomes)),
        "refusal_rate": sum(columns["refused"]) / (K * len(outcomes)),
    }


def extraction_columns(outcomes: Sequence[Six], gold: Sequence[str]) -> dict[str, list[int]]:
    """Columns `anatomy_r1.scoring.columns.EXTRACTION` of a question table, one entry a question."""
    flags = {
        f"lenient_{repeat}": [six[repeat].lenient.choice == right for six, right in zip(outcomes, gold, strict=True)]
        for repeat in range(K)
    }
    counts = {name: [sum(getattr(one, name) for one in six[:K]) for six in outcomes] for name in _COUNTED}
    return {**flags, **counts}


def reason_counts(outcomes: Sequence[Six]) -> dict[str, dict[str, int]]:
    """How often each extractor gave which reason, the most frequent first."""
    sampled = list(chain.from_iterable(six[:K] for six in outcomes))
    strict, loose = Counter(one.strict.reason for one in sampled), Counter(one.lenient.reason for one in sampled)
    return {"strict": dict(strict.most_common()), "lenient": dict(loose.most_common())}


_COUNTED = ("malformed", "several", "refused")


def _lenient(six: Six) -> list[str | None]:
    return [one.lenient.choice for one in six[:K]]
