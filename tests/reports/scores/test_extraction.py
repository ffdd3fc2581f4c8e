"""What the reports make of extraction and gates: columns, the order alarm, marks; and nothing of it in older stores."""

import csv
import io
from dataclasses import replace

import pytest

from anatomy_r1.results.store import save_result
from anatomy_r1.scoring.question_table import EXTRACTION
from anatomy_r1.tables import html, markdown, text
from anatomy_r1.tables.table import MISSING
from reports.formats import latex
from reports.scores.scores import ALL, SystemKey, scores
from reports.site.evidence import Evidence
from reports.site.page import render, table_page
from reports.tables.table1 import table1
from reports.tables.table2 import table2
from reports.write import table_files
from tests.helpers.stores import PROVENANCE, grid, named, questions, result, row, shares


def read(of, *lenient, malformed=0, several=0, refused=0):
    """The result with what the lenient extractor makes of it: right responses to each question, the first ones."""
    flags = {f"lenient_{repeat}": [repeat < right for right in lenient] for repeat in range(5)}
    return replace(of, questions=of.questions.assign(**flags, malformed=malformed, several=several, refused=refused))


def notes(report, start):
    return [note for note in report.notes if note.startswith(start)]


# By the strict extractor 60 and 50 %, by the lenient one 60 and 70 %.
STRICT = [result("sft", questions=shares(3, 3)), result("grpo", questions=shares(3, 2))]
TURNED = [read(STRICT[0], 3, 3), read(STRICT[1], 3, 4, malformed=1, several=[2, 0], refused=[0, 1])]
ALARM = (
    "Alarm: the choice of extractor changes the order of methods. SGG-VQA (Anatomy), mini world, mini-l, Avg@5: "
    "SFT 60.00 and GRPO 50.00 with the strict extractor, 60.00 and 70.00 with the lenient one."
)


NO_EVIDENCE = {"evidence": Evidence()}


def test_the_site_shows_the_alarm_as_one():
    shown = (table1([unfit(TURNED[0], CUT), TURNED[1]]),)
    page = render(table_page("table1.html", "Table 1", "", shown, section="Results"), (), "", NO_EVIDENCE)
    assert f'<li class="alarm">{ALARM}</li>' in page
    assert page.count('<li class="alarm">') == 2


def test_another_order_raises_the_alarm():
    assert notes(table1(TURNED), "Alarm") == [ALARM]
    assert table1(TURNED).notes[0] == ALARM


@pytest.mark.parametrize(
    ("results", "alarms"),
    [
        (STRICT, 0),
        ([read(STRICT[0], 3, 3), STRICT[1]], 0),
        ([read(STRICT[0], 3, 3), read(STRICT[1], 3, 2)], 0),
        ([read(STRICT[0], 4, 4), read(STRICT[1], 4, 3)], 0),
        ([read(STRICT[0], 3, 3), read(STRICT[1], 3, 3)], 1),
        ([*TURNED, read(result("dapo", questions=shares(0, 0)), 5, 5)], 3),
        ([TURNED[0], replace(TURNED[1], model="mini-s")], 0),
        ([TURNED[0], replace(TURNED[1], benchmark="omnimed_mi_mini")], 0),
    ],
    ids=[
        *("no lenient scores", "only one has them", "the same", "both gain", "a tie", "three rows, each pair"),
        *("two models", "two benchmarks"),
    ],
)
def test_the_alarm_is_raised_by_another_order_only(results, alarms):
    assert len(notes(table1(results), "Alarm")) == alarms


def test_table_2_raises_it_too():
    methods = ("grpo-gdqa", "grpo-gdqa-no-text")
    found = table2([replace(of, method=method) for of, method in zip(TURNED, methods, strict=True)])
    assert len(notes(found, "Alarm")) == 1


def test_the_responses_table_shows_the_band_and_the_failures():
    table = named(table1(TURNED), "responses")
    assert [column.title for column in table.columns][6:10] == ["lenient", "malformed", "several", "refused"]
    cells = row(table, "mini-l", "GRPO").cells[6:10]
    assert [cell.text for cell in cells] == ["70.00", "20.0", "20.0", "10.0"]
    (lenient,) = (s for s in scores(TURNED[1:]) if (s.metric, s.category) == ("avg@5_lenient", ALL))
    # .6 and .8: se = sqrt(2 * .02) / 2 = .1; t(1) = 12.7062. What is printed stays between 0 and 100.
    assert (lenient.se, lenient.low, lenient.high) == pytest.approx((10, 70 - 127.062, 70 + 127.062), abs=1e-3)
    assert cells[0].aside == "[0.00, 100.00]"
    assert any("the strict one decides" in note for note in table.notes)


def test_rows_of_before_are_dashes_beside_newer_ones():
    table = named(table1([*TURNED, result("dapo", questions=shares(1, 1))]), "responses")
    assert [cell.text for cell in row(table, "mini-l", "DAPO").cells[6:10]] == [MISSING] * 4


def test_seeds_of_which_one_lacks_it_have_none():
    mixed = [TURNED[0], result("sft", seed=1, questions=shares(3, 3))]
    assert not {score.metric for score in scores(mixed)} & {"avg@5_lenient", "malformed"}


def test_both_extractors_have_a_score_by_category_and_a_line_in_the_csv(tmp_path):
    full = [read(result("sft", questions=questions(0.5)), *[4] * 40)]
    found = {(score.system, score.metric, score.category): score for score in scores(full)}
    system = SystemKey("sgg_anatomy_mini", "mini-l", "sft", "matched")
    assert [found[system, "avg@5_lenient", one].percent for one in (ALL, "Gut", "Liver")] == pytest.approx([80] * 3)
    save_result(tmp_path, full[0])
    lines = list(csv.DictReader(io.StringIO(table_files("table1", tmp_path)["table1.csv"])))
    lenient = [line for line in lines if line["metric"] == "avg@5_lenient"]
    assert [line["category"] for line in lenient] == ["", "Gallbladder", "Gut", "Liver", "Omentum"]
    assert {line["percent"] for line in lenient} == {"80.0000"}
    assert {"malformed", "several", "refused"} <= {line["metric"] for line in lines}


def test_text_still_fits_the_screen():
    wide = [read(of, *[4] * len(of.questions)) for of in grid()]
    assert max(map(len, text.render(table1(wide)).splitlines())) <= 140


def unfit(of, *reasons):
    return replace(of, provenance={**PROVENANCE, "unfit": list(reasons)})


CUT = "6.0 % of the sampled responses cut off at the token limit (limit 5%)"


def test_an_unfit_run_is_marked_and_the_note_says_why():
    report = table1([unfit(STRICT[0], CUT, "and more"), unfit(STRICT[1])])
    titles = [r.title for r in report.tables[0].blocks[0].rows]
    assert [title for title in titles if "unfit" in title] == ["SFT (unfit)"]
    assert report.notes[0] == f"Unfit: SGG-VQA (Anatomy), mini world, mini-l, SFT, seed 0: {CUT}; and more."
    assert len(notes(report, "Unfit")) == 1


def test_one_seed_of_several_marks_the_row_and_is_named():
    report = table1([result("sft"), unfit(result("sft", seed=1), CUT)])
    assert row(report.tables[0], "mini-l", "SFT (unfit)").cells[0].text != MISSING
    assert ["seed 1" in note for note in notes(report, "Unfit")] == [True]


def test_table_2_marks_the_row_and_the_differences_to_an_unfit_whole():
    methods = ("grpo-gdqa", "grpo-gdqa-no-text")
    report = table2([unfit(result(methods[0]), CUT), result(methods[1])])
    rows, differences = ([r.title for r in block.rows] for block in report.tables[0].blocks)
    assert [title.endswith("(unfit)") for title in rows] == [True, False, False]
    assert all(title.endswith("(unfit)") for title in differences)


@pytest.mark.parametrize(
    ("stated", "shown"),
    [("<b>odd</b>", "<b>odd</b>"), ([], None), (None, None), ({"a": 1}, "{'a': 1}"), ([3], "3")],
    ids=["a text", "fit", "nothing", "a mapping", "a number"],
)
def test_whatever_a_store_states_is_shown_as_text(stated, shown):
    report = table1([replace(STRICT[0], provenance={"unfit": stated})])
    assert notes(report, "Unfit") == (
        [f"Unfit: SGG-VQA (Anatomy), mini world, mini-l, SFT, seed 0: {shown}."] * bool(shown)
    )
    assert not any("<b>" in render(report).replace("\\<b", "") for render in (html.render, markdown.render, latex))


def test_without_extraction_and_gates_every_table_is_as_before():
    """The committed store has neither; `test_project` holds its tables to the byte."""
    old, fit = table1(grid()), table1([unfit(of) for of in grid()])
    assert old == fit
    assert len(named(old, "responses").columns) == 12
    assert not any(set(EXTRACTION) & set(of.questions.columns) for of in grid())
