"""Costs: numbers by hand, what is not known, what a method started from, and that seconds stay out of the tables."""

import csv
import io

import pytest

from anatomy_r1.results.store import save_result
from anatomy_r1.tables import text
from anatomy_r1.tables.table import MISSING
from reports.__main__ import main
from reports.scores.cost import Amount, costs
from reports.scores.scores import SystemKey
from reports.tables.further import cost_report
from reports.tables.table1 import table1
from reports.write import cost_files, table_files
from tests.helpers.stores import PROVENANCE, grid, named, paid, plan, result, row, trained

GRPO = SystemKey("sgg_anatomy_mini", "mini-l", "grpo", "matched")


def cost(results, method="grpo"):
    return costs(results)[SystemKey("sgg_anatomy_mini", "mini-l", method, "matched")]


def cells(results, title, table="cost", of=table1):
    """A method's cells of its first benchmark, as `text aside`."""
    found = row(named(of(results), table), "mini-l", title).cells
    return [f"{cell.text} {cell.aside}".strip() for cell in found]


def test_two_seeds_are_averaged_by_hand():
    first = paid("grpo", trained(plan("grpo"), 100, 1000, 10.0), evaluation={"tokens": 500, "seconds": 4.0})
    second = paid("grpo", trained(plan("grpo", seed=1), 110, 3000, 21.0), 1, {"tokens": 700, "seconds": 7.0})
    found = cost([first, second])
    assert (found.steps, found.seeds) == (Amount(105.0, 105.0, continued=False), 2)
    assert (found.rollout_tokens.own, found.training_seconds.own) == (2000.0, 15.5)
    assert (found.evaluation_tokens, found.evaluation_seconds) == (600.0, 5.5)
    assert cells([first, second], "GRPO")[1:3] == ["105", "2,000"]
    assert cells([first, second], "GRPO", "costs", cost_report)[1:7] == ["105", "2,000", "15.5", "600", "5.5", "2"]


@pytest.mark.parametrize(
    "training",
    [
        {},
        {"steps": 3},
        {"spent": None},
        {"spent": {}},
        {"spent": [120, 5000, 60.0]},
        "120 steps",
        *({"spent": dict.fromkeys(("steps", "rollout_tokens", "seconds"), bad)} for bad in (-1, "12", True, None)),
        *({"spent": dict.fromkeys(("steps", "rollout_tokens", "seconds"), float(bad))} for bad in ("nan", "inf")),
    ],
    ids=str,
)
def test_what_was_not_recorded_is_a_dash_and_never_a_zero(training):
    results = [paid("grpo", training)]
    found = cost(results)
    assert {found.steps.own, found.rollout_tokens.own, found.training_seconds.own, found.steps.whole} == {None}
    assert cells(results, "GRPO")[1:3] == [MISSING, MISSING]
    assert cells(results, "GRPO", "costs", cost_report)[1:6] == [MISSING] * 5


def test_a_provenance_without_any_training_is_not_an_untrained_method():
    assert cost([result()]).steps.own is None
    untrained = cost([result(provenance={**PROVENANCE, "training": None})])
    assert untrained.steps == untrained.rollout_tokens == untrained.training_seconds == Amount(0.0, 0.0, False)


def test_an_untrained_method_took_no_steps():
    results = [paid("zero-shot", None, evaluation={"tokens": 0, "seconds": 0})]
    assert cells(results, "Zero-Shot")[1:3] == ["0", "0"]
    assert cells(results, "Zero-Shot", "costs", cost_report)[1:6] == ["0", "0", "0.0", "0", "0.0"]


def test_a_mean_over_the_seeds_that_happen_to_be_known_is_not_shown():
    results = [paid("grpo", trained(plan("grpo"))), paid("grpo", {}, seed=1)]
    assert cost(results).steps == Amount(None, None, False)
    assert cost(results).evaluation_tokens is None


SFT = plan("sft", learning_rate=1e-3)
CHILD = trained(plan("sft-grpo", parent=SFT), 120, 5000, 60.0)


def test_a_method_shows_its_own_cost_and_the_whole():
    results = [paid("sft", trained(SFT, 150, 0, 30.5)), paid("sft-grpo", CHILD)]
    found = cost(results, "sft-grpo")
    assert found.steps == Amount(120.0, 270.0, continued=True)
    assert found.rollout_tokens == Amount(5000.0, 5000.0, continued=True)
    assert found.training_seconds == Amount(60.0, 90.5, continued=True)
    assert cost(results, "sft").steps == Amount(150.0, 150.0, continued=False)
    assert cells(results, "SFT+GRPO")[1:3] == ["120 (270)", "5,000 (5,000)"]
    assert cells(results, "SFT+GRPO", "costs", cost_report)[1:4] == ["120 (270)", "5,000 (5,000)", "60.0 (90.5)"]
    assert cells(results, "SFT")[1:3] == ["150", "0"]


@pytest.mark.parametrize(
    "other",
    [
        [],
        [paid("sft", trained(plan("sft", learning_rate=1e-4), 150))],
        [paid("sft", trained(plan("sft", seed=1, learning_rate=1e-3), 150), 1)],
        [paid("sft", trained(plan("sft", "omnimed_mi_mini", learning_rate=1e-3)), benchmark="omnimed_mi_mini")],
        [paid("sft", {"plan": SFT})],
        [paid("sft", None)],
    ],
    ids=["none", "another training", "another seed", "another benchmark", "its cost unknown", "no record"],
)
def test_where_the_parent_is_not_known_its_own_cost_stands_beside_a_dash(other):
    assert cells([*other, paid("sft-grpo", CHILD)], "SFT+GRPO")[1:3] == ["120 (—)", "5,000 (—)"]


def test_a_cost_that_is_not_known_has_nothing_beside_it():
    results = [paid("sft", trained(SFT, 150)), paid("sft-grpo", {"plan": CHILD["plan"]})]
    assert cells(results, "SFT+GRPO")[1:3] == [MISSING, MISSING]


def test_each_seed_has_its_own_parent():
    parents = [plan("sft", seed=seed) for seed in (0, 1)]
    results = [
        *(
            paid("sft", trained(parent, 100 + 20 * parent_seed, 0), parent_seed)
            for parent_seed, parent in enumerate(parents)
        ),
        *(paid("sft-grpo", trained(plan("sft-grpo", seed=s, parent=parents[s]), 10 + s), s) for s in (0, 1)),
    ]
    assert cost(results, "sft-grpo").steps == Amount(10.5, 120.5, continued=True)
    without = [r for r in results if (r.method, r.seed) != ("sft", 1)]
    assert cost(without, "sft-grpo").steps == Amount(10.5, None, continued=True)


def test_a_parent_may_have_a_parent():
    middle = plan("sft-grpo", parent=SFT)
    last = paid("third", trained(plan("third", parent=middle), 1, 1, 1.0))
    results = [last, paid("sft-grpo", trained(middle, 20, 20, 2.0)), paid("sft", trained(SFT, 300, 0, 3.0))]
    assert cost(results, "third").steps == Amount(1.0, 321.0, continued=True)
    assert cost(results[:2], "third").steps == Amount(1.0, None, continued=True)


def test_the_order_of_results_does_not_matter():
    results = [paid("sft", trained(SFT, 150)), paid("sft-grpo", CHILD), paid("grpo", None, seed=1), *grid()[:3]]
    assert costs(results) == costs(results[::-1])


def test_costs_stand_beside_the_score():
    results = grid()
    main_cell = row(named(table1(results), "table1"), "mini-l", "SFT").cells[0]
    assert cells(results, "SFT")[0] == main_cell.text
    assert [column.title for column in named(table1(results), "cost").columns][:3] == [
        "Avg@5",
        "steps",
        "rollout tokens",
    ]


def save(root, seconds):
    root.mkdir()
    for method, seed in (("grpo-gdqa", 0), ("grpo-gdqa-no-text", 0), ("sft-grpo", 0), ("grpo-gdqa", 1)):
        training = trained(plan(method, seed=seed), 120, 5000, seconds)
        save_result(root, paid(method, training, seed, {"tokens": 900, "seconds": seconds / 2}))
    return root


def test_tables_do_not_know_how_long_it_took_and_costs_do(tmp_path):
    quick, slow = save(tmp_path / "quick", 71234.5), save(tmp_path / "slow", 86420.9)
    for name in ("table1", "table2"):
        assert table_files(name, quick) == table_files(name, slow)
        assert all(
            ("120" in content and "5,000" in content) or "5000" in content
            for content in table_files(name, quick).values()
        )
    assert cost_files(quick).keys() == {"cost.txt", "cost.csv"}
    assert "71,234.5" in cost_files(quick)["cost.txt"]
    assert "71234.5" in cost_files(quick)["cost.csv"]
    assert all(cost_files(quick)[name] != cost_files(slow)[name] for name in cost_files(quick))


def test_costs_are_printed_before_the_table_and_written_beside(tmp_path, capsys):
    store = save(tmp_path / "store", 10.0)
    assert main(["table1", "--store", str(store), "--out", str(tmp_path / "out")]) == 0
    printed = capsys.readouterr().out
    texts = [(tmp_path / "out" / name).read_text() for name in ("cost.txt", "table1.txt")]
    assert printed.startswith(f"{texts[0]}\n{texts[1]}\nWritten: ")
    assert printed.index("Table 1.") > printed.index("Training cost: optimiser steps") > printed.index("training s")
    assert (tmp_path / "out" / "cost.csv").read_text() == cost_files(store)["cost.csv"]


def test_both_tables_write_the_same_costs(tmp_path, capsys):
    store = save(tmp_path / "store", 10.0)
    for name in ("table1", "table2"):
        assert main([name, "--store", str(store), "--out", str(tmp_path / name)]) == 0
    outs = [(tmp_path / name / "cost.csv").read_text() for name in ("table1", "table2")]
    assert outs[0] == outs[1]
    assert "sft-grpo" in outs[0]


def test_cost_csv_is_tidy(tmp_path):
    results = [
        paid("sft", trained(SFT, 150, 0, 30.5)),
        paid("sft-grpo", CHILD, evaluation={"tokens": 7, "seconds": 1.5}),
    ]
    for each in [*results, result("=1+1")]:
        save_result(tmp_path / "store", each)
    lines = {line["method"]: line for line in csv.DictReader(io.StringIO(cost_files(tmp_path / "store")["cost.csv"]))}
    assert set(lines) == {"'=1+1", "sft", "sft-grpo"}
    child = lines["sft-grpo"]
    amounts = [list(child.values())[index] for index in range(6, 12)]
    assert amounts == ["120.0000", "270.0000", "5000.0000", "5000.0000", "60.0000", "90.5000"]
    assert list(child)[6:12:2] == ["steps", "rollout_tokens", "training_seconds"]
    assert (child["evaluation_tokens"], child["evaluation_seconds"], child["seeds"]) == ("7.0000", "1.5000", "1")
    assert set(list(lines["'=1+1"].values())[6:]) == {""}


def test_tables_csv_has_the_groups_steps_and_tokens_on_each_line(tmp_path):
    for each in [paid("sft", trained(SFT, 150, 0, 30.5)), paid("sft-grpo", CHILD)]:
        save_result(tmp_path, each)
    lines = list(csv.DictReader(io.StringIO(table_files("table1", tmp_path)["table1.csv"])))
    found = {(line["method"], line["steps"], line["steps_with_start"], line["rollout_tokens"]) for line in lines}
    assert found == {("sft", "150.0000", "150.0000", "0.0000"), ("sft-grpo", "120.0000", "270.0000", "5000.0000")}


def test_hostile_names_stay_names(capsys):
    hostile = "\x1b[31m<script>\n| evil"
    page = text.render(cost_report([result(hostile, provenance={"machine": hostile})]))
    assert "\x1b" not in page
    assert "?[31m<script>?| evil" in page
    assert max(map(len, page.splitlines())) <= 140


def test_the_footer_names_the_machines_that_the_seconds_are_of():
    here = {"system": "Linux x86_64", "processor": "2 x some processor", "gpus": []}
    there = {"system": "Linux x86_64", "processor": "64 x another", "gpus": ["GPU A", "GPU B", "GPU A"]}
    training = {**trained(plan("grpo")), "provenance": {"machine": there}}
    results = [
        result(provenance={"machine": here, "training": training}),
        result("sft", provenance={"machine": "Linux x86_64"}),
        result("cot-sft", provenance={"training": {"provenance": {"machine": {"gpus": None}}}}),
    ]
    machines = [note for note in cost_report(results).notes if note.startswith("Seconds")]
    assert machines == [
        "Seconds: wall-clock time on 2 x some processor (Linux x86_64); 64 x another, 2 x GPU A, 1 x GPU B (Linux "
        "x86_64); Linux x86_64; an unknown machine; an unknown processor (an unknown system), which may have done "
        "other work as well."
    ]
    assert not any("some processor" in note for note in table1(results).notes)


def test_cost_footer_says_what_every_footer_says():
    report = cost_report([result()])
    assert "not for clinical use" in " ".join(report.notes)
    assert "commit 0123456789" in " ".join(report.notes)
    assert "say nothing about Qwen2.5-VL" in report.warning


def test_no_results_have_no_costs():
    with pytest.raises(ValueError, match="store is empty"):
        cost_report([])
