"""A question that contradicts itself cannot be built."""

import pytest

from anatomy_r1.question import Question

GOOD = {
    "id": "1",
    "benchmark": "sgg_anatomy",
    "stem": "What?",
    "options": ("Gut", "Liver"),
    "answer": "Liver",
    "image": "VID01/000001.png",
    "category": "Liver",
    "cluster": "VID01",
}


def test_letter():
    assert Question(**GOOD).letter == "B"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"options": ("Gut",), "answer": "Gut"}, "options"),
        ({"options": ("Gut", "Gut"), "answer": "Gut"}, "twice"),
        ({"answer": "Omentum"}, "gold answer"),
        ({"stem": "  "}, "stem"),
        ({"image": "/etc/passwd"}, "leaves the image root"),
        ({"image": "../x.png"}, "leaves the image root"),
    ],
)
def test_contradictions_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        Question(**{**GOOD, **change})
