"""Two and four processes give log-probabilities, loss and gradient of one, to 1e-10, and serve the same things."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.helpers.one_of_several import METHODS

ROOT = Path(__file__).resolve().parents[3]
CLOSE = 1e-10
"""Relative, in float64."""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def start(world, root, out, shared_rows="false"):
    """All processes of one world, to their end."""
    shared = {**os.environ, "PYTHONPATH": str(ROOT), "ACCELERATE_USE_CPU": "true"}
    shared |= {"OMP_NUM_THREADS": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": free_port()}
    ranks = [
        {"RANK": str(r), "LOCAL_RANK": str(r), "WORLD_SIZE": str(world), "LOCAL_WORLD_SIZE": str(world)}
        for r in range(world)
    ]
    command = [sys.executable, str(ROOT / "tests" / "helpers" / "one_of_several.py"), str(root), str(out), shared_rows]
    running = [
        subprocess.Popen(command, env={**shared, **(rank if world > 1 else {})}, stderr=subprocess.PIPE, text=True)
        for rank in ranks
    ]
    for process in running:
        _, errors = process.communicate(timeout=900)
        assert process.returncode == 0, errors[-3000:]


def outcome(method, world, out):
    """Mean loss and gradient over ranks, as DDP takes them, and what was shown, in order."""
    ranks = [np.load(out / f"{method}-{world}-{rank}.npz") for rank in range(world)]
    gradient = sum(rank["gradient"] for rank in ranks) / world
    logps = np.concatenate([rank["logps"] for rank in ranks])
    shown = [one for rank in ranks for one in rank["shown"]]
    return float(np.mean([rank["loss"] for rank in ranks])), gradient, logps, shown


@pytest.fixture(scope="module")
def alone(smoke_root, tmp_path_factory):
    out = tmp_path_factory.mktemp("processes")
    start(1, smoke_root, out)
    return out


@pytest.mark.slow
@pytest.mark.parametrize(("world", "shared"), [(2, "false"), (4, "false"), (2, "true"), (4, "true")])
def test_several_processes_learn_what_one_learns(world, shared, alone, smoke_root):
    """`shared`: rows with the same prompt and image are computed once in each process; the one process shares none."""
    start(world, smoke_root, alone, shared)
    for method in METHODS:
        loss, gradient, logps, shown = outcome(method, world, alone)
        expected, wanted, likely, same = outcome(method, 1, alone)
        assert shown == same, method
        assert abs(loss - expected) < CLOSE * max(abs(expected), 1e-3), method
        assert np.abs(logps - likely).max() < CLOSE * np.abs(likely).max(), method
        assert np.linalg.norm(wanted) > 1e-3, method
        assert np.linalg.norm(gradient - wanted) < CLOSE * np.linalg.norm(wanted), method
