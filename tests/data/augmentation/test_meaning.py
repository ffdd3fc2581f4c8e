"""What is another question, and what is the same in other words."""

import random
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from anatomy_r1.data.augmentation.groups import MOST_CHARACTERS, meaning, reason_against, rewrites
from anatomy_r1.data.augmentation.scene_questions import (
    KINDS,
    OWN_WORDS,
    Meaning,
    difference,
    place_of,
    write_scene_question,
)
from anatomy_r1.data.stems import COLOURS, COMPONENTS, PLACES, RELATIONS, Description

LOCATION = "What anatomy is at the bottom-mid of the frame ?"
ONE_HOP = "There is a white object left of the yellow top-mid omentum anatomy; what is it?"
TWO_HOPS = "What name is the thing that is both within the red gut anatomy and above the brown instrument?"
TAIL = "Is there any abnormality observed in the tail of the sperm image provided?"


@pytest.mark.parametrize(
    "form",
    [
        "Which anatomical structures are located at the lower-center of the image?",
        "Can you identify the anatomy present in the central lower portion of the picture?",
        "What is the anatomy in the lower middle of the picture?",
        "There is a bottom-mid anatomy, what is its name?",
    ],
    ids=["the paper's first example", "the paper's second example", "ours", "SSG-VQA's zero-hop form"],
)
def test_the_location_question_in_other_words(form):
    assert reason_against(LOCATION, form) == ""


@pytest.mark.parametrize(
    ("stem", "form", "reason"),
    [
        (LOCATION, "What anatomy is at the top-mid of the frame ?", "place"),
        (LOCATION, "What anatomy is at the bottom of the frame ?", "grammar"),
        (LOCATION, "What anatomy is at the upper lower of the frame ?", "grammar"),
        (LOCATION, "What instrument is at the bottom-mid of the frame ?", "kind"),
        (LOCATION, "What thing is at the bottom-mid of the frame ?", "kind"),
        (LOCATION, "What red anatomy is at the bottom-mid of the frame ?", "colour"),
        (LOCATION, "What anatomy is at the bottom-mid and the top-mid of the frame ?", "grammar"),
        (LOCATION, "What bottom-left anatomy is at the bottom-mid of the frame ?", "grammar"),
        (LOCATION, "What anatomy is not at the bottom-mid of the frame ?", "grammar"),
        (ONE_HOP, ONE_HOP.replace("left of", "right of"), "relations"),
        (ONE_HOP, ONE_HOP.replace("left of", "beside"), "grammar"),
        (ONE_HOP, ONE_HOP.replace("yellow", "red"), "reference"),
        (ONE_HOP, ONE_HOP.replace("yellow ", ""), "reference"),
        (ONE_HOP, ONE_HOP.replace("white", "red"), "colour"),
        (ONE_HOP, ONE_HOP.replace("white ", "white red "), "grammar"),
        (ONE_HOP, ONE_HOP.replace("object", "anatomy"), "kind"),
        (ONE_HOP, "What is the white object?", "relations"),
        (TWO_HOPS, TWO_HOPS.replace("within", "inside"), "grammar"),
        (TWO_HOPS, TWO_HOPS.replace("within", "above"), "relations"),
        (TWO_HOPS, "What name is the thing that is within the red gut anatomy?", "relations"),
        (
            TWO_HOPS,
            "What name is the thing that is both above the red gut anatomy and within the brown instrument?",
            "reference",
        ),
        (TAIL, TAIL.replace("tail", "head"), "lost: ['tail'], added: ['head']"),
        (TAIL, TAIL.replace("abnormality", "normality"), "lost"),
        (TAIL, TAIL.replace("Is there", "What is"), "asks for"),
        (TAIL, TAIL.replace("Is there any", "Is there not any"), "added: ['not']"),
        ("Is the head normal or abnormal?", "Is the head abnormal or normal?", "order"),
        ("Is the head normal or abnormal?", "Is the head normal?", "lost"),
        ("What is the shape of cells in this image?", "What is the shape of sperm in this image?", "lost"),
        ("What type of tissue is shown?", "What type of tissue is shown? It is fat.", "added"),
    ],
)
def test_another_question_is_rejected_with_the_reason(stem, form, reason):
    assert reason in reason_against(stem, form)


@pytest.mark.parametrize(
    ("form", "reason"),
    [
        ("", "empty"),
        ("What is the red anatomy?\nE. Liver", "character"),
        ("What is the red anatomy? <|im_end|>", "character"),
        ("What is the <image> red anatomy?", "character"),
        ("What is the réd anatomy?", "character"),
        ("What is the red anatomy" + " " * MOST_CHARACTERS + "?", "longer"),
    ],
    ids=["nothing", "an option more", "end of turn", "image token", "not ASCII", "padding"],
)
def test_what_cannot_stand_in_a_prompt_is_rejected(form, reason):
    assert reason in reason_against("What is the red anatomy?", form)


SWAPS = {"upper": "lower", "lower": "upper", "left": "right", "right": "left"}
NOUNS = ("anatomy", "instrument", "thing")


def mutants(stem):
    """The stem with one colour, label, position, noun or relation changed to every other one, one at a time."""
    for group in (COLOURS, sorted(COMPONENTS), PLACES, NOUNS):
        for found in re.finditer(rf"(?<![\w-])(?:{'|'.join(group)})(?![\w-])", stem):
            yield from (spliced(stem, found, word) for word in group if word != found[0])
    for found in re.finditer("|".join(sorted(RELATIONS, key=len, reverse=True)), stem):
        yield from (spliced(stem, found, word) for word in RELATIONS if RELATIONS[word] != RELATIONS[found[0]])
    for found in re.finditer(rf"\b(?:{'|'.join(SWAPS)})\b", stem):
        yield spliced(stem, found, SWAPS[found[0]])


def spliced(stem, found, word):
    return stem[: found.start()] + word + stem[found.end() :]


@pytest.mark.parametrize("stem", [LOCATION, ONE_HOP, TWO_HOPS, "What is the yellow center anatomy?"])
def test_any_one_changed_attribute_makes_another_question(stem):
    """Of the stem and of each of its wordings."""
    asked, count = meaning(stem), 0
    for form in (stem, *rewrites(stem)):
        for changed in mutants(form):
            count += 1
            assert meaning(changed) != asked, (form, changed)
    assert count > 200


def test_any_one_lost_word_of_a_microscopy_question_that_counts_makes_another_question(microscopy_questions):
    """Whatever word is left out: either the meaning changes, or the word is one of those that carry nothing."""
    carried = set()
    for stem in {question.stem for question in microscopy_questions}:
        words = stem.split()
        for i, word in enumerate(words[1:], 1):
            if meaning(" ".join(words[:i] + words[i + 1 :])) == meaning(stem):
                carried.add(word.strip("?.,;:").lower())
    content = {
        *(
            "tail",
            "head",
            "acrosome",
            "vacuole",
            "cells",
            "tissue",
            "mucosa",
            "substance",
            "malaria",
            "modality",
            "shape",
        ),
        *("normal", "abnormal", "abnormality", "diagnosis", "type", "specific", "any", "or", "not", "no"),
    }
    assert not carried & content
    assert "the" in carried and len(carried) < 60


@pytest.mark.parametrize("place", [place for place in PLACES if place != "None"])
def test_every_wording_of_a_position_names_that_position(place):
    assert place_of(place) == place
    assert {place_of(words) for words in OWN_WORDS[place]} == {place}
    assert len(set(OWN_WORDS[place])) == 3


@pytest.mark.parametrize("phrase", ["", "left", "top", "upper lower", "left right", "top mid left", "mid mid", "up"])
def test_what_names_no_one_position(phrase):
    assert place_of(phrase) == ""


def test_equal_meanings_have_no_difference():
    assert difference(meaning(TAIL), meaning(TAIL)) == ""


def test_any_question_about_a_scene_reads_back_in_every_wording():
    """Drawn from the whole grammar: labels, relations and combinations that the released stems do not have."""
    rng = random.Random(0)

    def thing(*, named):
        draw = lambda words: rng.choice(["", *sorted(words)])  # noqa: E731
        noun = rng.choice(["anatomy", "instrument", "object", "thing"])
        return Description(draw(PLACES), draw(COLOURS), draw(COMPONENTS) if named else "", KINDS[noun], noun)

    for _ in range(300):
        relations = [(rng.choice(sorted(set(RELATIONS.values()))), thing(named=True)) for _ in range(rng.randrange(3))]
        target = thing(named=False)
        asked = meaning(write_scene_question(Meaning("name", target, tuple(relations)))[0])
        assert asked.target == target
        assert sorted(map(str, asked.relations)) == sorted(map(str, ((r, replace(t)) for r, t in relations)))
        forms = write_scene_question(asked)
        assert len(set(forms)) >= 4
        assert {meaning(form) for form in forms} == {asked}


def test_long_repetitions_are_read_at_once():
    """A pattern with two ways to match one word would take years; a child process, so that this cannot hang."""
    code = """if True:
        from anatomy_r1.data.augmentation.groups import MOST_CHARACTERS, reason_against
        for word in ("mid", "left", "top-mid", "red", "upper left", "the thing that is above"):
            form = (f"What is the {word} " + f"{word} " * 99)[: MOST_CHARACTERS - 6] + "organ?"
            assert reason_against("What is the red anatomy?", form)
    """
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120, cwd=Path(__file__).parents[3])
