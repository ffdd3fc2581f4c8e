"""A corpus of hostile outputs with both extractors' verdicts, each decided by hand (`hostile_outputs.json`).

An output is a text, or [text, part, n]: the text followed by n copies of the part. Each case says why its verdicts are
right.
"""

import json
from pathlib import Path

import pytest

from anatomy_r1.scoring.lenient import LENIENT_PARSED, LenientAnswer, extract_lenient
from anatomy_r1.scoring.strict import PARSED, Answer, extract

CASES = json.loads(Path(__file__).with_name("hostile_outputs.json").read_text(encoding="ascii"))


def text_of(output, times=None):
    """The full output, or one with another number of copies of its part."""
    return output if isinstance(output, str) else output[0] + output[1] * (output[2] if times is None else times)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_verdicts(case):
    text, options = text_of(case["output"]), case["options"]
    assert extract(text, options) == Answer(*case["strict"])
    assert extract_lenient(text, options) == LenientAnswer(*case["lenient"])


def test_the_corpus_is_consistent():
    """At least 150 cases; each has a unique name and a reason, and its choice is among the options."""
    assert len(CASES) >= 150
    assert len({case["name"] for case in CASES}) == len({str((case["output"], case["options"])) for case in CASES})
    assert len({case["name"] for case in CASES}) == len(CASES)
    for case in CASES:
        letters = "ABCDEFGH"[: len(case["options"])]
        for choice, reason, read in ((*case["strict"], PARSED), (*case["lenient"], LENIENT_PARSED)):
            assert (choice is not None) == (reason in read), case["name"]
            assert choice is None or choice in letters, case["name"]
        assert case["why"]


def test_every_reason_of_either_extractor_has_a_case():
    from typing import get_args

    from anatomy_r1.scoring.lenient import LenientReason
    from anatomy_r1.scoring.strict import Reason

    assert {case["strict"][1] for case in CASES} == set(get_args(Reason))
    assert {case["lenient"][1] for case in CASES} == set(get_args(LenientReason))


def test_the_lenient_extractor_agrees_where_the_strict_one_reads_an_answer():
    parsed = [case for case in CASES if case["strict"][0]]
    assert len(parsed) > 30
    assert all(case["lenient"] == [case["strict"][0], "strict"] for case in parsed)
