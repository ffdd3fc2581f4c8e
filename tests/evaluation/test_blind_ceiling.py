"""The blind ceiling: planted leaks are found, a clean set stays at chance, and the figures of public files."""

import json
import os
import random
from pathlib import Path

import pytest

from anatomy_r1.cli.main import main
from anatomy_r1.data.leakage.sides import read_questions
from anatomy_r1.evaluation.blind_ceiling import (
    ANSWERERS,
    DRAWS,
    as_text,
    blind_ceiling,
    logistic,
    option_share,
    percent,
    text_counts,
)
from anatomy_r1.evaluation.blind_controls import correct, majority, out_of_fold
from anatomy_r1.question import Question
from anatomy_r1.scoring.intervals import cluster_interval

TEXTS = [f"finding {n}" for n in range(8)]


def ask(number, stem, answer, others, draw, category="c"):
    options = [answer, *others]
    draw.shuffle(options)
    return Question(
        f"q{number}", "b", stem, tuple(options), answer, f"{number}.png", category, f"patient {number // 2}"
    )


def clean(count, seed):
    """Every text is right as often as any other that is shown; the stem says nothing."""
    draw = random.Random(seed)
    return [ask(n, "What is shown ?", *split(draw.sample(TEXTS, 4)), draw) for n in range(count)]


def split(four):
    return four[0], four[1:]


def with_prior(count, seed):
    """Half of the texts are never right: three of four distractors are such."""
    draw = random.Random(seed)
    right, never = TEXTS[:4], TEXTS[4:]
    return [ask(n, "What is shown ?", draw.choice(right), draw.sample(never, 3), draw) for n in range(count)]


def with_stem(count, seed):
    """Options are balanced, but a colour in the stem names the answer in nine of ten questions."""
    draw, found = random.Random(seed), []
    for n in range(count):
        answer, others = split(draw.sample(TEXTS, 4))
        named = answer if draw.random() < 0.9 else draw.choice(TEXTS)
        found.append(ask(n, f"What is the colour{TEXTS.index(named)} thing ?", answer, others, draw))
    return found


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 5))])
def test_a_clean_set_is_at_chance_for_every_rule(seed):
    found = blind_ceiling(clean(400, seed), clean(400, 100 + seed))
    for name, score in found.scores.items():
        half = (score.accuracy.high - score.accuracy.low) / 2
        assert abs(score.accuracy.mean - 0.25) < 1.6 * half, name  # 20 intervals: 3.1 standard errors


@pytest.mark.parametrize(
    ("plant", "rules"),
    [(with_prior, list(ANSWERERS)), (with_stem, ["naive-bayes", "logistic"])],
    ids=["distractors that are never right", "the stem names the answer"],
)
def test_a_planted_leak_is_found(plant, rules):
    found = blind_ceiling(plant(400, 1), plant(200, 2))
    assert found.best in rules
    assert all(found.scores[name].accuracy.low > 0.6 for name in rules)
    assert found.ceiling == found.scores[found.best].accuracy


def test_what_the_option_texts_give_away_is_counted():
    draw = random.Random(0)
    train = [ask(0, "s", "Liver", ["Gut", "Duct"], draw), ask(1, "s", "Gut", ["Liver", "Plate"], draw)]
    test = [
        Question("a", "b", "s", ("Liver", "Duct", "Plate"), "Liver", "a", "c", "1"),
        Question("b", "b", "s", ("Gut", "Liver", "Duct"), "Liver", "b", "c", "2"),
        Question("c", "b", "s", ("Cystic duct", "New duct"), "New duct", "c", "c", "3"),
    ]
    found = text_counts(train, test)
    assert (found.options, found.never_right) == (4, 2)
    assert (found.given_away, found.test_questions) == (2, 3)
    assert found.letters == {"A": 1 / 3, "B": 2 / 3}
    assert found.longest == pytest.approx((0.5 + 1 + 0) / 3)  # a tie of two, the longest, the shortest
    assert found.longest_by_chance == pytest.approx((1 / 3 + 1 / 3 + 1 / 2) / 3)


def test_option_share_prefers_what_was_right_in_most_of_its_showings():
    draw = random.Random(0)
    train = [ask(n, "s", "Liver" if n < 3 else "Gut", ["Gut" if n < 3 else "Liver"], draw) for n in range(5)]
    train += [ask(9, "s", "Duct", ["Plate"], draw)]
    question = Question("t", "b", "s", ("Liver", "Duct"), "Duct", "t", "c", "t")
    assert option_share(train, [question]) == ("B",)  # 1 of 1
    assert majority(train, [question]) == ("A",)  # 3 against 1


def test_without_test_questions_there_is_nothing_to_answer():
    assert logistic(clean(20, 0), []) == option_share(clean(20, 0), []) == ()


def test_the_curve_ends_with_all_questions_and_the_draws_are_seeded():
    train, test = clean(120, 1), clean(60, 2)
    one, again, other = (blind_ceiling(train, test, seed) for seed in (0, 0, DRAWS))
    curve = one.scores["option-count"].curve
    assert list(curve) == [50, 100, 120]
    assert curve[120] == one.scores["option-count"].accuracy.mean
    assert one == again
    assert one.scores["option-count"].curve != other.scores["option-count"].curve


def test_the_best_rule_is_chosen_in_training():
    """On the test set another rule is better; the choice must not know."""
    train, test = with_stem(300, 1), with_prior(100, 2)
    found = blind_ceiling(train, test)
    assert found.best == max(ANSWERERS, key=lambda name: found.scores[name].in_training)
    assert found.scores[found.best].in_training == pytest.approx(
        sum(correct(train, out_of_fold(ANSWERERS[found.best], train))) / len(train)
    )


def test_shares_are_printed_within_their_range():
    assert percent(cluster_interval([1, 1, 1, 0], ["a", "b", "c", "d"])) == "75.0 [0.0, 100.0]"
    assert percent(cluster_interval([1, 0], ["a", "a"])) == "50.0 [one cluster]"


@pytest.fixture(scope="module")
def med_r1():
    root = os.environ.get("ANATOMY_R1_TEST_DATA")
    folder = Path(root or "") / "omnimed_splits"
    if not root or not folder.is_dir():
        pytest.skip("ANATOMY_R1_TEST_DATA has no omnimed_splits, the two split files of Med-R1's")
    return {split: folder / f"micro_{split}.json" for split in ("train", "test")}


def test_the_microscopy_questions_of_med_r1s_split_are_answered_without_the_image(med_r1):
    train, test = ([q for q in read_questions([med_r1[name]]) if len(q.options) == 4] for name in ("train", "test"))
    everything = [read_questions([med_r1[name]]) for name in ("train", "test")]
    found = text_counts(train, test)
    assert (len(train), len(test)) == (4189, 1023)
    assert (found.options, found.never_right) == (362, 320)
    assert found.given_away / found.test_questions == pytest.approx(0.96, abs=0.005)

    def right(control, known, asked):
        return sum(correct(asked, control(known, asked))) / len(asked)

    assert right(majority, everything[0], test) == pytest.approx(0.974, abs=0.0005)
    known = {question.image for question in everything[0]}
    unseen = [question for question in test if question.image not in known]
    assert right(majority, everything[0], unseen) == pytest.approx(0.969, abs=0.0005)
    assert right(option_share, *everything) == pytest.approx(0.997, abs=0.0005)
    draws = (random.Random(seed).sample(list(everything[0]), 50) for seed in range(DRAWS))
    assert sum(right(majority, draw, test) for draw in draws) / DRAWS == pytest.approx(0.797, abs=0.01)


@pytest.mark.slow
def test_controls_and_leakage_print_the_ceiling_of_two_files(med_r1, capsys):
    """What `data leakage` prints of them is the page's example, which tests/data/test_data_leakage.py holds."""
    sides = ["--train-file", str(med_r1["train"]), "--test-file", str(med_r1["test"])]
    assert main(["data", "controls", *sides]) == 0
    printed = capsys.readouterr().out
    assert "blind ceiling: 99.7 [99.3, 100.0] % by option-share, the best rule in training" in printed
    page = (Path(__file__).resolve().parents[2] / "docs" / "leakage.md").read_text(encoding="utf-8")
    assert printed.strip() in page


def plain(questions, path):
    records = [
        {"question": q.stem, "options": list(q.options), "answer": q.letter, "image": q.image, "cluster": q.cluster}
        for q in questions
    ]
    path.write_text(json.dumps(records), encoding="utf-8")
    return str(path)


def test_a_file_of_another_benchmark_is_enough(tmp_path, capsys):
    train, test = plain(with_prior(200, 1), tmp_path / "a.json"), plain(with_prior(100, 2), tmp_path / "b.json")
    assert main(["data", "controls", "--train-file", train, "--test-file", test, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["scores"]["option-count"]["accuracy"]["mean"] == 1.0
    assert main(["data", "controls", train]) == 0
    assert capsys.readouterr().out.count("a.json") == len(ANSWERERS)


def test_controls_want_files_or_two_sides(tmp_path, capsys):
    file = plain(with_prior(20, 1), tmp_path / "a.json")
    for argv in ([], [file, "--train-file", file]):
        assert main(["data", "controls", *argv]) == 2
        assert "name files, or two sides" in capsys.readouterr().err


def test_the_rest_of_a_passport_stands_when_there_are_too_few_clusters(tmp_path, capsys):
    one = plain(with_prior(2, 1), tmp_path / "a.json")
    assert main(["data", "leakage", "--train-file", one, "--test-file", one]) == 0
    printed = capsys.readouterr().out
    assert "not clean: video, slide or patient" in printed
    assert "blind ceiling: not computed: cross-validation by cluster needs at least two clusters" in printed


def test_the_text_names_categories():
    draw = random.Random(0)
    test = [ask(n, "s", "Liver", ["Gut"], draw, category=f"kind {n % 2}") for n in range(8)]
    text = as_text(blind_ceiling(with_prior(60, 1) + test, test))
    assert ", kind 0: " in text
    assert ", kind 1: " in text
