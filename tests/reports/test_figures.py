"""Figures: points by hand, what is drawn is what the CSV has, the same bytes twice, and texts that try something."""

import csv
import io
import json
import re
from pathlib import Path

import pandas as pd
import pytest
from made_curves import training
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex

from anatomy_r1.curves import load_curves, save_curves
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.group_samples import SampleGroup
from reports.figures import figure1, figure2_samples, figure5, figure6, panels
from reports.figures.frame import groups_frame
from reports.figures.look import LOOKS, SETTINGS, SMALL
from reports.figures.points import FEWEST_GROUPS, POOLED, points
from reports.figures.save import rendered, settle
from reports.figures.scope import Scope, chosen
from reports.figures.visible import visible
from reports.figures.write import data_files, drawings, figure_files

SCOPE = Scope("sgg_anatomy_mini", "mini-l")
MINI = Path(__file__).resolve().parents[2] / "results" / "mini"
HOSTILE = (
    "$\\frac{1}{0}$ <script>alert(1)</script> \x1b[31mred\x07 \u202eabc\u202c \u05d0\u05d1 \u0627 \ue000 "
    "=cmd|' /C calc'!A0 --> ]]> \n\t " + "long " * 400
)


def test_points_by_hand():
    """Two seeds of 40 groups, one a step: two bins of 20 steps, each with 40 groups."""
    first, second = [0.0] * 20 + [1.0] * 20, [0.5] * 20 + [0.75] * 20
    frame = groups_frame([training(seed=0, accuracies=first), training(seed=1, accuracies=second)])
    found = points(frame, "accuracy", panel=["anatomy"], axis="kilotokens")
    pooled = found[found["seed"] == POOLED]
    bins = len(pooled)
    assert bins == 4  # 80 groups over FEWEST_GROUPS = 20
    assert pooled["groups"].tolist() == [20] * 4
    assert pooled["value"].tolist() == [0.25, 0.25, 0.875, 0.875]
    assert pooled["low"].tolist() == [0.0, 0.0, 0.75, 0.75]
    assert pooled["high"].tolist() == [0.5, 0.5, 1.0, 1.0]
    assert pooled["x"].tolist() == [5.5, 15.5, 25.5, 35.5]  # mean of 1 to 10 thousand tokens, and so on
    assert pooled[["first_step", "last_step"]].values.tolist() == [[1, 10], [11, 20], [21, 30], [31, 40]]
    seconds = points(frame, "accuracy", panel=["anatomy"], axis="seconds")
    assert seconds[seconds["seed"] == POOLED]["x"].tolist() == [11.0, 31.0, 51.0, 71.0]


def test_a_mean_over_seeds_weighs_groups_alike():
    uneven = [training(seed=0, accuracies=[1.0, 1.0, 1.0], steps=[1, 1, 1]), training(seed=1, accuracies=[0.0])]
    (row,) = points(groups_frame(uneven), "accuracy", panel=[], axis="kilotokens").query("seed == 'all'").itertuples()
    assert (row.value, row.low, row.high, row.groups) == (0.75, 0.0, 1.0, 4)


def test_bins_are_shared_and_stand_on_enough_groups_in_the_poorest_panel():
    many, few = training(accuracies=[0.5] * 400), training("grpo-gdqa", accuracies=[0.5] * 45)
    found = points(groups_frame([many, few]), "accuracy", panel=["anatomy"], axis="kilotokens").query("seed == 'all'")
    assert found.groupby("series").size().tolist() == [2, 2]
    assert found["groups"].min() >= FEWEST_GROUPS


def test_too_few_groups_for_the_rule_make_one_point():
    found = points(groups_frame([training(accuracies=[0.0, 1.0])]), "accuracy", panel=[], axis="kilotokens")
    assert found.query("seed == 'all'")[["value", "groups"]].values.tolist() == [[0.5, 2]]


def test_only_the_own_budget_and_own_questions_count_but_further_draws_cost():
    one = training(accuracies=[1.0, 0.0, 0.0], steps=[1, 1, 2], own=1, draw=[0, 1, 0])
    frame = groups_frame([one])
    assert frame["accuracy"].tolist() == [1.0]
    assert frame["kilotokens"].tolist() == [2.0]


def test_curves_of_two_profiles_or_of_one_training_twice_or_none_are_refused():
    import dataclasses

    one = training()
    for wrong in ([], [one, one], [one, dataclasses.replace(one, profile="smoke", seed=1)]):
        with pytest.raises(AnatomyR1Error):
            groups_frame(wrong)
    with pytest.raises(AnatomyR1Error, match="there are: sgg_anatomy_mini mini-l"):
        chosen(groups_frame([one]), "omnimed_mi", None)


@pytest.fixture
def frame():
    trainings = [
        training(method, seed, [((step * (seed + 2)) % 5) / 4 for step in range(80)], anatomy=["Gut", "Liver"] * 40)
        for method in ("grpo", "grpo-asc", "grpo-gdqa")
        for seed in (0, 1, 2)
    ]
    return groups_frame(trainings)


@pytest.mark.parametrize("module", [figure1, figure5, figure6], ids=["1", "5", "6"])
def test_what_is_drawn_is_what_the_csv_has(frame, module):
    table = pd.read_csv(io.StringIO(module.table(frame, SCOPE, "kilotokens").to_csv(index=False)), dtype={"seed": str})
    figure = module.figure(frame, SCOPE, "kilotokens")
    lines = [line for axes in figure.findobj(panels.Axes) for line in axes.get_lines()]
    for gid, rows in ((panels.MEAN, table[table["seed"] == POOLED]), (panels.SEED, table[table["seed"] != POOLED])):
        drawn = sorted(line.get_xydata().tolist() for line in lines if line.get_gid() == gid)
        listed = sorted(part[["x", "value"]].values.tolist() for _, part in rows.groupby(["panel", "series", "seed"]))
        assert drawn == listed
    bands = [band for axes in figure.findobj(panels.Axes) for band in axes.collections]
    edges = {tuple(edge) for band in bands for edge in band.get_paths()[0].vertices.tolist()}
    pooled = table[table["seed"] == POOLED]
    assert edges >= set(zip(pooled["x"], pooled["low"], strict=True))
    assert edges >= set(zip(pooled["x"], pooled["high"], strict=True))


def test_nothing_is_smaller_than_seven_points_or_outside_its_column(frame):
    import matplotlib as mpl

    with mpl.rc_context(dict(SETTINGS)):
        figures = [module.figure(frame, SCOPE, "kilotokens") for module in (figure1, figure5, figure6)]
        for figure in figures:
            settle(figure)
            texts = [text for text in figure.findobj(panels_text()) if text.get_text().strip() and text.get_visible()]
            assert min(text.get_fontsize() for text in texts) >= SMALL
            inked = figure.get_tightbbox(FigureCanvasAgg(figure).get_renderer())
            width, height = figure.get_size_inches()
            assert (inked.x0 >= 0, inked.y0 >= 0, inked.x1 <= width, inked.y1 <= height) == (True,) * 4
            assert width == pytest.approx(3.3)


def panels_text():
    from matplotlib.text import Text

    return Text


def test_lines_are_told_apart_without_colour():
    looks = list(LOOKS.values())
    assert len({look.marker for look in looks}) == len({look.colour for look in looks}) == len(looks)
    okabe_ito = {"#000000", "#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7"}
    assert {to_hex(look.colour) for look in looks} <= okabe_ito


def test_the_same_points_give_the_same_bytes_whatever_was_drawn_before(frame):
    import matplotlib as mpl

    first = rendered(lambda: figure5.figure(frame, SCOPE, "kilotokens"))
    with mpl.rc_context({"font.size": 30, "lines.linewidth": 9}):
        again = rendered(lambda: figure5.figure(frame, SCOPE, "kilotokens"))
    assert first == again
    assert {suffix: content[:4] for suffix, content in first.items()} == {
        "pdf": b"%PDF",
        "svg": b"<?xm",
        "png": b"\x89PNG",
    }
    assert b"CreationDate" not in first["pdf"]
    assert not re.search(rb"\d{4}-\d\d-\d\dT", first["svg"])


def sample(text=HOSTILE, step=1, choice="B"):
    completions = (text, "plain", "plain")
    return SampleGroup(
        step, 0, "Gut $x$", "q", f"Ask\nQuestion:\n{text}", completions, (choice, None, "A"), (False,) * 3
    )


def test_a_hostile_text_is_shown_and_does_nothing():
    figure = figure2_samples.figure([sample()], 0, SCOPE)
    shown = "\n".join(text.get_text() for text in figure.findobj(panels_text()))
    assert "\\u202e" in shown
    assert "\\x1b" not in shown
    assert "\\u001b" in shown
    assert "$\\\\frac{1}{0}$" in shown
    assert not set(shown) & set("\x1b\x07\u202e\u05d0\u0627\ue000\t")
    assert "..." in shown
    made = rendered(lambda: figure2_samples.figure([sample()], 0, SCOPE))
    assert b"<script" not in made["svg"]


def test_equal_texts_are_one_line_with_their_number():
    uniform = SampleGroup(1, 0, "Gut", "q", "Question: which ?", ("same",) * 8, ("A",) * 8, (False,) * 8)
    figure = figure2_samples.figure([uniform], 0, SCOPE)
    shown = [text.get_text() for text in figure.findobj(panels_text())]
    assert "8\N{MULTIPLICATION SIGN} A ✗ same" in shown
    assert "Step 1, Gut: 0 of 8 right" in shown


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


def test_a_store_with_one_method_gives_the_figures_that_it_can():
    names = {drawing.name for drawing in drawings([training("gpg", accuracies=[0.5] * 30)])}
    assert names == {"training_curves", "training_curves_seconds"}


def test_no_curves_says_what_to_do(tmp_path, capsys):
    from reports.__main__ import main

    assert main(["figures", "--store", str(tmp_path), "--out", str(tmp_path / "out")]) == 2
    assert "tox -e reproduce-figures" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_command_finds_curves_beside_a_store_and_writes_all_files(tmp_path, capsys):
    from reports.__main__ import main

    save_curves(tmp_path / "curves", training(samples=(sample(),)))
    (tmp_path / "results").mkdir()
    assert main(["figures", "--store", str(tmp_path / "results"), "--out", str(tmp_path / "out")]) == 0
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == set(figure_files(tmp_path))
    assert {"figure1.pdf", "figure1.svg", "figure1.png", "figure1.csv", "figure1_seconds.svg"} <= names
    assert {"figure2_samples.png", "figure_statements.csv", "figure_statements.json"} <= names


def test_the_committed_curves_give_the_committed_data_and_statements():
    made = data_files(load_curves(MINI / "curves"))
    assert set(made) == {path.name for path in (MINI / "figures").glob("*.csv")} | {"figure_statements.json"}
    changed = [name for name, content in made.items() if (MINI / "figures" / name).read_bytes() != content]
    assert not changed


@pytest.mark.slow
def test_the_committed_curves_give_the_committed_drawings():
    for drawing in drawings(load_curves(MINI / "curves")):
        assert rendered(drawing.draw)["svg"] == (MINI / "figures" / f"{drawing.name}.svg").read_bytes(), drawing.name
