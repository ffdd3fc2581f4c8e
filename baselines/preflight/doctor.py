"""All findings of a machine and a profile, and how they are told."""

from __future__ import annotations

from collections.abc import Sequence

from baselines.experiment.cell import Layout
from baselines.experiment.plan import Selection
from baselines.experiment.profile import Profile
from baselines.preflight import machine_checks as checks
from baselines.preflight.effort import disk, memory_rows
from baselines.preflight.inputs import check_inputs
from baselines.preflight.machine_checks import Check, Machine
from baselines.preflight.memory import GB
from baselines.preflight.model_shape import shape_of

SMALL_DISK = 3.0
"""GB of a generated profile (ours)."""


def examine(machine: Machine, profile: Profile, layout: Layout, selection: Selection) -> list[Check]:
    """Every finding, machine first."""
    found = [checks.check_python(machine), *checks.check_packages(machine, profile, checks.locked())]
    if profile.needs.gpus:
        found += [
            *checks.check_driver(machine),
            *checks.check_gpus(machine, profile),
            checks.check_nccl(machine, profile),
        ]
    needed = SMALL_DISK
    if not profile.generated:
        shapes = {model: shape_of(profile.models[model], layout.base(model)) for model in selection.models}
        needed = disk(profile, selection, shapes) / GB
        size = min((gpu.memory for gpu in machine.gpus), default=profile.needs.gpu_memory_gb)
        rows = [(name, one.peak / GB) for name, one in memory_rows(profile, selection, shapes, size)]
        found += checks.check_fit(machine, rows)
    return [*found, checks.check_disk(machine, needed), *check_inputs(profile, layout, selection)]


def as_text(found: Sequence[Check]) -> str:
    """One line a finding, and its fix where there is something to mend."""
    word = {True: "ok", False: "FAILED", None: "not known"}
    lines = []
    for one in found:
        lines.append(f"{word[one.passed]:9}  {one.name}: {one.found}")
        if not one.passed and one.fix:
            lines.append(f"{'':9}  fix: {one.fix}")
    return "\n".join(lines)


def summary(found: Sequence[Check]) -> str:
    """The last line: how many findings would stop a run, and of how many nobody knows."""
    failed, unknown = (sum(one.passed is word for one in found) for word in (False, None))
    told = f"{failed} of {len(found)} would stop a run" if failed else "nothing found that would stop a run"
    return told + (f"; {unknown} not known" if unknown else "")
