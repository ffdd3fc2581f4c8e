"""Bases as a factor: what a profile lists, what is selected, where it lies, and what a stage makes of it."""

from dataclasses import replace
from pathlib import Path

import pytest

from anatomy_r1.bases import RunKey, factors_text
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.files import file_sha256
from anatomy_r1.mini import bases
from baselines.experiment.cell import Cell, GridRun, Layout, settings
from baselines.experiment.plan import select, stages
from baselines.grid.grid import configuration
from baselines.stages.base import base_digest, make_base
from baselines.stages.stages import parse_cell, parse_evaluation
from tests.helpers.smoke import smoke_profile

SMOKE = smoke_profile()
THREE = ("toy-1", "toy-2", "toy-3")
LISTED = replace(SMOKE, models={"mini-l": {**SMOKE.models["mini-l"], "bases": list(THREE)}})


def test_every_base_is_made_once_and_trained_from_and_evaluated():
    chosen = select(LISTED, methods=["zero-shot", "grpo"], seeds=[0, 1], benchmarks=["sgg_anatomy_mini"])
    every = stages(LISTED, Layout(Path("r")), chosen)
    named = {kind: [one.name for one in every if one.stage == kind] for kind in ("base", "train", "evaluate")}
    assert named["base"] == [f"mini-l@{base}" for base in THREE]
    assert "sgg_anatomy_mini/mini-l@toy-2/grpo/seed1" in named["train"]
    assert len(named["train"]) == 3 * 2
    assert len([name for name in named["evaluate"] if "/matched/" in name]) == 3 * 2 * 2


def test_bases_are_selected_as_seeds_are():
    assert select(LISTED, bases=["toy-3", "toy-1"]).bases == {"mini-l": ("toy-1", "toy-3")}
    few = replace(LISTED, default={**LISTED.default, "bases": ["toy-2"]})
    assert select(few).bases == {"mini-l": ("toy-2",)}
    assert select(few, bases=["all"]).bases == {"mini-l": THREE}
    assert select(SMOKE).bases == {"mini-l": ("",)}
    with pytest.raises(AnatomyR1Error, match="no base 'x' in this profile; there are: toy-1, toy-2, toy-3, all"):
        select(LISTED, bases=["x"])
    with pytest.raises(AnatomyR1Error, match=r"no bases of mini-l in profile smoke. Fix: leave out --bases"):
        select(SMOKE, bases=["toy-1"])


def test_a_model_none_of_whose_bases_is_selected_is_refused():
    two = replace(LISTED, models={**LISTED.models, "mini-s": {"mini": "mini-s", "bases": ["small-1"]}})
    with pytest.raises(AnatomyR1Error, match=r"no base of mini-s among toy-1. Fix: name one of small-1 as well"):
        select(two, models=["mini-l", "mini-s"], bases=["toy-1"])


def test_names_of_cells_lead_back_to_them():
    cell = Cell("b", "mini-l", "grpo", 3, base="toy-2")
    assert (cell.name, parse_cell(cell.name)) == ("b/mini-l@toy-2/grpo/seed3", cell)
    view = replace(cell, view="no-image")
    assert parse_evaluation(view.under("matched")) == (view, "matched")
    assert Layout(Path("r")).start(cell) == Path("r/models/mini-l@toy-2")
    assert replace(cell, method_id="cot-sft-grpo").parent() == replace(cell, method_id="cot-sft")


def test_settings_name_the_own_base_only_so_that_a_longer_list_changes_no_digest():
    cell = Cell("sgg_anatomy_mini", "mini-l", "grpo", 0, base="toy-1")
    shorter = replace(SMOKE, models={"mini-l": {**SMOKE.models["mini-l"], "bases": ["toy-1"]}})
    assert settings(LISTED, cell) == settings(shorter, cell)
    assert settings(LISTED, cell)["model"] == {"mini": "mini-l", "recipe": "toy", "base": "toy-1"}
    assert settings(LISTED, cell) != settings(LISTED, replace(cell, base="toy-2"))
    assert base_digest(LISTED, "mini-l", "toy-1") != base_digest(LISTED, "mini-l", "toy-2")


def test_the_grid_s_configuration_names_each_base():
    config = configuration(GridRun(LISTED, Layout(Path("r")), "smoke"), select(LISTED, methods=["grpo"]))
    assert config["starts"]["sgg_anatomy_mini/mini-l@toy-3/grpo/seed0"] == "models/mini-l@toy-3/config.json"
    assert {f"base/mini-l@{base}" for base in THREE} <= set(config["digests"])


@pytest.fixture
def untrained(tmp_path, monkeypatch):
    """One base, in the place of the committed ones."""
    pytest.importorskip("torch")
    from tests.helpers.untrained_base import write_untrained_base

    (tmp_path / "bases").mkdir()
    write_untrained_base(tmp_path / "bases", "mini-l-9")
    monkeypatch.setattr(bases, "FOLDER", tmp_path / "bases")
    return replace(SMOKE, models={"mini-l": {"mini": "mini-l", "bases": ["mini-l-9"]}})


def test_a_committed_base_is_written_and_is_its_weights_to_the_grid(untrained, tmp_path):
    make_base(untrained, "mini-l", "mini-l-9", tmp_path / "out")
    assert file_sha256(tmp_path / "out" / "model.safetensors") == bases.facts("mini-l-9").sha256
    before = base_digest(untrained, "mini-l", "mini-l-9")
    facts = bases.FOLDER / "mini-l-9.json"
    facts.write_text(facts.read_text().replace(bases.facts("mini-l-9").sha256, "0" * 64))
    assert base_digest(untrained, "mini-l", "mini-l-9") != before


def test_a_base_that_is_missing_or_of_another_size_is_named(untrained, tmp_path):
    with pytest.raises(AnatomyR1Error, match=r"no committed base 'mini-l-8'. Fix: one of mini-l-9"):
        make_base(untrained, "mini-l", "mini-l-8", tmp_path / "out")
    small = replace(untrained, models={"mini-s": {"mini": "mini-s", "bases": ["mini-l-9"]}})
    with pytest.raises(AnatomyR1Error, match="mini-l-9 is a base of mini-l, not of mini-s"):
        make_base(small, "mini-s", "mini-l-9", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_toy_bases_differ_by_their_seed(tmp_path):
    for base in ("toy-1", "toy-2"):
        make_base(LISTED, "mini-l", base, tmp_path / base)
    weights = [(tmp_path / base / "model.safetensors").read_bytes() for base in ("toy-1", "toy-2")]
    assert weights[0] != weights[1]


def test_runs_are_told_by_seed_and_base():
    assert factors_text([RunKey("", 1), RunKey("", 0)]) == "0, 1"
    assert factors_text([RunKey("b", 0), RunKey("a", 0)]) == "0 x a, b"
    assert factors_text([RunKey("a", 0), RunKey("a", 1), RunKey("b", 0), RunKey("c", 0)]) == "0 x b, c; 0, 1 x a"
    assert factors_text([]) == ""
