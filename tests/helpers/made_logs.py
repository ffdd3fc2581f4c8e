"""Response logs as `evaluate` leaves them, of made-up responses to a prepared set."""

import json

from anatomy_r1.data.prepared import load
from anatomy_r1.response_log.log import ResponseLog
from anatomy_r1.response_log.response import Response, ResponseKey, Sampling

DECODING = {"engine": "transformers", "dtype": "float32", "temperature": 1.0, "max_new_tokens": 8}


def write_log(path, data, weights, right, seed=0, style="think"):
    """A response log as `evaluate` leaves it: question i is answered rightly when right(i, repeat) says so."""
    prepared = load(data, "test")
    plan = {
        "benchmark": "sgg_anatomy_mini", "style": style, "images": "real", "split": "test", "seed": seed,
        "questions_sha256": prepared.manifest["questions_sha256"], "limit": None, "weights": weights,
        "decoding": DECODING,
    }  # fmt: skip
    rest = {name: value for name, value in DECODING.items() if name not in ("temperature", "max_new_tokens")}
    with ResponseLog(path) as log:
        for index, question in enumerate(prepared.questions):
            for decoding, repeat in [*(("sample", r) for r in range(5)), ("greedy", 0)]:
                sampling = {**rest, **Sampling(decoding, float(decoding == "sample"), 8).as_dict()}
                letter = question.letter if right(index, repeat) else "ABCD"["BCDA".index(question.letter)]
                key = ResponseKey(
                    "sgg_anatomy_mini", question.id, repeat, decoding, f"prompt {index}", "", weights,
                    json.dumps(sampling, sort_keys=True), seed,
                )  # fmt: skip
                log.add([Response(key, f"<answer> {letter} </answer>", "stop", style=style)])
        return log.add_run(plan)
