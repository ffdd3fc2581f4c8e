"""Forked stages: the same result, the same exit status, and none outlives its client."""

import json
import os
import subprocess
import sys
import threading
import time

import psutil
import pytest

from anatomy_r1.provenance import ROOT
from baselines.experiment.cell import GridRun, Layout
from baselines.grid import pool as pools
from baselines.stages.stages import run_stage
from tests.helpers.smoke import smoke_profile

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="stages are forked under Linux only")


def test_a_long_folder_of_temporary_files_is_no_obstacle(tmp_path, monkeypatch):
    """A socket's path is limited, and a cluster's TMPDIR may be long."""
    long = tmp_path / ("x" * 100)
    long.mkdir()
    monkeypatch.setattr(pools.tempfile, "tempdir", str(long))
    with pools.pool(gpus=0) as found:
        assert len(found) <= 107


@pytest.fixture
def address(monkeypatch):
    monkeypatch.setattr(pools, "PRELOADED", ["baselines.stages.stages", "anatomy_r1.mini.world"])  # it only saves time
    with pools.pool(gpus=0) as found:
        yield found


def asked(root, stage, name):
    """Of the smoke profile, natively: portable arithmetic is of the pool's whole process, here pytest."""
    arithmetic = {"profile": "smoke", "arithmetic": "native"}
    return {**arithmetic, "root": str(root), "report_to": "none", "stage": stage, "name": name}


@pytest.mark.slow
def test_a_forked_stage_writes_what_it_writes_in_its_own_process(address, tmp_path):
    forked, own = tmp_path / "forked", tmp_path / "own"
    assert pools.submit(address, asked(forked, "world", "world")) == 0
    run_stage("world", "world", GridRun(smoke_profile(), Layout(own), "smoke"))
    facts = [json.loads((root / "world" / "world.json").read_text()) for root in (forked, own)]
    assert facts[0] == facts[1]
    assert json.loads(Layout(forked).progress("world", "world").read_text())["state"] == "done"


@pytest.mark.slow
def test_a_stage_that_fails_says_so_in_its_status_and_its_log(address, tmp_path):
    assert pools.submit(address, asked(tmp_path, "data", "no_such_benchmark")) == 1
    assert "KeyError: 'no_such_benchmark'" in Layout(tmp_path).log("data", "no_such_benchmark").read_text()
    assert json.loads(Layout(tmp_path).progress("data", "no_such_benchmark").read_text())["state"] == "failed"


def processes():
    """Every process below this one."""
    return set(psutil.Process().children(recursive=True))


@pytest.mark.slow
def test_a_stage_ends_with_its_client(address, tmp_path):
    pools.submit(address, asked(tmp_path, "data", "none"))  # start everything that a first stage starts
    before = processes()
    words = [sys.executable, "-m", "baselines", "stage", "--profile", "mini", "--arithmetic", "native"]
    client = subprocess.Popen([*words, "--root", str(tmp_path), "--pool", address, "world", "world"], cwd=ROOT)
    building = tmp_path / "world.building"  # the mini profile's world takes many seconds
    until = time.monotonic() + 60
    while not building.is_dir():
        assert client.poll() is None and time.monotonic() < until, "the stage never began"
        time.sleep(0.05)
    assert len(processes() - before) >= 2  # the client and its stage
    client.kill()
    client.wait()
    while processes() - before:
        assert time.monotonic() < until, "the stage outlived its client"
        time.sleep(0.05)
    assert not (tmp_path / "world" / "world.json").exists()


GRID = """
import time
from baselines.grid import pool
pool.PRELOADED = ["baselines.stages.stages", "anatomy_r1.mini.world"]
with pool.pool(gpus=0) as address:
    print(address, flush=True)
    time.sleep(600)
"""


@pytest.mark.slow
def test_a_stage_ends_with_its_grid_however_that_dies(tmp_path):
    """The fork server outlives a grid that was killed, for as long as a stage runs."""
    with subprocess.Popen([sys.executable, "-c", GRID], cwd=ROOT, stdout=subprocess.PIPE, text=True) as grid:
        address = grid.stdout.readline().strip()
        asks = {**asked(tmp_path, "world", "world"), "profile": "mini"}
        client = threading.Thread(target=pools.submit, args=(address, asks), daemon=True)
        client.start()
        until = time.monotonic() + 120
        while not (tmp_path / "world.building").is_dir():
            assert client.is_alive() and time.monotonic() < until, "the stage never began"
            time.sleep(0.05)
        below = psutil.Process(grid.pid).children(recursive=True)
        assert len(below) >= 2  # the fork server and the stage
        grid.kill()
    _, alive = psutil.wait_procs(below, timeout=20)
    assert not alive
    client.join(20)
    assert not client.is_alive()
    assert not (tmp_path / "world" / "world.json").exists()


def test_a_client_without_its_grid_fails(tmp_path, capsys):
    assert pools.submit(str(tmp_path / "gone"), asked(tmp_path, "world", "world")) == 1
    assert "the grid that this stage belongs to is gone" in capsys.readouterr().err


def test_there_is_no_pool_with_gpus_because_a_fork_would_break_cuda():
    with pools.pool(gpus=1) as found:
        assert found == ""


@pytest.mark.slow
def test_preloading_starts_no_thread_that_a_fork_would_lose():
    tasks = "pathlib.Path('/proc/self/task').glob('*/comm')"
    code = f"import {', '.join(pools.PRELOADED)}, pathlib; print(*(path.read_text() for path in {tasks}))"
    env = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    # jemalloc (of pyarrow) clears up in the background, and knows of forks.
    assert len(set(done.stdout.split()) - {"jemalloc_bg_thd"}) == 1
    assert len(done.stdout.split()) <= 2
