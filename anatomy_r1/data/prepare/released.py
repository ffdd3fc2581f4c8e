"""The authors' released training files -> a prepared set, its options and order as released, all of it for training."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from anatomy_r1.data import prepared
from anatomy_r1.data.labels import label
from anatomy_r1.data.prepare.rationales import surgical
from anatomy_r1.data.problems import DataError, Problems
from anatomy_r1.data.readers.files import Inputs, existing_folder
from anatomy_r1.data.readers.released import Record, records
from anatomy_r1.data.readers.scene_graph import has_picture, scene_graph
from anatomy_r1.data.stems import parse_stem
from anatomy_r1.question import Question


def prepare(
    files: Sequence[Path],
    frames: Path,
    problems: Problems,
    out: Path,
    notes: Mapping[str, Any],
    *,
    scene_graphs: Path | None = None,
) -> None:
    """Read and write.

    Args:
        files: released JSON files.
        frames: `CholecT45/data`, with the pictures.
        problems: what to do with bad records; filled with those left out.
        out: folder to write.
        notes: further entries of the manifest, `benchmark` among them.
        scene_graphs: `SSG-VQA/scene_graph`, for rationales (the files have none); without, those of the stem alone.

    Raises:
        DataError: see `BadRecord`; nothing is written then.
    """
    existing_folder(frames, "the frames of CholecT45 (VID01/000000.png ...)")
    folders = {path.name: path.parent for path in files}
    if len(folders) != len(files):
        raise DataError("two of the files have one name. Fix: rename one")
    inputs = Inputs({"frames": frames, **{f"file {name}": folder for name, folder in folders.items()}})
    if scene_graphs:
        inputs.folders["scene_graph"] = existing_folder(scene_graphs, "the scene graphs of SSG-VQA (VID01_0.json ...)")
    kept = [record for path in files for record in _records(path, inputs, problems, str(notes["benchmark"]))]
    manifest = {
        **notes,
        "split_rule": "all released records train",
        "conflicts": conflicts(record.question for record in kept),
        "wordings": dict(sorted(Counter(record.wording for record in kept).items())),
        "excluded": {},
        "skipped": problems.skipped,
        "sources": {role: prepared.relative(path, out) for role, path in inputs.folders.items()},
    }
    questions = [_with_rationale(record.question, inputs, problems) for record in kept]
    prepared.write(out, {"train": questions}, frames, manifest, inputs.sha256)


def conflicts(questions: Iterable[Question]) -> int:
    """How many pairs of image and stem have more than one gold answer."""
    answers: dict[tuple[str, str], set[str]] = {}
    for question in questions:
        answers.setdefault((question.image, question.stem), set()).add(question.answer)
    return sum(len(found) > 1 for found in answers.values())


def _records(path: Path, inputs: Inputs, problems: Problems, benchmark: str) -> Iterator[Record]:
    from tqdm import tqdm

    read = records(inputs.read(f"file {path.name}", path), path.name, problems, benchmark)
    for record in tqdm(read, desc=path.name, unit="record", mininterval=1, disable=None):
        if has_picture(inputs, problems, record.question):
            yield record


def _with_rationale(question: Question, inputs: Inputs, problems: Problems) -> Question:
    """By the rule that SSG-VQA's own questions get theirs by."""
    graph = None
    if "scene_graph" in inputs.folders:
        graph = scene_graph(inputs, problems, question.cluster, int(Path(question.image).stem))
    found = surgical(parse_stem(question.stem), label(question.answer), graph)
    return replace(question, rationale=found.text)
