"""A corpus of hostile outputs with both extractors' verdicts, each decided by hand (`hostile_outputs.json`).

An output is a text, or [text, part, n]: the text followed by n copies of the part. Each case says why its verdicts are
right. Where the strict verdict was changed on purpose, `before` has the former one and `kind` says why: 1, a text that
begins inside its reasoning; 3, a tag that reasoning only mentions; 23, one closed pair at the very end; "spelling",
Unicode's other spelling of an option; "two readings", the letter of one option and the text of another.
"""

import hashlib
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


TWO_READINGS = "option texts that are letters"
CHANGED = {
    **dict.fromkeys(["think opened by the prompt", "answer before a lone closing think", "answer closed by think"], 1),
    **dict.fromkeys(["think opened twice, closed once", "answer inside think", "answer planted in think"], 3),
    "answer inside think, then outside": 3,
    **dict.fromkeys(["nested think", "second think", "think closed twice", "text before think"], 23),
    **dict.fromkeys(["think never closed, answer at the end", "think opened twice, never closed"], 23),
    **dict.fromkeys(["text between think and answer", "another answer before the tag"], 23),
    "zero-width space in a closing think": 23,
    "umlaut taken apart": "spelling",
    TWO_READINGS: "two readings",
}
"""Name of a case -> the kind for which its strict verdict was changed."""

FORMER_VERDICTS = "c4cffbccdc259433b166cb422eba1550d205ee7c74bec1623dcdf0b6a69bff27"
"""SHA-256 of the strict verdicts before these changes: name, output and verdict of the first 373 cases, as JSON."""


def test_case_01_03_23_the_strict_verdicts_are_the_former_ones_but_for_these_kinds():
    """No other reason was changed. A choice was taken back where it has two readings; none became another one."""
    assert {case["name"]: case["kind"] for case in CASES if "before" in case} == CHANGED
    changed = [case for case in CASES if "before" in case]
    assert all(case["before"] != case["strict"] for case in changed)
    taken_back = {case["name"] for case in changed if case["before"][0] is not None}
    assert taken_back == {TWO_READINGS}
    assert all(case["strict"][0] is None for case in changed if case["name"] in taken_back)
    former = [[case["name"], case["output"], case.get("before", case["strict"])] for case in CASES[:373]]
    assert hashlib.sha256(json.dumps(former).encode()).hexdigest() == FORMER_VERDICTS


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
