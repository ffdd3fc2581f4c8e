"""What training writes beside its weights: examples of a resumed run, and batches that change nothing."""

import dataclasses

import pytest

from anatomy_r1.training.training_log import BATCHES, LOG_NAME, read, read_batches
from baselines.experiment.cell import Cell, Layout
from baselines.stages.train import train
from tests.helpers.recording import hashed_reward
from tests.helpers.small_runs import CutError, ignore, linked

pytestmark = pytest.mark.slow

SGG = "sgg_anatomy_mini"


def test_examples_of_a_resumed_run_are_logged_as_without_the_interruption(recorded_run, trained, tmp_path):
    linked(tmp_path, recorded_run.layout.root)
    other, cell = dataclasses.replace(recorded_run, layout=Layout(tmp_path)), Cell(SGG, "mini-l", "sft", 0)

    def stop(done, total):
        if done == 3:
            raise CutError

    with pytest.raises(CutError):
        train(other, cell, stop)
    again = train(other, cell, ignore)
    assert set(read(again / LOG_NAME, "events")["kind"]) == {"start", "resume", "end"}
    assert len(read(again / LOG_NAME, "served")) == 3 * 8
    assert read(again / LOG_NAME, "served").equals(read(trained("sft") / LOG_NAME, "served"))


def test_recording_changes_no_weight_and_no_row(recorded_run, trained, tmp_path, monkeypatch):
    monkeypatch.setattr("anatomy_r1.training.rewards.accuracy_reward", hashed_reward)
    monkeypatch.setattr("baselines.trainers.records.Recorder.record", lambda *_: None)
    linked(tmp_path, recorded_run.layout.root)
    bare = train(dataclasses.replace(recorded_run, layout=Layout(tmp_path)), Cell(SGG, "mini-l", "grpo", 0), ignore)
    assert not list(read_batches(bare / BATCHES))
    recorded = trained("grpo")
    assert (bare / "model.safetensors").read_bytes() == (recorded / "model.safetensors").read_bytes()
    assert read(bare / LOG_NAME, "rollouts").equals(read(recorded / LOG_NAME, "rollouts"))
