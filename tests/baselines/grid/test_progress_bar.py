"""The bars of the grid and of training after a restart."""

import io
from types import SimpleNamespace

import pytest
from tqdm import tqdm

from baselines.experiment.cell import Layout
from baselines.grid import progress_bar
from baselines.runtime.progress import Progress, write_progress
from baselines.trainers.records import TrainingBar


@pytest.mark.parametrize(("done", "initial"), [(0, 0), (40, 40)], ids=["fresh", "resumed from a checkpoint"])
def test_case_32_the_time_left_counts_what_is_left(tmp_path, monkeypatch, done, initial):
    """A finished stage is no work of this run, and neither is what an earlier run did of a training of 100 seconds."""
    layout = Layout(tmp_path)
    todo = [SimpleNamespace(stage="train", name=name, seconds=100, output=tmp_path / name) for name in ("old", "new")]
    todo[0].output.mkdir()
    write_progress(layout.root / "progress" / "train" / "old.json", Progress("old", "done"))

    def report(steps):
        write_progress(layout.root / "progress" / "train" / "new.json", Progress("new", "running", steps, 100))

    bars = []

    class Recorded(tqdm):
        def __init__(self, *arguments, **named):
            super().__init__(*arguments, **named | {"file": io.StringIO()})
            bars.append(self)

    def wait(seconds):
        (bar,) = bars
        assert (bar.n, bar.initial) == (initial, initial)
        report(done + 20)
        bar.start_t -= 20
        state["ended"] = 0

    state = {"ended": None}
    report(done)
    monkeypatch.setattr(progress_bar, "tqdm", Recorded)
    progress_bar.show_progress(SimpleNamespace(poll=lambda: state["ended"], wait=wait), layout, todo)
    shown = bars[0].format_dict
    assert (shown["total"], shown["n"]) == (100, done + 20)
    assert (shown["n"] - shown["initial"]) / shown["elapsed"] == pytest.approx(1, rel=0.05)


@pytest.mark.parametrize("resumed", [0, 40], ids=["fresh", "resumed at step 40"])
def test_case_32_the_bar_of_training_counts_the_steps_of_this_run(resumed, capsys):
    bar = TrainingBar()
    state = SimpleNamespace(is_world_process_zero=True, max_steps=100, global_step=resumed)
    bar.on_train_begin(None, state, None)
    bar.training_bar.start_t -= 10
    bar.training_bar.last_print_t -= 10
    state.global_step += 10
    bar.on_step_end(None, state, None)
    shown = bar.training_bar.format_dict
    bar.training_bar.close()
    assert shown["n"] == resumed + 10
    assert shown["rate"] == pytest.approx(1, rel=0.05)
    assert (shown["n"] - shown["initial"]) / shown["elapsed"] == pytest.approx(1, rel=0.05)


def test_case_32_the_trainer_s_own_bar_is_replaced():
    from transformers import PrinterCallback, ProgressCallback
    from transformers.trainer_callback import CallbackHandler

    for first, kinds in ((ProgressCallback(), [TrainingBar]), (PrinterCallback(), [PrinterCallback])):
        handler = CallbackHandler([first], None, None, None, None)
        TrainingBar.replace(handler)
        assert [type(one) for one in handler.callbacks if not type(one).__name__.startswith("DefaultFlow")] == kinds
