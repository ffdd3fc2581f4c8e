"""Figures: what is drawn is what the CSV has, nothing is too small, the same bytes twice, and the files."""

import io
import re
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.text import Text

from anatomy_r1.training.curves import load_curves, save_curves
from reports.figures import draw as panels
from reports.figures.draw import SETTINGS, SMALL, STYLES, rendered, settle
from reports.figures.figures import CURVE_FIGURES, data_files, drawings, figure_files
from reports.figures.points import POOLED, groups_frame
from tests.helpers.made_curves import SCOPE, sample, training

MINI = Path(__file__).resolve().parents[3] / "results" / "mini"


@pytest.fixture
def frame():
    trainings = [
        training(method, seed, [((step * (seed + 2)) % 5) / 4 for step in range(80)], anatomy=["Gut", "Liver"] * 40)
        for method in ("grpo", "grpo-asc", "grpo-gdqa")
        for seed in (0, 1, 2)
    ]
    return groups_frame(trainings)


@pytest.mark.parametrize("module", [CURVE_FIGURES[f"figure{n}"] for n in (1, 5, 6)], ids=["1", "5", "6"])
def test_what_is_drawn_is_what_the_csv_has(frame, module):
    table = pd.read_csv(io.StringIO(module.table(frame, SCOPE, "kilotokens").to_csv(index=False)), dtype={"seed": str})
    figure = module.figure(frame, SCOPE, "kilotokens")
    lines = [line for axes in figure.findobj(panels.Axes) for line in axes.get_lines()]
    for gid, rows in ((panels.MEAN, table[table["seed"] == POOLED]), (panels.SEED, table[table["seed"] != POOLED])):
        drawn = sorted(line.get_xydata().tolist() for line in lines if line.get_gid() == gid)
        listed = sorted(part[["x", "value"]].values.tolist() for _, part in rows.groupby(["panel", "series", "seed"]))
        assert drawn == listed
    assert not [band for axes in figure.findobj(panels.Axes) for band in axes.collections]  # seeds, so no band


def test_every_figure_by_anatomy_has_its_panels_in_one_order_all_first(frame):
    for name in ("figure1", "figure6"):
        figure = CURVE_FIGURES[name].figure(frame, SCOPE, "kilotokens")
        titles = [axes.get_title(loc="left") for axes in figure.axes if axes.get_visible()]
        assert titles == ["a  All anatomies", "b  Gut", "c  Liver"]


def test_the_pooled_panel_is_the_mean_over_all_groups(frame):
    table = CURVE_FIGURES["figure1"].table(frame, SCOPE, "kilotokens")
    whole = table[(table["panel"] == "All anatomies") & (table["seed"] == POOLED)]
    grpo = frame[frame["method"] == "grpo"]
    assert (whole["value"] * whole["groups"]).sum() / whole["groups"].sum() == pytest.approx(grpo["accuracy"].mean())


def test_accuracies_have_a_line_at_chance_and_shares_have_none(frame):
    def lines(name):
        figure = CURVE_FIGURES[name].figure(frame, SCOPE, "kilotokens")
        found = [line for axes in figure.axes for line in axes.get_lines() if line.get_gid() == panels.CHANCE]
        return [line.get_ydata()[0] for line in found]

    assert lines("figure1") == [0.25] * 3 and lines("figure5") == [0.25] and lines("figure6") == []


def test_the_caption_is_a_file_and_not_in_the_drawing(frame):
    figure = CURVE_FIGURES["figure1"].figure(frame, SCOPE, "kilotokens")
    told = CURVE_FIGURES["figure1"].caption(frame, SCOPE, "kilotokens")
    assert "3 seeds" in told and "says nothing about Qwen2.5-VL" in told
    assert not [text for text in figure.findobj(Text) if "seeds" in text.get_text()]


def test_a_caption_tells_runs_of_several_bases_from_seeds():
    runs = [replace(training(seed=seed), base=f"b-{base}") for base in (1, 2) for seed in (0, 1)]
    told = CURVE_FIGURES["training_curves"].caption(groups_frame(runs), SCOPE, "kilotokens")
    assert "4 runs of 2 bases" in told and "thin: single runs" in told and "seed" not in told


def test_nothing_is_smaller_than_seven_points_or_outside_its_column(frame):
    import matplotlib as mpl

    with mpl.rc_context(dict(SETTINGS)):
        figures = [
            module.figure(frame, SCOPE, "kilotokens") for module in (CURVE_FIGURES[f"figure{n}"] for n in (1, 5, 6))
        ]
        for figure in figures:
            settle(figure)
            texts = [text for text in figure.findobj(Text) if text.get_text().strip() and text.get_visible()]
            assert min(text.get_fontsize() for text in texts) >= SMALL
            inked = figure.get_tightbbox(FigureCanvasAgg(figure).get_renderer())
            width, height = figure.get_size_inches()
            assert (inked.x0 >= 0, inked.y0 >= 0, inked.x1 <= width, inked.y1 <= height) == (True,) * 4
            assert width == pytest.approx(3.3)


def test_lines_are_told_apart_without_colour():
    styles = list(STYLES.values())
    assert len({style.marker for style in styles}) == len({style.color for style in styles}) == len(styles)
    okabe_ito = {"#000000", "#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7"}
    assert {to_hex(style.color) for style in styles} <= okabe_ito


@pytest.mark.slow
def test_the_same_points_give_the_same_bytes_whatever_was_drawn_before(frame):
    import matplotlib as mpl

    first = rendered(lambda: CURVE_FIGURES["figure5"].figure(frame, SCOPE, "kilotokens"))
    with mpl.rc_context({"font.size": 30, "lines.linewidth": 9}):
        again = rendered(lambda: CURVE_FIGURES["figure5"].figure(frame, SCOPE, "kilotokens"))
    assert first == again
    assert {suffix: content[:4] for suffix, content in first.items()} == {
        "pdf": b"%PDF",
        "svg": b"<?xm",
        "png": b"\x89PNG",
    }
    assert b"CreationDate" not in first["pdf"]
    assert not re.search(rb"\d{4}-\d\d-\d\dT", first["svg"])


def test_a_store_with_one_method_gives_the_figures_that_it_can():
    curves = [training("gpg", accuracies=[0.5] * 30)]
    assert {drawing.name for drawing in drawings(curves)} == {"training_curves"}
    assert {drawing.name for drawing in drawings(curves, seconds=True)} == {
        "training_curves",
        "training_curves_seconds",
    }


def test_figures_that_are_no_longer_drawn_are_removed_and_no_other_file(tmp_path, capsys, monkeypatch):
    from reports.__main__ import main

    monkeypatch.setattr("reports.figures.figures.rendered", lambda _: {"svg": b"<svg/>"})
    save_curves(tmp_path / "curves", training("grpo"))
    out = tmp_path / "out"
    out.mkdir()
    for name in ("figure5.svg", "figure5.csv", "figure1_seconds.png", "figure9.svg", "notes.txt"):
        (out / name).write_text("old")
    (tmp_path / "results").mkdir()
    assert main(["figures", "--store", str(tmp_path / "results"), "--out", str(out)]) == 0
    assert "Removed, since this call did not make them: figure1_seconds.png" in capsys.readouterr().out
    assert (out / "figure9.svg").exists() and (out / "notes.txt").exists() and (out / "figure1.svg").exists()
    assert not (out / "figure1_seconds.png").exists()
    assert (out / "figure5.csv").read_text() != "old", "GRPO alone is drawn in Figure 5 as well"


def test_the_csv_of_a_figure_holds_names_that_no_spreadsheet_runs():
    curves = [training("grpo", anatomy="=1+1")]
    made = data_files(curves, drawings(curves))
    assert b"'=1+1," in made["figure1.csv"] and b"\n=1+1" not in made["figure1.csv"]


def test_no_curves_says_what_to_do(tmp_path, capsys):
    from reports.__main__ import main

    assert main(["figures", "--store", str(tmp_path), "--out", str(tmp_path / "out")]) == 2
    assert "tox -e reproduce-figures" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_the_command_finds_curves_beside_a_store_and_writes_all_files(tmp_path, capsys):
    from reports.__main__ import main

    save_curves(tmp_path / "curves", training(samples=(sample(),)))
    (tmp_path / "results").mkdir()
    assert main(["figures", "--store", str(tmp_path / "results"), "--out", str(tmp_path / "out")]) == 0
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == set(figure_files(tmp_path))
    assert {f"figure1.{suffix}" for suffix in ("pdf", "svg", "png", "csv", "txt")} <= names
    assert not [name for name in names if "seconds" in name]
    assert {"figure2_samples.png", "figure_statements.csv", "figure_statements.json"} <= names


@pytest.mark.slow
def test_the_committed_curves_give_the_committed_data_and_statements():
    curves = load_curves(MINI / "curves")
    made = data_files(curves, drawings(curves, pictures=MINI))
    kept = {path.name for suffix in ("csv", "txt") for path in (MINI / "figures").glob(f"*.{suffix}")}
    assert set(made) == kept | {"figure_statements.json"}
    changed = [name for name, content in made.items() if (MINI / "figures" / name).read_bytes() != content]
    assert not changed


@pytest.mark.slow
def test_the_committed_curves_give_the_committed_drawings():
    for drawing in drawings(load_curves(MINI / "curves"), pictures=MINI):
        assert rendered(drawing.draw)["svg"] == (MINI / "figures" / f"{drawing.name}.svg").read_bytes(), drawing.name
