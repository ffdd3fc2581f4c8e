"""The committed bases: their hashes; and what is loaded and what is refused, with a base that nobody trained."""

from __future__ import annotations

import json

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.files import file_sha256
from anatomy_r1.mini import bases
from anatomy_r1.mini.architecture import SHAPES, build_processor
from anatomy_r1.mini.rebuild import commit, compare
from anatomy_r1.mini.recipe import WORDED
from tests.helpers.untrained_base import write_untrained_base

NAME = "mini-l-9"


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A folder with one base, in the place of the committed ones."""
    folder = tmp_path / "bases"
    folder.mkdir()
    write_untrained_base(folder, NAME)
    monkeypatch.setattr(bases, "FOLDER", folder)
    return folder


def test_committed_weights_have_the_hashes_that_their_facts_state():
    vocabulary = bases.vocabulary_hash(build_processor(rewrites=True).tokenizer)
    for name in bases.names():
        known = bases.facts(name)
        assert file_sha256(bases.FOLDER / f"{name}.safetensors") == known.sha256, name
        assert known.vocabulary_sha256 == vocabulary, name
        assert name.startswith(known.size) and known.size in SHAPES
        assert known.arithmetic["mode"] == "portable" and known.arithmetic["expected"], name
        assert bases.recipe(name).lessons == WORDED.lessons
    seeds = {(bases.facts(name).size, bases.recipe(name).seed) for name in bases.names()}
    assert len(seeds) == len(bases.names())
    assert {path.stem for path in bases.FOLDER.glob("*.safetensors")} == set(bases.names())


def test_a_base_is_written_as_transformers_read_it(own, tmp_path):
    from transformers import AutoModelForImageTextToText, AutoProcessor

    bases.write(NAME, tmp_path / "base")
    assert file_sha256(tmp_path / "base" / bases.WEIGHTS) == bases.facts(NAME).sha256
    model, told = AutoModelForImageTextToText.from_pretrained(tmp_path / "base", output_loading_info=True)
    assert not any(told.values())
    processor = AutoProcessor.from_pretrained(tmp_path / "base")
    assert len(processor.tokenizer) == model.config.text_config.vocab_size
    assert json.loads((tmp_path / "base" / "base.json").read_text())["sha256"] == bases.facts(NAME).sha256


def test_changed_or_missing_weights_are_refused(own, tmp_path):
    weights = own / f"{NAME}.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(AnatomyR1Error, match=r"SHA-256 is .*rebuild-bases"):
        bases.write(NAME, tmp_path / "base")
    weights.unlink()
    with pytest.raises(AnatomyR1Error, match="missing"):
        bases.write(NAME, tmp_path / "base")
    assert not (tmp_path / "base").exists()


def changed(own, **values):
    facts = json.loads((own / f"{NAME}.json").read_text())
    (own / f"{NAME}.json").write_text(json.dumps({**facts, **values}))


def test_weights_of_another_vocabulary_or_shape_are_refused(own, tmp_path):
    changed(own, size="mini-s")
    with pytest.raises(AnatomyR1Error, match=r"tensors are not those of architecture\.py"):
        bases.write(NAME, tmp_path / "base")
    assert not (tmp_path / "base").exists()
    changed(own, vocabulary_sha256="0" * 64)
    with pytest.raises(AnatomyR1Error, match="another vocabulary"):
        bases.write(NAME, tmp_path / "base")


def test_facts_with_a_key_too_many_or_no_base_at_all_are_refused(own):
    with pytest.raises(AnatomyR1Error, match=rf"no committed base 'mini-x'\. Fix: one of {NAME}"):
        bases.facts("mini-x")
    changed(own, sha265="1")
    with pytest.raises(AnatomyR1Error, match="sha265"):
        bases.facts(NAME)


def test_a_rebuilt_base_is_compared_and_keeps_what_was_measured_of_the_same_weights(own, tmp_path, capsys):
    changed(own, measured={"zero-shot": 1})
    bases.write(NAME, tmp_path / "same")
    known = bases.facts(NAME).model_copy(update={"measured": {}})
    assert compare(NAME, known) and "the same bytes" in capsys.readouterr().out
    other = known.model_copy(update={"sha256": "0" * 64})
    assert not compare(NAME, other) and "other bytes: 000" in capsys.readouterr().out
    commit(NAME, known, tmp_path / "same")
    assert bases.facts(NAME).measured == {"zero-shot": 1}
    commit(NAME, other, tmp_path / "same")
    assert bases.facts(NAME).measured == {}
