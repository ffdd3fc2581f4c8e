"""Plain JSON records of another benchmark: the forms that are read, and those that are refused."""

import json

import pytest

from anatomy_r1.data.plain_questions import read_plain
from anatomy_r1.errors import AnatomyR1Error

GOOD = {"question": "What is shown?", "options": ["Liver", "Gut"], "answer": "Gut"}


def read(*records):
    return read_plain(json.dumps(list(records)).encode(), "other.json")


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"answer": "B"},
        {"options": {"B": "Gut", "A": "Liver"}},
        {"options": {"A": "Liver", "B": "Gut"}, "answer": "B"},
    ],
    ids=["text", "letter", "options by letter", "both by letter"],
)
def test_answers_and_options_in_every_form(change):
    (question,) = read(GOOD | change)
    assert (question.options, question.answer, question.letter) == (("Liver", "Gut"), "Gut", "B")


def test_an_option_that_is_a_letter_is_taken_as_a_text():
    (question,) = read(GOOD | {"options": ["B", "A"], "answer": "A"})
    assert question.letter == "B"


def test_the_cluster_is_stated_or_the_image_or_the_record():
    stated, image, neither = read(GOOD | {"cluster": "p1", "image": "a.png"}, GOOD | {"image": "a.png"}, GOOD)
    assert [one.cluster for one in (stated, image, neither)] == ["p1", "a.png", "other.json-3"]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"answer": "Duct"}, "neither an option nor the letter"),
        ({"answer": "C"}, "neither an option nor the letter"),
        ({"answer": 1}, "answer"),
        ({"options": ["Gut"]}, "1 options"),
        ({"options": ["Gut", "Gut"]}, "occurs twice"),
        ({"options": {"A": "Liver", "C": "Gut"}}, "letters of the options"),
        ({"options": "Liver, Gut"}, "options"),
        ({"options": ["Liver", None]}, "options"),
        ({"question": ""}, "question"),
        ({"question": " "}, "stem is empty"),
        ({"image": "../a.png"}, "leaves the image root"),
    ],
)
def test_a_bad_record_is_named_with_the_fix(change, problem):
    with pytest.raises(
        AnatomyR1Error, match=rf"other\.json:2: .*{problem}.* Fix: a record has question, options and answer"
    ):
        read(GOOD, GOOD | change)


@pytest.mark.parametrize("content", [b"{}", b"[1]", b"not JSON", b"\xff"])
def test_what_is_no_list_of_records_is_refused(content):
    with pytest.raises(AnatomyR1Error, match=r"other\.json"):
        read_plain(content, "other.json")
