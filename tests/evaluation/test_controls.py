"""Controls without pictures: what they answer, by hand, and that no cluster teaches itself."""

import math

import pytest

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.evaluation.blind_controls import (
    CONTROLS,
    correct,
    exclude_test_clusters,
    majority,
    naive_bayes,
    out_of_fold,
    question_rows,
)
from anatomy_r1.question import Question
from anatomy_r1.scoring.question_table import COLUMNS


def ask(stem, answer, cluster="V1", options=("Gut", "Liver", "Omentum")):
    name = f"{cluster}/{stem}/{answer}"
    return Question(name, "b", stem, options, answer, "1.png", category=answer, cluster=cluster)


KNOWN = [ask("red organ", "Gut"), ask("brown organ", "Liver", "V2"), ask("brown thing", "Liver", "V3")]


@pytest.mark.parametrize(
    ("options", "letter"),
    [
        (("Gut", "Liver", "Omentum"), "B"),
        (("Omentum", "Gut", "Plate"), "B"),
        (("Omentum", "Plate", "Duct"), "A"),
        (("Omentum", "Plate", "Liver"), "C"),
    ],
    ids=["most often right", "of those shown", "none was ever right: the first", "wherever it stands"],
)
def test_majority(options, letter):
    assert majority(KNOWN, [ask("anything", options[0], options=options)]) == (letter,)


def test_naive_bayes_is_the_textbooks():
    """Laplace-smoothed by hand: four words in all; two occurrences under Gut, four under Liver."""
    words = ("brown", "organ")
    gut = math.log(1 / 3) + math.log((0 + 1) / (2 + 4)) + math.log((1 + 1) / (2 + 4))
    liver = math.log(2 / 3) + math.log((2 + 1) / (4 + 4)) + math.log((1 + 1) / (4 + 4))
    assert liver > gut
    assert naive_bayes(KNOWN, [ask(" ".join(words), "Gut")]) == ("B",)
    gut = math.log(1 / 3) + 2 * math.log((1 + 1) / (2 + 4))
    liver = math.log(2 / 3) + math.log((0 + 1) / (4 + 4)) + math.log((1 + 1) / (4 + 4))
    assert gut > liver
    assert naive_bayes(KNOWN, [ask("red organ", "Gut")]) == ("A",)


def test_naive_bayes_without_a_known_option_takes_the_first_and_without_questions_stops():
    assert naive_bayes(KNOWN, [ask("red organ", "Duct", options=("Duct", "Plate"))]) == ("A",)
    assert naive_bayes(KNOWN, []) == ()
    with pytest.raises(AnatomyR1Error, match="no training questions"):
        naive_bayes([], KNOWN)


@pytest.mark.parametrize("name", CONTROLS)
def test_folds_learn_nothing_from_their_own_clusters(name):
    """Each cluster has a word and an answer of its own: within clusters all would be right, across them none."""
    organs = ("Gut", "Liver", "Omentum", "Plate")
    asked = [ask(f"word{i} here", organ, f"V{i}", organs) for i, organ in enumerate(organs) for _ in range(3)]
    assert correct(asked, CONTROLS[name](asked, asked)).count(True) == (12 if name == "naive-bayes" else 3)
    assert not any(correct(asked, out_of_fold(CONTROLS[name], asked, folds=4)))


def test_folds_hand_each_question_out_once_in_its_place():
    handed = []

    def control(train, asked):
        handed.append((train, asked))
        assert not {q.cluster for q in train} & {q.cluster for q in asked}
        return tuple("A" if q.cluster in ("V0", "V3") else "B" for q in asked)

    asked = [ask(f"q{i}", "Gut", f"V{i % 5}") for i in range(23)]
    letters = out_of_fold(control, asked, folds=3)
    assert letters == tuple("A" if q.cluster in ("V0", "V3") else "B" for q in asked)
    assert sorted(q.id for _, some in handed for q in some) == sorted(q.id for q in asked)
    assert [len(train) + len(some) for train, some in handed] == [23] * 3


def test_one_cluster_has_no_folds():
    with pytest.raises(AnatomyR1Error, match="two clusters"):
        out_of_fold(majority, [ask("a", "Gut"), ask("b", "Gut")])


def test_what_is_learnt_from_is_exclude_test_clusters():
    assert exclude_test_clusters(KNOWN, [ask("x", "Gut", "V2")]) == [KNOWN[0], KNOWN[2]]


def test_the_five_responses_are_one():
    found = question_rows(KNOWN, ["A", "A", "B"])
    assert set(found.columns) == set(COLUMNS)
    assert found[[f"correct_{i}" for i in range(5)]].to_numpy().tolist() == [[True] * 5, [False] * 5, [True] * 5]
    assert found["major"].tolist() == found["greedy"].tolist() == [True, False, True]
    assert found["parsed"].tolist() == [5] * 3 and found["truncated"].tolist() == [0] * 3
