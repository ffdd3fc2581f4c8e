"""Scene graphs of SSG-VQA (`scene_graph/VID01_262.json`), and which objects of one a stem's words fit.

`relationships["left"][i]` lists the objects left *of* object i; every relation is looked up the same way, also `within`
(which reads as container-like, opposite to English).

A frame's files as both kinds of SGG source have them: its picture (`frames`) and its scene graph (`scene_graph`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anatomy_r1.data.labels import COLOUR_OF
from anatomy_r1.data.problems import BadRecord, Problems
from anatomy_r1.data.readers.files import Inputs, read_json
from anatomy_r1.data.stems import Description, Stem
from anatomy_r1.question import Question


@dataclass(frozen=True, slots=True)
class Thing:
    """One object of a frame."""

    name: str
    """Label, such as `cystic_plate`."""
    kind: str
    """`anatomy` or `instrument`."""
    place: str
    """Named position, such as `top-mid`."""
    colour: str
    """From the file where it has one (generated files do), else what stems call this label; may be empty."""
    texture: str
    """Generated files only, else empty."""


@dataclass(frozen=True, slots=True)
class SceneGraph:
    """The objects of a frame and how they stand to each other."""

    things: tuple[Thing, ...]
    relations: Mapping[str, tuple[frozenset[int], ...]]
    """Relation -> for each thing i, the things that stand in this relation to i."""


def parse_graph(content: Any, name: str) -> SceneGraph:
    """A scene graph from its parsed JSON; `name` is the file, for errors.

    Raises:
        BadRecord: when a part is missing or of another shape.
    """
    try:
        scene = content["scenes"][0]
        things = tuple(_thing(entry) for entry in scene["objects"])
        relations = {str(key): _table(rows, len(things)) for key, rows in scene["relationships"].items()}
    except (KeyError, IndexError, TypeError, AttributeError, ValueError) as error:
        fix = "fetch the file again (scenes[0] has objects and relationships)"
        raise BadRecord(name, None, f"no scene graph ({error!r})", fix) from error
    return SceneGraph(things, relations)


def _thing(entry: Mapping[str, Any]) -> Thing:
    name = str(entry["component"])
    colour = str(entry.get("color") or COLOUR_OF.get(name, ""))
    return Thing(name, str(entry["type"]), str(entry["location"]), colour, str(entry.get("texture") or ""))


def _table(rows: list[list[int]], size: int) -> tuple[frozenset[int], ...]:
    table = tuple(frozenset(row) for row in rows)
    if len(table) != size or any(not 0 <= i < size for row in table for i in row):
        raise ValueError(f"a relation has {len(table)} rows or foreign indices for {size} objects")
    return table


def fits(thing: Thing, words: Description) -> bool:
    """Whether a description is true of a thing; a colour that the graph does not know contradicts nothing."""
    return (
        words.kind in ("", thing.kind)
        and words.place in ("", thing.place)
        and words.name in ("", thing.name)
        and (not words.colour or thing.colour in ("", words.colour))
    )


def matches(graph: SceneGraph, stem: Stem) -> tuple[Thing, ...]:
    """What a stem may mean in a frame: locate the reference, apply the relation, match the attributes.

    Empty when the graph cannot tell: an unknown template or relation, or no such reference.
    """
    if stem.family == "other":
        return ()
    found = {i for i, thing in enumerate(graph.things) if fits(thing, stem.target)}
    for relation, words in stem.relations:
        table = graph.relations.get(relation)
        if table is None:
            return ()
        found &= {i for j, thing in enumerate(graph.things) if fits(thing, words) for i in table[j]}
    return tuple(graph.things[i] for i in sorted(found))


def graph_path(inputs: Inputs, video: str, index: int) -> Path:
    """Where the scene graph of a frame lies, if there is one."""
    return inputs.folders["scene_graph"] / f"{video}_{index}.json"


def scene_graph(inputs: Inputs, problems: Problems, video: str, index: int) -> SceneGraph | None:
    """The scene graph of a frame; None where there is none, or a bad one that is to be skipped.

    Raises:
        BadRecord: for a bad one, unless bad records are to be skipped.
    """
    path = graph_path(inputs, video, index)
    if not path.is_file():
        return None
    name = inputs.key("scene_graph", path)
    try:
        return parse_graph(read_json(inputs.read("scene_graph", path), name), name)
    except BadRecord as bad:
        problems.bad(bad)
        return None


def has_picture(inputs: Inputs, problems: Problems, question: Question) -> bool:
    """Whether a question's picture is there and can be read.

    Raises:
        BadRecord: where not, unless bad records are to be skipped.
    """
    try:
        inputs.image("frames", inputs.folders["frames"] / question.image, question.source)
    except BadRecord as bad:
        problems.bad(bad)
        return False
    return True
