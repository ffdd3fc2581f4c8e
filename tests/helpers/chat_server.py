"""An OpenAI-compatible server on this machine that answers as told, well or badly, and remembers what it was asked."""

import hashlib
import json
import threading
import time
from collections import Counter
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from anatomy_r1.evaluation.engines.server_probe import QUESTION

MODEL = "med/model-7b"
PROBE = QUESTION
"""By its text the server knows the request that the engine sends before the first question."""


class ChatServer(ThreadingHTTPServer):
    """`faults` says how to answer the n-th request for each response (its seed), before it is answered well.

    `answer` turns a request into the body of its answer, with `text` in it. `refuses` is given each request first, and
    returns an HTTP status and a body for one that is refused. Probes are answered too, but counted apart.
    """

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, faults=None, port=0, models=200, text=None, echo=None, answer=None, refuses=None, about=None):
        super().__init__(("127.0.0.1", port), _Handler)
        self.answer, self.refuses, self.about = answer or _answer, refuses or (lambda asked: None), about or {}
        self.probes = []
        self.faults = faults or (lambda asked, number: None)
        self.models, self.text, self.echo = models, text or _text, echo
        self.asked = Counter()
        """How often each response was asked for, by its seed."""
        self.answered = Counter()
        """How often each was answered well."""
        self.requests, self.headers, self.paths, self.gate = [], [], [], threading.Event()
        self.open_now = self.open_most = 0
        self.guard = threading.Lock()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/v1"

    def handle_error(self, request, client_address):
        """Clients that hang up are part of the play."""


@contextmanager
def serving(*args, **options):
    server = ChatServer(*args, **options)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.gate.set()
        server.shutdown()
        server.server_close()
        thread.join()


def _text(asked):
    """Depends on prompt, picture and seed, as a model's would; one in six is nothing that can be parsed."""
    place = hashlib.sha256(
        json.dumps([asked["messages"], (asked.get("seed") or 0) * (asked.get("temperature", 1) > 0)]).encode()
    ).digest()
    return "left " if place[1] % 6 == 0 else f"<think> left </think> <answer> {'ABCD'[place[0] % 4]} </answer>"


def completion(text="B", reason="stop", tokens=3):
    return {
        "id": "1", "object": "chat.completion", "created": 1, "model": MODEL,
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": reason}],
        "usage": {"prompt_tokens": 90, "completion_tokens": tokens, "total_tokens": 90 + tokens},
    }  # fmt: skip


def _answer(asked, text):
    return completion(text)


def is_probe(asked):
    return PROBE in str(asked["messages"][0]["content"])


def slot(asked):
    """Which response is asked for, as far as the request says it."""
    return asked.get("seed", 0), asked.get("temperature", 1) > 0


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        one = {"id": MODEL, "object": "model", "created": time.time_ns(), "owned_by": "vllm", "max_model_len": 4096}
        one |= self.server.about
        self._note()
        self._send(self.server.models, json.dumps({"object": "list", "data": [one]}).encode())

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        refused = self.server.refuses(asked)
        if is_probe(asked):
            with self.server.guard:
                self.server.probes.append(asked)
                self._note()
        if refused:
            return self._send(refused[0], json.dumps(refused[1]).encode())
        if is_probe(asked):
            return self._send(200, json.dumps(self.server.answer(asked, "Grey")).encode())
        with self.server.guard:
            number = self.server.asked[slot(asked)]
            self.server.asked[slot(asked)] += 1
            self.server.requests.append(asked)
            self._note()
            self.server.open_now += 1
            self.server.open_most = max(self.server.open_most, self.server.open_now)
        try:
            fault = self.server.faults(asked, number)
            FAULTS[fault](self) if fault else self._answer(asked)
        finally:
            with self.server.guard:
                self.server.open_now -= 1

    def _note(self):
        self.server.paths.append(self.path)
        self.server.headers.append({name.lower(): value for name, value in self.headers.items()})

    def _answer(self, asked):
        body = json.dumps(self.server.answer(asked, self.server.text(asked))).encode()
        with self.server.guard:
            self.server.answered[slot(asked)] += 1
        self._send(200, body)

    def _send(self, status, body, kind="application/json", length=None, **headers):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def _hang_up(self):
        self.close_connection = True
        self.connection.close()

    def _half_a_body(self):
        body = json.dumps(completion()).encode()
        self._send(200, body[: len(body) // 2], length=len(body))
        self.close_connection = True

    def _hang(self):
        self.server.gate.wait(20)
        self.close_connection = True


def _said(**changes):
    """A completion with something wrong in its first choice."""

    def send(handler):
        answer = completion()
        answer["choices"][0] |= changes
        handler._send(200, json.dumps(answer).encode())

    return send


def _body(text):
    return lambda handler: handler._send(200, text.encode())


def _status(status, **headers):
    body = json.dumps({"error": {"message": f"told to say {status}"}}).encode()
    return lambda handler: handler._send(status, body, **headers)


FAULTS = {
    # What passes: the client asks again. The header keeps the wait short where the wait is not the point.
    "429": _status(429),
    "429, wait": _status(429, Retry_After="1"),
    "429, wait an hour": _status(429, Retry_After="3600"),
    "500": _status(500, Retry_After_Ms="1"),
    "503": _status(503, Retry_After_Ms="1"),
    "half a body": _Handler._half_a_body,
    "wrong JSON": _body('{"choices": [{"message": {"content": "<answer> A'),
    "HTML": lambda handler: handler._send(200, b"<html>Bad gateway, answer A</html>", kind="text/html"),
    "no body": lambda handler: handler._send(202, b""),
    "bad gzip": lambda handler: handler._send(200, b"no gzip", Content_Encoding="gzip"),
    "half a letter": _body(json.dumps(completion()).replace('"B"', '"\\ud83d B"')),
    "wrong shape": _body('{"choices": {"text": "<answer> A </answer>"}}'),
    "a list": _body("[1, 2]"),
    "empty choices": _body(json.dumps({**completion(), "choices": []})),
    "two choices": _body(json.dumps({**completion(), "choices": completion()["choices"] * 2})),
    "an error that passes": _body('{"error": {"code": 502, "message": "provider is away"}}'),
    "hang": _Handler._hang,
    "hang up": _Handler._hang_up,
    # What does not: asking again would give the same.
    "content null": _said(message={"role": "assistant", "content": None}),
    "tool call": _said(finish_reason="tool_calls", message={"role": "assistant", "content": None, "tool_calls": [{}]}),
    "cut by the context": _said(finish_reason="model_length"),
    "aborted": _said(finish_reason="abort"),
    "no end": lambda handler: handler._send(
        200, json.dumps({"choices": [{"message": {"content": "B"}, "finish_reason": None}]}).encode()
    ),
    "an error that stays": _body('{"error": {"code": 400, "message": "no such image"}}'),
    "part without text": _said(message={"role": "assistant", "content": [{"type": "audio", "audio": "x"}]}),
    "content a number": _said(message={"role": "assistant", "content": 4}),
    "too many tokens": _body(json.dumps(completion(tokens=99_999))),
    "echo": lambda handler: handler._send(400, json.dumps(handler.server.echo).encode()),
    "400": _status(400),
    "refuses top_k": lambda handler: handler._send(
        400, json.dumps({"error": {"message": "Unrecognized request argument supplied: top_k"}}).encode()
    ),
    "a stream": _body('data: {"choices": [{"delta": {"content": "B"}}]}\n\ndata: [DONE]\n\n'),
    "401": _status(401),
    "404": _status(404),
    "redirect": _status(307, Location="http://192.0.2.1/v1/chat/completions"),
}
