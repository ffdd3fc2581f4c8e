"""Case 7's kind, SSG-VQA as it is met: graphs that do not fit, lost lines, videos and frames in other spellings."""

import json
import shutil

import pytest

from anatomy_r1.cli.main import main
from anatomy_r1.data import prepared
from anatomy_r1.data.prepare.frame_facts import NOT_CONFIRMED, NOT_THERE
from anatomy_r1.data.prepare.sgg import OTHER_NAME
from anatomy_r1.data.stems import parse_stem
from tests.data.conftest import HEADER, OBJECTS, graph, png

STEM = "What is the name of the anatomy that is left of the omentum object?"
TAIL = "|gallbladder|one_hop.json|query_component|NA\n"
ASKED = {"VID01": {10: STEM + TAIL, 11: STEM + TAIL}, "VID70": {0: STEM + TAIL}}
TWO_LEFT = graph(left=[[], [], [], [1, 2], []])  # liver and gallbladder are both left of the omentum
QA, FRAMES = "SSG-VQA/qa_txt", "CholecT45/data"


def run(root, out, *more):
    return main(["data", "prepare", "sgg", "--root", str(root), "--out", str(out), *more])


@pytest.fixture
def asked(sgg):
    """A tree of three frames whose graphs show two structures left of the omentum."""
    root = sgg(ASKED)
    rewrite(root, lambda content: content.update(TWO_LEFT))
    return root


def rewrite(root, change):
    for path in (root / "SSG-VQA/scene_graph").iterdir():
        content = json.loads(path.read_text())
        change(content)
        path.write_text(json.dumps(content))


def questions(out):
    return {one.id: one for side in prepared.all_splits(out).values() for one in side}


def shout(content):
    for one in content["scenes"][0]["objects"]:
        one["component"] = one["component"].replace("_", " ").title()
        one["type"], one["location"] = one["type"].title(), one["location"].replace("-", " ").title()


def rename_left(name):
    def change(content):
        tables = content["scenes"][0]["relationships"]
        tables[name] = tables.pop("left")

    return change


SPELLED = {
    "labels, types and places": shout,
    **{f"relation {name!r}": rename_left(name) for name in ("Left", "left_of", "left of", "LEFT-OF", " left ")},
}


@pytest.mark.parametrize("word", SPELLED)
def test_case_07_a_graph_is_read_spelling_aside(asked, tmp_path, word):
    assert run(asked, tmp_path / "usual") == 0
    rewrite(asked, SPELLED[word])
    assert run(asked, tmp_path / "out") == 0
    assert questions(tmp_path / "out") == questions(tmp_path / "usual")
    assert all("Liver" not in one.options for one in questions(tmp_path / "out").values())
    assert prepared.load_manifest(tmp_path / "out")["warned"] == {}


@pytest.mark.parametrize(
    "stem",
    [
        STEM.replace("?", " ?"),
        STEM.replace(" of ", "  of "),
        STEM.lower(),
        STEM.replace("omentum", "Omentum"),
        "There is a thing left of the omentum object ; what is it?",
    ],
)
def test_case_07_a_stem_is_read_spelling_aside(sgg, tmp_path, stem):
    root = sgg({video: dict.fromkeys(files, stem + TAIL) for video, files in ASKED.items()})
    rewrite(root, lambda content: content.update(TWO_LEFT))
    assert parse_stem(stem).family == "one_hop"
    assert run(root, tmp_path / "out") == 0
    found = questions(tmp_path / "out").values()
    assert {one.stem for one in found} == {stem} and all("Liver" not in one.options for one in found)
    assert prepared.load_manifest(tmp_path / "out")["warned"] == {}


def empty(key, value):
    return lambda content: content["scenes"][0].update({key: value})


UNCONFIRMED = {
    "no relations": empty("relationships", {}),
    "no objects": lambda content: content.update(graph([], below=[])),
    "the answer is not in this relation": lambda content: content.update(graph(left=[[], [], [], [1], []])),
    "a relation of another name": rename_left("port side"),
    "another label": lambda content: content.update(graph([("fat", *one[1:]) if one[0] == "omentum" else one
                                                           for one in OBJECTS])),
}  # fmt: skip


@pytest.mark.parametrize("word", UNCONFIRMED)
def test_case_07_a_graph_that_does_not_confirm_the_answer_is_a_warning(asked, tmp_path, capsys, word):
    assert run(asked, tmp_path / "usual") == 0
    rewrite(asked, UNCONFIRMED[word])
    assert run(asked, tmp_path / "out") == 0
    assert questions(tmp_path / "out").keys() == questions(tmp_path / "usual").keys()
    assert prepared.load_manifest(tmp_path / "out")["warned"] == {NOT_CONFIRMED: 3}
    assert f"WARNING: 3 x {NOT_CONFIRMED}" in capsys.readouterr().out


def test_case_07_a_wording_that_no_graph_can_answer_is_a_warning(sgg, tmp_path):
    other = "Which structure lies to the patient's right of the omentum?" + TAIL
    root = sgg({video: dict.fromkeys(files, other) for video, files in ASKED.items()})
    assert run(root, tmp_path / "out") == 0
    assert prepared.load_manifest(tmp_path / "out")["warned"] == {NOT_CONFIRMED: 3}


def test_case_07_missing_graphs_are_a_warning_for_the_questions_that_need_one(sgg, tmp_path, capsys):
    where = "What anatomy is at the mid-left of the frame ?|gallbladder\n"
    looks = "What is the white anatomy?|gallbladder|zero_hop.json|query_component|NA\n"
    root = sgg({"VID01": {10: STEM + TAIL + where + looks, 11: where}, "VID70": {0: where}})
    for name in ("VID01_10", "VID70_0"):
        (root / f"SSG-VQA/scene_graph/{name}.json").unlink()
    assert run(root, tmp_path / "out") == 0
    assert len(questions(tmp_path / "out")) == 5
    assert prepared.load_manifest(tmp_path / "out")["warned"] == {NOT_THERE: 2}
    assert f"WARNING: 2 x {NOT_THERE}" in capsys.readouterr().out


REFUSED_GRAPHS = {
    "two scenes": (lambda content: content["scenes"].append(content["scenes"][0]), "2 scenes in the file of one frame"),
    "a relation in two spellings": (
        lambda content: content["scenes"][0]["relationships"].update(Left=[[]] * 5), "a relation stands there twice",
    ),
}  # fmt: skip


@pytest.mark.parametrize("word", REFUSED_GRAPHS)
def test_case_07_a_graph_with_two_readings_is_refused(asked, tmp_path, capsys, word):
    change, says = REFUSED_GRAPHS[word]
    rewrite(asked, change)
    assert run(asked, tmp_path / "out") == 2
    assert f"VID01_10.json: no scene graph (ValueError('{says}" in (error := capsys.readouterr().err)
    assert "Fix: " in error and not (tmp_path / "out").exists()


@pytest.mark.parametrize("kept", [0, 1])
def test_case_07_a_file_without_its_header_lines_is_refused(asked, tmp_path, capsys, kept):
    lines = "".join(HEADER.splitlines(keepends=True)[:kept]) + (STEM + TAIL) * 3
    (asked / QA / "VID01/10.txt").write_text(lines)
    assert run(asked, tmp_path / "out") == 2
    error = capsys.readouterr().err
    assert "qa_txt/VID01/10.txt: the two header lines are missing" in error and "Fix: put two lines before" in error
    assert run(asked, tmp_path / "out", "--skip-bad") == 0
    assert questions(tmp_path / "out").keys() == {"VID01/11/3", "VID70/0/3"}


@pytest.mark.parametrize("begin", ["what anatomy is at the", "WHAT ANATOMY IS AT THE", "What  anatomy is at the"])
def test_case_07_location_lines_are_known_whatever_their_case(sgg, tmp_path, begin):
    line = f"{begin} bottom-mid of the frame ?|omentum|[1.0, 2.0]\n"
    assert run(sgg({"VID01": {10: line}, "VID70": {0: line}}), tmp_path / "out") == 0
    assert {one.family for one in questions(tmp_path / "out").values()} == {"location"}
    assert prepared.load_manifest(tmp_path / "out")["excluded"] == {}


def test_case_07_a_split_file_may_name_videos_that_are_not_there_but_says_so(asked, tmp_path, capsys):
    rule = {"train": ["VID01", "VID99"], "test": ["VID70"], "validation": ["VID98"]}
    (asked / "SSG-VQA/splits.json").write_text(json.dumps(rule))
    assert run(asked, tmp_path / "out", "--validation", "0") == 0
    warned = {"video of the split file without question files: VID98, VID99": 2}
    assert prepared.load_manifest(tmp_path / "out")["warned"] == warned
    assert "WARNING: 2 x video of the split file" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["VID26_clean", "vid01", "01", " VID01", ""])
def test_case_07_a_split_file_names_videos_by_their_name(asked, tmp_path, capsys, name):
    (asked / "SSG-VQA/splits.json").write_text(json.dumps({"train": ["VID01", name], "test": ["VID70"]}))
    assert run(asked, tmp_path / "out") == 2
    assert f"splits.json: {name!r} is no video. Fix: " in capsys.readouterr().err


def litter(root):
    for folder in (QA, f"{QA}/VID01", FRAMES, f"{FRAMES}/VID01"):
        (root / folder / ".DS_Store").write_bytes(b"\0")
    (root / QA / "README.txt").write_text("about")
    (root / QA / "__MACOSX/VID01").mkdir(parents=True)
    (root / QA / "__MACOSX/VID01/._10.txt").write_bytes(b"\0")
    (root / QA / "VID01/._10.txt").write_bytes(b"\0")


def move(*pairs):
    def change(root):
        for before, after in pairs:
            shutil.move(root / before, root / after)

    return change


def jpeg(root):
    png(path := root / FRAMES / "VID01/000010.png")
    path.rename(path.with_suffix(".jpg"))


SPELLINGS = {
    "what systems leave behind": (litter, 0),
    "folders in lower case": (move(*((f"{part}/{video}", f"{part}/{video.lower()}")
                                     for part in (QA, FRAMES) for video in ASKED)), 3),
    "a clean copy in capitals": (lambda root: shutil.copytree(root / QA / "VID01", root / QA / "VID01_Clean"), 0),
    "an unpadded frame": (move((f"{FRAMES}/VID01/000010.png", f"{FRAMES}/VID01/10.png")), 1),
    "an ending in capitals": (move((f"{FRAMES}/VID01/000010.png", f"{FRAMES}/VID01/000010.PNG")), 1),
    "a JPEG": (jpeg, 1),
    "a question file in capitals": (move((f"{QA}/VID01/10.txt", f"{QA}/VID01/10.TXT")), 0),
}  # fmt: skip


@pytest.mark.parametrize("word", SPELLINGS)
def test_case_07_videos_and_frames_are_found_spelling_aside(asked, tmp_path, word):
    change, renamed = SPELLINGS[word]
    assert run(asked, tmp_path / "usual") == 0
    change(asked)
    assert run(asked, tmp_path / "out") == 0
    usual, found = questions(tmp_path / "usual"), questions(tmp_path / "out")
    assert {name: (one.options, one.answer) for name, one in found.items()} == {
        name: (one.options, one.answer) for name, one in usual.items()
    }
    assert all((asked / FRAMES / one.image).is_file() for one in found.values())
    assert prepared.load_manifest(tmp_path / "out")["changed"].get(OTHER_NAME, 0) == renamed


NOT_CHOSEN = {
    "two files can mean it": (["10.png", "10.jpg"], "2 files can mean it: VID01/10.jpg, VID01/10.png. Fix: keep one"),
    "another format": (["frame_10.bmp"], "where VID01/frame_10.bmp is. Fix: convert or rename it"),
    "nothing like it": ([], "missing frame frames/VID01/000010.png. Fix: fetch it"),
}


@pytest.mark.parametrize("word", NOT_CHOSEN)
def test_case_07_a_frame_without_one_reading_is_named_with_what_lies_there(asked, tmp_path, capsys, word):
    names, says = NOT_CHOSEN[word]
    usual = asked / FRAMES / "VID01/000010.png"
    for name in names:
        shutil.copy(usual, usual.with_name(name))
    usual.unlink()
    assert run(asked, tmp_path / "out") == 2
    assert "qa_txt/VID01/10.txt:3: missing frame" in (error := capsys.readouterr().err) and says in error


def test_case_07_one_video_in_two_folders_is_refused(asked, tmp_path, capsys):
    shutil.copytree(asked / QA / "VID01", asked / QA / "vid01")
    assert run(asked, tmp_path / "out") == 2
    assert "qa_txt/vid01: the same video as VID01, in another spelling. Fix: " in capsys.readouterr().err
