"""Profile midi: the mini world, larger, on a GPU. It can be planned, and takes a step on a CPU."""

import dataclasses

import pytest

from baselines.experiment.cell import Cell, GridRun, Layout
from baselines.experiment.plan import select, stages
from baselines.experiment.profile import load_profile
from baselines.methods.registry import CALIBRATION, FURTHER, METHODS
from baselines.stages.train import LOG_NAME, train
from tests.helpers.small_runs import ignore, linked

TASK = "sgg_anatomy_mini"
MIDI, MINI = load_profile("midi"), load_profile("mini")


def test_it_is_the_mini_world_ten_to_thirty_times_over_with_every_method_but_those_of_other_papers(tmp_path):
    selection = select(MIDI)
    every = stages(MIDI, Layout(tmp_path), selection)
    others = {method.id for method in (*FURTHER, *CALIBRATION)}
    assert {method.id for method in METHODS} - others == set(selection.methods)
    assert {stage.stage for stage in every} == {"world", "data", "base", "train", "evaluate"}
    for task, section in MIDI.data.items():
        for split in ("train", "test"):
            assert 10 <= section[split] / MINI.data[task][split] <= 30
    midi, mini = MIDI.budget("rl"), MINI.budget("rl")
    sampled = [given["own_steps"] * given["per_device_train_batch_size"] for given in (midi, mini)]
    assert sampled[0] == 10 * sampled[1]
    assert midi["rollout_tokens"] == 10 * mini["rollout_tokens"], "the arm of equal tokens grows with the completions"
    kept = ("beta", "learning_rate", "num_generations", "max_completion_length", "temperature", "max_grad_norm")
    assert {name: midi[name] for name in kept} == {name: mini[name] for name in kept}


@pytest.mark.slow
@pytest.mark.parametrize("method", ["cot-sft", "grpo", "dapo", "grpo-asc", "grpo-gdqa"])
def test_it_takes_a_step_on_a_cpu(method, smoke_root, tmp_path):
    small = {"max_steps": 1, "own_steps": 1, "rollout_tokens": 0, "per_device_train_batch_size": 8}
    training = {
        section: {**given, **{name: value for name, value in small.items() if name in given}}
        for section, given in MIDI.training.items()
    }
    training["common"] = {**training["common"], "use_cpu": True}
    run = GridRun(dataclasses.replace(MIDI, training=training), Layout(linked(tmp_path, smoke_root)), "midi")
    out = train(run, Cell(TASK, "mini-l", method, 0), ignore)
    assert (out / LOG_NAME).is_file()
