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
    ("second think, no tag", "<think>a</think><think>b</think>A", None, "nested_tags"),
    ("text before think, no tag", "Sure! <think>x</think>A", None, "text_outside_answer"),
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


BEGINS_INSIDE = [
    ("tagged", "x</think><answer>B</answer>", "B"),
    ("no tag", "brown, not A\n</think>\n\nB", "B"),
    ("letter and text", "x</think> B. Liver", "B"),
    ("nothing thought", "</think><answer>B</answer>", "B"),
    ("an answer tried while thinking", "maybe <answer>A</answer></think><answer>B</answer>", "B"),
    ("a tag mentioned while thinking", "it goes into <answer> tags</think><answer>B</answer>", "B"),
    ("a later think too", "x</think><think>y</think><answer>B</answer>", "B"),
    ("closed twice, tagged", "x</think>y</think><answer>B</answer>", "B"),
    ("closed twice, no tag", "x</think>y</think>B", None),
    ("closed twice, an answer after each", "x</think><answer>A</answer></think><answer>B</answer>", None),
    ("only reasoning", "so <answer>B</answer></think>", None),
    ("cut off while thinking", "so it must be B", None),
    ("text after", "x</think><answer>B</answer> or C", None),
]


@pytest.mark.parametrize(("text", "choice"), [case[1:] for case in BEGINS_INSIDE], ids=[c[0] for c in BEGINS_INSIDE])
def test_case_01_a_text_that_begins_inside_its_reasoning(text, choice):
    """It is read as the same text after the `<think>` that the prompt ended in."""
    assert extract(text, OPTIONS).choice == choice
    assert extract(f"<think>{text}", OPTIONS).choice == choice


MENTIONED = [
    ("opening answer", "I put it in <answer> tags", "B"),
    ("closing answer", "it ends with </answer>", "B"),
    ("answer pair", "as in <answer>A</answer>", "B"),
    ("opening think", "this is my <think> part", "B"),
    ("all of the format", "first <think> </think>, then <answer> </answer>", "B"),
    ("all of the format, with dots", "<think> ... </think> <answer>...</answer> is asked for", "B"),
    ("the format twice", "<think></think>, and again <think>\u2026</think>", "B"),
    # A lone closing tag ends the thinking: what follows is text, in which every answer tag counts.
    ("closing think", "I end with </think> and then answer", "B"),
    ("closing think, then an answer", "so </think> <answer>A</answer> or", None),
    ("closing think, then a tag", "I end with </think> and use <answer> then", None),
    ("nested think with an answer in the outer one", "a<think>b</think>, so <answer>A</answer>", None),
]


@pytest.mark.parametrize(("thought", "choice"), [case[1:] for case in MENTIONED], ids=[case[0] for case in MENTIONED])
def test_case_03_a_tag_that_reasoning_only_mentions(thought, choice):
    assert extract(f"<think>{thought}</think><answer>B</answer>", OPTIONS).choice == choice
    if "</think>" not in thought:
        assert extract(f"<think>{thought}</think>\n\nB", OPTIONS) == Answer("B", "letter")
        assert extract(f"<think>{thought}</think>", OPTIONS) == Answer(None, "empty")


FINAL_PAIR = [
    ("think that is never closed", "<think>brown, so <answer>B</answer>", "B"),
    ("think opened twice", "<think>x<think><answer> B </answer>", "B"),
    ("plain text", "It is brown. <answer>B</answer>", "B"),
    ("plain text that names another option", "The answer is A. <answer>B. Liver</answer>\n", "B"),
    ("text before think", "Sure! <think>x</think><answer>B</answer>", "B"),
    ("text between think and answer", "<think>x</think> So it is <answer>B</answer>", "B"),
    ("two thoughts", "<think>a</think><think>b</think><answer>B</answer>", "B"),
    ("the mini policy, never closed", "<think> mid-left : brown glossy , so Liver <answer> B </answer>", "B"),
    ("the mini policy, closed twice", "<think> brown </think> </think> <answer> B </answer>", "B"),
    ("an unreadable statement", "The answer is B. <answer>maybe</answer>", None),
    ("an empty statement", "The answer is B. <answer> </answer>", None),
    ("two different pairs", "either <answer>A</answer> or <answer>B</answer>", None),
    ("the same pair twice", "<answer>B</answer> so <answer>B</answer>", None),
    ("two pairs, think between", "<think>x</think><answer>A</answer><think>y</think><answer>B</answer>", None),
    ("two pairs after an unclosed think", "<think>try <answer>A</answer> or <answer>B</answer>", None),
    ("a pair inside closed thinking only", "<think>so <answer>B</answer></think>", None),
    ("text after", "<think>x <answer>B</answer> is my answer", None),
    ("a full stop after", "It is brown. <answer>B</answer>.", None),
    ("thinking after", "It is brown. <answer>B</answer><think>or C</think>", None),
    ("never closed", "It is brown. <answer>B", None),
    ("an opening tag before", "It goes into <answer> tags. <answer>B</answer>", None),
    ("a closing tag before", "A</answer> no: <answer>B</answer>", None),
    ("tags within", "It is <answer><answer>B</answer></answer>", None),
    ("think across the pair", "It is <answer>A<think>x</think>B</answer>", None),
]


@pytest.mark.parametrize(("text", "choice"), [case[1:] for case in FINAL_PAIR], ids=[case[0] for case in FINAL_PAIR])
def test_case_23_one_closed_pair_at_the_very_end_is_the_statement(text, choice):
    assert extract(text, OPTIONS).choice == choice


def test_options_with_the_same_plain_text_are_ambiguous():
    assert extract("liver", ("Liver", "LIVER")).choice is None


@pytest.mark.parametrize("written", ["M\u00e9ni\u00e8re", "Me\u0301nie\u0300re", "A. me\u0301nie\u0300re."])
def test_an_accent_may_be_a_character_of_its_own(written):
    for option in ("M\u00e9ni\u00e8re", "Me\u0301nie\u0300re"):
        assert extract(f"<answer>{written}</answer>", (option, "Menier")).choice == "A"
    assert extract("Meniere", ("M\u00e9ni\u00e8re", "Gut")).choice is None


@pytest.mark.parametrize(
    ("options", "text", "choice"),
    [
        (("B", "A"), "A", None),
        (("B", "A"), "b.", "A"),  # not a letter by our rules, so it has one reading
        (("B", "A"), "B. A", "B"),
        (("A", "B"), "B", "B"),
        (("Positive", "E"), "E", "B"),
    ],
)
def test_a_letter_that_is_another_options_text_has_two_readings(options, text, choice):
    assert extract(text, options).choice == choice


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
    assert extract("<think></think>" * 7_000, OPTIONS).reason == "nested_tags"
    assert extract(("<think>" + " " * 50) * 2_000, OPTIONS).reason == "unclosed_think"
    assert extract("</think><answer>" * 6_000, OPTIONS).choice is None
    assert extract("A " * 50_000, OPTIONS).choice is None
    assert extract("a" + "\u0301\u0323" * 50_000, OPTIONS).choice is None


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
