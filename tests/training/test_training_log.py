"""The training log: whole steps, and a resumed run equals one that was never stopped."""

import sqlite3

import pytest

from anatomy_r1.training.training_log import Rollout, Step, TrainingLog, keep_text, read


def rollout(step, member, tokens=3):
    return Rollout(
        step, 0, member, "q1", "Gut", "p", "i", None, None, "A", '{"accuracy_reward": 1.0}', 0.5, tokens, "stop"
    )


def write(log, steps):
    for step in steps:
        log.add_rollouts(rollout(step, member) for member in range(2))
        log.add_step(Step(step=step, loss=1.0 / step, rollout_tokens=log.rollout_tokens()))


def test_resume_drops_what_came_after_the_checkpoint(tmp_path):
    whole = TrainingLog(tmp_path / "whole.sqlite")
    write(whole, range(1, 6))
    whole.close(5)
    cut = TrainingLog(tmp_path / "cut.sqlite")
    write(cut, range(1, 5))
    cut._db.close()  # as a kill would
    again = TrainingLog(tmp_path / "cut.sqlite", resume_step=2)
    write(again, range(3, 6))
    again.close(5)
    for table in ("steps", "rollouts"):
        assert read(tmp_path / "cut.sqlite", table).equals(read(tmp_path / "whole.sqlite", table))
    events = read(tmp_path / "cut.sqlite", "events")
    assert sorted(zip(events["kind"], events["step"], strict=True)) == [("end", 5), ("resume", 2), ("start", 0)]


def test_rollouts_without_their_step_are_not_kept(tmp_path):
    log = TrainingLog(tmp_path / "log.sqlite")
    log.add_rollouts([rollout(1, 0)])
    assert len(read(tmp_path / "log.sqlite", "rollouts")) == 0
    log.add_step(Step(step=1))
    assert read(tmp_path / "log.sqlite", "rollouts")["reward_accuracy_reward"].tolist() == [1.0]


def test_another_schema_is_refused(tmp_path):
    log = TrainingLog(tmp_path / "log.sqlite")
    log.close(0)
    with sqlite3.connect(tmp_path / "log.sqlite") as db:
        db.execute("PRAGMA user_version=99")
    with pytest.raises(ValueError, match="schema 99"):
        read(tmp_path / "log.sqlite", "steps")


def test_a_folder_may_have_any_name(tmp_path):
    path = tmp_path / "100%25 of #1?" / "log.sqlite"
    TrainingLog(path).close(0)
    assert read(path, "events")["kind"].tolist() == ["start", "end"]


def test_text_is_kept_for_a_sample_of_steps():
    assert [step for step in range(1, 31) if keep_text(step)] == [1, 10, 20, 30]
