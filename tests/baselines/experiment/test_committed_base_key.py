"""A profile's model entry that names a committed base: what is refused, and what stage and digests make of it."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.files import file_sha256
from anatomy_r1.mini import bases
from baselines.experiment.cell import GridRun, Layout
from baselines.experiment.profile import PROFILES, load_profile
from baselines.stages.stages import run_stage
from tests.helpers.untrained_base import write_untrained_base

MINI = (PROFILES / "mini.yaml").read_text()
ENTRY = "mini-l: {mini: mini-l}"
NAME = "mini-l-9"


@pytest.fixture(autouse=True)
def _own(tmp_path, monkeypatch):
    """One base, in the place of the committed ones."""
    folder = tmp_path / "bases"
    folder.mkdir()
    write_untrained_base(folder, NAME)
    monkeypatch.setattr(bases, "FOLDER", folder)


def profile(tmp_path, entry):
    path = tmp_path / "own.yaml"
    path.write_text(MINI.replace(ENTRY, f"mini-l: {entry}"))
    return load_profile(str(path))


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ("{mini: mini-l, base: mini-l-99}", "'mini-l-99' is no committed base: write one of .*mini-l-9"),
        ("{mini: mini-s, base: mini-l-9}", "mini-l-9 is a base of mini-l, and this model is mini-s"),
        ("{hub: some/model, base: mini-l-9}", "goes with `mini` alone"),
        ("{mini: mini-l, recipe: toy, base: mini-l-9}", "goes with `mini` alone"),
    ],
)
def test_a_base_that_cannot_be_meant_is_refused(tmp_path, entry, told):
    with pytest.raises(AnatomyR1Error, match=rf"models\.mini-l: .*{told}"):
        profile(tmp_path, entry)


def test_the_stage_writes_the_committed_weights(tmp_path):
    run = GridRun(profile(tmp_path, f"{{mini: mini-l, base: {NAME}}}"), Layout(tmp_path / "runs"), "own")
    run_stage("base", "mini-l", run)
    assert file_sha256(run.layout.base("mini-l") / bases.WEIGHTS) == bases.facts(NAME).sha256


def test_the_identity_of_a_committed_base_is_its_weights():
    assert bases.identity({"mini": "mini-l", "base": NAME}) == bases.facts(NAME).sha256
    assert bases.identity({"mini": "mini-l"}) != bases.identity({"mini": "mini-s"})
