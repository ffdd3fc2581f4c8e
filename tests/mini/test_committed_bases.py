"""The committed bases: their hashes, that they load, and that nothing else does."""

from __future__ import annotations

import json
import shutil

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.files import file_sha256
from anatomy_r1.mini import bases
from anatomy_r1.mini.architecture import build_processor
from anatomy_r1.mini.recipe import WORDED


@pytest.fixture
def copied(tmp_path, monkeypatch):
    """The folder of the committed bases, to be changed."""
    folder = tmp_path / "bases"
    shutil.copytree(bases.FOLDER, folder)
    monkeypatch.setattr(bases, "FOLDER", folder)
    return folder


@pytest.mark.parametrize("name", bases.names())
def test_weights_have_the_hash_that_their_facts_state(name):
    known = bases.facts(name)
    assert file_sha256(bases.FOLDER / f"{name}.safetensors") == known.sha256
    assert name.startswith(known.size)
    assert known.arithmetic["mode"] == "portable" and known.arithmetic["expected"]
    assert known.vocabulary_sha256 == bases.vocabulary_hash(build_processor(rewrites=True).tokenizer)


def test_bases_differ_in_their_seeds_alone():
    recipes = [bases.recipe(name) for name in bases.names()]
    assert {(bases.facts(name).size, bases.recipe(name).seed) for name in bases.names()} == {
        (bases.facts(name).size, recipe.seed) for name, recipe in zip(bases.names(), recipes, strict=True)
    }
    assert all(recipe.lessons == WORDED.lessons for recipe in recipes)


def test_a_base_is_written_as_transformers_read_it(tmp_path):
    from transformers import AutoModelForImageTextToText, AutoProcessor

    name = bases.names()[0]
    bases.write(name, tmp_path / "base")
    assert file_sha256(tmp_path / "base" / bases.WEIGHTS) == bases.facts(name).sha256
    model, told = AutoModelForImageTextToText.from_pretrained(tmp_path / "base", output_loading_info=True)
    assert not any(told.values())
    processor = AutoProcessor.from_pretrained(tmp_path / "base")
    assert len(processor.tokenizer) == model.config.text_config.vocab_size
    assert json.loads((tmp_path / "base" / "base.json").read_text())["sha256"] == bases.facts(name).sha256


def test_changed_weights_are_refused(copied, tmp_path):
    name = bases.names()[0]
    weights = copied / f"{name}.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(AnatomyR1Error, match=r"SHA-256 is .*rebuild-bases"):
        bases.write(name, tmp_path / "base")
    weights.unlink()
    with pytest.raises(AnatomyR1Error, match="missing"):
        bases.write(name, tmp_path / "base")
    assert not (tmp_path / "base").exists()


def test_weights_of_another_vocabulary_are_refused(copied, tmp_path):
    name = bases.names()[0]
    facts = json.loads((copied / f"{name}.json").read_text())
    (copied / f"{name}.json").write_text(json.dumps({**facts, "vocabulary_sha256": "0" * 64}))
    with pytest.raises(AnatomyR1Error, match="another vocabulary"):
        bases.write(name, tmp_path / "base")


def test_an_unknown_base_is_refused():
    with pytest.raises(AnatomyR1Error, match=r"no committed base 'mini-x'\. Fix: one of .*mini-l-1"):
        bases.facts("mini-x")
