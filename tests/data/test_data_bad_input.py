"""Every kind of bad input: an error with file, line and fix, and nothing written; or skipped with --skip-bad."""

import json

import pytest
from PIL import Image

from anatomy_r1.cli.main import main
from anatomy_r1.data.prepared import load_manifest

GOOD = "What anatomy is at the top-mid of the frame ?|gut|[157.0, 60.0]\n"


def run(*words):
    return main(["data", *map(str, words)])


def edit_line(text):
    def change(root):
        path = root / "SSG-VQA/qa_txt/VID01/262.txt"
        path.write_text("a\nb\n" + GOOD + text + "\n")

    return change


def write(path, data):
    def change(root):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)

    return change


def drop(path):
    return lambda root: (root / path).unlink()


def cut(path):
    """Keep the header and some of the pixels: opening it succeeds, decoding does not."""
    Image.effect_noise((64, 64), 50).save(path)
    path.write_bytes(path.read_bytes()[:1500])


# what is wrong -> (how to make it so, words that the error must hold)
SGG = {
    "missing frame": (drop("CholecT45/data/VID01/000262.png"), ["262.txt:3", "missing frame", "000262.png"]),
    "unreadable image": (
        write("CholecT45/data/VID01/000262.png", b"\x89PNG\r\n\x1a\nnot"),
        ["qa_txt/VID01/262.txt:", "unreadable image", "000262.png"],
    ),
    "image cut short": (
        lambda root: cut(root / "CholecT45/data/VID01/000262.png"),
        ["qa_txt/VID01/262.txt:", "unreadable image", "000262.png"],
    ),
    "unknown label of a location line": (
        edit_line("What anatomy is at the center of the frame ?|spleen"),
        ["qa_txt/VID01/262.txt:4", "unknown label 'spleen'", "gallbladder"],
    ),
    "unknown label of a component": (
        edit_line("What is the red anatomy?|spleen|zero_hop.json|query_component|NA"),
        ["262.txt:4", "unknown label 'spleen'"],
    ),
    "too few columns": (edit_line("What is the red anatomy?"), ["262.txt:4", "too few columns (1)"]),
    "four columns": (edit_line("a|b|c|d"), ["262.txt:4", "too few columns (4)"]),
    "six columns": (edit_line("a|b|c|d|e|f"), ["262.txt:4", "too many columns (6)"]),
    "third column no coordinates": (edit_line("What?|gut|here"), ["262.txt:4", "is no [cx, cy]"]),
    "coordinates in the stem": (edit_line("What is at [157.0, 60.0]?|gut"), ["262.txt:4", "holds coordinates"]),
    "no header": (write("SSG-VQA/qa_txt/VID01/262.txt", b""), ["qa_txt/VID01/262.txt", "header"]),
    "duplicate id": (write("SSG-VQA/qa_txt/VID01/0262.txt", b"a\nb\n"), ["262.txt", "duplicate id"]),
    "foreign file": (write("SSG-VQA/qa_txt/VID01/notes.md", b""), ["VID01/notes.md", "no question file"]),
    "foreign folder": (write("SSG-VQA/qa_txt/other/1.txt", b""), ["qa_txt/other", "no video folder"]),
    "broken scene graph": (write("SSG-VQA/scene_graph/VID01_262.json", b"{"), ["VID01_262.json", "no valid JSON"]),
    "scene graph of another shape": (
        write("SSG-VQA/scene_graph/VID01_262.json", b'{"scenes": []}'),
        ["VID01_262.json", "no scene graph"],
    ),
}


@pytest.mark.parametrize("case", SGG)
def test_sgg(case, sgg, tmp_path, capsys):
    change, words = SGG[case]
    root = sgg({"VID01": {262: GOOD, 263: GOOD}, "VID70": {0: GOOD}})
    change(root)
    out = tmp_path / "out"
    assert run("prepare", "sgg", "--root", root, "--out", out) == 2
    error = capsys.readouterr().err
    assert all(word in error for word in ["error: ", "Fix: ", *words]), error
    assert not out.exists() and [p.name for p in tmp_path.iterdir()] == ["data"], "something was left behind"
    assert run("prepare", "sgg", "--root", root, "--out", out, "--skip-bad") == 0
    (skipped,) = load_manifest(out)["skipped"]
    assert words[0].rstrip(":") in skipped
    assert load_manifest(out)["counts"]["train"]["questions"] >= 1


IMAGE = "Images/BreakHis/benign/SOB_B_A-14-0000AB-40-000.png"
OMNIMED = {
    "gold answer not among the options": ({"gt_answer": "Fibrosis"}, ["gold answer 'Fibrosis' is not among"]),
    "a field is missing": ({"question": None}, ["too few fields: no question"]),
    "no modality": ({"modality_type": None}, ["neither modality_type nor modality"]),
    "duplicate id": ({"question_id": "BreakHis_0000"}, ["duplicate id 'BreakHis_0000'"]),
    "path goes up": ({"image_path": "../../secret.png"}, ["outside the root"]),
    "path is absolute": ({"image_path": "/etc/secret.png"}, ["outside the root"]),
    "path is a Windows drive": ({"image_path": "C:\\secret.png"}, ["outside the root"]),
    "missing image": ({"image_path": "Images/BreakHis/none.png"}, ["missing frame Images/BreakHis/none.png"]),
    "an option twice": ({"option_C": "Adenosis"}, ["an option occurs twice"]),
}


@pytest.mark.parametrize("case", OMNIMED)
def test_omnimed(case, omnimed, tmp_path, capsys):
    changes, words = OMNIMED[case]
    base = {"question_id": "BreakHis_0041", "question_type": "x", "question": "?", "gt_answer": "a"}
    base |= {"image_path": IMAGE, "modality_type": "Microscopy Images", "dataset": "BreakHis"}
    base |= dict(zip(("option_A", "option_B", "option_C", "option_D"), "abcd", strict=True))
    if case == "an option twice":
        base["option_B"] = "Adenosis"
    root = omnimed([base | changes])
    out = tmp_path / "out"
    assert run("prepare", "omnimed", "--root", root, "--out", out) == 2
    error = capsys.readouterr().err
    assert all(word in error for word in ["BreakHis.json:41", "Fix: ", *words]), error
    assert not out.exists()
    assert run("prepare", "omnimed", "--root", root, "--out", out, "--skip-bad") == 0
    (skipped,) = load_manifest(out)["skipped"]
    assert "BreakHis.json:41" in skipped
    counts = load_manifest(out)["counts"]
    assert sum(count["questions"] for count in counts.values()) == 40


# For the whole source there is nothing to skip.
FOLDERS = {
    "empty folder of questions": (("SSG-VQA/qa_txt",), "the folder is empty"),
    "no frames": ((), "no such folder"),
}


@pytest.mark.parametrize("case", FOLDERS)
def test_empty_sources(case, tmp_path, capsys):
    made, words = FOLDERS[case]
    for name in made:
        (tmp_path / "data" / name).mkdir(parents=True)
    (tmp_path / "frames/VID01").mkdir(parents=True)
    frames = ["--frames", tmp_path / "frames"] if made else []
    command = ["prepare", "sgg", "--root", tmp_path / "data", "--out", tmp_path / "out", *frames, "--skip-bad"]
    assert run(*command) == 2
    error = capsys.readouterr().err
    assert words in error and "Fix: " in error
    assert not (tmp_path / "out").exists()


def test_an_empty_video_folder(sgg, tmp_path, capsys):
    root = sgg()
    (root / "SSG-VQA/qa_txt/VID02").mkdir()
    assert run("prepare", "sgg", "--root", root, "--out", tmp_path / "out") == 2
    assert "VID02: the folder is empty" in capsys.readouterr().err


def test_a_released_record_that_contradicts_itself(real_data, tmp_path, capsys):
    entries = json.loads((real_data / "released/GRPO.json").read_bytes())[:3]
    entries[1]["solution"] = "B" if entries[1]["solution"] == "A" else "A"
    (tmp_path / "GRPO.json").write_text(json.dumps(entries))
    (tmp_path / "frames/VID01").mkdir(parents=True)
    command = ["prepare", "released", tmp_path / "GRPO.json", "--frames", tmp_path / "frames", "--out", tmp_path / "o"]
    assert run(*command) == 2
    assert "GRPO.json:1" in capsys.readouterr().err  # its picture is missing
    for entry in entries:
        path = tmp_path / "frames" / entry["images"].strip().removeprefix("/CholecT45/data/")
        path.parent.mkdir(exist_ok=True)
        Image.new("RGB", (4, 4)).save(path)
    assert run(*command) == 2
    assert "GRPO.json:2: not a released record (the solution is" in capsys.readouterr().err
    assert run(*command, "--skip-bad") == 0
    assert load_manifest(tmp_path / "o")["counts"]["train"]["questions"] == 2
