"""What a result was made from: code, lock, packages, hardware."""

from __future__ import annotations

import hashlib
import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGES = ("torch", "transformers", "trl", "lm-eval", "datasets", "accelerate", "peft", "vllm", "deepspeed")
ROOT = Path(__file__).resolve().parent.parent


def provenance() -> dict[str, Any]:
    """Commit, dirty flag, lock hash, package versions and processor. `commit` is "" outside a git checkout."""
    return {
        **git_state(),
        "lock_sha256": _lock_hash(),
        "packages": {name: version for name in PACKAGES if (version := _version(name))},
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
    }


def git_state(root: Path = ROOT) -> dict[str, Any]:
    """Commit of the checkout that runs, and whether tracked files differ from it."""
    commit = _git(root, "rev-parse", "HEAD")
    return {"commit": commit, "dirty": bool(commit and _git(root, "status", "--porcelain", "--untracked-files=no"))}


def _git(root: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _lock_hash() -> str:
    lock = ROOT / "constraints.txt"
    return hashlib.sha256(lock.read_bytes()).hexdigest() if lock.is_file() else ""


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""
