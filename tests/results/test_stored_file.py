"""A result on disk whose head or table was changed by hand or by a bad disk: file and key are named."""

import json
import math

import pytest

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.results.store import load_result, save_result
from tests.helpers.stores import result

HEADS = {
    "another type": ({"method": 0.5}, "method: should be text, found 0.5"),
    "an empty name": ({"arm": ""}, "arm: should not be empty"),
    "a seed in words": ({"seed": "0"}, "seed: .*found the string '0'"),
    "a negative seed": ({"seed": -1}, "seed: .*greater than or equal to 0"),
    "a misspelt key": ({"modle": "x"}, "unknown key 'modle' .did you mean 'model'"),
    "facts that are no object": ({"provenance": {"training": "word"}}, "provenance: training: .*found 'word'"),
    "reasons that are no list": ({"provenance": {"unfit": "very"}}, "provenance: unfit: .*found 'very'"),
}


@pytest.mark.parametrize("what", HEADS)
def test_a_head_that_does_not_fit_is_refused_by_key(what, tmp_path):
    changes, complaint = HEADS[what]
    path = save_result(tmp_path, result())
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    with pytest.raises(AnatomyR1Error, match=rf"seed0\.json: not a complete result: {complaint}.*Fix: "):
        load_result(path)


def test_a_key_twice_is_refused(tmp_path):
    path = save_result(tmp_path, result())
    path.write_text(path.read_text().replace('"seed": 0', '"seed": 0, "seed": 1'))
    with pytest.raises(AnatomyR1Error, match="duplicate key 'seed'"):
        load_result(path)


TABLES = {
    "words for numbers": ({"correct_2": "word"}, "correct_2: should be numbers, found 'word'"),
    "beyond one": ({"greedy": 2.0}, "greedy: should be between 0 and 1 everywhere"),
    "below zero": ({"major": -1}, "major: should be between 0 and 1 everywhere"),
    "more than five": ({"parsed": 6}, "parsed: should be between 0 and 5 everywhere"),
    "not a number": ({"parsed": math.nan}, "parsed: should be between 0 and 5 everywhere"),
    "numbers for words": ({"cluster": 3}, "cluster: should be words"),
    "an empty id": ({"id": ""}, "id: should be words"),
}


@pytest.mark.parametrize("what", TABLES)
def test_a_table_that_would_give_a_false_score_is_refused_by_column(what, tmp_path):
    changes, complaint = TABLES[what]
    path = save_result(tmp_path, result())
    result().questions.assign(**changes).to_parquet(path.with_suffix(".parquet"), index=False)
    with pytest.raises(AnatomyR1Error, match=rf"seed0\.json: .*its table: {complaint}.*Fix: "):
        load_result(path)


def test_a_table_without_questions_is_refused_and_unknown_truncation_is_not(tmp_path):
    path = save_result(tmp_path, result())
    result().questions.assign(truncated=None).to_parquet(path.with_suffix(".parquet"), index=False)
    assert load_result(path).questions["truncated"].isna().all()
    result().questions[:0].to_parquet(path.with_suffix(".parquet"), index=False)
    with pytest.raises(AnatomyR1Error, match="no questions in it"):
        load_result(path)


def test_right_responses_that_were_not_read_are_refused(tmp_path):
    path = save_result(tmp_path, result())
    result().questions.assign(parsed=0).to_parquet(path.with_suffix(".parquet"), index=False)
    with pytest.raises(
        AnatomyR1Error, match=r"contradicts itself: question q\d+ has \d of 5 responses right, but only 0"
    ):
        load_result(path)
