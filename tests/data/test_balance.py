"""Balanced sets: what a block guarantees, what may not be a distractor, what is dropped."""

import random
from collections import Counter, defaultdict
from dataclasses import replace

import pytest

from anatomy_r1.data.balance import (
    FEW,
    OTHER,
    RARE,
    SAME_KIND,
    SAME_STEM,
    balance,
    contain,
    kinds_by_answers,
    right_together,
    stem_of,
)
from anatomy_r1.question import Question

NAMES = ("Gut", "Liver", "Omentum", "Duct", "Plate", "Bile")


def asked(number: int, answer: str, stem: str = "What is it ?", image: str = "", category: str = "c") -> Question:
    """A question that shows its answer and a text that is never right."""
    return Question(
        id=f"q{number}", benchmark="b", stem=stem, options=(answer, "Nothing", "No", "None"), answer=answer,
        image=image or f"{number}.png", category=category, cluster=f"v{number % 7}",
    )  # fmt: skip


def skewed(count: int, seed: int = 0, stems: tuple[str, ...] = ("What is it ?", "What is there ?")) -> list[Question]:
    """Answers with unequal shares, which also depend on the stem."""
    rng = random.Random(seed)
    weights = {stem: [rng.random() + 0.1 for _ in NAMES] for stem in stems}
    drawn = [rng.choice(stems) for _ in range(count)]
    return [asked(i, rng.choices(NAMES, weights[stem])[0], stem) for i, stem in enumerate(drawn)]


def blocks(questions: tuple[Question, ...]) -> list[list[Question]]:
    """Questions with one stem and one set of options."""
    found: dict[tuple[str, frozenset[str]], list[Question]] = defaultdict(list)
    for question in questions:
        found[stem_of(question), frozenset(question.options)].append(question)
    return list(found.values())


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_every_text_is_right_in_a_quarter_of_the_questions_that_show_it(seed):
    found = balance(skewed(400, seed), seed).questions
    shown = Counter(text for question in found for text in question.options)
    right = Counter(question.answer for question in found)
    assert len(found) > 200
    assert {text: 4 * right[text] for text in shown} == dict(shown)


def test_any_rule_over_stem_and_options_is_right_in_exactly_a_quarter():
    """The guarantee itself: rules drawn at random, each a table from (stem, set of options) to a text."""
    found = balance(skewed(400), 0).questions
    for draw in range(20):
        rng = random.Random(draw)
        table = {key: rng.choice(sorted(key[1])) for key in {(stem_of(q), frozenset(q.options)) for q in found}}
        right = sum(table[stem_of(q), frozenset(q.options)] == q.answer for q in found)
        assert 4 * right == len(found)


def test_letters_are_even_in_every_block():
    found = balance(skewed(400), 0).questions
    assert Counter(question.letter for question in found) == dict.fromkeys("ABCD", len(found) // 4)
    assert all(len(set(Counter(q.letter for q in block).values())) == 1 for block in blocks(found))


def test_image_stem_answer_and_id_stay():
    before = {question.id: question for question in skewed(100)}
    for question in balance(list(before.values()), 0).questions:
        old = before[question.id]
        assert (question.stem, question.answer, question.image) == (old.stem, old.answer, old.image)
        assert "Nothing" not in question.options


def test_the_order_of_the_source_is_kept_and_does_not_matter():
    questions = skewed(200)
    found = balance(questions, 3)
    places = [questions.index(next(q for q in questions if q.id == one.id)) for one in found.questions]
    assert places == sorted(places)
    turned = balance(questions[::-1], 3)
    assert sorted(turned.questions, key=lambda q: q.id) == sorted(found.questions, key=lambda q: q.id)


def test_another_seed_gives_another_set():
    questions = skewed(200)
    assert balance(questions, 0).questions != balance(questions, 1).questions


def test_no_text_that_is_also_right_becomes_a_distractor():
    questions = skewed(300)
    also = {question.id: ["Liver"] for question in questions if question.answer == "Gut"}
    found = balance(questions, 0, also).questions
    assert any("Gut" in question.options for question in found)
    assert not any({"Gut", "Liver"} <= set(question.options) for question in found)


def test_answers_of_the_image_s_other_questions_with_this_stem_are_no_distractors():
    questions = [asked(i, NAMES[i % 4], image="same.png") for i in range(8)]
    assert balance(questions, 0).questions == ()


def test_texts_that_are_right_together_are_never_shown_together():
    pairs = right_together([asked(0, "Gut", image="a.png"), asked(1, "Gut wall.", "And this ?", image="a.png")])
    assert pairs == {frozenset(("gut", "gut wall"))}
    questions = [asked(i, ("Gut", "Gut wall", "Liver", "Duct", "Bile")[i % 5]) for i in range(50)]
    found = balance(questions, 0, never_together=pairs).questions
    assert found
    assert not any({"Gut", "Gut wall"} <= set(question.options) for question in found)


def test_spellings_of_one_answer_are_one_answer():
    questions = [asked(i, ("Gut", "gut.", "Liver", "Duct")[i % 4]) for i in range(40)]
    found = balance(questions, 0)
    assert found.questions == ()
    assert found.dropped == {"c": {FEW: 40}}


def test_what_was_dropped_is_counted_by_category_and_reason():
    few = [asked(i, NAMES[i % 3], "Which one ?", category="few") for i in range(9)]
    rare = [asked(10 + i, name, category="rare") for i, name in enumerate((*NAMES[:4], "Gut", "Gut", "Liver"))]
    found = balance([*few, *rare], 0)
    assert len(found.questions) == 4
    assert found.kept == {SAME_STEM: 4}
    assert found.dropped == {"few": {FEW: 9}, "rare": {RARE: 3}}


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("Lymphocyte", "lymphocytes", True),
        ("Fusiform cells", "Mixed cells of several classes (Fusiform, Epithelioid)", True),
        ("Normal", "Normal colonic mucosa", True),
        ("Benign breast", "Malignant breast", False),
        ("Cystic Plate", "Abdominal Wall Cavity", False),
    ],
    ids=["plural", "part", "longer", "shared word", "different"],
)
def test_texts_that_contain_one_another_are_never_shown_together(one, other, expected):
    assert contain(one, other) == contain(other, one) == expected
    answers = (one, other, "Zebra", "Quagga")
    found = balance([asked(i, answers[i % 4]) for i in range(8)], 0).questions
    assert bool(found) != expected


def test_questions_of_another_kind_share_no_block():
    """Equal stems of two data sets: an option must not be told from the look of the other set's pictures."""
    questions = [asked(i, NAMES[i % 4], category="blood" if i % 4 < 2 else "skin") for i in range(16)]
    assert balance(questions, 0, kind=lambda one: one.category).questions == ()
    assert len(balance(questions, 0).questions) == 16


def test_stems_of_a_kind_are_used_after_equal_stems():
    stems = ("What is it ?", "What is this ?", "What do you see ?", "What is shown ?")
    questions = [asked(i, NAMES[i % 4], stems[0]) for i in range(4)]
    questions += [asked(4 + i, NAMES[i], stems[i]) for i in range(4)]
    questions += [asked(8 + i, NAMES[i], stems[(i + 1) % 4]) for i in range(4)]
    found = balance(questions, 0, kind=kinds_by_answers(questions, lambda _: ""))
    assert found.kept[SAME_STEM] == 4
    assert found.kept[SAME_KIND] == 8
    assert Counter(q.answer for q in found.questions) == dict.fromkeys(NAMES[:4], 3)
    assert {question.stem for question in found.questions} == {stems[0]}, "in the most frequent wording"


def test_kinds_keep_apart_what_shares_no_answer_and_no_stem():
    pairs = (("Gut", "What ?"), ("Liver", "What ?"), ("Liver", "And here ?"), ("MRI", "Which scanner ?"))
    questions = [asked(i, answer, stem) for i, (answer, stem) in enumerate(pairs)]
    kind = kinds_by_answers(questions, lambda _: "")
    assert kind(questions[0]) == kind(questions[1]) == kind(questions[2]) != kind(questions[3])
    apart = kinds_by_answers(questions, lambda one: one.id)
    assert len({apart(question) for question in questions}) == 4


def test_a_question_without_four_options_is_left_out():
    questions = [asked(i, NAMES[i % 4]) for i in range(8)]
    questions[0] = replace(questions[0], options=(questions[0].answer, "Nothing"))
    found = balance(questions, 0)
    assert len(found.questions) == 4
    assert found.dropped["c"] == {OTHER: 1, RARE: 3}


def test_a_set_without_questions_has_none():
    assert balance([], 0).questions == ()
