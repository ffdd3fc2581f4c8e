"""The commands: quick help with an example each, and a score on generated data never passes for a real one."""

import json
import subprocess
import sys

import pytest

from anatomy_r1.cli.main import main
from anatomy_r1.data.prepared import load, load_manifest
from anatomy_r1.data.stems import FAMILIES
from anatomy_r1.mini.world import WorldSpec, write_world

COMMANDS = (
    *([], ["prepare"], ["mini"], ["prepare", "sgg"], ["prepare", "omnimed"], ["prepare", "released"], ["check"]),
    *(["leakage"], ["controls"]),
)


def run(*words):
    return main(["data", *map(str, words)])


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_help_shows_an_example(words, capsys):
    with pytest.raises(SystemExit) as stop:
        run(*words, "--help")
    assert stop.value.code == 0
    assert " ".join(["  anatomy-r1 data", *words, ""]) in capsys.readouterr().out


def test_building_the_parser_imports_nothing_heavy():
    heavy = ("numpy", "PIL", "pyarrow", "torch", "tqdm")
    code = f"import sys, anatomy_r1.cli.data; print([m for m in {heavy} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_a_negative_size_is_refused(capsys):
    with pytest.raises(SystemExit):
        run("prepare", "sgg", "--root", "r", "--out", "o", "--train", "-3")
    assert "below 0" in capsys.readouterr().err


def test_control_characters_of_a_name_do_not_reach_the_terminal(tmp_path, capsys):
    assert run("check", tmp_path / "set\x1b[2J") == 2
    error = capsys.readouterr().err
    assert "set?[2J" in error
    assert "\x1b" not in error


def test_there_is_no_way_to_name_the_benchmark(capsys):
    with pytest.raises(SystemExit):
        run("prepare", "sgg", "--root", "r", "--out", "o", "--benchmark", "sgg_anatomy")
    assert "unrecognized arguments" in capsys.readouterr().err


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    root = tmp_path_factory.mktemp("mini") / "world"
    spec = WorldSpec(train_videos=3, validation_videos=1, test_videos=2, frames_per_video=6, slides=60)
    write_world(root, spec, progress=False)
    return root


def test_the_mini_world_goes_through_the_real_readers(world, tmp_path, capsys):
    assert run("prepare", "sgg", "--root", world, "--out", tmp_path / "sgg", "--train", 20, "--test", 10) == 0
    manifest = load_manifest(tmp_path / "sgg")
    assert (manifest["benchmark"], manifest["generated"], manifest["split_rule"]) == ("sgg_anatomy_mini", True, "file")
    assert set(manifest["rationales"]) == {"scene graph"} and not manifest["skipped"]
    questions = load(tmp_path / "sgg").questions
    assert {q.benchmark for q in questions} == {"sgg_anatomy_mini"}
    assert {q.family for q in questions} <= set(FAMILIES)
    assert all(q.rationale.endswith(f", so {q.answer}") for q in questions)
    assert {split: count["questions"] for split, count in manifest["counts"].items()} == {
        "train": 20, "validation": 10, "test": 10,
    }  # fmt: skip
    assert "  split/splits.json\n" in (tmp_path / "sgg/inputs.sha256").read_text()
    assert run("check", tmp_path / "sgg") == 0
    said = capsys.readouterr().out
    assert "as the manifest says" in said
    metadata = tmp_path / "sgg" / "croissant.json"
    assert str(metadata) in said
    assert json.loads(metadata.read_text())["name"] == "sgg_anatomy_mini"


def test_generated_microscopy_is_marked_too(world, tmp_path):
    assert run("prepare", "omnimed", "--root", world, "--out", tmp_path / "mi", "--test-fraction", 0.3) == 0
    manifest = load_manifest(tmp_path / "mi")
    assert (manifest["benchmark"], manifest["generated"]) == ("omnimed_mi_mini", True)
    counts = {split: count["questions"] for split, count in manifest["counts"].items()}
    assert counts["test"] == pytest.approx(0.3 * sum(counts.values()), abs=1.5)


def test_renamed_folders_of_a_generated_world_are_still_generated(world, tmp_path):
    """Pointing the parts at a generated world from elsewhere does not make them real."""
    (tmp_path / "root").mkdir()
    parts = ["--questions", world / "SSG-VQA/qa_txt", "--frames", world / "CholecT45/data", "--no-scene-graphs"]
    command = ["prepare", "sgg", "--root", tmp_path / "root", *parts, "--out", tmp_path / "out", "--split", "official"]
    assert run(*command, "--train", 5, "--test", 5, "--validation", 0) == 0
    assert load_manifest(tmp_path / "out")["benchmark"] == "sgg_anatomy_mini"


def test_real_looking_data_are_labelled_inferred(sgg, tmp_path):
    assert run("prepare", "sgg", "--root", sgg(), "--out", tmp_path / "out") == 0
    manifest = load_manifest(tmp_path / "out")
    assert (manifest["benchmark"], manifest["generated"]) == ("sgg_anatomy", False)
    assert manifest["sizes_inferred"] and manifest["split_inferred"] and manifest["split_rule"] == "unused"
