"""Made-up responses, and logs of them."""

import dataclasses

from anatomy_r1.response_log.log import ResponseLog, merge, salvage
from anatomy_r1.response_log.response import Response, ResponseKey

MAKERS = {"salvage": salvage, "merge": lambda log, new: merge([log], new)}
"""What makes a new log of one."""


def responses(count):
    key = ResponseKey("b", "", 0, "sample", "p" * 16, "i" * 32, "weights", '{"temperature": 1.0}', 0)
    return [
        Response(
            dataclasses.replace(key, question_id=f"VID/{number}"), f"<think> {number} </think> B", "stop", 90, 9, 0.1
        )
        for number in range(count)
    ]


def read(path):
    with ResponseLog(path, read_only=True) as log:
        return list(log.rows()), log.runs()
