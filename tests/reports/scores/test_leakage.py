"""Numbers that are not clean say so in every table and format; a store without passports gives the tables it gave."""

import csv
import io
from pathlib import Path

import pytest

from anatomy_r1.data.leakage.passport import passport
from anatomy_r1.question import Question
from anatomy_r1.results.store import save_result
from reports.formats import escape_latex
from reports.scores.names import CONTROLS
from reports.scores.scores import MARK, differences
from reports.tables.table1 import table1
from reports.tables.table2 import table2
from reports.write import cost_files, table_files
from tests.helpers.stores import PROVENANCE, grid, named, result, row

FORMATS = ("txt", "md", "html", "tex")


def ask(cluster, image, stem="What ?"):
    name = f"{cluster}/{image}"
    return Question(name, "b", stem, ("Gut", "Liver"), "Gut", image, category="Gut", cluster=cluster)


def provenance(*test):
    """With the passport of a training on one picture of one video."""
    return {**PROVENANCE, "leakage": passport([ask("VID01", "1.png")], [ask(*one) for one in test]).as_dict()}


CLEAN, SAME_VIDEO = provenance(("VID02", "2.png")), provenance(("VID01", "2.png"))
SAME_PICTURE = provenance(("VID02", "1.png", "Where ?"))


def written(folder, results, table="table1"):
    for one in results:
        save_result(folder, one)
    return table_files(table, folder)


def test_passports_that_show_nothing_change_no_byte(tmp_path):
    bare, clean = (
        [result(method, provenance=found) for method in ("zero-shot", "grpo")] for found in (PROVENANCE, CLEAN)
    )
    assert written(tmp_path / "1", bare) == written(tmp_path / "2", clean)


def test_every_number_of_a_row_that_is_not_clean_is_marked_and_no_other():
    report = table1([*grid(), result("sft-grpo", provenance=SAME_VIDEO)])
    main = report.tables[0]
    cells = row(main, "mini-l", "SFT+GRPO").cells
    assert [cell.text.endswith(MARK) for cell in cells[:7]] == [True, False, True, False, True, False, False]
    for name, column in (("cost", 0), ("responses", 3), ("categories", 0)):
        table = named(report, name)
        assert row(table, "mini-l", "SFT+GRPO").cells[column].text.endswith(MARK)
        assert not row(table, "mini-l", "GRPO").cells[column].text.endswith(MARK)
    marked = [r.title for block in main.blocks for r in block.rows for cell in r.cells if MARK in cell.text]
    assert set(marked) == {"SFT+GRPO"}


def test_the_note_names_what_is_shared_and_nothing_else():
    notes = table1([result(provenance=SAME_VIDEO), result("sft", provenance=SAME_PICTURE)]).notes
    (note,) = (one for one in notes if one.startswith(MARK))
    assert "share: video, slide or patient; image path (" in note


@pytest.mark.parametrize("kind", FORMATS)
def test_each_format_shows_the_mark_and_what_it_means(tmp_path, kind):
    page = written(tmp_path, [result(provenance=SAME_VIDEO), result("sft")])[f"table1.{kind}"]
    mark = escape_latex(MARK) if kind == "tex" else MARK
    assert page.count(mark) > 3
    assert "not clean" in page
    cost = cost_files(tmp_path)["cost.txt"]
    assert MARK in cost and "not clean" in cost


def test_the_csv_says_by_what(tmp_path):
    text = written(tmp_path, [result(provenance=SAME_VIDEO), result("sft")])["table1.csv"]
    rows = list(csv.DictReader(io.StringIO(text)))
    assert {(r["method"], r["metric"].partition(" minus ")[1], r["not_clean"]) for r in rows} == {
        ("grpo", "", "cluster"),
        ("sft", "", ""),
        ("sft", " minus ", "cluster"),  # the difference is to the row that is not clean
    }


def test_table_2_marks_differences_too(tmp_path):
    leaky = [result("grpo-gdqa", provenance=SAME_VIDEO), result("grpo-gdqa-no-text")]
    block = table2(leaky).tables[0].blocks[1]
    assert MARK in block.rows[0].cells[0].text
    assert "not clean" in written(tmp_path, leaky, "table2")["table2.txt"]


def test_one_leaky_seed_is_enough():
    results = [result(), result(seed=1, provenance=SAME_VIDEO), result("sft"), result("sft", seed=1)]
    assert row(table1(results).tables[0], "mini-l", "GRPO").cells[0].text.endswith(MARK)
    assert {score.not_clean for score in differences(results, "grpo")} == {("cluster",)}


def test_a_passport_that_cannot_be_read_is_not_taken_for_a_clean_one():
    with pytest.raises(ValueError, match=r"sft/matched/seed0: its leakage passport cannot be read"):
        table1([result("sft", provenance={**PROVENANCE, "leakage": {"not_clean": []}})])


def test_controls_stand_beneath_the_methods():
    report = table1([*grid(), *(result(name, style="none") for name in CONTROLS), result("grpo-asc-pool")])
    titles = [r.title for r in report.tables[0].blocks[1].rows]
    assert titles[-2:] == list(CONTROLS.values())
    assert row(named(report, "responses"), "mini-l", "Majority class (control)").cells[0].text == "none"


def test_the_docs_show_the_mark():
    page = Path(__file__).resolve().parents[3] / "docs" / "leakage.md"
    assert f"In tables, {MARK} marks" in page.read_text("utf-8")
