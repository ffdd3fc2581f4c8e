"""Frames of SSG-VQA -> anatomy questions with options drawn by a seed."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from anatomy_r1.data.labels import ANATOMIES, SIX, display
from anatomy_r1.data.prepare.ambiguity import FrameFacts, also_right, frame_facts
from anatomy_r1.data.prepare.rationales import surgical
from anatomy_r1.data.problems import Problems
from anatomy_r1.data.readers.files import Inputs, missing_image
from anatomy_r1.data.readers.frame_files import graph_path, scene_graph
from anatomy_r1.data.readers.scene_graph import SceneGraph
from anatomy_r1.data.readers.ssg_vqa import Frame, Line, lines
from anatomy_r1.data.splits import SplitRule
from anatomy_r1.data.stems import parse_stem
from anatomy_r1.question import Question

DISTRACTORS = 3  # every released record has four options


@dataclass(frozen=True, slots=True)
class Plan:
    """What to draw."""

    rule: SplitRule
    sizes: dict[str, int]
    """Split -> number of questions wanted."""
    seed: int = 0
    benchmark: str = "sgg_anatomy"
    anatomies: tuple[str, ...] = SIX
    """Labels that answers and distractors are taken from."""


@dataclass(slots=True)
class Builder:
    """Turns frames into questions, and keeps the account of what it read and left out."""

    inputs: Inputs
    problems: Problems
    plan: Plan
    rationales: Counter[str] = field(default_factory=Counter)
    """Rationales of the pool, by what they rest on."""
    also_right: dict[str, list[str]] = field(default_factory=dict)
    """Question -> names that would be right as well; a curriculum that changes options must not take them."""

    def questions(self, progress: Iterable[Frame]) -> Iterator[Question]:
        """Every question of the frames that belong to some split."""
        for frame in progress:
            if self.plan.rule.of(frame.video) is None:
                self.problems.exclude("frame of a video that is in no split")
            else:
                yield from self._of_frame(frame)

    def _of_frame(self, frame: Frame) -> Iterator[Question]:
        asked = [line for line in lines(frame, self.inputs, self.problems) if self._counts(line)]
        wanted = [line for line in _once(asked, self.problems) if line.answer in self.plan.anatomies]
        if not wanted:
            return
        picture = self.inputs.folders["frames"] / frame.image
        if not picture.is_file():
            name = f"{self.inputs.key('qa_txt', frame.path)}:{wanted[0].number}"
            self.problems.bad(missing_image(name, f"frames/{frame.image}", "frames"))
            return
        facts = frame_facts(asked, self._graph(frame))
        for line in wanted:
            if question := self._question(frame, line, facts):
                yield question

    def _counts(self, line: Line) -> bool:
        """Whether a line asks for a component and has an answer. Others are counted, save the many of another type."""
        if not line.answer:
            self.problems.exclude("empty answer")
        elif line.asks_component and line.answer not in ANATOMIES:
            self.problems.exclude("answer is no anatomy")
        elif line.asks_component and line.answer not in self.plan.anatomies:
            self.problems.exclude("answer is an anatomy outside the benchmark's")
        elif not line.asks_component:
            self.problems.exclude("question of another type")
        return line.asks_component and bool(line.answer)

    def _graph(self, frame: Frame) -> SceneGraph | None:
        if not graph_path(self.inputs, frame.video, frame.index).is_file():
            self.problems.exclude("scene graph missing (frame kept)")
        return scene_graph(self.inputs, self.problems, frame.video, frame.index)

    def _question(self, frame: Frame, line: Line, facts: FrameFacts) -> Question | None:
        right = also_right(line.stem, line.answer, facts) & set(self.plan.anatomies)
        pool = sorted(set(self.plan.anatomies) - right - {line.answer})
        name = f"{frame.id}/{line.number}"
        self.problems.excluded["distractor that is also right"] += len(right)
        if right:
            self.also_right[name] = sorted(map(display, right))
        if len(pool) < DISTRACTORS:
            self.problems.exclude(f"question with fewer than {DISTRACTORS} distractors that are wrong")
            return None
        stem = parse_stem(line.stem)
        rationale = surgical(stem, line.answer, facts.graph)
        self.rationales[rationale.basis] += 1
        return Question(
            id=name,
            benchmark=self.plan.benchmark,
            stem=line.stem,
            options=draw_options(line.answer, pool, name, self.plan.seed),
            answer=display(line.answer),
            image=frame.image,
            category=display(line.answer),
            cluster=frame.video,
            family=stem.family,
            source=f"{self.inputs.key('qa_txt', frame.path)}:{line.number}",
            rationale=rationale.text,
        )


def draw_options(answer: str, pool: list[str], name: str, seed: int) -> tuple[str, ...]:
    """The answer and three of the pool, uniform, in uniform order; the seed and the question's id decide."""
    rng = random.Random(f"{seed}:{name}")
    options = [answer, *rng.sample(pool, DISTRACTORS)]
    rng.shuffle(options)
    return tuple(display(option) for option in options)


def _once(asked: Iterable[Line], problems: Problems) -> Iterator[Line]:
    seen: set[tuple[str, str]] = set()
    for line in asked:
        if (key := (line.stem, line.answer)) in seen:
            problems.exclude("same question and answer again in the frame")
        else:
            yield line
        seen.add(key)
