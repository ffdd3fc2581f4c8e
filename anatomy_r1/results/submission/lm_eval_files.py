"""A results directory of lm-eval's, as `--output_path` and `--log_samples` leave it; read within limits.

    results_<date>.json             numbers by task, and the configuration of the run
    samples_<task>_<date>.jsonl     one record a question: document, prompts, responses

The files are someone else's: sizes are bounded, JSON is strict (no NaN), and no name in them becomes a path.

What an lm-eval run says of itself, and what it does not say.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from typing import Any

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.evaluation.task_files import benchmarks, task_files
from anatomy_r1.files import file_sha256

MAX_REPORT = 64 * 2**20
"""Bytes of a results file. Ours, as all limits here: real ones have some ten thousand."""
MAX_LINE = 64 * 2**20
"""Bytes of one record."""
AGAIN = "Fix: run lm-eval again, with --output_path DIR --log_samples"


@dataclass(frozen=True)
class Report:
    """A results file and where its samples are."""

    path: Path
    content: Mapping[str, Any]
    tasks: Mapping[str, Path]
    """Task of ours -> its samples file."""
    benchmark: str

    def of_task(self, section: str, task: str) -> Any:
        """What a section of the file says of a task; None where it says nothing."""
        found = self.content.get(section)
        return found.get(task) if isinstance(found, Mapping) else None


def is_results(path: Path) -> bool:
    """Whether `path` is a results file of lm-eval's, or a folder with one."""
    if path.is_dir():
        return any(path.rglob("results_*.json"))
    return path.name.startswith("results_") and path.suffix == ".json"


def read_report(path: Path, benchmark: str | None) -> Report:
    """The results file at `path`, or the only one below that folder.

    Raises:
        AnatomyR1Error: when there is none or several, it is too large or no results file, or it does not hold one
            benchmark of ours with its samples.
    """
    file = _only(path)
    if file.stat().st_size > MAX_REPORT:
        raise AnatomyR1Error(f"{file}: more than {MAX_REPORT // 2**20} MiB, which no results file has. {AGAIN}")
    content = parse(file.read_bytes(), f"{file}", strict=False)
    configs = content.get("configs")
    if not isinstance(configs, Mapping) or not isinstance(content.get("results"), Mapping):
        raise AnatomyR1Error(f"{file}: not a results file of lm-eval's: no `configs` or no `results`. {AGAIN}")
    by_benchmark: dict[str, list[str]] = {}
    for task in configs:
        if task in task_files():
            by_benchmark.setdefault(benchmark_of(task), []).append(task)
    name = _chosen(file, by_benchmark, benchmark)
    return Report(file, content, {task: _samples(file, task) for task in by_benchmark[name]}, name)


def benchmark_of(task: str) -> str:
    """The benchmark that a task's questions are of."""
    return max((name for name in benchmarks() if task == name or task.startswith(f"{name}_")), key=len)


def _only(path: Path) -> Path:
    if path.is_file():
        return path
    found = sorted(path.rglob("results_*.json"))
    if len(found) != 1:
        names = ", ".join(one.name for one in found[:5]) or "none"
        raise AnatomyR1Error(f"{path}: holds {len(found)} results files ({names}). Fix: name one of them")
    return found[0]


def _chosen(file: Path, by_benchmark: Mapping[str, list[str]], asked: str | None) -> str:
    if asked in by_benchmark:
        return str(asked)
    if asked is None and len(by_benchmark) == 1:
        return next(iter(by_benchmark))
    there = ", ".join(sorted(by_benchmark)) or f"none of {', '.join(benchmarks())}"
    raise AnatomyR1Error(f"{file}: holds {there}. Fix: name a benchmark that it holds: --benchmark NAME")


def _samples(file: Path, task: str) -> Path:
    date = file.stem.removeprefix("results_")
    path = file.with_name(f"samples_{task}_{date}.jsonl")
    if not path.is_file():
        raise AnatomyR1Error(f"{path}: is missing; a number without its responses is not taken. {AGAIN}")
    return path


def records(path: Path, most: int) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Records of a samples file, each with a name for messages (`file:line`).

    Raises:
        AnatomyR1Error: when one is too long or no JSON object, or there are more than `most`.
    """
    with path.open("rb") as file:
        for number in range(1, most + 2):
            where, line = f"{path}:{number}", file.readline(MAX_LINE + 1)
            if not line:
                return
            if len(line) > MAX_LINE:
                raise AnatomyR1Error(f"{where}: a record of more than {MAX_LINE // 2**20} MiB. {AGAIN}")
            if number > most:
                raise AnatomyR1Error(f"{where}: more than the {most} records that the task has questions. {AGAIN}")
            yield where, parse(line, where, strict=True)


def parse(data: bytes, where: str, *, strict: bool) -> Mapping[str, Any]:
    """A JSON object; `strict` refuses NaN, which lm-eval itself writes where a standard error does not exist.

    Raises:
        AnatomyR1Error: when it is none.
    """
    try:
        content = json.loads(data.decode("utf-8"), parse_constant=_refuse if strict else None)
    except (ValueError, RecursionError) as error:
        raise AnatomyR1Error(f"{where}: no valid JSON ({type(error).__name__}: {str(error)[:120]}). {AGAIN}") from error
    if not isinstance(content, dict):
        raise AnatomyR1Error(f"{where}: not a JSON object. {AGAIN}")
    return content


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is not a number")


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
