"""The task files, and their installation into lm-eval.

An installed wheel has them inside lm-eval already. For a checkout or an editable install, `install` writes stubs into
lm-eval that include the task files by absolute path, and `uninstall` removes these stubs and nothing else.
"""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import yaml

from anatomy_r1.data.variants import MINI, original_name
from anatomy_r1.errors import AnatomyR1Error

FOLDER = "anatomy_r1"
"""Folder in `lm_eval/tasks` for the task files of the wheel, or for the stubs."""
MARK = "# Written by `anatomy-r1 tasks install`; `anatomy-r1 tasks uninstall` removes it.\n"


def tasks_folder() -> Path:
    """Folder of the task files: `tasks` in a checkout, inside `lm_eval` for a wheel."""
    here = Path(__file__).resolve().parents[2]
    for folder in (here / "tasks", here / "lm_eval" / "tasks" / FOLDER):
        if (folder / "sgg_anatomy.yaml").is_file():
            return folder
    raise AnatomyR1Error(f"{here}: the task files are missing. Fix: install anatomy-r1 again")


def task_files() -> dict[str, Path]:
    """Task or group name -> its file."""
    return {path.stem: path for path in sorted(tasks_folder().glob("*.yaml"))}


def benchmarks() -> list[str]:
    """Tasks with all questions of a benchmark, which are those that `anatomy-r1 evaluate` accepts."""
    return [name for name in task_files() if original_name(name).removesuffix(MINI) in ("sgg_anatomy", "omnimed_mi")]


def categories(benchmark: str) -> set[str]:
    """The categories of a benchmark that have a task of their own."""
    stated = (yaml.safe_load(path.read_text(encoding="utf-8"))["metadata"] for path in task_files().values())
    return {one["category"] for one in stated if one.get("benchmark") == benchmark and "category" in one}


def install() -> list[Path]:
    """Write a stub for each task file into lm-eval; returns the stubs, none if a wheel has the tasks."""
    folder = lm_eval_folder()
    first = folder / "sgg_anatomy.yaml"
    if first.is_file() and not _is_stub(first):
        return []
    stubs = {folder / path.name: path for path in task_files().values()}
    try:
        folder.mkdir(exist_ok=True)
        for stub, path in stubs.items():
            # lm-eval reads the names of tasks and groups from the included file
            stub.write_text(f"{MARK}include: {json.dumps(str(path))}\n", encoding="utf-8")
    except OSError as error:
        fix = f"Fix: use `lm-eval --include_path {tasks_folder()}`, or an environment with write permission"
        raise AnatomyR1Error(f"{folder}: cannot be written ({error}). {fix}") from error
    return list(stubs)


def uninstall() -> list[Path]:
    """Remove the stubs, and their folder if it is empty; returns the stubs."""
    folder = lm_eval_folder()
    stubs = [path for path in sorted(folder.glob("*.yaml")) if _is_stub(path)]
    for path in stubs:
        path.unlink()
    if stubs and not any(folder.iterdir()):
        folder.rmdir()
    return stubs


def lm_eval_folder() -> Path:
    """The folder of our tasks inside lm-eval."""
    spec = importlib.util.find_spec("lm_eval")
    if spec is None or spec.origin is None:
        raise AnatomyR1Error("lm-eval is not installed. Fix: pip install 'anatomy-r1[eval]'")
    return Path(spec.origin).parent / "tasks" / FOLDER


def _is_stub(path: Path) -> bool:
    return path.read_text(encoding="utf-8").startswith(MARK)
