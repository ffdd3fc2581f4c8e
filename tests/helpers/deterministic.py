"""An engine without a model: every response is a hash of its key. What an evaluation does shows; what a model does not.

Run as a program it is `anatomy-r1` over this engine, once a line of input: each in a fork of one process that has
imported everything, so that a command costs no more than its own work and can be killed at any moment.
"""

import json
import os
import signal
import sys
import time
from importlib import import_module
from pathlib import Path

from lm_eval.api.model import LM

from anatomy_r1.evaluation.engines import transformers_engine
from anatomy_r1.evaluation.engines.checkpoint import weights_identity
from anatomy_r1.response_log.response import Response

FORMS = ["<think> {0} </think> <answer> {1} </answer>", "<answer> {1} </answer>", "{1}", "{0} left {1}", "<think> {1}"]
"""The first three are read, the fourth says nothing and the last is cut off."""
MADE_LINE = 33
"""Bytes a response in the file of what was generated."""


def hashed(job):
    """Text and finish reason."""
    digest = job.key.digest
    form = int(digest[:4], 16) % len(FORMS)
    return FORMS[form].format(digest, "ABCD"[int(digest[4:8], 16) % 4]), "length" if form == 4 else "stop"


class HashEngine(transformers_engine.TransformersEngine):
    """The real engine's way from requests to the log, with `say` in the place of the model."""

    pause, made_file = 0.0, None
    """Seconds a batch; where the digest of each generated response is written down, before it is logged."""
    said, hold = 0, None
    """Responses so far; after `hold` of them it waits to be killed, however late on a busy machine that comes."""

    def __init__(self, pretrained, *, log, seed=0, batch_size=16, say=hashed, **_):
        LM.__init__(self)
        self.folder, self.log, self.seed, self.batch_size, self.say = Path(pretrained), log, seed, batch_size, say
        self.weights, self.settings, self._progress, self.generated = (
            weights_identity(self.folder),
            {"engine": "hash"},
            False,
            0,
        )

    max_length = 10_000

    def chat_template(self, chat_template=False):
        return "none"

    def apply_chat_template(self, chat_history, add_generation_prompt=True):
        return chat_history[0]["content"]

    def _respond(self, questions):
        wanted = [job for group in questions for job in group]
        if self.hold is not None and self.said >= self.hold:
            signal.pause()
        self.said += len(wanted)
        time.sleep(self.pause)
        if self.made_file:
            with self.made_file.open("ab", buffering=0) as file:
                file.write(b"".join(job.key.digest.encode() + b"\n" for job in wanted))
        return [
            Response(job.key, *self.say(job), style=job.style, images=job.images, shown=job.shown) for job in wanted
        ]


def weights_folder(folder, content=b"weights"):
    """What passes for a checkpoint, with these weights."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.safetensors").write_bytes(content)
    return folder


def serve(pause, made_file):
    """Say the process id of each command's fork, then its exit status; one to be killed never ends by itself."""
    from anatomy_r1.cli.main import main

    for name in ("torch", "anatomy_r1.evaluation.evaluate"):  # or each fork would import them
        import_module(name)
    HashEngine.pause, HashEngine.made_file = float(pause), Path(made_file)
    transformers_engine.TransformersEngine = HashEngine
    print("ready", flush=True)
    for line in sys.stdin:
        arguments, HashEngine.hold = json.loads(line)
        if not (child := os.fork()):
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            status = main(arguments)
            if HashEngine.hold is not None:
                signal.pause()
            os._exit(status)
        print(child, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


if __name__ == "__main__":
    serve(*sys.argv[1:])
