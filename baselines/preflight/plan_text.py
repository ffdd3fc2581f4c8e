"""A plan as text: what will run, in which order, what it takes, and what is missing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from baselines.experiment.cell import Layout
from baselines.experiment.plan import Selection, Stage
from baselines.experiment.profile import Profile
from baselines.preflight.effort import disk, effort, memory_rows
from baselines.preflight.machine_checks import Check
from baselines.preflight.memory import GB, ROLLOUT_TOKENS
from baselines.preflight.model_shape import ModelShape, shape_of
from baselines.runtime.gpus import gpu_memory_gb

TEST = {"omnimed_mi": 522}
"""Size of a test set that the profile does not state: 10 % of 5,212 (inferred)."""


def as_text(profile: Profile, layout: Layout, selection: Selection, every: Sequence[Stage]) -> str:
    """Stages; for a profile with real models also memory, effort and disk."""
    lines = [f"profile {profile.name}: {profile.note.strip()}"]
    lines += [f"  {'done' if one.output.exists() else 'to do':5}  {one.stage:8}  {one.name}" for one in every]
    left = sum(stage.seconds for stage in every if not stage.output.exists())
    lines += [f"{len(every)} stages, about {left / 60:.0f} process-minutes to do"]
    return "\n".join([*lines, *(_real(profile, layout, selection, every) if not profile.generated else ())])


def missing_text(found: Sequence[Check]) -> str:
    """One line each, with its fix below."""
    return "\n".join(f"  - {one.name}\n      {one.fix}" for one in found)


def _real(profile: Profile, layout: Layout, selection: Selection, every: Sequence[Stage]) -> Iterator[str]:
    shapes = {model: shape_of(profile.models[model], layout.base(model)) for model in selection.models}
    yield from _memory_lines(profile, selection, shapes)
    sizes = {name: int(section.get("test", TEST.get(name, 0))) for name, section in profile.data.items()}
    total = effort(profile, selection, every, sizes)
    here, root = Path.cwd(), layout.root
    yield ""
    yield f"samples: {total.trainings} trainings with {total.rollouts:,} completions (upper bound for DAPO), about"
    tokens = f"{total.rollout_tokens / 1e6:,.0f} million tokens ({ROLLOUT_TOKENS} per completion: a guess)"
    yield f"  {tokens}; {total.responses:,} responses"
    yield f"GPU-hours: about {total.gpu_hours:,.0f} (from `cost` in profile {profile.name}, which states its sources)"
    yield f"disk: about {disk(profile, selection, shapes) / GB:,.0f} GB for models, policies and checkpoints below"
    yield f"  {root.relative_to(here) if root.is_relative_to(here) else root}"


def _memory_lines(profile: Profile, selection: Selection, shapes: Mapping[str, ModelShape]) -> Iterator[str]:
    cards = gpu_memory_gb()
    there = f"{len(cards)} with {min(cards):.0f} GB here" if cards else "none here"
    shared = f", {profile.launch.accelerate}" if profile.launch.accelerate else ""
    yield ""
    yield f"memory per GPU in GB, {profile.launch.processes} per training{shared} ({there}; model states are exact,"
    yield "  the rest is estimated: baselines/preflight/memory.py)"
    yield f"  {'':38}{'states':>8}{'reference':>11}{'step':>7}{'vLLM':>7}{'peak':>7}{'needed':>8}"
    size = min(cards, default=profile.needs.gpu_memory_gb)
    for name, found in memory_rows(profile, selection, shapes, size):
        numbers = [found.states, found.reference, found.step, found.rollout, found.peak]
        cells = "".join(f"{n / GB:{w}.1f}" for n, w in zip(numbers, (8, 11, 7, 7, 7), strict=True))
        fits = "fits" if found.peak / GB <= size else "TOO BIG"
        yield f"  {name:38}{cells}{fits:>9}"
