"""The groups of Figure 2: equal texts once, and texts that try something are shown and do nothing."""

import csv
import io
import json
from dataclasses import replace

import pytest
from matplotlib.text import Text
from PIL import Image

from anatomy_r1.bases import RunKey
from anatomy_r1.training.curves import SampleGroup
from reports.figures import figure2_samples
from reports.figures.draw import rendered
from reports.figures.figure2_samples import visible
from reports.figures.points import Scope
from tests.helpers.made_curves import SCOPE, sample, training


def test_a_hostile_text_is_shown_and_does_nothing():
    figure = figure2_samples.figure([sample()], {})
    shown = "\n".join(text.get_text() for text in figure.findobj(Text))
    assert "\\u202e" in shown
    assert "\\x1b" not in shown
    assert "\\u001b" in shown
    assert "$\\\\frac{1}{0}$" in shown
    assert not set(shown) & set("\x1b\x07\u202e\u05d0\u0627\ue000\t")
    assert "..." in shown
    made = rendered(lambda: figure2_samples.figure([sample()], {}))
    assert b"<script" not in made["svg"]


def test_equal_texts_are_one_line_with_their_number():
    uniform = SampleGroup(1, 0, "Gut", "q", "Question: which ?", ("same",) * 8, ("A",) * 8, (False,) * 8)
    figure = figure2_samples.figure([uniform], {})
    shown = [text.get_text() for text in figure.findobj(Text)]
    assert "8\N{MULTIPLICATION SIGN} A ✗ same" in shown
    assert "Step 1, Gut: 0 of 8 right" in shown


def test_a_group_stands_beside_its_saved_picture_and_a_real_or_outside_one_is_never_drawn(tmp_path):
    saved = tmp_path / "pictures" / SCOPE.benchmark / "q.png"
    saved.parent.mkdir(parents=True)
    Image.new("RGB", (8, 8), (200, 0, 0)).save(saved)
    Image.new("RGB", (8, 8)).save(tmp_path / "outside.png")
    shown = figure2_samples.pictures([sample()], SCOPE, tmp_path)
    assert shown["q"].getpixel((0, 0)) == (200, 0, 0)
    assert len(figure2_samples.figure([sample()], shown).axes) == 1
    assert "Without their pictures" not in figure2_samples.caption(RunKey("", 0), SCOPE, len(shown))
    assert figure2_samples.pictures([sample()], Scope("sgg_anatomy", "mini-l"), tmp_path) == {}
    climbing = replace(sample(), question_id="../../outside")
    assert figure2_samples.pictures([climbing], SCOPE, tmp_path) == {}
    assert "Without their pictures" in figure2_samples.caption(RunKey("", 0), SCOPE, 0)


def test_the_caption_names_the_training_and_its_base():
    runs = [replace(training(seed=seed, samples=(sample(),)), base=base) for base in ("b-2", "b-1") for seed in (1, 0)]
    run, groups = figure2_samples.samples(runs, SCOPE)
    assert run == RunKey("b-1", 0) and len(groups) == 1
    assert "GRPO, seed 0 of base b-1." in figure2_samples.caption(run, SCOPE, 1)
    assert "GRPO, seed 0." in figure2_samples.caption(RunKey("", 0), SCOPE, 1)


def test_the_csv_of_samples_holds_texts_that_no_spreadsheet_runs():
    table = figure2_samples.table([sample("=1+1")])
    (first, *_) = csv.DictReader(io.StringIO(table.to_csv(index=False)))
    assert first["completion"] == '"=1+1"'
    assert json.loads(first["completion"]) == "=1+1"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, Größe", "plain, Größe"),
        ("a\nb\tc", r"a\nb\tc"),
        ("back\\slash", r"back\\slash"),
        ("\u202e", r"\u202e"),
        ("\u05d0", r"\u05d0"),
        ("\U0001f600\u4e00", r"\U0001f600\u4e00"),
        ("e\u0301", r"e\u0301"),
        ("\u00a0", r"\u00a0"),
    ],
    ids=[
        "as it is",
        "line breaks",
        "backslash",
        "override",
        "Hebrew",
        "not in the font",
        "combining",
        "a blank like any",
    ],
)
def test_visible(text, shown):
    assert visible(text) == shown
