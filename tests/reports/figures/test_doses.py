"""The figure of doses: where its points and bars are, and when there is none."""

import pytest

from reports.figures import doses
from reports.tables.calibration import responses
from tests.comparison.test_calibration import cells

STRONG = {"grpo": 0.4, "grpo-asc": 0.8, "grpo-gdqa": 0.4}


def dosed(*seeds):
    """Likeness 0 and 2, and peak 1; ASC gains at likeness 2 alone, and GRPO has fallen at peak 1."""
    flat, low = {**STRONG, "grpo-asc": 0.4}, dict.fromkeys(STRONG, 0.2)
    made = [
        *cells(STRONG, dose={"likeness": 2.0}, model="mini-l-likeness-2"),
        *cells(flat, dose={"likeness": 0.0}, model="mini-l-likeness-0"),
        *cells(low, dose={"peak": 1.0}, model="mini-l-peak-1"),
    ]
    return [one for one in made if not seeds or one.seed in seeds]


def lines(axes, **wanted):
    """Its lines, as lists of points, that have these properties."""
    found = [one for one in axes.lines if all(getattr(one, f"get_{name}")() == value for name, value in wanted.items())]
    return [list(zip(*one.get_data(), strict=True)) for one in found]


def test_each_mechanism_has_its_doses_from_none_on():
    figure = doses.draw(responses(dosed()))
    above, below = figure.axes[:2], figure.axes[2:]
    assert [axes.get_title("left") for axes in above] == ["a  likeness", "b  peak"]
    assert [axes.get_xlabel() for axes in below] == ["dose of likeness", "dose of peak"]
    assert [[tick.get_text() for tick in axes.get_xticklabels()] for axes in below] == [["0", "2"], ["0", "1"]]


def test_points_are_the_gains_and_bars_their_intervals():
    found = {tuple(one.dose): one for one in responses(dosed())}
    figure = doses.draw(list(found.values()))
    asc = figure.axes[0].lines
    style = doses.STYLES["grpo-asc"]
    (points,) = lines(figure.axes[0], color=style.color, marker=style.marker)
    wanted = [found[key].gains["grpo-asc"] for key in ((), ("likeness",))]
    assert [y for _, y in points] == pytest.approx([100 * one.difference("avg@5").interval.mean for one in wanted])
    assert points[1][1] > 30 > 10 > abs(points[0][1])
    bars = lines(figure.axes[0], color=style.color, linewidth=doses.THICK)
    assert [y for _, y in bars[1]] == pytest.approx(
        [
            100 * bound
            for bound in (wanted[1].difference("avg@5").interval.low, wanted[1].difference("avg@5").interval.high)
        ]
    )
    thin = lines(figure.axes[0], color=style.color, linewidth=doses.THIN)
    assert [y for _, y in thin[1]] == pytest.approx([100 * wanted[1].retrained.low, 100 * wanted[1].retrained.high])
    assert len(asc) == 1 + 2 * (2 * 2 + 1)  # zero; two methods: two doses with two bars each, and a line


def test_one_seed_has_no_interval_of_the_method():
    figure = doses.draw(responses(dosed(0)))
    assert not lines(figure.axes[0], linewidth=doses.THIN)
    assert lines(figure.axes[0], linewidth=doses.THICK)


def test_below_is_what_grpo_scores():
    of = [one for one in responses(dosed()) if "likeness" not in one.dose]
    figure = doses.draw(responses(dosed()))
    (points,) = lines(figure.axes[3], marker=doses.STYLES["grpo"].marker)
    assert [y for _, y in points] == pytest.approx([100 * one.grpo.mean for one in of])
    assert points[0][1] > points[1][1]


def test_the_same_results_give_the_same_bytes_and_without_a_dose_there_is_no_figure():
    first, second = (doses.figure_files(dosed()) for _ in range(2))
    assert first == second and first.keys() == {"doses.pdf", "doses.svg", "doses.png"}
    assert doses.figure_files([*cells()]) == {}
    assert doses.figure_files([*cells(STRONG, dose={"likeness": 0.0}, model="mini-l-likeness-0")]) == {}
    without = [one for one in dosed() if one.method != "grpo"]
    assert doses.figure_files(without) == {}
