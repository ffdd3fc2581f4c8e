"""Where the task files are, and how a checkout makes them known to lm-eval's own command.

An installed wheel has them inside lm-eval already. A checkout (or an editable install) writes stubs that include them
by absolute path; `uninstall` removes the stubs again and nothing else.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

from anatomy_r1.errors import AnatomyR1Error

FOLDER = "anatomy_r1"
"""Below `lm_eval/tasks`, where wheel and stubs put the tasks."""
MARK = "# Written by `anatomy-r1 tasks install`; `anatomy-r1 tasks uninstall` removes it.\n"


def tasks_folder() -> Path:
    """Folder of the task files, beside the package: a wheel has them below `lm_eval`, a checkout in `tasks`.

    Raises:
        AnatomyR1Error: when neither is there.
    """
    here = Path(__file__).resolve().parents[2]
    for folder in (here / "tasks", here / "lm_eval" / "tasks" / FOLDER):
        if (folder / "sgg_anatomy.yaml").is_file():
            return folder
    raise AnatomyR1Error(f"{here}: the task files are missing. Fix: install anatomy-r1 again")


def task_files() -> dict[str, Path]:
    """Task or group name -> its file."""
    return {path.stem: path for path in sorted(tasks_folder().glob("*.yaml"))}


def benchmarks() -> list[str]:
    """Tasks that hold all questions of a benchmark: what `anatomy-r1 evaluate` takes."""
    return [name for name in task_files() if name.removesuffix("_mini") in ("sgg_anatomy", "omnimed_mi")]


def install() -> list[Path]:
    """Write a stub for each task file into lm-eval; returns what was written (nothing when the wheel is there).

    Raises:
        AnatomyR1Error: when lm-eval's folder cannot be written.
    """
    folder = lm_eval_folder()
    if _overlaid(folder):
        return []
    try:
        folder.mkdir(exist_ok=True)
        return [_write_stub(folder / path.name, path) for path in task_files().values()]
    except OSError as error:
        fix = f"Fix: use `lm-eval --include_path {tasks_folder()}`, or an environment that you may write to"
        raise AnatomyR1Error(f"{folder}: cannot be written ({error}). {fix}") from error


def uninstall() -> list[Path]:
    """Remove the stubs, and their folder where it is empty then; returns what was removed."""
    folder = lm_eval_folder()
    stubs = [path for path in sorted(folder.glob("*.yaml")) if _is_stub(path)]
    for path in stubs:
        path.unlink()
    if stubs and not any(folder.iterdir()):
        folder.rmdir()
    return stubs


def lm_eval_folder() -> Path:
    """Where lm-eval looks for our tasks.

    Raises:
        AnatomyR1Error: when lm-eval is not installed.
    """
    spec = importlib.util.find_spec("lm_eval")
    if spec is None or spec.origin is None:
        raise AnatomyR1Error("lm-eval is not installed. Fix: pip install lm-eval==0.4.13")
    return Path(spec.origin).parent / "tasks" / FOLDER


def _write_stub(stub: Path, path: Path) -> Path:
    # lm-eval knows tasks and groups by these keys, which it reads from the including file as well
    stub.write_text(f"{MARK}include: {path}\n", encoding="utf-8")
    return stub


def _is_stub(path: Path) -> bool:
    return path.read_text(encoding="utf-8").startswith(MARK)


def _overlaid(folder: Path) -> bool:
    path = folder / "sgg_anatomy.yaml"
    return path.is_file() and not _is_stub(path)
