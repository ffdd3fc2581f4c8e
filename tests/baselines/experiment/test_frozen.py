"""The mini profile's questions and images are the ones frozen before any tuning."""

import json

import pytest

from baselines.experiment.cell import GridRun, Layout
from baselines.experiment.profile import load_profile
from baselines.stages.stages import run_stage

pytestmark = pytest.mark.slow

PIXELS = "6e2597a96609ca6ecd1db23dd7f5fb4aab2e89034921dbb3dbc26705694ef861"
QUESTIONS = {
    "sgg_anatomy_mini": "9cd3ca5385655afb579666da614695f23a90b8b7cb6aeddbf9bef43d39ebb113",
    "omnimed_mi_mini": "dba1b3425e3f3bc822e5b83e252554d03b8aae064a8525c79d63af06b79a180e",
}
"""SHA-256 of the prepared question tables, all splits. A change moves every mini number: say so in the changelog."""


def test_world_and_prepared_sets_are_the_frozen_ones(tmp_path):
    run = GridRun(load_profile("mini"), Layout(tmp_path), "mini")
    run_stage("world", "world", run)
    assert json.loads((run.layout.world() / "world.json").read_text())["pixels_sha256"] == PIXELS
    for name, frozen in QUESTIONS.items():
        run_stage("data", name, run)
        manifest = json.loads((run.layout.data(name) / "manifest.json").read_text())
        assert manifest["questions_sha256"] == frozen
