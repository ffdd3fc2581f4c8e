"""Outcomes -> what extraction did to a run: the strict and the lenient score as a band, and rates of failures.

All over the five sampled responses to a question; outcomes come as six a question, the greedy one's last.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import chain

from anatomy_r1.scoring.metrics import K, avg_at_k
from anatomy_r1.scoring.outcomes import Outcome

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
    """Columns `anatomy_r1.results.store.EXTRACTION` of a question table, one entry a question."""
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
