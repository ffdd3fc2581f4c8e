"""Data as they are met: folders and paths in other spellings, options alike but for form, a test side on request."""

import json
import shutil
from pathlib import Path

import pytest
from PIL import Image

from anatomy_r1.cli.main import main
from anatomy_r1.data import prepared
from anatomy_r1.data.inputs import BadRecord, DataError, Exclusions
from anatomy_r1.data.leakage.sides import leakage
from anatomy_r1.data.prepare.image_names import image_group
from anatomy_r1.data.prepare.omnimed import read_med_r1
from anatomy_r1.data.prepare.released import read_released
from anatomy_r1.question import Question
from tests.data.conftest import png, record

LEFT = (
    "What is the name of the anatomy that is left of the omentum object?|gallbladder|one_hop.json|query_component|NA\n"
)
OTHER = "What anatomy is at the bottom-mid of the frame ?|omentum\n"
TABLE = "OmniMedVQA/QA_information/Open-access/BreakHis.json"
IMAGE = "Images/BreakHis/benign/SOB_B_A-14-0000AB-40-000.png"


def run(*words):
    return main(["data", *map(str, words)])


def questions(out):
    return [question for side in prepared.all_splits(out).values() for question in side]


# --- case 7: folders -------------------------------------------------------------------------------------------------


def graphs_that_tell(folder):
    """Give every frame a graph in which gallbladder and liver are both left of the omentum."""
    for path in folder.glob("*.json"):
        content = json.loads(path.read_text())
        content["scenes"][0]["relationships"]["left"] = [[], [], [], [1, 2], []]
        path.write_text(json.dumps(content))


FOLDERS = {
    "the release's archive": {"SSG-VQA/scene_graph": "SSG-VQA/scene_graph_ssgqa/scene_graph"},
    "unpacked a level deeper": {
        "SSG-VQA/scene_graph": "SSG-VQA/scene_graph_ssgqa/scene_graph_ssgqa/scene_graph",
        "SSG-VQA/qa_txt": "SSG-VQA/qa_txt/qa_txt",
        "CholecT45/data": "CholecT45/CholecT45/data",
    },
    "archives side by side": {
        "SSG-VQA/scene_graph": "scene_graph_ssgqa/scene_graph",
        "SSG-VQA/qa_txt": "ssg-qa",
        "CholecT45/data": "CholecT50/videos",
    },
    "questions as ssg-qa": {"SSG-VQA/qa_txt": "SSG-VQA/ssg-qa", "SSG-VQA/scene_graph": "SSG-VQA/scene_graph_ssgqa"},
}


@pytest.mark.parametrize("word", FOLDERS)
def test_case_07_released_folder_names_are_found_by_what_they_hold(sgg, tmp_path, word):
    root = sgg({"VID01": {262: LEFT}, "VID70": {0: LEFT}})
    graphs_that_tell(root / "SSG-VQA/scene_graph")
    assert run("prepare", "sgg", "--root", root, "--out", tmp_path / "usual") == 0
    for number, (usual, there) in enumerate(FOLDERS[word].items()):
        aside = tmp_path / f"aside{number}"
        shutil.move(root / usual, aside)
        (root / there).parent.mkdir(parents=True, exist_ok=True)
        shutil.move(aside, root / there)
    assert run("prepare", "sgg", "--root", root, "--out", tmp_path / "out") == 0
    assert questions(tmp_path / "out") == questions(tmp_path / "usual")
    assert all("Liver" not in question.options for question in questions(tmp_path / "out"))


def test_case_07_an_option_may_name_the_folder_above(sgg, tmp_path):
    root = sgg()
    shutil.move(root / "SSG-VQA/scene_graph", tmp_path / "scene_graph_ssgqa/scene_graph")
    how = ["--scene-graphs", tmp_path / "scene_graph_ssgqa"]
    assert run("prepare", "sgg", "--root", root, "--out", tmp_path / "out", *how) == 0


def test_case_07_without_any_scene_graph_it_stops_and_says_how_to_go_on(sgg, tmp_path, capsys):
    root, out = sgg({"VID01": {262: LEFT}, "VID70": {0: LEFT}}, graphs=False), tmp_path / "out"
    for _ in range(2):
        assert run("prepare", "sgg", "--root", root, "--out", out) == 2
        error = capsys.readouterr().err
        assert "scene_graph: no frame has its scene graph" in error and "--no-scene-graphs" in error
        assert not out.exists()
        # graphs of other frames only: the same
        (root / "SSG-VQA/scene_graph").mkdir(exist_ok=True)
        (root / "SSG-VQA/scene_graph/VID05_1.json").write_text("{}")
    assert run("prepare", "sgg", "--root", root, "--out", out, "--no-scene-graphs") == 0
    assert prepared.load_manifest(out)["scene_graphs"] == "not used"


def test_case_07_frames_without_a_graph_are_counted(sgg, tmp_path, capsys):
    root = sgg({"VID01": {262: LEFT, 263: LEFT}, "VID70": {0: LEFT}})
    (root / "SSG-VQA/scene_graph/VID01_263.json").unlink()
    assert run("prepare", "sgg", "--root", root, "--out", tmp_path / "out") == 0
    assert prepared.load_manifest(tmp_path / "out")["excluded"]["scene graph missing (frame kept)"] == 1
    assert "1 x scene graph missing" in capsys.readouterr().out


def test_case_07_two_folders_that_both_fit_are_not_chosen_between(sgg, tmp_path, capsys):
    root = sgg()
    shutil.copytree(root / "SSG-VQA/scene_graph", root / "SSG-VQA/a/scene_graph")
    shutil.move(root / "SSG-VQA/scene_graph", root / "SSG-VQA/b/scene_graph")
    assert run("prepare", "sgg", "--root", root, "--out", tmp_path / "out") == 2
    assert "are in 2 folders" in (error := capsys.readouterr().err) and "Fix: choose by --scene-graphs" in error


@pytest.mark.parametrize("change", [{"component": 5}, {"component": None}, {"type": ["anatomy"]}, {"location": {}},
                                    {"color": 3}], ids=repr)  # fmt: skip
def test_case_07_an_object_of_another_kind_is_no_scene_graph(sgg, tmp_path, capsys, change):
    root = sgg()
    path = root / "SSG-VQA/scene_graph/VID01_262.json"
    content = json.loads(path.read_text())
    content["scenes"][0]["objects"][1] |= change
    path.write_text(json.dumps(content))
    assert run("prepare", "sgg", "--root", root, "--out", tmp_path / "out") == 2
    assert "VID01_262.json: no scene graph" in (error := capsys.readouterr().err) and "Fix: " in error


# --- case 8: grouping by patient -------------------------------------------------------------------------------------

SAME_PATIENT = "{}/benign/SOB_B_A-14-2523-40-010.png", "{}/benign/SOB_B_A-14-2523-100-001.png"


@pytest.mark.parametrize(
    "dataset", ["BreakHis", "breakhis", "Breakhis", "BreaKHis", "BREAKHIS", "BreaKHis_v1", "x", ""]
)
@pytest.mark.parametrize("folder", ["BreakHis", "breakhis", "BreaKHis_v1"])
def test_case_08_patients_are_grouped_by_the_folder_spelling_aside(dataset, folder):
    groups = [image_group(dataset, f"Images/{name.format(folder)}") for name in SAME_PATIENT]
    assert {(one.name, one.unit) for one in groups} == {("BreakHis/14-2523", "patient")}


@pytest.mark.parametrize(
    ("dataset", "name", "unit"),
    [
        ("NLM-Malaria", "Parasitized/C100P61ThinF_IMG_20150918_144823_cell_158.png", "patient"),
        ("nlm- malaria data", "Parasitized/C100P61ThinF_IMG_20150918_144823_cell_158.png", "patient"),
        ("Malig_Lymph", "FL/sj-05-5311-R1_005.tif", "slide"),
        ("biomeditech", "train/2_00051_008_2_1.tif", "picture"),
        ("blood_cell", "LYMPHOCYTE/_0_1022.jpeg", "picture"),
        ("mhsma", "test/test_1.jpg", "picture"),
    ],
)
def test_case_08_so_is_every_source_whose_file_names_say_more(dataset, name, unit):
    assert image_group(dataset, f"Images/{dataset}/{name}").unit == unit
    assert image_group("another name", f"Images/{dataset}/{name}").unit == unit
    assert image_group(dataset, f"Images/other/{name}").unit == unit


@pytest.mark.parametrize(("dataset", "kind"), [("breakhis", "changed"), ("Histology", "warned"), ("MHSMA", "warned")])
def test_case_08_no_patient_is_on_both_sides(omnimed, tmp_path, capsys, dataset, kind):
    root = omnimed()
    entries = json.loads((root / TABLE).read_text())
    for entry in entries[::2]:  # the two records of an image differ in their spelling
        entry["dataset"] = dataset
    (root / TABLE).write_text(json.dumps(entries))
    assert run("prepare", "omnimed", "--root", root, "--out", tmp_path / "out", "--test-fraction", "0.3") == 0
    manifest, sides = prepared.load_manifest(tmp_path / "out"), prepared.all_splits(tmp_path / "out")
    patients = [{Path(q.image).name.split("-")[2] for q in side} for side in sides.values()]
    assert len(patients) == 2 and not patients[0] & patients[1]
    assert manifest["counts"]["test"]["questions"] == 12
    (told,) = (name for name, n in manifest[kind].items() if dataset in name and n == 20)
    assert (f"WARNING: 20 x {told}" in capsys.readouterr().out) == (kind == "warned")


def test_case_08_a_file_name_without_its_patient_is_a_warning(omnimed, tmp_path):
    root = omnimed()
    entries = json.loads((root / TABLE).read_text())
    entries[0]["image_path"] = "Images/BreakHis/benign/picture.png"
    png(root / "OmniMedVQA/Images/BreakHis/benign/picture.png")
    (root / TABLE).write_text(json.dumps(entries))
    assert run("prepare", "omnimed", "--root", root, "--out", tmp_path / "out") == 0
    warned = prepared.load_manifest(tmp_path / "out")["warned"]
    assert warned.pop("a question again under another id, so that it counts twice") == 19  # the tree's other images
    assert warned == {"file name of BreakHis without its patient: grouped by image": 1}


# --- case 9: what models are shown is counted ------------------------------------------------------------------------


def test_case_09_changed_images_are_counted_in_the_manifest(omnimed, tmp_path, capsys):
    import numpy as np

    root = omnimed()
    deep = Image.fromarray((np.arange(64).reshape(8, 8) * 60).astype(np.uint16))
    exif = Image.Exif()
    exif[0x0112] = 6
    for number in (0, 4):
        deep.save(root / f"OmniMedVQA/Images/BreakHis/benign/SOB_B_A-14-{number // 4:04d}AB-40-{number // 2:03d}.png")
    Image.new("RGB", (8, 9)).save(root / "OmniMedVQA" / IMAGE.replace("000.png", "001.png"), exif=exif)
    assert run("prepare", "omnimed", "--root", root, "--out", tmp_path / "out") == 0
    changed = prepared.load_manifest(tmp_path / "out")["changed"]
    assert changed == {"more than 8 bits scaled by range": 2, "EXIF orientation applied": 1}
    assert "2 x more than 8 bits" in capsys.readouterr().out


def test_case_20_a_narrow_picture_is_refused_or_skipped_when_the_data_are_prepared(omnimed, tmp_path, capsys):
    root = omnimed()
    Image.new("RGB", (402, 2)).save(root / "OmniMedVQA" / IMAGE)
    command = ["prepare", "omnimed", "--root", root, "--out", tmp_path / "out"]
    assert run(*command) == 2
    assert "BreakHis.json:1: unreadable image" in (error := capsys.readouterr().err) and "200 times the other" in error
    assert run(*command, "--skip-bad") == 0
    assert len(prepared.load_manifest(tmp_path / "out")["skipped"]) == 2


# --- case 10: options alike but for form -----------------------------------------------------------------------------

ALIKE = {
    "case and full stop": "adenosis.",
    "case": "ADENOSIS",
    "runs of blanks": " Adenosis ",
    "no-break space around": "Adenosis\u00a0",
}


@pytest.mark.parametrize("word", ALIKE)
def test_case_10_options_alike_but_for_form_are_refused(omnimed, tmp_path, capsys, word):
    root = omnimed()
    entries = json.loads((root / TABLE).read_text())
    entries[3]["option_C"] = ALIKE[word]
    (root / TABLE).write_text(json.dumps(entries))
    command = ["prepare", "omnimed", "--root", root, "--out", tmp_path / "out"]
    assert run(*command) == 2
    assert "BreakHis.json:4: an option occurs twice" in capsys.readouterr().err
    assert run(*command, "--skip-bad") == 0
    assert len(questions(tmp_path / "out")) == 39


@pytest.mark.parametrize("blank", ["", "  ", None, float("nan"), "nan", "NaN", "null", "\u00a0"])
def test_case_10_a_blank_option_is_no_option(omnimed, tmp_path, blank):
    root = omnimed()
    entries = json.loads((root / TABLE).read_text())
    entries[3]["option_C"] = blank
    (root / TABLE).write_text(json.dumps(entries))
    assert run("prepare", "omnimed", "--root", root, "--out", tmp_path / "out") == 0
    assert prepared.load_manifest(tmp_path / "out")["excluded"] == {"3 options": 1}
    assert len(questions(tmp_path / "out")) == 39


@pytest.mark.parametrize("cut", ["\n", "\r\n", " \n ", "\u2028"])
def test_an_option_stands_on_one_line(omnimed, tmp_path, cut):
    """A prompt would show the rest of it as an option of its own."""
    changes = {"option_A": f"Lobular{cut}B. carcinoma", "option_B": f"Adenosis{cut}tumour"}
    image = "Images/BreakHis/benign/SOB_B_A-14-0000AB-40-000.png"
    root = omnimed([record(99, image, **changes, gt_answer=f"Adenosis{cut}tumour")])
    assert run("prepare", "omnimed", "--root", root, "--out", tmp_path / "out") == 0
    (found,) = (q for q in questions(tmp_path / "out") if q.id == "BreakHis_0099")
    assert (found.options[:2], found.letter) == (("Lobular B. carcinoma", "Adenosis tumour"), "B")
    changed = json.loads((tmp_path / "out/manifest.json").read_text())["changed"]
    assert changed["line break in an option read as a blank"] == 1


@pytest.mark.parametrize("problem", ["Q? A)Light microscopy, B)light microscopy., C)MRI", "Q? A)MRI, B), C)CT"])
def test_case_10_so_are_the_options_of_a_split_file(problem):
    entry = {"image": IMAGE, "problem": problem, "solution": "<answer> A </answer>"}
    with pytest.raises(BadRecord, match=r"micro\.json:1: .*(occurs twice|blank).* Fix: "):
        list(read_med_r1(json.dumps([entry]).encode(), "micro.json", Exclusions()))


# --- case 12: image paths --------------------------------------------------------------------------------------------

INNER = IMAGE.removeprefix("Images/")
SPELLED = {
    "another case of the folder": f"images/{INNER}",
    "below Images": INNER,
    "with OmniMedVQA": f"OmniMedVQA/{IMAGE}",
    "with OmniMedVQA twice": f"OmniMedVQA/OmniMedVQA/{IMAGE}",
    "blanks around": f" {IMAGE} ",
    "backslashes": IMAGE.replace("/", "\\"),
    "begins with ./": f"./{IMAGE}",
    "slashes twice": IMAGE.replace("/", "//"),
    "another case of a folder": IMAGE.replace("BreakHis", "breakhis"),
    "another case of the ending": IMAGE.replace(".png", ".PNG"),
    "all of it": f" .\\omnimedvqa\\images\\{INNER.replace('/', chr(92)).upper()}",
}


def with_path(root, stated, **more):
    entries = json.loads((root / TABLE).read_text())
    entries[0] = {**entries[0], "image_path": stated, **more}
    (root / TABLE).write_text(json.dumps(entries))
    return root


@pytest.mark.parametrize("word", SPELLED)
def test_case_12_spellings_of_an_image_path_are_found(omnimed, tmp_path, word):
    root = with_path(omnimed(), SPELLED[word])
    assert run("prepare", "omnimed", "--root", root, "--out", tmp_path / "out") == 0
    (found,) = [q for q in questions(tmp_path / "out") if q.id == "BreakHis_0000"]
    assert (found.image, found.cluster) == (IMAGE, "BreakHis/14-0000")
    assert prepared.load_manifest(tmp_path / "out")["changed"] == {"image_path respelled": 1}


def test_case_12_a_path_that_can_mean_two_files_is_refused(omnimed, tmp_path, capsys):
    root = omnimed()
    png(root / "OmniMedVQA" / IMAGE.replace("benign", "Benign"))
    with_path(root, IMAGE.replace("benign", "BENIGN"))
    assert run("prepare", "omnimed", "--root", root, "--out", tmp_path / "out") == 2
    assert "BreakHis.json:1: image_path" in (error := capsys.readouterr().err) and "can mean" in error
    with_path(root, IMAGE)  # exactly one of them
    assert run("prepare", "omnimed", "--root", root, "--out", tmp_path / "out") == 0


NO_PATHS = {
    "a list": [IMAGE],
    "a number": 5,
    "a truth value": True,
    "an object": {"path": IMAGE},
    "null": None,
    "blank": "  ",
    "NaN": float("nan"),
    "absolute": f"/data/{IMAGE}",
    "a Windows drive": "C:\\Images\\a.png",
    "leaves the root": "Images/../../secret.png",
    "leaves by backslashes": "Images\\..\\..\\secret.png",
    "a null character": "Images/a\0.png",
    "the folder itself": "Images",
    "a dot": ".",
    "longer than a file name can be": "Images/" + "a" * 300,
    "half a surrogate": "Images/\ud800.png",
}


@pytest.mark.parametrize("word", NO_PATHS)
def test_case_12_what_is_no_path_names_file_record_and_cure(omnimed, tmp_path, capsys, word):
    root = with_path(omnimed(), NO_PATHS[word])
    command = ["prepare", "omnimed", "--root", root, "--out", tmp_path / "out"]
    assert run(*command) == 2
    error = capsys.readouterr().err
    assert "BreakHis.json:1: " in error and "Fix: " in error and error.count("\n") == 1
    assert not (tmp_path / "out").exists()
    assert run(*command, "--skip-bad") == 0
    assert len(prepared.load_manifest(tmp_path / "out")["skipped"]) == 1
    assert len(questions(tmp_path / "out")) == 39


# --- records of any kind ---------------------------------------------------------------------------------------------

WRONG = [[], {}, True, {"a": 1}, ["x"], "\0", "\ud800"]
OMNIMED_FIELDS = ["dataset", "question_id", "question_type", "question", "gt_answer", "option_A", "modality_type"]


@pytest.mark.parametrize("field", OMNIMED_FIELDS)
@pytest.mark.parametrize("value", WRONG, ids=repr)
def test_case_12_a_value_of_another_kind_names_file_record_and_field(omnimed, tmp_path, capsys, field, value):
    root = with_path(omnimed(), IMAGE, **{field: value})
    command = ["prepare", "omnimed", "--root", root, "--out", tmp_path / "out"]
    assert run(*command) == 2
    error = capsys.readouterr().err
    assert f"BreakHis.json:1: {field}: " in error and "Fix: " in error and error.count("\n") == 1
    assert run(*command, "--skip-bad") == 0
    assert len(questions(tmp_path / "out")) == 39


MED_R1 = {"image": IMAGE, "problem": "Which? A)MRI, B)CT", "solution": "<answer> A </answer>"}
RELEASED_FIELDS = ["instruction", "sft_prompt", "solution", "answer", "images"]


@pytest.mark.parametrize("field", list(MED_R1))
@pytest.mark.parametrize("value", [*WRONG, None, float("nan"), 7], ids=repr)
def test_case_12_so_does_one_of_a_split_file(field, value):
    data = json.dumps([MED_R1, MED_R1 | {field: value}]).encode()
    with pytest.raises(BadRecord, match=r"^micro\.json:2: .*Fix: "):
        list(read_med_r1(data, "micro.json", Exclusions()))
    account = Exclusions(skip_bad=True)
    assert len(list(read_med_r1(data, "micro.json", account))) == len(account.skipped) == 1


@pytest.mark.parametrize("field", RELEASED_FIELDS)
@pytest.mark.parametrize("value", [*WRONG, None, float("nan"), 7], ids=repr)
def test_case_12_so_does_one_of_the_release(real_data, field, value):
    good = json.loads((real_data / "released/GRPO.json").read_bytes())[0]
    data = json.dumps([good, good | {field: value}]).encode()
    with pytest.raises(BadRecord, match=r"^GRPO\.json:2: .*Fix: "):
        list(read_released(data, "GRPO.json", Exclusions()))
    account = Exclusions(skip_bad=True)
    assert len(list(read_released(data, "GRPO.json", account))) == len(account.skipped) == 1


@pytest.mark.parametrize(
    ("stated", "frame"),
    [
        (" /CholecT45/data/VID50/000294.png", "VID50/000294.png"),
        ("CholecT45/data/VID50/000294.png", "VID50/000294.png"),
        ("\\CholecT45\\data\\VID50\\000294.png", "VID50/000294.png"),
        ("./CholecT45/CholecT45/data/VID50/000294.png", "VID50/000294.png"),
        ("data/VID50/000294.png", "VID50/000294.png"),
        ("VID50/000294.png", "VID50/000294.png"),
        ("/CholecT45/data/../../VID50/000294.png", None),
        ("/home/CholecT45/data/VID50/000294.png", None),
        ("/CholecT45/data/VID50", None),
        ("/CholecT45/data/VID50/000294_noise.png", "VID50/000294_noise.png"),
        ("/CholecT45/data/VID50/", None),
    ],
)
def test_case_12_paths_of_the_release(real_data, stated, frame):
    good = json.loads((real_data / "released/GRPO.json").read_bytes())[0]
    account = Exclusions(skip_bad=True)
    found = list(read_released(json.dumps([good | {"images": stated}]).encode(), "GRPO.json", account))
    assert [record.question.image for record in found] == ([frame] if frame else [])
    assert len(account.skipped) == (frame is None)


FILES = {
    "a BOM": (b"\xef\xbb\xbf[%s]", None),
    "UTF-16": ("[%s]".encode("utf-16"), None),
    "blank lines": (b"\n\n[%s]\n\n", None),
    "a key twice": (b'[{"image": "b.png", %s]', "micro.json:1: key 'image' twice"),
    "no list": (b'{"a": %s}', "micro.json: no list of records"),
    "a text among the records": (b'["x", %s]', "micro.json:1: no record"),
    "cut short": (b"[%s", "micro.json: no valid JSON"),
    "empty": (b"", "micro.json: no valid JSON"),
    "bytes": (b"\x80\x81[%s]", "micro.json: no valid JSON"),
    "nested too deeply": (b"[" * 200_000, "micro.json: no valid JSON"),
    "a number without end": (b"[" + b"9" * 5000 + b"]", "micro.json: no valid JSON"),
}


@pytest.mark.parametrize("word", FILES)
def test_case_12_files_as_they_are(word):
    form, problem = FILES[word]
    record = json.dumps(MED_R1)
    text = record[1:] if word == "a key twice" else record
    wide = word == "UTF-16"
    data = form.decode("utf-16").replace("%s", text).encode("utf-16") if wide else form.replace(b"%s", text.encode())
    if problem is None:
        assert len(list(read_med_r1(data, "micro.json", Exclusions()))) == 1
    else:
        with pytest.raises(BadRecord, match=f"^{problem}.*Fix: ") as caught:
            list(read_med_r1(data, "micro.json", Exclusions()))
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [{"train": "VID01", "test": ["VID02"]}, {"train": None, "test": []}, [], 5,
                                     {"train": [1], "test": ["VID02"]}], ids=repr)  # fmt: skip
def test_case_12_a_table_of_splits_of_another_kind(sgg, tmp_path, capsys, content):
    root = sgg()
    (root / "SSG-VQA/splits.json").write_text(json.dumps(content))
    assert run("prepare", "sgg", "--root", root, "--out", tmp_path / "out") == 2
    assert "splits.json: " in (error := capsys.readouterr().err) and "Fix: write" in error


@pytest.mark.parametrize(
    "change",
    [{"image_root": 5}, {"counts": None}, {"counts": {"train": 3}}, {"inputs": []}, {"wordings": ["a"]},
     {"excluded": 1}, {"generated": "no"}, {"format_version": "1"}],
    ids=repr,
)  # fmt: skip
def test_case_12_a_manifest_of_another_kind(sgg, tmp_path, change):
    assert run("prepare", "sgg", "--root", sgg(), "--out", tmp_path / "out") == 0
    path = tmp_path / "out/manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(DataError, match=r"manifest\.json: .*Fix: make it again"):
        prepared.load(tmp_path / "out")


# --- case 34: a test side of the release -----------------------------------------------------------------------------


@pytest.fixture
def released(real_data, tmp_path):
    """Prepares 60 records of the release, with frames; returns (exit status, folder of the set)."""
    entries = json.loads((real_data / "released/GRPO.json").read_bytes())[:60]
    (tmp_path / "GRPO.json").write_text(json.dumps(entries))
    for number, entry in enumerate(entries):
        path = tmp_path / "frames" / entry["images"].strip().removeprefix("/CholecT45/data/")
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.effect_noise((32, 32), 50 + number).convert("RGB").save(path)

    def prepare(*words, out="out"):
        files = [tmp_path / "GRPO.json", "--frames", tmp_path / "frames", "--out", tmp_path / out]
        return run("prepare", "released", *files, *words), tmp_path / out

    return prepare


def videos(out):
    return {side: {q.cluster for q in asked} for side, asked in prepared.all_splits(out).items()}


def test_case_34_all_of_the_release_trains_unless_a_test_side_is_asked_for(released):
    status, out = released()
    assert status == 0 and set(videos(out)) == {"train"}


def test_case_34_a_share_of_whole_videos_is_for_testing(released):
    status, out = released("--test-share", "0.3")
    assert status == 0
    found, manifest = videos(out), prepared.load_manifest(out)
    assert found["test"] and not found["test"] & found["train"]
    assert manifest["split_rule"] == "by video, test 0.3" and manifest["split_inferred"]
    assert 9 <= manifest["counts"]["test"]["questions"] <= 18
    assert manifest["counts"]["test"]["questions"] + manifest["counts"]["train"]["questions"] == 60
    passport = leakage(out)
    assert {"cluster", "image", "question_image"} & set(passport.not_clean) == set()
    assert prepared.find_set("sgg_anatomy", out, "test").wording == "answer", "so it can be evaluated"
    assert videos(released("--test-share", "0.3", out="again")[1]) == found
    assert videos(released("--test-share", "0.3", "--seed", "5", out="other")[1]) != found


def test_case_34_videos_can_be_named(released):
    _, out = released()
    first, second, *_ = sorted(videos(out)["train"])
    status, out = released("--test-videos", first, second)
    assert status == 0 and videos(out)["test"] == {first, second}
    assert prepared.load_manifest(out)["split_rule"] == f"test on {first}, {second}"


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--test-videos", "VID99"], "no question on VID99"),
        (["--test-share", "0.001"], "no video is as small as that"),
        (["--test-share", "1"], "leaves nothing to train on"),
        (["--test-share", "nan"], "leaves nothing to train on"),
        (["--test-share", "-0.1"], "leaves nothing to train on"),
        (["--test-share", "0.2", "--test-videos", "VID01"], "named twice"),
    ],
)
def test_case_34_a_test_side_that_cannot_be_is_refused(released, capsys, words, problem):
    status, out = released(*words)
    assert status == 2 and not out.exists()
    assert problem in (error := capsys.readouterr().err) and "Fix: " in error


def test_case_34_the_release_with_scene_graphs_that_fit_no_frame_stops(released, tmp_path, capsys):
    (tmp_path / "graphs").mkdir()
    (tmp_path / "graphs/VID99_1.json").write_text("{}")
    status, out = released("--scene-graphs", tmp_path / "graphs")
    assert status == 2 and not out.exists()
    assert "no frame has its scene graph" in (error := capsys.readouterr().err) and "leave --scene-graphs out" in error


LOOK_ALIKE = {
    "Unicode forms": ("Sj\u00f6gren", "Sjo\u0308gren"),
    "an invisible character": ("Polyp", "Polyp\u200b"),
    "full width": ("Polyp", "\uff30olyp"),
    "punctuation at the end": ("Polyp", "Polyp,"),
    "quotes": ("Polyp", '"Polyp"'),
    "an HTML entity": ("Polyp", "Polyp&nbsp;"),
    "dashes": ("T-cell", "T\u2010cell"),
}


@pytest.mark.parametrize("kind", LOOK_ALIKE)
def test_case_10_options_that_look_alike_are_refused(kind):
    with pytest.raises(ValueError, match="occurs twice"):
        Question("q", "omnimed_mi", "What?", (*LOOK_ALIKE[kind], "Other"), "Other", "a.png", "c", "p")


@pytest.mark.parametrize(
    "options", [("<5 mg", ">5 mg"), ("ER-", "ER+"), ("T2", "T2*"), ("5", "5 %"), ("Stage I", "Stage II")]
)
def test_case_10_signs_tell_options_apart(options):
    assert Question("q", "omnimed_mi", "What?", options, options[0], "a.png", "c", "p").letter == "A"


@pytest.mark.parametrize(
    ("names", "dataset"),
    [
        (("cell/C30P1thinF_a_1.png", "cell/c30P1thinF_b_2.png"), "NLM- Malaria Data"),
        (("CLL/SJ-05-1000_000.png", "CLL/sj-05-1000_001.png"), "MAlig Lymph"),
        (("EOSINOPHIL/_12_345.png", "eosinophil/_12_999.png"), "Blood Cell"),
    ],
    ids=["a patient", "a slide", "a picture"],
)
def test_case_08_the_case_of_a_file_name_makes_no_other_patient(names, dataset):
    one, other = (image_group(dataset, f"Images/{dataset}/{name}") for name in names)
    assert one == other
    assert one.unit != "image"


def changed(omnimed, **changes):
    """The tree with changes to its fourth record, and the arguments of its preparation but for `--out`."""
    root = omnimed()
    entries = json.loads((root / TABLE).read_text())
    entries[3] |= changes
    (root / TABLE).write_text(json.dumps(entries))
    return ["prepare", "omnimed", "--root", root]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"option_A": "B", "option_B": "A", "gt_answer": "A"}, "option 'B' is the letter of another one"),
        ({"option_E": "Something else"}, "option_E: the benchmark has options A to D"),
    ],
    ids=["letters as texts", "a fifth option"],
)
def test_case_10_options_that_cannot_be_asked_are_refused(omnimed, tmp_path, capsys, changes, said):
    assert run(*changed(omnimed, **changes), "--out", tmp_path / "out") == 2
    assert f"BreakHis.json:4: {said}" in capsys.readouterr().err


def test_case_10_a_question_again_with_another_answer_is_warned_of(omnimed, tmp_path, capsys):
    assert run(*changed(omnimed, gt_answer="Polyp"), "--out", tmp_path / "out") == 0
    warned = prepared.load_manifest(tmp_path / "out")["warned"]
    assert warned["a question again with another answer, so that one of the two is wrong"] == 1
    assert "another answer" in capsys.readouterr().out


@pytest.mark.parametrize(("question", "times"), [({}, 20), ({"question": "What is seen at the left?"}, 19)])
def test_case_10_a_question_again_under_another_id_is_warned_of(omnimed, tmp_path, capsys, question, times):
    """Each of the tree's twenty images has two records with one question."""
    assert run(*changed(omnimed, **question), "--out", tmp_path / "out") == 0
    warned = prepared.load_manifest(tmp_path / "out")["warned"]
    assert warned["a question again under another id, so that it counts twice"] == times
    assert "counts twice" in capsys.readouterr().out
