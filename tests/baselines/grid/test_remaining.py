"""The time left, replayed from the durations that results/mini recorded, on machines of other speeds."""

import json
from pathlib import Path

import pytest

from anatomy_r1.bases import model_folder
from anatomy_r1.provenance import ROOT
from baselines.experiment.cell import Layout
from baselines.experiment.plan import Stage, lineage, select, stages
from baselines.experiment.profile import load_profile
from baselines.grid.progress_bar import measured, waiting
from baselines.grid.remaining import Work, factors, remaining
from baselines.grid.rows import FinishedRows
from baselines.runtime.progress import Progress
from baselines.stages.stages import parse_cell, parse_evaluation

MINI, STORE, PROCESSES = load_profile("mini"), ROOT / "results" / "mini" / "store", 2
OVERHEAD = 3.0
"""Seconds of a stage beside what it recorded: loading, scoring, certificate."""


def recorded():
    """Every stage of the default run with its seconds in the committed run, and the stages it waits for."""
    found = {}
    for stage in stages(MINI, Layout(Path("r")), select(MINI)):
        place = (stage.stage, stage.name)
        if stage.stage not in ("train", "evaluate"):
            found[place] = (stage, 3.0 if stage.stage == "base" else stage.seconds, [])
            continue
        cell = parse_cell(stage.name) if stage.stage == "train" else parse_evaluation(stage.name)[0]
        head = json.loads((STORE / f"{cell.under('matched')}.json").read_text())["provenance"]
        spent = head["training"]["spent"] if stage.stage == "train" else head["spent"]
        above = [one for one in lineage(cell) if one.method.trained]
        above = above[:-1][-1:] if stage.stage == "train" else above[-1:]
        waits = [("train", one.name) for one in above] or [("base", model_folder(cell.model, cell.base))]
        found[place] = (stage, spent["seconds"] + OVERHEAD, waits)
    return found


def replay(speed):
    """Moments of a run on two processes: (time, what the grid knows then), and the time at which it ends."""
    known, done, running, now, moments = recorded(), {}, {}, 0.0, []
    order = ("world", "data", "base", "evaluate", "train")  # as the Snakefile's priorities have it
    waiting = sorted(known, key=lambda place: order.index(place[0]))
    while waiting or running:
        ready = [one for one in waiting if all(other in done for other in known[one][2])]
        for place in ready[: PROCESSES - len(running)]:
            waiting.remove(place)
            running[place] = now
        ends = {place: started + speed * known[place][1] for place, started in running.items()}
        first = min(ends, key=ends.get)
        moments += [(at, state(known, done, running, at, speed)) for at in (now, (now + ends[first]) / 2)]
        now = ends[first]
        done[first] = now - running.pop(first)
    return moments, now


def state(known, done, running, at, speed):
    found = []
    for place, (stage, seconds, _) in known.items():
        progress = Progress(stage.name, "waiting")
        if place in done:
            progress = Progress(stage.name, "done", unix_time=done[place] + 1.0, started=1.0)
            found.append(measured(stage, progress, at))
        elif place in running:
            steps = round(100 * (at - running[place]) / (speed * seconds))
            progress = Progress(stage.name, "running", steps, 100, unix_time=at + 1, started=running[place] + 1)
            found.append(measured(stage, progress, at + 1))
        else:
            found.append(waiting(stage))
    return found


@pytest.mark.parametrize("speed", [0.5, 1.0, 3.0])
def test_from_one_fifth_on_the_time_left_is_within_a_quarter_of_the_truth(speed):
    moments, end = replay(speed)
    later = [(at, remaining(known, PROCESSES), end - at) for at, known in moments if at >= end / 5]
    assert len(later) > 20
    wrong = [(round(at / end, 2), round(told / left, 2)) for at, told, left in later if abs(told - left) > left / 4]
    assert not wrong, f"(share of the run, told over true): {wrong}"


def test_a_kind_has_its_own_speed_as_soon_as_it_was_measured_and_that_of_all_before():
    every = [Work("slow", 10, 1.0, 100, 1.0)] * 8 + [Work("fast", 10, 1.0, 5, 1.0)] * 8 + [Work("new", 10)]
    found = factors(every)
    assert found["slow"] == pytest.approx(10, rel=0.05)
    assert found["fast"] == pytest.approx(0.5, abs=0.3)
    assert 4 < found["new"] < 6


def test_processes_share_what_is_left_and_the_longest_stage_bounds_it():
    assert remaining([Work("a", 10)] * 4, 2) == pytest.approx(20)
    assert remaining([Work("a", 100), Work("b", 10)], 2) == pytest.approx(100)
    assert remaining([Work("a", 100, 0.5, 50, 0.5, running=True)], 2) == pytest.approx(50)
    assert remaining([], 2) == 0


def test_an_evaluation_waits_for_its_training_and_goes_before_other_trainings():
    pair = [Work("t", 50, chain="a"), Work("e", 10, chain="a")]
    assert remaining(pair, 2) == pytest.approx(60)
    assert remaining([*pair, Work("t", 50, chain="b"), Work("e", 10, chain="b")], 1) == pytest.approx(120)
    done = Work("t", 50, 1.0, 50, 1.0, chain="a")
    assert remaining([done, pair[1]], 2) == pytest.approx(10)


def test_a_stage_that_was_resumed_is_measured_by_what_it_did_itself():
    stage = Stage("train", "b/m/grpo/seed0", Path("x"), 100)
    progress = Progress("x", "running", 60, 100, unix_time=30, started=10, first=40)
    found = measured(stage, progress, 30)
    assert (found.kind, found.share, found.seconds, found.shared) == ("train grpo", 0.6, 20, pytest.approx(0.2))


@pytest.mark.parametrize(("now", "told"), [(60, 0.0), (210, 200)], ids=["as expected", "late"])
def test_a_stage_that_does_not_count_measures_only_that_it_is_late(now, told):
    stage, progress = Stage("base", "m", Path("x"), 100), Progress("m", "running", unix_time=10, started=10)
    assert measured(stage, progress, now).seconds == told


def test_a_row_is_told_once_when_every_benchmark_has_it(tmp_path):
    paths = [tmp_path / "a.json", tmp_path / "b.json"]
    todo = [Stage("evaluate", f"{name}/m/grpo/matched/seed0", path, 1) for name, path in zip("ab", paths, strict=True)]
    rows = FinishedRows([*todo, Stage("train", "a/m/grpo/seed0", tmp_path / "c", 1)])
    paths[0].write_text(json.dumps({"provenance": {"metrics": {"avg@5": 0.4567}}}))
    assert list(rows.new()) == []
    paths[1].write_text(json.dumps({"provenance": {}}))
    assert list(rows.new()) == ["m/grpo/matched/seed0: a 45.7 %, b —"]
    assert list(rows.new()) == []
