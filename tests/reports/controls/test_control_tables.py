"""What the controls say: planted policies that look and that do not, numbers by hand, and rows in their place."""

from dataclasses import replace

import numpy as np
import pytest

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.question import LETTERS
from anatomy_r1.results.store import save_result
from anatomy_r1.scoring.question_table import EXTRACTION
from anatomy_r1.tables.table import MISSING
from reports.__main__ import main
from reports.controls.controls import controls, export
from reports.controls.views import image_ablations
from reports.scores.notes import order_alarms
from reports.scores.scores import by_key, differences, scores
from reports.tables.table1 import table1
from tests.helpers.stores import PROVENANCE, named, questions, result, row, shares


def planted(rng, chance, n=1000, clusters=25):
    """Answers with a chance of its own for each question."""
    right = rng.random((n, 5)) < chance[:, np.newaxis]
    table = questions(0.5, n=n, clusters=clusters)
    return table.assign(
        **{f"correct_{repeat}": right[:, repeat] for repeat in range(5)},
        major=right.sum(axis=1) >= 3,
        greedy=right[:, 0],
    )


def policies(clusters):
    """`sft` takes a shortcut and is as right with any picture; `grpo` loses 20 points with a wrong one."""
    rng = np.random.default_rng(0)
    easy = np.clip(rng.beta(2, 2, 1000), 0.2, 1)
    chances = {
        "sft": easy,
        "sft@no-image": easy,
        "sft@wrong-image": easy,
        "grpo": easy,
        "grpo@wrong-image": easy - 0.2,
    }
    return [result(method, questions=planted(rng, chance, clusters=clusters)) for method, chance in chances.items()]


def verdicts(results):
    table = named(controls(results), "picture")
    return {r.title: r.cells[-1].text for r in table.blocks[0].rows}


def test_a_shortcut_is_exposed_and_a_policy_that_looks_is_not():
    assert verdicts(policies(25)) == {"SFT": "no detectable use of the image", "GRPO": "uses the image"}


def test_few_clusters_are_said_to_be_few():
    """Five videos: the smallest p, 0.0625, is above the level whatever the pictures do."""
    assert set(verdicts(policies(5)).values()) == {"underpowered: no use of the image shown"}


def test_a_cell_holds_the_paired_difference_by_hand():
    """Four questions, each a video: with a wrong picture the first two lose two and one of five answers."""
    real, wrong = shares(5, 4, 3, 2), shares(3, 3, 3, 2)
    report = controls([result("grpo", questions=real), result("grpo@wrong-image", questions=wrong)])
    cells = row(named(report, "picture"), "mini-l", "GRPO").cells
    assert [cell.text for cell in cells[:5]] == ["70.00", MISSING, "55.00", MISSING, "+15.00"]
    error = np.sqrt(4 / 3 * sum(residual**2 for residual in (0.25, 0.05, -0.15, -0.15))) / 4
    low, high = (100 * (0.15 + sign * 3.18245 * error) for sign in (-1, 1))  # t of 3 degrees of freedom
    assert cells[4].aside == f"[{low:+.2f}, {high:+.2f}]"
    # two clusters differ: of their four patterns of signs two are as extreme
    assert [cells[index].text for index in (5, 7, 8)] == ["0.5000", "1", "underpowered: no use of the image shown"]


def test_runs_of_several_bases_are_not_called_seeds():
    views = ("grpo", "grpo@wrong-image")
    every = [replace(result(view, 0.5), base=base) for view in views for base in ("b-1", "b-2")]
    for results, title, count in ((every, "runs", 2), ([result(view, 0.5) for view in views], "seeds", 1)):
        made = export(results)
        assert title in [column.title for column in named(made.report, "picture").columns]
        assert {(score.seeds, score.bases) for score in made.scores} == {(count, count)}


def test_only_seeds_that_both_views_ran_count():
    results = [result("grpo", 0.9, seed=1), result("grpo", 0.4), result("grpo@wrong-image", 0.4)]
    (found,) = image_ablations(results)
    assert {one.seed for one in found.results} == {0}
    assert found.difference("wrong-image").percent == 0
    (apart,) = image_ablations([result("grpo", seed=1), result("grpo@wrong-image")])
    assert (apart.results, apart.scores, apart.verdict) == ((), {}, "")


def test_views_of_other_weights_are_refused():
    first, second = ({**PROVENANCE, "sampling": {"weights": weights}} for weights in ("a", "b"))
    with pytest.raises(AnatomyR1Error, match=r"grpo@wrong-image.*weights differ from"):
        image_ablations([result("grpo", provenance=first), result("grpo@wrong-image", provenance=second)])


def test_unfit_and_leaking_views_are_marked(passport):
    bad = {**PROVENANCE, "unfit": ["cut off"], "leakage": passport}
    report = controls([result("grpo"), result("grpo@wrong-image", provenance=bad)])
    (line,) = named(report, "picture").blocks[0].rows
    assert line.title == "GRPO (unfit)"
    assert line.cells[4].text.endswith("†")
    assert any("wrong image, seed 0: cut off" in note for note in report.notes)
    assert any(note.startswith("† = not clean") for note in report.notes)


@pytest.fixture
def passport():
    from anatomy_r1.data.leakage.passport import passport
    from anatomy_r1.question import Question

    one = Question("q", "b", "What ?", ("Gut", "Liver"), "Gut", "1.png", category="Gut", cluster="v")
    return passport([one], [one], no_hashes="made up").as_dict()


def turned(table):
    """A question table as if always A had been answered under every rotation of four options."""
    counts = {f"{name}_{letter}": 0 for name in ("chosen", "readable", "right") for letter in LETTERS}
    for letter in "ABCD":
        counts[f"readable_{letter}"] = 5
    more = counts | {"chosen_A": 20, "right_A": 5, "rotations": 4, "all_right_greedy": False, "all_right_major": True}
    return table.assign(**more, **{f"correct_{repeat}": 0.25 for repeat in range(5)})


def test_rotations_by_hand():
    results = [
        result("grpo", questions=shares(5, 0, 0, 0)),
        result("grpo@rotations", questions=turned(shares(1, 1, 1, 1))),
    ]
    report = controls(results)
    cells = row(named(report, "rotations"), "mini-l", "GRPO").cells
    assert [cell.text for cell in cells[:7]] == ["25.00", "25.00", "0.00", "0.00", "100.00", "75.00", "43.30"]
    assert cells[8].text == "prefers by letter: A +75.0, B -25.0, C -25.0, D -25.0"
    letters = row(named(report, "letters"), "mini-l", "GRPO").cells
    assert [cell.text for cell in letters] == ["+75.00", "100.00", *["-25.00", "0.00"] * 3]
    assert [table.name for table in report.tables] == ["rotations", "letters"]


def everything():
    views = [result(f"{method}@{view}", 0.99) for method in ("sft", "grpo") for view in ("no-image", "wrong-image")]
    return [
        result("sft", 0.5),
        result("grpo", 0.5, seed=0),
        *views,
        result("control-majority", 0.2),
        result("mine", 0.3),
    ]


def test_control_rows_stand_below_all_methods_and_compete_with_none():
    report = table1(everything())
    (block,) = report.tables[0].blocks
    titles = [one.title for one in block.rows]
    assert titles[-6:] == [
        "Majority class (control)",
        "mine",
        "SFT, no image",
        "SFT, wrong image",
        "GRPO, no image",
        "GRPO, wrong image",
    ]
    assert {cell.emphasis for one in block.rows[-4:] for cell in one.cells} == {""}
    assert row(report.tables[0], "mini-l", "SFT").cells[0].emphasis == "best"
    assert any("python -m reports controls" in note for note in report.notes)
    assert not any("python -m reports controls" in note for note in table1([result("grpo")]).notes)
    assert "SFT, no image" not in [r.title for b in named(report, "cost").blocks for r in b.rows]


def test_views_raise_no_alarm_and_have_no_difference_to_grpo():
    table = questions(0.5).assign(**dict.fromkeys(EXTRACTION, 0))
    found = by_key(scores([result("sft", questions=table)]))
    raised = {
        (s.system, s.metric, s.category): s for s in scores([result("grpo", questions=table.assign(lenient_0=1))])
    }
    view = result("sft@no-image", questions=questions(0.1).assign(**dict.fromkeys(EXTRACTION, 1)))
    aside = by_key(scores([view]))
    assert order_alarms(found | raised)
    assert not order_alarms(found | aside)
    assert {score.system.method for score in differences(everything(), "grpo")} == {"sft", "control-majority", "mine"}


def test_controls_without_a_model_stand_under_no_image(tmp_path, capsys):
    for one in everything():
        save_result(tmp_path / "store", one)
    assert main(["controls", "--store", str(tmp_path / "store"), "--out", str(tmp_path / "out")]) == 0
    assert "What the image is worth" in capsys.readouterr().out
    names = {path.name for path in (tmp_path / "out").glob("controls.*")}
    assert names == {f"controls.{kind}" for kind in ("csv", "html", "md", "tex", "txt")}
    cells = row(named(controls(everything()), "picture"), "mini-l", "Majority class (control)").cells
    assert [cell.text == MISSING for cell in cells] == [True, False, *[True] * 7]
    lines = (tmp_path / "out" / "controls.csv").read_text().splitlines()
    assert any(",grpo,matched,avg@5 minus wrong-image,," in line for line in lines)


def test_a_store_without_views_says_what_to_run(tmp_path, capsys):
    save_result(tmp_path, result("grpo"))
    assert main(["controls", "--store", str(tmp_path)]) == 2
    assert "--views no-image wrong-image rotations" in capsys.readouterr().err
