"""Digests and checksums of keys and rows must never change, or no existing log could be resumed."""

import dataclasses
import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anatomy_r1.response_log.response import Response, ResponseKey

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
WHOLE = st.integers(-(2**63), 2**63 - 1)
KEYS = st.builds(ResponseKey, TEXT, TEXT, WHOLE, TEXT, TEXT, TEXT, TEXT, TEXT, WHOLE)
RESPONSES = st.builds(Response, KEYS, TEXT, TEXT, WHOLE, WHOLE, st.floats(allow_nan=False), *[TEXT] * 7)
KEY = ResponseKey("sgg_anatomy_mini", "VID01/1/3", 0, "sample", "p", "i", "w", '{"temperature": 1.0}', 0)


@given(RESPONSES)
def test_digest_and_checksum_are_over_what_json_dumps_writes(one):
    key, row = dataclasses.astuple(one.key), [*dataclasses.astuple(one.key), *dataclasses.astuple(one)[1:]]
    assert one.key.digest == hashlib.sha256(json.dumps(key).encode()).hexdigest()[:32]
    assert one.checksum == hashlib.sha256(json.dumps(row).encode()).hexdigest()[:16]


def test_a_known_key_and_row_have_the_digest_and_checksum_of_format_4():
    one = Response(
        KEY, "naïve\n<answer> B </answer>\x00", "stop", prompt_tokens=7, tokens=3, seconds=0.5, shown="a.png"
    )
    assert KEY.digest == "bd8bcff51384a03fd91c6adf5ada1ac4"
    assert one.checksum == "a2de8cb6fe073647"


OF_ANOTHER_KIND = {"repeat": [0.0, False, "0", b"0", None], "seed": [0.0, False, "0"], "decoding": [b"sample", None]}


@pytest.mark.parametrize("name", OF_ANOTHER_KIND)
def test_a_value_of_another_kind_does_not_pass_for_the_one_that_was_written(name):
    """As a damaged row may have it: 0.0 is equal to 0, and b"0" reads alike."""
    for value in OF_ANOTHER_KIND[name]:
        other = dataclasses.replace(KEY, **{name: value})
        try:
            assert other.digest != KEY.digest, value
        except TypeError:
            assert isinstance(value, bytes) or value is None


def test_another_repeat_differs_in_nothing_else():
    assert KEY.with_repeat(3) == dataclasses.replace(KEY, repeat=3)
    assert KEY.with_repeat(3).digest == dataclasses.replace(KEY, repeat=3).digest != KEY.digest
