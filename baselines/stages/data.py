"""Stage `data`: prepare a benchmark or one of the authors' files, and print what training and test share."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from anatomy_r1.data.leakage.passport import as_text
from anatomy_r1.data.leakage.sides import leakage
from anatomy_r1.data.prepare import omnimed, released, sgg
from anatomy_r1.data.prepare.options import OmniMedOptions, ReleasedOptions, SggOptions
from anatomy_r1.data.prepare.source_folders import sgg_folders
from anatomy_r1.data.prepared import summary
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.files import write_atomic
from anatomy_r1.mini.released_twin import twin
from anatomy_r1.validation import unknown_key
from baselines.experiment.cell import GridRun

ROOT_VARIABLE = "ANATOMY_R1_DATA_ROOT"
"""Environment variable with the root of the real data: a folder with SSG-VQA/, CholecT45/ and OmniMedVQA/; for the arm
as released also released/, with the authors' three files."""
OPTIONS: dict[str, type[SggOptions] | type[OmniMedOptions]] = {"sgg": SggOptions, "omnimed": OmniMedOptions}
"""Value of `source` in a profile's data section -> the other keys of the section."""


def prepare(run: GridRun, benchmark: str) -> None:
    """Prepare a benchmark with the options in the profile's data section."""
    root, out, section = _root(run), run.layout.data(benchmark), run.profile.data[benchmark]
    options = read_section(section, f"profile {run.profile.name}: data.{benchmark}", root, out)
    print(f"preparing {benchmark} from {root}: {dict(section)}", flush=True)
    if isinstance(options, SggOptions):
        sgg.prepare(options)
    else:
        omnimed.prepare(options)
    print(summary(out, options.sizes))
    print(as_text(leakage(out)), flush=True)


def read_section(section: Mapping[str, Any], name: str, root: Path, out: Path) -> SggOptions | OmniMedOptions:
    """The options that a profile's data section states; a null leaves the default. Errors name the key."""
    if section.get("source") not in OPTIONS:
        known = " or ".join(OPTIONS)
        raise AnatomyR1Error(f"{name}.source: {section.get('source')!r} is no source. Fix: use {known}")
    given = {key: value for key, value in section.items() if key != "source" and value is not None}
    content = json.dumps({"root": root, "out": out, **given}, default=str)
    try:
        return TypeAdapter(OPTIONS[section["source"]]).validate_json(content, strict=True, extra="forbid")
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join([name, *map(str, first["loc"])])
        problem = first["msg"].removeprefix("Value error, ")
        if first["type"] == "unexpected_keyword_argument":
            options = [one.name for one in fields(OPTIONS[section["source"]]) if one.name not in ("root", "out")]
            problem = unknown_key(str(first["loc"][-1]), options)
        elif first["type"] != "value_error":
            problem += f", found {first['input']!r}"
        fix = "" if "Fix:" in problem else f". Fix: see `anatomy-r1 data prepare {section['source']} --help`"
        raise AnatomyR1Error(f"{key}: {problem}{fix}") from error


def prepare_released(run: GridRun, benchmark: str, file: str) -> None:
    """Prepare one of the authors' files as a training set; in generated data its twin, which is written first."""
    root, out = _root(run), run.layout.released(benchmark, file)
    path = root / "released" / f"{file}.json"
    if run.profile.generated:
        path = out.with_suffix(".json")
        records = twin(root, **run.profile.released[benchmark])[file]
        write_atomic(path, json.dumps(records, indent=4, ensure_ascii=False) + "\n")
    found = sgg_folders(SggOptions(root=root, out=out))
    options = ReleasedOptions(files=(path,), frames=found["frames"], scene_graphs=found["scene_graph"], out=out)
    print(f"preparing {file} for {benchmark} from {root}", flush=True)
    released.prepare(options)
    print(summary(out))
    print(as_text(leakage(out, run.layout.data(benchmark))), flush=True)


def _root(run: GridRun) -> Path:
    if run.profile.generated:
        return run.layout.world()
    if ROOT_VARIABLE not in os.environ:
        raise AnatomyR1Error(f"set {ROOT_VARIABLE} to the folder that holds SSG-VQA/, CholecT45/ and OmniMedVQA/")
    return Path(os.environ[ROOT_VARIABLE])
