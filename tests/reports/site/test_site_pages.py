"""Pages of tables and methods: their numbers, what they sort by, marks, and commands that name their cells."""

import re
from dataclasses import replace
from itertools import product

import pytest

from anatomy_r1.results.store import SUBMITTED, load_results
from anatomy_r1.scoring.strict import Reason
from reports.site.method_page import METHODS, knob_rows
from reports.site.page import commands, facts, sortable
from reports.site.samples import REASON_CODES, REASONS
from tests.helpers.site_reader import cell
from tests.helpers.stores import result


def test_tables_on_pages_hold_the_numbers_of_the_reports(run, site):
    from reports.tables.table1 import table1

    page = (site / "table1.html").read_text(encoding="utf-8")
    table = table1(load_results(run / "results")).tables[0]
    cells = [c for block in table.blocks for row in block.rows for c in row.cells if c.aside]
    assert len(cells) == 15  # three metrics of five methods
    for one in cells:
        assert re.search(
            rf'data-value="{re.escape(sortable(one))}"[^>]*>(<a [^>]*>)?(<span[^>]*>)?{re.escape(one.text)}', page
        )
        assert one.aside in page


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("25.55", "25.55"),
        ("25.55†", "25.55"),  # a leak's mark
        ("25.55†‡", "25.55"),  # and that of a score that a blind rule reaches
        ("+3.10", "+3.10"),
        ("\N{MINUS SIGN}3.10", "-3.10"),
        ("12,345", "12345"),
        ("<0.0001", "0.0001"),
        ("1.4e-42", "1.4e-42"),
        ("—", ""),  # nothing was run
        ("better", ""),
    ],
)
def test_a_cell_sorts_by_its_number(text, value):
    assert sortable(text) == value


def test_commands_name_exactly_the_cells_of_a_page(run):

    from baselines.__main__ import _parser

    found = set()
    for command in commands(load_results(run / "results")):
        head, words = command.split(" -- ")
        assert head in ("tox -e reproduce-table1", "tox -e reproduce-table2")
        parsed = _parser().parse_args(["run", *words.split()])
        found |= {
            (b, model, method, seed)
            for b in parsed.benchmarks
            for model in parsed.models
            for method in parsed.methods
            for seed in parsed.seeds
        }
    assert found == {(r.benchmark, r.model, r.method, r.seed) for r in load_results(run / "results")}


def test_commands_name_no_run_that_was_not_made():
    made = [*product(("b-1", "b-2", "b-3"), (0, 1, 2)), ("b-1", 3), ("b-1", 4)]
    results = [replace(result("grpo-again", seed=seed), base=base) for base, seed in made]
    assert [one.partition("--seeds ")[2] for one in commands(results)] == [
        "0 1 2 --bases b-2 b-3",
        "0 1 2 3 4 --bases b-1",
    ]


def test_what_others_submitted_has_no_command(run):
    results = load_results(run / "results")
    theirs = [replace(one, arm=SUBMITTED) for one in results]
    assert commands([*results, *theirs]) == commands(results) and commands(theirs) == ()


@pytest.mark.parametrize("training", ["120 steps", {"plan": []}, {"plan": {"method": "m", "arguments": 3}}], ids=str)
def test_a_training_that_says_nothing_of_its_settings_has_none(run, training):
    (one, *_) = load_results(run / "results")
    assert knob_rows([replace(one, provenance={"training": training})]) == [("starts from", "null")]
    assert facts([replace(one, provenance={"training": {"provenance": training}})])


def test_an_unfit_run_and_a_leak_are_marked_where_they_stand(site):
    assert cell(site, "zero-shot")["unfit"] and not cell(site, "grpo")["unfit"]
    assert "image" in cell(site, "grpo")["leaks"] and not cell(site, "zero-shot")["leaks"]
    assert "†" in (site / "table1.html").read_text(encoding="utf-8")
    assert "(unfit)" in (site / "method-zero-shot.html").read_text(encoding="utf-8")
    assert "12.0 % of the responses unparsed" in (site / "method-zero-shot.html").read_text(encoding="utf-8")


def test_a_score_that_is_not_above_the_blind_rule_is_marked_and_has_its_page(site):
    table = (site / "table1.html").read_text(encoding="utf-8")
    assert "‡ = Avg@5 not above the best rule that sees no image" in table
    page = (site / "blind.html").read_text(encoding="utf-8")
    assert "What the image adds: Avg@5 minus the best blind rule" in page and ">not above<" in page


def test_every_reason_of_the_extractor_and_every_method_is_explained():
    from typing import get_args

    from reports.scores.names import TITLES

    assert set(REASONS) == set(get_args(Reason)) == set(REASON_CODES)
    assert set(TITLES) <= set(METHODS)
