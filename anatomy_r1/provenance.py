"""What a result was made from: code, lock file, packages, and hardware (GPUs and driver by `nvidia-smi`)."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from anatomy_r1 import arithmetic

PACKAGES = ("torch", "transformers", "trl", "lm-eval", "datasets", "accelerate", "peft", "vllm", "deepspeed")
ROOT = Path(__file__).resolve().parent.parent
GIT_VARIABLES = frozenset({"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR"})
VECTORS = {"avx512f": "AVX-512", "avx2": "AVX2"}
"""CPU flag -> name, the widest first. PyTorch has separate kernels for each."""


def provenance() -> dict[str, Any]:
    """Code (`code_state`), lock hash, packages, hardware and arithmetic."""
    lock = ROOT / "constraints.txt"
    return {
        **code_state(),
        "lock_sha256": hashlib.sha256(lock.read_bytes()).hexdigest() if lock.is_file() else "",
        "packages": versions(PACKAGES),
        "python": platform.python_version(),
        "arithmetic": arithmetic.record(),
        "machine": {
            "system": f"{platform.system()} {platform.machine()}",
            "processor": processor(),
            "gpus": [gpu.name for gpu in gpus()],
        },
    }


def stated(record: Any, *path: str) -> Any:
    """The value at `path` of nested mappings; None if there is no such path, since a stored record may be anything."""
    for name in path:
        record = record.get(name) if isinstance(record, Mapping) else None
    return record


def code_state() -> dict[str, Any]:
    """What computed: `git_state` in a checkout, else the commit that was installed from, else a hash of the package.

    A package that was installed from a folder knows no commit. Its `commit` is `pkg-` and the hash of its modules: no
    commit of git, but it tells the same code from another.
    """
    state = git_state()
    return state if state["commit"] else {"commit": _installed_commit() or _package_hash(), "dirty": False}


def _installed_commit() -> str:
    """The commit of a package installed from a repository (PEP 610); "" from elsewhere."""
    try:
        record = metadata.distribution("anatomy-r1").read_text("direct_url.json")
    except metadata.PackageNotFoundError:
        return ""
    found = stated(json.loads(record), "vcs_info", "commit_id") if record else None
    return found if isinstance(found, str) else ""


@cache
def _package_hash() -> str:
    folder = Path(__file__).parent
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(f"{path.relative_to(folder).as_posix()}\0".encode() + path.read_bytes())
    return f"pkg-{digest.hexdigest()[:40]}"


def git_state() -> dict[str, Any]:
    """Commit of this checkout, and whether tracked files differ from it; "" for a package installed in another one."""
    top = git_output(ROOT, "rev-parse", "--show-toplevel")
    commit = git_output(ROOT, "rev-parse", "HEAD") if top and Path(top).resolve() == ROOT else ""
    changed = commit and git_output(ROOT, "status", "--porcelain", "--untracked-files=no")
    return {"commit": commit, "dirty": bool(changed)}


def git_output(root: Path, *arguments: str) -> str:
    """What git prints about the checkout that `root` is in; "" if it fails or is not installed."""
    return _output("git", "-C", str(root), *arguments).strip()


def _output(*command: str) -> str:
    """Standard output; variables such as GIT_DIR are left out, which would name another repository."""
    environment = {name: value for name, value in os.environ.items() if name not in GIT_VARIABLES}
    try:
        done = subprocess.run(
            command, capture_output=True, encoding="utf-8", errors="replace", check=False, env=environment
        )
    except OSError:  # not installed, or not to be executed
        return ""
    return done.stdout if done.returncode == 0 else ""


def versions(names: Iterable[str]) -> dict[str, str]:
    """Versions by name of those packages that are installed."""
    found = {}
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def processor(info: Path = Path("/proc/cpuinfo")) -> str:
    """Number, model and vector instructions of the CPUs that this process may use, such as `2 x AMD EPYC, AVX2`.

    Other vector instructions round differently, and a tiny network trained from scratch then ends up elsewhere.
    """
    lines = info.read_text().splitlines() if info.is_file() else []
    fields = {line.partition(":")[0].strip(): line.partition(":")[2].strip() for line in reversed(lines)}
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    flags = fields.get("flags", "").split()
    vectors = next((f", {name}" for flag, name in VECTORS.items() if flag in flags), "")
    return f"{cores} x {fields.get('model name') or platform.processor()}{vectors}"


@dataclass(frozen=True)
class Gpu:
    """One GPU; memory in GiB, 0 if the driver does not report it, as for memory shared with the CPU."""

    name: str
    memory: float
    free: float


def gpus() -> tuple[Gpu, ...]:
    """The GPUs of this machine."""
    return parse_gpus(
        _output("nvidia-smi", "--query-gpu=name,memory.total,memory.free", "--format=csv,noheader,nounits")
    )


def parse_gpus(text: str) -> tuple[Gpu, ...]:
    """GPUs from lines `name, total, free` of nvidia-smi, in MiB."""
    lines = [line.rsplit(",", 2) for line in text.splitlines() if line.strip()]
    return tuple(Gpu(name.strip(), _gb(total), _gb(free)) for name, total, free in lines)


def _gb(mib: str) -> float:
    return float(mib) / 1024 if mib.strip().isdigit() else 0.0


def read_driver() -> tuple[str, tuple[int, int]]:
    """Driver version and the newest CUDA version it supports; "" and (0, 0) without a driver."""
    return parse_driver(_output("nvidia-smi"))


def parse_driver(text: str) -> tuple[str, tuple[int, int]]:
    """The same from the header that `nvidia-smi` prints."""
    driver = re.search(r"Driver Version: ([0-9.]+)", text)
    cuda = re.search(r"CUDA Version: ([0-9]+)\.([0-9]+)", text)
    return (driver[1] if driver else ""), ((int(cuda[1]), int(cuda[2])) if cuda else (0, 0))
