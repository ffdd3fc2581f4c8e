"""A frame's files as both kinds of SGG source have them: its picture (`frames`) and its scene graph (`scene_graph`)."""

from __future__ import annotations

from pathlib import Path

from anatomy_r1.data.problems import BadRecord, Problems
from anatomy_r1.data.readers.files import Inputs, read_json
from anatomy_r1.data.readers.scene_graph import SceneGraph, parse_graph
from anatomy_r1.question import Question


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
