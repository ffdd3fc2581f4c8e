"""What a profile needs that is not here: GPUs, weights, data, similarities, each with the page or command to get it.

Checks of what goes into a run: models with chat template and pixel limits, prepared sets, similarities.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anatomy_r1.data.prepared import load
from anatomy_r1.data.problems import DataError
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.training.similarity import read_similarity
from baselines.experiment.cell import Cell, Layout
from baselines.experiment.plan import Selection, cells, stages
from baselines.experiment.profile import Profile
from baselines.preflight.machine_checks import Finding
from baselines.runtime.gpus import lacking
from baselines.stages.data import ROOT_VARIABLE


@dataclass(frozen=True)
class Missing:
    """One thing."""

    what: str
    fix: str


def missing(profile: Profile, layout: Layout, selection: Selection) -> list[Missing]:
    """Everything that would stop a run, in the order in which it would."""
    gpus = [Missing(reason, "another machine, or profile paper-1gpu or mini") for reason in lacking(profile)]
    return [*gpus, *missing_inputs(profile, layout, selection)]


def missing_inputs(profile: Profile, layout: Layout, selection: Selection) -> list[Missing]:
    """The same without the machine."""
    if profile.generated:
        return []
    weights = [_weights(profile.models[model], layout.base(model)) for model in selection.models]
    data = [one for benchmark in selection.benchmarks for one in _data(benchmark, layout)]
    found = [*weights, *data, *_released(profile, layout, selection), _similarity(profile, selection)]
    return [one for one in found if one is not None]


def _weights(source: Mapping[str, Any], folder: Path) -> Missing | None:
    name, revision = str(source["hub"]), source.get("revision")
    if (folder / "config.json").is_file() or Path(name).is_dir() or _cached(name, revision):
        return None
    pin = f" --revision {revision}" if revision else ""
    return Missing(f"weights of {name}", f"hf download {name}{pin}   (https://huggingface.co/{name})")


def _cached(name: str, revision: str | None) -> bool:
    """Whether the hub's cache has a snapshot of it; nothing is fetched."""
    from huggingface_hub import try_to_load_from_cache

    return isinstance(try_to_load_from_cache(name, "config.json", revision=revision or "main"), str)


FOLDERS = {
    "sgg_anatomy": {
        "SSG-VQA/qa_txt": "SSG-VQA's questions: on request, https://github.com/CAMMA-public/SSG-VQA",
        "SSG-VQA/scene_graph": "SSG-VQA's scene graphs: as its questions",
        "CholecT45/data": "CholecT45's frames: on request, https://github.com/CAMMA-public/cholect45",
    },
    "omnimed_mi": {
        "OmniMedVQA/QA_information": "OmniMedVQA: https://huggingface.co/datasets/foreverbeliever/OmniMedVQA",
        "OmniMedVQA/Images": "OmniMedVQA's images: as its questions; the restricted part from its sources",
    },
}
"""Benchmark -> folders below the data root, and where to ask for them. Their terms: DATA_LICENSES.md."""


RELEASE = "the authors' training files: https://github.com/tomato996/Anatomy-R1 (the paper's abstract)"


def _data(benchmark: str, layout: Layout) -> list[Missing]:
    if (layout.data(benchmark) / "manifest.json").is_file():
        return []
    root = os.environ.get(ROOT_VARIABLE)
    if not root:
        fix = f"export {ROOT_VARIABLE}=/folder, laid out as README's section Real data says"
        return [Missing(f"the root of the data of {benchmark}", fix)]
    wanted = FOLDERS.get(benchmark, {})
    return [
        Missing(f"{Path(root) / name}", where) for name, where in wanted.items() if not (Path(root) / name).is_dir()
    ]


def _released(profile: Profile, layout: Layout, selection: Selection) -> list[Missing]:
    """Files of the authors that rows of the arm as released learn from; without a root, that alone is missing."""
    root = os.environ.get(ROOT_VARIABLE)
    if not root:
        return []
    to_do = [one for one in stages(profile, layout, selection) if one.stage == "released" and not one.output.is_file()]
    paths = [Path(root) / "released" / f"{one.name.split('/')[1]}.json" for one in to_do]
    return [Missing(str(path), RELEASE) for path in paths if not path.is_file()]


def _similarity(profile: Profile, selection: Selection) -> Missing | None:
    source = profile.similarity_file()
    if source is None or source.is_file() or not any(map(_has_curriculum, cells(selection))):
        return None
    fix = "anatomy-r1 similarity make, once the data are prepared (README, Real data); needs MedCLIP's weights"
    return Missing(f"similarities {source}, which ASC-Learning serves by", fix)


def _has_curriculum(cell: Cell) -> bool:
    return bool(cell.method.knobs.get("curriculum"))


def check_inputs(profile: Profile, layout: Layout, selection: Selection) -> list[Finding]:
    """All inputs that are there, and what is missing with where to get it."""
    absent = [Finding(one.what, False, "missing", one.fix) for one in missing_inputs(profile, layout, selection)]
    models = [one for model in selection.models for one in _model(profile.models[model], layout.base(model), model)]
    sets = [one for benchmark in selection.benchmarks for one in _set(layout.data(benchmark), benchmark)]
    return [*absent, *models, *sets, *_similarity_check(profile, layout, selection)]


def _model(source: Mapping[str, Any], folder: Path, name: str) -> list[Finding]:
    if not (folder / "config.json").is_file():
        return []
    from transformers import AutoProcessor

    try:
        processor = AutoProcessor.from_pretrained(folder, trust_remote_code=False)
    except (OSError, ValueError) as error:
        return [Finding(f"processor of {name}", False, str(error)[:200], f"remove {folder}; the next run makes it")]
    template = bool(getattr(processor, "chat_template", None))
    size = getattr(processor.image_processor, "size", {}) or {}
    found = {"min": size.get("shortest_edge"), "max": size.get("longest_edge")}
    wanted = source.get("pixels") or found
    again = f"remove {folder}; the next run makes it from the hub's cache"
    return [
        Finding(f"chat template of {name}", template, "there" if template else "missing", again),
        Finding(f"pixel limits of {name}", found == wanted, f"{found}, the profile says {wanted}", again),
    ]


def _set(folder: Path, benchmark: str) -> list[Finding]:
    if not (folder / "manifest.json").is_file():
        return []
    try:
        prepared = load(folder)
    except DataError as error:
        return [Finding(f"prepared set of {benchmark}", False, str(error), f"remove {folder}; the next run makes it")]
    lost = [q.image for q in prepared.questions if not (prepared.image_root / q.image).is_file()]
    said = f"{len(prepared.questions)} questions" + (f", {len(lost)} pictures lost, such as {lost[0]}" if lost else "")
    return [Finding(f"prepared set of {benchmark}", not lost, said, "put the pictures back, or prepare it again")]


def _similarity_check(profile: Profile, layout: Layout, selection: Selection) -> list[Finding]:
    """A curriculum would refuse a file made of other options, hours into the run: it is refused here."""
    source = profile.similarity_file()
    if source is None or not source.is_file():
        return []
    try:
        known = set(read_similarity(source).names)
    except AnatomyR1Error as error:
        return [Finding("similarities", False, str(error), "anatomy-r1 similarity make")]
    folders = [layout.data(benchmark) for benchmark in selection.benchmarks]
    sets = [folder for folder in folders if (folder / "manifest.json").is_file()]
    options = {one for folder in sets for question in load(folder, "train").questions for one in question.options}
    unknown = sorted(options - known)
    lacks = f", {len(unknown)} of the data's unknown, such as {unknown[0]}" if unknown else ""
    fix = f"anatomy-r1 similarity make --data {' '.join(map(str, sets))} --out {source} ..."
    return [Finding("similarities", not unknown, f"{len(known)} options{lacks}", fix)]
