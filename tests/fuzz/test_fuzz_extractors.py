"""Both extractors on made-up responses: whatever a model writes, they answer, and what they answer holds together.

`ANATOMY_R1_FUZZ_EXAMPLES` sets the number of examples of each test (default: 100); examples are the same in every run.
"""

import json
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from anatomy_r1.question import LETTERS
from anatomy_r1.response_log.response import Response, ResponseKey
from anatomy_r1.scoring.extraction import extract_response
from anatomy_r1.scoring.lenient import LENIENT_PARSED, extract_lenient
from anatomy_r1.scoring.strict import PARSED, extract
from tests.fuzz.budget import FUZZ

CORPUS = Path(__file__).parent / "corpus" / "responses.jsonl"
TEXTS = ("Liver", "Gut", "Cystic Plate", "A", "B.", "not A", "", " ", "I", "None of these", "The answer is B", "\u0130")
PIECES = (
    "<think>", "</think>", "<answer>", "</answer>", "<Answer>", "< answer >", "A", "B", "C.", "(D)", "E)", "Liver",
    "Gut.", "cystic plate", "The answer is ", "answer: ", "not ", "or ", "\n\n", "\n", " ", "\t", "**", "\\boxed{",
    "}", "$", "*", "\u200b", "\u00a0", "\ufeff", "\ud800", "\0", "I cannot answer", "wait, ", "Final answer", ":", ".",
    "...", "<", "</", "A. Liver", "B: Gut", "{", "\\text{B}", "\u0130", "\u00df", "x" * 200,
)  # fmt: skip
RESPONSES = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=6)), max_size=14).map("".join)
OPTIONS = st.lists(st.one_of(st.sampled_from(TEXTS), st.text(max_size=8)), min_size=2, max_size=8, unique=True)


def corpus():
    return [json.loads(line) for line in CORPUS.read_text().splitlines()]


@pytest.mark.parametrize("case", corpus(), ids=lambda case: case["what"])
def test_what_was_found_before(case):
    check(case["text"], case["options"])


@FUZZ
@given(RESPONSES, OPTIONS)
@example("<think>", ["", " "])
def test_any_response_is_answered_and_the_two_extractors_agree(text, options):
    check(text, options)


def check(text, options):
    strict, lenient = extract(text, options), extract_lenient(text, options)
    letters = LETTERS[: len(options)]
    assert (strict.choice is not None) == (strict.reason in PARSED)
    assert (lenient.choice is not None) == (lenient.reason in LENIENT_PARSED)
    assert strict.choice is None or strict.choice in letters
    assert lenient.choice is None or lenient.choice in letters
    if strict.choice is not None:
        assert lenient.choice == strict.choice, "the upper end of the band is below its lower end"
    assert extract(f"\n {text}\n\n", options) == strict, "white space around a response carries no meaning"
    assert (extract(text, options), extract_lenient(text, options)) == (strict, lenient), "the same twice"


@FUZZ
@given(RESPONSES, OPTIONS, st.sampled_from(["think", "direct", ""]), st.sampled_from(["stop", "length"]))
def test_any_response_is_described(text, options, style, finish):
    key = ResponseKey("b", "q", 0, "sample", "p", "i", "w", "{}", 0)
    found = extract_response(Response(key, text, finish, style=style), options)
    assert found.truncated == (finish == "length")
    assert not (found.refused and found.lenient.choice)
