"""The mini profiles' questions and images are the ones frozen before any tuning."""

import json

import pytest

from baselines.experiment.cell import GridRun, Layout
from baselines.experiment.profile import load_profile
from baselines.stages.stages import run_stage

pytestmark = pytest.mark.slow

FROZEN = {
    "mini": (
        "709fe38fbbd18f6a3e1eaf64840675e4f5c01e2a0791bb10ae1764b4f32c88f9",
        {
            "sgg_anatomy_mini": "08087d57e0a661d81d26313b7343ad177d3db47aee9dda23061aeb954172efec",
            "omnimed_mi_mini": "76270beaaf48988a0da2c93dfdf1799b565f427dac9f35c6a2fd2baae2ace23e",
        },
    ),
    "mini-first": (
        "6e2597a96609ca6ecd1db23dd7f5fb4aab2e89034921dbb3dbc26705694ef861",
        {
            "sgg_anatomy_mini": "9cd3ca5385655afb579666da614695f23a90b8b7cb6aeddbf9bef43d39ebb113",
            "omnimed_mi_mini": "dba1b3425e3f3bc822e5b83e252554d03b8aae064a8525c79d63af06b79a180e",
        },
    ),
}
"""SHA-256 of the pictures, and of the prepared question tables, all splits. A change moves every number of the profile:
say so in the changelog."""


@pytest.mark.parametrize("profile", FROZEN)
def test_world_and_prepared_sets_are_the_frozen_ones(profile, tmp_path):
    pixels, questions = FROZEN[profile]
    run = GridRun(load_profile(profile).in_arithmetic("native"), Layout(tmp_path), profile)
    run_stage("world", "world", run)
    assert json.loads((run.layout.world() / "world.json").read_text())["pixels_sha256"] == pixels
    for name, frozen in questions.items():
        run_stage("data", name, run)
        manifest = json.loads((run.layout.data(name) / "manifest.json").read_text())
        assert manifest["questions_sha256"] == frozen
