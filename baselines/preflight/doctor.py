"""All checks of a machine and a profile, and their text."""

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
"""GB that a generated profile needs (ours)."""


def examine(machine: Machine, profile: Profile, layout: Layout, selection: Selection) -> list[Check]:
    """Every check, the machine's first."""
    found = [checks.check_python(machine), *checks.check_packages(machine, profile, checks.locked())]
    if profile.needs.gpus:
        found += [*checks.check_cuda(machine, profile), *checks.check_gpus(machine, profile)]
    needed = SMALL_DISK
    if not profile.generated:
        shapes = {model: shape_of(profile.models[model], layout.base(model)) for model in selection.models}
        needed = disk(profile, selection, shapes) / GB
        size = min((gpu.memory for gpu in machine.gpus), default=profile.needs.gpu_memory_gb)
        rows = [(name, one.peak / GB) for name, one in memory_rows(profile, selection, shapes, size)]
        found += checks.check_fit(machine, rows)
    return [*found, checks.check_disk(machine, needed), *check_inputs(profile, layout, selection)]


def as_text(found: Sequence[Check]) -> str:
    """One line per check, and the fix of each that did not pass."""
    word = {True: "ok", False: "FAILED", None: "unknown"}
    lines = []
    for one in found:
        lines.append(f"{word[one.passed]:9}  {one.name}: {one.found}")
        if not one.passed and one.fix:
            lines.append(f"{'':9}  fix: {one.fix}")
    return "\n".join(lines)


def summary(found: Sequence[Check]) -> str:
    """The last line: how many checks failed, and how many could not be made."""
    failed, unknown = (sum(one.passed is word for one in found) for word in (False, None))
    text = f"{failed} of {len(found)} would stop a run" if failed else "nothing found that would stop a run"
    return text + (f"; {unknown} unknown" if unknown else "")
