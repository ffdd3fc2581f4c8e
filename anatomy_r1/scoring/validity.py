"""Validity checks: what makes a run unfit to be compared, whatever its score.

All limits are ours. A run beyond one of them is still scored and reported, with a mark and the reason.
"""

from __future__ import annotations

from collections.abc import Iterator

from anatomy_r1.scoring.extraction import unread_shares
from anatomy_r1.scoring.metrics import K
from anatomy_r1.scoring.score import Scores

MAX_TRUNCATED = 0.05
"""Share of sampled responses cut off at the token limit. Beyond it, the score measures the limit."""
MAX_UNPARSED = 0.10
"""Share of sampled responses that the strict extractor does not read. Beyond it, the score measures form."""
MAX_REPEATED = 0.99
"""Share of questions whose five sampled responses are the same text although the temperature is above 0.

A policy trained to answer with one letter reaches 99 % only if its most likely text has a probability of about 0.998 on
nearly all questions; five samples then say no more than one, which a reader must know too. The limit was
set when 24 runs of the mini profile had reached at most 85 % (of equal verdicts, which equal texts imply).
"""


def validity_problems(scores: Scores) -> tuple[str, ...]:
    """Reasons against using a run's numbers, each with the value found and its limit; empty for a valid run."""
    return tuple(_problems(scores))


def _problems(scores: Scores) -> Iterator[str]:
    different, complete = len(set(scores.ids)), sum(len(choices) == K for choices in scores.choices)
    if not scores.asked == different == len(scores.ids) == complete:
        yield (
            f"{scores.asked} questions in, {different} different ones out, {complete} of {len(scores.ids)} with {K} "
            "sampled responses: the score is not one of the questions that were asked"
        )
    responses = K * max(len(scores.ids), 1)
    truncated = sum(scores.truncated) / responses
    unparsed = sum(choice is None for choices in scores.choices for choice in choices) / responses
    if truncated > MAX_TRUNCATED:
        share = f"{100 * truncated:.1f} %"
        yield f"{share} of the sampled responses cut off at the token limit (limit {MAX_TRUNCATED:.0%})"
    if unparsed > MAX_UNPARSED:
        lenient = unread_shares(scores.extractions)["lenient"]
        yield (
            f"{100 * unparsed:.1f} % of the sampled responses without an answer that the strict extractor reads (limit "
            f"{MAX_UNPARSED:.0%}); {100 * lenient:.1f} % without one that the lenient extractor reads"
        )
    temperature = scores.plan["decoding"]["temperature"]
    repeated = sum(count == 1 for count in scores.distinct) / max(len(scores.distinct), 1)
    if temperature > 0 and repeated >= MAX_REPEATED:
        yield (
            f"the {K} sampled responses are one text in {100 * repeated:.1f} % of the questions at temperature "
            f"{temperature:g} (limit {MAX_REPEATED:.0%}): they come from a cache, sampling is off, or the policy is "
            "near-deterministic"
        )
