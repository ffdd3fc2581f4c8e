"""`anatomy-r1` over the engine without a model (`deterministic.py`), for tests that kill it."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class Commands:
    """The command line over the engine without a model; each command can be killed."""

    def __init__(self, made_file, pause):
        words = [sys.executable, "-m", "tests.helpers.deterministic", str(pause), str(made_file)]
        self._server = subprocess.Popen(words, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._line() == "ready"

    def _line(self):
        return self._server.stdout.readline().strip()

    def run(self, arguments, moment=None, hold=None):
        """The exit status; `moment` returns when it is time to kill, for which it waits after `hold` responses."""
        print(json.dumps([arguments, hold]), file=self._server.stdin, flush=True)
        process = int(self._line())
        if moment:
            moment()
            os.kill(process, signal.SIGKILL)
        return int(self._line())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._server.communicate()
