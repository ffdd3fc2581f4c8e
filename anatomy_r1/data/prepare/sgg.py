"""SSG-VQA on CholecT45 -> a prepared set of anatomy questions, file by file, in bounded memory.

A question keeps its stem and its answer; three distractors are drawn by the seed from the labels that are wrong for it.

The authors name no source of their chains of thought. Ours, rule-based, come from the scene graph (locate the
reference, apply the relation, match the attributes, name the structure), else from what the stem states; otherwise
there is none.

Example:
    >>> surgical(parse_stem("What is the yellow top-mid anatomy?"), "omentum", None)
    Rationale(text='top-mid : yellow , so Omentum', basis='stem')
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

from anatomy_r1.data import prepared
from anatomy_r1.data.inputs import (
    BadRecord,
    DataError,
    Exclusions,
    Inputs,
    existing_folder,
    in_generated_world,
    read_json,
)
from anatomy_r1.data.prepare.frame_facts import FrameFacts, also_right, frame_facts, graph_doubt, referents
from anatomy_r1.data.prepare.frame_names import FrameNames
from anatomy_r1.data.prepare.options import SggOptions
from anatomy_r1.data.prepare.source_folders import PARTS, sgg_folders
from anatomy_r1.data.prepare.ssg_vqa import (
    QuestionFile,
    QuestionLine,
    SceneGraph,
    frame_readable,
    has_graph,
    question_files,
    question_lines,
    scene_graph,
)
from anatomy_r1.data.splits import SPLITS, Reservoir, SplitRule, rule_file, rule_official, rule_unused
from anatomy_r1.data.stems import ANATOMIES, SIX, ParsedStem, display, label, parse_stem
from anatomy_r1.data.variants import balanced, variant_name
from anatomy_r1.question import Question

BENCHMARK = "sgg_anatomy"
DISTRACTORS = 3  # every released record has four options
NO_GRAPH = "scene graph missing (frame kept)"
OTHER_NAME = "frame found under another spelling of its name"
_NO_GRAPHS = (
    "no frame has its scene graph there, so nothing shows which options are right too: a question about what is left "
    "of the omentum may have two right options. Fix: name the release's folder (VID01_0.json ...) by --scene-graphs, "
    "or go on without by --no-scene-graphs"
)


def prepare(options: SggOptions) -> Exclusions:
    """Draw a sample of each split and write the prepared set; returns what was left out."""
    from tqdm import tqdm

    exclusions, inputs = Exclusions(options.skip_bad), Inputs(sgg_folders(options))
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
    _check_graphs(inputs)
    if absent := sorted(rule.named - {file.video for file in files}):
        exclusions.warned[f"video of the split file without question files: {', '.join(absent)}"] = len(absent)
    for question in builder.questions(tqdm(files, desc="question files", unit="file", mininterval=1, disable=None)):
        pools[rule.of(question.cluster) or "train"].add(question)
    if (graphs := inputs.folders.get("scene_graph")) and 0 < builder.frames == exclusions.excluded[NO_GRAPH]:
        raise DataError(f"{graphs}: {_NO_GRAPHS}")
    for split, pool in pools.items():
        if pool.capacity and not pool.counts:
            fix = "check that its videos are there, choose another --split, or ask for 0 of it"
            where = inputs.folders["qa_txt"]
            raise DataError(f"{where}: no question for the split {split!r} ({rule.name}). Fix: {fix}")
    readable = partial(frame_readable, inputs, exclusions)
    drawn = {split: pool.draw(readable) for split, pool in pools.items() if pool.capacity}

    doubts = (_doubt(inputs, question) for questions in drawn.values() for question in questions)
    exclusions.warned.update(filter(None, doubts))
    kept = {question.id for questions in drawn.values() for question in questions}
    also = {name: names for name, names in sorted(builder.also_right.items()) if name in kept}
    varied: dict[str, Any] = {}
    if options.variant:  # by the stem alone: wordings of one meaning differ in when SSG-VQA asks them
        drawn, varied = balanced(drawn, options.seed, exclusions, also_right=also)
        kept = {question.id for questions in drawn.values() for question in questions}
        also = {name: names for name, names in also.items() if name in kept}
    manifest = {
        **({"also_right": also} if builder.also_right else {}),
        **exclusions.as_manifest(),
        **varied,
        "benchmark": variant_name(benchmark, options.variant),
        "generated": generated,
        "seed": options.seed,
        "split_rule": rule.name,
        "split_inferred": rule.name == "unused",
        "stratified_by": "category and family, in proportion to the pool",
        "requested": sizes,
        "sizes_inferred": not generated,
        "pool": {split: sum(pool.counts.values()) for split, pool in pools.items()},
        "rationales": dict(builder.rationales),
        "scene_graphs": "not used" if options.no_scene_graphs else "used",
        "sources": inputs.sources(options.out),
    }
    prepared.write(options.out, drawn, inputs.folders["frames"], manifest, inputs.sha256)
    return exclusions


def _doubt(inputs: Inputs, question: Question) -> str:
    """What is doubtful about a question's options. The graph is read again: no frame's facts are kept."""
    index = int(question.id.split("/")[1])
    graph = scene_graph(inputs, Exclusions(skip_bad=True), question.cluster, index)
    return graph_doubt(parse_stem(question.stem), label(question.answer), graph)


def _check_graphs(inputs: Inputs) -> None:
    """Stop before anything is read if there are no scene graphs at all."""
    folder = inputs.folders.get("scene_graph")
    if folder is not None and not PARTS["scene_graph"].holds(folder):
        raise DataError(f"{folder}: {_NO_GRAPHS}")


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
    frames: int = 0
    """Frames that were asked about."""
    _frames: FrameNames = field(init=False)

    def __post_init__(self) -> None:
        self._frames = FrameNames(self.inputs.folders["frames"])

    def questions(self, files: Iterable[QuestionFile]) -> Iterator[Question]:
        """All questions of the files whose video is in a split."""
        for file in files:
            if self.rule.of(file.video) is None:
                self.exclusions.exclude("frame of a video that is in no split")
            else:
                yield from self._of_file(file)

    def _of_file(self, file: QuestionFile) -> Iterator[Question]:
        asked = [line for line in question_lines(file, self.inputs, self.exclusions) if self._asks_component(line)]
        first: dict[tuple[str, str], QuestionLine] = {}
        for line in asked:
            if first.setdefault((line.stem, line.answer), line) is not line:
                self.exclusions.exclude("same question and answer again in the frame")
        wanted = [line for line in first.values() if line.answer in SIX]
        if not wanted:
            return
        where = f"{self.inputs.key('qa_txt', file.path)}:{wanted[0].number}"
        try:
            image = self._frames.find(file.image, file.video, file.index, where)
        except BadRecord as bad:
            self.exclusions.bad(bad)
            return
        self.exclusions.changed[OTHER_NAME] += image != file.image
        self.frames += 1
        if not has_graph(self.inputs, file.video, file.index):
            self.exclusions.exclude(NO_GRAPH)
        facts = frame_facts(asked, scene_graph(self.inputs, self.exclusions, file.video, file.index))
        for line in wanted:
            if question := self._question(file, line, image, facts):
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

    def _question(self, file: QuestionFile, line: QuestionLine, image: str, facts: FrameFacts) -> Question | None:
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
            image=image,
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


@dataclass(frozen=True, slots=True)
class Rationale:
    """A rationale and what it is based on."""

    text: str
    """Words separated by blanks, such as `mid-right : yellow glossy , so Gut`; empty for basis `none`."""
    basis: Literal["scene graph", "stem", "none"]


def surgical(stem: ParsedStem, answer: str, graph: SceneGraph | None) -> Rationale:
    """Rationale of an SSG-VQA question whose gold label is `answer`."""
    targets = {one for one in referents(stem, answer, graph) if one.name == answer}
    if len(targets) == 1:
        (target,) = targets
        return Rationale(_compose(target.place, f"{target.colour} {target.texture}".strip(), answer), "scene graph")
    text = _compose(stem.target.place, stem.target.colour, answer)
    return Rationale(text, "stem" if text else "none")


def _compose(place: str, looks: str, answer: str) -> str:
    evidence = " : ".join(part for part in (place, looks) if part and part != "None")
    return f"{evidence} , so {display(answer)}" if evidence else ""
