"""The result store: results are read as they were written, completely or not at all."""

from dataclasses import replace

import pandas as pd
import pytest

from anatomy_r1.results.store import Result, load_result, load_results, save_result
from anatomy_r1.scoring.question_table import COLUMNS, EXTRACTION, ROTATIONS


def result(method="grpo", seed=0, ids=("a", "b")):
    table = pd.DataFrame({column: [1] * len(ids) for column in COLUMNS}).assign(
        id=list(ids), cluster="v", category="c", parsed=5
    )
    return Result("mini", "sgg_anatomy_mini", "mini-l", method, "matched", seed, "think", table, {"commit": "c0ffee"})


def test_round_trip_and_order(tmp_path):
    for seed in (1, 0):
        save_result(tmp_path, result(seed=seed))
    first, second = load_results(tmp_path)
    assert (first.seed, second.seed) == (0, 1)
    assert first.questions.equals(result().questions[list(COLUMNS)])
    assert first.provenance == {"commit": "c0ffee"}
    assert [r.seed for r in load_results(tmp_path, keep=[second.key])] == [1]


def test_extraction_columns_are_complete_or_absent(tmp_path):
    old = result()
    table = old.questions.assign(**dict.fromkeys(EXTRACTION, 1), unknown=0)
    new = replace(old, questions=table)
    assert (old.has_extraction, new.has_extraction) == (False, True)
    assert tuple(load_result(save_result(tmp_path / "old", old)).questions.columns) == COLUMNS
    assert tuple(load_result(save_result(tmp_path / "new", new)).questions.columns) == (*COLUMNS, *EXTRACTION)
    with pytest.raises(ValueError, match=r"lacks \['refused'\]"):
        replace(old, questions=table.drop(columns="refused"))


def test_rotation_columns_are_complete_or_absent(tmp_path):
    table = result().questions.assign(**dict.fromkeys(ROTATIONS, 1), correct_0=0.25)
    turned = replace(result(), questions=table)
    kept = load_result(save_result(tmp_path, turned)).questions
    assert tuple(kept.columns) == (*COLUMNS, *ROTATIONS)
    assert kept["correct_0"].tolist() == [0.25, 0.25]
    with pytest.raises(ValueError, match=r"lacks \['right_C'\]"):
        replace(turned, questions=table.drop(columns="right_C"))


def test_same_result_same_bytes(tmp_path):
    one, two = save_result(tmp_path / "1", result()), save_result(tmp_path / "2", result())
    assert one.read_bytes() == two.read_bytes()
    assert one.with_suffix(".parquet").read_bytes() == two.with_suffix(".parquet").read_bytes()


def test_a_missing_column_and_a_repeated_question_are_refused():
    with pytest.raises(ValueError, match="twice"):
        result(ids=("a", "a"))
    with pytest.raises(ValueError, match="lacks"):
        Result("m", "b", "m", "x", "matched", 0, "think", pd.DataFrame({"id": ["a"]}))


DAMAGE = {
    "no table": lambda path: path.with_suffix(".parquet").unlink(),
    "a table cut short": lambda path: path.with_suffix(".parquet").write_bytes(b"PAR1"),
    "a table without a column": lambda path: pd.DataFrame({"id": ["a"]}).to_parquet(path.with_suffix(".parquet")),
    "no JSON": lambda path: path.write_text("{"),
    "bytes that are no text": lambda path: path.write_bytes(b"\xff"),
    "a list": lambda path: path.write_text("[]"),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_a_damaged_result_is_named_with_the_fix(tmp_path, what):
    path = save_result(tmp_path, result())
    DAMAGE[what](path)
    with pytest.raises(ValueError, match=f"{path}: not a complete result.*restore it from where it came"):
        load_result(path)
