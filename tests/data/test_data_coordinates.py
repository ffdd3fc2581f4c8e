"""The coordinate column gives the answer's place away: it never reaches a prompt, a rationale or any other field."""

import re
import tempfile
from dataclasses import astuple
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from anatomy_r1.data.prepare.options import SggOptions
from anatomy_r1.data.prepare.sgg import prepare
from anatomy_r1.data.prepared import load
from anatomy_r1.data.stems import PLACES, SIX
from anatomy_r1.prompts import WORDINGS, render

NUMBER = st.floats(-999, 999, allow_nan=False).map(lambda x: round(x, 3)) | st.integers(-999, 999)
PAIR = st.tuples(NUMBER, NUMBER)


@st.composite
def line(draw):
    """A question line in any of the forms; those with coordinates carry three decimals or a large integer."""
    place, label = draw(st.sampled_from(PLACES)), draw(st.sampled_from(SIX))
    where = f"What anatomy is at the {place} of the frame ?"
    x, y = draw(PAIR)
    gap = draw(st.sampled_from(["", " ", "  "]))
    return draw(
        st.sampled_from(
            [
                f"{where}|{label}|[{x},{gap}{y}]",
                f"{where} |{label}|{gap}[ {x}, {y} ]",
                f"{where}|{label}",
                f"{where}||[{x}, {y}]",
                f"What is the {place} anatomy?|{label}|zero_hop.json|query_component|NA",
                f"{where} [{x}, {y}]|{label}",
                f"{where}|{label} [{x}, {y}]",
                f"{where}|{label}|[{x}, {y}]|extra|columns",
            ]
        )
    )


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(line(), min_size=1, max_size=12))
def test_no_coordinate_reaches_a_prompt(sgg, lines):
    good = "What anatomy is at the center of the frame ?|gut|[157.25, 60.125]\n"
    with tempfile.TemporaryDirectory() as folder:
        root = sgg({"VID01": {1: good, 2: "\n".join(lines)}, "VID70": {0: good}}, root=Path(folder) / "data")
        out = Path(folder) / "out"
        prepare(SggOptions(root=root, out=out, split="unused", train=50, test=50, skip_bad=True))
        questions = load(out).questions
        assert len(questions) >= 2
        for q in questions:
            shown = [render(q, style, wording) for style in ("think", "direct") for wording in WORDINGS]
            assert not any("[" in text or re.search(r"\d\s*,\s*-?\d|\d\.\d", text) for text in [*shown, q.rationale])
            assert not any("[" in str(value) for value in astuple(q))
            assert re.fullmatch(r"[\w /:.,?-]*", q.stem + q.rationale)
