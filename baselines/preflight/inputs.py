"""Checks of a run's inputs (weights, data, similarities): what is missing, with where to get it, and what is wrong."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from anatomy_r1.data.inputs import DataError
from anatomy_r1.data.prepared import load
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.training.similarity import read_similarity
from baselines.experiment.cell import Layout
from baselines.experiment.plan import Selection, cells, stages
from baselines.experiment.profile import Profile
from baselines.preflight.machine_checks import Check
from baselines.runtime.gpus import missing_gpus
from baselines.stages.data import ROOT_VARIABLE

FOLDERS = {
    "sgg_anatomy": {
        "SSG-VQA/qa_txt": "SSG-VQA's questions: on request, https://github.com/CAMMA-public/SSG-VQA",
        "SSG-VQA/scene_graph": "SSG-VQA's scene graphs: same page as its questions",
        "CholecT45/data": "CholecT45's frames: on request, https://github.com/CAMMA-public/cholect45",
    },
    "omnimed_mi": {
        "OmniMedVQA/QA_information": "OmniMedVQA: https://huggingface.co/datasets/foreverbeliever/OmniMedVQA",
        "OmniMedVQA/Images": "OmniMedVQA's images: same page; the restricted part from its sources",
    },
}
"""Benchmark -> folders below the data root, and where to request them. Their terms: DATA_LICENSES.md."""
RELEASE = "the authors' training files: https://github.com/tomato996/Anatomy-R1 (linked in the paper's abstract)"


def missing(profile: Profile, layout: Layout, selection: Selection) -> list[Check]:
    """Everything that would stop a run: failed checks, GPUs first."""
    fix = "another machine, or profile paper-1gpu or mini"
    gpus = [Check(reason, False, "missing", fix) for reason in missing_gpus(profile)]
    return [*gpus, *missing_inputs(profile, layout, selection)]


def check_inputs(profile: Profile, layout: Layout, selection: Selection) -> list[Check]:
    """What is missing, then checks of what is there: chat template, pixel limits, images, similarities."""
    models = [one for model in selection.models for one in _model(profile.models[model], layout.base(model), model)]
    sets = [one for benchmark in selection.benchmarks for one in _prepared_set(layout.data(benchmark), benchmark)]
    absent = missing_inputs(profile, layout, selection)
    return [*absent, *models, *sets, *_similarities(profile, layout, selection)]


def missing_inputs(profile: Profile, layout: Layout, selection: Selection) -> list[Check]:
    """Missing weights, data and similarities; a profile in the mini world generates its own."""
    if profile.generated:
        return []
    weights = [one for model in selection.models for one in _weights(profile.models[model], layout.base(model))]
    data = [one for benchmark in selection.benchmarks for one in _data(benchmark, layout)]
    absent = [*weights, *data, *_released(profile, layout, selection), *_similarity_file(profile, selection)]
    return [Check(what, False, "missing", fix) for what, fix in absent]


Absent = list[tuple[str, str]]
"""What is missing, and where to get it."""


def _weights(source: Mapping[str, Any], folder: Path) -> Absent:
    from huggingface_hub import try_to_load_from_cache

    name, revision = str(source["hub"]), source.get("revision")
    cached = try_to_load_from_cache(name, "config.json", revision=revision or "main") if not Path(name).is_dir() else ""
    if (folder / "config.json").is_file() or isinstance(cached, str):
        return []
    pin = f" --revision {revision}" if revision else ""
    return [(f"weights of {name}", f"hf download {name}{pin}   (https://huggingface.co/{name})")]


def _data(benchmark: str, layout: Layout) -> Absent:
    if (layout.data(benchmark) / "manifest.json").is_file():
        return []
    root = os.environ.get(ROOT_VARIABLE)
    if not root:
        fix = f"export {ROOT_VARIABLE}=/folder, with the folders listed in README, section Real data"
        return [(f"the data root of {benchmark}", fix)]
    wanted = FOLDERS.get(benchmark, {})
    return [(str(Path(root) / name), where) for name, where in wanted.items() if not (Path(root) / name).is_dir()]


def _released(profile: Profile, layout: Layout, selection: Selection) -> Absent:
    """The authors' files for the arm as released; without a data root, only that is reported."""
    root = os.environ.get(ROOT_VARIABLE)
    if not root:
        return []
    to_do = [one for one in stages(profile, layout, selection) if one.stage == "released" and not one.output.is_file()]
    paths = [Path(root) / "released" / f"{one.name.split('/')[1]}.json" for one in to_do]
    return [(str(path), RELEASE) for path in paths if not path.is_file()]


def _similarity_file(profile: Profile, selection: Selection) -> Absent:
    source = profile.similarity_file()
    if source is None or source.is_file() or not any(cell.method.knobs.get("curriculum") for cell in cells(selection)):
        return []
    fix = "anatomy-r1 similarity make, after the data are prepared (README, Real data); needs MedCLIP's weights"
    return [(f"similarities {source}, which ASC-Learning requires", fix)]


def _model(source: Mapping[str, Any], folder: Path, name: str) -> list[Check]:
    if not (folder / "config.json").is_file():
        return []
    from transformers import AutoProcessor

    again = f"remove {folder}; the next run creates it again"
    try:
        processor = AutoProcessor.from_pretrained(folder, trust_remote_code=False)
    except (OSError, ValueError) as error:
        return [Check(f"processor of {name}", False, str(error)[:200], again)]
    template = bool(getattr(processor, "chat_template", None))
    size = getattr(processor.image_processor, "size", {}) or {}
    found = {"min": size.get("shortest_edge"), "max": size.get("longest_edge")}
    wanted = source.get("pixels") or found
    return [
        Check(f"chat template of {name}", template, "available" if template else "missing", again),
        Check(f"pixel limits of {name}", found == wanted, f"{found}, the profile has {wanted}", again),
    ]


def _prepared_set(folder: Path, benchmark: str) -> list[Check]:
    if not (folder / "manifest.json").is_file():
        return []
    name = f"prepared set of {benchmark}"
    try:
        prepared = load(folder)
    except DataError as error:
        return [Check(name, False, str(error), f"remove {folder}; the next run creates it again")]
    lost = [q.image for q in prepared.questions if not (prepared.image_root / q.image).is_file()]
    found = f"{len(prepared.questions)} questions" + (f", {len(lost)} images missing, e.g. {lost[0]}" if lost else "")
    return [Check(name, not lost, found, "restore the images, or prepare the set again")]


def _similarities(profile: Profile, layout: Layout, selection: Selection) -> list[Check]:
    """Whether the file covers the data's options; otherwise the curriculum would fail hours into the run."""
    source = profile.similarity_file()
    if source is None or not source.is_file():
        return []
    try:
        known = set(read_similarity(source).names)
    except AnatomyR1Error as error:
        return [Check("similarities", False, str(error), "anatomy-r1 similarity make")]
    folders = [layout.data(benchmark) for benchmark in selection.benchmarks]
    sets = [folder for folder in folders if (folder / "manifest.json").is_file()]
    options = {one for folder in sets for question in load(folder, "train").questions for one in question.options}
    unknown = sorted(options - known)
    lacks = f"; not among them: {len(unknown)} of the data's, e.g. {unknown[0]}" if unknown else ""
    fix = f"anatomy-r1 similarity make --data {' '.join(map(str, sets))} --out {source} ..."
    return [Check("similarities", not unknown, f"{len(known)} options{lacks}", fix)]
