"""The blind ceiling on simulated sets: it finds what was planted, and seldom anything in a clean set.

The small version, with fixed seeds, of what `tests/bench/blind_simulations.py` measures.
"""

import random
from collections import Counter
from pathlib import Path

import pytest

from anatomy_r1.evaluation.blind_ceiling import blind_ceiling
from tests.bench.blind_simulations import (
    CHANCE,
    CLEAN,
    FAVOURED,
    NEVER,
    PLANTED,
    SIZES,
    TEXTS,
    outcomes,
    questions,
    rates,
)

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
ONE_PRIOR, HALF_PRIOR, ONE_NEVER, THREE_NEVER, NAMED = PLANTED


def made(design, count=20_000):
    return questions(design, random.Random(0), count, "test")


def shares(asked):
    """Text -> share of its showings in which it is right."""
    shown = Counter(option for question in asked for option in question.options)
    right = Counter(question.answer for question in asked)
    return {text: right[text] / count for text, count in shown.items()}


@pytest.mark.parametrize("design", CLEAN, ids=lambda design: design.name)
def test_a_clean_set_favours_no_text_and_no_letter(design):
    asked = made(design)
    draws = len(asked) / design.size if design.shared else len(asked)  # of an answer
    error = CHANCE * (1 - CHANCE) * (len(TEXTS) / draws) ** 0.5
    assert all(abs(share - CHANCE) < 4 * error for share in shares(asked).values())
    assert all(abs(count / len(asked) - CHANCE) < 0.015 for count in Counter(q.letter for q in asked).values())


@pytest.mark.parametrize("design", CLEAN, ids=lambda design: design.name)
def test_images_have_the_questions_and_answers_that_a_design_says(design):
    asked = made(design, 200)
    by_image = {image: [q.answer for q in asked if q.image == image] for image in {q.image for q in asked}}
    assert {len(answers) for answers in by_image.values()} == {design.size}
    alone = design.size == 1
    assert all(len(set(answers)) == 1 for answers in by_image.values()) == (design.shared or alone)


def test_a_planted_prior_is_that_of_its_design():
    one, half = shares(made(ONE_PRIOR)), made(HALF_PRIOR)
    assert one[TEXTS[0]] == pytest.approx(0.4, abs=0.025)
    assert all(one[text] < 0.27 for text in TEXTS[1:])
    assert all(shares(half)[text] == pytest.approx(0.4, abs=0.04) for text in FAVOURED)
    shown = [len(set(FAVOURED).intersection(q.options)) for q in half]
    assert set(shown) == {0, 1}
    assert sum(shown) / len(shown) == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize(("design", "most"), [(ONE_NEVER, 1), (THREE_NEVER, 3)])
def test_planted_distractors_are_never_right(design, most):
    asked = made(design)
    assert not {q.answer for q in asked}.intersection(NEVER)
    counts = Counter(len(set(NEVER).intersection(q.options)) for q in asked)
    assert set(counts) == {0, most}
    assert counts[most] / len(asked) == pytest.approx(0.5, abs=0.02)


def test_a_planted_word_names_the_answer_in_a_tenth_of_the_questions():
    words = [(word, q.answer) for q in made(NAMED) for word in q.stem.split() if word.startswith("kind")]
    assert len(words) == pytest.approx(2000, abs=150)
    assert all(word.removeprefix("kind") == answer.removeprefix("finding") for word, answer in words)


def test_an_outcome_is_that_of_the_blind_ceiling():
    """The simulation leaves out the curve and answers several test sides at once; the ceiling must not change."""
    sides = outcomes(HALF_PRIOR, 3, sizes=(80, 150), train=120, sides=2)
    draw = random.Random(f"{HALF_PRIOR.name}/3")
    known = questions(HALF_PRIOR, draw, 120, "train")
    for side in sides:
        asked = questions(HALF_PRIOR, draw, 150, "test")
        for size, found in side.items():
            whole = blind_ceiling(known, asked[:size])
            assert (found.best, found.mean) == (whole.best, whole.ceiling.mean)
            assert found.above == (whole.ceiling.low > CHANCE)
            assert found.below == (whole.ceiling.high < CHANCE)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("design", "size", "least"),
    [(HALF_PRIOR, 500, 8), (THREE_NEVER, 100, 10), (NAMED, 500, 8)],
    ids=["prior", "never right", "word of the stem"],
)
def test_a_planted_leak_is_found(design, size, least):
    [row] = rates(design, 10, sizes=(size,))
    assert row.above >= least
    error = 0.5 / (row.sets * size) ** 0.5
    assert row.mean == pytest.approx(design.worth, abs=3 * error + 0.01)  # training is not perfect


@pytest.mark.parametrize("design", CLEAN, ids=lambda design: design.name)
def test_a_clean_set_gives_few_alarms(design):
    """Of 60 sets 1.5 are expected at the level of 2.5 %; more than 6 come about by chance once in 1,500 times."""
    for row in rates(design, 60, sizes=(100, 200), train=100, sides=20):
        assert row.above <= 6
        assert abs(row.mean - CHANCE) < 0.03


def test_alarms_are_many_where_clusters_are_not_stated():
    """What the clean sets show is due to the clusters: without them the same sets give alarm after alarm."""
    [twenty] = [design for design in CLEAN if design.size == 20 and design.shared]
    [row] = rates(twenty, 60, sizes=(200,), train=100, sides=20)
    assert row.above_without_clusters > 6 >= row.above


def table(path, first):
    """Rows of the Markdown table whose first heading begins like this, as lists of cells, heading first."""
    lines = path.read_text(encoding="utf-8").splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith(f"| {first}"))
    end = next(number for number, line in enumerate(lines[start:], start) if not line.startswith("|"))
    head, _, *rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines[start:end])
    return [head, *rows]


@pytest.mark.parametrize(
    ("doc", "bench", "rate", "designs"),
    [("clean set", "clean set", "alarms, %", CLEAN), ("planted", "what is planted", "found, %", PLANTED)],
    ids=["clean", "planted"],
)
def test_the_rates_of_the_docs_are_those_of_the_committed_simulation(doc, bench, rate, designs):
    head, *rows = table(ROOT / "results/bench/blind_ceiling.md", bench)
    size, found = head.index("test questions"), head.index(rate)
    measured = {(row[0], row[size]): row[found] for row in rows}
    assert len(measured) == len(designs) * len(SIZES)
    shown, *of_docs = table(ROOT / "docs/blind.md", doc)
    assert [row[0] for row in of_docs] == [design.name for design in designs]
    for row in of_docs:
        assert [measured[row[0], size] for size in shown[-3:]] == row[-3:]
