"""Tiny trees in the real on-disk formats, written by hand for these tests."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

HEADER = "gallbladder,liver,omentum\ngrasper\n"
# One of each line form that SSG-VQA has, around four anatomies.
LINES = """\
What anatomy is at the top-mid of the frame ?|cystic_plate|[157.0, 60.0]
What anatomy is at the top-left of the frame ?|liver|[57.5, 60.0]
What anatomy is at the bottom-mid of the frame ?|omentum
What anatomy is at the mid-left of the frame ?||[-3.0, 61.0]
How many top-mid instruments are there?|1|zero_hop.json|count|NA
Are there any top-mid things left of the top-mid hook instrument?|True|one_hop.json|exist|relate_spatial
There is a white object below the liver object; what is it?|gallbladder|one_hop.json|query_component|relate_spatial
What is the silver instrument?|grasper|zero_hop.json|query_component|NA
What is the red anatomy?|cystic_plate|zero_hop.json|query_component|NA
What is the yellow anatomy?|peritoneum|zero_hop.json|query_component|NA
"""
OBJECTS = [
    ("cystic_plate", "anatomy", "top-mid"),
    ("liver", "anatomy", "top-left"),
    ("gallbladder", "anatomy", "mid-left"),
    ("omentum", "anatomy", "bottom-mid"),
    ("grasper", "instrument", "top-mid"),
]


def graph(objects=OBJECTS, **relations):
    """A scene graph as SSG-VQA has it: no colours; `below[1]` = what is below the second object."""
    keys = ("above", "below", "left", "right", "horizontal", "vertical", "within")
    tables = {key: [[] for _ in objects] for key in keys} | {"below": [[], [2, 3], [3], [], [2, 3]]} | relations
    things = [{"bbox": [0, 0, 9, 9], "component": c, "type": t, "center": [4, 4], "location": p} for c, t, p in objects]
    scene = {"objects": things, "image_filename": "0.png", "relationships": tables}
    return {"scenes": [scene], "info": {"triplet": []}}


def png(path: Path, shade: int = 90) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8), (shade, 40, 40)).save(path)


@pytest.fixture
def sgg(tmp_path: Path) -> Callable[..., Path]:
    """Writes a tree with SSG-VQA/ and CholecT45/ and returns its root: `sgg({"VID01": {262: LINES}})`."""

    def build(videos=None, *, graphs=True, root: Path = tmp_path / "data") -> Path:
        for video, files in (videos or {"VID01": {262: LINES}, "VID70": {0: LINES}}).items():
            for index, text in files.items():
                path = root / "SSG-VQA/qa_txt" / video / f"{index}.txt"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(HEADER + text)
                plain = video.removesuffix("_clean")
                png(root / f"CholecT45/data/{plain}/{int(index):06d}.png")
                if graphs:
                    where = root / f"SSG-VQA/scene_graph/{plain}_{index}.json"
                    where.parent.mkdir(parents=True, exist_ok=True)
                    where.write_text(json.dumps(graph()))
        return root

    return build


def record(number: int, image: str, **changes: object) -> dict[str, object]:
    """An OmniMedVQA record."""
    return {
        "dataset": "BreakHis",
        "question_id": f"BreakHis_{number:04d}",
        "question_type": "Disease Diagnosis",
        "question": "What is the diagnosis?",
        "gt_answer": "Adenosis",
        "image_path": image,
        "option_A": "Lymphoma",
        "option_B": "Adenosis",
        "option_C": "Polyp",
        "option_D": "Lipoma",
        "modality_type": "Microscopy Images",
    } | changes


@pytest.fixture
def omnimed(tmp_path: Path) -> Callable[..., Path]:
    """Writes an OmniMedVQA tree with 40 records on 20 images of 10 patients; returns the root above it."""

    def build(extra=(), *, root: Path = tmp_path / "data") -> Path:
        base = root / "OmniMedVQA"
        names = [f"Images/BreakHis/benign/SOB_B_A-14-{i // 4:04d}AB-40-{i // 2:03d}.png" for i in range(40)]
        for name in names:
            png(base / name)
        table = base / "QA_information/Open-access/BreakHis.json"
        table.parent.mkdir(parents=True)
        table.write_text(json.dumps([*(record(i, name) for i, name in enumerate(names)), *extra]))
        return root

    return build


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder with the authors' released files and Med-R1's split files."""
    stated = os.environ.get("ANATOMY_R1_TEST_DATA")
    if not stated or not (Path(stated) / "released").is_dir():
        pytest.skip("ANATOMY_R1_TEST_DATA does not point at a folder with released/ and omnimed_splits/")
    return Path(stated)
