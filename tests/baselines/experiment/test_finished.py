"""A finished training of another number of processes is another training: it is refused, and stays as it is."""

import dataclasses
import json

import pytest
import yaml

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.provenance import ROOT
from anatomy_r1.results.store import load_results
from anatomy_r1.training.training_log import SETTINGS_NAME
from baselines.__main__ import main
from baselines.experiment.cell import PROCESSES, Cell, GridRun, Layout, settings
from baselines.experiment.finished import of_other_processes, refuse_other_processes, work_digest
from baselines.experiment.plan import select, trainings
from baselines.experiment.profile import digest, load_profile
from baselines.experiment.profile_file import Launch
from baselines.grid.grid import configuration, run_grid
from baselines.stages.stages import parse_cell
from tests.helpers.smoke import smoke_content

MINI, STORE = load_profile("mini"), ROOT / "results" / "mini" / "store"
TASK = "sgg_anatomy_mini"
CELL = Cell(TASK, "mini-l", "grpo", 0)
CHILD = Cell(TASK, "mini-l", "sft-grpo", 0)


def of(count, base=MINI, **changed):
    """The profile with that many processes a training."""
    return dataclasses.replace(base, launch=Launch(count), **changed)


def finish(layout, profile, cell):
    """A finished training, as far as its record goes."""
    folder = layout.train(cell)
    folder.mkdir(parents=True)
    (folder / SETTINGS_NAME).write_text(json.dumps({"plan": settings(profile, cell)}, default=str))
    return folder


def slower(profile):
    training = {**profile.training, "rl": {**profile.training["rl"], "learning_rate": 1e-7}}
    return dataclasses.replace(profile, training=training)


def test_the_number_is_part_of_a_plan_only_where_it_is_not_one():
    """So plans of the mini profile, and the digests that name its logs and stages, are what they were."""
    assert PROCESSES not in settings(of(1), CHILD) and PROCESSES not in settings(of(1), CHILD)["parent"]
    two = settings(of(2), CHILD)
    assert two[PROCESSES] == two["parent"][PROCESSES] == 2
    assert {key: value for key, value in settings(of(2), CELL).items() if key != PROCESSES} == settings(of(1), CELL)
    assert len({digest(settings(of(count), CHILD)) for count in (1, 2, 4)}) == 3
    assert {work_digest(settings(of(count), CHILD)) for count in (1, 2, 4)} == {digest(settings(of(1), CHILD))}


def test_every_committed_training_of_the_mini_profile_is_still_its_own():
    made = [one for one in load_results(STORE) if one.provenance["training"] and one.arm == "matched"]
    assert len(made) > 20
    for one in made:
        plan = one.provenance["training"]["plan"]
        now = settings(MINI, parse_cell(plan["cell"]))
        assert PROCESSES not in plan
        assert digest(plan) == digest(json.loads(json.dumps(now, default=str))) == work_digest(plan), plan["cell"]


@pytest.mark.parametrize(
    ("made", "here", "refused"),
    [
        (of(1), of(1), ""),
        (of(2), of(2), ""),
        (of(2), of(4), "trained by 2 processes, and this training has 4.*Fix: launch.processes: 2 in the profile"),
        (of(2), of(1), "trained by 2 processes, and this training has 1"),
        (of(1), of(2), "trained by 1 process, and this training has 2"),
        (slower(of(2)), of(4), ""),
    ],
    ids=["one", "as many", "more", "back to one", "from one", "other settings too: run again, as ever"],
)
def test_a_finished_training_of_another_number_is_refused(made, here, refused, tmp_path):
    layout = Layout(tmp_path)
    folder = finish(layout, made, CHILD)
    if not refused:
        refuse_other_processes(here, layout, [CELL, CHILD])
        return
    with pytest.raises(AnatomyR1Error, match=f"{folder}: {refused}"):
        refuse_other_processes(here, layout, [CELL, CHILD])


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"plan": 3}'])
def test_what_is_no_record_is_no_finished_training(text, tmp_path):
    folder = finish(Layout(tmp_path), of(2), CELL)
    (folder / SETTINGS_NAME).write_text(text)
    assert not [*of_other_processes(of(4), Layout(tmp_path), [CELL])]


@pytest.fixture
def four(tmp_path):
    """A file of the smoke profile with four processes, and runs in which two have trained what CoT-SFT starts."""
    raw = smoke_content()
    raw["launch"]["processes"] = 4
    path = tmp_path / "four.yaml"
    path.write_text(yaml.safe_dump(raw))
    profile = load_profile(str(path))
    layout = Layout(tmp_path / profile.name)
    return path, profile, layout, finish(layout, of(2, profile), Cell(TASK, "mini-l", "cot-sft", 0))


def test_the_grid_refuses_before_snakemake_removes_the_record(four):
    path, profile, layout, folder = four
    chosen = select(profile, methods=["cot-sft-grpo"], benchmarks=[TASK], seeds=[0])
    assert [cell.method_id for cell in trainings(profile, chosen)] == ["cot-sft", "cot-sft-grpo"]
    before = (folder / SETTINGS_NAME).read_text()
    with pytest.raises(AnatomyR1Error, match="trained by 2 processes, and this training has 4"):
        run_grid(GridRun(profile, layout, str(path)), chosen, jobs=1)
    assert (folder / SETTINGS_NAME).read_text() == before
    assert not (layout.root / "snakemake.log").exists()
    two, here = (configuration(GridRun(one, layout, str(path)), chosen)["digests"] for one in (of(2, profile), profile))
    assert {key.partition("/")[0] for key in two if two[key] != here[key]} == {"train", "evaluate"}


def test_a_stage_refuses_and_the_plan_says_so_and_exits_with_3(four, capsys):
    path, profile, layout, folder = four
    from baselines.stages.train import train

    with pytest.raises(AnatomyR1Error, match="trained by 2 processes"):
        train(GridRun(profile, layout, str(path)), Cell(TASK, "mini-l", "cot-sft", 0), lambda *_: None)
    words = ["--profile", str(path), "--runs", str(layout.root.parent), "--benchmarks", TASK, "--seeds", "0"]
    assert main(["plan", *words, "--methods", "cot-sft"]) == 3
    assert f"{folder}: trained by 2 processes, and this training has 4" in capsys.readouterr().err
    assert main(["plan", *words, "--methods", "gpg"]) == 0, "what is not selected is in nobody's way"
