"""The authors' released training files -> a prepared set: options and order as released, all of it for training."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from anatomy_r1.data import prepared
from anatomy_r1.data.errors import Exclusions
from anatomy_r1.data.labels import label
from anatomy_r1.data.prepare.options import ReleasedOptions
from anatomy_r1.data.prepare.rationales import surgical
from anatomy_r1.data.prepare.sgg import BENCHMARK
from anatomy_r1.data.readers.files import Inputs, existing_folder, in_generated_world
from anatomy_r1.data.readers.released import ReleasedRecord, read_released
from anatomy_r1.data.readers.scene_graph import frame_readable, scene_graph
from anatomy_r1.data.stems import parse_stem
from anatomy_r1.question import Question


def prepare(options: ReleasedOptions) -> Exclusions:
    """Read the files and write the prepared set.

    Returns:
        What was left out.

    Raises:
        DataError: see `BadRecord`; nothing is written then.
    """
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
    answers: dict[tuple[str, str], set[str]] = {}
    for question in questions:
        answers.setdefault((question.image, question.stem), set()).add(question.answer)
    return sum(len(found) > 1 for found in answers.values())


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
