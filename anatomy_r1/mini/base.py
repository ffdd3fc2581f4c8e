"""Builds the tiny base: a word-level Qwen2.5-VL that knows the prompts, sees colours and textures, and guesses names.

Example:
    python -m anatomy_r1.mini.base --size mini-l --out /data/base/mini-l
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from tqdm import tqdm

from anatomy_r1.mini.architecture import SHAPES, Size, build_model, build_processor, save
from anatomy_r1.mini.recipe import FIRST, RECIPES, Recipe

FACTS = "base.json"
"""File with the facts of a base, beside its weights."""
RECIPE_SOURCES = (
    "architecture.py", "ask.py", "atlas.py", "base.py", "classes.py", "curriculum.py", "descriptors.py", "lessons.py",
    "losses.py", "microscopy.py", "packing.py", "phases.py", "phrasing.py", "scene.py", "scene_lessons.py",
    "slide_lessons.py", "student.py", "tokenizer.py", "worded_scene_lessons.py", "worded_slide_lessons.py",
)  # fmt: skip


def recipe_hash(size: Size, recipe: Recipe = FIRST) -> str:
    """16 hex digits that change with anything that can change a base: recipe, shape, code, prompts."""
    here = Path(__file__).parent
    digest = hashlib.sha256(json.dumps([asdict(recipe), asdict(SHAPES[size])], sort_keys=True).encode())
    for source in (*(here / name for name in RECIPE_SOURCES), here.parent / "prompts.py"):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:16]


def build_base(out: Path, size: Size = "mini-l", *, progress: bool = True, recipe: Recipe = FIRST) -> None:
    """Trains a base and writes it, whole or not at all, with its facts in `base.json`.

    Sets torch to one thread, so that the same seed gives the same weights.

    Raises:
        FileExistsError: when `out` exists and holds something.
    """
    if out.exists() and any(out.iterdir()):
        raise FileExistsError(f"{out} is not empty: choose another folder for the base")
    import torch

    torch.set_num_threads(1)
    processor = build_processor(rewrites=recipe.rewrites)
    model = build_model(size, processor, recipe.seed)
    facts = train(model, processor, recipe, progress=progress)
    building = out.with_name(out.name + ".building")
    shutil.rmtree(building, ignore_errors=True)
    save(model, processor, building)
    _write_facts(building / FACTS, size, recipe, facts)
    if out.exists():
        out.rmdir()
    building.rename(out)


def train(model: Any, processor: Any, recipe: Recipe, *, progress: bool = True) -> dict[str, dict[str, float]]:
    """Runs the five phases in place; for each, its steps, CPU seconds and the share of right letters by kind."""
    from anatomy_r1.mini import phases
    from anatomy_r1.mini.student import Student

    torch_seed(recipe.seed)
    student = Student(model, processor, recipe)
    plan: list[tuple[str, int, Callable[[Student, phases.Tick], None]]] = [
        ("look-up", recipe.lookup_steps, phases.lookup_phase),
        ("sight", recipe.sight_steps, phases.sight_phase),
        ("pointer", recipe.pointer_steps, phases.pointer_phase),
        ("joint", recipe.joint_steps, phases.joint_phase),
        ("habit", recipe.habit_steps, phases.habit_phase),
    ]
    facts: dict[str, dict[str, float]] = {}
    model.train()
    _install_hooks(model)
    for name, steps, phase in plan:
        start = time.process_time()
        with tqdm(total=steps, desc=f"mini base: {name}", disable=not progress) as bar:
            phase(student, lambda bar=bar: _tick(bar, student))  # type: ignore[misc]
        facts[name] = {"steps": bar.n, "cpu_seconds": round(time.process_time() - start, 1), **student.report()}
    model.eval()
    return facts


def _install_hooks(model: Any) -> None:
    """Run a whole forward once: transformers installs the hooks of `output_hidden_states` at the first one.

    A first one with lower layers alone would leave the upper layers without.
    """
    import torch

    with torch.no_grad():
        model.model(input_ids=torch.zeros(1, 1, dtype=torch.long), use_cache=False, output_hidden_states=True)


def torch_seed(seed: int) -> None:
    """Seeds torch, whose numbers only initialise weights here."""
    import torch

    torch.manual_seed(seed)


def _tick(bar: Any, student: Any) -> None:
    bar.update()
    if bar.n % 25 == 0:
        bar.set_postfix(student.report())


def _write_facts(path: Path, size: Size, recipe: Recipe, facts: dict[str, dict[str, float]]) -> None:
    content = {
        "size": size,
        "recipe_hash": recipe_hash(size, recipe),
        "recipe": asdict(recipe),
        "shape": asdict(SHAPES[size]),
        "phases": facts,
    }
    path.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Build a tiny base.", epilog="Example: --size mini-l --out /data/base")
    parser.add_argument(
        "--size", choices=sorted(SHAPES), default="mini-l", help="stands for 7B (mini-l) or 3B (mini-s)"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder to create")
    parser.add_argument("--recipe", choices=sorted(RECIPES), default="first", help="what it is taught")
    parser.add_argument("--seed", type=int, default=FIRST.seed, help="of weights, pictures and lessons")
    arguments = parser.parse_args()
    build_base(arguments.out, arguments.size, recipe=replace(RECIPES[arguments.recipe], seed=arguments.seed))


if __name__ == "__main__":
    main()
