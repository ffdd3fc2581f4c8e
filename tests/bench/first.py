"""How long a loaded model waits: from the engine being ready to the first responses in the log.

python -m tests.bench.first MODEL DATA [QUESTIONS]      (makes DATA where it is missing)

Through the command `anatomy-r1 evaluate` with a batch of one question and 24 new tokens, so that little of the time is
the model's own; it is stopped once the first responses are in the log. Prints wall and processor seconds as JSON.
"""

import json
import sys
import tempfile
import time
from pathlib import Path

from tests.bench.harness import TASK, write_data


class FirstResponseError(Exception):
    """It is there; that is all that was wanted."""


def first(model, data):
    """Wall and processor seconds from the engine being ready, and before, from the start of the command."""
    import torch

    from anatomy_r1.cli.main import main
    from anatomy_r1.evaluation import evaluate
    from anatomy_r1.response_log.log import ResponseLog

    torch.set_num_threads(1)
    moments, opened, add = [_now()], evaluate.open_engine, ResponseLog.add

    def open_engine(*args, **options):
        engine = opened(*args, **options)
        moments.append(_now())
        return engine

    def add_first(self, responses):
        add(self, responses)
        moments.append(_now())
        raise FirstResponseError

    evaluate.open_engine, ResponseLog.add = open_engine, add_first
    with tempfile.TemporaryDirectory() as folder:
        words = ["--data", str(data), "--model", str(model), "--log", f"{folder}/log", "--max-new-tokens", "24"]
        try:
            main(["evaluate", TASK, *words, "--batch-size", "1", "--device", "cpu"])
        except FirstResponseError:
            start, ready, there = moments
    return {"from a loaded model": _between(ready, there), "before": _between(start, ready)}


def _between(one, other):
    return {kind: round(b - a, 2) for kind, a, b in zip(("wall", "processor"), one, other, strict=True)}


def _now():
    return time.perf_counter(), time.process_time()


def measure(model, data, count="1000"):
    """Measure once."""
    if not Path(data).exists():
        write_data(Path(data), int(count))
    print(json.dumps(first(Path(model), Path(data))))


if __name__ == "__main__":
    measure(*sys.argv[1:])
