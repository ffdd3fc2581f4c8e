"""Table 1: what stands in it, what is marked, and what a missing or wrong input does."""

import pytest

from anatomy_r1.tables.table import MISSING, Cell, emphases
from reports.scores import paper
from reports.scores.names import METHODS
from reports.scores.scores import ALL, SystemKey, scores
from reports.tables.table1 import table1
from tests.helpers.stores import grid, named, questions, result, row


@pytest.fixture(scope="module")
def report():
    return table1(grid())


def test_all_ten_methods_stand_in_the_papers_order_for_each_model(report):
    main = report.tables[0]
    assert [block.title.split()[0] for block in main.blocks] == ["mini-s", "mini-l"]
    assert all([r.title for r in block.rows] == list(METHODS.values()) for block in main.blocks)


def test_a_cell_holds_the_mean_the_interval_and_the_papers_number(report):
    table = questions(0.28)
    right = table[[f"correct_{i}" for i in range(5)]].to_numpy()
    cells = row(report.tables[0], "mini-l", "Zero-Shot").cells
    assert cells[0].text == f"{100 * right.mean():.2f}"
    low, high = (float(bound) for bound in cells[0].aside.strip("[]").split(", "))
    assert low < 100 * right.mean() < high
    assert cells[2].text == f"{100 * right[:, 0].mean():.2f}"
    assert [cells[i].text for i in (1, 3, 5, 6)] == ["29.00", "29.60", "29.10", "8"]


def test_what_did_not_run_is_a_dash_beside_the_papers_number(report):
    cells = row(report.tables[0], "mini-s", "DAPO").cells
    assert [cell.text for cell in cells[:4]] == [MISSING, "40.28", MISSING, "42.40"]
    assert cells[0] == Cell()


def test_the_papers_own_dash_stays_a_dash(report):
    asc = row(report.tables[0], "mini-l", "GRPO-ASC-Learning").cells
    assert [cell.text for cell in asc[7:]] == [MISSING] * 7


def test_best_and_second_are_marked_within_a_model(report):
    marks = [r.cells[0].emphasis for r in report.tables[0].blocks[1].rows]
    assert marks.count("best") == 1
    means = {r.title: r.cells[0].text for r in report.tables[0].blocks[1].rows if r.cells[0].text != MISSING}
    assert row(report.tables[0], "mini-l", max(means, key=means.get)).cells[0].emphasis == "best"


@pytest.mark.parametrize(
    ("model", "task", "metric", "best", "second"),
    [  # underlined in the paper's Table 1
        ("Qwen-2.5-VL-3B", "omnimed_mi", "pass@1", "grpo-gdqa", "sft-grpo"),
        ("Qwen-2.5-VL-3B", "sgg_anatomy", "major@5", "grpo-gdqa", "gpg"),
        ("Qwen-2.5-VL-7B", "sgg_anatomy", "avg@5", "grpo-gdqa", "grpo-asc"),
        ("Qwen-2.5-VL-7B", "omnimed_mi", "avg@5", "grpo-gdqa", "gpg"),
    ],
)
def test_the_rule_marks_the_papers_numbers_as_the_paper_does(model, task, metric, best, second):
    numbers = paper.load()
    systems = [SystemKey(task, model, method, "matched") for method in METHODS]
    marks = emphases([numbers.beside(system, metric) for system in systems], 2)
    assert (list(METHODS)[marks.index("best")], list(METHODS)[marks.index("second")]) == (best, second)


@pytest.mark.parametrize(
    ("values", "marks"),
    [
        ([None, 3.0, None], ["", "", ""]),
        ([1.0, 3.0, 2.0, None], ["", "best", "second", ""]),
        ([3.001, 3.004, 2.0], ["best", "best", "second"]),
        ([2.0, 2.0], ["best", "best"]),
        ([], []),
    ],
    ids=["alone ranks nothing", "three", "equal as printed", "all equal", "none"],
)
def test_marks(values, marks):
    assert emphases(values, 2) == marks


def test_the_papers_tables_are_complete():
    cells = paper.load().cells
    assert sum(key[0] == 1 for key in cells) == 2 * 10 * 6 - 2 * 3  # ASC has no OmniMedVQA result
    assert sum(key[0] == 2 for key in cells) == 9
    assert cells[1, "Qwen-2.5-VL-7B", "grpo-gdqa", "sgg_anatomy", "avg@5"] == 47.32
    assert cells[2, "Qwen-2.5-VL-7B", "grpo-gdqa-no-image", "sgg_anatomy", "major@5"] == 46.00


def test_seeds_are_averaged_and_their_spread_stands_beside(report):
    found = {(s.system, s.metric, s.category): s for s in scores(grid())}
    score = found[SystemKey("sgg_anatomy_mini", "mini-l", "grpo", "matched"), "avg@5", ALL]
    assert (score.seeds, score.questions) == (2, 40)
    cells = row(named(report, "responses"), "mini-l", "GRPO").cells
    assert [cell.text for cell in cells[4:6]] == ["2", f"{score.seed_sd:.2f}"]
    assert cells[10].text == "1"
    assert cells[11].text == MISSING


def test_other_methods_and_arms_stand_below_or_beside(report):
    extra = table1([*grid(), result("grpo-placebo"), result("grpo", arm="another")])
    titles = [r.title for r in extra.tables[0].blocks[1].rows]
    assert titles[-1] == "grpo-placebo"
    assert titles.index("GRPO (another)") == titles.index("GRPO") + 1
    assert row(extra.tables[0], "mini-l", "GRPO (another)").cells[1].text == MISSING


def test_categories_show_each_anatomy_with_its_size(report):
    table = named(report, "categories")
    assert [c.title for c in table.columns][:4] == [
        "Gallbladder (n=10)",
        "Gut (n=10)",
        "Liver (n=10)",
        "Omentum (n=10)",
    ]
    right = questions(0.28).query("category == 'Gut'")[[f"correct_{i}" for i in range(5)]].to_numpy()
    assert row(table, "mini-l", "Zero-Shot").cells[1].text == f"{100 * right.mean():.1f}"


def test_an_interval_does_not_leave_what_is_possible():
    all_right = result("sft", 1.0)
    nearly = result("grpo", 0.97)
    cells = [row(table1([all_right, nearly]).tables[0], "mini-l", name).cells[0] for name in ("SFT", "GRPO")]
    assert cells[0].aside == "[100.00, 100.00]"
    assert float(cells[1].aside.strip("[]").split(", ")[1]) <= 100


def test_one_cluster_has_no_interval_and_says_so():
    report = table1([result("sft", questions=questions(0.5, clusters=1))])
    assert row(report.tables[0], "mini-l", "SFT").cells[0].aside == "[no interval]"
    assert any("one cluster" in note for note in report.notes)


def test_footer_names_profile_questions_clusters_seeds_and_commit(report):
    text = " ".join(report.notes)
    for part in (
        "Profile mini",
        "40 questions in 8 clusters",
        "seeds 0, 1",
        "commit 0123456789",
        "not for clinical use",
    ):
        assert part in text
    assert "say nothing about Qwen2.5-VL" in report.warning


def test_uncommitted_changes_are_told():
    notes = table1([result(provenance={"commit": "f" * 40, "dirty": True}), result("sft", provenance={})]).notes
    assert any("ffffffffff + uncommitted changes, unknown" in note for note in notes)


def test_real_benchmarks_carry_no_mini_warning_and_no_mini_title():
    report = table1([result(benchmark="sgg_anatomy", model="qwen2.5-vl-7b", profile="paper")])
    assert report.warning == ""
    assert {c.group for c in report.tables[0].columns} == {"SGG-VQA (Anatomy)", "OmniMedVQA (MI)"}
    assert "comparable" not in report.tables[0].blocks[0].title


@pytest.mark.parametrize(
    ("results", "message"),
    [
        ([], "store is empty"),
        ([result(), result("sft", profile="smoke")], "several profiles"),
        ([result(), result()], "seed occurs twice"),
        ([result(), result(seed=1, questions=questions(0.5, n=41))], "different questions from"),
        ([result(questions=questions(0.5, n=0))], "no questions"),
    ],
    ids=["nothing", "two profiles", "a seed twice", "seeds on other questions", "an empty cell"],
)
def test_what_does_not_belong_in_one_table_is_refused(results, message):
    with pytest.raises(ValueError, match=message):
        table1(results)


def test_order_of_results_does_not_matter():
    assert table1(grid()[::-1]) == table1(grid())
