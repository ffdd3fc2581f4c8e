"""What a profile needs that this machine lacks, in words with a cure."""

from __future__ import annotations

from anatomy_r1.nvidia import gpus
from baselines.experiment.profile import Profile


def lacking(profile: Profile) -> list[str]:
    """Reasons why the profile cannot run here; empty when it can."""
    if profile.needs.gpus == 0:
        return []
    found = gpu_memory_gb()
    fit = [size for size in found if size >= profile.needs.gpu_memory_gb]
    if len(fit) >= profile.needs.gpus:
        return []
    have = f"{len(found)} found ({', '.join(f'{size:.0f} GB' for size in found)})" if found else "none found"
    return [
        f"it needs {profile.needs.gpus} NVIDIA GPUs of {profile.needs.gpu_memory_gb:.0f} GB or more, {have}: "
        "run it on such a machine, or use `--profile mini`, which needs none"
    ]


def gpu_memory_gb() -> list[float]:
    """Memory of each NVIDIA GPU, as the driver reports it; empty without a driver."""
    return [gpu.memory for gpu in gpus()]
