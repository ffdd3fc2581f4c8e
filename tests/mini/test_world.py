"""The mini world's files: formats, grammar, truth, determinism."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from anatomy_r1.mini import world as world_module
from anatomy_r1.mini.classes import ANATOMIES, COLORS, POSITIONS, label
from anatomy_r1.mini.fingerprint import frozen_test_hash
from anatomy_r1.mini.scene import CELL, MIN_PURITY, draw_look, draw_scene
from anatomy_r1.mini.world import WORLD_SOURCES, WorldSpec, world_hash, write_world

LABELS = {label(name) for name in ANATOMIES}
PLACE = "|".join(POSITIONS)
COLOR, NAME, NOUN = r"(red|brown|white|yellow)", "|".join(sorted(LABELS)), r"(anatomy|thing|object)"
GRAMMAR = {
    "location": rf"What anatomy is at the ({PLACE}) of the frame \?\|({NAME})\|\[\d+\.\d+, \d+\.\d+\]",
    "zero_hop": rf"What is the {COLOR} ({PLACE}) anatomy\?\|({NAME})\|zero_hop\.json\|query_component\|NA",
    "one_hop": (
        rf"What is the name of the {COLOR} {NOUN} (above|below|left of|right of) the ({PLACE}) ({NAME}) anatomy\?"
        rf"\|({NAME})\|one_hop\.json\|query_component\|relate_spatial"
    ),
}


def question_files(root: Path) -> list[Path]:
    return sorted((root / "SSG-VQA" / "qa_txt").rglob("*.txt"))


def graph(root: Path, file: Path) -> dict:
    text = (root / "SSG-VQA" / "scene_graph" / f"{file.parent.name}_{file.stem}.json").read_text()
    return json.loads(text)["scenes"][0]


def anatomy_lines(file: Path) -> list[str]:
    return [line for line in file.read_text().splitlines()[2:] if line.split("|")[1] in LABELS]


def test_every_anatomy_line_is_in_the_grammar(tiny_world):
    families = Counter()
    for file in question_files(tiny_world):
        for line in anatomy_lines(file):
            fits = [name for name, pattern in GRAMMAR.items() if re.fullmatch(pattern, line)]
            assert len(fits) == 1, f"{file}: {line}"
            families[fits[0]] += 1
    assert set(families) == set(GRAMMAR)


def test_files_have_lines_that_a_reader_must_leave_out(tiny_world):
    rest = [
        ln for f in question_files(tiny_world) for ln in f.read_text().splitlines()[2:] if ln not in anatomy_lines(f)
    ]
    assert any(line.split("|")[1] == "" for line in rest), "no empty answer"
    assert {"count", "exist", "query_color", "query_component"} <= {p for line in rest for p in line.split("|")[3:4]}


def test_location_answers_agree_with_the_scene_graph(tiny_world):
    for file in question_files(tiny_world):
        objects = graph(tiny_world, file)["objects"]
        truth = {o["location"]: o for o in objects if o["type"] == "anatomy"}
        for line in anatomy_lines(file):
            match = re.fullmatch(GRAMMAR["location"], line)
            if match:
                assert truth[match[1]]["component"] == match[2]
                assert str(truth[match[1]]["center"]) in line


def test_one_hop_answers_follow_the_scene_graph_s_relations(tiny_world):
    checked = 0
    for file in question_files(tiny_world):
        scene = graph(tiny_world, file)
        for line in anatomy_lines(file):
            match = re.fullmatch(GRAMMAR["one_hop"], line)
            if not match:
                continue
            color, _, relation, place, name, answer = match.groups()
            objects = scene["objects"]
            where = [i for i, o in enumerate(objects) if o["location"] == place and o["component"] == name]
            found = [objects[j] for i in where for j in scene["relationships"][relation.removesuffix(" of")][i]]
            assert [(o["component"], o["color"]) for o in found] == [(answer, color)]
            checked += 1
    assert checked > 5


def test_left_lists_what_lies_left(tiny_world):
    scenes = [graph(tiny_world, file) for file in question_files(tiny_world)]
    pairs = [(s, i, j) for s in scenes for i, found in enumerate(s["relationships"]["left"]) for j in found]
    assert len(pairs) > 20
    assert all(s["objects"][j]["bbox"][0] < s["objects"][i]["bbox"][0] for s, i, j in pairs)


@pytest.mark.slow
def test_cells_say_what_their_pixels_show():
    rng = np.random.default_rng(5)
    look = replace(draw_look(rng), tint=np.zeros(3), gain=1.0)
    blueness: dict[str, list[float]] = {name: [] for name in ANATOMIES}
    for scene in (draw_scene(rng, look) for _ in range(150)):
        for i in (1, 3, 4, 5, 7):  # the corners' pixels are darkened by the border
            cell = scene.cells[i]
            row, column = divmod(i, 3)
            block = scene.image[row * CELL : (row + 1) * CELL, column * CELL : (column + 1) * CELL]
            if cell.purity > 0.9:
                plain = COLORS[cell.color]
                blueness[cell.name].append(block[..., 2].mean() - block[..., 1].mean() - (plain[2] - plain[1]))
    means = {name: np.mean(values) for name, values in blueness.items()}
    assert max(means, key=means.get) == "Cystic Plate" and min(means, key=means.get) == "Omentum", means


def test_clear_cells_are_pure():
    rng = np.random.default_rng(6)
    scene = draw_scene(rng, draw_look(rng))
    assert scene.clear() == [i for i, cell in enumerate(scene.cells) if cell.purity >= MIN_PURITY]


def test_splits_name_every_video_once(tiny_world, tiny_spec):
    splits = json.loads((tiny_world / "SSG-VQA" / "splits.json").read_text())
    videos = [v for names in splits.values() for v in names]
    assert {k: len(v) for k, v in splits.items()} == {"train": 2, "validation": 1, "test": 2}
    assert sorted(videos) == sorted({f.parent.name for f in question_files(tiny_world)}) == sorted(set(videos))


def test_every_question_file_has_its_frame(tiny_world):
    for file in question_files(tiny_world):
        frame = tiny_world / "CholecT45" / "data" / file.parent.name / f"{int(file.stem):06d}.png"
        with Image.open(frame) as image:
            assert (image.size, image.mode) == ((84, 84), "RGB")


def test_microscopy_records_have_omnimed_s_fields(tiny_world):
    files = sorted((tiny_world / "OmniMedVQA" / "QA_information" / "Open-access").glob("*.json"))
    records = [record for file in files for record in json.loads(file.read_text())]
    assert len({record["question_id"] for record in records}) == len(records) == 60
    for record in records:
        options = [record[key] for key in ("option_A", "option_B", "option_C", "option_D") if key in record]
        assert record["gt_answer"] in options and len(options) in (2, 4)
        assert record["modality_type"] == "Microscopy Images"
        assert (tiny_world / "OmniMedVQA" / record["image_path"]).is_file()
    assert {"option_C" in record for record in records} == {True, False}, "two- and four-option records"


@pytest.mark.slow
def test_same_spec_same_bytes_and_another_seed_keeps_the_frozen_test(tmp_path, tiny_world, tiny_spec):
    again = write_world(tmp_path / "again", tiny_spec, progress=False)
    facts = json.loads((tiny_world / "world.json").read_text())
    assert again.text_sha256 == facts["text_sha256"] and again.pixels_sha256 == facts["pixels_sha256"]
    other = write_world(tmp_path / "other", replace(tiny_spec, seed=99), progress=False)
    assert other.text_sha256 != again.text_sha256
    assert frozen_test_hash(tmp_path / "other") == frozen_test_hash(tiny_world)


def test_a_full_folder_is_refused(tmp_path, tiny_spec):
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(FileExistsError, match="not empty"):
        write_world(tmp_path, tiny_spec, progress=False)
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("wrong", [{"slides": 0}, {"seed": WorldSpec.test_seed}])
def test_impossible_specs_are_refused(wrong):
    with pytest.raises(ValueError):
        WorldSpec(**wrong)


class TestVideos(WorldSpec):
    """A world of its test videos alone, under their names; each video has random numbers of its own."""

    __test__ = False

    def videos(self):
        return {split: names if split == "test" else [] for split, names in super().videos().items()}


@pytest.mark.slow
def test_the_frozen_test_set_is_as_frozen(tmp_path):
    """The default world's test videos were fixed before any tuning; a change here makes committed results worthless."""
    write_world(tmp_path / "world", TestVideos(slides=1), progress=False)
    assert frozen_test_hash(tmp_path / "world") == "f23c4c2476b95507d134a0ef9033d6b32a4e32eee71c0fb49c821018d5ff79c1"


def test_the_hash_of_a_world_covers_its_spec_and_names_modules_that_exist():
    assert world_hash(WorldSpec()) == world_hash(WorldSpec())
    assert world_hash(WorldSpec()) != world_hash(WorldSpec(frames_per_video=41))
    folder = Path(world_module.__file__).parent
    assert all((folder / name).is_file() for name in WORLD_SOURCES)
