"""SSG-VQA on CholecT45 -> a prepared set of anatomy questions, frame by frame, in bounded memory.

Frames of SSG-VQA -> anatomy questions with options drawn by a seed.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from anatomy_r1.data import prepared
from anatomy_r1.data.labels import ANATOMIES, SIX, display
from anatomy_r1.data.prepare.rationales import FrameFacts, also_right, frame_facts, surgical
from anatomy_r1.data.problems import DataError, Problems
from anatomy_r1.data.readers.files import Inputs, existing_folder, missing_image
from anatomy_r1.data.readers.scene_graph import SceneGraph, graph_path, has_picture, scene_graph
from anatomy_r1.data.readers.ssg_vqa import Frame, Line, frames, lines
from anatomy_r1.data.splits import SPLITS, Reservoir, SplitRule
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


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the parts of the benchmark lie."""

    qa_txt: Path
    frames: Path
    scene_graph: Path
    """May be missing: then neither it nor what it knows is used."""
    split_file: Path | None = None
    """File that the split rule was read from, to be hashed with the other inputs."""

    @classmethod
    def below(cls, root: Path) -> Sources:
        """The default layout: `SSG-VQA/` and `CholecT45/` side by side."""
        return cls(root / "SSG-VQA/qa_txt", root / "CholecT45/data", root / "SSG-VQA/scene_graph")


def prepare(sources: Sources, plan: Plan, problems: Problems, out: Path, notes: dict[str, Any]) -> None:
    """Read, draw and write the prepared set.

    Args:
        sources: where the parts lie.
        plan: split rule, sizes and seed.
        problems: what to do with bad records; filled with the account of what was left out.
        out: folder to write.
        notes: further entries of the manifest (`generated`, `sizes_inferred`, ...).

    Raises:
        DataError: see `BadRecord`; nothing is written then.
    """
    from tqdm import tqdm

    existing_folder(sources.frames, "the frames of CholecT45 (VID01/000000.png ...)")
    roles = {"qa_txt": sources.qa_txt, "frames": sources.frames, "scene_graph": sources.scene_graph}
    if sources.split_file:
        roles["split"] = sources.split_file.parent
    builder = Builder(Inputs(roles), problems, plan)
    if sources.split_file:
        builder.inputs.read("split", sources.split_file)
    pools = {split: Reservoir(plan.sizes.get(split, 0), plan.seed) for split in SPLITS}
    every = list(frames(builder.inputs, problems))  # names only: some 27,000 in SSG-VQA
    for question in builder.questions(tqdm(every, desc="question files", unit="file", mininterval=1, disable=None)):
        pools[plan.rule.of(question.cluster) or "train"].add(question)
    for split, pool in pools.items():
        if pool.capacity and not pool.counts:
            fix = "check that its videos are there, choose another --split, or ask for 0 of it"
            raise DataError(f"{sources.qa_txt}: no question for the split {split!r} ({plan.rule.name}). Fix: {fix}")
    readable = partial(has_picture, builder.inputs, problems)
    drawn = {split: pool.draw(readable) for split, pool in pools.items() if pool.capacity}
    kept = {question.id for questions in drawn.values() for question in questions}
    also = {name: names for name, names in sorted(builder.also_right.items()) if name in kept}
    manifest = {
        **notes,
        **({"also_right": also} if builder.also_right else {}),
        "benchmark": plan.benchmark,
        "seed": plan.seed,
        "split_rule": plan.rule.name,
        "stratified_by": "category and family, in proportion to the pool",
        "requested": dict(sorted(plan.sizes.items())),
        "pool": {split: sum(pool.counts.values()) for split, pool in pools.items()},
        "rationales": dict(sorted(builder.rationales.items())),
        "excluded": {reason: n for reason, n in sorted(problems.excluded.items()) if n},
        "skipped": problems.skipped,
        "sources": {role: prepared.relative(path, out) for role, path in roles.items()},
    }
    prepared.write(out, drawn, sources.frames, manifest, builder.inputs.sha256)
