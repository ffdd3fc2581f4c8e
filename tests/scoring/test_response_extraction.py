"""Extraction from one response: form by prompt style, several answers, refusals, truncation; and their rates."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anatomy_r1.response_log.response import Response, ResponseKey
from anatomy_r1.scoring.extraction import (
    extract_response,
    extraction_columns,
    extraction_rates,
    reason_counts,
    well_formed,
)
from anatomy_r1.training.rewards import format_reward

OPTIONS = ("Gallbladder", "Liver", "Omentum", "Gut")


def response(text, style="think", finish_reason="stop", repeat=0):
    key = ResponseKey("sgg_anatomy_mini", "q", repeat, "sample", "p", "i", "w", "{}", 0)
    return Response(key, text, finish_reason, style=style)


def extracted(text, **more):
    return extract_response(response(text, **more), OPTIONS)


@pytest.mark.parametrize(
    ("text", "think", "direct"),
    [
        ("<think>x</think><answer>B</answer>", True, False),
        (" <think>x</think>\n<answer> B </answer>\n", True, False),
        ("<answer>B</answer>", False, True),
        ("\n<answer> it is B </answer> ", False, True),
        ("B", False, False),
        ("<think>x</think><answer>B", False, False),
        ("<think>x</think><answer>B</answer> indeed", False, False),
        ("<answer>B</answer><answer>B</answer>", False, False),
        ("<think>a<think>b</think><answer>B</answer>", False, False),
        ("<answer><think>B</think></answer>", False, False),
        ("<ANSWER>B</ANSWER>", False, False),
    ],
    ids=[
        *("think", "think with white space", "direct", "direct; content is not form", "no tag", "cut off"),
        *("text after", "twice", "nested", "think in answer", "capital tags"),
    ],
)
def test_the_format_of_each_style(text, think, direct):
    assert (well_formed(text, "think"), well_formed(text, "direct")) == (think, direct)
    assert extracted(text, style="think").malformed is not think
    assert extracted(text, style="direct").malformed is not direct
    assert format_reward([text]) == [float(think)]


@pytest.mark.parametrize(
    ("text", "several"),
    [
        ("<answer>A</answer><answer>B</answer>", True),
        ("<answer>A</answer><answer>A</answer>", True),
        ("<answer>A, B</answer>", True),
        ("Answer: A. Answer: B.", True),
        ("<answer>A</answer>", False),
        ("A grasper, near the liver and the gut", False),
        ("<think>A or B</think><answer>B</answer>", False),
    ],
    ids=["two tags", "the same twice", "a list", "two sentences", "one", "prose", "in reasoning"],
)
def test_several_answers(text, several):
    assert extracted(text).several is several


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        ("I cannot help with medical images.", True),
        ("<think>x</think><answer>I'm sorry, I can\u2019t answer.</answer>", True),
        ("As an AI, I am not a doctor.", True),
        ("This cannot be determined from the picture.", True),
        ("I'm sorry it took so long. <answer>B</answer>", False),
        ("<think>I cannot see it</think><answer>B</answer>", False),
        ("<think>I cannot see it</think><answer>brown</answer>", False),
        ("The liver cannot be seen.", False),
        ("", False),
    ],
    ids=[
        *("plain", "in the tag, curly apostrophe", "as an AI", "undetermined", "an answer after all"),
        *("doubt in reasoning", "doubt in reasoning, then no option", "a negation", "empty"),
    ],
)
def test_refusals(text, refused):
    assert extracted(text).refused is refused


def test_truncation_is_the_finish_reason_only():
    assert extracted("<answer>B</answer>", finish_reason="length").truncated
    assert not extracted("<think>and so").truncated


def test_rates_equal_a_count_by_hand():
    texts = [
        ["<answer>A</answer>"] * 5,
        ["<answer>b</answer>", "B", "I cannot help.", "<answer>A</answer><answer>B</answer>", "<answer>A</answer>"],
    ]
    extractions = [[extract_response(response(text, "direct"), OPTIONS) for text in (*five, "D")] for five in texts]
    rates = extraction_rates(extractions, ["A", "B"])
    assert rates == pytest.approx(
        {"avg@5_lenient": 7 / 10, "format_failure_rate": 3 / 10, "several_rate": 1 / 10, "refusal_rate": 1 / 10}
    )
    columns = extraction_columns(extractions, ["A", "B"])
    assert [columns[f"lenient_{repeat}"][1] for repeat in range(5)] == [True, True, False, False, False]
    assert (columns["malformed"], columns["several"], columns["refused"]) == ([0, 3], [0, 1], [0, 1])
    counts = reason_counts(extractions)
    assert counts["strict"] == {"letter": 7, "unrecognised": 2, "several_answers": 1}
    assert list(counts["strict"].values()) == sorted(counts["strict"].values(), reverse=True)
    assert counts["lenient"] == {"strict": 7, "tag": 1, "nothing": 1, "several": 1}


@settings(deadline=None)  # a busy machine must not fail the test
@given(st.lists(st.sampled_from(["A", "b", "<answer>B</answer>", "Answer: C", "no", ""]), min_size=6, max_size=6))
def test_the_lenient_score_is_never_below_the_strict_one(texts):
    six = [extracted(text) for text in texts]
    for gold in "ABCD":
        strict = sum(one.strict.choice == gold for one in six[:5]) / 5
        assert extraction_rates([six], [gold])["avg@5_lenient"] >= strict
