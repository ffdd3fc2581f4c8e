"""What a frame says about a question: which other answers would be right too, and a rule-based rationale for CoT-SFT.

Several structures can lie at one position: in the authors' release the same frame and stem occur with different gold
answers. No such answer may become a distractor.

The authors name no source of their chains of thought. Ours come from the scene graph (locate the reference, apply the
relation, match the attributes, name the structure), else from what the stem states; otherwise there is none.

Example:
    >>> from anatomy_r1.data.stems import parse_stem
    >>> surgical(parse_stem("What is the yellow top-mid anatomy?"), "omentum", None)
    Rationale(text='top-mid : yellow , so Omentum', basis='stem')
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Literal

from anatomy_r1.data.readers.ssg_vqa import QuestionLine, SceneGraph, SceneObject, matches
from anatomy_r1.data.stems import COLOUR_OF, ParsedStem, display, parse_stem


@dataclass(frozen=True, slots=True)
class FrameFacts:
    """What is known about a frame, whatever question is asked."""

    answers: Mapping[str, Set[str]]
    """Stem -> all answers that the frame's lines give."""
    places: Mapping[str, Set[str]]
    """Position -> labels that location lines put there."""
    graph: SceneGraph | None


def frame_facts(lines: Sequence[QuestionLine], graph: SceneGraph | None) -> FrameFacts:
    """Facts about a frame from its lines that ask for a component, and from its scene graph if there is one."""
    answers: dict[str, set[str]] = defaultdict(set)
    places: dict[str, set[str]] = defaultdict(set)
    for line in lines:
        answers[line.stem].add(line.answer)
        stem = parse_stem(line.stem)
        if stem.family == "location":
            places[stem.target.place].add(line.answer)
    return FrameFacts(dict(answers), dict(places), graph)


def also_right(text: str, answer: str, facts: FrameFacts) -> frozenset[str]:
    """Labels other than `answer` that are right for the stem `text` in this frame, or cannot be shown to be wrong."""
    stem = parse_stem(text)
    objects = _referents(stem, answer, facts.graph)
    found = {*facts.answers.get(text, ()), *(one.name for one in objects)}
    # A relation can tell apart what lies at one position, but only the graph knows it. Without one, be strict.
    if not (objects and stem.relations):
        found |= _at_same_place(stem, answer, facts)
    return frozenset(found - {answer})


def _referents(stem: ParsedStem, answer: str, graph: SceneGraph | None) -> tuple[SceneObject, ...]:
    """The objects that the stem can refer to by the scene graph; none if the gold answer is not among them."""
    objects = matches(graph, stem) if graph else ()
    return objects if any(one.name == answer for one in objects) else ()


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


@dataclass(frozen=True, slots=True)
class Rationale:
    """A rationale and what it is based on."""

    text: str
    """Words separated by blanks, such as `mid-right : yellow glossy , so Gut`; empty for basis `none`."""
    basis: Literal["scene graph", "stem", "none"]


def surgical(stem: ParsedStem, answer: str, graph: SceneGraph | None) -> Rationale:
    """Rationale of an SSG-VQA question whose gold label is `answer`."""
    targets = {one for one in _referents(stem, answer, graph) if one.name == answer}
    if len(targets) == 1:
        (target,) = targets
        return Rationale(_compose(target.place, f"{target.colour} {target.texture}".strip(), answer), "scene graph")
    text = _compose(stem.target.place, stem.target.colour, answer)
    return Rationale(text, "stem" if text else "none")


def _compose(place: str, looks: str, answer: str) -> str:
    evidence = " : ".join(part for part in (place, looks) if part and part != "None")
    return f"{evidence} , so {display(answer)}" if evidence else ""
