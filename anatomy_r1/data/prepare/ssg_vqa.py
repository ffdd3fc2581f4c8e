"""Readers of SSG-VQA (CAMMA, CC BY-NC-SA 4.0): questions, scene graphs, and the objects that a question can refer to.

A question file, `qa_txt/VID01/262.txt`, has one question a line. The first two lines list structures and tools and are
skipped. The others are `q|answer`, `q|answer|[cx, cy]` or `q|answer|complexity.json|type|tag`. The coordinates give the
answer away and are dropped here.

In a scene graph, `scene_graph/VID01_262.json`, `relationships["left"][i]` lists the objects left *of* object i. All
relations are read the same way, also `within`, which is container-like, opposite to English.

Example:
    >>> parse_line("What anatomy is at the center of the frame ?|gut|[157.0, 60.0]", "262.txt", 3)
    QuestionLine(number=3, stem='What anatomy is at the center of the frame ?', answer='gut', asks_component=True)
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anatomy_r1.data.inputs import BadRecord, Exclusions, Inputs, existing_folder, read_json
from anatomy_r1.data.prepare.frame_names import litter, video_folder
from anatomy_r1.data.stems import COLOUR_OF, COMPONENTS, Description, ParsedStem, component, place, plain, relation
from anatomy_r1.question import Question

HEADER_LINES = 2
_COORDINATES = re.compile(r"\[\s*-?\d+(\.\d+)?\s*,\s*-?\d+(\.\d+)?\s*\]")
_COORDINATES_INSIDE = re.compile(r"\[\s*-?\d")


@dataclass(frozen=True, slots=True)
class QuestionLine:
    """One line of a question file, without its coordinates."""

    number: int
    """1-based line number in its file."""
    stem: str
    answer: str
    """A label, or empty."""
    asks_component: bool
    """Whether it asks for a structure or an instrument (location lines, and type `query_component`)."""


@dataclass(frozen=True, slots=True)
class QuestionFile:
    """One question file: the questions about one frame."""

    video: str
    """`VID01`, also for the copies in `VID01_clean`."""
    index: int
    """Frame number, at 1 frame a second."""
    path: Path

    @property
    def image(self) -> str:
        """Path of the frame below `CholecT45/data`."""
        return f"{self.video}/{self.index:06d}.png"

    @property
    def id(self) -> str:
        """`VID01/262`; for a `_clean` copy, `VID01_clean/262`."""
        found = video_folder(self.path.parent.name)
        return f"{self.video}{'_clean' if found and found[1] else ''}/{self.index}"


def question_files(inputs: Inputs, exclusions: Exclusions) -> Iterator[QuestionFile]:
    """Question files in order of video and frame; a `_clean` copy is used only if the plain folder lacks it.

    Files beside the videos' folders, and what systems leave behind (`.DS_Store`), are passed over.
    """
    root = existing_folder(inputs.folders["qa_txt"], "the question files of SSG-VQA (qa_txt/VID01/262.txt ...)")
    for video, folders in sorted(_folders(root, inputs, exclusions).items()):
        seen: set[int] = set()
        for folder in folders:
            found = _numbered(folder, inputs, exclusions)
            for index in sorted(found.keys() - seen):
                yield QuestionFile(video, index, found[index])
            for _ in found.keys() & seen:
                exclusions.exclude("question file of a _clean copy whose original is there")
            seen |= found.keys()


def _folders(root: Path, inputs: Inputs, exclusions: Exclusions) -> dict[str, list[Path]]:
    found: dict[tuple[str, bool], Path] = {}
    for folder in sorted(root.iterdir()):
        if litter(folder) or folder.is_file():
            continue
        name, video = inputs.key("qa_txt", folder), video_folder(folder.name)
        if video is None:
            exclusions.bad(BadRecord(name, None, "no video folder (VID01, VID01_clean)", "move it"))
        elif video in found:
            problem = f"the same video as {found[video].name}, in another spelling"
            exclusions.bad(BadRecord(name, None, problem, "keep one of the folders"))
        else:
            found[video] = folder
    return {name: [found[name, clean] for clean in (False, True) if (name, clean) in found] for name, _ in found}


def _numbered(folder: Path, inputs: Inputs, exclusions: Exclusions) -> dict[int, Path]:
    found: dict[int, Path] = {}
    for path in sorted(existing_folder(folder, "the question files of this video").iterdir()):
        name = inputs.key("qa_txt", path)
        if litter(path):
            continue
        if path.suffix.lower() != ".txt" or not path.stem.isdecimal():
            exclusions.bad(BadRecord(name, None, "no question file (such as 262.txt)", "move it elsewhere"))
        elif int(path.stem) in found:
            problem = f"duplicate id: frame {int(path.stem)} twice"
            exclusions.bad(BadRecord(name, None, problem, "keep one of the files"))
        else:
            found[int(path.stem)] = path
    return found


def question_lines(file: QuestionFile, inputs: Inputs, exclusions: Exclusions) -> Iterator[QuestionLine]:
    """The question lines of a file; blank lines are skipped."""
    name = inputs.key("qa_txt", file.path)
    content = inputs.read("qa_txt", file.path).decode("utf-8", errors="replace").splitlines()
    if len(content) < HEADER_LINES:
        exclusions.bad(BadRecord(name, None, "the two header lines are missing", "fetch the file again"))
    if questions := sum("|" in line for line in content[:HEADER_LINES]):
        problem = f"the two header lines are missing: {questions} of the first two lines are questions"
        exclusions.bad(BadRecord(name, None, problem, "put two lines before the questions (structures, then tools)"))
        return
    for number, line in enumerate(content[HEADER_LINES:], HEADER_LINES + 1):
        if not line.strip():
            continue
        try:
            if "\ufffd" in line:
                raise BadRecord(name, number, "no UTF-8 text", "restore the line from the release")
            yield parse_line(line, name, number)
        except BadRecord as bad:
            exclusions.bad(bad)


def parse_line(line: str, name: str, number: int) -> QuestionLine:
    """One line of a question file called `name`."""
    restore = "restore the line from the release"
    columns = [column.strip() for column in line.split("|")]
    if len(columns) not in (2, 3, 5):
        few = "too few columns" if len(columns) < 5 else "too many columns"
        fix = "restore the line: q|answer, q|answer|[cx, cy] or q|answer|complexity.json|type|tag"
        raise BadRecord(name, number, f"{few} ({len(columns)})", fix)
    stem, answer = columns[:2]
    if not stem or _COORDINATES_INSIDE.search(stem) or _COORDINATES_INSIDE.search(answer):
        raise BadRecord(name, number, "the question is empty or holds coordinates", restore)
    if len(columns) == 3 and not _COORDINATES.fullmatch(columns[2]):
        raise BadRecord(name, number, f"third column {columns[2]!r} is no [cx, cy]", restore)
    located = plain(stem).startswith("what anatomy is at the ")
    asks = columns[3].lower() == "query_component" if len(columns) == 5 else located
    if asks and answer and answer not in COMPONENTS:
        raise BadRecord(name, number, f"unknown label {answer!r}", f"use one of {', '.join(sorted(COMPONENTS))}")
    return QuestionLine(number, stem, answer, asks)


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

    @classmethod
    def from_json(cls, entry: Mapping[str, Any]) -> SceneObject:
        """One entry of a file; KeyError or TypeError if it is none."""
        stated = {key: entry[key] for key in ("component", "type", "location")}
        stated |= {key: entry.get(key) for key in ("color", "texture")}
        for key, value in stated.items():
            if not isinstance(value, str) and (value is not None or key in ("component", "type")):
                raise TypeError(f"{key} {value!r} is no text")
        name, kind = component(stated["component"]), stated["type"].strip().lower()
        colour = (stated["color"] or COLOUR_OF.get(name, "")).strip().lower()
        return cls(name, kind, place(str(stated["location"])), colour, stated["texture"] or "")


@dataclass(frozen=True, slots=True)
class SceneGraph:
    """The objects of a frame and the relations between them."""

    objects: tuple[SceneObject, ...]
    relations: Mapping[str, tuple[frozenset[int], ...]]
    """Relation -> for each object i, the objects that are in this relation to i."""


def parse_graph(content: Any, name: str) -> SceneGraph:
    """A scene graph from its parsed JSON, case and blanks of labels, positions and relations aside.

    Raises:
        BadRecord: The content is none, or has several scenes; `name` is the file.
    """
    try:
        scene, *others = content["scenes"]
        if others:
            raise ValueError(f"{1 + len(others)} scenes in the file of one frame")
        objects = tuple(SceneObject.from_json(entry) for entry in scene["objects"])
        stated = [(relation(key), _table(rows, len(objects))) for key, rows in scene["relationships"].items()]
        relations = dict(stated)
        if len(relations) < len(stated):
            raise ValueError("a relation stands there twice, in two spellings")
    except (KeyError, IndexError, TypeError, AttributeError, ValueError) as error:
        fix = "fetch the file again (its one scene has objects and relationships)"
        raise BadRecord(name, None, f"no scene graph ({error!r})", fix) from error
    return SceneGraph(objects, relations)


def _table(rows: list[list[int]], size: int) -> tuple[frozenset[int], ...]:
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        raise ValueError("a relation is no list of lists")
    table = tuple(frozenset(row) for row in rows)
    if len(table) != size or any(type(i) is not int or not 0 <= i < size for row in table for i in row):
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
    for key, reference in stem.relations:
        table = graph.relations.get(key)
        if table is None:
            return ()
        found &= {i for j, one in enumerate(graph.objects) if fits(one, reference) for i in table[j]}
    return tuple(graph.objects[i] for i in sorted(found))


def has_graph(inputs: Inputs, video: str, index: int) -> bool:
    """Whether a frame has a scene graph."""
    return "scene_graph" in inputs.folders and _graph_path(inputs, video, index).is_file()


def _graph_path(inputs: Inputs, video: str, index: int) -> Path:
    return inputs.folders["scene_graph"] / f"{video}_{index}.json"


def scene_graph(inputs: Inputs, exclusions: Exclusions, video: str, index: int) -> SceneGraph | None:
    """The scene graph of a frame; None if it is missing, or bad and skipped."""
    if not has_graph(inputs, video, index):
        return None
    path = _graph_path(inputs, video, index)
    name = inputs.key("scene_graph", path)
    try:
        return parse_graph(read_json(inputs.read("scene_graph", path), name), name)
    except BadRecord as bad:
        exclusions.bad(bad)
        return None


def frame_readable(inputs: Inputs, exclusions: Exclusions, question: Question) -> bool:
    """Whether a question's frame exists and can be read."""
    try:
        changes = inputs.image("frames", inputs.folders["frames"] / question.image, question.source)
    except BadRecord as bad:
        exclusions.bad(bad)
        return False
    exclusions.changed.update(changes)
    return True
