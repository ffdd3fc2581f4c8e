"""Image or options: numbers by hand, who has which row, and the figure."""

import io
from dataclasses import replace

import pytest
from PIL import Image

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.results.store import save_result
from reports.__main__ import main
from reports.figures.shortcuts import draw, figure_files
from reports.tables.shortcuts import export, shortcuts
from tests.helpers.stores import named, result, shares

CONFOUNDED, BALANCED = "omnimed_mi_confounded_mini", "omnimed_mi_balanced_mini"


def policy(method, given, without=None, balanced=None, benchmark=CONFOUNDED, seed=0):
    """A method under the views for which there are right responses of five, question by question."""
    views = {"": given, "@no-image": without, "@balanced": balanced}
    return [
        result(f"{method}{view}", questions=shares(*right), benchmark=benchmark, seed=seed)
        for view, right in views.items()
        if right is not None
    ]


def learnt_the_list():
    return policy("sft", (5, 5, 5, 0), (5, 5, 0, 5), (1, 2, 1))


def test_numbers_by_hand():
    """Balanced has the first three of four questions, right 1, 2 and 1 of 5; as given these were right 5 of 5."""
    (found,) = shortcuts(learnt_the_list())
    assert {view: round(score.percent, 6) for view, score in found.scores.items()} == {
        "plain": 75.0,
        "no-image": 75.0,
        "balanced": round(100 * 4 / 15, 6),
    }
    assert found.change.percent == pytest.approx(100 * (4 / 15 - 1))
    assert (found.change.questions, found.change.clusters) == (3, 3)
    assert found.scores["balanced"].questions == 3


def test_a_balanced_set_of_a_larger_sample_is_compared_on_the_questions_of_both():
    results = policy("sft", (5, 5), (5, 5), (1, 2, 1))
    (found,) = shortcuts(results)
    assert found.change.questions == 2
    assert found.change.percent == pytest.approx(100 * (3 / 10 - 1))
    assert found.scores["balanced"].questions == 3


def test_each_score_names_its_view():
    (found,) = shortcuts(learnt_the_list())
    names = {view: score.system.method for view, score in found.scores.items()}
    assert names == {"plain": "sft", "no-image": "sft@no-image", "balanced": "sft@balanced"}


def test_only_seeds_that_ran_under_all_views_count():
    results = [*learnt_the_list(), *policy("sft", (0, 0, 0, 0), seed=1)]
    (found,) = shortcuts(results)
    assert found.scores["plain"].percent == 75.0
    assert found.scores["plain"].seeds == 1


def test_views_without_a_common_seed_are_refused():
    results = [*policy("sft", (5, 5)), *policy("sft", (5, 5), (5, 5), seed=1)[1:]]
    with pytest.raises(AnatomyR1Error, match="share no seed"):
        shortcuts(results)


def test_who_has_a_row():
    """Policies with one of the views, and the controls of their benchmark; a method without a view has none."""
    results = [
        *learnt_the_list(),
        *policy("grpo", (5, 5, 5, 5)),
        *policy("control-majority", (5, 5, 5, 5)),
        *policy("control-majority", (5, 5, 5, 5), benchmark=BALANCED),
    ]
    assert [(one.policy.benchmark, one.policy.method) for one in shortcuts(results)] == [
        (CONFOUNDED, "sft"),
        (CONFOUNDED, "control-majority"),
    ]


def test_the_table_has_a_block_for_each_benchmark_and_a_dash_for_what_did_not_run():
    results = [*learnt_the_list(), *policy("sft", (1, 2, 1), (1, 1, 2), benchmark=BALANCED)]
    table = named(export(results).report, "shortcuts")
    assert len(table.blocks) == 2
    assert "confounded" in table.blocks[1].title or "confounded" in table.blocks[0].title
    cells = {block.title: [cell.text for cell in block.rows[0].cells] for block in table.blocks}
    (balanced,) = [cells[title] for title in cells if "balanced" in title]
    assert balanced[2:4] == ["—", "—"]


def test_runs_of_other_questions_or_other_weights_are_not_averaged():
    later = policy("sft", (5, 5, 5, 0), (5, 5, 0, 5), (1, 2, 1), seed=1)
    renamed = [replace(one, questions=one.questions.assign(id="x" + one.questions["id"])) for one in later]
    with pytest.raises(AnatomyR1Error, match="different questions"):
        shortcuts([*learnt_the_list(), *renamed])
    plain, *views = learnt_the_list()
    stated = [replace(one, provenance={"sampling": {"weights": name}}) for one, name in ((plain, "a"), (views[0], "b"))]
    with pytest.raises(AnatomyR1Error, match="weights differ"):
        shortcuts([*stated, *views[1:]])


def test_runs_of_several_bases_are_not_called_seeds():
    every = [replace(one, base=base) for one in learnt_the_list() for base in ("b-1", "b-2")]
    made = export(every)
    assert named(made.report, "shortcuts").columns[-1].title == "runs"
    assert {(score.seeds, score.bases) for score in made.scores} == {(2, 2)}
    assert named(export(learnt_the_list()).report, "shortcuts").columns[-1].title == "seeds"


def test_without_such_views_the_error_names_the_command():
    with pytest.raises(AnatomyR1Error, match=r"python -m baselines run .* --views plain no-image balanced"):
        export(policy("sft", (5, 5)))


def test_the_figure_has_a_panel_for_each_benchmark_and_a_point_for_each_view():
    results = [*learnt_the_list(), *policy("sft", (1, 2, 1), (1, 1, 2), benchmark=BALANCED)]
    figure = draw(shortcuts(results))
    assert len(figure.axes) == 2
    counts = sorted(len(axes.containers) for axes in figure.axes)
    assert counts == [2, 3]


def test_the_same_results_give_the_same_figure_files():
    one, two = figure_files(learnt_the_list()), figure_files(learnt_the_list())
    assert one == two
    assert set(one) == {"shortcuts.pdf", "shortcuts.svg", "shortcuts.png"}
    assert Image.open(io.BytesIO(one["shortcuts.png"])).width > 1000


def test_the_command_writes_table_and_figure(tmp_path, capsys):
    for one in learnt_the_list():
        save_result(tmp_path / "store", one)
    assert main(["shortcuts", "--store", str(tmp_path / "store"), "--out", str(tmp_path / "out")]) == 0
    assert "The image or the options?" in capsys.readouterr().out
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"shortcuts.md", "shortcuts.html", "shortcuts.csv", "shortcuts.svg", "shortcuts.png"} <= written
