"""The pipeline in miniature, in portable arithmetic, here and as other processors: are all the bytes the same?

    python scripts/portable.py                      here, with switches of the libraries, and as an emulated EPYC
    python scripts/portable.py --as here epyc       only these
    python scripts/portable.py --fingerprint        only the fingerprint: a minute a processor in place of many
    python scripts/portable.py --hashes             what each of them runs: print the hashes of this process

The miniature: a base of two steps a phase, two steps of SFT and of GRPO, and an evaluation (docs/portable.md).
Emulation needs `apt-get install qemu-user`. Exit status 0: all the same; 1: not; 2: something could not be run.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from anatomy_r1.arithmetic import ENVIRONMENT, fingerprint, use_portable  # noqa: E402


class Processor(NamedTuple):
    """How to run a command as another processor."""

    prefix: tuple[str, ...] = ()
    variables: tuple[tuple[str, str], ...] = ()


QEMU = "qemu-x86_64"
PROCESSORS = {
    "here": Processor(),
    "mkl-avx2": Processor(variables=(("MKL_ENABLE_INSTRUCTIONS", "AVX2"),)),
    "mkl-sse4": Processor(variables=(("MKL_ENABLE_INSTRUCTIONS", "SSE4_2"),)),
    "glibc-avx2": Processor(variables=(("GLIBC_TUNABLES", "glibc.cpu.hwcaps=-AVX512F,-AVX512VL,-AVX512BW"),)),
    "epyc": Processor((QEMU, "-cpu", "EPYC-v3")),
    "haswell": Processor((QEMU, "-cpu", "Haswell-v4")),
}
"""Of AMD and of Intel, both with AVX2; the switches change what a library finds. Others must equal the first."""
USUAL = ("here", "mkl-avx2", "mkl-sse4", "glibc-avx2", "epyc")
SHRUNK: dict[str, dict[str, Any]] = {
    "world": {"train_videos": 2, "validation_videos": 1, "test_videos": 2, "frames_per_video": 4, "slides": 60},
    "data": {"sgg_anatomy_mini": {"source": "sgg", "train": 8, "validation": 2, "test": 4, "split": "file", "seed": 0}},
    "released": {},
}
"""Sections of the smoke profile that are replaced."""
CELL = "sgg_anatomy_mini/mini-l/{}/seed0"
STAGES = (
    *(("world", "world"), ("data", "sgg_anatomy_mini"), ("base", "mini-l")),
    *(("train", CELL.format("sft")), ("train", CELL.format("grpo"))),
    ("evaluate", "sgg_anatomy_mini/mini-l/grpo/matched/seed0"),
)


def main(words: list[str]) -> int:
    """Run the miniature on each processor and compare; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--as", dest="names", nargs="+", choices=PROCESSORS, default=list(USUAL), metavar="NAME")
    parser.add_argument("--fingerprint", action="store_true", help="only the fingerprint")
    parser.add_argument("--hashes", action="store_true", help="print the hashes of this process")
    asked = parser.parse_args(words)
    if asked.hashes:
        use_portable()
        _print_hashes(whole=not asked.fingerprint)
        return 0
    found = {name: hashes(PROCESSORS[name], whole=not asked.fingerprint, name=name) for name in asked.names}
    return compare(found)


def hashes(processor: Processor, *, whole: bool, name: str = "") -> dict[str, str]:
    """What `--hashes` prints on that processor; empty if it did not end well, with the reason on stderr."""
    if processor.prefix and shutil.which(processor.prefix[0]) is None:
        print(f"{name}: no {QEMU} here. Fix: apt-get install qemu-user", file=sys.stderr)
        return {}
    command = [
        *processor.prefix,
        sys.executable,
        str(Path(__file__)),
        "--hashes",
        *([] if whole else ["--fingerprint"]),
    ]
    environment = {**os.environ, **ENVIRONMENT, **dict(processor.variables), "HF_HUB_OFFLINE": "1"}
    before, started = os.times(), time.monotonic()
    done = subprocess.run(command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    after = os.times()
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    print(f"{name}: {spent:.0f} CPU seconds, {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    lines = [line.split(" ") for line in done.stdout.splitlines() if line.startswith("portable:")]
    return {} if done.returncode else {name.removeprefix("portable:"): value for name, value in lines}


def compare(found: Mapping[str, Mapping[str, str]]) -> int:
    """Print which hashes differ from the first processor's; returns the exit status."""
    first, *others = found
    print(*(f"{stage:<24} {value}" for stage, value in found[first].items()), sep="\n")
    for name in others:
        unequal = [stage for stage, value in found[first].items() if found[name].get(stage) != value]
        told = f"differ: {', '.join(unequal)}" if found[name] else "could not be run"
        print(f"{name} and {first}: {told if unequal or not found[name] else 'the same bytes'}")
    if not all(found.values()):
        return 2
    return int(any(dict(one) != dict(found[first]) for one in found.values()))


def _print_hashes(*, whole: bool) -> None:
    """The fingerprint, then one line a stage as it is done: an emulated one takes minutes."""
    print(f"portable:fingerprint {fingerprint()}", flush=True)
    if whole:
        with tempfile.TemporaryDirectory(prefix="anatomy-r1-") as folder:
            _run_stages(Path(folder))


def _run_stages(folder: Path) -> None:
    from baselines.experiment.cell import GridRun, Layout
    from baselines.experiment.profile import load_profile
    from baselines.stages.stages import run_stage

    source = str(write_profile(folder))
    run = GridRun(load_profile(source), Layout(folder / "runs"), source)
    for stage, name in STAGES:
        run_stage(stage, name, run)
        print(f"portable:{label(stage, name)} {stage_hash(run, stage, name)}", flush=True)


def label(stage: str, name: str) -> str:
    """The name of a stage's hash, such as `train-grpo`."""
    return f"{stage}-{name.split('/')[2] if '/' in name else name}"


def write_profile(folder: Path) -> Path:
    """The smoke profile, smaller still and portable, with two steps at a full learning rate."""
    import yaml

    raw = yaml.safe_load((ROOT / "baselines" / "profiles" / "smoke.yaml").read_text(encoding="utf-8"))
    raw |= {**SHRUNK, "arithmetic": "portable"}
    raw["default"] |= {"methods": ["sft", "grpo"], "benchmarks": list(SHRUNK["data"]), "arms": ["matched"]}
    for section in ("sft", "rl"):
        raw["training"][section] |= {"max_steps": 2, "per_device_train_batch_size": 8, "warmup_steps": 0}
    for name in ("own_steps", "rollout_tokens"):  # of the arm of equal tokens
        del raw["training"]["rl"][name]
    path = folder / "portable.yaml"
    path.write_text(yaml.safe_dump(raw), encoding="utf-8")
    return path


def stage_hash(run: Any, stage: str, name: str) -> str:
    """What a stage made, in 16 hex digits: pixels, questions, weights with losses and rewards, or responses."""
    from anatomy_r1.response_log.log import ResponseLog
    from anatomy_r1.training.training_log import LOG_NAME, read

    layout, digest = run.layout, hashlib.sha256()
    if stage == "world":
        return str(json.loads((layout.world() / "world.json").read_text())["pixels_sha256"])[:16]
    if stage == "data":
        return str(json.loads((layout.data(name) / "manifest.json").read_text())["questions_sha256"])[:16]
    if stage == "evaluate":
        [path] = layout.root.glob("responses/**/*.sqlite")
        with ResponseLog(path, read_only=True) as log:
            texts = sorted(f"{one.key} {one.full_text}" for one in log.rows())
        return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:16]
    where = layout.base(name) if stage == "base" else layout.root / "train" / name
    for path in sorted(where.rglob("*.safetensors")):  # also the recorded batches of GRPO, with log-probabilities
        digest.update(path.read_bytes())
    if stage == "train":
        digest.update(read(where / LOG_NAME, "steps").drop(columns="seconds").to_csv(index=False).encode())
    return digest.hexdigest()[:16]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
