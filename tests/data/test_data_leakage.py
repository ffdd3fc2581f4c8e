"""Leakage of prepared sets and of real files: the numbers in the docs are those that the commands give."""

import errno
import json
import re
from pathlib import Path

import pytest

from anatomy_r1.cli.main import main
from anatomy_r1.data.leakage import sides
from anatomy_r1.data.leakage.passport import from_dict
from anatomy_r1.data.leakage.sides import VIDEOS
from anatomy_r1.data.prepared import INPUTS, MANIFEST, QUESTIONS
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.exports.croissant import FILE as CROISSANT

DOCS = Path(__file__).resolve().parents[2] / "docs"
LINES = """\
What anatomy is at the top-left of the frame ?|liver|[57.5, 60.0]
What anatomy is at the bottom-mid of the frame ?|omentum
"""
VIDEO_FILES = {"VID01": {262: LINES, 300: LINES}, "VID70": {0: LINES}}


def run(*words):
    return main(["data", *map(str, words)])


def blocks(name):
    """(words of a command, what the page says it prints) for each of a page's worked examples."""
    return re.findall(r"```text\n\$ anatomy-r1 data ([^\n]*)\n(.*?)```", (DOCS / name).read_text("utf-8"), re.DOTALL)


@pytest.mark.parametrize(("page", "folder", "index"), [
    ("leakage.md", "released", 0),
    pytest.param("leakage.md", "omnimed_splits", 1, marks=pytest.mark.slow),
    ("controls.md", "released", 0),
])  # fmt: skip
def test_the_worked_examples_are_what_the_commands_print(real_data, monkeypatch, capsys, page, folder, index):
    monkeypatch.chdir(real_data / folder)
    command, printed = blocks(page)[index]
    assert run(*command.split()) == 0
    assert capsys.readouterr().out == printed


def test_the_table_of_videos_is_what_the_commands_count(real_data, capsys):
    page = (DOCS / "leakage.md").read_text("utf-8")
    for name in ("GRPO", "GRPO-GDQA", "GRPO-ASC-Learning"):
        cells = []
        for videos in VIDEOS:
            file = real_data / f"released/{name}.json"
            assert run("leakage", "--train-file", file, "--test-videos", videos, "--json") == 0
            found = from_dict(json.loads(capsys.readouterr().out)).overlaps["cluster"]
            cells.append(f"{found.train_questions} in {found.shared}")
        assert f"| `{name}.json` | {' | '.join(cells)} |" in page


@pytest.fixture
def prepared_set(sgg, tmp_path):
    """One training and one test video, whose pictures are all of one colour, and so alike."""
    assert run("prepare", "sgg", "--root", sgg(VIDEO_FILES), "--out", tmp_path / "set") == 0
    return tmp_path / "set"


def test_a_prepared_sets_passport_is_computed_once(prepared_set, capsys, monkeypatch):
    assert run("leakage", "--data", prepared_set) == 0
    assert "near-duplicate images, other cluster         2" in capsys.readouterr().out
    monkeypatch.setattr(sides, "hash_images", None)
    found = sides.leakage(prepared_set)
    assert found.not_clean == ("near_duplicate",)
    assert found.overlaps["question"].shared > 0
    assert [path.name for path in prepared_set.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS, errno.ENOSPC])
def test_a_set_in_an_unwritable_folder_still_has_a_passport(prepared_set, monkeypatch, number):
    def full(path, other):
        raise OSError(number, "as from a full disk")

    monkeypatch.setattr(Path, "replace", full)
    assert sides.leakage(prepared_set).not_clean == ("near_duplicate",)
    assert {path.name for path in prepared_set.iterdir()} == {QUESTIONS, MANIFEST, INPUTS, CROISSANT}


@pytest.mark.parametrize("kept", ["", "{", "[]", '{"passport": {}}', None])
def test_an_outdated_or_broken_passport_is_computed_again(prepared_set, kept):
    first = sides.leakage(prepared_set)
    path = prepared_set / sides.FILE
    text = path.read_text()
    changed = json.dumps(json.loads(text) | {"questions_sha256": "0" * 64})
    path.write_text(changed if kept is None else kept)
    assert sides.leakage(prepared_set) == first
    assert path.read_text() == text


def test_a_file_against_a_prepared_sets_test_questions(prepared_set, tmp_path, capsys):
    record = {"image": "Images/a/1.png", "problem": "What is it? A)Gut, B)Liver", "solution": "<answer> A </answer>"}
    (tmp_path / "train.json").write_text(json.dumps([record]))
    assert run("leakage", "--train-file", tmp_path / "train.json", "--data", prepared_set) == 0
    printed = capsys.readouterr().out
    assert "train: train.json (1 questions, 1 clusters, 1 images)" in printed
    assert "test:  set test (" in printed
    assert printed.count("not computed: the files hold texts and paths, no pictures") == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "nothing to take the train side from"),
        (["--train-file", "train.json"], "nothing to take the test side from"),
        (["--train-file", "t.json", "--test-file", "t.json", "--test-videos", "official"], "named twice"),
        (["--train-file", "gone.json", "--test-videos", "official"], "cannot be read"),
        (["--train-file", "other.json", "--test-videos", "official"], "neither the authors' release nor"),
        (["--train-file", "bad.json", "--test-videos", "official"], "bad.json:2: an option occurs twice"),
        (["--data", "nowhere"], "no manifest"),
    ],
    ids=["no side", "no test side", "two test sides", "no file", "another format", "a bad record", "no set"],
)
def test_what_cannot_be_compared_is_an_error_with_a_fix(tmp_path, monkeypatch, capsys, words, message):
    monkeypatch.chdir(tmp_path)
    record = {"image": "Images/a/1.png", "problem": "What? A)Gut, B)Liver", "solution": "<answer> A </answer>"}
    twice = {**record, "problem": "What? A)Gut, B)Gut"}
    contents = {"train": [record], "t": [record], "other": [{"id": 1}], "bad": [record, twice]}
    for name, content in contents.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    assert run("leakage", *words) == 2
    error = capsys.readouterr().err
    assert "Fix:" in error
    assert re.search(message.replace("bad.json:2: ", "bad.json:2: .*"), error)


def test_a_set_without_test_questions_says_so(sgg, tmp_path, capsys):
    root = sgg({"VID01": {262: LINES}})
    assert run("prepare", "sgg", "--root", root, "--out", tmp_path / "set", "--test", 0) == 0
    capsys.readouterr()
    assert run("leakage", "--data", tmp_path / "set") == 2
    assert "has no test questions" in capsys.readouterr().err


PLAIN = {"question": "What is shown?", "options": ["Liver", "Gut"], "answer": "Gut"}


def plain_files(folder, train, test, names=("train/q.json", "test/q.json")):
    for name, records in zip(names, (train, test), strict=True):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(json.dumps([PLAIN | one for one in records]))
    return [[folder / name] for name in names]


def test_what_records_do_not_name_is_neither_shared_nor_zero(tmp_path):
    """Of two files with one name, too, whose records are counted alike."""
    found = sides.compare(None, *plain_files(tmp_path, [{}], [{}]), None)
    assert found.not_clean == ()
    assert set(found.overlaps) == {"question"}
    assert found.overlaps["question"].shared == 1
    assert (found.train.images, found.test.images) == (0, 0)


def test_records_that_name_no_video_are_not_free_of_the_test_videos(tmp_path):
    train, _ = plain_files(tmp_path, [{"cluster": "VID01"}, {}], [{}])
    assert "cluster" in sides.compare(None, train, (), "unused").not_computed
    train, _ = plain_files(tmp_path, [{"cluster": "VID70"}, {}], [{}])
    assert sides.compare(None, train, (), "unused").not_clean == ("cluster",)


def test_what_some_records_share_is_leakage_whatever_others_do_not_name(tmp_path):
    named = {"image": "a.png", "cluster": "p1"}
    found = sides.compare(None, *plain_files(tmp_path, [named, {}], [named, {}]), None)
    assert found.not_clean == ("cluster", "image", "question_image", "question_image_options")
    assert found.overlaps["image"].test_questions == 1
    found = sides.compare(None, *plain_files(tmp_path, [named, {"cluster": "p2"}], [{"cluster": "p3"}]), None)
    assert found.overlaps["cluster"].shared == 0
    assert "image" in found.not_computed


@pytest.mark.parametrize("spelled", ["/img/a.png", "./img/a.png", "img\\a.png", " img//a.png "])
def test_an_image_in_another_spelling_is_the_same(tmp_path, spelled):
    found = sides.compare(None, *plain_files(tmp_path, [{"image": "img/a.png"}], [{"image": spelled}]), None)
    assert {"cluster", "image"} <= set(found.not_clean)


def test_a_file_named_twice_is_refused(tmp_path):
    files = [one for (one,) in plain_files(tmp_path, [{}], [{}])]
    with pytest.raises(AnatomyR1Error, match=r"q\.json: two of the files have this name\. Fix: "):
        sides.read_questions(files)
