"""Two processes that shard their weights learn the same from shared rows as from a row each.

ZeRO-3 needs DeepSpeed, which only the extra `gpu` has: `tox -e zero3` runs this file with it, on a CPU.
"""

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
CLOSE_IN_FLOAT32 = 1e-4
"""Relative. DeepSpeed's weights are in float32 at most; found 4e-6 after two steps."""
DEEPSPEED = pytest.mark.skipif(not find_spec("deepspeed"), reason="DeepSpeed is not installed: run `tox -e zero3`")


def stated(kind):
    """The settings of `baselines/runtime/accelerate/` but for bfloat16, as `accelerate launch` puts them into the
    environment.
    """
    config = yaml.safe_load((ACCELERATE / f"{kind}.yaml").read_text())
    if kind == "fsdp2":
        return {"ACCELERATE_USE_FSDP": "true", "ACCELERATE_USE_CPU": "true", **written(config["fsdp_config"])}
    found = written(config["deepspeed_config"])
    renamed = {"ZERO3_INIT_FLAG": "ZERO3_INIT"}
    given = {f"ACCELERATE_DEEPSPEED_{renamed.get(name, name)}": value for name, value in found.items()}
    # These two have names of their own.
    given |= {f"ACCELERATE_{name}": found[name] for name in ("GRADIENT_ACCUMULATION_STEPS", "GRADIENT_CLIPPING")}
    return {"ACCELERATE_USE_DEEPSPEED": "true", "ACCELERATE_MIXED_PRECISION": "no", "DS_ACCELERATOR": "cpu", **given}


def written(config):
    """Names and values as environment variables."""
    return {
        name.upper(): str(value).lower() if isinstance(value, bool) else str(value) for name, value in config.items()
    }


def launched(root, out, kind):
    """Both processes to their end."""
    paths = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    shared = {**os.environ, **stated(kind), "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
    shared |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": free_port()}
    shared |= {"WORLD_SIZE": str(WORLD), "LOCAL_WORLD_SIZE": str(WORLD)}
    command = [sys.executable, str(ROOT / "tests" / "helpers" / "one_sharded.py"), str(root), str(out), kind]
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
@pytest.mark.parametrize(
    ("kind", "close"), [("fsdp2", CLOSE), pytest.param("zero3", CLOSE_IN_FLOAT32, marks=DEEPSPEED)]
)
def test_two_steps_are_those_of_a_row_each(kind, close, smoke_root, tmp_path):
    """With policy and reference sharded, gradient accumulation and checkpointing, and a KL term."""
    launched(smoke_root, tmp_path, kind)
    shared, usual = (np.load(tmp_path / f"{name}.npz") for name in (True, False))
    assert shared["packed"] and not usual["packed"]
    assert shared["share"] < 0.8, "the weights are not sharded"
    assert np.abs(shared["loss"] - usual["loss"]).max() < close * np.abs(usual["loss"]).max()
    size = np.abs(usual["moved"]).max()
    assert size > 1e-4
    assert np.abs(shared["moved"] - usual["moved"]).max() < close * size
    assert abs(usual["kl"][0]) < 1e-12 < usual["kl"][1], "before the first step, the policy is the reference"
