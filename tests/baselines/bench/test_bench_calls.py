"""Calls of the bench: what is measured, what is left to the next call, and, slow, one that is killed."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time

import pytest

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.provenance import ROOT
from baselines.__main__ import main
from baselines.bench import run as bench_run
from baselines.bench.cases import cases, read_result, result_path, write_json
from baselines.bench.run import Call, Exit, run
from tests.helpers.bench_results import result


@pytest.fixture
def call(tmp_path):
    return Call(tmp_path / "out", tmp_path / "work", "the command", seconds=100.0)


@pytest.fixture
def clockwork(monkeypatch, call):
    """Fake processes that take the given seconds and end with the given status, on a fake clock."""
    at = [0.0]
    monkeypatch.setattr(bench_run.time, "monotonic", lambda: at[0])
    monkeypatch.setattr(bench_run, "prepared", lambda work, case: True)
    asked = []

    def make(**taken):
        def child(call, case, do, seconds):
            asked.append(case.method)
            need, code = taken[case.method.replace("-", "_")]
            at[0] += min(need, seconds)
            if need > seconds:
                return Exit(None, "half way")
            if code == 0:
                found = result(case.method) | {"case": dataclasses.asdict(case)}
                write_json(result_path(call.out, case), found)
            return Exit(code, "last words")

        monkeypatch.setattr(bench_run, "_child", child)
        return asked

    return make


THREE = cases(["3b"], ["lora"], ["trl", "grpo", "gpg"])


def test_a_call_stops_where_the_next_case_would_not_fit_and_the_next_continues(clockwork, call):
    asked = clockwork(trl=(40, 0), grpo=(40, 0), gpg=(40, 0))
    assert [case.method for case in run(call, THREE)] == ["gpg"]
    assert asked == ["trl", "grpo"]
    assert run(call, THREE) == []
    assert asked == ["trl", "grpo", "gpg"], "what has its file is not measured again"


def test_a_process_that_dies_is_a_result_and_the_others_are_measured(clockwork, call):
    clockwork(trl=(1, -9), grpo=(1, 1), gpg=(1, 0))
    assert run(call, THREE) == []
    died, failed, fine = (read_result(result_path(call.out, case)) for case in THREE)
    assert died["status"] == failed["status"] == "failed"
    assert "ended by SIGKILL" in died["error"]
    assert "ended with status 1; end of its output: last words" in failed["error"]
    assert fine["status"] == "measured"


def test_a_case_that_is_cut_off_early_in_a_call_is_a_result_and_late_is_left(clockwork, call):
    clockwork(trl=(60, 0), grpo=(60, 0), gpg=(200, 0))
    first, second, last = THREE
    assert run(call, [first, second]) == [second], "40 seconds are left, and the last took 60"
    clockwork(trl=(60, 0), grpo=(60, 0), gpg=(200, 0))
    assert run(call, [last]) == []
    assert "did not end within 100 seconds" in read_result(result_path(call.out, last))["error"]


def test_a_late_case_that_runs_out_of_time_is_left_to_the_next_call(clockwork, call):
    clockwork(trl=(55, 0), grpo=(10, 0), gpg=(60, 0))
    found = run(call, [THREE[1], THREE[0], THREE[2]])
    assert [case.method for case in found] == ["gpg"]
    clockwork(trl=(55, 0), grpo=(50, 0), gpg=(49.9, 0))
    other = dataclasses.replace(call, out=call.out / "other", seconds=99.0)
    assert [case.method for case in run(other, [THREE[1], THREE[2]])] == ["gpg"]
    assert not result_path(other.out, THREE[2]).exists()


def test_results_of_other_settings_are_not_mixed(clockwork, call):
    clockwork(trl=(1, 0))
    run(call, THREE[:1])
    with pytest.raises(AnatomyR1Error, match=r"made with other settings.*another --out"):
        run(call, cases(["3b"], ["lora"], ["trl"], completion=512))
    result_path(call.out, THREE[0]).write_text("{")
    with pytest.raises(AnatomyR1Error, match=r"no result of the bench.*move it away"):
        run(call, THREE[:1])


def test_without_a_gpu_it_says_so(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr("baselines.runtime.processes.gpu_memory_gb", list)
    assert main(["gpu-bench", "--out", str(tmp_path), "--work", str(tmp_path)]) == 3
    assert "--rehearsal on a CPU" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_call_that_is_killed_continues(tmp_path):
    words = ["gpu-bench", "--rehearsal", "--methods", "grpo", "gpg", "--tunings", "full", "--completion", "3"]
    words += ["--steps", "2", "--out", str(tmp_path / "out"), "--work", str(tmp_path / "work")]
    command = [sys.executable, "-m", "baselines", *words]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    first, second = (tmp_path / "out" / "cases" / f"mini-full-{name}.json" for name in ("grpo", "gpg"))
    process = subprocess.Popen(command, cwd=ROOT, env=environment, start_new_session=True)
    deadline = time.monotonic() + 300
    while not first.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    before = first.read_bytes()
    assert json.loads(before)["status"] == "measured"
    assert not second.exists()
    done = subprocess.run(command, cwd=ROOT, env=environment, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "mini-full-grpo ..." not in done.stderr
    assert first.read_bytes() == before
    assert json.loads(second.read_text())["status"] == "measured"
    assert "mini full gpg" in (tmp_path / "out" / "report.md").read_text()
