"""What a selection takes (samples, tokens, hours, disk, memory of each kind of training), and the plan as text.

Hours come from the profile's `cost`. Its `rl` is GRPO's on TRL's own path; what another method or a shared group takes
beside it is computed (work.py). A cost under a method's own name is that method's on TRL's path.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from anatomy_r1.scoring.metrics import K
from baselines.experiment.cell import Cell, Layout, arguments
from baselines.experiment.plan import Selection, Stage, evaluations, gpus_of, times_asked, trainings
from baselines.experiment.profile import Profile
from baselines.methods.registry import find_method
from baselines.preflight.memory import (
    ARCHITECTURES,
    BFLOAT16,
    FLOAT32,
    GB,
    LONGEST,
    PROMPT,
    ROLLOUT_TOKENS,
    MemoryEstimate,
    ModelShape,
    config_of,
    shape_of,
    training_memory,
)
from baselines.preflight.work import (
    MERGED,
    Lengths,
    Network,
    Rates,
    Setting,
    mini_network,
    network_of,
    seconds,
    setting_of,
    work,
)
from baselines.runtime.processes import gpu_memory_gb

FRAME = (854, 480)
"""Width and height of a frame."""
USUAL = {"shared_prefix": False, "shared_rollouts": False}
"""TRL's own path."""
MINI_LENGTHS = Lengths(prompt=41, completion=13, longest=16, patches=36)
"""Of the mini world's base (`results/bench/shared_prefix.md`); the longest completion is a guess."""
MINI_RATES = Rates(row=7.4e-5, call=6.0e-3, forward=2.9e10, backward=4.7e10, rest=1.2e-2)
"""Of one x86-64 thread, from GRPO's step there (`results/bench/plan_estimates.md`)."""
OPERATIONS, BANDWIDTH = 312e12, 2.039e12
"""Of an A100 or A800 of 80 GB: bfloat16 operations and bytes a second (NVIDIA's data sheet)."""
REACHED = 0.4
"""Share of both that a training reaches (our guess)."""


@dataclass(frozen=True)
class Effort:
    """Totals over all trainings and evaluations of a selection."""

    trainings: int
    rollouts: int
    """Completions sampled in training; for DAPO, the most that dynamic sampling may draw."""
    responses: int
    """In evaluation, the greedy one included."""
    gpu_hours: float


def rollouts(profile: Profile, cell: Cell) -> int:
    """Completions that a training samples in its own budget; an upper bound for DAPO."""
    if cell.method.kind != "rl":
        return 0
    given = arguments(profile, cell.method, cell.seed, cell.data)
    rows = given["per_device_train_batch_size"] * given.get("gradient_accumulation_steps", 1)
    per_step = rows * profile.launch.processes * (1 + given.get("resample_rounds", 0))
    return int(per_step * given.get("own_steps", given["max_steps"]))


def effort(
    profile: Profile,
    selection: Selection,
    stages: Sequence[Stage],
    test_questions: Mapping[str, int],
    again: Collection[Path] = frozenset(),
) -> Effort:
    """What the selection takes; hours from the profile's `cost` of each stage that is to do."""
    every, factors = trainings(profile, selection), cost_factors(profile, selection)
    asked = [cell for cell, _ in evaluations(profile, selection) if cell.method.kind != "control"]
    todo = [stage for stage in stages if state(stage, again) != "done"]
    return Effort(
        trainings=len(every),
        rollouts=sum(rollouts(profile, cell) for cell in every),
        responses=(K + 1) * sum(times_asked(cell) * test_questions.get(cell.benchmark, 0) for cell in asked),
        gpu_hours=sum(estimated(stage, factors) * gpus_of(profile, stage.stage) for stage in todo) / 3600,
    )


def state(stage: Stage, again: Collection[Path]) -> str:
    """Of a stage in the plan: an output that is there may be of other settings, and is made `again` then."""
    if not stage.output.exists():
        return "to do"
    return "again" if stage.output in again else "done"


def estimated(stage: Stage, factors: Mapping[str, float]) -> float:
    """Seconds of a stage: the profile's cost, a training's times its factor."""
    return stage.seconds * (factors.get(stage.name, 1.0) if stage.stage == "train" else 1.0)


def cost_factors(profile: Profile, selection: Selection) -> dict[str, float]:
    """Name of each training that samples -> its time beside the one that the profile's `cost` states."""
    cells = [cell for cell in trainings(profile, selection) if cell.method.kind == "rl"]
    return {cell.name: cost_factor(profile, cell) for cell in cells}


def cost_factor(profile: Profile, cell: Cell) -> float:
    """Time of the cell's steps beside GRPO's on TRL's path; beside its own there, where the profile has its cost."""
    stated = cell.method if cell.method_id in profile.cost else find_method("grpo")
    own = arguments(profile, cell.method, cell.seed, cell.data)
    other = {**arguments(profile, stated, cell.seed), **USUAL}
    longer = _own_steps(own) / _own_steps(other)
    return longer * step_seconds(profile, cell.model, own) / step_seconds(profile, cell.model, other)


def _own_steps(given: Mapping[str, Any]) -> int:
    return int(given.get("own_steps") or given["max_steps"])


def step_seconds(
    profile: Profile, model: str, given: Mapping[str, Any], tokens: tuple[int, int] | None = None
) -> float:
    """A step with these trainer arguments, in seconds of the machine that `_machine` stands for: good for ratios.

    `tokens` of every prompt and of every completion, where they are not those that a profile expects.
    """
    network, lengths, rates, cpu = _machine(profile, model)
    if tokens is not None:
        lengths = replace(lengths, prompt=tokens[0], completion=tokens[1], longest=tokens[1])
    setting: Setting = setting_of(given, profile.models[model], every_position=cpu)
    return seconds(work(network, lengths, setting), rates).step


@cache
def _network(name: str, mini: bool) -> Network:
    """A model's sizes; those of the 3B where we have none, for ratios hardly depend on them."""
    if mini:
        return mini_network(name)
    known = (ARCHITECTURES / f"{name.rpartition('/')[2]}.json").is_file()
    return network_of(config_of({"hub": name if known else "Qwen/Qwen2.5-VL-3B-Instruct"}))


def _machine(profile: Profile, model: str) -> tuple[Network, Lengths, Rates, bool]:
    """Sizes, lengths, rates, and whether a CPU computes: the mini world's as measured, or an A800's as guessed."""
    entry = profile.models[model]
    if profile.generated:
        return _network(str(entry["mini"]), mini=True), MINI_LENGTHS, MINI_RATES, True
    network = _network(str(entry.get("hub", "")), mini=False)
    weights = network.layer * network.layers + network.width * network.vocabulary
    speed, call = REACHED * OPERATIONS, BFLOAT16 * weights / (REACHED * BANDWIDTH)
    rates = Rates(row=0.0, call=call, forward=speed, backward=speed, rest=0.0)
    return network, Lengths(PROMPT, ROLLOUT_TOKENS, ROLLOUT_TOKENS, frame_patches(network)), rates, False


def frame_patches(network: Network) -> int:
    """Patches of a frame, whose sides are rounded to whole tokens: 4 x 510 of Qwen2.5-VL, 4 x 405 of Qwen3-VL."""
    width, height = (round(side / (2 * network.patch)) for side in FRAME)
    return MERGED * width * height


def disk(profile: Profile, selection: Selection, shapes: Mapping[str, ModelShape]) -> int:
    """Bytes: base models, published policies, and the checkpoints of one training.

    A checkpoint has bfloat16 weights and, for what is trained, a float32 copy and two moments.
    """
    total, largest = sum(BFLOAT16 * shapes[model].parameters for model in selection.models), 0
    for cell in trainings(profile, selection):
        shape, given = shapes[cell.model], arguments(profile, cell.method, cell.seed, cell.data)
        weights = BFLOAT16 * shape.parameters
        total += weights * (2 if given.get("rollout_tokens") else 1)  # both policies, whichever arms are evaluated
        largest = max(largest, (0 if shape.adapters else weights) + 3 * FLOAT32 * shape.trainable)
    kept = int(profile.training.get("common", {}).get("save_total_limit", 1)) + 1  # one more while it is written
    return total + kept * largest


def memory_rows(
    profile: Profile, selection: Selection, shapes: Mapping[str, ModelShape], gpu: float
) -> list[tuple[str, MemoryEstimate]]:
    """Memory of each kind of training; trainings with the same model and the same estimate share a row."""
    rows: dict[tuple[str, MemoryEstimate], list[str]] = {}
    for cell in trainings(profile, selection):
        given = arguments(profile, cell.method, cell.seed, cell.data)
        shape, kind = shapes[cell.model], cell.method.kind
        found = training_memory(shape, profile.launch, given, prompt=LONGEST, gpu=gpu, kind=kind)
        methods = rows.setdefault((cell.model, found), [])
        if cell.method_id not in methods:
            methods.append(cell.method_id)
    return [
        (f"{model} {methods[0]}" + (f" and {len(methods) - 1} more" if methods[1:] else ""), found)
        for (model, found), methods in rows.items()
    ]


def as_text(
    profile: Profile,
    layout: Layout,
    selection: Selection,
    every: Sequence[Stage],
    again: Collection[Path] = frozenset(),
) -> str:
    """Stages; for a profile with real models also memory, effort and disk."""
    lines = [f"profile {profile.name}: {profile.note.strip()}"]
    lines += [f"  {state(one, again):5}  {one.stage:8}  {one.name}" for one in every]
    factors = cost_factors(profile, selection)
    left = sum(estimated(stage, factors) for stage in every if state(stage, again) != "done")
    lines += [f"{len(every)} stages, about {left / 60:.0f} process-minutes to do"]
    return "\n".join([*lines, *(_real(profile, layout, selection, every, again) if not profile.generated else ())])


def _real(
    profile: Profile, layout: Layout, selection: Selection, every: Sequence[Stage], again: Collection[Path]
) -> Iterator[str]:
    shapes = {model: shape_of(profile.models[model], layout.base(model)) for model in selection.models}
    cards, root = gpu_memory_gb(), layout.root
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
        yield f"  {name:38}{cells}{'fits' if found.peak / GB <= size else 'TOO BIG':>9}"
    unstated = {"omnimed_mi": 522, "omnimed_mi_balanced": 522}  # 10 % of 5,212 (inferred); balanced: at most
    sizes = {name: int(section.get("test", unstated.get(name, 0))) for name, section in profile.data.items()}
    total = effort(profile, selection, every, sizes, again)
    yield ""
    yield f"samples: {total.trainings} trainings with {total.rollouts:,} completions (upper bound for DAPO), about"
    tokens = f"{total.rollouts * ROLLOUT_TOKENS / 1e6:,.0f} million tokens ({ROLLOUT_TOKENS} per completion: a guess)"
    yield f"  {tokens}; {total.responses:,} responses"
    yield f"GPU-hours: about {total.gpu_hours:,.0f} (`cost` in profile {profile.name}, which states its sources, times"
    yield "  what a method and a shared group compute beside GRPO: baselines/preflight/work.py; upper bound for DAPO)"
    yield f"disk: about {disk(profile, selection, shapes) / GB:,.0f} GB for models, policies and checkpoints below"
    yield f"  {root.relative_to(Path.cwd()) if root.is_relative_to(Path.cwd()) else root}"
