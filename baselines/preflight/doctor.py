"""Checks before a run: of the machine, read once into a value, and of the inputs (weights, data, similarities)."""

from __future__ import annotations

import os
import re
import shutil
import sys
import sysconfig
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from anatomy_r1.data.inputs import DataError
from anatomy_r1.data.prepare.source_folders import find_folder
from anatomy_r1.data.prepared import load
from anatomy_r1.data.variants import original_name
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.provenance import ROOT, Gpu, gpus, read_driver, versions
from anatomy_r1.training.similarity import read_similarity
from baselines.experiment.cell import Layout, arguments
from baselines.experiment.finished import of_other_processes
from baselines.experiment.plan import Selection, cells, stages, trainings
from baselines.experiment.profile import Profile
from baselines.preflight.arguments import NEED_GPU
from baselines.preflight.effort import disk, memory_rows
from baselines.preflight.memory import GB, shape_of
from baselines.runtime.processes import missing_gpus
from baselines.stages.data import ROOT_VARIABLE

LOCK = ROOT / "constraints.txt"
PACKAGES = ("torch", "torchvision", "transformers", "trl", "accelerate", "peft", "lm-eval", "deepspeed", "vllm")
"""Packages whose versions affect results."""
GPU_ONLY = {"deepspeed", "vllm"}
"""Packages of the extra `gpu`."""
FREE = 0.95
"""Share of a GPU's memory that is free when nothing runs on it; the driver keeps some (ours)."""


@dataclass(frozen=True)
class Check:
    """The result of one check."""

    name: str
    passed: bool | None
    """None: could not be checked, and may stop the run."""
    found: str
    fix: str = ""


@dataclass(frozen=True)
class Machine:
    """Everything that the checks look at."""

    python: tuple[int, int]
    packages: Mapping[str, str]
    gpus: tuple[Gpu, ...]
    driver: str
    """Version of NVIDIA's driver and its CUDA; empty when there is none."""
    torch_cuda: str
    """CUDA version that PyTorch was built for; empty for a CPU build."""
    cuda_error: str
    """Why PyTorch cannot use the GPUs, in its own words; empty when it can."""
    nccl: bool
    disk_free: float
    """GB free at the runs folder."""
    cannot_compile: str = ""
    """What Triton lacks to compile a kernel; empty when nothing."""


def read_machine(runs: Path) -> Machine:
    """This machine."""
    driver, (major, minor) = read_driver()
    cards = gpus()  # before PyTorch, which may occupy some of their memory
    torch_cuda, error, nccl = _torch()
    existing = next(path for path in (runs, *runs.parents) if path.exists())
    return Machine(
        python=(sys.version_info.major, sys.version_info.minor),
        packages=versions(PACKAGES),
        gpus=cards,
        driver=f"{driver} (CUDA {major}.{minor})" if driver else "",
        torch_cuda=torch_cuda,
        cuda_error=error,
        nccl=nccl,
        disk_free=shutil.disk_usage(existing).free / 2**30,
        cannot_compile=" and ".join(lacking_to_compile()),
    )


def lacking_to_compile() -> Iterator[str]:
    """What Triton needs to compile its kernels, and does not find where it looks (3.6, `runtime/build.py`)."""
    if not (os.environ.get("CC") or shutil.which("gcc") or shutil.which("clang")):
        yield "a C compiler"
    scheme = sysconfig.get_default_scheme().replace("posix_local", "posix_prefix")
    if not (Path(sysconfig.get_paths(scheme)["include"]) / "Python.h").is_file():
        yield "Python.h"


def _torch() -> tuple[str, str, bool]:
    """CUDA of the build, why it cannot be used, and whether NCCL is there; PyTorch compares driver and build itself."""
    try:
        import torch
    except ImportError:
        return "", "PyTorch is not installed", False
    try:
        torch.cuda.init()  # type: ignore[no-untyped-call]
        error = ""
    except (AssertionError, RuntimeError) as raised:
        error = str(raised).split(". ")[0]
    return torch.version.cuda or "", error, torch.distributed.is_available() and torch.distributed.is_nccl_available()


def locked() -> dict[str, str]:
    """Package -> version in the lock."""
    lines = re.findall(r"^([A-Za-z0-9_.-]+)==([^\s;]+)", LOCK.read_text(), flags=re.MULTILINE)
    return {name.lower().replace("_", "-"): found for name, found in lines}


def _packages(machine: Machine, profile: Profile) -> list[Check]:
    """Each package that the profile uses, against the lock: another version gives other numbers."""
    lock, checks = locked(), []
    unused = set() if profile.needs.gpus else set(GPU_ONLY)
    if not profile.launch.accelerate.startswith("zero"):
        unused.add("deepspeed")
    for name in (one for one in PACKAGES if one not in unused):
        found, wanted = machine.packages.get(name, ""), lock[name]
        fix = f'pip install -c constraints.txt -e ".[train{",gpu" if name in GPU_ONLY else ""}]"'
        same = found.partition("+")[0] == wanted
        checks.append(Check(name, same, f"{found or 'not installed'}, the lock has {wanted}", fix))
    return checks


def _gpus(machine: Machine, profile: Profile) -> list[Check]:
    """PyTorch can use the GPUs, and several together, and Triton can compile for them; they are as many as the profile
    needs, large enough and idle.
    """
    built = machine.torch_cuda or "none (a CPU build)"
    found = f"driver {machine.driver or 'none'}, PyTorch for CUDA {built}: {machine.cuda_error or 'works'}"
    fix = f"update NVIDIA's driver for CUDA {built}, and check CUDA_VISIBLE_DEVICES"
    if not machine.driver:
        fix = "install NVIDIA's driver (nvidia-smi is missing or fails)"
    elif not machine.torch_cuda:
        fix = "install PyTorch's CUDA build"
    checks = [Check("cuda", not machine.cuda_error, found, fix)]
    if profile.launch.processes > 1:
        there = "available" if machine.nccl else "missing"
        checks.append(Check("nccl", machine.nccl, there, "install PyTorch's CUDA build"))
    lacks, debian = machine.cannot_compile, "Debian: apt-get install gcc python3.11-dev"
    checks.append(Check("compiler", not lacks, f"{lacks} missing" if lacks else "available", debian))
    needs = profile.needs
    large = [gpu for gpu in machine.gpus if gpu.memory >= needs.gpu_memory_gb]
    listed = ", ".join(f"{gpu.name} {gpu.memory:.0f} GB" for gpu in machine.gpus) or "none"
    found = f"{listed}; the profile needs {needs.gpus} with {needs.gpu_memory_gb:.0f} GB or more"
    busy = [gpu for gpu in machine.gpus if gpu.free < FREE * gpu.memory]
    return [
        *checks,
        Check("gpus", len(large) >= needs.gpus, found, "profile paper-1gpu (one GPU), or mini"),
        Check("gpu memory", not busy, f"{len(busy)} in use", "stop what runs on them; `nvidia-smi` lists it"),
    ]


def _devices(machine: Machine, profile: Profile, selection: Selection) -> list[Check]:
    """Settings that need a GPU in a profile that asks for none, where PyTorch can use none."""
    if machine.gpus and not machine.cuda_error:
        return []
    methods = {cell.method.id: cell.method for cell in cells(selection)}.values()
    given = [arguments(profile, method, 0) for method in methods]
    keys = [key for key in NEED_GPU if any(one.get(key) for one in given)]
    fix = "remove it from the profile's section training, or use a machine with a GPU"
    return [Check(key, False, "true, which needs a GPU", fix) for key in keys]


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


def missing(profile: Profile, layout: Layout, selection: Selection) -> list[Check]:
    """Everything that would stop a run: failed checks, GPUs first."""
    fix = "another machine, or profile paper-1gpu or mini"
    gpus = [Check(reason, False, "missing", fix) for reason in missing_gpus(profile)]
    inputs, others = missing_inputs(profile, layout, selection), _other_trainings(profile, layout, selection)
    return [*gpus, *missing_packages(profile), *inputs, *others]


def missing_packages(profile: Profile) -> list[Check]:
    """Packages that are not installed, and that the profile would import hours after its start."""
    rl, engine = profile.training.get("rl", {}), profile.evaluation.get("engine")
    uses = {"vllm": engine == "vllm" or rl.get("use_vllm"), "deepspeed": profile.launch.accelerate.startswith("zero")}
    fix = 'pip install -c constraints.txt -e ".[train,gpu]", and ANATOMY_R1_PYTHON=that python for tox'
    absent = [name for name, used in uses.items() if used and find_spec(name) is None]
    return [Check(f"the package {name}", False, "missing", fix) for name in absent]


def check_inputs(profile: Profile, layout: Layout, selection: Selection) -> list[Check]:
    """What is missing, then checks of what is there: chat template, pixel limits, images, similarities."""
    models = [one for model in selection.models for one in _model(profile.models[model], layout.base(model), model)]
    sets = [one for benchmark in selection.benchmarks for one in _prepared_set(layout.data(benchmark), benchmark)]
    absent = missing_inputs(profile, layout, selection)
    others = _other_trainings(profile, layout, selection)
    return [*absent, *models, *sets, *_similarities(profile, layout, selection), *others]


def _other_trainings(profile: Profile, layout: Layout, selection: Selection) -> list[Check]:
    """Finished trainings of another number of processes, which a run refuses to replace."""
    found = of_other_processes(profile, layout, trainings(profile, selection))
    return [Check(what, False, "in the way", fix) for what, fix in found]


def missing_inputs(profile: Profile, layout: Layout, selection: Selection) -> list[Check]:
    """Missing weights, data and similarities; a profile in the mini world generates its weights and data."""
    absent = [*_absent_similarities(profile, selection)]
    if not profile.generated:
        absent = [*_absent_weights(profile, layout, selection), *_absent_data(profile, layout, selection), *absent]
    return [Check(what, False, "missing", fix) for what, fix in absent]


def _absent_similarities(profile: Profile, selection: Selection) -> Iterator[tuple[str, str]]:
    """(what is missing, where to get it): the files of the methods with a curriculum, each once."""
    served = [cell.method for cell in cells(selection) if cell.method.knobs.get("curriculum")]
    sources = dict.fromkeys(arguments(profile, method, 0).get("similarity") for method in served)
    fix = "anatomy-r1 similarity make, after the data are prepared (README, Real data); needs MedCLIP's weights"
    for source in sources:
        if source and source != "mini" and not Path(source).is_file():
            yield f"similarities {source} (similarity), which ASC-Learning requires", fix


def _absent_weights(profile: Profile, layout: Layout, selection: Selection) -> Iterator[tuple[str, str]]:
    """(what is missing, where to get it)."""
    from huggingface_hub import try_to_load_from_cache

    for model in selection.models:
        name, revision = str(profile.models[model]["hub"]), profile.models[model].get("revision")
        if Path(name).is_dir() or (layout.base(model) / "config.json").is_file():
            continue
        if not isinstance(try_to_load_from_cache(name, "config.json", revision=revision or "main"), str):
            pin = f" --revision {revision}" if revision else ""
            yield f"weights of {name}", f"hf download {name}{pin}   (https://huggingface.co/{name})"


def _absent_data(profile: Profile, layout: Layout, selection: Selection) -> Iterator[tuple[str, str]]:
    """(what is missing, where to get it); without a data root, only that is reported."""
    absent = [one for one in selection.benchmarks if not (layout.data(one) / "manifest.json").is_file()]
    if not os.environ.get(ROOT_VARIABLE):
        fix = f"export {ROOT_VARIABLE}=/folder, with the folders listed in README, section Real data"
        yield from ((f"the data root of {benchmark}", fix) for benchmark in absent)
        return
    root = Path(os.environ[ROOT_VARIABLE])
    for benchmark in absent:
        unwanted = {"SSG-VQA/scene_graph"} if profile.data[benchmark].get("no_scene_graphs") else set()
        for name, where in FOLDERS.get(original_name(benchmark), {}).items():
            if name not in unwanted and not _there(root, name):
                yield str(root / name), where
    release = "the authors' training files: https://github.com/tomato996/Anatomy-R1 (linked in the paper's abstract)"
    for stage in stages(profile, layout, selection):
        path = root / "released" / f"{stage.name.rpartition('/')[2]}.json"
        if stage.stage == "released" and not stage.output.is_file() and not path.is_file():
            yield str(path), release


def _there(root: Path, name: str) -> bool:
    """Whether a folder of `FOLDERS` is below the data root, or what it should hold is in another."""
    if (root / name).is_dir():
        return True
    source, _, part = name.partition("/")
    role = {"CholecT45": "frames", "OmniMedVQA": "omnimed"}.get(source, part)
    usual = root / source if role == "omnimed" else root / name
    try:
        return find_folder(role, usual, root / source, root) != usual
    except DataError:
        return False  # in several folders: preparing would stop too


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


def examine(machine: Machine, profile: Profile, layout: Layout, selection: Selection) -> list[Check]:
    """Every check, the machine's first."""
    version = ".".join(map(str, machine.python))
    found = [Check("python", machine.python == (3, 11), version, "create the environment with python3.11")]
    found += _packages(machine, profile)
    if profile.needs.gpus:
        found += _gpus(machine, profile)
    else:
        found += _devices(machine, profile, selection)
    needed = 3.0  # GB for a generated profile (ours)
    if not profile.generated:
        shapes = {model: shape_of(profile.models[model], layout.base(model)) for model in selection.models}
        needed = disk(profile, selection, shapes) / GB
        here = min((gpu.memory for gpu in machine.gpus), default=0.0)
        there = f"a GPU here has {here:.0f} GB" if here else "no GPU to compare with"
        fix = "a smaller per_device_train_batch_size with more gradient_accumulation_steps, or profile paper-1gpu"
        for name, estimate in memory_rows(profile, selection, shapes, here or profile.needs.gpu_memory_gb):
            peak = estimate.peak / GB
            told = f"about {peak:.0f} GB; {there}"
            found.append(Check(f"memory of {name}", peak <= here if here else None, told, fix if here else ""))
    space = f"{machine.disk_free:,.0f} GB free, about {needed:,.0f} GB needed"
    fix = "another --runs folder, or fewer --methods and --seeds"
    found.append(Check("disk", machine.disk_free >= needed, space, fix))
    return [*found, *check_inputs(profile, layout, selection)]


def as_text(found: Sequence[Check]) -> str:
    """One line per check, and the fix of each that did not pass."""
    word = {True: "ok", False: "FAILED", None: "unknown"}
    lines = []
    for one in found:
        lines.append(f"{word[one.passed]:9}  {one.name}: {one.found}")
        if not one.passed and one.fix:
            lines.append(f"{'':9}  fix: {one.fix}")
    return "\n".join(lines)


def summary(found: Sequence[Check]) -> str:
    """The last line: how many checks failed, and how many could not be made."""
    failed, unknown = (sum(one.passed is word for one in found) for word in (False, None))
    text = f"{failed} of {len(found)} would stop a run" if failed else "nothing found that would stop a run"
    return text + (f"; {unknown} unknown" if unknown else "")
