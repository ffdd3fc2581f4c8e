"""Lessons and losses of the recipe `worded`; and that the lessons of `first` are what made the committed results."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import torch

from anatomy_r1.data.augmentation.groups import meaning, rewrites
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.mini.architecture import build_model, build_processor
from anatomy_r1.mini.ask import location_stem
from anatomy_r1.mini.curriculum import CURRICULA, FIRST, WORDED
from anatomy_r1.mini.lessons import Habits, Turn, name_odds, word_odds
from anatomy_r1.mini.losses import attention_mask, picture_inputs, soft_loss
from anatomy_r1.mini.microscopy import draw_slide
from anatomy_r1.mini.packing import NO_LOSS, Encoder
from anatomy_r1.mini.phrasing import reworded
from anatomy_r1.mini.recipe import RECIPES, toy
from anatomy_r1.mini.scene import draw_clear_scene, draw_look
from anatomy_r1.mini.student import Student
from anatomy_r1.prompts import render_text

HABITS = Habits(think_share=0.4, noise=0.4, gain=1.3, rare=0.25)


@pytest.fixture(scope="module")
def processor():
    return build_processor(rewrites=True)


@pytest.fixture(scope="module")
def encoder(processor):
    return Encoder(processor.tokenizer)


@pytest.fixture(scope="module")
def student(processor):
    recipe = toy("worded")
    return Student(build_model("mini-s", processor, 0), processor, recipe)


def lessons(curriculum, count, seed=4):
    """Turns and probes about one scene and one slide, and turns without a picture."""
    rng = np.random.default_rng(seed)
    pictures = [draw_clear_scene(rng, draw_look(rng)), draw_slide(rng)]
    turns = [curriculum.turn(picture, rng, HABITS) for picture in pictures for _ in range(count)]
    turns += [curriculum.named(picture, rng, HABITS) for picture in pictures for _ in range(count)]
    turns += [curriculum.text_turn(rng, 0.5, 0.3) for _ in range(count)]
    probes = [curriculum.probe(picture, rng) for picture in pictures for _ in range(count)]
    return turns, probes


def test_the_lessons_of_the_first_recipe_are_what_they_were():
    turns, probes = lessons(FIRST, 60)
    told = [(turn.user, turn.assistant, turn.kind, turn.held) for turn in turns]
    assert not any(turn.soft or turn.narrow for turn in turns)
    assert hashlib.sha256(repr((told, probes)).encode()).hexdigest()[:16] == "8cf7412f72a0e840"


def test_no_lesson_has_an_unknown_word(processor):
    turns, probes = lessons(WORDED, 150)
    texts = [turn.user + turn.assistant for turn in turns] + [f"{text} {word}" for text, word in probes]
    unknown = processor.tokenizer.unk_token_id
    assert [text for text in texts if unknown in processor.tokenizer(text).input_ids] == []


def test_lessons_come_in_other_wordings_of_the_same_question():
    rng = np.random.default_rng(1)
    stem = location_stem(3)
    forms = {reworded(rng, stem) for _ in range(300)}
    assert stem in forms and forms <= {stem, *rewrites(stem)} and len(forms) > 15
    assert {meaning(form) for form in forms} == {meaning(stem)}


def test_a_soft_target_stands_where_its_word_is_said(encoder):
    turns = [turn for turn in lessons(WORDED, 150)[0] if turn.soft]
    assert {turn.kind[-1] for turn in turns} == {"D", "T"}
    for turn in turns:
        said = encoder.ids(turn.assistant)
        for at, odds in turn.soft:
            assert said[at] in {encoder.id(word) for word, _ in odds}, turn
            assert sum(share for _, share in odds) == pytest.approx(1)


def test_the_right_word_is_the_likeliest_but_for_rare_names():
    names = dict(name_odds("Gut", ("Liver", "Gut", "Cystic Plate", "Omentum"), Habits(0.8, 0.5, gain=1.3, rare=0.25)))
    weights = {"Liver": 1.0, "Gut": 1.3, "Cystic Plate": 0.25, "Omentum": 1.0}
    assert names == pytest.approx({name: weight / 3.55 for name, weight in weights.items()})
    assert dict(word_odds("red", ("red", "brown"), 0.4)) == pytest.approx({"red": 0.8, "brown": 0.2})


def test_a_stem_ends_before_its_options_in_every_wording(encoder):
    for stem in (location_stem(0), "What is the diagnosis shown in this image?", "Which option is Gut ?"):
        for form in (stem, *rewrites(stem)):
            for wording in ("choice", "microscopy"):
                asked = encoder.ids(render_text(form, ("Liver", "Gut"), "direct", wording))
                assert asked[encoder.stem_end(asked)] == encoder.ids(form)[-1], form


def test_places_are_found_in_any_wording(encoder):
    for form in (location_stem(5), *rewrites(location_stem(5))):
        assert [cell for _, cell in encoder.places(encoder.ids(form))] == [5], form


def test_a_narrow_answer_sees_of_stem_and_picture_only_the_stem_s_end(encoder):
    text = render_text(location_stem(0), ("Liver", "Gut"), "direct", "choice")
    turn = Turn(text, "<answer> A </answer>", "nameD", "smooth", narrow=True)
    packed = encoder.pack([[turn]], pictures=True)
    seen = attention_mask(packed)[0, 0] == 0
    stem, end = encoder.ids(location_stem(0)), packed.held[0][1]
    hidden = [*range(encoder.first_image, encoder.first_image + 9), *range(end - len(stem) + 1, end)]
    for late in range(end + 1, packed.ids.shape[1]):
        assert not seen[late, hidden].any() and seen[late, end] and seen[late, late]
    assert seen[end, hidden].all()
    assert not seen.triu(1).any()


@torch.no_grad()
def test_an_isolated_turn_is_as_if_asked_alone(student):
    encoder, model, drawn = student.encoder, student.model, torch.tensor([0])
    turns = [student.curriculum.turn(student.album.pictures[0], student.rng, HABITS) for _ in range(4)]

    def states(packed):
        given = picture_inputs(student, packed, drawn)
        return model.model(input_ids=packed.ids, attention_mask=attention_mask(packed), use_cache=False, **given)[0][0]

    together = encoder.pack([turns], pictures=True, isolated=True)
    found = states(together)
    for turn, (_, start, stop) in zip(turns, together.isolated, strict=True):
        alone = states(encoder.pack([[turn]], pictures=True))[len(encoder.head) :]
        assert torch.allclose(found[start:stop], alone, atol=1e-4), turn


def test_a_soft_target_costs_nothing_to_who_has_the_teacher_s_odds(encoder):
    odds = (("A", 0.6), ("B", 0.4))
    text = render_text("Which option is Gut ?", ("Liver", "Gut"), "direct", "choice")
    packed = encoder.pack([[Turn(text, "<answer> A </answer>", "nameD", soft=((1, odds),))]], pictures=False)
    labels = packed.labels[:, 1:]
    logits = torch.full((int((labels != NO_LOSS).sum()), 300), -30.0)
    logits[torch.arange(len(logits)), labels[labels != NO_LOSS]] = 30.0
    logits[1] = -30.0
    logits[1, encoder.id("A")], logits[1, encoder.id("B")] = np.log(0.6), np.log(0.4)
    assert soft_loss(logits, packed, 4.0).item() == pytest.approx(0, abs=1e-6)
    logits[1, encoder.id("A")], logits[1, encoder.id("B")] = np.log(0.4), np.log(0.6)
    wrong = 0.6 * np.log(0.6 / 0.4) + 0.4 * np.log(0.4 / 0.6)
    assert soft_loss(logits, packed, 4.0).item() == pytest.approx(4 * wrong / len(logits), rel=1e-4)


def test_a_skill_that_has_not_come_makes_no_base(student):
    student.right["lookD"].extend([1.0] * 90 + [0.0] * 10)
    student.require("lookD", "narrow lookD", at=0.85)  # narrow ones were not met
    with pytest.raises(AnatomyR1Error, match=r"seed 1234: not learnt .* lookD 0\.90.*Fix"):
        student.require("lookD", at=0.95)
    student.right["narrow lookD"].append(0.0)
    assert not student.can("lookD", "narrow lookD", at=0.5)


def test_every_recipe_has_a_curriculum_and_seeds_differ():
    assert set(RECIPES) == set(CURRICULA)
    first, second = (replace(RECIPES["worded"], seed=seed) for seed in (1, 2))
    assert first != second
