"""Prepared sets: written atomically, equal bytes from equal inputs, and changes are noticed."""

import hashlib
import json
import shutil

import pytest

from anatomy_r1.data import prepared
from anatomy_r1.data.inputs import DataError
from anatomy_r1.data.prepare import omnimed as omnimed_preparation
from anatomy_r1.data.prepare import sgg as sgg_preparation
from anatomy_r1.data.prepare.options import OmniMedOptions, SggOptions
from anatomy_r1.data.prepared import check
from anatomy_r1.question import Question

FILES = ("questions.parquet", "manifest.json", "inputs.sha256")


def make(root, out, **changes):
    return sgg_preparation.prepare(SggOptions(root=root, out=out, split="unused", train=10, test=10, **changes))


def test_every_form_of_line_is_used_or_left_out(sgg, tmp_path):
    exclusions = make(sgg(), tmp_path / "out")
    whole = prepared.load(tmp_path / "out")
    found = {(q.cluster, q.stem, q.answer, q.family) for q in whole.questions}
    per_video = {
        ("What anatomy is at the top-mid of the frame ?", "Cystic Plate", "location"),
        ("What anatomy is at the top-left of the frame ?", "Liver", "location"),
        ("What anatomy is at the bottom-mid of the frame ?", "Omentum", "location"),
        ("There is a white object below the liver object; what is it?", "Gallbladder", "one_hop"),
        ("What is the red anatomy?", "Cystic Plate", "zero_hop"),
    }
    assert found == {(video, *rest) for video in ("VID01", "VID70") for rest in per_video}
    assert {q.id for q in prepared.load(tmp_path / "out", "test").questions} == {
        f"VID70/0/{n}" for n in (3, 4, 5, 9, 11)
    }
    assert exclusions.excluded == {
        "empty answer": 2,
        "question of another type": 4,
        "answer is no anatomy": 2,
        "answer is an anatomy outside the benchmark's": 2,
        "distractor that is also right": 0,
    }
    assert all(
        (whole.image_root / q.image).is_file() and q.source.endswith(f":{q.id.split('/')[-1]}") for q in whole.questions
    )


def test_clean_copies_count_once(sgg, tmp_path):
    line = "What anatomy is at the top-mid of the frame ?|gut|[157.0, 60.0]\n"
    videos = {"VID01": {1: line}, "VID01_clean": {1: line, 2: line}, "VID70": {0: line}}
    exclusions = make(sgg(videos, graphs=False), tmp_path / "out", no_scene_graphs=True)
    assert [
        (q.id, q.cluster) for q in sorted(prepared.load(tmp_path / "out", "train").questions, key=lambda q: q.id)
    ] == [
        ("VID01/1/3", "VID01"),
        ("VID01_clean/2/3", "VID01"),
    ]
    assert exclusions.excluded["question file of a _clean copy whose original is there"] == 1


def test_equal_inputs_and_seed_give_equal_bytes(sgg, tmp_path):
    root = sgg()
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        make(root, tmp_path / name, seed=seed)
    a, b, c = ([(tmp_path / name / f).read_bytes() for f in FILES] for name in "abc")
    assert a == b
    assert a[0] != c[0], "the seed decides the distractors"


def test_a_set_that_moves_with_its_sources_stays_valid(sgg, tmp_path):
    root = sgg(root=tmp_path / "all/data")
    make(root, tmp_path / "all/out")
    (tmp_path / "all").rename(tmp_path / "elsewhere")
    moved = prepared.load(tmp_path / "elsewhere/out", "test")
    assert all((moved.image_root / q.image).is_file() for q in moved.questions)
    check(tmp_path / "elsewhere/out")
    assert moved.manifest["counts"]["test"]["questions"] == 5


def test_a_round_trip_keeps_every_field(tmp_path):
    q = Question("i", "b", "s|é", ("x", "y"), "y", "a/b.png", "c", "k", "f", "src:1", "r , so y")
    prepared.write(tmp_path / "out", {"test": [q]}, tmp_path, {"sources": {}})
    assert prepared.load(tmp_path / "out").questions == (q,)


def change_table(root):
    data = bytearray((root / "questions.parquet").read_bytes())
    data[len(data) // 2] ^= 1
    (root / "questions.parquet").write_bytes(data)


def change_manifest(key, value):
    def change(root):
        path = root / "manifest.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {key: value}))

    return change


# what happened to the set -> (how, words of the error)
BROKEN = {
    "a byte of the table changed": (change_table, "not what the manifest says"),
    "the table is gone": (lambda root: (root / "questions.parquet").unlink(), "is missing"),
    "the manifest is cut": (lambda root: (root / "manifest.json").write_text("{"), "no manifest"),
    "another version": (change_manifest("format_version", 99), "format version 99; this release reads 1"),
    "another hash": (change_manifest("questions_sha256", "0" * 64), "not what the manifest says"),
}


def test_load_refuses_a_set_without_a_manifest(sgg, tmp_path):
    make(sgg(), tmp_path / "out")
    (tmp_path / "out/manifest.json").unlink()
    with pytest.raises(DataError, match=r"no manifest of a prepared set there .*Fix: name the folder .* data prepare"):
        prepared.load(tmp_path / "out", "test")


@pytest.mark.parametrize("case", BROKEN)
def test_load_refuses(case, sgg, tmp_path):
    make(sgg(), tmp_path / "out")
    change, words = BROKEN[case]
    change(tmp_path / "out")
    with pytest.raises(DataError, match=f"{words}.*Fix: make it again"):
        prepared.load(tmp_path / "out", "test")


def test_load_refuses_a_split_that_is_not_there(sgg, tmp_path):
    make(sgg(), tmp_path / "out")
    with pytest.raises(DataError, match=r"no split 'validation'.*test, train"):
        prepared.load(tmp_path / "out", "validation")


def test_check_sees_changed_inputs_and_counts(sgg, tmp_path):
    root = sgg()
    make(root, tmp_path / "out")
    check(tmp_path / "out")
    saved = (tmp_path / "out/manifest.json").read_text()
    counts = json.loads(saved)["counts"]
    counts["test"]["category"]["Liver"] += 1
    change_manifest("counts", counts)(tmp_path / "out")
    with pytest.raises(DataError, match="counts are not those"):
        check(tmp_path / "out")
    (tmp_path / "out/manifest.json").write_text(saved)
    (root / "CholecT45/data/VID70/000000.png").write_bytes(b"other")
    with pytest.raises(DataError, match=r"missing or changed: frames/VID70/000000\.png"):
        check(tmp_path / "out")


@pytest.mark.parametrize("name", ["a\u2028b.png", "a\x85b.png", "a b.png"])
def test_check_reads_the_name_of_every_input(tmp_path, name):
    (tmp_path / name).write_bytes(b"x")
    q = Question("i", "b", "s", ("x", "y"), "y", name, "c", "k")
    inputs = {f"images/{name}": hashlib.sha256(b"x").hexdigest()}
    prepared.write(tmp_path / "out", {"test": [q]}, tmp_path, {"sources": {"images": ".."}}, inputs)
    check(tmp_path / "out")
    (tmp_path / name).write_bytes(b"y")
    with pytest.raises(DataError, match="missing or changed"):
        check(tmp_path / "out")


def test_duplicate_ids_are_refused(tmp_path):
    q = Question("i", "b", "s", ("x", "y"), "y", "a.png", "c", "k")
    with pytest.raises(DataError, match="duplicate id i"):
        prepared.write(tmp_path / "out", {"train": [q], "test": [q]}, tmp_path, {})
    assert not (tmp_path / "out").exists()


def test_a_crash_while_writing_leaves_the_old_set(sgg, tmp_path, monkeypatch):
    root = sgg()
    make(root, tmp_path / "out")
    before = (tmp_path / "out/manifest.json").read_bytes()
    monkeypatch.setattr(prepared, "counts", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        make(root, tmp_path / "out", seed=1)
    assert (tmp_path / "out/manifest.json").read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["data", "out"]


def test_a_folder_with_other_things_is_left_alone(sgg, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/thesis.tex").write_text("precious")
    with pytest.raises(DataError, match="no prepared set"):
        make(sgg(), tmp_path / "out")
    assert (tmp_path / "out/thesis.tex").read_text() == "precious"


def test_a_split_without_questions_is_an_error(sgg, tmp_path):
    root = sgg()
    shutil.rmtree(root / "SSG-VQA/qa_txt/VID70")
    with pytest.raises(DataError, match=r"no question for the split 'test'.*Fix"):
        make(root, tmp_path / "out")


def test_without_scene_graphs_the_stem_supports_the_rationale(sgg, tmp_path):
    make(sgg(graphs=False), tmp_path / "out", no_scene_graphs=True)
    manifest = prepared.load_manifest(tmp_path / "out")
    assert manifest["rationales"] == {"stem": 10}
    assert manifest["excluded"]["scene graph missing (frame kept)"] == 2


def test_omnimed_keeps_four_options_whole_patients_and_odd_keys(omnimed, tmp_path):
    odd = {"modality": "CT(Computed Tomography)", "question_id": "ct", "dataset": "Chest CT Scan"}
    two = {
        "question_id": "two",
        "question_type": "t",
        "question": "?",
        "gt_answer": "a",
        "option_A": "a",
        "option_B": "b",
    }
    two |= {"image_path": "Images/none.png", "modality_type": "Microscopy Images"}
    root = omnimed([odd, two])
    options = OmniMedOptions(root=root, out=tmp_path / "out", test_fraction=0.2, validation_fraction=0.1)
    omnimed_preparation.prepare(options)
    manifest = prepared.load_manifest(tmp_path / "out")
    assert manifest["excluded"] == {"2 options": 1, "another modality": 1}
    assert {split: c["questions"] for split, c in manifest["counts"].items()} == {
        "train": 28,
        "validation": 4,
        "test": 8,
    }
    clusters = [{q.cluster for q in qs} for qs in prepared.all_splits(tmp_path / "out").values()]
    assert sum(map(len, clusters)) == len(set.union(*clusters)) == 10
    (first, *_) = prepared.load(tmp_path / "out", "train").questions
    assert first.options == ("Lymphoma", "Adenosis", "Polyp", "Lipoma") and first.letter == "B"
    assert first.rationale == "Microscopy Images : Disease Diagnosis , so Adenosis"


def test_omnimed_by_med_r1s_split(omnimed, tmp_path):
    root = omnimed() / "OmniMedVQA"
    table = root / "QA_information/Open-access/BreakHis.json"
    entries = json.loads(table.read_text())
    for number, entry in enumerate(entries):
        entry["question"] = f"Question {number}?"
    table.write_text(json.dumps(entries))
    options = "A)Lymphoma, B)Adenosis, C)Polyp, D)Lipoma"
    rows = [
        {"image": e["image_path"], "problem": f"{e['question']} {options}", "solution": "<answer> B </answer>"}
        for e in entries
    ]
    split = tmp_path / "med-r1"
    split.mkdir()
    (split / "micro_train.json").write_text(json.dumps(rows[:30]))
    (split / "micro_test.json").write_text(json.dumps(rows[30:35]))
    omnimed_preparation.prepare(OmniMedOptions(root=root.parent, out=tmp_path / "out", med_r1=split))
    manifest = prepared.load_manifest(tmp_path / "out")
    assert manifest["excluded"] == {"in neither of Med-R1's files": 5}
    assert {q.stem for q in prepared.load(tmp_path / "out", "test").questions} == {
        f"Question {n}?" for n in range(30, 35)
    }


def test_images_are_found_through_a_link_to_the_set(sgg, tmp_path):
    """Also where the folder that `..` names beside the link exists, with other images."""
    root = sgg()
    disk, home = tmp_path / "data/disk/sets", tmp_path / "home"
    disk.mkdir(parents=True)
    shutil.copytree(root / "CholecT45", tmp_path / "CholecT45")
    home.mkdir()
    (home / "sets").symlink_to(disk)
    for made, read in ((disk, home / "sets"), (home / "sets", disk), (home / "sets", home / "sets")):
        make(root, made / "sgg")
        found = prepared.load(read / "sgg")
        assert found.image_root.resolve() == (root / "CholecT45/data").resolve()
        check(read / "sgg")
