"""Prose against tables, comparisons in words, definitions, cells that stand twice, the paper's text: faults planted."""

from dataclasses import replace

import pytest

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.tables.table import prose_rows
from reports.audit import agreement
from reports.audit.paper import (
    PassagePair,
    by_address,
    load_cells,
    load_claims,
    load_definitions,
    load_figures,
    percent,
)


def test_a_figure_off_by_one_hundredth_is_found_and_named(clean_paper):
    figures = list(clean_paper.figures)
    figures[4] = replace(figures[4], hundredths=figures[4].hundredths + 1)
    made = agreement.check_prose(figures, clean_paper.cells)
    [finding] = made.findings
    assert finding.id == f"prose.{figures[4].id}"
    assert f"{figures[4].hundredths / 100:.2f}" in finding.figure
    assert agreement.check_prose(clean_paper.figures, clean_paper.cells).findings == ()


def test_a_difference_is_of_two_cells(clean_paper):
    known = by_address(clean_paper.cells)
    [gain] = [one for one in load_figures() if one.id == "rl-2"]
    assert agreement.expected(gain, by_address(load_cells())) == 4732 - 3646 == 1086
    lost = {address: value for address, value in known.items() if address[2] != "sft"}
    with pytest.raises(AnatomyR1Error, match="rl-2"):
        agreement.expected(gain, lost)


def test_the_papers_figures_as_read_by_hand():
    known = by_address(load_cells())
    wrong = {
        one.id: percent(agreement.expected(one, known)) for one in load_figures() if not agreement.agrees(one, known)
    }
    assert wrong == {
        "sft-3": "34.10", "sft-4": "35.90", "sft-5": "77.97", "sft-6": "82.77", "sft-7": "47.32",
        "sft-8": "36.46", "sft-9": "36.10", "sft-10": "47.10", "sft-11": "80.08", "sft-12": "83.52",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("quantifier", "signs", "holds"),
    [
        ("all", (1, 1, 1), True),
        ("all", (1, 0, 1), False),  # a tie is not above
        ("most", (1, 1, -1), True),
        ("most", (1, -1), False),  # half is not most
    ],
)
def test_quantifiers(quantifier, signs, holds):
    claim = replace(load_claims()[0], quantifier=quantifier)
    of = tuple(agreement.PrintedDifference("m", "b", "avg@5", "a", "c", sign) for sign in signs)
    assert agreement.holds(claim, of) == holds


def test_a_consistent_gain_that_turns_in_one_cell_is_found(clean_paper):
    cells = [replace(c, hundredths=10) if c.address[:4] == (2, "Qwen-2.5-VL-7B", "grpo-gdqa", "sgg_anatomy") else c
             for c in clean_paper.cells]  # fmt: skip
    ablation = [claim for claim in clean_paper.claims if claim.id == "ablation-each"]
    [finding] = agreement.check_claims(ablation, cells).findings
    assert finding.title.endswith("in 0 of 6 cells")
    assert [f.id for f in agreement.check_twice(cells).findings] == [
        f"twice.grpo-gdqa-sgg_anatomy-{metric}" for metric in ("avg@5", "pass@1", "major@5")
    ]


def test_the_gain_of_the_larger_model_as_counted_by_hand():
    """OmniMedVQA: Pass@1 21.46 against 22.99, Major@5 14.36 against 14.76."""
    [gain] = [claim for claim in load_claims() if claim.kind == "gain"]
    found = {(one.benchmark, one.metric): one.hundredths for one in agreement.printed(gain, by_address(load_cells()))}
    assert found["omnimed_mi", "pass@1"] == 2146 - 2299
    assert found["omnimed_mi", "major@5"] == 1436 - 1476
    assert [key for key, value in found.items() if value <= 0] == [("omnimed_mi", "pass@1"), ("omnimed_mi", "major@5")]


@pytest.mark.parametrize(
    ("relation", "first", "second", "words"),
    [
        ("same", "a; b", "b;a", ""),
        ("same", "a; b", "a; c", "only the first: b; only the second: c"),
        ("range", "0..100", "avg@5", ""),
        ("range", "1..5", "avg@5", "lie outside 1..5"),
        ("complete", "grpo-asc", "sgg_anatomy omnimed_mi", ""),
        ("complete", "grpo-asc", "sgg_anatomy other", "grpo-asc has no cell on other"),
    ],
)
def test_relations(clean_cells, relation, first, second, words):
    pair = PassagePair("id", relation, "one", first, "other", second, "title", "question")
    found = agreement.broken(pair, clean_cells)
    assert (found == "") == (words == "")
    assert words in found


def test_data_files_refuse_what_they_do_not_know(tmp_path):
    path = tmp_path / "file.csv"
    head = ",".join(["id", "relation", *"abcdef"])
    path.write_text(f"{head}\nx,alike,1,2,3,4,5,6\n")
    with pytest.raises(AnatomyR1Error, match="unknown relation 'alike'"):
        load_definitions(path)
    path.write_text("table,model,method,benchmark,metric,percent\n1,m,a,b,avg@5,47.3\n")
    with pytest.raises(AnatomyR1Error, match=r"file.csv:2: '47.3' does not have two decimals"):
        load_cells(path)
    path.write_text(
        "id,locator,kind,claim,left,right,models,benchmarks,metrics,quantifier,evidence,curves\nx,,guess,,,,,,,,,\n"
    )
    with pytest.raises(AnatomyR1Error, match="unknown kind"):
        load_claims(path)


def test_every_claim_is_complete_and_every_row_of_the_tables_is_one():
    found = load_claims()
    rows = {(claim.left[0], *claim.models) for claim in found if claim.kind == "row"}
    assert rows == {(cell.method, cell.model) for cell in load_cells()}
    quoted = [id_ for claim in found if claim.kind == "quoted" for id_ in claim.evidence]
    assert set(quoted) == {one.id for one in load_figures()}
    assert all(claim.locator and claim.text for claim in found)


TEXT = "We test it. Details are in the appendix. As Figure X shows, the average score of 43.36% is high."


def test_text_with_and_without_its_appendix():
    one = load_figures()[0]
    made = agreement.check_text(TEXT, [one])
    assert [finding.id for finding in made.findings] == ["paper-text.appendix", "paper-text.open-reference"]
    assert "1 of 1 quotes" in made.looked_at
    whole = TEXT.replace("Figure X", "Figure 3") + "\n\nAppendix A: Details\n\nHere."
    assert agreement.check_text(whole, [one]).findings == ()
    lost = agreement.check_text("Other words.", [one])
    assert prose_rows(lost.tables[0])[1][0][0] == one.id
