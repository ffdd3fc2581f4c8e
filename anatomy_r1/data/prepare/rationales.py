"""Rule-based reasoning for CoT-SFT: where the target is, what it looks like, hence its name.

The authors name no source of their chains of thought. Ours come from the scene graph (locate the reference, apply the
relation, match the attributes, name the structure), else from what the stem itself states, else there is none.

Example:
    >>> from anatomy_r1.data.stems import parse_stem
    >>> surgical(parse_stem("What is the yellow top-mid anatomy?"), "omentum", None)
    Rationale(text='top-mid : yellow , so Omentum', basis='stem')
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from anatomy_r1.data.labels import display
from anatomy_r1.data.prepare.ambiguity import determined
from anatomy_r1.data.readers.scene_graph import SceneGraph, Thing
from anatomy_r1.data.stems import Stem


@dataclass(frozen=True, slots=True)
class Rationale:
    """A rationale and what it rests on."""

    text: str
    """Words separated by blanks, such as `mid-right : yellow glossy , so Gut`; empty for basis `none`."""
    basis: Literal["scene graph", "stem", "record", "none"]


def surgical(stem: Stem, answer: str, graph: SceneGraph | None) -> Rationale:
    """Rationale of an SSG-VQA question whose gold label is `answer`."""
    targets = [thing for thing in determined(stem, answer, graph) if thing.name == answer]
    if len(set(targets)) == 1:
        return Rationale(_from_thing(targets[0]), "scene graph")
    words = stem.target
    text = _compose(words.place, words.colour, answer)
    return Rationale(text, "stem" if text else "none")


def microscopic(modality: str, question_type: str, answer: str) -> Rationale:
    """Rationale of an OmniMedVQA record, from its own fields."""
    return Rationale(f"{modality} : {question_type} , so {answer}", "record")


def _from_thing(thing: Thing) -> str:
    return _compose(thing.place, f"{thing.colour} {thing.texture}".strip(), thing.name)


def _compose(place: str, looks: str, answer: str) -> str:
    evidence = " : ".join(part for part in (place, looks) if part and part != "None")
    return f"{evidence} , so {display(answer)}" if evidence else ""
