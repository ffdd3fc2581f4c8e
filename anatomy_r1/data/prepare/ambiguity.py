"""Which other anatomies would also be right answers to a question, so that none of them stands as a distractor.

In the authors' release the same frame and stem occur with different gold answers: several anatomies can lie at one
place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from anatomy_r1.data.labels import COLOUR_OF
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
