"""The authors' released training files -> a prepared set: options and order as released.

The release is for training and names no test set, so all of it becomes `train`, unless a test side is asked for: a
share of the questions, or some videos. Whole videos are drawn, since frames of one operation are alike.

The files are `GRPO.json`, `GRPO-GDQA.json` and `GRPO-ASC-Learning.json`, with the keys `instruction`, `sft_prompt` (or
`sft_instruction`), `solution` (a letter), `answer` and `images`. The path in `images` begins with a slash, in GRPO.json
with a blank before it. The release has texts only, no images.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from anatomy_r1.data import prepared
from anatomy_r1.data.inputs import (
    BadRecord,
    DataError,
    Exclusions,
    Inputs,
    existing_folder,
    field_text,
    in_generated_world,
    inside,
    read_records,
)
from anatomy_r1.data.prepare.options import ReleasedOptions
from anatomy_r1.data.prepare.sgg import BENCHMARK, NO_GRAPH, surgical
from anatomy_r1.data.prepare.source_folders import PARTS, find_folder
from anatomy_r1.data.prepare.ssg_vqa import frame_readable, has_graph, scene_graph
from anatomy_r1.data.splits import split_groups
from anatomy_r1.data.stems import label, parse_stem
from anatomy_r1.prompts import parse, render_text
from anatomy_r1.question import Question

_PATH = re.compile(r"(?:CholecT(?:45|50)/)*(?:data/)?(VID\d+/[^/]+\.\w+)")
_RELEASED_PATH = re.compile(r" ?/CholecT45/data/VID\d+/[^/]+\.\w+")


@dataclass(frozen=True, slots=True)
class ReleasedRecord:
    """One released record: the question, and the wording of its prompts, a key of `anatomy_r1.prompts.WORDINGS`."""

    question: Question
    wording: str


def read_released(
    data: bytes, name: str, exclusions: Exclusions, benchmark: str = "sgg_anatomy"
) -> Iterator[ReleasedRecord]:
    """The records of a released file called `name`, in order. Ids are `stem-of-name/position`, from 1."""
    for position, entry in read_records(data, name, exclusions):
        try:
            record = _record(entry, name, position, benchmark)
        except BadRecord as bad:
            exclusions.bad(bad)
        except ValueError as error:
            exclusions.bad(BadRecord(name, position, f"not a released record ({error})", "fetch the file again"))
        else:
            if not _RELEASED_PATH.fullmatch(entry["images"]):
                exclusions.changed["image path respelled"] += 1
            yield record


def _record(entry: Mapping[str, Any], name: str, position: int, benchmark: str) -> ReleasedRecord:
    """One record; ValueError if it contradicts itself."""
    direct_key = "sft_prompt" if "sft_prompt" in entry else "sft_instruction"
    where, texts = (name, position), {}
    for key in ("instruction", direct_key, "solution", "answer", "images"):
        texts[key] = field_text(entry, key, where)
        if not texts[key] or not isinstance(entry[key], str):
            raise BadRecord(*where, f"not a released record (no text in {key!r})", "fetch the file again")
    image = _image(texts["images"], where)
    think = parse(entry["instruction"])
    question = Question(
        id=f"{PurePosixPath(name).stem}/{position}",
        benchmark=benchmark,
        stem=think.stem,
        options=think.options,
        answer=texts["answer"],
        image=image,
        category=texts["answer"],
        cluster=image.split("/")[0],
        family=parse_stem(think.stem).family,
        source=f"{name}:{position}",
    )
    if think.style != "think":
        raise ValueError("`instruction` does not ask for reasoning")
    if entry[direct_key].removeprefix("<image>") != render_text(think.stem, think.options, "direct", think.wording):
        raise ValueError("its two prompts ask different questions, or in different wordings")
    if (letter := texts["solution"]) != question.letter:
        raise ValueError(f"the solution is {letter!r}, but the answer is at {question.letter!r}")
    return ReleasedRecord(question, think.wording)


def _image(stated: str, where: tuple[str, int]) -> str:
    """Path of the frame below `CholecT45/data`: the release begins it with a slash."""
    path = inside(stated.replace("\\", "/").removeprefix("/"), *where)
    found = _PATH.fullmatch(path)
    if found is None:
        raise BadRecord(*where, f"path {stated!r} lies outside CholecT45/data/", "correct the record")
    return found[1]


def prepare(options: ReleasedOptions) -> Exclusions:
    """Read the files and write the prepared set; returns what was left out."""
    inputs, exclusions = _inputs(options), Exclusions(options.skip_bad)
    frames = inputs.folders["frames"]
    generated = in_generated_world(frames)
    benchmark = f"{BENCHMARK}_mini" if generated else BENCHMARK
    records = [record for path in options.files for record in _records(path, inputs, exclusions, benchmark)]
    rule, test = _test_videos(options, Counter(record.question.cluster for record in records))
    questions = [_with_rationale(record.question, inputs, exclusions) for record in records]
    _check_graphs(inputs, questions, exclusions)
    manifest = {
        **exclusions.as_manifest(),
        "benchmark": benchmark,
        "generated": generated,
        "seed": options.seed,
        "sizes_inferred": False,
        "split_rule": rule,
        "split_inferred": bool(test),
        "conflicts": conflicts(record.question for record in records),
        "wordings": dict(Counter(record.wording for record in records)),
        "sources": inputs.sources(options.out),
    }
    sides = {"train": [q for q in questions if q.cluster not in test]}
    if test:
        sides["test"] = [q for q in questions if q.cluster in test]
    prepared.write(options.out, sides, frames, manifest, inputs.sha256)
    return exclusions


def _inputs(options: ReleasedOptions) -> Inputs:
    folders = {"frames": options.frames}
    if options.scene_graphs:
        folders["scene_graph"] = options.scene_graphs
    found = {role: find_folder(role, folder) for role, folder in folders.items()}
    found = {role: existing_folder(folder, PARTS[role].what) for role, folder in found.items()}
    return Inputs({**found, **{f"file {path.name}": path.parent for path in options.files}})


def _test_videos(options: ReleasedOptions, sizes: Mapping[str, int]) -> tuple[str, frozenset[str]]:
    """Name of the split rule, and the videos to test on; `sizes` is video -> number of its questions."""
    if options.test_videos:
        named = frozenset(options.test_videos)
        if unknown := sorted(named - sizes.keys()):
            known = ", ".join(sorted(sizes))
            raise DataError(f"--test-videos: no question on {', '.join(unknown)}. Fix: choose among {known}")
        rule, test = f"test on {', '.join(sorted(named))}", named
    elif options.test_share:
        groups = {video: ("", count) for video, count in sizes.items()}
        split = split_groups(groups, test=options.test_share, validation=0.0, seed=options.seed)
        test = frozenset(video for video, side in split.items() if side == "test")
        rule = f"by video, test {options.test_share:g}"
        if not test:
            fix = "choose a larger share, or name videos by --test-videos"
            raise DataError(f"--test-share {options.test_share:g}: no video is as small as that. Fix: {fix}")
    else:
        return "all released records train", frozenset()
    if not sizes.keys() - test:
        raise DataError("every video is for testing, none is left to train on. Fix: test on fewer videos")
    return rule, test


def _check_graphs(inputs: Inputs, questions: Iterable[Question], exclusions: Exclusions) -> None:
    """Count the frames without a scene graph; DataError if all are."""
    if "scene_graph" not in inputs.folders:
        return
    frames = {question.image: _has_graph(inputs, question) for question in questions}
    exclusions.exclude(NO_GRAPH, sum(not found for found in frames.values()))
    if frames and not any(frames.values()):
        fix = f"name the folder of {PARTS['scene_graph'].what}, or leave --scene-graphs out"
        raise DataError(f"{inputs.folders['scene_graph']}: no frame has its scene graph there. Fix: {fix}")


def _has_graph(inputs: Inputs, question: Question) -> bool:
    return has_graph(inputs, question.cluster, _index(question))


def _index(question: Question) -> int:
    """Number of the frame; -1, which no frame has, for a file that is not named by one, such as a noised image."""
    name = PurePosixPath(question.image).stem
    return int(name) if name.isdecimal() else -1


def conflicts(questions: Iterable[Question]) -> int:
    """Number of pairs of image and stem that have more than one gold answer."""
    answered = Counter((image, stem) for image, stem, _ in {(q.image, q.stem, q.answer) for q in questions})
    return sum(count > 1 for count in answered.values())


def _records(path: Path, inputs: Inputs, exclusions: Exclusions, benchmark: str) -> Iterator[ReleasedRecord]:
    from tqdm import tqdm

    records = read_released(inputs.read(f"file {path.name}", path), path.name, exclusions, benchmark)
    for record in tqdm(records, desc=path.name, unit="record", mininterval=1, disable=None):
        if frame_readable(inputs, exclusions, record.question):
            yield record


def _with_rationale(question: Question, inputs: Inputs, exclusions: Exclusions) -> Question:
    """The question with a rationale by the same rule as SSG-VQA's own questions."""
    graph = None
    if "scene_graph" in inputs.folders:
        graph = scene_graph(inputs, exclusions, question.cluster, _index(question))
    return replace(question, rationale=surgical(parse_stem(question.stem), label(question.answer), graph).text)
