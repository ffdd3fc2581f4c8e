"""One frame of the mini world in SSG-VQA's on-disk formats: a question file and a scene graph."""

from __future__ import annotations

from typing import Any

import numpy as np

from anatomy_r1.mini.ask import RELATIONS, Asked, Family, ask
from anatomy_r1.mini.classes import POSITIONS, label
from anatomy_r1.mini.scene import Cell, Scene

BOX_WIDTH, BOX_HEIGHT = 430, 240
"""SSG-VQA's coordinates live in a space of 240x430, whatever the image's size."""
FRAME_FAMILIES: tuple[Family, ...] = ("location", "location", "zero_hop", "one_hop")
"""Anatomy questions of a frame. The shares are our choice, near the released files' mixture."""


def question_file(scene: Scene, rng: np.random.Generator) -> str:
    """Text of `qa_txt/VIDxx/N.txt`: two header lines, then one question a line."""
    asked = dict.fromkeys(a for a in (ask(scene, rng, family) for family in FRAME_FAMILIES) if a is not None)
    lines = [_anatomy_line(scene, one) for one in asked]
    return "\n".join([*_header(scene), *lines, *_other_lines(scene, rng)]) + "\n"


def _header(scene: Scene) -> list[str]:
    structures = ",".join(sorted({label(cell.name) for cell in scene.cells}))
    return [structures, scene.tool.kind if scene.tool else "none"]


def _anatomy_line(scene: Scene, asked: Asked) -> str:
    answer = label(scene.cells[asked.cell].name)
    if asked.family == "location":
        return f"{asked.stem}|{answer}|{centre(scene.cells[asked.cell])}"
    tag = "NA" if asked.family == "zero_hop" else "relate_spatial"
    return f"{asked.stem}|{answer}|{asked.family}.json|query_component|{tag}"


def _other_lines(scene: Scene, rng: np.random.Generator) -> list[str]:
    """What a reader of anatomy questions has to leave out: counts, existence, colours, instruments, empty answers."""
    cell = int(rng.integers(9))
    place, tool = POSITIONS[cell], scene.tool
    here = tool is not None and tool.cell == cell
    lines = [
        f"How many {place} instruments are there?|{int(here)}|zero_hop.json|count|NA",
        f"Are there any {place} {scene.cells[cell].color} things?|True|zero_hop.json|exist|NA",
        f"What color is the {place} anatomy?|{scene.cells[cell].color}|zero_hop.json|query_color|NA",
    ]
    if tool is not None:
        lines.append(
            f"What is the {tool.color} {POSITIONS[tool.cell]} instrument?|{tool.kind}|zero_hop.json|query_component|NA"
        )
    murky = sorted(set(range(9)) - set(scene.clear()))
    lines += [f"What anatomy is at the {POSITIONS[i]} of the frame ?|" for i in murky[:1]]
    return lines


def centre(cell: Cell) -> list[float]:
    """[x, y] of a cell's anatomy in SSG-VQA's box space."""
    return [round(cell.centre[0] * BOX_WIDTH, 1), round(cell.centre[1] * BOX_HEIGHT, 1)]


def scene_graph(scene: Scene, image_name: str) -> dict[str, Any]:
    """Content of `scene_graph/VIDxx_N.json`.

    One object for each clear cell, then the instrument; `color` and `texture` are additions of the mini world. As in
    SSG-VQA's files, `left[i]` lists the objects left *of* i.
    """
    cells = scene.clear()
    objects = [_cell_object(scene, i) for i in cells]
    if scene.tool is not None:
        objects.append(_tool_object(scene))
    relationships = {
        name.removesuffix(" of"): _neighbours(cells, step, len(objects)) for name, step in RELATIONS.items()
    }
    for name in ("horizontal", "vertical", "within", "grasp"):
        relationships[name] = [[] for _ in objects]
    frame = {"objects": objects, "image_filename": image_name, "relationships": relationships}
    return {"scenes": [frame], "info": {"triplet": []}}


def _neighbours(cells: list[int], step: tuple[int, int], count: int) -> list[list[int]]:
    where = {divmod(cell, 3): index for index, cell in enumerate(cells)}
    found = [where.get((row + step[0], column + step[1])) for row, column in where]
    lists = [[] if index is None else [index] for index in found]
    return lists + [[] for _ in range(count - len(cells))]


def _box(cell: int) -> list[float]:
    """[x, y, width, height] of a grid cell."""
    row, column = divmod(cell, 3)
    width, height = round(BOX_WIDTH / 3, 1), round(BOX_HEIGHT / 3, 1)
    return [round(column * width, 1), round(row * height, 1), width, height]


def _cell_object(scene: Scene, index: int) -> dict[str, Any]:
    cell = scene.cells[index]
    place = {"bbox": _box(index), "center": centre(cell), "location": POSITIONS[index]}
    return {"component": label(cell.name), "type": "anatomy", **place, "color": cell.color, "texture": cell.texture}


def _tool_object(scene: Scene) -> dict[str, Any]:
    assert scene.tool is not None
    box = _box(scene.tool.cell)
    place = {"bbox": box, "center": [round(box[0] + box[2] / 2, 1), round(box[1] + box[3] / 2, 1)]}
    kind = {"component": scene.tool.kind, "type": "instrument", "color": scene.tool.color, "texture": "metal"}
    return {**kind, **place, "location": POSITIONS[scene.tool.cell]}
