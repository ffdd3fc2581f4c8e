"""Two processes that shard their weights learn the same from shared rows as from a row each."""

import os
import subprocess
import sys

import numpy as np
import pytest
import yaml

from baselines.runtime.processes import ACCELERATE
from tests.baselines.trainers.test_losses_distributed import CLOSE, ROOT, free_port

WORLD = 2


def fsdp(config):
    """As `accelerate launch` writes the settings into the environment."""
    written = {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in config.items()}
    return {"ACCELERATE_USE_FSDP": "true", **{name.upper(): value for name, value in written.items()}}


def launched(root, out):
    """Both processes, with the settings of `baselines/runtime/accelerate/` but for bfloat16, to their end."""
    stated = yaml.safe_load((ACCELERATE / "fsdp2.yaml").read_text())["fsdp_config"]
    shared = {**os.environ, **fsdp(stated), "PYTHONPATH": str(ROOT), "ACCELERATE_USE_CPU": "true"}
    shared["OMP_NUM_THREADS"] = "1"
    shared |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": free_port()}
    shared |= {"WORLD_SIZE": str(WORLD), "LOCAL_WORLD_SIZE": str(WORLD)}
    command = [sys.executable, str(ROOT / "tests" / "helpers" / "one_sharded.py"), str(root), str(out)]
    running = [
        subprocess.Popen(
            command, env={**shared, "RANK": str(r), "LOCAL_RANK": str(r)}, stderr=subprocess.PIPE, text=True
        )
        for r in range(WORLD)
    ]
    for process in running:
        _, errors = process.communicate(timeout=550)
        assert process.returncode == 0, errors[-3000:]


@pytest.mark.slow
def test_two_steps_are_those_of_a_row_each(smoke_root, tmp_path):
    """FSDP2, with gradient accumulation and checkpointing, and a KL term."""
    launched(smoke_root, tmp_path)
    shared, usual = (np.load(tmp_path / f"{name}.npz") for name in (True, False))
    assert shared["packed"] and not usual["packed"]
    assert shared["share"] < 0.8, "the weights are not sharded"
    assert np.abs(shared["loss"] - usual["loss"]).max() < CLOSE * np.abs(usual["loss"]).max()
    size = np.abs(usual["moved"]).max()
    assert size > 1e-4
    assert np.abs(shared["moved"] - usual["moved"]).max() < CLOSE * size
    assert abs(usual["kl"][0]) < 1e-12 < usual["kl"][1], "before the first step, the policy is the reference"
