"""The forest plot of Table 1: which rows, which numbers, and what is drawn."""

from dataclasses import replace

import pytest

from anatomy_r1.errors import AnatomyR1Error
from reports.figures.forest import draw, draw_stacked, figure_files, forest_rows, svg
from reports.scores.scores import ALL, AVG, by_key, scores
from reports.tables.further import analyses, comparisons
from tests.helpers.stores import grid, result, shares


def seeds(method, *rights, benchmark="sgg_anatomy_mini"):
    """A method under one seed for each tuple of right responses of five."""
    return [
        result(method, questions=shares(*right), benchmark=benchmark, seed=seed) for seed, right in enumerate(rights)
    ]


def three_seeds():
    grpo = seeds("grpo", (5, 0, 3, 2), (4, 1, 3, 2), (5, 1, 2, 2))
    return [*grpo, *seeds("sft", (5, 5, 3, 2), (5, 5, 4, 2), (5, 4, 4, 3)), *seeds("control-majority", (5, 0, 0, 5))]


def test_a_row_has_the_table_s_numbers():
    results = three_seeds()
    (rows,) = forest_rows(results).values()
    known = by_key(scores(results))
    assert [row.system.method for row in rows] == ["sft", "grpo", "control-majority"]
    for row in rows:
        assert row.score == known[row.system, AVG, ALL]
        assert sum(row.seeds) / len(row.seeds) == pytest.approx(row.score.percent)


def test_differences_are_against_grpo_with_both_intervals():
    (rows,) = forest_rows(three_seeds()).values()
    sft, grpo, control = rows
    assert grpo.difference is None
    assert control.difference is None
    interval, wide = sft.difference.difference(AVG).interval, sft.difference.retrained
    assert interval.mean == pytest.approx((sft.score.percent - grpo.score.percent) / 100)
    assert wide.high - wide.low > 0


def test_one_seed_has_no_interval_of_another_training():
    (rows,) = forest_rows([*seeds("grpo", (5, 0, 3)), *seeds("sft", (5, 5, 3))]).values()
    assert rows[0].difference.retrained is None
    for figure in (draw({"sgg_anatomy_mini": rows}), draw_stacked({"sgg_anatomy_mini": rows})):
        assert legend(figure) == ["score, 95 % interval", "these weights", "neither better nor worse", "chance"]


def legend(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_the_legend_names_what_is_drawn():
    everything = ["mean over seeds, 95 % interval", "one seed", "these weights", "another training"]
    everything += ["neither better nor worse", "chance"]
    assert legend(draw(forest_rows(three_seeds()))) == everything
    assert legend(draw(forest_rows(seeds("sft", (5, 5, 3))))) == ["score, 95 % interval", "chance"]


def differences(figure):
    """Whether the dot of each difference is open."""
    dots = [line for line in figure.axes[1].lines if line.get_marker() == "o"]
    return [line.get_markerfacecolor() == "white" for line in dots]


def test_a_dot_is_open_where_the_verdict_is_neither_better_nor_worse():
    (rows,) = forest_rows(three_seeds()).values()
    (one,) = [row for row in rows if row.difference]
    assert one.difference.test.verdict == "underpowered"
    better = replace(one.difference, test=replace(one.difference.test, verdict="better"))
    filled = {"sgg_anatomy_mini": [replace(one, difference=better)]}
    assert [differences(draw(of)) for of in ({"sgg_anatomy_mini": [one]}, filled)] == [[True], [False]]
    assert "neither better nor worse" not in legend(draw(filled))


def test_verdicts_allow_for_the_methods_that_are_left_out():
    results = [*three_seeds(), *seeds("grpo-asc-pool", (5, 5, 5, 5), (5, 4, 3, 2), (5, 5, 4, 4))]
    (rows,) = forest_rows(results).values()
    (_, analysis) = analyses(results)["mini-l"]
    (shown,) = [row.difference for row in rows if row.difference]
    assert len(analysis.family.pairs) == 3
    assert shown.test == next(one.test for one in analysis.comparisons if one.other.name == shown.other.name)


def test_stacked_panels_show_the_same_marks_one_above_the_other():
    rows = forest_rows(grid())
    wide, narrow = draw(rows), draw_stacked(rows)
    assert len(narrow.axes) == len(wide.axes) == 2 * len(rows)
    assert {axes.get_subplotspec().colspan.start for axes in narrow.axes} == {0}
    for one, other in zip(wide.axes, narrow.axes, strict=True):
        marks = [[list(map(list, line.get_data())) for line in axes.lines] for axes in (one, other)]
        assert marks[0] == marks[1]
    names = [[label.get_text() for label in axes.get_yticklabels()] for axes in narrow.axes]
    assert names[0] == names[1] == ["Zero-Shot", "SFT", "CoT-SFT", "GRPO"]


def test_comparisons_that_are_there_are_not_made_again(monkeypatch):
    results = three_seeds()
    known = {model: analysis for model, (_, analysis) in analyses(results).items()}
    asked = forest_rows(results)
    monkeypatch.setattr("reports.figures.forest.against_baseline", None)
    given = forest_rows(results, known=known)
    assert svg(given) == svg(asked)


def test_our_variants_are_left_out_and_a_user_s_method_is_not():
    results = [*three_seeds(), *seeds("grpo-asc-pool", (5, 5, 5, 5)), *seeds("my-method", (1, 2, 3, 4))]
    (rows,) = forest_rows(results).values()
    names = [row.system.method for row in rows]
    assert "my-method" in names
    assert "grpo-asc-pool" not in names


def test_the_larger_model_is_shown_unless_another_is_named():
    assert {row.system.model for rows in forest_rows(grid()).values() for row in rows} == {"mini-l"}
    assert {row.system.model for rows in forest_rows(grid(), "mini-s").values() for row in rows} == {"mini-s"}
    with pytest.raises(AnatomyR1Error, match="no result of mini-x"):
        forest_rows(grid(), "mini-x")


def test_a_store_without_grpo_has_scores_and_no_differences():
    (rows,) = forest_rows(seeds("sft", (5, 5, 3))).values()
    assert rows[0].difference is None


def test_two_panels_for_each_benchmark_and_a_mark_for_each_row():
    rows = forest_rows(grid())
    figure = draw(rows)
    assert len(figure.axes) == 2 * len(rows)
    names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert names == ["Zero-Shot", "SFT", "CoT-SFT", "GRPO"]


@pytest.mark.parametrize("drawn", [draw, draw_stacked])
def test_more_than_four_benchmarks_are_all_drawn(drawn):
    names = [f"own_{number}" for number in range(5)]
    results = [one for name in names for method in ("grpo", "sft") for one in seeds(method, (5, 0, 3), benchmark=name)]
    figure = drawn(forest_rows(results))
    assert [axes.get_title("left")[0] for axes in figure.axes] == list("abcdefghij")
    assert all(axes.lines for axes in figure.axes)


def test_the_same_results_give_the_same_bytes():
    files = figure_files(three_seeds())
    assert files == figure_files(three_seeds())
    assert set(files) == {"forest.pdf", "forest.svg", "forest.png"}


def test_comparisons_with_grpo_begin_with_the_model_that_readme_reports():
    assert [report.title for report in comparisons(analyses(grid()))] == [
        "Comparisons with GRPO: mini-l",
        "Comparisons with GRPO: mini-s",
    ]


def test_a_difference_far_from_the_others_is_a_number_at_the_edge():
    rights = {"grpo": (5, 5, 5, 4), "sft": (5, 5, 5, 5), "zero-shot": (1, 1, 1, 2)}
    results = [one for method, right in rights.items() for one in seeds(method, right)]
    figure = draw(forest_rows(results))
    assert [text.get_text() for text in figure.axes[1].texts] == ["\u25c2 \u221270.0"]
    assert figure.axes[1].get_xlim()[0] > -40


def test_with_several_bases_the_legend_names_runs_and_the_dot_is_the_method_s():
    rights = {"grpo": (3, 2, 3, 2), "sft": (4, 4, 3, 4)}
    results = [
        replace(one, base=f"b-{base}")
        for method, right in rights.items()
        for base in (1, 2, 3)
        for one in seeds(method, *((*right[:3], n) for n in (base, 3, 5)))
    ]
    (rows,) = forest_rows(results).values()
    assert {"mean over runs, 95 % interval", "one run", "another training and base"} <= set(legend(draw({"b": rows})))
    (one,) = [row for row in rows if row.difference]
    for verdict, is_open in (("better", False), ("underpowered", True)):
        method = replace(one.difference.test.method, verdict=verdict)
        test = replace(one.difference.test, method=method, verdict="worse")
        changed = [replace(one, difference=replace(one.difference, test=test))]
        assert differences(draw({"sgg_anatomy_mini": changed})) == [is_open]
