"""What an lm-eval run says of itself, and what it does not say."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PureWindowsPath
from typing import Any

from anatomy_r1.file_hash import file_sha256
from anatomy_r1.results.submission.lm_eval_files import Report


def config(report: Report) -> Mapping[str, Any]:
    """How lm-eval was called, as far as it says."""
    found = report.content.get("config")
    return found if isinstance(found, Mapping) else {}


def origin(report: Report) -> dict[str, Any]:
    """What the run says of itself. Its model arguments are left out: they may hold a key."""
    called = config(report)
    files = {path.name: file_sha256(path) for path in (report.path, *report.tasks.values())}
    seeds = {name: called.get(name) for name in ("random_seed", "numpy_seed", "torch_seed")}
    return {
        "kind": "lm-eval results",
        "files": files,
        "model": model_name(report),
        "backend": clean(report.content.get("model_source") or called.get("model")),
        "lm_eval": clean(report.content.get("lm_eval_version")),
        "transformers": clean(report.content.get("transformers_version")),
        "chat_template_sha256": clean(report.content.get("chat_template_sha")),
        "task_versions": {task: report.of_task("versions", task) for task in report.tasks},
        "seeds": {name: value for name, value in seeds.items() if isinstance(value, int)},
    }


def not_known(report: Report) -> tuple[str, ...]:
    """What such a run does not record."""
    always = (
        "weights",
        "which responses ended at the token limit",
        "bytes of the pictures shown",
        "tokens and seconds",
    )
    dtype = () if config(report).get("model_dtype") else ("precision of the weights",)
    return (*always, *dtype)


def model_name(report: Report) -> str:
    """What the run calls its model: a hub's name; of a path the last part, for the rest is of someone's machine."""
    name = clean(report.content.get("model_name"))
    path = PureWindowsPath(name)  # knows both kinds of slash
    local = path.root or path.drive or len(path.parts) > 2 or name[:1] in ".~"
    return path.name if local and path.name else name


def clean(value: Any) -> str:
    """Text of someone else's, short and printable; `not known` where there is none."""
    text = "".join(character for character in str(value or "") if character.isprintable())[:120].strip()
    return text or "not known"
