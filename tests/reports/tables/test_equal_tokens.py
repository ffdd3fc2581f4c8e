"""The companion table of the arm of equal tokens, by hand."""

import pytest

from reports.tables.table1 import table1
from tests.helpers.stores import grid, named, paid, plan, result, row, shares, trained

ARM = {"arm": "equal-tokens"}
TITLE = "For the same number of sampled tokens: accuracy, and its difference from GRPO's"


def rl(method, rights, steps, tokens, seed=0, **changes):
    return paid(method, trained(plan(method, seed=seed), steps, tokens), seed, questions=shares(*rights), **changes)


RESULTS = [
    rl("grpo", (2, 2, 2, 2), 80, 9000),
    rl("dapo", (4, 4, 4, 4), 80, 20000),
    rl("grpo", (2, 2, 2, 2), 71, 8010, **ARM),
    rl("dapo", (2, 3, 2, 3), 31, 8100, **ARM),
]


def test_a_gain_that_tokens_bought_is_seen_beside_the_gain_without():
    table = named(table1(RESULTS), "equal-tokens")
    assert table.title == TITLE
    assert [column.title for column in table.columns] == [
        "Avg@5", "minus GRPO", "own budgets: minus GRPO", "steps", "rollout tokens",
    ]  # fmt: skip
    avg, equal, own, steps, tokens = row(table, "mini-l", "DAPO").cells
    assert avg.text == "50.00"
    # Differences 0, 20, 0, 20 points: mean 10, standard error 20 / sqrt(12), times t of 3 degrees of freedom.
    half = 3.182446305284263 * 20 / 12**0.5
    assert (equal.text, equal.aside) == ("+10.00", f"[{10 - half:+.2f}, {10 + half:+.2f}]")
    assert (own.text, own.aside) == ("+40.00", "[+40.00, +40.00]")
    assert (steps.text, tokens.text) == ("31", "8,100")


def test_both_differences_are_over_the_same_seeds():
    more = [rl("grpo", (0, 0, 0, 0), 80, 9000, seed=1), rl("dapo", (5, 5, 5, 5), 80, 20000, seed=1)]
    assert named(table1([*RESULTS, *more]), "equal-tokens").blocks == named(table1(RESULTS), "equal-tokens").blocks


def test_grpo_has_no_difference_to_itself():
    cells = row(named(table1(RESULTS), "equal-tokens"), "mini-l", "GRPO").cells
    assert [cell.text for cell in cells] == ["40.00", "—", "—", "71", "8,010"]


def test_the_main_table_keeps_to_own_budgets():
    main, alone = named(table1(RESULTS), "table1"), named(table1(RESULTS[:2]), "table1")
    assert main == alone


def test_costs_of_a_start_are_those_of_its_own_budget():
    start = paid("sft", trained(plan("sft"), 150, 0))
    child = plan("sft-grpo", parent=plan("sft"))
    later = paid("sft-grpo", trained(child, 225, 8000), **ARM)
    cells = row(named(table1([start, later, *RESULTS]), "equal-tokens"), "mini-l", "SFT+GRPO").cells
    assert cells[3].text == "225"


def test_a_store_without_that_arm_has_no_such_table():
    assert "equal-tokens" not in {table.name for table in table1(grid()).tables}


@pytest.mark.parametrize("method", ["dapo", "grpo-gdqa-no-text"])
def test_a_method_that_grpo_does_not_stand_beside_has_dashes(method):
    table = named(table1([result(), result(method, **ARM)]), "equal-tokens")
    cells = table.blocks[0].rows[0].cells
    assert [cell.text for cell in cells[1:3]] == ["—", "—"]
