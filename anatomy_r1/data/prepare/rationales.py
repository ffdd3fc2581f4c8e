"""Rule-based reasoning for CoT-SFT: where the target is, what it looks like, hence its name.

The authors name no source of their chains of thought. Ours come from the scene graph (locate the reference, apply the
relation, match the attributes, name the structure), else from what the stem itself states, else there is none.

Example:
    >>> from anatomy_r1.data.stems import parse_stem
    >>> surgical(parse_stem("What is the yellow top-mid anatomy?"), "omentum", None)
    Rationale(text='top-mid : yellow , so Omentum', basis='stem')

Which other anatomies would also be right answers to a question, so that none of them stands as a distractor.

In the authors' release the same frame and stem occur with different gold answers: several anatomies can lie at one
place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from anatomy_r1.data.labels import COLOUR_OF, display
from anatomy_r1.data.readers.scene_graph import SceneGraph, Thing, matches
from anatomy_r1.data.readers.ssg_vqa import Line
from anatomy_r1.data.stems import Stem, parse_stem


@dataclass(frozen=True, slots=True)
class FrameFacts:
    """What is known of a frame, whatever question is asked about it."""

    answers: Mapping[str, frozenset[str]]
    """Stem -> every answer that the frame's lines give it."""
    places: Mapping[str, frozenset[str]]
    """Named position -> labels that location lines put there."""
    graph: SceneGraph | None


def frame_facts(lines: Sequence[Line], graph: SceneGraph | None) -> FrameFacts:
    """Facts of a frame from its lines that ask for a component, and its scene graph where there is one."""
    answers: dict[str, set[str]] = {}
    places: dict[str, set[str]] = {}
    for line in lines:
        answers.setdefault(line.stem, set()).add(line.answer)
        stem = parse_stem(line.stem)
        if stem.family == "location":
            places.setdefault(stem.target.place, set()).add(line.answer)
    return FrameFacts(_frozen(answers), _frozen(places), graph)


def also_right(text: str, answer: str, facts: FrameFacts) -> frozenset[str]:
    """Labels besides `answer` that are right, or cannot be told to be wrong, for the stem `text` in this frame."""
    stem = parse_stem(text)
    found = set(facts.answers.get(text, frozenset()))
    things = determined(stem, answer, facts.graph)
    found |= {thing.name for thing in things}
    # A relation can tell apart what lies at one place; only the graph knows it. Without one, be strict.
    if not (things and stem.relations):
        found |= _at_same_place(stem, answer, facts)
    return frozenset(found - {answer})


def determined(stem: Stem, answer: str, graph: SceneGraph | None) -> tuple[Thing, ...]:
    """What the scene graph lets the stem mean, provided the gold answer is among it; else the graph is no witness."""
    things = matches(graph, stem) if graph else ()
    return things if any(thing.name == answer for thing in things) else ()


def _at_same_place(stem: Stem, answer: str, facts: FrameFacts) -> set[str]:
    words = stem.target
    if not words.place:
        return set()
    here = {name: COLOUR_OF.get(name, "") for name in facts.places.get(words.place, frozenset())}
    for thing in facts.graph.things if facts.graph else ():
        if thing.place == words.place:
            here[thing.name] = thing.colour
    # The colour rules others out only if this labelling of colours agrees with the question itself.
    if not words.colour or here.get(answer, words.colour) != words.colour:
        return set(here)
    return {name for name, colour in here.items() if colour in ("", words.colour)}


def _frozen(table: Mapping[str, set[str]]) -> dict[str, frozenset[str]]:
    return {key: frozenset(values) for key, values in table.items()}


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
