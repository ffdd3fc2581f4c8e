"""Metrics of five responses, and rewards over the same extractor."""

import pytest

from anatomy_r1.scoring.metrics import avg_at_k, major_at_k, majority, parse_rate, pass_at_1
from anatomy_r1.training.rewards import accuracy_reward, format_reward

CASES = [
    ("all right", ["A"] * 5, "A", 1.0, True, True),
    ("first wrong, majority right", ["B", "A", "A", "A", "B"], "A", 0.6, False, True),
    ("tie goes to the earliest", ["B", "A", "A", "B", None], "B", 0.4, True, True),
    ("unparsed does not vote", [None, None, None, "C", "D"], "C", 0.2, False, True),
    ("nothing parsed", [None] * 5, "A", 0.0, False, False),
]


@pytest.mark.parametrize(
    ("choices", "gold", "avg", "first", "major"), [c[1:] for c in CASES], ids=[c[0] for c in CASES]
)
def test_metrics(choices, gold, avg, first, major):
    assert (avg_at_k(choices, gold), pass_at_1(choices, gold), major_at_k(choices, gold)) == (avg, first, major)


def test_majority_of_nothing_is_none_and_parse_rate_counts():
    assert majority([None, None]) is None
    assert parse_rate([None, "A", "B", None, "A"]) == 0.6


def test_accuracy_reward_reads_strings_and_chat_turns_alike():
    chat = [{"role": "assistant", "content": "<answer>B</answer>"}]
    shown = [["Gut", "Liver"]] * 2
    assert accuracy_reward([chat, "<answer>A</answer>"], options=shown, letter=["B", "B"]) == [1.0, 0.0]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("<think> a </think> <answer> A </answer>", 1.0),
        ("<answer> A </answer>", 0.0),
        ("<think> a </think> A", 0.0),
        ("<think> a </think> <answer> A </answer> more", 0.0),
        ("<think> a <think> b </think> <answer> A </answer>", 0.0),
    ],
)
def test_format_reward(text, value):
    assert format_reward([text]) == [value]
