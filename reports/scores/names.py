"""Titles and order of benchmarks, models and methods in tables, and the paper's model beside each of ours."""

from __future__ import annotations

from typing import NamedTuple

from anatomy_r1.data import variants
from anatomy_r1.evaluation.views import BALANCED, NO_IMAGE, PLAIN, ROTATIONS, WRONG_IMAGE, split_row
from anatomy_r1.results.store import MATCHED, Result
from anatomy_r1.training import method_names

METHODS, ABLATION = method_names.METHODS, method_names.ABLATION
CONTROLS, TITLES = method_names.CONTROLS, method_names.TITLES
"""Ids and titles; the catalogue is `anatomy_r1.training.method_names`."""

BASELINE = "grpo"
"""The method that the others are compared with, and whose training budget they must have."""

VIEWS: dict[str, str] = {
    NO_IMAGE: "no image",
    WRONG_IMAGE: "wrong image",
    ROTATIONS: "rotations",
    BALANCED: "balanced options",
}
"""The same policy, shown something else."""

METRICS: dict[str, str] = {"avg@5": "Avg@5", "pass@1": "Pass@1", "major@5": "Major@5"}

BENCHMARKS: dict[str, str] = {"sgg_anatomy": "SGG-VQA (Anatomy)", "omnimed_mi": "OmniMedVQA (MI)"}
"""The paper's two; variants of them (`anatomy_r1.data.variants`) are named after these."""

MINI = variants.MINI
"""Suffix of the benchmarks whose data are generated."""


class Model(NamedTuple):
    """A model's heading, and the paper's model whose numbers are shown beside it."""

    title: str
    paper: str


MODELS: dict[str, Model] = {  # the paper's order: the small one first
    "mini-s": Model("mini-s", "Qwen-2.5-VL-3B"),
    "qwen2.5-vl-3b": Model("Qwen2.5-VL-3B", "Qwen-2.5-VL-3B"),
    "mini-l": Model("mini-l", "Qwen-2.5-VL-7B"),
    "qwen2.5-vl-7b": Model("Qwen2.5-VL-7B", "Qwen-2.5-VL-7B"),
}


def is_mini(benchmark: str) -> bool:
    """Whether a benchmark's data are generated."""
    return benchmark.endswith(MINI)


def benchmark_title(benchmark: str) -> str:
    """Heading of a benchmark, which says so where the data are generated."""
    name, original = benchmark.removesuffix(MINI), variants.original_name(benchmark).removesuffix(MINI)
    variant = "" if name == original else f", {name.removeprefix(original).strip('_')}"
    title = f"{BENCHMARKS.get(original, original)}{variant}"
    return f"{title}, mini world" if is_mini(benchmark) else title


def model_title(model: str, paper_beside: bool = True) -> str:
    """Heading of a model's rows; beside the paper's numbers, mini models are marked as not comparable."""
    if model not in MODELS:
        return model
    title, paper = MODELS[model]
    if not paper_beside or not model.startswith("mini-"):
        return title
    return f"{title} (a tiny model in place of the paper's {paper}: not comparable)"


def method_title(method: str, arm: str) -> str:
    """Name of a row; the matched arm and the plain view are the default and not mentioned."""
    policy, view = split_row(method)
    title = TITLES.get(policy, policy) + (f", {VIEWS[view]}" if view in VIEWS else "")
    return title if arm == MATCHED else f"{title} ({arm})"


def result_title(result: Result) -> str:
    """A result as notes name it."""
    title, method = benchmark_title(result.benchmark), method_title(result.method, result.arm)
    return f"{title}, {model_title(result.model, paper_beside=False)}, {method}, seed {result.run}"


def is_view(method: str) -> bool:
    """Whether a row shows a policy something else (no image, say): a control, which competes with no method."""
    return split_row(method)[1] != PLAIN


def method_rank(method: str) -> tuple[int, tuple[int, str], int]:
    """Sort key: methods and controls without a model in their order, then views, grouped by policy."""
    policy, view = split_row(method)
    return (int(view != PLAIN), rank(TITLES, policy), list(VIEWS).index(view) if view in VIEWS else -1)


def rank(known: dict[str, str] | dict[str, Model], name: str) -> tuple[int, str]:
    """Sort key: known names in their order, then the others alphabetically."""
    names = list(known)
    return (names.index(name) if name in known else len(names), name)
