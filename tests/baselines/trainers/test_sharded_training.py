"""Two processes that shard their weights learn the same from shared rows as from a row each."""

import os
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest
import yaml

from baselines.runtime.processes import ACCELERATE
from tests.baselines.trainers.test_losses_distributed import CLOSE, ROOT, free_port

WORLD = 2


def written(value):
    """As accelerate writes a setting into the environment."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def fsdp(config):
    return {"ACCELERATE_USE_FSDP": "true", **{name.upper(): written(value) for name, value in config.items()}}


def deepspeed(config):
    """The names that `accelerate launch` gives to the settings of a configuration file."""
    found = {
        "ACCELERATE_USE_DEEPSPEED": "true",
        "ACCELERATE_CONFIG_DS_FIELDS": ",".join(config),
        "DS_ACCELERATOR": "cpu",
    }
    for name, value in config.items():
        kind = "" if name.startswith("gradient") else "DEEPSPEED_"
        found[f"ACCELERATE_{kind}{name.removesuffix('_flag').upper()}"] = written(value)
    return found


def launched(launcher, root, out):
    """Both processes, with the settings of `baselines/runtime/accelerate/` but for bfloat16, to their end."""
    stated = yaml.safe_load((ACCELERATE / f"{launcher}.yaml").read_text())
    own = fsdp(stated["fsdp_config"]) if "fsdp_config" in stated else deepspeed(stated["deepspeed_config"])
    shared = {**os.environ, **own, "PYTHONPATH": str(ROOT), "ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1"}
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


def check(out, close):
    """The same two steps, from fewer tokens."""
    shared, usual = (np.load(out / f"{name}.npz") for name in (True, False))
    assert shared["packed"] and not usual["packed"]
    assert shared["share"] < 0.8, "the weights are not sharded"
    losses = usual["loss"]
    assert np.abs(shared["loss"] - losses).max() < close * np.abs(losses).max() > 1e-3 * close
    size = np.abs(usual["moved"]).max()
    assert size > 1e-4
    assert np.abs(shared["moved"] - usual["moved"]).max() < close * size
    assert abs(usual["kl"][0]) < 1e-12 < usual["kl"][1], "before the first step, the policy is the reference"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("launcher", "close"),
    [
        ("fsdp2", CLOSE),
        pytest.param(
            "zero3",
            1e-4,  # in float32
            marks=pytest.mark.skipif(not find_spec("deepspeed"), reason="deepspeed (extra `gpu`) is not installed"),
        ),
    ],
)
def test_two_steps_are_those_of_a_row_each(launcher, close, smoke_root, tmp_path):
    launched(launcher, smoke_root, tmp_path)
    check(tmp_path, close)
