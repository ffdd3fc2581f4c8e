"""Curves from a training log: every column by hand, what is kept of texts, and files that come back as they went."""

import math

import pandas as pd
import pytest

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.training.curves import COLUMNS, CUT, LONGEST, curves_from_log, load_curves, sample_groups, save_curves
from anatomy_r1.training.training_log import Step, TrainingLog, read
from tests.helpers.small_log import RECORD, rollout, write_log


@pytest.fixture
def log(tmp_path):
    return write_log(tmp_path / "training_log.sqlite")


def test_every_column_by_hand(log):
    curves = curves_from_log(log, RECORD, "mini")
    assert (curves.key, curves.own_steps, curves.commit) == ("sgg_anatomy_mini/mini-l/grpo/seed3", 2, "abc+")
    rows = curves.groups.astype(object).where(curves.groups.notna(), None).values.tolist()
    # step, group: draw, anatomy, level, members, reward, accuracy, invalid, S, choices, bits, texts, tokens
    expected = {
        (1, 0): [0, "Gut", None, 2, 1.5, 0.5, False, 0.5, 2, 1.0, 2, 24],
        (1, 1): [0, "Liver", 2, 2, 1.0, 0.0, True, None, 1, 0.0, 1, 20],
        (1, 2): [1, "Gut", None, 1, 2.0, 1.0, False, 0.5, 1, 0.0, 1, 10],
        (2, 0): [0, "Gut", None, 2, 2.0, 1.0, False, 0.5, 1, 0.0, None, 20],
        (3, 0): [0, "Gut", None, 2, 1.0, 0.0, True, 0.5, 1, 0.0, None, 20],
    }
    assert {tuple(row[:2]): row[2:] for row in rows} == expected
    assert list(curves.groups.columns) == list(COLUMNS)
    assert curves.seconds.values.tolist() == [[1, 0.25], [2, 0.5], [3, 1.0]]


def test_the_sample_is_the_first_group_all_wrong_of_the_own_questions(log):
    (sample,) = curves_from_log(log, RECORD, "mini").samples
    assert (sample.step, sample.group, sample.anatomy, sample.prompt) == (1, 1, "Liver", "prompt of 1")
    assert (sample.completions, sample.choices, sample.right) == (("same", "same"), ("B", "B"), (False, False))


def test_without_a_group_all_wrong_it_is_the_first_and_steps_are_first_middle_last(tmp_path):
    log = TrainingLog(tmp_path / "log.sqlite")
    for step in (1, 10, 20, 30, 40):
        log.add_rollouts([rollout(step, group, 0, right=1, text="x" * (LONGEST + 1)) for group in (0, 1)])
        log.add_step(Step(step=step))
    samples = sample_groups(read(tmp_path / "log.sqlite", "rollouts"))
    assert [(one.step, one.group) for one in samples] == [(1, 0), (20, 0), (40, 0)]
    assert samples[0].completions == ("x" * LONGEST + CUT,)


def test_files_round_trip_and_have_the_same_bytes_twice(log, tmp_path):
    curves = curves_from_log(log, RECORD, "mini")
    for name in ("a", "b"):
        save_curves(tmp_path / name, curves)
    (back,) = load_curves(tmp_path / "a")
    pd.testing.assert_frame_equal(back.groups, curves.groups)
    pd.testing.assert_frame_equal(back.seconds, curves.seconds)
    assert (back.samples, back.key, back.own_steps) == (curves.samples, curves.key, 2)
    files = [sorted(path.relative_to(tmp_path / name) for path in (tmp_path / name).rglob("*.*")) for name in "ab"]
    assert files[0] == files[1]
    assert len(files[0]) == 3
    assert all((tmp_path / "a" / one).read_bytes() == (tmp_path / "b" / one).read_bytes() for one in files[0])


def test_an_unparsed_choice_that_pandas_made_a_nan_is_one_class(log):
    frame = read(log, "rollouts")
    frame["choice"] = [math.nan] * len(frame)
    from anatomy_r1.training.curves import group_table

    assert set(group_table(frame)["distinct_choices"]) == {1}


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (lambda path: path.with_suffix(".parquet").unlink(), "incomplete curves"),
        (lambda path: path.write_text(path.read_text().replace('"schema": 1', '"schema": 9')), "another schema"),
        (lambda path: path.write_text("{"), "incomplete curves"),
        (lambda path: pd.DataFrame({"step": [1]}).to_parquet(path.with_suffix(".parquet")), "columns"),
    ],
    ids=["no table", "another schema", "half a file", "another table"],
)
def test_incomplete_curves_are_refused_by_name(log, tmp_path, break_it, message):
    path = save_curves(tmp_path / "curves", curves_from_log(log, RECORD, "mini"))
    break_it(path)
    with pytest.raises(AnatomyR1Error, match=message) as refused:
        load_curves(tmp_path / "curves")
    assert "seed3.json" in str(refused.value)


def test_supervised_training_and_a_record_without_a_cell_have_no_curves(log, tmp_path):
    empty = TrainingLog(tmp_path / "sft.sqlite")
    empty.add_step(Step(step=1))
    empty.close(1)
    with pytest.raises(AnatomyR1Error, match="no sampled groups"):
        curves_from_log(tmp_path / "sft.sqlite", RECORD, "mini")
    with pytest.raises(AnatomyR1Error, match="names no cell"):
        curves_from_log(log, {"plan": {}}, "mini")
