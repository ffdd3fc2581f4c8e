"""A plan in words: what will run, in which order, what it takes, and what is missing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from baselines.experiment.cell import Layout
from baselines.experiment.plan import Selection, Stage
from baselines.experiment.profile import Profile
from baselines.preflight.effort import disk, effort, memory_rows
from baselines.preflight.inputs import Missing
from baselines.preflight.memory import GB, ROLLOUT_TOKENS
from baselines.preflight.model_shape import ModelShape, shape_of
from baselines.runtime.gpus import gpu_memory_gb

TEST = {"omnimed_mi": 522}
"""Where the profile does not state the size of a test set: 10 % of 5,212 (inferred)."""


def as_text(profile: Profile, layout: Layout, selection: Selection, every: Sequence[Stage]) -> str:
    """Stages, then, for a profile with real models, memory, effort and disk."""
    lines = [f"profile {profile.name}: {profile.note.strip()}"]
    lines += [f"  {'done' if one.output.exists() else 'to do':5}  {one.stage:8}  {one.name}" for one in every]
    left = sum(stage.seconds for stage in every if not stage.output.exists())
    lines += [f"{len(every)} stages, about {left / 60:.0f} process-minutes to do"]
    return "\n".join([*lines, *(_real(profile, layout, selection, every) if not profile.generated else ())])


def missing_text(found: Sequence[Missing]) -> str:
    """One line each, with its fix below."""
    return "\n".join(f"  - {one.what}\n      {one.fix}" for one in found)


def _real(profile: Profile, layout: Layout, selection: Selection, every: Sequence[Stage]) -> Iterator[str]:
    shapes = {model: shape_of(profile.models[model], layout.base(model)) for model in selection.models}
    yield from _memory_lines(profile, selection, shapes)
    sizes = {name: int(section.get("test", TEST.get(name, 0))) for name, section in profile.data.items()}
    took = effort(profile, selection, every, sizes)
    yield ""
    yield f"samples: {took.trainings} trainings with {took.rollouts:,} completions (DAPO at its most), about"
    tokens = f"{took.rollout_tokens / 1e6:,.0f} million tokens ({ROLLOUT_TOKENS} a completion: a guess)"
    yield f"  {tokens}; {took.responses:,} responses"
    source = f"`cost` in profile {profile.name}, which says where its numbers are from"
    yield f"GPU-hours: about {took.gpu_hours:,.0f} ({source})"
    yield f"disk: about {disk(profile, selection, shapes) / GB:,.0f} GB for models, policies and checkpoints below"
    yield f"  {_shown(layout.root)}"


def _memory_lines(profile: Profile, selection: Selection, shapes: Mapping[str, ModelShape]) -> Iterator[str]:
    cards = gpu_memory_gb()
    there = f"{len(cards)} of {min(cards):.0f} GB here" if cards else "none here"
    shared = f", {profile.launch.accelerate}" if profile.launch.accelerate else ""
    yield ""
    yield f"memory of a GPU in GB, {profile.launch.processes} to a training{shared} ({there}; model states exact,"
    yield "  the rest estimated: baselines/preflight/memory.py)"
    yield f"  {'':38}{'states':>8}{'reference':>11}{'step':>7}{'vLLM':>7}{'peak':>7}{'needed':>8}"
    size = min(cards, default=profile.needs.gpu_memory_gb)
    for name, found in memory_rows(profile, selection, shapes, size):
        numbers = [found.states, found.reference, found.step, found.rollout, found.peak]
        cells = "".join(f"{n / GB:{w}.1f}" for n, w in zip(numbers, (8, 11, 7, 7, 7), strict=True))
        fits = "fits" if found.peak / GB <= size else "TOO BIG"
        yield f"  {name:38}{cells}{fits:>9}"


def _shown(path: Path) -> str:
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
