"""A score minus the best blind rule: by hand, for planted policies, and where it cannot be computed."""

import json
import random
from dataclasses import asdict, replace

import numpy as np
import pytest
from scipy.stats import t

from anatomy_r1.cli.main import main
from anatomy_r1.data.prepared import write
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.evaluation.blind_ceiling import ANSWERERS, blind_ceiling
from anatomy_r1.evaluation.blind_controls import correct
from anatomy_r1.evaluation.blind_difference import (
    BlindDifference,
    answer_blind,
    beside_blind,
    blind_answers,
    blind_line,
    difference_from_blind,
    recorded,
)
from anatomy_r1.question import Question
from tests.helpers.blind import RULE
from tests.helpers.stores import shares

TEXTS = [f"finding {n}" for n in range(8)]


def leaky(count, seed, prefix, hint=0.8):
    """A word of the stem names the answer in `hint` of the questions; two questions a patient."""
    draw, found = random.Random(seed), []
    for n in range(count):
        options = draw.sample(TEXTS, 4)
        answer = draw.choice(options)
        named = answer if draw.random() < hint else draw.choice(TEXTS)
        stem = f"What is the colour{TEXTS.index(named)} thing ?"
        found.append(Question(f"{prefix}{n}", "b", stem, tuple(options), answer, f"{n}.png", "c", f"{prefix} {n // 2}"))
    return found


TRAIN, TEST = leaky(200, 1, "train"), leaky(80, 2, "test")


def test_the_interval_is_that_of_a_paired_difference_by_hand():
    found = difference_from_blind([1.0, 0.8, 1.0, 0.6], [1, 0, 1, 0], ["a", "a", "b", "b"], "naive-bayes")
    # differences 0, 0.8, 0, 0.6: mean 0.35; residuals sum to 0.1 in one cluster and -0.1 in the other
    error = np.sqrt(2 / 1 * (0.1**2 + 0.1**2)) / 4
    assert found.difference.mean == pytest.approx(0.35)
    assert found.difference.low == pytest.approx(0.35 - t.ppf(0.975, 1) * error)
    assert found.difference.high == pytest.approx(0.35 + t.ppf(0.975, 1) * error)
    assert found.accuracy.mean == 0.5
    assert (found.verdict, found.not_above) == ("not above", True)


@pytest.mark.parametrize(
    ("policy", "verdict"),
    [
        (lambda right: right, "not above"),
        (lambda right: np.ones(len(right)), "above"),
        (lambda right: right * 0.8, "not above"),
        (lambda right: np.minimum(right + np.arange(len(right)) % 2, 1), "above"),
    ],
    ids=["copies the rule", "right everywhere", "below the rule", "knows half of what the rule does not"],
)
def test_planted_policies(policy, verdict):
    blind = answer_blind(TRAIN, TEST)
    right = np.array([blind.right[question.id] for question in TEST], dtype=float)
    assert 0.5 < right.mean() < 1
    found = difference_from_blind(policy(right), right, [question.cluster for question in TEST], blind.rule.rule)
    assert (found.verdict, found.not_above) == (verdict, verdict == "not above")


def test_the_rule_minus_itself_is_zero_throughout():
    found = difference_from_blind([1, 0, 1], [1, 0, 1], ["a", "b", "c"], "logistic").difference
    assert (found.mean, found.low, found.high) == (0, 0, 0)


def test_one_cluster_has_no_interval_and_no_mark():
    found = difference_from_blind([1, 1], [0, 1], ["a", "a"], "logistic")
    assert (found.difference.mean, found.verdict, found.not_above) == (0.5, "no interval", False)
    assert blind_line(found).endswith("(logistic, 50.0 [one cluster] %): +50.0 points, no interval: one cluster")


def test_the_rule_is_the_ceilings_where_no_cluster_is_shared():
    found, ceiling = answer_blind(TRAIN, TEST), blind_ceiling(TRAIN, TEST)
    assert found.rule.rule == ceiling.best
    assert found.rule.accuracy == pytest.approx(ceiling.ceiling.mean)
    assert found.rule.in_training == ceiling.scores[ceiling.best].in_training
    assert found.rule.train_questions == len(TRAIN)


def test_questions_of_test_clusters_teach_nothing():
    copies = [replace(one, id=f"copy {one.id}") for one in TEST]  # would give every answer away
    assert answer_blind([*TRAIN, *copies], TEST) == answer_blind(TRAIN, TEST)
    with pytest.raises(AnatomyR1Error, match="no training questions of other clusters than those asked about"):
        answer_blind(copies, TEST)


def test_the_choice_does_not_know_the_test_questions():
    """The stems of the test questions mislead; the rule that reads them is still the best one in training."""
    misled = leaky(80, 3, "test", hint=0.0)
    found = answer_blind(TRAIN, misled)
    better = max(sum(correct(misled, control(TRAIN, misled))) for control in ANSWERERS.values()) / len(misled)
    assert found.rule.rule == answer_blind(TRAIN, TEST).rule.rule
    assert found.rule.accuracy < better


@pytest.mark.parametrize(
    ("train", "message"),
    [
        ([], "no training questions"),
        ([replace(one, cluster="one") for one in TRAIN], "at least two clusters"),
        ([replace(one, stem="? !") for one in TRAIN], "cannot learn from these texts"),
    ],
    ids=["no questions", "one cluster", "stems without a word"],
)
def test_what_cannot_be_learnt_is_said(train, message):
    with pytest.raises(AnatomyR1Error, match=message):
        answer_blind(train, TEST)


def table(*rights, blind):
    return shares(*rights).assign(blind=blind)


def test_seeds_are_averaged_first():
    record = {**RULE, "accuracy": 0.5}
    found = beside_blind([table(5, 3, blind=[1, 0]), table(5, 1, blind=[1, 0])], [record, record])
    assert isinstance(found, BlindDifference)
    assert found.difference.mean == pytest.approx((0 + 0.4) / 2)
    assert (found.difference.n, found.rule) == (2, "logistic")


@pytest.mark.parametrize(
    ("records", "word"),
    [
        ([{**RULE, "accuracy": 0.5}, None], "not recorded"),
        ([{**RULE, "accuracy": 0.5}, {"not_computed": "no training questions"}], "not computed: no training questions"),
        ([{**RULE, "accuracy": 0.5}, {**RULE, "rule": "naive-bayes", "accuracy": 0.5}], "different blind rules"),
        (["x", "x"], "not recorded"),
        ([{"rule": "logistic"}] * 2, "not recorded"),
    ],
    ids=["a seed without", "not computed", "two rules", "a word", "a record without its numbers"],
)
def test_why_there_is_no_difference_is_said(records, word):
    assert word in beside_blind([table(5, 0, blind=[1, 0])] * 2, records)


def test_seeds_that_record_other_answers_are_not_averaged():
    record = {**RULE, "accuracy": 0.5}
    found = beside_blind([table(5, 0, blind=[1, 0]), table(5, 0, blind=[0, 1])], [record, record])
    assert found == "its seeds record different blind rules"


def prepared(folder, **splits):
    write(folder, splits, folder.parent, {"benchmark": "b", "generated": False, "seed": 0})
    return folder


def test_a_prepared_set_is_answered_from_its_training_split(tmp_path):
    root = prepared(tmp_path / "set", train=TRAIN, test=TEST)
    assert blind_answers(root) == answer_blind(TRAIN, TEST)
    asked = shares(*[5] * 80).assign(id=[one.id for one in TEST])
    given, record = recorded(asked.iloc[::-1], root)
    assert record == asdict(blind_answers(root).rule)
    assert given["blind"].tolist() == [blind_answers(root).right[one.id] for one in reversed(TEST)]


def test_a_set_without_training_questions_says_so(tmp_path):
    given, record = recorded(shares(5, 0), prepared(tmp_path / "set", test=TEST))
    assert record == {"not_computed": "the prepared set has no training questions"}
    assert "blind" not in given.columns
    assert beside_blind([given], [record]) == "not computed: the prepared set has no training questions"


def test_score_says_what_is_missing(data, model_folder, tmp_path, capsys):
    """The session's prepared set has test questions only; nothing else of the command's output changes."""
    from anatomy_r1.evaluation.evaluate import evaluate

    log = tmp_path / "log"
    evaluate("sgg_anatomy_mini", data, model_folder, log, max_new_tokens=2, progress=False, limit=4)
    assert main(["score", str(log), "--data", str(data)]) == 0
    said = "not computed: the prepared set has no training questions"
    assert f"avg@5 minus the best blind rule: {said}" in capsys.readouterr().out
    assert main(["score", str(log), "--data", str(data), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["blind"] == {"missing": said}


def test_a_rotated_run_counts_each_question_once(model_folder, tmp_path, capsys):
    """Each question is asked in four orders; the rule answers it once, and pairs with the mean over the orders."""
    from anatomy_r1.evaluation.evaluate import evaluate
    from anatomy_r1.scoring.question_table import question_table
    from anatomy_r1.scoring.score import score
    from tests.helpers import small_set

    learnt = [replace(one, id=f"T/{one.id}", cluster=f"T{one.cluster}") for one in small_set.questions(24)]
    root = small_set.write_set(tmp_path)
    manifest = {"benchmark": root.name, "generated": True, "seed": 0}
    write(root, {"train": learnt, "test": small_set.questions(24)}, tmp_path / "images", manifest)
    log = tmp_path / "log"
    evaluate(root.name, tmp_path, model_folder, log, max_new_tokens=2, progress=False, options="rotated")
    assert main(["score", str(log), "--data", str(tmp_path), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["blind"]
    asked = question_table(score(log, tmp_path))
    right = [blind_answers(root).right[name] for name in asked["id"]]
    averages = asked[[f"correct_{n}" for n in range(5)]].mean(axis=1)
    assert (len(asked), found["rule"]) == (24, blind_answers(root).rule.rule)
    assert found["accuracy"][0] == pytest.approx(np.mean(right))
    assert found["difference"][0] == pytest.approx((averages - right).mean())
    assert main(["score", str(log), "--data", str(tmp_path)]) == 0
    assert f"avg@5 minus the best blind rule ({found['rule']}, " in capsys.readouterr().out
