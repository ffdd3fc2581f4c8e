"""Table 2: its rows, the paired differences by hand, and when there is none to show."""

import csv
import io

import pytest

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.results.store import save_result
from anatomy_r1.tables import html, markdown, text
from anatomy_r1.tables.table import MISSING, Cell
from reports.__main__ import main
from reports.formats import latex
from reports.scores.names import TITLES
from reports.scores.scores import SystemKey, differences
from reports.tables.table2 import table2
from reports.write import table_files
from tests.helpers.stores import named, plan, questions, result, row, shares, trained

WHOLE, NO_TEXT, NO_IMAGE = "grpo-gdqa", "grpo-gdqa-no-text", "grpo-gdqa-no-image"
TITLE = {WHOLE: "GRPO-GDQA", NO_TEXT: "GRPO-GDQA \N{MINUS SIGN}Text", NO_IMAGE: "GRPO-GDQA \N{MINUS SIGN}Image"}
DIFFERENCE = "mini-l: difference from GRPO-GDQA"
# Avg@5 differs by -0.2, -0.4, 0 and +0.2 from question to question: -10 points.
PAIR = [result(WHOLE, questions=shares(5, 3, 2, 1)), result(NO_TEXT, questions=shares(4, 1, 2, 2))]


def difference(results, method=NO_TEXT, block=DIFFERENCE):
    return row(named(table2(results), "table2"), block, TITLES.get(method, method)).cells


def test_the_papers_three_rows_stand_in_its_order_whether_they_ran_or_not():
    blocks = named(table2(PAIR), "table2").blocks
    assert [[r.title for r in block.rows] for block in blocks] == [list(TITLE.values()), list(TITLE.values())[1:]]
    assert blocks[0].title.startswith("mini-l (a tiny model")
    assert row(named(table2(PAIR), "table2"), "mini-l (", TITLE[NO_IMAGE]).cells[0] == Cell()
    assert [c.title for c in named(table2(PAIR), "table2").columns] == [
        *("Avg@5", "paper", "Pass@1", "paper", "Major@5", "paper", "clusters")
    ]


def test_a_row_holds_ours_and_the_papers_table_2():
    cells = row(named(table2(PAIR), "table2"), "mini-l (", TITLE[NO_TEXT]).cells
    assert [cell.text for cell in cells] == ["45.00", "46.21", "100.00", "46.10", "25.00", "45.40", "4"]
    assert [c.text for c in row(named(table2(PAIR), "table2"), "mini-l (", TITLE[NO_IMAGE]).cells][1::2] == [
        *("45.34", "46.30", "46.00")
    ]


def test_the_paired_difference_by_hand():
    cells = difference(PAIR)
    # CR1 with four clusters: residuals -.1, -.3, .1, .3; se = sqrt(4/3 * .2) / 4 = .1291; t(3) = 3.1824.
    assert (cells[0].text, cells[0].aside) == ("-10.00", "[-51.09, +31.09]")
    assert (cells[2].text, cells[2].aside) == ("0.00", "[0.00, 0.00]")  # all first responses are right
    assert (cells[4].text, cells[4].aside) == ("-25.00", "[-100.00, +54.56]")  # majorities differ in one of four
    assert [cell.text for cell in cells[1:6:2]] == ["-1.11", "-1.00", "-1.90"]
    assert cells[6].text == "4"


def test_the_difference_to_no_image_in_the_paper():
    results = [*PAIR, result(NO_IMAGE, questions=shares(5, 5, 5, 5))]
    cells = difference(results, NO_IMAGE)
    assert [cell.text for cell in cells] == ["+45.00", "-1.98", "0.00", "-0.80", "+50.00", "-1.30", "4"]


def test_errors_add_up_within_a_cluster():
    clusters = ["A", "A", "B", "B"]
    tables = [shares(5, 3, 2, 1, clusters=clusters), shares(4, 1, 2, 2, clusters=clusters)]
    [score, *_] = differences([result(m, questions=t) for m, t in zip((WHOLE, NO_TEXT), tables, strict=True)], WHOLE)
    # Cluster sums -.4 and .4: se = sqrt(2 * .32) / 4 = .2; t(1) = 12.7062.
    assert (score.percent, score.se) == (pytest.approx(-10), pytest.approx(20))
    assert (score.low, score.high) == (pytest.approx(-264.124, abs=1e-3), pytest.approx(244.124, abs=1e-3))


def test_what_is_printed_stays_possible():
    clusters = ["A", "A", "B", "B"]
    tables = [shares(5, 3, 2, 1, clusters=clusters), shares(4, 1, 2, 2, clusters=clusters)]
    cells = difference([result(m, questions=t) for m, t in zip((WHOLE, NO_TEXT), tables, strict=True)])
    assert cells[0].aside == "[-100.00, +100.00]"


def test_one_cluster_has_no_interval():
    tables = [shares(5, 3, clusters=["A", "A"]), shares(4, 1, clusters=["A", "A"])]
    results = [result(m, questions=t) for m, t in zip((WHOLE, NO_TEXT), tables, strict=True)]
    assert difference(results)[0] == Cell("-30.00", "[no interval]")


def test_questions_are_paired_by_id_and_not_by_place():
    turned = result(NO_TEXT, questions=PAIR[1].questions.iloc[::-1].reset_index(drop=True))
    assert table2([PAIR[0], turned]) == table2(PAIR)


def test_equal_answers_differ_by_nothing_and_the_footer_says_what_that_shows():
    tables = [questions(0.5, seed=3), questions(0.5, seed=3)]
    report = table2([result(m, questions=t) for m, t in zip((WHOLE, NO_TEXT), tables, strict=True)])
    cells = row(named(report, "table2"), DIFFERENCE, TITLE[NO_TEXT]).cells
    assert [(cell.text, cell.aside) for cell in cells[:5:2]] == [("0.00", "[0.00, 0.00]")] * 3
    assert any("zero width" in note for note in report.notes)


def data(name):
    return {"data": {"questions_sha256": name}}


@pytest.mark.parametrize(
    "other",
    [
        result(NO_TEXT, questions=shares(4, 1, 2)),
        result(NO_TEXT, questions=shares(4, 1, 2, 2).assign(id=["q000", "q001", "q002", "other"])),
        result(NO_TEXT, questions=shares(4, 1, 2, 2, clusters=list("AABB"))),
        result(NO_TEXT, questions=shares(4, 1, 2, 2), seed=1),
        result(NO_TEXT, questions=shares(4, 1, 2, 2), arm="as-released"),
        result(NO_TEXT, questions=shares(4, 1, 2, 2), model="mini-s"),
    ],
    ids=["fewer", "another id", "other clusters", "another seed", "another arm", "another model"],
)
def test_there_is_no_difference_between_what_cannot_be_paired(other):
    whole = result(WHOLE, questions=shares(5, 3, 2, 1), provenance=data("a"))
    assert differences([whole, other], WHOLE) == ()
    cells = difference([whole, other])
    assert (cells[0], cells[2], cells[4], cells[6]) == (Cell(),) * 4
    assert cells[1].text == "-1.11"


def test_other_data_are_no_pair_and_no_table():
    whole = result(WHOLE, questions=shares(5, 3, 2, 1), provenance=data("a"))
    other = result(NO_TEXT, questions=shares(4, 1, 2, 2), provenance=data("b"))
    assert differences([whole, other], WHOLE) == ()
    with pytest.raises(AnatomyR1Error, match="answers other questions of sgg_anatomy_mini"):
        difference([whole, other])


def test_data_that_one_of_them_does_not_name_are_no_reason():
    named_, unnamed = (
        result(WHOLE, questions=shares(5, 3), provenance=data("a")),
        result(NO_TEXT, questions=shares(5, 1)),
    )
    assert differences([named_, unnamed], WHOLE)[0].percent == pytest.approx(-20)


def test_only_seeds_that_both_ran_are_compared():
    results = [
        *(result(WHOLE, questions=shares(right, right), seed=seed) for seed, right in ((0, 5), (1, 2), (2, 3))),
        *(result(NO_TEXT, questions=shares(right, right), seed=seed) for seed, right in ((1, 1), (2, 4), (3, 0))),
    ]
    [score, *_] = differences(results, WHOLE)
    assert (score.percent, score.seeds) == (pytest.approx(0), 2)  # -20 and +20 points
    assert score.seed_sd == pytest.approx(28.2843, abs=1e-4)
    assert difference(results)[0].text == "0.00"


def test_an_arm_is_compared_within_itself_and_never_with_the_paper():
    arm = {"arm": "equal-tokens"}
    results = [
        *PAIR,
        result(WHOLE, questions=shares(1, 1, 1, 1), **arm),
        result(NO_TEXT, questions=shares(2, 2, 2, 2), **arm),
    ]
    cells = difference(results, f"{TITLE[NO_TEXT]} (equal-tokens)")
    assert [cell.text for cell in cells[:2]] == ["+20.00", MISSING]
    assert difference(results)[0].text == "-10.00"
    own, other, differences = named(table2(results), "table2").blocks
    assert own.rows[0].title == TITLE[WHOLE]
    assert other.title.endswith(": equal-tokens"), "best and second are of rows with one budget"
    titles = [r.title for r in differences.rows]
    assert titles == [TITLE[NO_TEXT], f"{TITLE[NO_TEXT]} (equal-tokens)", TITLE[NO_IMAGE]]


def test_other_methods_and_benchmarks_stay_out_unless_an_ablation_ran_there():
    others = [result("grpo"), result(WHOLE, benchmark="omnimed_mi_mini", questions=shares(1, 1, 1, 1))]
    assert named(table2([*PAIR, *others]), "table2") == named(table2(PAIR), "table2")
    assert all(r.title in TITLE.values() for t in table2([*PAIR, *others]).tables for b in t.blocks for r in b.rows)
    there = result(NO_IMAGE, benchmark="omnimed_mi_mini", questions=shares(2, 1, 1, 1))
    groups = [c.group for c in named(table2([*PAIR, *others, there]), "table2").columns]
    assert list(dict.fromkeys(groups)) == ["SGG-VQA (Anatomy), mini world", "OmniMedVQA (MI), mini world"]
    assert difference([*PAIR, *others, there], NO_IMAGE)[7].text == "+5.00"


def test_the_small_model_has_no_paper_number():
    results = [result(m, model="mini-s", questions=shares(1, 2)) for m in (WHOLE, NO_TEXT)]
    blocks = named(table2(results), "table2").blocks
    assert {c.text for block in blocks for r in block.rows for c in r.cells[1:6:2]} == {MISSING}


def test_best_is_marked_among_methods_and_never_among_differences():
    blocks = named(table2(PAIR), "table2").blocks
    assert [r.cells[0].emphasis for r in blocks[0].rows] == ["best", "second", ""]
    assert {c.emphasis for r in blocks[1].rows for c in r.cells} == {""}


@pytest.mark.parametrize("results", [[], [result("grpo")], [result(WHOLE, benchmark="omnimed_mi_mini")]])
def test_a_store_without_its_methods_is_refused_with_the_cure(tmp_path, capsys, results):
    (tmp_path / "store").mkdir()
    for each in results:
        save_result(tmp_path / "store", each)
    assert main(["table2", "--store", str(tmp_path / "store"), "--out", str(tmp_path / "out")]) == 2
    assert "reproduce-table2" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_order_of_results_does_not_matter():
    results = [*PAIR, result(NO_IMAGE, seed=1), result(WHOLE, questions=shares(1, 1, 1, 1), seed=1)]
    assert table2(results) == table2(results[::-1])


def test_footer_says_what_is_compared():
    report = table2(PAIR)
    words = " ".join([*report.notes, *named(report, "table2").notes])
    assert "the paper's Table 2." in words
    assert "the paper's Table 1" not in words
    assert "ablation minus GRPO-GDQA" in words
    assert "4 questions in 4 clusters" in words
    assert report.warning


def test_five_formats_on_the_screen_and_in_files(tmp_path, capsys):
    for each in PAIR:
        save_result(tmp_path / "store", each)
    outs = [tmp_path / "a", tmp_path / "b"]
    for out in outs:
        assert main(["table2", "--store", str(tmp_path / "store"), "--out", str(out)]) == 0
    names = ["cost.csv", "cost.txt", *(f"table2.{end}" for end in ("csv", "html", "md", "tex", "txt"))]
    assert sorted(path.name for path in outs[0].iterdir()) == names
    assert all((outs[0] / name).read_bytes() == (outs[1] / name).read_bytes() for name in names)
    assert (outs[0] / "table2.txt").read_text() in capsys.readouterr().out
    for name in names[3:]:
        content = (outs[0] / name).read_text()
        assert "-10.00" in content, name
        assert "+31.09" in content, name


def test_csv_tells_a_difference_from_a_score(tmp_path):
    for each in PAIR:
        save_result(tmp_path, each)
    lines = list(csv.DictReader(io.StringIO(table_files("table2", tmp_path)["table2.csv"])))
    [line] = [line for line in lines if line["metric"] == "avg@5 minus grpo-gdqa"]
    assert (line["method"], line["percent"], line["paper"], line["category"]) == (NO_TEXT, "-10.0000", "-1.1100", "")
    [score] = [line for line in lines if (line["method"], line["metric"], line["category"]) == (NO_TEXT, "avg@5", "")]
    assert (score["percent"], score["paper"]) == ("45.0000", "46.2100")
    assert all(line["paper"] == "" for line in lines if line["category"])


def test_csv_sets_no_paper_number_beside_another_arm(tmp_path):
    for each in [*PAIR, *(result(r.method, arm="equal-tokens", questions=r.questions) for r in PAIR)]:
        save_result(tmp_path, each)
    for files in (table_files("table1", tmp_path)["table1.csv"], table_files("table2", tmp_path)["table2.csv"]):
        beside = [(line["arm"], line["paper"] != "") for line in csv.DictReader(io.StringIO(files))]
        assert ("matched", True) in beside
        assert ("equal-tokens", True) not in beside


def test_hostile_models_and_arms_stay_text():
    hostile = "<script>alert(1)</script> | $x$ & \\end{document} \x1b[31m"
    tables = {WHOLE: shares(5, 3, 2, 1), NO_TEXT: shares(4, 1, 2, 2)}
    report = table2([result(m, model=hostile, arm=hostile, questions=t) for m, t in tables.items()])
    assert "<script>" not in html.render(report)
    assert "<script>" not in markdown.render(report).replace("\\<script\\>", "")
    assert "\x1b" not in text.render(report)
    source = latex(report)
    assert source.isascii()
    assert "\\end{document}" not in source
    assert r"\ensuremath{-}Text" in source


def test_text_fits_the_screen():
    training = trained(plan(WHOLE), 120, 123456)
    page = text.render(table2([result(WHOLE, provenance={"training": training}), result(NO_TEXT)]))
    assert max(map(len, page.splitlines())) <= 140
    order = ["Responses:", "Training cost", "Table 2. Ablation", "mini-l (", "difference from GRPO-GDQA", "Ours: mean"]
    assert sorted(order, key=page.rindex) == order


def test_the_registry_lists_the_methods_of_the_catalogue_in_its_order_with_its_titles():
    from baselines.methods.registry import METHODS

    assert [(m.id, m.label) for m in METHODS] == list(TITLES.items())


def test_a_group_is_known_by_its_row():
    assert differences(PAIR, WHOLE)[0].system == SystemKey("sgg_anatomy_mini", "mini-l", NO_TEXT, "matched")
