"""The companion table of the arm as released, by hand."""

import pytest

from reports.tables.table1 import table1
from reports.tables.table2 import table2
from tests.helpers.stores import grid, named, paid, plan, row, shares, trained

FILE = {"file": "GRPO", "wording": "answer"}


def rl(method, rights, seed=0, arm="matched", file=None):
    of = paid(method, trained(plan(method, seed=seed)), seed, questions=shares(*rights), arm=arm)
    if file:
        of.provenance["released"] = file
    return of


def released(method, rights, seed=0, **file):
    return rl(method, rights, seed, "as-released", {**FILE, **file})


RESULTS = [
    rl("grpo", (2, 2, 2, 2)),
    rl("grpo-gdqa", (2, 2, 2, 2)),
    released("grpo", (1, 1, 1, 1)),
    released("grpo-gdqa", (2, 3, 2, 3), file="GRPO-GDQA", wording="choice"),
]


def test_a_gain_that_the_files_made_is_seen_beside_the_methods_on_the_same_questions():
    table = named(table1(RESULTS), "as-released")
    assert [column.title for column in table.columns] == [
        "file", "prompt", "Avg@5", "matched minus as released", "minus GRPO", "matched: minus GRPO", "seeds",
    ]  # fmt: skip
    file, prompt, avg, arms, within, matched, seeds = row(table, "mini-l", "GRPO-GDQA").cells
    assert (file.text, prompt.text, avg.text, seeds.text) == ("GRPO-GDQA", "choice", "50.00", "1")
    # matched minus as released: 0, -20, 0, -20 points: mean -10, standard error 20 / sqrt(12), t of 3 degrees.
    half = 3.182446305284263 * 20 / 12**0.5
    assert (arms.text, arms.aside) == ("-10.00", f"[{-10 - half:+.2f}, {-10 + half:+.2f}]")
    assert within.text == "+30.00"
    assert (matched.text, matched.aside) == ("0.00", "[0.00, 0.00]")


def test_the_main_table_keeps_to_the_matched_arm():
    assert named(table1(RESULTS), "table1") == named(table1(RESULTS[:2]), "table1")


def test_differences_are_over_the_seeds_of_the_arm():
    more = [rl("grpo", (0, 0, 0, 0), seed=1), rl("grpo-gdqa", (5, 5, 5, 5), seed=1)]
    assert named(table1([*RESULTS, *more]), "as-released").blocks == named(table1(RESULTS), "as-released").blocks


def test_a_store_without_that_arm_has_no_such_table_and_one_without_the_matched_has_dashes():
    assert "as-released" not in {table.name for table in table1(grid()).tables}
    alone = row(named(table1(RESULTS[2:]), "as-released"), "mini-l", "GRPO-GDQA").cells
    assert [cell.text for cell in alone[3:6]] == ["—", "+30.00", "—"]


def test_table_2_names_the_arm():
    own, other = table2(RESULTS).tables[0].blocks[:2]
    assert [row.title for row in own.rows if "as-released" in row.title] == []
    assert "GRPO-GDQA (as-released)" in [row.title for row in other.rows]


@pytest.mark.parametrize("lost", ["released", None])
def test_a_result_that_does_not_say_its_file_has_a_dash(lost):
    of = released("grpo", (1, 1, 1, 1))
    of.provenance.pop(lost, None) if lost else of.provenance.update(released=None)
    assert [c.text for c in row(named(table1([of]), "as-released"), "mini-l", "GRPO").cells[:2]] == ["—", "—"]
