"""How long an answer takes: 100 kB of each hostile kind, and four times as much in about four times the time."""

import time

import pytest

from anatomy_r1.scoring.lenient import extract_lenient
from tests.scoring.test_hostile_outputs import CASES, text_of

pytestmark = pytest.mark.bench
NOISE = [case for case in CASES if not isinstance(case["output"], str)]


@pytest.mark.parametrize("case", NOISE, ids=lambda case: case["name"])
def test_a_hundred_kilobytes(benchmark, case):
    def seconds(times):  # of the processor: another process may have it
        text = text_of(case["output"], times)
        began = time.process_time()
        extract_lenient(text, case["options"])
        return time.process_time() - began

    once, four = (min(seconds(factor * case["output"][2]) for _ in range(3)) for factor in (1, 4))
    benchmark.pedantic(extract_lenient, args=(text_of(case["output"]), case["options"]), rounds=3)
    assert four < 8 * once + 0.01, "a square would be sixteen times"
