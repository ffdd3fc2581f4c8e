"""What the image adds: planted policies in the table and their marks in Table 1; results without a record."""

from dataclasses import replace

import numpy as np
import pytest

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.scoring.intervals import paired_interval
from reports.formats import scores_csv
from reports.scores.cost import costs
from reports.scores.scores import BLIND_MARK, differences, scores
from reports.tables.blind import blind_report, export
from reports.tables.further import cost_report
from reports.tables.table1 import table1
from tests.helpers.blind import with_rule
from tests.helpers.stores import named, result, row, shares

RIGHT = [True, False] * 20


def policy(method, rights, **changes):
    """A result of 40 questions in eight clusters, from the number of right responses to each."""
    table = shares(*rights, clusters=[f"VID{n // 5}" for n in range(40)])
    return result(method, questions=table, **changes)


COPY = with_rule(policy("grpo", [5, 0] * 20), RIGHT)
PERFECT = with_rule(policy("sft", [5] * 40), RIGHT)
BEYOND = with_rule(policy("cot-sft", [5, 0, 5, 5] * 10), RIGHT)
OLD = policy("zero-shot", [5] * 40)
EVERY = [COPY, PERFECT, BEYOND, OLD]


def cells(report, title):
    return row(report.tables[0], "mini-l", title).cells


def test_a_copy_of_the_rule_is_not_above_and_a_perfect_policy_is():
    report = blind_report(EVERY)
    assert [cell.text for cell in cells(report, "GRPO")] == [
        f"50.00{BLIND_MARK}",
        "logistic",
        "50.00",
        "0.00",
        "not above",
    ]
    assert cells(report, "GRPO")[3].aside == "[0.00, 0.00]"
    assert [cell.text for cell in cells(report, "SFT")] == ["100.00", "logistic", "50.00", "+50.00", "above"]


def test_the_difference_is_paired_by_question():
    found = cells(blind_report(EVERY), "CoT-SFT")[3]
    by_id = BEYOND.questions.sort_values("id")
    right = np.array([dict(zip(BEYOND.questions["id"], RIGHT, strict=True))[name] for name in by_id["id"]])
    averages = by_id[[f"correct_{n}" for n in range(5)]].to_numpy(dtype=float).mean(axis=1)
    expected = paired_interval(averages, right, by_id["cluster"].tolist())
    assert found.text == f"{100 * expected.mean:+.2f}" == "+25.00"
    assert found.aside == f"[{100 * expected.low:+.2f}, {100 * expected.high:+.2f}]"


def test_rows_of_different_runs_are_told_apart_and_bases_are_counted():
    bases = [replace(PERFECT, base=base) for base in ("b-1", "b-2")]
    made = export([*bases, replace(COPY, base="b-1")])
    assert any(note.startswith("Means over different runs: ") for note in made.report.notes)
    assert {(score.seeds, score.bases) for score in made.scores if score.system.method == "sft"} == {(2, 2)}
    assert not any(note.startswith("Means over") for note in blind_report([COPY, PERFECT]).notes)


def test_the_order_of_a_stores_rows_does_not_matter():
    shuffled = replace(BEYOND, questions=BEYOND.questions.sample(frac=1, random_state=0))
    assert blind_report([shuffled]) == blind_report([BEYOND])


def test_table_1_marks_avg5_alone_and_says_what_the_mark_means():
    report = table1(EVERY)
    main = report.tables[0]
    assert row(main, "mini-l", "GRPO").cells[0].text == f"50.00{BLIND_MARK}"
    assert not any(BLIND_MARK in cell.text for cell in row(main, "mini-l", "GRPO").cells[1:])
    for title in ("SFT", "CoT-SFT", "Zero-Shot"):
        assert not any(BLIND_MARK in cell.text for cell in row(main, "mini-l", title).cells)
    text = " ".join(report.notes)
    assert f"{BLIND_MARK} = Avg@5 not above the best rule that sees no image" in text
    assert "SGG-VQA (Anatomy), mini world: logistic, 50.00 %" in text
    assert f"not recorded, 1 of 4 results; {BLIND_MARK} cannot mark these" in text
    assert any(BLIND_MARK in note for note in cost_report(EVERY).notes)


def test_without_any_record_nothing_is_marked_and_the_table_is_refused_with_a_fix():
    report = table1([OLD])
    shown = [*(cell.text for table in report.tables for block in table.blocks for r in block.rows for cell in r.cells)]
    assert not any(BLIND_MARK in text for text in shown)
    assert not any(note.startswith(BLIND_MARK) for note in report.notes)
    with pytest.raises(AnatomyR1Error, match="python -m baselines blind --store STORE --data PREPARED"):
        blind_report([OLD])


def test_a_mark_does_not_change_the_best_value():
    """Ranks are of numbers, not of texts."""
    best = [row(table1([one, COPY]).tables[0], "mini-l", "GRPO").cells[0].emphasis for one in (BEYOND, PERFECT)]
    assert best == ["second", "second"]


def test_what_is_said_of_a_result_without_a_rule():
    none = replace(OLD, provenance={**OLD.provenance, "blind": {"not_computed": "no training questions"}})
    assert cells(blind_report([COPY, none]), "Zero-Shot")[4].text == "not computed: no training questions"
    assert cells(blind_report([COPY, OLD]), "Zero-Shot")[4].text == "not recorded"


def test_one_cluster_gives_no_verdict_and_no_mark():
    alone = with_rule(result("grpo", questions=shares(5, 0, clusters="VID0")), [True, False])
    assert [cell.text for cell in cells(blind_report([alone]), "GRPO")][3:] == ["0.00", "no interval"]
    assert row(table1([alone]).tables[0], "mini-l", "GRPO").cells[0].text == "50.00"


def test_seeds_count_together():
    second = with_rule(policy("grpo", [5, 5] * 20, seed=1), RIGHT)
    assert cells(blind_report([COPY, second]), "GRPO")[3].text == "+25.00"
    lacking = policy("grpo", [5, 0] * 20, seed=1)
    assert cells(blind_report([COPY, PERFECT, lacking]), "GRPO")[4].text == "not recorded"


def test_the_csv_names_the_rule_and_the_marked_scores():
    made = export(EVERY)
    assert {score.metric for score in made.scores} == {"avg@5", "blind logistic", "avg@5 minus logistic"}
    text = scores_csv("mini", scores(EVERY), costs(EVERY), lambda _: None)
    marked = [line for line in text.splitlines()[1:] if line.endswith(",yes")]
    assert [line.split(",")[3:6] for line in marked] == [["grpo", "matched", "avg@5"]]
    assert "not_above_blind" not in scores_csv("mini", differences(EVERY, "grpo"), costs(EVERY), lambda _: None)


def test_the_table_stands_with_every_mark_of_a_row():
    unfit = replace(COPY, provenance={**COPY.provenance, "unfit": ["too long"]})
    assert row(named(blind_report([unfit]), "blind"), "mini-l", "GRPO (unfit)")
