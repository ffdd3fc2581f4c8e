"""Prompts: rendering and parsing are inverse; the identity of a prompt is its text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anatomy_r1.prompts import WORDINGS, messages, parse, prompt_hash, render, render_text
from anatomy_r1.question import Question

LINE = st.text(alphabet=st.characters(blacklist_categories=("Cs",), blacklist_characters="\n"), min_size=1, max_size=30)


@given(
    stem=LINE,
    options=st.lists(LINE, min_size=2, max_size=8, unique=True),
    style=st.sampled_from(["think", "direct"]),
    wording=st.sampled_from(sorted(WORDINGS)),
)
def test_parse_inverts_render(stem, options, style, wording):
    text = render_text(stem, options, style, wording)
    parsed = parse("<image>" + text)
    assert (parsed.stem, parsed.options, parsed.style) == (stem, tuple(options), style)
    assert render_text(parsed.stem, parsed.options, parsed.style, parsed.wording) == text


def test_parse_refuses_what_it_does_not_know():
    with pytest.raises(ValueError, match="not a known prompt wording"):
        parse("What is this?")


def test_benchmarks_have_their_own_wording_and_the_image_comes_first():
    sgg = Question("1", "sgg_anatomy_mini", "What?", ("Gut", "Liver"), "Gut", "a.png", "Gut", "VID01")
    micro = Question("1", "omnimed_mi", "What?", ("Gut", "Liver"), "Gut", "a.png", "x", "a.png")
    assert "Anatomy Options:" in render(sgg, "think")
    assert "microscopy" in render(micro, "direct")
    assert "<think>" not in render(micro, "direct")
    assert [part["type"] for part in messages("x")[0]["content"]] == ["image", "text"]
    assert prompt_hash(render(sgg, "think")) != prompt_hash(render(sgg, "direct"))
