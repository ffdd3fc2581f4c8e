"""Real trainers on a few questions: a run that was cut off ends exactly where an uninterrupted one does."""

import dataclasses
import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from anatomy_r1.data.prepared import load
from anatomy_r1.data.shown import LazyImages
from anatomy_r1.prompts import render
from anatomy_r1.training.training_log import read
from baselines.experiment.cell import Cell, settings
from baselines.experiment.profile import digest
from baselines.stages.train import LOG_NAME, completion, dataset, last_complete_checkpoint, rl_rows, sft_rows, train
from tests.helpers.recording import hashed
from tests.helpers.small_runs import CutError, ignore

CELL = {method: Cell("sgg_anatomy_mini", "mini-l", method, 0) for method in ("sft", "cot-sft", "grpo")}


def cut_at(step):
    def report(done, total):
        if done == step:
            raise CutError

    return report


def hashed_reward(completions, **_):
    """An untrained model is never right: reward its texts by a hash, so that there is something to learn from."""
    return [hashed(completion) for completion in completions]


@pytest.mark.slow
@pytest.mark.parametrize("method", ["cot-sft", "grpo"])
def test_resume_is_bitwise(method, smoke_run, with_budget, tmp_path_factory, monkeypatch):
    hashed_reward.__name__ = "accuracy_reward"
    monkeypatch.setattr("anatomy_r1.training.rewards.accuracy_reward", hashed_reward)
    section = CELL[method].method.budget
    run = with_budget(smoke_run, section, max_steps=5, save_steps=2, learning_rate=1e-3, warmup_steps=1)
    if method == "grpo":
        run = with_budget(run, section, beta=0.1)
    whole = train(run, CELL[method], ignore)
    weights, steps = (whole / "model.safetensors").read_bytes(), read(whole / LOG_NAME, "steps")
    rollouts = read(whole / LOG_NAME, "rollouts")
    whole.rename(tmp_path_factory.mktemp("whole") / "out")

    work = run.layout.work(digest(settings(run.profile, CELL[method])))
    with pytest.raises(CutError):
        train(run, CELL[method], cut_at(4))
    (work / "checkpoint-4").mkdir(exist_ok=True)  # as if the kill came while it was being written
    assert last_complete_checkpoint(work).name == "checkpoint-2"
    again = train(run, CELL[method], ignore)

    assert (again / "model.safetensors").read_bytes() == weights
    assert read(again / LOG_NAME, "steps").drop(columns="seconds").equals(steps.drop(columns="seconds"))
    assert read(again / LOG_NAME, "rollouts").equals(rollouts)
    events = read(again / LOG_NAME, "events")
    assert list(zip(events["kind"], events["step"], strict=True)) == [("start", 0), ("resume", 2), ("end", 5)]
    if method == "grpo":
        assert steps["loss"].abs().max() > 0
        assert steps["kl"].iloc[-1] > 0


@pytest.mark.slow
def test_the_training_log_says_what_was_served(smoke_run):
    out = train(smoke_run, CELL["grpo"], ignore)
    rollouts = read(out / LOG_NAME, "rollouts")
    questions = {q.id: q for q in load(smoke_run.layout.data("sgg_anatomy_mini"), "train").questions}
    assert len(rollouts) == 3 * 16
    assert rollouts.groupby(["step", "group_index"])["question_id"].nunique().max() == 1
    assert set(rollouts["member"]) == set(range(8))
    for row in rollouts[rollouts["step"] == 1].itertuples():
        assert row.prompt == render(questions[row.question_id], "think")
        assert row.anatomy == questions[row.question_id].category
        assert row.completion is not None
    assert rollouts["tokens"].sum() == read(out / LOG_NAME, "steps")["rollout_tokens"].iloc[-1]
    assert {"reward_accuracy_reward", "reward_format_reward"} <= set(rollouts.columns)
    record = json.loads((out / "training.json").read_text())
    assert record["plan"]["arguments"]["loss_type"] == "grpo"
    assert record["provenance"]["packages"]["trl"] == "1.16.0"
    assert record["spent"]["steps"] == 3


def test_a_published_cell_is_not_trained_again(smoke_run):
    out = train(smoke_run, CELL["sft"], ignore)
    before = (out / "model.safetensors").stat().st_mtime_ns
    assert train(smoke_run, CELL["sft"], cut_at(1)) == out
    assert (out / "model.safetensors").stat().st_mtime_ns == before


def test_rows_show_prompts_and_never_coordinates(smoke_run):
    prepared = load(smoke_run.layout.data("sgg_anatomy_mini"), "train")
    question = prepared.questions[0]
    assert completion(question, "direct") == f"<answer> {question.letter} </answer>"
    assert question.rationale in completion(question, "think")
    for row in [*rl_rows(prepared, "think"), *sft_rows(prepared, "direct")]:
        assert "[" not in row["prompt"][0]["content"]


IMAGES = {
    "8 bits, RGB": Image.fromarray(np.arange(192, dtype=np.uint8).reshape(8, 8, 3)),
    "8 bits, grey": Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8)),
    "12 bits": Image.fromarray((np.arange(64) * 60).astype(np.uint16).reshape(8, 8)),
    "transparent": Image.fromarray(np.arange(256, dtype=np.uint8).reshape(8, 8, 4)),
    "palette": Image.fromarray(np.arange(192, dtype=np.uint8).reshape(8, 8, 3)).quantize(8),
}


@pytest.mark.parametrize("words", [[word] for word in IMAGES] + [list(IMAGES)], ids=", ".join)
def test_case_09_training_shows_the_picture_that_evaluation_shows(smoke_run, tmp_path, words):
    prepared = load(smoke_run.layout.data("sgg_anatomy_mini"), "train")
    for number, word in enumerate(words):
        IMAGES[word].save(tmp_path / f"{number}.png")
    questions = tuple(replace(q, image=f"{n}.png") for n, q in enumerate(prepared.questions[: len(words)]))
    prepared = replace(prepared, image_root=tmp_path, questions=questions)
    shown = [np.asarray(row["image"]) for row in dataset(rl_rows(prepared, "think"))]
    wanted = [np.asarray(one) for one in LazyImages([str(tmp_path / q.image) for q in questions])]
    assert all(map(np.array_equal, shown, wanted)) and len(shown) == len(words)


def test_report_to_passes_through(smoke_run):
    run = dataclasses.replace(smoke_run, report_to="tensorboard")
    train(run, CELL["sft"], ignore)
    assert list(run.layout.tensorboard(CELL["sft"]).glob("events.out.tfevents.*"))
