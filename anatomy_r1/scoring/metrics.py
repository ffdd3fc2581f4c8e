"""Metrics of one question from the choices of its responses, as pure functions (paper, "Implementation Details").

`choices` are the letters that the extractor read from the k = 5 sampled responses, in sampling order; None is unparsed.
In the paper's prose an expert scores Avg@5 from 1 to 5, but its table is in percent and behaves like a mean accuracy,
which is what we compute.

Example:
    >>> avg_at_k(["A", "B", None, "B", "B"], "B"), major_at_k(["A", "B", None, "B", "B"], "B")
    (0.6, True)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from anatomy_r1.errors import AnatomyR1Error

K = 5
"""Sampled responses per question (paper, "Implementation Details")."""


def avg_at_k(choices: Sequence[str | None], gold: str) -> float:
    """Share of the responses that are right (Avg@5)."""
    return sum(choice == gold for choice in choices) / len(choices)


def pass_at_1(choices: Sequence[str | None], gold: str) -> bool:
    """Whether the first response is right (eq. 5 with k = 1)."""
    return choices[0] == gold


def majority(choices: Sequence[str | None]) -> str | None:
    """Most frequent choice, ties going to the earliest; unparsed responses do not vote. None if nothing parsed.

    The paper states no tie rule: the earliest is our choice.
    """
    votes = Counter(choice for choice in choices if choice is not None)
    top = max(votes.values(), default=0)
    return next((choice for choice in choices if choice is not None and votes[choice] == top), None)


def major_at_k(choices: Sequence[str | None], gold: str) -> bool:
    """Whether the majority answer is right (Major@5)."""
    return majority(choices) == gold


def parse_rate(choices: Sequence[str | None]) -> float:
    """Share of the responses that could be parsed."""
    return sum(choice is not None for choice in choices) / len(choices)


def question_metrics(sampled: Sequence[str | None], greedy: str | None, gold: str) -> dict[str, float]:
    """All metrics of one question. Scores from the log and lm-eval's are both means of these."""
    if len(sampled) != K:
        raise AnatomyR1Error(f"{len(sampled)} sampled responses to a question; the metrics are defined over {K}")
    return {
        f"avg@{K}": avg_at_k(sampled, gold),
        "pass@1": float(pass_at_1(sampled, gold)),
        f"major@{K}": float(major_at_k(sampled, gold)),
        "greedy": float(greedy == gold),
        "parse_rate": parse_rate(sampled),
    }


def summary(metrics: Sequence[Mapping[str, float]], truncated: Sequence[int]) -> dict[str, float]:
    """Number of questions, means of their `question_metrics`, and share of responses cut off (`truncated` of five)."""
    means = {name: sum(one[name] for one in metrics) / len(metrics) for name in metrics[0]}
    return {"n": len(metrics), **means, "truncation_rate": sum(truncated) / (K * len(truncated))}
