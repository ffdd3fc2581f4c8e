"""The miniature pipeline in portable arithmetic: the same bytes from one process, from another processor's libraries,
and from a grid, whose command restarts itself."""

import importlib.util
import json
import os
import subprocess
import sys

import pytest

from anatomy_r1 import arithmetic
from anatomy_r1.provenance import ROOT
from baselines.experiment.cell import open_run

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not arithmetic.has_avx2(), reason="the promise is about x86-64 with AVX2"),
]


@pytest.fixture(scope="module")
def portable():
    """`scripts/portable.py`."""
    spec = importlib.util.spec_from_file_location("portable", ROOT / "scripts" / "portable.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def alone(portable):
    """The hashes of all stages in one process: label -> hash."""
    return portable.hashes(portable.PROCESSORS["here"], whole=True)


def test_base_sft_grpo_and_evaluation_give_the_same_bytes_whatever_a_library_finds(portable, alone):
    stages = {"world", "data", "base", "train", "evaluate"}
    assert {label.partition("-")[0] for label in alone} == {"fingerprint", *stages}
    assert alone["train-sft"] != alone["train-grpo"]
    switches = portable.PROCESSORS["mkl-sse4"].variables + portable.PROCESSORS["glibc-avx2"].variables
    assert portable.hashes(portable.Processor(variables=switches), whole=True) == alone


def test_the_stages_of_a_grid_make_the_same_bytes_as_one_process(portable, alone, tmp_path):
    profile, environment = str(portable.write_profile(tmp_path)), {**os.environ}
    for name in arithmetic.ENVIRONMENT:
        environment.pop(name, None)
    words = ["run", "--profile", profile, "--runs", str(tmp_path), "--methods", "grpo", "--jobs", "1"]
    done = subprocess.run(
        [sys.executable, "-m", "baselines", *words],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert f"portable arithmetic, fingerprint {arithmetic.EXPECTED} as expected" in done.stderr
    run = open_run(profile, tmp_path / "smoke", "none", ())
    [result] = run.layout.store().rglob("seed0.json")
    record = {"mode": "portable", "fingerprint": arithmetic.EXPECTED, "expected": True}
    assert json.loads(result.read_text())["provenance"]["arithmetic"] == record
    shared = [(stage, name) for stage, name in portable.STAGES if stage != "train" or "grpo" in name]
    found = {portable.label(stage, name): portable.stage_hash(run, stage, name) for stage, name in shared}
    assert len(found) == 5
    assert found == {label: alone[label] for label in found}
