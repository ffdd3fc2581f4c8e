"""Eq. 3 and 4, the placebo, the file seam, and the mini world's descriptors."""

import json
import math

import pytest

from anatomy_r1.cli.main import main
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


NAMES, GOOD = ["a", "b", "c"], [[1, 0.2, 0.3], [0.2, 1, 0.4], [0.3, 0.4, 1]]
UNFIT_FILES = {
    "not symmetric": (NAMES, [[1, 0.2, 0.3], [0.25, 1, 0.4], [0.3, 0.4, 1]], "not symmetric"),
    "beyond one": (NAMES, [[1, 1.2, 0.3], [1.2, 1, 0.4], [0.3, 0.4, 1]], "beyond"),
    "another diagonal": (NAMES, [[0.5, 0.2, 0.3], [0.2, 1, 0.4], [0.3, 0.4, 1]], "with itself must be 1"),
    "not a number": (NAMES, [[1, math.nan, 0.3], [math.nan, 1, 0.4], [0.3, 0.4, 1]], "NaN is no number"),
    "infinite": (NAMES, [[1, math.inf, 0.3], [math.inf, 1, 0.4], [0.3, 0.4, 1]], "Infinity is no number"),
    "numbers as text": (NAMES, [[1, "0.2", 0.3], ["0.2", 1, 0.4], [0.3, 0.4, 1]], "found the string '0.2'"),
    "a truth value": (NAMES, [[True, 0.2, 0.3], [0.2, 1, 0.4], [0.3, 0.4, 1]], "found True"),
    "names as one text": ("abc", GOOD, "found 'abc'"),
    "a name twice": (["a", "b", "b"], GOOD, "3 names, but a matrix"),
    "a name too few": (["a", "b"], GOOD, "2 names, but a matrix"),
    "a row too few": (NAMES, GOOD[:2], "3 names, but a matrix"),
    "rows of different lengths": (NAMES, [[1, 0.2, 0.3], [0.2, 1], [0.3, 0.4, 1]], "inhomogeneous"),
    "two options alike": (NAMES, [[1, 1, 0.3], [1, 1, 0.3], [0.3, 0.3, 1]], "'a' and 'b' have similarity 1.000"),
    "all pairs alike": (NAMES, [[1, 0.9, 0.9], [0.9, 1, 0.9], [0.9, 0.9, 1]], "all 3 pairs have similarity 0.900"),
    "nothing": ([], [], "0 names, but a matrix"),
}


@pytest.mark.parametrize("what", UNFIT_FILES)
def test_case_05_a_file_of_similarities_that_tells_nothing(what, tmp_path, capsys):
    names, matrix, complaint = UNFIT_FILES[what]
    path = tmp_path / "medclip.json"
    path.write_text(json.dumps({"encoder": "e", "names": names, "matrix": matrix}))
    with pytest.raises(AnatomyR1Error, match=rf"medclip\.json: .*{complaint}.*Fix: "):
        read_similarity(path)
    assert main(["similarity", "show", str(path)]) == 2
    assert capsys.readouterr().err.startswith(f"error: {path}: ")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[]", "found \\[\\]"),
        ('{"encoder": "e", "names": ["a"], "matrix": [[1]], "matrix": [[1]]}', "duplicate key 'matrix'"),
        ('{"encoder": "e", "names": ["a"], "matrix": [[1]], "nmaes": []}', "unknown key 'nmaes' .did you mean 'names'"),
        ('{"encoder": "e", "names": ["a"]}', "missing key 'matrix'"),
        ('{"encoder": 3, "names": ["a"], "matrix": [[1]]}', "encoder: .*found 3"),
        ('{"encoder": "e", "names": ["a"], "matr', "Unterminated string"),
        ("[" * 100_000, "RecursionError"),
    ],
)
def test_case_05_a_file_that_is_no_similarities(text, complaint, tmp_path):
    path = tmp_path / "medclip.json"
    path.write_text(text)
    with pytest.raises(AnatomyR1Error, match=complaint):
        read_similarity(path)


def test_case_05_options_that_differ_in_form_only_may_be_alike(tmp_path):
    """OmniMedVQA has both `Fusiform cells` and `Fusiform cells.`, in different questions."""
    path, matrix = tmp_path / "medclip.json", [[1, 1, 0.3], [1, 1, 0.3], [0.3, 0.3, 1]]
    path.write_text(json.dumps({"encoder": "e", "names": ["Gut cells", "gut  cells.", "Liver"], "matrix": matrix}))
    assert read_similarity(path).between("Gut cells", "gut  cells.") == 1


@pytest.mark.parametrize(
    ("vectors", "complaint"),
    [
        ({"a": (1.0, 0.0), "b": (math.nan, 1.0)}, "'b' has a vector that is not finite"),
        ({"a": (1.0, 0.0), "b": (math.inf, 1.0)}, "'b' has a vector that is not finite"),
        ({"a": (1.0, 0.0), "b": (0.0, 0.0)}, "'b' has a zero vector"),
        ({"a": (1.0, 0.0), "b": (1.0,)}, "different lengths"),
    ],
)
def test_case_05_vectors_without_a_direction(vectors, complaint):
    with pytest.raises(AnatomyR1Error, match=f"x: .*{complaint}.*Fix: "):
        from_vectors(vectors, "x")
