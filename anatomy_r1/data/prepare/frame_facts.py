"""What is known about a frame, and which labels are right for a question about it.

Several structures can lie at one position: in the authors' release the same frame and stem occur with different gold
answers. No such answer may become a distractor. Where nothing known can tell, that is said (`graph_doubt`).

Example:
    >>> graph_doubt(parse_stem("What is the name of the thing left of the omentum object?"), "gut", None)
    'scene graph missing: another option may be right too'
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

from anatomy_r1.data.prepare.ssg_vqa import QuestionLine, SceneGraph, SceneObject, matches
from anatomy_r1.data.stems import COLOUR_OF, ParsedStem, parse_stem, plain

NOT_THERE = "scene graph missing: another option may be right too"
NOT_CONFIRMED = "scene graph does not confirm the answer: another option may be right too"


@dataclass(frozen=True, slots=True)
class FrameFacts:
    """What is known about a frame, whatever question is asked."""

    answers: Mapping[str, Set[str]]
    """Stem, spelling aside -> all answers that the frame's lines give."""
    places: Mapping[str, Set[str]]
    """Position -> labels that location lines put there."""
    graph: SceneGraph | None


def frame_facts(lines: Sequence[QuestionLine], graph: SceneGraph | None) -> FrameFacts:
    """Facts about a frame from its lines that ask for a component, and from its scene graph if there is one."""
    answers: dict[str, set[str]] = defaultdict(set)
    places: dict[str, set[str]] = defaultdict(set)
    for line in lines:
        answers[plain(line.stem)].add(line.answer)
        stem = parse_stem(line.stem)
        if stem.family == "location":
            places[stem.target.place].add(line.answer)
    return FrameFacts(dict(answers), dict(places), graph)


def also_right(text: str, answer: str, facts: FrameFacts) -> frozenset[str]:
    """Labels other than `answer` that are right for the stem `text` in this frame, or cannot be shown to be wrong."""
    stem = parse_stem(text)
    objects = referents(stem, answer, facts.graph)
    found = {*facts.answers.get(plain(text), ()), *(one.name for one in objects)}
    # A relation can tell apart what lies at one position, but only the graph knows it. Without one, be strict.
    if not (objects and stem.relations):
        found |= _at_same_place(stem, answer, facts)
    return frozenset(found - {answer})


def referents(stem: ParsedStem, answer: str, graph: SceneGraph | None) -> tuple[SceneObject, ...]:
    """The objects that the stem can refer to by the scene graph; none if the gold answer is not among them."""
    objects = matches(graph, stem) if graph else ()
    return objects if any(one.name == answer for one in objects) else ()


def graph_doubt(stem: ParsedStem, answer: str, graph: SceneGraph | None) -> str:
    """Why another option than `answer` may be right too, unseen; empty if nothing speaks for it.

    What lies at a position is known from the location lines too; what a relation, looks alone or an unknown wording
    refer to, from the scene graph alone.
    """
    if (stem.target.place and not stem.relations) or referents(stem, answer, graph):
        return ""
    return NOT_CONFIRMED if graph else NOT_THERE


def _at_same_place(stem: ParsedStem, answer: str, facts: FrameFacts) -> set[str]:
    target = stem.target
    if not target.place:
        return set()
    here = {name: COLOUR_OF.get(name, "") for name in facts.places.get(target.place, ())}
    for one in facts.graph.objects if facts.graph else ():
        if one.place == target.place:
            here[one.name] = one.colour
    # The colour rules others out only if these colours agree with the question itself.
    if not target.colour or here.get(answer, target.colour) != target.colour:
        return set(here)
    return {name for name, colour in here.items() if colour in ("", target.colour)}
