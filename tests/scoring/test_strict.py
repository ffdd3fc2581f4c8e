"""The strict extractor: each verdict with its reason. `test_hostile_outputs.py` has a larger corpus."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anatomy_r1.question import Question
from anatomy_r1.scoring.strict import PARSED, Answer, extract

OPTIONS = ("Gallbladder", "Liver", "Omentum", "Gut")

CASES = [
    ("bare letter", "B", "B", "letter"),
    ("letter with full stop", "B.", "B", "letter"),
    ("letter in brackets", "(C)", "C", "letter"),
    ("tagged letter", "<answer>B</answer>", "B", "letter"),
    ("think is never read", "<think>A grasper, so A</think><answer>B</answer>", "B", "letter"),
    ("letter and its text", "<answer> B. Liver </answer>", "B", "letter_and_text"),
    ("letter and text without a dot", "B Liver", "B", "letter_and_text"),
    ("text alone", "<answer>gut</answer>", "D", "text"),
    ("text after think without tag", "<think>x</think> Liver", "B", "text"),
    ("empty", "", None, "empty"),
    ("only white space in the tag", "<answer>  </answer>", None, "empty"),
    ("only a think block", "<think>so A</think>", None, "empty"),
    ("truncated think", "<think> the liver is", None, "unclosed_think"),
    ("truncated answer", "<think>x</think><answer>B", None, "unclosed_answer"),
    ("two answers", "<answer>A</answer><answer>B</answer>", None, "several_answers"),
    ("same answer twice", "<answer>A</answer> <answer>A</answer>", None, "several_answers"),
    ("nested answers", "<answer><answer>A</answer></answer>", None, "nested_tags"),
    ("think inside answer", "<answer><think>A</think></answer>", None, "nested_tags"),
    ("nested think", "<think>a<think>b</think></think><answer>A</answer>", None, "nested_tags"),
    ("second think", "<think>a</think><think>b</think><answer>A</answer>", None, "nested_tags"),
    ("text before think", "Sure! <think>x</think><answer>A</answer>", None, "text_outside_answer"),
    ("text after answer", "<answer>A</answer> or maybe B", None, "text_outside_answer"),
    ("letter out of range", "<answer>E</answer>", None, "letter_out_of_range"),
    ("letter contradicts its text", "<answer>A. Liver</answer>", None, "letter_contradicts_text"),
    ("letter with unknown text", "<answer>A. Spleen</answer>", None, "unrecognised"),
    ("negation", "It is not A", None, "unrecognised"),
    ("article", "A grasper is seen", None, "unrecognised"),
    ("letter in prose", "The answer is B", None, "unrecognised"),
    ("refusal", "I cannot help with medical images.", None, "unrecognised"),
    ("lower-case letter", "b", None, "unrecognised"),
    ("full-width letter", "\uff22", None, "unrecognised"),
    ("Cyrillic look-alike", "\u0410", None, "unrecognised"),
    ("two letters", "<answer>A, B</answer>", None, "unrecognised"),
    ("echoed template", "<think> ... </think> <answer>YOUR CHOICE HERE</answer>", None, "unrecognised"),
]


@pytest.mark.parametrize(("completion", "choice", "reason"), [case[1:] for case in CASES], ids=[c[0] for c in CASES])
def test_verdict_and_reason(completion, choice, reason):
    assert extract(completion, OPTIONS) == Answer(choice, reason)


def test_options_with_the_same_plain_text_are_ambiguous():
    assert extract("liver", ("Liver", "LIVER")).choice is None


@given(st.text(alphabet=st.sampled_from(list("ABCD <>/thinkaswer.()")), max_size=60))
def test_choice_and_reason_agree(text):
    answer = extract(text, OPTIONS)
    assert (answer.choice is not None) == (answer.reason in PARSED)
    assert answer.choice is None or answer.choice in "ABCD"


@given(st.text(max_size=40).filter(lambda t: "<" not in t), st.sampled_from("ABCD"))
def test_reasoning_never_changes_the_choice(thought, letter):
    assert extract(f"<think>{thought}</think><answer>{letter}</answer>", OPTIONS).choice == letter


@given(st.permutations(OPTIONS), st.sampled_from(OPTIONS))
def test_gold_in_every_accepted_form_scores_right(options, answer):
    question = Question("1", "sgg_anatomy", "What?", tuple(options), answer, "a.png", "x", "v")
    for form in (question.letter, f"{question.letter}. {answer}", answer):
        assert extract(f"<answer>{form}</answer>", question.options).choice == question.letter


def test_100_kb_of_noise_are_read_in_linear_time():
    assert extract("<think>" * 15_000, OPTIONS).reason == "unclosed_think"
    assert extract("A " * 50_000, OPTIONS).choice is None


@pytest.mark.parametrize("length", [1, 99, 100, 101], ids=lambda n: f"{n} letters")
def test_the_match_cache_depends_on_the_options(length):
    """Matches of short answers are cached, those of long ones are not; the verdict is the same."""
    name = "x" * length
    for options, expected in (
        (("Liver", name), Answer("B", "text")),
        ((name, "Liver"), Answer("A", "text")),
        (("Liver", "Gut"), Answer(None, "unrecognised")),
        ([name, "Gut"], Answer("A", "text")),
    ):
        assert extract(f"<answer> {name} </answer>", options) == extract(name, options) == expected
