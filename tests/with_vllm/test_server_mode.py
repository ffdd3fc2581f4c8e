"""TRL's server mode with a real `vllm serve`: pictures over HTTP, weights through a channel of the tests' own."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.training.training_log import LOG_NAME, read
from tests.helpers.recording import hashed_reward, shift_weights
from tests.with_vllm import store_transfer
from tests.with_vllm.rehearsed import CPU, STEPS, rehearsal, trainer_of, write_base, write_questions

ROOT = Path(__file__).resolve().parents[2]
BOUND = 5e-5
PATIENCE = 600
"""Seconds until the server must answer."""


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@pytest.fixture(scope="module")
def root(shape, tmp_path_factory):
    folder = tmp_path_factory.mktemp("server")
    write_base(folder / "base")
    write_questions(folder, 24)
    rehearsal(folder / "base", folder)
    return folder


@pytest.fixture(scope="module")
def server(root):
    """Its address. It has the flags that TRL's client asks for, and the options of a CPU."""
    port, plugin = free_port(), root / "plugin"
    store_transfer.write_plugin(plugin)
    options = {
        **CPU,
        "distributed_executor_backend": "uni",
        "limit_mm_per_prompt": json.dumps(CPU["limit_mm_per_prompt"]),
    }
    flags = [f"--{name.replace('_', '-')}" + ("" if value is True else f"={value}") for name, value in options.items()]
    flags += ["--weight-transfer-config", json.dumps({"backend": store_transfer.NAME}), "--enable-scale-out"]
    flags += ["--logprobs-mode", "processed_logprobs", "--max-logprobs", "-1"]
    flags += ["--port", str(port), "--host", "127.0.0.1"]
    model = str(root / "models" / "qwen2.5-vl-3b")
    environment = {
        **os.environ,
        "PYTHONPATH": f"{ROOT}{os.pathsep}{plugin}",
        "VLLM_SERVER_DEV_MODE": "1",
        "VLLM_NO_USAGE_STATS": "1",
        "VLLM_HOST_IP": "127.0.0.1",
        "VLLM_ENABLE_V1_MULTIPROCESSING": "0",  # the engine has a process; its worker then needs none of its own
    }
    with (root / "server.log").open("w") as log:
        command = [sys.executable, "-m", "vllm.entrypoints.cli.main", "serve", model, *flags]
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment, start_new_session=True)
    try:
        wait_for(f"http://127.0.0.1:{port}", process, root / "server.log")
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)


def wait_for(address, process, log):
    for _ in range(PATIENCE):
        try:
            with urllib.request.urlopen(f"{address}/health", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            assert process.poll() is None, log.read_text()[-4000:]
            time.sleep(1)
    raise AssertionError(log.read_text()[-4000:])


@pytest.fixture
def made(root, server, tmp_path, monkeypatch):
    """A trainer in server mode; the server takes one at a time."""
    monkeypatch.setattr("anatomy_r1.training.rewards.accuracy_reward", hashed_reward)
    monkeypatch.setenv("VLLM_HOST_IP", "127.0.0.1")
    store_transfer.on_a_cpu(monkeypatch)
    asked = {"vllm_mode": "server", "vllm_server_base_url": server, "vllm_group_port": free_port()}
    trainers = []

    def make(method="grpo", **changed):
        run = rehearsal(root / "base", root, **asked, **changed)
        trainers.append(trainer_of(run, method, tmp_path / "work"))
        return trainers[-1]

    yield make
    for trainer in trainers:
        trainer.training_log.close(STEPS)
        trainer.vllm_generation.vllm_client.close_communicator()


@pytest.mark.parametrize("method", ["grpo", "dapo"])
def test_rollouts_are_the_policy_s_at_each_step(made, method):
    trainer = made(method)
    sent, place = [], trainer.vllm_generation._place_features

    def placed(features, tokens):
        found = place(features, tokens)
        sent.append([(one["offset"], one["length"]) for one in found["mm_placeholders"]["image"]])
        return found

    trainer.vllm_generation._place_features = placed
    trainer.train()
    log = Path(trainer.args.output_dir) / LOG_NAME
    found, rollouts = read(log, "parity"), read(log, "rollouts")
    print("server", method, found.to_dict("records"))
    assert list(found["step"]) == list(range(1, STEPS + 1))
    assert found["outside"].max() == 0
    assert 0 < found["largest"].max() < BOUND
    assert len(rollouts["completion"].unique()) > len(rollouts) / 2, "completions that are all alike test nothing"
    assert {len(one) for one in sent} == {1}
    assert len({length for [(_, length)] in sent}) > 1, "pictures of several sizes"


def test_weights_that_were_not_sent_end_the_first_step(made):
    trainer = made()
    trainer.vllm_generation.sync_weights = lambda: None
    shift_weights(trainer.model, 0.01, seed=1)
    with pytest.raises(AnatomyR1Error, match=r"step 1: .* % of the sampled tokens' .* not this policy's"):
        trainer.train()


def test_trl_refuses_to_send_weights_from_a_cpu(server):
    """What the tests' own channel stands in for."""
    from trl.generation.vllm_client import VLLMClient

    with pytest.raises(NotImplementedError, match="NCCL weight-transfer engine, which needs a CUDA device"):
        VLLMClient(base_url=server).init_communicator(device="cpu")
