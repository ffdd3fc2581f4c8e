"""The authors' released training files -> a prepared set: options and order as released, all of it for training.

The files are `GRPO.json`, `GRPO-GDQA.json` and `GRPO-ASC-Learning.json`, with the keys `instruction`, `sft_prompt` (or
`sft_instruction`), `solution` (a letter), `answer` and `images`. The path in `images` begins with a slash, in GRPO.json
with a blank before it. The release has texts only, no images.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from anatomy_r1.data import prepared
from anatomy_r1.data.inputs import BadRecord, Exclusions, Inputs, existing_folder, in_generated_world, inside, read_json
from anatomy_r1.data.prepare.options import ReleasedOptions
from anatomy_r1.data.prepare.sgg import BENCHMARK, surgical
from anatomy_r1.data.prepare.ssg_vqa import frame_readable, scene_graph
from anatomy_r1.data.stems import label, parse_stem
from anatomy_r1.prompts import parse, render_text
from anatomy_r1.question import Question

_FRAMES = "CholecT45/data/"


@dataclass(frozen=True, slots=True)
class ReleasedRecord:
    """One released record: the question, and the wording of its prompts, a key of `anatomy_r1.prompts.WORDINGS`."""

    question: Question
    wording: str


def read_released(
    data: bytes, name: str, exclusions: Exclusions, benchmark: str = "sgg_anatomy"
) -> Iterator[ReleasedRecord]:
    """The records of a released file called `name`, in order. Ids are `stem-of-name/position`, from 1."""
    for position, entry in enumerate(read_json(data, name), 1):
        try:
            yield _record(entry, name, position, benchmark)
        except BadRecord as bad:
            exclusions.bad(bad)
        except (KeyError, TypeError, ValueError, IndexError) as error:
            exclusions.bad(BadRecord(name, position, f"not a released record ({error})", "fetch the file again"))


def _record(entry: Mapping[str, Any], name: str, position: int, benchmark: str) -> ReleasedRecord:
    think = parse(str(entry["instruction"]))
    direct = str(entry["sft_prompt"] if "sft_prompt" in entry else entry["sft_instruction"])
    path = str(entry["images"]).strip().lstrip("/")
    if not path.startswith(_FRAMES):
        raise BadRecord(name, position, f"path {path!r} lies outside {_FRAMES}", "correct the record")
    image = inside(path.removeprefix(_FRAMES), name, position)
    question = Question(
        id=f"{PurePosixPath(name).stem}/{position}",
        benchmark=benchmark,
        stem=think.stem,
        options=think.options,
        answer=str(entry["answer"]),
        image=image,
        category=str(entry["answer"]),
        cluster=image.split("/")[0],
        family=parse_stem(think.stem).family,
        source=f"{name}:{position}",
    )
    if think.style != "think":
        raise ValueError("`instruction` does not ask for reasoning")
    if direct.removeprefix("<image>") != render_text(think.stem, think.options, "direct", think.wording):
        raise ValueError("its two prompts ask different questions, or in different wordings")
    if (letter := str(entry["solution"])) != question.letter:
        raise ValueError(f"the solution is {letter!r}, but the answer is at {question.letter!r}")
    return ReleasedRecord(question, think.wording)


def prepare(options: ReleasedOptions) -> Exclusions:
    """Read the files and write the prepared set; returns what was left out."""
    existing_folder(options.frames, "the frames of CholecT45 (VID01/000000.png ...)")
    inputs = Inputs({"frames": options.frames, **{f"file {path.name}": path.parent for path in options.files}})
    if options.scene_graphs:
        what = "the scene graphs of SSG-VQA (VID01_0.json ...)"
        inputs.folders["scene_graph"] = existing_folder(options.scene_graphs, what)
    exclusions = Exclusions(options.skip_bad)
    generated = in_generated_world(options.frames)
    benchmark = f"{BENCHMARK}_mini" if generated else BENCHMARK
    records = [record for path in options.files for record in _records(path, inputs, exclusions, benchmark)]
    manifest = {
        **exclusions.as_manifest(),
        "benchmark": benchmark,
        "generated": generated,
        "seed": 0,
        "sizes_inferred": False,
        "split_rule": "all released records train",
        "conflicts": conflicts(record.question for record in records),
        "wordings": dict(Counter(record.wording for record in records)),
        "sources": inputs.sources(options.out),
    }
    questions = [_with_rationale(record.question, inputs, exclusions) for record in records]
    prepared.write(options.out, {"train": questions}, options.frames, manifest, inputs.sha256)
    return exclusions


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
        graph = scene_graph(inputs, exclusions, question.cluster, int(Path(question.image).stem))
    return replace(question, rationale=surgical(parse_stem(question.stem), label(question.answer), graph).text)
