"""One virtual environment for all tox environments, so that torch and its dependencies are installed once.

tox gives every environment its own directory, and recreates a directory that two environments share. So the tox
environments here are empty, and this script keeps one full environment next to them, in `.tox/shared`.

It is rebuilt when `constraints.txt`, the dependencies in `pyproject.toml`, the Python version or the path of the
checkout changes, and when an earlier build was interrupted: a stamp with the hash of all these is written last.
Concurrent builds wait for each other. Needs only the standard library and pip.

    python scripts/shared_env.py                       build it if needed
    python scripts/shared_env.py -- ruff check .       build it if needed, then run a command in it

ANATOMY_R1_PYTHON=/path/to/python uses your own environment instead: nothing is installed, and commands run with that
interpreter and the programs next to it.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import time
import tomllib
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT / ".tox" / "shared"
STAMP = "anatomy-r1-stamp.txt"
OWN_PYTHON = "ANATOMY_R1_PYTHON"
EXTRAS = "train,dev"


def key(root: Path) -> str:
    """Hash of everything that determines the contents of the environment."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    parts = {
        "root": str(root),  # an editable install points here
        "python": sys.version,
        "extras": EXTRAS,
        "project": project["project"],
        "build": project["build-system"],
        "constraints": (root / "constraints.txt").read_text(encoding="utf-8"),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def ready(shared: Path, wanted: str) -> bool:
    """Whether a finished environment with this key exists."""
    stamp = shared / STAMP
    return stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted and python_of(shared).exists()


def python_of(shared: Path) -> Path:
    """The environment's interpreter."""
    return shared / "bin" / "python"


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on `path`; the kernel releases it when the process dies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another run is building the shared environment; waiting for it")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def build(root: Path, shared: Path, wanted: str) -> None:
    """Create the environment and write its stamp."""
    if importlib.util.find_spec("pip") is None:
        raise SystemExit(f"{sys.executable} has no pip. Run this through tox, or with a Python that has pip.")
    say(f"building {shared} once for all tox environments (a few minutes; several GB, mostly PyTorch)")
    started = time.monotonic()
    shutil.rmtree(shared, ignore_errors=True)
    venv.create(shared, with_pip=False, symlinks=True)  # Debian's bare python3.11 lacks ensurepip
    pip = [sys.executable, "-m", "pip", "--python", str(python_of(shared)), "install", "--disable-pip-version-check"]
    # Bytecode would be half of the time: what is imported is compiled on its first import.
    pip += ["--progress-bar", "off", "--no-compile"]
    command = [*pip, "-c", "constraints.txt", "pip", "-e", f".[{EXTRAS}]"]
    if subprocess.run(command, cwd=root, check=False).returncode:
        raise SystemExit("pip failed (see above). Nothing was kept; run the same command again.")
    (shared / STAMP).write_text(wanted, encoding="utf-8")
    say(f"ready after {time.monotonic() - started:.0f} s")


def ensure(root: Path, shared: Path) -> Path:
    """Path of an interpreter with everything installed; builds the environment if needed."""
    own = os.environ.get(OWN_PYTHON)
    if own:
        if not Path(own).is_file():
            raise SystemExit(f"{OWN_PYTHON}={own} is not a file. Point it at a python, or unset it.")
        return Path(own)
    wanted = key(root)
    if not ready(shared, wanted):
        with locked(shared.with_suffix(".lock")):
            if not ready(shared, wanted):  # another process may have built it while we waited
                build(root, shared, wanted)
    return python_of(shared)


def run(python: Path, command: list[str]) -> None:
    """Replace this process with `command`, looked up in the shared environment first."""
    env = {**os.environ, "PATH": f"{python.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}
    if (python.parent.parent / "pyvenv.cfg").is_file():  # as an activated environment has it
        env["VIRTUAL_ENV"] = str(python.parent.parent)
    program = str(python) if command[0] == "python" else shutil.which(command[0], path=env["PATH"])
    if program is None:
        raise SystemExit(f"{command[0]}: not installed next to {python}. Is it in pyproject.toml's extras ({EXTRAS})?")
    sys.stdout.flush()
    os.execve(program, [program, *command[1:]], env)


def say(text: str) -> None:
    """Print to the terminal, unbuffered."""
    print(f"shared_env: {text}", file=sys.stderr, flush=True)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", nargs=argparse.REMAINDER, help="after `--`: a command to run in the environment")
    arguments = parser.parse_args().command
    command = arguments[1:] if arguments[:1] == ["--"] else arguments
    python = ensure(ROOT, SHARED)
    if command:
        run(python, command)


if __name__ == "__main__":
    main()
