"""Eq. 3 and 4, the placebo, the file seam, and the mini world's descriptors."""

import json
import math

import pytest

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.mini.classes import ANATOMIES, DIAGNOSES, MODALITIES, STAINS, TISSUES
from anatomy_r1.training.similarity import (
    Similarity,
    difficulty,
    from_vectors,
    mini_similarity,
    read_similarity,
    served_difficulty,
    shuffled,
)

BY_HAND = from_vectors({"a": (3.0, 0.0), "b": (3.0, 4.0), "c": (0.0, 2.0), "d": (-1.0, 0.0)}, "by hand")


def test_cosines_and_the_largest_of_them():
    assert BY_HAND.between("a", "b") == pytest.approx(3 / 5)
    assert BY_HAND.between("b", "c") == pytest.approx(4 / 5)
    assert BY_HAND.between("a", "d") == pytest.approx(-1)
    assert difficulty(BY_HAND, "a", ["b", "c", "d"]) == pytest.approx(3 / 5)
    assert difficulty(BY_HAND, "a", ["c", "d"]) == pytest.approx(0)
    assert served_difficulty(BY_HAND, "b", ["c", "b", "d"]) == pytest.approx(4 / 5)


def test_an_unknown_option_or_no_encoder_has_no_score():
    assert served_difficulty(BY_HAND, "a", ["a", "zebra"]) is None
    assert served_difficulty(None, "a", ["a", "b"]) is None


@pytest.mark.parametrize(
    ("matrix", "complaint"),
    [
        (((1.0, 0.5),), "shape"),
        (((1.0, 0.5), (0.4, 1.0)), "not symmetric"),
        (((1.0, 1.5), (1.5, 1.0)), "beyond"),
        (((0.9, 0.5), (0.5, 1.0)), "with itself"),
    ],
)
def test_a_matrix_that_is_not_one_of_cosines_is_refused(matrix, complaint):
    with pytest.raises(ValueError, match=complaint):
        Similarity(("a", "b"), matrix, "x")


def test_a_zero_vector_is_refused():
    with pytest.raises(ValueError, match="'b' has a zero vector"):
        from_vectors({"a": (1.0,), "b": (0.0,)}, "x")


def test_placebo_keeps_the_numbers_and_moves_every_name_within_its_group():
    true = mini_similarity()
    placebo = shuffled(true, [ANATOMIES, STAINS], seed=3)
    assert placebo.matrix == true.matrix
    assert set(placebo.names) == set(true.names)
    for group in (ANATOMIES, STAINS):
        for name in group:
            assert placebo.names.index(name) != true.names.index(name)
            assert true.names[placebo.names.index(name)] in group
    assert all(placebo.names.index(n) == true.names.index(n) for n in TISSUES)
    assert placebo == shuffled(true, [ANATOMIES, STAINS], seed=3)
    assert placebo.encoder != true.encoder


def test_similarities_from_a_file_and_what_is_wrong_with_one(tmp_path):
    path = tmp_path / "medclip.json"
    path.write_text(json.dumps({"encoder": "e", "names": ["a", "b"], "matrix": [[1, 0.25], [0.25, 1]]}))
    assert read_similarity(path).between("a", "b") == 0.25
    path.write_text(json.dumps({"encoder": "e", "names": ["a", "b"], "matrix": [[1, 2], [2, 1]]}))
    with pytest.raises(AnatomyR1Error, match=r"medclip\.json: no similarities .*Fix: write JSON"):
        read_similarity(path)
    with pytest.raises(AnatomyR1Error, match="Fix"):
        read_similarity(tmp_path / "missing.json")


def test_mini_descriptors_find_the_pair_that_the_world_makes_alike():
    likeness = mini_similarity()
    pairs = {(a, b): likeness.between(a, b) for a in ANATOMIES for b in ANATOMIES if a < b}
    assert pairs["Cystic Plate", "Gallbladder"] > 0.6  # anatomy_r1/mini/atlas.py pulls these two together
    assert min(pairs.values()) < 0
    assert max(pairs.values()) < 1


def test_mini_descriptors_of_microscopy():
    likeness = mini_similarity()
    assert likeness.between(TISSUES[3], TISSUES[4]) == pytest.approx(likeness.between(DIAGNOSES[3], DIAGNOSES[4]))
    assert likeness.between(TISSUES[0], DIAGNOSES[0]) == 0
    assert not likeness.knows(MODALITIES)
    assert all(math.isfinite(v) for row in likeness.matrix for v in row)
