"""SSG-VQA on CholecT45 -> a prepared set of anatomy questions, file by file, in bounded memory.

A question keeps its stem and its answer; three distractors are drawn by the seed from the labels that are wrong for it.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial

from anatomy_r1.data import prepared
from anatomy_r1.data.inputs import (
    DataError,
    Exclusions,
    Inputs,
    existing_folder,
    in_generated_world,
    missing_image,
    read_json,
)
from anatomy_r1.data.prepare.options import SggOptions
from anatomy_r1.data.prepare.rationales import FrameFacts, also_right, frame_facts, surgical
from anatomy_r1.data.readers.ssg_vqa import (
    QuestionFile,
    QuestionLine,
    SceneGraph,
    frame_readable,
    graph_path,
    question_files,
    question_lines,
    scene_graph,
)
from anatomy_r1.data.splits import SPLITS, Reservoir, SplitRule, rule_file, rule_official, rule_unused
from anatomy_r1.data.stems import ANATOMIES, SIX, display, parse_stem
from anatomy_r1.question import Question

BENCHMARK = "sgg_anatomy"
DISTRACTORS = 3  # every released record has four options


def prepare(options: SggOptions) -> Exclusions:
    """Draw a sample of each split and write the prepared set; returns what was left out."""
    from tqdm import tqdm

    exclusions, inputs = Exclusions(options.skip_bad), Inputs(options.folders)
    rule = _split_rule(options, inputs)
    existing_folder(inputs.folders["frames"], "the frames of CholecT45 (VID01/000000.png ...)")
    spare = 0 if rule.name == "unused" else options.test
    validation = spare if options.validation is None else options.validation
    sizes = {"train": options.train, "validation": validation, "test": options.test}
    generated = in_generated_world(options.root, inputs.folders["qa_txt"], inputs.folders["frames"])
    benchmark = f"{BENCHMARK}_mini" if generated else BENCHMARK

    builder = QuestionBuilder(inputs, exclusions, rule, benchmark, options.seed)
    pools = {split: Reservoir(sizes[split], options.seed) for split in SPLITS}
    files = list(question_files(inputs, exclusions))  # names only: some 27,000 in SSG-VQA
    for question in builder.questions(tqdm(files, desc="question files", unit="file", mininterval=1, disable=None)):
        pools[rule.of(question.cluster) or "train"].add(question)
    for split, pool in pools.items():
        if pool.capacity and not pool.counts:
            fix = "check that its videos are there, choose another --split, or ask for 0 of it"
            where = inputs.folders["qa_txt"]
            raise DataError(f"{where}: no question for the split {split!r} ({rule.name}). Fix: {fix}")
    readable = partial(frame_readable, inputs, exclusions)
    drawn = {split: pool.draw(readable) for split, pool in pools.items() if pool.capacity}

    kept = {question.id for questions in drawn.values() for question in questions}
    also = {name: names for name, names in sorted(builder.also_right.items()) if name in kept}
    manifest = {
        **({"also_right": also} if builder.also_right else {}),
        **exclusions.as_manifest(),
        "benchmark": benchmark,
        "generated": generated,
        "seed": options.seed,
        "split_rule": rule.name,
        "split_inferred": rule.name == "unused",
        "stratified_by": "category and family, in proportion to the pool",
        "requested": sizes,
        "sizes_inferred": not generated,
        "pool": {split: sum(pool.counts.values()) for split, pool in pools.items()},
        "rationales": dict(builder.rationales),
        "sources": inputs.sources(options.out),
    }
    prepared.write(options.out, drawn, inputs.folders["frames"], manifest, inputs.sha256)
    return exclusions


def _split_rule(options: SggOptions, inputs: Inputs) -> SplitRule:
    path = options.split_file
    name = options.split or ("file" if path.is_file() else "unused")
    if name == "unused":
        return rule_unused(validation=bool(options.validation))
    if name == "official":
        return rule_official()
    if not path.is_file():
        raise DataError(f"{path}: no such file. Fix: write it, or use --split unused or official")
    inputs.folders["split"] = path.parent
    return rule_file(read_json(inputs.read("split", path), path.name), path.name)


@dataclass(slots=True)
class QuestionBuilder:
    """Turns question files into questions with options, and keeps account of what it leaves out."""

    inputs: Inputs
    exclusions: Exclusions
    rule: SplitRule
    benchmark: str
    seed: int
    """Seed of the distractors and their order."""
    rationales: Counter[str] = field(default_factory=Counter)
    """Number of rationales, by what they are based on."""
    also_right: dict[str, list[str]] = field(default_factory=dict)
    """Question id -> other options that would be right too. A curriculum that changes options must not use them."""

    def questions(self, files: Iterable[QuestionFile]) -> Iterator[Question]:
        """All questions of the files whose video is in a split."""
        for file in files:
            if self.rule.of(file.video) is None:
                self.exclusions.exclude("frame of a video that is in no split")
            else:
                yield from self._of_file(file)

    def _of_file(self, file: QuestionFile) -> Iterator[Question]:
        asked = [line for line in question_lines(file, self.inputs, self.exclusions) if self._asks_component(line)]
        wanted = [line for line in self._without_repeats(asked) if line.answer in SIX]
        if not wanted:
            return
        if not (self.inputs.folders["frames"] / file.image).is_file():
            where = f"{self.inputs.key('qa_txt', file.path)}:{wanted[0].number}"
            self.exclusions.bad(missing_image(where, f"frames/{file.image}", "frames"))
            return
        facts = frame_facts(asked, self._graph(file))
        for line in wanted:
            if question := self._question(file, line, facts):
                yield question

    def _asks_component(self, line: QuestionLine) -> bool:
        """Whether a line asks for a component and has an answer. Counts the lines that yield no question."""
        if not line.answer:
            self.exclusions.exclude("empty answer")
        elif not line.asks_component:
            self.exclusions.exclude("question of another type")
        elif line.answer not in ANATOMIES:
            self.exclusions.exclude("answer is no anatomy")
        elif line.answer not in SIX:
            self.exclusions.exclude("answer is an anatomy outside the benchmark's")
        return line.asks_component and bool(line.answer)

    def _without_repeats(self, lines: Iterable[QuestionLine]) -> Iterator[QuestionLine]:
        seen: set[tuple[str, str]] = set()
        for line in lines:
            if (key := (line.stem, line.answer)) in seen:
                self.exclusions.exclude("same question and answer again in the frame")
            else:
                yield line
            seen.add(key)

    def _graph(self, file: QuestionFile) -> SceneGraph | None:
        if not graph_path(self.inputs, file.video, file.index).is_file():
            self.exclusions.exclude("scene graph missing (frame kept)")
        return scene_graph(self.inputs, self.exclusions, file.video, file.index)

    def _question(self, file: QuestionFile, line: QuestionLine, facts: FrameFacts) -> Question | None:
        name = f"{file.id}/{line.number}"
        right = also_right(line.stem, line.answer, facts) & set(SIX)
        self.exclusions.exclude("distractor that is also right", len(right))
        if right:
            self.also_right[name] = sorted(map(display, right))
        wrong = sorted(set(SIX) - right - {line.answer})
        if len(wrong) < DISTRACTORS:
            self.exclusions.exclude(f"question with fewer than {DISTRACTORS} distractors that are wrong")
            return None
        stem = parse_stem(line.stem)
        rationale = surgical(stem, line.answer, facts.graph)
        self.rationales[rationale.basis] += 1
        return Question(
            id=name,
            benchmark=self.benchmark,
            stem=line.stem,
            options=draw_options(line.answer, wrong, name, self.seed),
            answer=display(line.answer),
            image=file.image,
            category=display(line.answer),
            cluster=file.video,
            family=stem.family,
            source=f"{self.inputs.key('qa_txt', file.path)}:{line.number}",
            rationale=rationale.text,
        )


def draw_options(answer: str, wrong: list[str], name: str, seed: int) -> tuple[str, ...]:
    """The answer and three of the wrong labels, uniformly drawn and ordered; depends on the seed and the id alone."""
    rng = random.Random(f"{seed}:{name}")
    options = [answer, *rng.sample(wrong, DISTRACTORS)]
    rng.shuffle(options)
    return tuple(display(option) for option in options)
