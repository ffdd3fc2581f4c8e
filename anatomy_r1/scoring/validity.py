"""Gates: what makes a run unfit to be compared, whatever its score.

All limits are ours. A run beyond one is still scored and shown, with a mark and the reason.
"""

from __future__ import annotations

from collections.abc import Iterator

from anatomy_r1.scoring.metrics import K
from anatomy_r1.scoring.score import Scores

MAX_TRUNCATED = 0.05
"""Ours: share of sampled responses cut off at the token limit. Beyond it the score measures the limit."""
MAX_UNPARSED = 0.10
"""Ours: share of sampled responses without a readable answer. Beyond it the score measures form."""
MAX_REPEATED = 0.99
"""Ours: share of questions whose five sampled responses are one and the same text, at a temperature above 0.

The greedy response does not count: a cache that hands out one response five times leaves it alone. A policy trained to
answer in one letter may be so sure of itself; but to pass 99 % of questions its likeliest text must have a probability
of about 0.998 at nearly all of them, and then five samples say no more than one, which a reader must know as well. The
24 runs of the committed mini profile have 85 % at most (of equal verdicts, which equal texts imply).
"""


def unfit(scores: Scores) -> tuple[str, ...]:
    """What speaks against using a run's numbers, each with what was found and the limit; empty when nothing does."""
    return (*_lost(scores), *_beyond(scores), *_repeated(scores))


def _lost(scores: Scores) -> Iterator[str]:
    out = len(set(scores.ids))
    whole = sum(len(choices) == K for choices in scores.choices)
    if not scores.asked == out == len(scores.ids) == whole:
        yield (
            f"{scores.asked} questions in, {out} different ones out, {whole} of {len(scores.ids)} with {K} sampled "
            "responses: the score is not one of the questions that were asked"
        )


def _beyond(scores: Scores) -> Iterator[str]:
    responses = K * max(len(scores.ids), 1)
    truncated = sum(scores.truncated) / responses
    unparsed = sum(choice is None for choices in scores.choices for choice in choices) / responses
    if truncated > MAX_TRUNCATED:
        yield f"{_percent(truncated)} of the sampled responses cut off at the token limit (limit {MAX_TRUNCATED:.0%})"
    if unparsed > MAX_UNPARSED:
        yield f"{_percent(unparsed)} of the sampled responses without a readable answer (limit {MAX_UNPARSED:.0%})"


def _repeated(scores: Scores) -> Iterator[str]:
    temperature = scores.plan["decoding"]["temperature"]
    share = sum(count == 1 for count in scores.distinct) / max(len(scores.distinct), 1)
    if temperature > 0 and share >= MAX_REPEATED:
        yield (
            f"the {K} sampled responses are one text in {_percent(share)} of the questions at temperature "
            f"{temperature:g} (limit {MAX_REPEATED:.0%}): they come from a cache, sampling is off, or the policy is "
            "near-deterministic"
        )


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
