"""The mini profile's questions and pictures are the ones that were frozen before anything was tuned."""

import json

import pytest

from baselines.cell import Layout, Run
from baselines.profile import load_profile
from baselines.stages import run_stage

pytestmark = pytest.mark.slow

PIXELS = "1f8990935590be1775e542557aa3c05002a119b43301b49c39aaa8e365a0642f"
QUESTIONS = {
    "sgg_anatomy_mini": "3ce1609cc22d38c26707aeff3f5acd2483b33ee5c97cc5535a590a3ef7c516d0",
    "omnimed_mi_mini": "39b6cf2c39506f1650231a5d01747fcfdba72b370a131311d40bcc3cb1bbb230",
}
"""SHA-256 of the prepared question tables, all splits. A change moves every mini number: say so in the changelog."""


def test_world_and_prepared_sets_are_the_frozen_ones(tmp_path):
    run = Run(load_profile("mini"), Layout(tmp_path), "mini")
    run_stage("world", "world", run)
    assert json.loads((run.layout.world() / "world.json").read_text())["pixels_sha256"] == PIXELS
    for name, frozen in QUESTIONS.items():
        run_stage("data", name, run)
        manifest = json.loads((run.layout.data(name) / "manifest.json").read_text())
        assert manifest["questions_sha256"] == frozen
