"""A pool that forks stages from one process with all imports done, which saves each stage ten seconds of imports.

The grid listens on a socket; Snakemake starts a client that submits its stage and waits for the exit status. Only for
CPUs on Linux, because CUDA does not survive a fork. Elsewhere the client runs the stage itself, with the same result.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Client, Connection, Listener, wait
from pathlib import Path
from typing import Any

from baselines.runtime.processes import die_with_parent

PRELOADED = [
    *("trl", "transformers.models.auto.modeling_auto", "transformers.models.auto.processing_auto"),
    *("baselines.trainers", "transformers.models.qwen2_5_vl.modeling_qwen2_5_vl"),
    "transformers.models.qwen2_5_vl.processing_qwen2_5_vl",
    *("anatomy_r1.mini.base", "anatomy_r1.mini.phases", "anatomy_r1.evaluation.engines.transformers_engine"),
    *("baselines.stages.data", "baselines.stages.evaluate", "baselines.stages.stages", "baselines.stages.train"),
]
"""The imports of all stages, done once before stages are forked. Nothing may start a thread: it would not be forked."""

LONGEST_FOLDER = 80
"""Characters of the folder that leave room for the names below it."""


@contextmanager
def pool(gpus: int, executor: str = "local") -> Iterator[str]:
    """The address of a pool, which ends with the context; empty when there can be none."""
    if gpus or executor != "local" or sys.platform != "linux":
        yield ""
        return
    forks = multiprocessing.get_context("forkserver")
    forks.set_forkserver_preload(PRELOADED)
    with (
        tempfile.TemporaryDirectory(prefix="anatomy-r1-", dir=_socket_folder()) as folder,
        Listener(str(Path(folder) / "pool"), "AF_UNIX", backlog=64) as listener,
    ):
        threading.Thread(target=_accept, args=(listener, forks), daemon=True).start()
        yield str(listener.address)


def _socket_folder() -> str | None:
    """Where a socket can lie: its path is limited to 107 characters, and TMPDIR may be longer."""
    return "/tmp" if len(os.fsencode(tempfile.gettempdir())) > LONGEST_FOLDER else None


def _accept(listener: Listener, forks: Any) -> None:
    while True:
        try:
            connection = listener.accept()
        except OSError:  # closed: the grid is done
            return
        threading.Thread(target=_serve, args=(connection, forks), daemon=True).start()


def _serve(connection: Connection, forks: Any) -> None:
    """Run one stage, and kill it if its client dies, as Snakemake may kill a client."""
    asked = json.loads(connection.recv_bytes())
    process = forks.Process(target=_stage, args=(asked,))
    process.start()
    if process.sentinel not in wait([process.sentinel, connection]):
        process.kill()
    process.join()
    try:
        connection.send_bytes(json.dumps(process.exitcode).encode())
    except OSError:
        return  # the client is gone


def _stage(asked: dict[str, Any]) -> None:
    """In the fork: what `python -m baselines stage` does, with output to the stage's log."""
    from baselines.experiment.cell import Layout, open_run  # a client, which waits, would spend a second on it
    from baselines.stages.stages import run_stage

    _die_with_grid()
    root = Path(asked["root"])
    log = Layout(root).log(asked["stage"], asked["name"])
    log.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for stream in (1, 2):
        os.dup2(handle, stream)
    words = (asked["report_to"], asked.get("method_files", ()), asked.get("arithmetic"))
    run = open_run(asked["profile"], root, *words)
    run_stage(asked["stage"], asked["name"], run, asked.get("settings", ""))


def _die_with_grid() -> None:
    """End when the grid dies, however it does: the fork server, this process's parent, lives as long as a stage.

    A stage holds one end of the pipe whose closing would tell the fork server that the grid is gone.
    """
    die_with_parent()
    grid = multiprocessing.parent_process()
    assert grid is not None, "a stage is forked"

    def watch() -> None:
        grid.join()
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()


def submit(address: str, asked: dict[str, Any]) -> int:
    """Run a stage in a pool; returns its exit status, or 1 when the pool is gone."""
    try:
        with Client(address, "AF_UNIX") as connection:
            connection.send_bytes(json.dumps(asked).encode())
            return 0 if json.loads(connection.recv_bytes()) == 0 else 1
    except (OSError, EOFError) as error:
        print(f"the grid that this stage belongs to is gone ({type(error).__name__}: {error})", file=sys.stderr)
        return 1
