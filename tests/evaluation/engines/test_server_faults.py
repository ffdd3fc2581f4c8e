"""A server that fails in all ways we could think of: each question is answered once, or the run says what is not."""

import os
import re
import signal
import subprocess
import sys
import time

import pytest

from anatomy_r1.cli.main import main
from anatomy_r1.evaluation.engines.server_errors import cure_said
from anatomy_r1.response_log.log import ResponseLog
from tests.helpers.chat_server import FAULTS, MODEL, serving

PASSING = [
    "429", "429, wait", "500", "503", "half a body", "wrong JSON", "HTML", "no body", "bad gzip", "half a letter",
    "wrong shape", "a list", "empty choices",
    "two choices", "content a number", "hang", "hang up", "an error that passes",
]  # fmt: skip
"""What the client asks for again."""
LASTING = [
    "429, wait an hour", "content null", "tool call", "aborted", "no end", "an error that stays", "part without text",
    "too many tokens", "400", "cut by the context",
]  # fmt: skip
"""What it does not."""
FATAL = ["401", "404", "redirect", "refuses top_k", "a stream"]
"""What ends the run."""


def command(server, data, log, *more):
    """The command's exit status."""
    arguments = ["evaluate", "sgg_anatomy_mini", "--data", str(data), "--model", MODEL, "--log", str(log)]
    arguments += ["--engine", "server", "--base-url", server.url, "--timeout", "1.5", "--max-new-tokens", "24"]
    return main([*arguments, *more])


def texts(log):
    with ResponseLog(log, read_only=True) as opened:
        return [(one.key, one.text) for one in opened.rows()]


def by_turns(faults, always=False):
    """The n-th response to be asked for gets the n-th fault: once, or whenever it is asked for."""
    given = {}

    def fault(asked, number):
        mine = given.setdefault((asked["seed"], asked["temperature"] > 0), len(given))
        return faults[mine] if mine < len(faults) and (always or number == 0) else None

    return fault


def test_all_faults_are_tried_here():
    assert {*PASSING, *LASTING, *FATAL, "echo"} == set(FAULTS)


@pytest.mark.slow
def test_what_passes_is_asked_again_and_nothing_is_counted_twice(data, tmp_path):
    with serving() as server:
        assert command(server, data, tmp_path / "calm", "--limit", "4") == 0
        calm, server.faults = server.asked.copy(), by_turns(PASSING)
        server.asked.clear()
        server.answered.clear()
        assert command(server, data, tmp_path / "stormy", "--limit", "4") == 0
        assert set(server.answered.values()) == {1}, "each question is answered once"
        assert server.asked.keys() == calm.keys()
        assert sorted(server.asked.values()) == [1] * (24 - len(PASSING)) + [2] * len(PASSING)
        assert texts(tmp_path / "stormy") == texts(tmp_path / "calm")


@pytest.mark.slow
def test_what_does_not_pass_is_counted_by_reason_and_the_same_command_asks_for_it_alone(data, tmp_path, capsys):
    faults = [*PASSING, *LASTING]
    with serving(by_turns(faults, always=True)) as server:
        assert command(server, data, tmp_path / "log", "--limit", "5", "--retries", "1", "--concurrency", "30") == 3
        error = capsys.readouterr().err
        assert f"{len(faults)} of 30 responses are missing (VID0" in error
        assert (
            f"{30 - len(faults)} are in {tmp_path / 'log'}. Fix: resolve the reasons listed below, then run the same"
            in error
        )
        assert "Traceback" not in error
        assert sum(map(int, re.findall(r"^  (\d+) x ", error, re.M))) == len(faults)
        assert len(texts(tmp_path / "log")) == 30 - len(faults)
        assert not list(tmp_path.glob("*.json")), "no score of a run that is not whole"
        for fault, times in zip(faults, list(server.asked.values()), strict=False):
            assert times == (1 if fault in LASTING else 2), fault
        server.faults, asked = by_turns([]), sum(server.asked.values())
        assert command(server, data, tmp_path / "log", "--limit", "5") == 0
        assert sum(server.asked.values()) == asked + len(faults)
        assert set(server.answered.values()) == {1}


REASONS = {
    "429": r"HTTP 429 \(.*told to say 429", "429, wait an hour": "HTTP 429", "500": "HTTP 500", "503": "HTTP 503",
    "half a body": r"no connection \(RemoteProtocolError\)", "wrong JSON": "no chat completion .Invalid JSON",
    "HTML": "no chat completion .Invalid JSON", "no body": "no chat completion .Invalid JSON",
    "bad gzip": r"no connection \(DecodingError\)", "half a letter": "no chat completion .Invalid JSON: .*hex escape",
    "wrong shape": r"no chat completion .choices: .*valid (array|list)",
    "a list": "no chat completion ", "empty choices": "choices: .*at least 1 item",
    "two choices": "choices: .*at most 1 item", "an error that passes": "an error in place of a response: 502 prov",
    "cut by the context": "cut at the end of the model's context .finish_reason 'model_length'.: lower --max-new-tok",
    "tool call": "finish_reason 'tool_calls', which is none of those known", "aborted": "finish_reason 'abort', which",
    "no end": "neither finish_reason nor usage", "an error that stays": "an error in place of a response: 400 no such",
    "part without text": "a part of type 'audio' in the content", "refuses top_k": "Unrecognized .*top_k",
    "a stream": "a stream of events", "content a number": r"choices\.0\.message\.content\.str: ",
    "hang": "time-out", "hang up": r"no connection \(RemoteProtocolError\)",
    "content null": "no text .content null., although", "too many tokens": "more tokens than max_tokens",
    "400": r"HTTP 400 \(.*told to say 400", "401": "HTTP 401", "404": "HTTP 404", "redirect": "HTTP 307",
}  # fmt: skip


CURES = {
    "401": "put the server's key into the environment variable ANATOMY_R1_API_KEY",
    "404": "check --model and --base-url, which usually ends in /v1",
    "redirect": "pass the server's own address as --base-url; redirects are not followed",
    "a stream": "serve the model where whole responses are sent: streams are not read",
    "refuses top_k": "add --plain-openai",
}


@pytest.mark.parametrize("fault", [name for name in FAULTS if name not in ("echo", "429, wait")])
def test_each_failure_is_told_by_its_name(data, tmp_path, capsys, fault):
    with serving(by_turns([fault], always=True)) as server:
        assert command(server, data, tmp_path / "log", "--limit", "1", "--retries", "0", "--concurrency", "1") == 3
    error = capsys.readouterr().err
    assert re.search(rf"^  1 x .*{REASONS[fault]}", error, re.M), error
    missing = 6 if fault in FATAL else 1
    assert f"{missing} of 6 responses are missing (VID00/0/3)" in error
    afterwards = "which is another run" if fault == "refuses top_k" else "then run the same command again"
    assert f"Fix: {CURES.get(fault, 'resolve the reasons listed below')}, {afterwards}" in error
    assert (f"{missing - 1} x not requested" in error) == (fault in FATAL)
    assert sum(server.asked.values()) == (1 if fault in FATAL else 6)


TOO_LARGE = {
    "OpenAI": (400, "max_tokens is too large: 512. This model supports at most 256 completion tokens"),
    "Anthropic": (400, "max_tokens: 512 > 256, which is the maximum allowed number of output tokens for this model"),
    "Groq": (400, "`max_tokens` must be less than or equal to `256`, the maximum value for this model"),
    "DeepSeek": (400, "Invalid max_tokens value, the valid range of max_tokens is [1, 256]"),
    "Gemini": (400, "it has a maxOutputTokens value of 512 but the supported range is from 1 to 257 (exclusive)"),
    "Bedrock": (400, "The maximum tokens you requested exceeds the model limit of 256"),
    "TGI": (422, "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 256"),
    "vLLM": (400, "max_tokens is too large: 512. This model's maximum context length is 256 tokens (512 > 256-100)"),
    "gateway": (500, "max_tokens is too large"),
    "in a body": (200, "max_tokens is too large: 512"),
}


@pytest.mark.parametrize(("status", "said"), TOO_LARGE.values(), ids=TOO_LARGE)
def test_case_15_a_limit_that_is_too_large_names_its_option_at_once(data, tmp_path, capsys, status, said):
    """The probe's own limit is a small one."""

    def refuses(asked):
        sent.append(asked["max_tokens"])
        return (status, {"error": {"message": said, "code": 400}}) if asked["max_tokens"] > 256 else None

    sent = []
    arguments = ["evaluate", "sgg_anatomy_mini", "--data", str(data), "--model", MODEL, "--log", str(tmp_path / "log")]
    arguments += ["--engine", "server", "--max-new-tokens", "512", "--limit", "2", "--concurrency", "1"]
    with serving(refuses=refuses) as server:
        assert main([*arguments, "--base-url", server.url]) == 3
    error = capsys.readouterr().err
    assert "12 of 12 responses are missing" in error
    assert "Fix: lower --max-new-tokens" in error
    assert "which is another run" in error
    assert "11 x not requested: they would have failed in the same way" in error
    assert sent == [32, 512], "the probe and one question"


@pytest.mark.parametrize(
    "said",
    ["This request would exceed your rate limit of 8000 output tokens per minute", "Try again with higher max_tokens"],
)
def test_case_15_other_words_about_tokens_are_no_limit(said):
    assert cure_said(said) == ""


@pytest.mark.parametrize("fault", ["cut by the context", "tool call"])
def test_case_15_one_response_that_cannot_be_used_does_not_stop_the_others(data, tmp_path, capsys, fault):
    with serving(by_turns([fault], always=True)) as server:
        assert command(server, data, tmp_path / "log", "--limit", "2", "--concurrency", "1") == 3
    error = capsys.readouterr().err
    assert "1 of 12 responses are missing" in error
    cure = "start the server without its tool parser" if fault == "tool call" else "lower --max-new-tokens"
    assert re.search(rf"^  1 x .*finish_reason '.*: {cure}", error, re.M), error
    assert "not requested" not in error
    assert len(texts(tmp_path / "log")) == 11


def test_requests_that_were_not_sent_after_many_failures_are_told_as_such(data, tmp_path, capsys):
    with serving(lambda asked, number: "cut by the context") as server:
        assert command(server, data, tmp_path / "log", "--limit", "2", "--concurrency", "1") == 3
    assert "4 x not requested: 8 requests in a row had failed" in capsys.readouterr().err


def test_retry_after_is_waited_for(data, tmp_path):
    times = []

    def fault(asked, number):
        times.append(time.monotonic())
        return "429, wait" if len(times) == 1 else None

    with serving(fault) as server:
        assert command(server, data, tmp_path / "log", "--limit", "1", "--concurrency", "1") == 0
    assert times[1] - times[0] >= 1, "without the header the first wait is half a second"


@pytest.mark.slow
def test_a_server_that_dies_midway_ends_the_run_and_the_same_command_completes_it(data, tmp_path, capsys):
    options = ("--retries", "0", "--concurrency", "4")
    with serving() as server:
        port = server.server_port

        def text(asked):
            if len(server.answered) > 40:
                server.faults = lambda asked, number: "hang up"
            return "B"

        server.text = text
        assert command(server, data, tmp_path / "log", *options) == 3
        asked = sum(server.asked.values())
    error = capsys.readouterr().err
    kept = len(texts(tmp_path / "log"))
    assert 40 < kept < 60
    assert f"{144 - kept} of 144 responses are missing" in error
    # Eight failures in a row end it; each of three late answers may start the count anew; three more were on their way
    assert asked <= kept + 4 * 8 + 3, "a server that is gone is not asked 144 times"
    assert command(server, data, tmp_path / "log", *options) == 2, "nothing listens there now"
    assert f"127.0.0.1:{port}/v1: no connection" in capsys.readouterr().err
    with serving(port=port) as server:
        assert command(server, data, tmp_path / "log", *options) == 0
    assert sum(server.asked.values()) == 144 - kept
    assert len(texts(tmp_path / "log")) == 144


def test_a_full_disk_ends_the_run_and_what_was_logged_stays(data, tmp_path, capsys):
    import resource

    with serving() as server:
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, hard))
        try:
            status = command(server, data, tmp_path / "log")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        error = capsys.readouterr().err
        assert status == 2
        assert re.search(rf"error: {tmp_path / 'log'}: cannot be written \(.*\)\. Fix: check disk space", error), error
        kept = len(texts(tmp_path / "log"))
        assert 0 < kept < 144
        server.answered.clear()
        assert command(server, data, tmp_path / "log") == 0
        assert len(server.answered) == 144 - kept


def _hear_ctrl_c():
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL], ids=["Ctrl-C", "kill -9"])
def test_stopped_midway_then_the_same_command_asks_for_the_rest(data, tmp_path, how):
    def text(asked):
        time.sleep(0.02)
        return "B"

    with serving(text=text) as server:
        arguments = ["evaluate", "sgg_anatomy_mini", "--data", str(data), "--model", MODEL, "--concurrency", "4"]
        arguments += ["--log", str(tmp_path / "log"), "--engine", "server", "--base-url", server.url]
        program = [sys.executable, "-m", "anatomy_r1.cli", *arguments, "--max-new-tokens", "24"]
        environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
        pipes = {"stderr": subprocess.PIPE, "stdout": subprocess.DEVNULL}
        # What runs in a shell's background ignores Ctrl-C, and so would its children.
        stopped = subprocess.Popen(program, **pipes, env=environment, preexec_fn=_hear_ctrl_c)  # noqa: PLW1509
        while stopped.poll() is None and len(server.answered) < 40:
            time.sleep(0.01)
        stopped.send_signal(how)
        error = stopped.communicate(timeout=60)[1].decode()
        kept = len(texts(tmp_path / "log"))
        assert 30 < kept < 144
        if how == signal.SIGINT:
            assert stopped.returncode == 130
            assert "stopped; finished work is kept" in error
            assert "Traceback" not in error
        server.asked.clear()
        assert command(server, data, tmp_path / "log") == 0
        assert len(server.asked) == 144 - kept
