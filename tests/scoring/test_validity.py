"""Validity checks: each limit from both sides, and runs that look odd but are valid."""

from dataclasses import replace

import pytest

from anatomy_r1.response_log.response import Response, ResponseKey
from anatomy_r1.scoring import validity
from anatomy_r1.scoring.extraction import extract_response
from anatomy_r1.scoring.score import Scores
from anatomy_r1.scoring.validity import validity_problems

N = 200


def scores(**changes):
    """A valid run: 200 questions, all parsed, none cut off, five different texts each."""
    fit = Scores(
        benchmark="sgg_anatomy_mini",
        run="r",
        plan={"decoding": {"temperature": 1.0}},
        ids=tuple(f"q{number}" for number in range(N)),
        clusters=("v",) * N,
        categories=("c",) * N,
        gold=("A",) * N,
        choices=(("A",) * 5,) * N,
        greedy=("A",) * N,
        truncated=(0,) * N,
        extractions=(),
        distinct=(5,) * N,
        asked=N,
        overall={},
        by_category={},
    )
    return replace(fit, **changes)


def first(count, bad, good):
    """`bad` for the first questions, `good` for the rest."""
    return (bad,) * count + (good,) * (N - count)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, None),
        ({"truncated": first(50, 1, 0)}, None),
        ({"truncated": first(51, 1, 0)}, r"5\.1 % of the sampled responses cut off"),
        ({"choices": first(100, (None, *"AAAA"), tuple("AAAAA"))}, None),
        (
            {"choices": first(101, (None, *"AAAA"), tuple("AAAAA"))},
            r"^10\.1 % of the sampled responses without an answer that the strict extractor reads \(limit 10%\); 0\.0",
        ),
        ({"distinct": first(197, 1, 2)}, None),
        ({"distinct": first(198, 1, 2)}, r"one text in 99\.0 % of the questions at temperature 1 "),
        ({"distinct": first(N, 1, 1), "plan": {"decoding": {"temperature": 0.0}}}, None),
        ({"asked": N + 1}, "201 questions in, 200 different ones out"),
        ({"asked": N - 1}, "199 questions in, 200 different ones out"),
        ({"ids": ("q0",) * N}, "200 questions in, 1 different ones out"),
        ({"choices": first(1, tuple("AAAA"), tuple("AAAAA"))}, "199 of 200 with 5 sampled"),
    ],
    ids=[
        *("fit", "truncation at the limit", "truncation beyond", "unparsed at the limit", "unparsed beyond"),
        *(
            "repeats below the limit",
            "repeats at it",
            "no sampling, no limit",
            "a question lost",
            "a question too many",
        ),
        *("one question repeated", "a repeat lost"),
    ],
)
def test_each_limit_from_both_sides(changes, reason):
    import re

    found = validity_problems(scores(**changes))
    assert len(found) == (reason is not None)
    assert reason is None or re.search(reason, found[0])


def test_case_24_the_lenient_share_stands_beside_the_strict_one():
    """Of five responses, two have the wrong form and one has no answer at all."""
    key = ResponseKey("sgg_anatomy_mini", "q", 0, "sample", "p", "i", "w", "{}", 0)
    texts = ["<answer>A</answer>", "It is **A. Gut**", "is the gut", "<answer>spleen</answer>", "A", "A"]
    six = tuple(extract_response(Response(key, text, "stop"), ("Gut", "Liver")) for text in texts)
    (found,) = validity_problems(scores(choices=(("A", None, None, None, "A"),) * N, extractions=(six,) * N))
    assert found.startswith(
        "60.0 % of the sampled responses without an answer that the strict extractor reads (limit 10%)"
    )
    assert found.endswith("; 20.0 % without one that the lenient extractor reads")


def test_a_confident_policy_is_valid():
    """As the most confident SFT run of the mini profile: 85 % of the questions with one text."""
    assert not validity_problems(scores(distinct=first(170, 1, 2)))


def test_reasons_add_up_and_name_the_limits():
    found = validity_problems(scores(truncated=(5,) * N, choices=((None,) * 5,) * N, distinct=(1,) * N, asked=0))
    assert len(found) == 4
    limits = (validity.MAX_TRUNCATED, validity.MAX_UNPARSED, validity.MAX_REPEATED)
    assert all(f"limit {limit:.0%}" in reason for limit, reason in zip(limits, found[1:], strict=True))
