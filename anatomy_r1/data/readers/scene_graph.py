"""Scene graphs of SSG-VQA (`scene_graph/VID01_262.json`), and the objects that a stem can refer to.

`relationships["left"][i]` lists the objects left *of* object i. All relations are read the same way, also `within`,
which is container-like, opposite to English.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anatomy_r1.data.errors import BadRecord, Exclusions
from anatomy_r1.data.labels import COLOUR_OF
from anatomy_r1.data.readers.files import Inputs, read_json
from anatomy_r1.data.stems import Description, ParsedStem
from anatomy_r1.question import Question


@dataclass(frozen=True, slots=True)
class SceneObject:
    """One object of a frame."""

    name: str
    """Label, such as `cystic_plate`."""
    kind: str
    """`anatomy` or `instrument`."""
    place: str
    """Named position, such as `top-mid`."""
    colour: str
    """From the file if it states one (generated files do), else the colour that stems give this label; may be empty."""
    texture: str
    """Generated files only, else empty."""


@dataclass(frozen=True, slots=True)
class SceneGraph:
    """The objects of a frame and the relations between them."""

    objects: tuple[SceneObject, ...]
    relations: Mapping[str, tuple[frozenset[int], ...]]
    """Relation -> for each object i, the objects that are in this relation to i."""


def parse_graph(content: Any, name: str) -> SceneGraph:
    """A scene graph from its parsed JSON; `name` is the file, for errors.

    Raises:
        BadRecord: when a part is missing or malformed.
    """
    try:
        scene = content["scenes"][0]
        objects = tuple(_object(entry) for entry in scene["objects"])
        relations = {str(key): _table(rows, len(objects)) for key, rows in scene["relationships"].items()}
    except (KeyError, IndexError, TypeError, AttributeError, ValueError) as error:
        fix = "fetch the file again (scenes[0] has objects and relationships)"
        raise BadRecord(name, None, f"no scene graph ({error!r})", fix) from error
    return SceneGraph(objects, relations)


def _object(entry: Mapping[str, Any]) -> SceneObject:
    name = str(entry["component"])
    colour = str(entry.get("color") or COLOUR_OF.get(name, ""))
    return SceneObject(name, str(entry["type"]), str(entry["location"]), colour, str(entry.get("texture") or ""))


def _table(rows: list[list[int]], size: int) -> tuple[frozenset[int], ...]:
    table = tuple(frozenset(row) for row in rows)
    if len(table) != size or any(not 0 <= i < size for row in table for i in row):
        raise ValueError(f"a relation has {len(table)} rows or foreign indices for {size} objects")
    return table


def fits(found: SceneObject, described: Description) -> bool:
    """Whether a description is true of an object; a colour that the graph does not state contradicts nothing."""
    return (
        described.kind in ("", found.kind)
        and described.place in ("", found.place)
        and described.name in ("", found.name)
        and (not described.colour or found.colour in ("", described.colour))
    )


def matches(graph: SceneGraph, stem: ParsedStem) -> tuple[SceneObject, ...]:
    """The objects that a stem can refer to: locate the reference, apply the relation, match the attributes.

    Empty when the graph cannot tell: an unknown template or relation, or no such reference.
    """
    if stem.family == "other":
        return ()
    found = {i for i, one in enumerate(graph.objects) if fits(one, stem.target)}
    for relation, reference in stem.relations:
        table = graph.relations.get(relation)
        if table is None:
            return ()
        found &= {i for j, one in enumerate(graph.objects) if fits(one, reference) for i in table[j]}
    return tuple(graph.objects[i] for i in sorted(found))


def graph_path(inputs: Inputs, video: str, index: int) -> Path:
    """Path of the scene graph of a frame, whether or not it exists."""
    return inputs.folders["scene_graph"] / f"{video}_{index}.json"


def scene_graph(inputs: Inputs, exclusions: Exclusions, video: str, index: int) -> SceneGraph | None:
    """The scene graph of a frame; None if it is missing, or bad and skipped.

    Raises:
        BadRecord: for a bad one, unless bad records are skipped.
    """
    path = graph_path(inputs, video, index)
    if not path.is_file():
        return None
    name = inputs.key("scene_graph", path)
    try:
        return parse_graph(read_json(inputs.read("scene_graph", path), name), name)
    except BadRecord as bad:
        exclusions.bad(bad)
        return None


def frame_readable(inputs: Inputs, exclusions: Exclusions, question: Question) -> bool:
    """Whether a question's frame exists and can be read.

    Raises:
        BadRecord: if not, unless bad records are skipped.
    """
    try:
        inputs.image("frames", inputs.folders["frames"] / question.image, question.source)
    except BadRecord as bad:
        exclusions.bad(bad)
        return False
    return True
