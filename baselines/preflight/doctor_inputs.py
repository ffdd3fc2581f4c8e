"""Checks of what goes into a run: models with chat template and pixel limits, prepared sets, similarities."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from anatomy_r1.data.prepared import load
from anatomy_r1.data.problems import DataError
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.training.similarity import read
from baselines.experiment.cell import Layout
from baselines.experiment.plan import Selection
from baselines.experiment.profile import Profile
from baselines.preflight.inputs import missing_inputs
from baselines.preflight.machine_checks import Finding


def check_inputs(profile: Profile, layout: Layout, selection: Selection) -> list[Finding]:
    """All inputs that are there, and what is missing with where to get it."""
    absent = [Finding(one.what, False, "missing", one.cure) for one in missing_inputs(profile, layout, selection)]
    models = [one for model in selection.models for one in _model(profile.models[model], layout.base(model), model)]
    sets = [one for benchmark in selection.benchmarks for one in _set(layout.data(benchmark), benchmark)]
    return [*absent, *models, *sets, *_similarity(profile, layout, selection)]


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


def _similarity(profile: Profile, layout: Layout, selection: Selection) -> list[Finding]:
    """A curriculum would refuse a file made of other options, hours into the run: it is refused here."""
    source = profile.similarity_file()
    if source is None or not source.is_file():
        return []
    try:
        known = set(read(source).names)
    except AnatomyR1Error as error:
        return [Finding("similarities", False, str(error), "anatomy-r1 similarity make")]
    folders = [layout.data(benchmark) for benchmark in selection.benchmarks]
    sets = [folder for folder in folders if (folder / "manifest.json").is_file()]
    options = {one for folder in sets for question in load(folder, "train").questions for one in question.options}
    unknown = sorted(options - known)
    lacks = f", {len(unknown)} of the data's unknown, such as {unknown[0]}" if unknown else ""
    cure = f"anatomy-r1 similarity make --data {' '.join(map(str, sets))} --out {source} ..."
    return [Finding("similarities", not unknown, f"{len(known)} options{lacks}", cure)]
