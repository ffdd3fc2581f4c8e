"""Known answers: which outcomes are right, planted differences, and the tables of them and of the doses."""

from dataclasses import replace

import pytest

from anatomy_r1.comparison.calibration import KNOWN, calibrate, outcome
from anatomy_r1.comparison.systems import SystemRun, systems
from anatomy_r1.errors import AnatomyR1Error
from baselines.methods.registry import find_method
from reports.tables.calibration import designs, export
from tests.helpers.stores import PROVENANCE, named, questions, result

VERDICTS = ("better", "worse", "no detectable difference", "underpowered")
SEEDS = (0, 1, 2)
RIGHT = {
    "sft": 0.5, "cot-sft": 0.8, "grpo": 0.7, "grpo-again": 0.7, "grpo-gdqa-off": 0.7, "grpo-flipped": 0.5,
    "grpo-twice": 0.8, "grpo-asc-pool": 0.6, "grpo-asc-shuffled": 0.6, "grpo-asc": 0.6, "grpo-gdqa": 0.6,
}  # fmt: skip


def cells(right=RIGHT, *, dose=None, model="mini-l"):
    """Three seeds of each method; those that are to be alike have the same answers, all others their own."""
    twins = {"grpo-gdqa-off": "grpo"}
    plan = {"plan": {"model": {"dose": dose}}} if dose is not None else {}
    for method, chance in right.items():
        drawn_as = sorted(RIGHT).index(twins.get(method, method))
        for seed in SEEDS:
            table = questions(chance, n=240, clusters=24, seed=100 * drawn_as + seed)
            more = {"provenance": {**PROVENANCE, "training": plan}} if plan else {}
            yield result(method, model=model, seed=seed, questions=table, **more)


def calibrated(right=RIGHT):
    found = calibrate(systems([SystemRun.from_result(one, "") for one in cells(right)]))
    return {(one.known.baseline, one.known.other): one for one in found}


@pytest.mark.parametrize(
    ("expected", "right"),
    [
        ("no difference", {"no detectable difference", "underpowered"}),
        ("not worse", {"better", "no detectable difference", "underpowered"}),
        ("worse", {"worse"}),
        ("better", {"better"}),
    ],
)
def test_which_verdicts_are_right(expected, right):
    assert {one for one in VERDICTS if outcome(expected, one) == "as expected"} == right
    wrong = "false alarm" if expected == "no difference" else "missed"
    assert {outcome(expected, one) for one in VERDICTS if one not in right} == {wrong}


@pytest.mark.parametrize("verdict", VERDICTS)
def test_identical_means_every_answer(verdict):
    assert outcome("identical", verdict, identical=True) == "as expected"
    assert outcome("identical", verdict, identical=False) == "false alarm"


def test_planted_answers_are_all_found():
    found = calibrated()
    assert set(found) == {(one.baseline, one.other) for one in KNOWN}
    assert {one.outcome for one in found.values()} == {"as expected"}
    assert [pair for pair, one in found.items() if one.identical] == [("grpo", "grpo-gdqa-off")]


@pytest.mark.parametrize(
    ("method", "chance", "pair", "told"),
    [
        ("grpo-again", 0.4, ("grpo", "grpo-again"), "false alarm"),
        ("grpo-asc-shuffled", 0.9, ("grpo-asc-pool", "grpo-asc-shuffled"), "false alarm"),
        ("grpo-gdqa-off", 0.71, ("grpo", "grpo-gdqa-off"), "false alarm"),
        ("grpo-flipped", 0.7, ("grpo", "grpo-flipped"), "missed"),
        ("grpo-twice", 0.3, ("grpo", "grpo-twice"), "missed"),
        ("cot-sft", 0.5, ("sft", "cot-sft"), "missed"),
    ],
)
def test_a_planted_fault_is_told(method, chance, pair, told):
    found = calibrated({**RIGHT, method: chance})
    assert {one: of.outcome for one, of in found.items() if of.outcome != "as expected"} == {pair: told}


def test_answers_without_both_systems_are_left_out():
    assert set(calibrated({"grpo": 0.5, "grpo-twice": 0.7, "cot-sft": 0.5})) == {("grpo", "grpo-twice")}
    assert calibrated({"grpo": 0.5}) == {}


def test_every_known_answer_is_of_methods_that_exist():
    assert all(find_method(method) for one in KNOWN for method in (one.baseline, one.other))


def test_tables_of_answers_and_doses():
    strong = {"grpo": 0.4, "grpo-asc": 0.8, "grpo-gdqa": 0.4}
    of_doses = [
        *cells(strong, dose={"likeness": 2.0}, model="mini-l-likeness-2"),
        *cells({**strong, "grpo-asc": 0.4}, dose={"likeness": 0.0}, model="mini-l-none"),
    ]
    report = export([*cells(), *of_doses]).report
    (block,) = named(report, "known-answers").blocks
    assert [row.cells[5].text for row in block.rows] == ["as expected"] * len(KNOWN)
    assert [block.rows[1].cells[at].text for at in (2, 3, 4)] == ["0, 1, 2", "the same answers", "—"]
    assert all(0 <= float(row.cells[4].text.strip("<")) <= 1 for at, row in enumerate(block.rows) if at != 1)
    (doses,) = named(report, "doses").blocks
    assert [row.title for row in doses.rows] == ["none", "likeness 2"]
    gains = [float(row.cells[2].text) for row in doses.rows]
    assert abs(gains[0]) < 10 < 30 < gains[1]


def test_two_models_of_one_dose_are_refused_by_name():
    alike = [("mini-l-likeness-0", {"likeness": 0.0}), ("mini-l-peak-0", {"peak": 0.0})]
    both = [one for model, dose in alike for one in cells({"grpo": 0.4, "grpo-asc": 0.8}, dose=dose, model=model)]
    with pytest.raises(AnatomyR1Error, match="mini-l-likeness-0 and mini-l-peak-0 have the same dose"):
        export(both)


def test_each_number_of_a_dose_tells_its_runs():
    dosed = cells({"grpo": 0.4, "grpo-asc": 0.8, "grpo-gdqa": 0.4}, dose={"peak": 1.0}, model="mini-l-peak-1")
    few = [one for one in dosed if one.method != "grpo-asc" or one.seed == 1]
    (block,) = named(export(few).report, "doses").blocks
    assert [block.rows[0].cells[at].text for at in (1, 3, 5)] == ["0, 1, 2", "1", "0, 1, 2"]


def test_answers_that_were_not_run_are_named_and_belong_to_the_family():
    alone = calibrated({"sft": 0.5, "cot-sft": 0.56})["sft", "cot-sft"].comparison.test
    assert alone.p == pytest.approx(min(1.0, len(KNOWN) * alone.flip.p))
    assert 0 < alone.flip.p < 0.5
    (table,) = [one for one in export([*cells({"sft": 0.5, "cot-sft": 0.8})]).report.tables if one.blocks]
    (note,) = [one for one in table.notes if one.startswith("Not run, ")]
    assert note.count("→") == len(KNOWN) - 1 and "GRPO → GRPO, other seeds" in note and "CoT-SFT" not in note
    assert not any(one.startswith("Not run") for one in named(export([*cells()]).report, "known-answers").notes)


@pytest.mark.parametrize("chance", [0.2, 0.5, 0.9])
@pytest.mark.parametrize(("method", "pair"), [("cot-sft", ("sft", "cot-sft")), ("grpo-again", ("grpo", "grpo-again"))])
def test_verdicts_of_these_weights_alone_are_no_outcome(method, pair, chance):
    two = [one for one in cells({**RIGHT, method: chance}) if one.seed < 2]
    found = calibrate(systems([SystemRun.from_result(one, "") for one in two]))
    assert {one.outcome for one in found if one.known.expected != "identical"} == {"not judged"}
    assert {one.outcome for one in found if one.known.expected == "identical"} == {"as expected"}
    assert pair in {(one.known.baseline, one.known.other) for one in found}


def test_a_verdict_of_one_training_is_marked_and_the_runs_of_each_answer_are_told():
    found = [one for one in cells() if one.method != "cot-sft" or one.seed == 0]
    (block,) = named(export(found).report, "known-answers").blocks
    shown = {row.title: row.cells for row in block.rows}
    assert (shown["SFT → CoT-SFT"][2].text, shown["SFT → CoT-SFT"][3].aside) == ("0", "(these weights)")
    assert [shown["SFT → CoT-SFT"][at].text for at in (4, 5)] == ["—", "not judged"]
    assert (shown["GRPO → GRPO, twice the steps"][2].text, shown["GRPO → GRPO, twice the steps"][3].aside) == (
        "0, 1, 2", ""
    )  # fmt: skip


def test_other_prompts_are_refused_but_where_they_are_what_the_methods_differ_in():
    asked = {"cot-sft": "think", "sft": "direct", "grpo": "think", "grpo-twice": "think"}
    found = [replace(one, style=asked[one.method]) for one in cells({method: RIGHT[method] for method in asked})]
    assert len(calibrate(systems([SystemRun.from_result(one, "") for one in found]))) == 2
    changed = [replace(one, style="direct") if one.method == "grpo-twice" else one for one in found]
    with pytest.raises(AnatomyR1Error, match="prompts differ in style"):
        calibrate(systems([SystemRun.from_result(one, "") for one in changed]))


@pytest.mark.parametrize("column", ["correct_4", "greedy", "parsed"])
def test_one_other_answer_is_no_identity(column):
    changed = []
    for one in cells({"grpo": 0.7, "grpo-gdqa-off": 0.7}):
        table = one.questions.copy()
        if (one.method, one.seed) == ("grpo-gdqa-off", 2):
            table.loc[7, column] = 4 if column == "parsed" else not table.loc[7, column]
        changed.append(replace(one, questions=table))
    (found,) = calibrate(systems([SystemRun.from_result(one, "") for one in changed]))
    assert (found.identical, found.outcome) == (False, "false alarm")


def test_all_bases_under_the_seeds_they_share_then_a_base_with_more():
    found = list(cells({"sft": 0.5, "cot-sft": 0.8}))
    crossed = [replace(one, base=base) for one in found for base in ("one", "two", "three")]
    deeper = [replace(one, base="two", seed=one.seed + 3) for one in found]
    assert [one.title.rpartition("; ")[2] for one in designs(crossed)] == ["seeds 0, 1, 2 x one, three, two"]
    both = list(designs([*crossed, *deeper]))
    assert [one.title.rpartition("; ")[2] for one in both] == [
        "seeds 0, 1, 2 x one, three, two", "seeds 0, 1, 2, 3, 4, 5 x two"
    ]  # fmt: skip
    assert [[len(system.runs) for system in one.systems] for one in both] == [[9, 9], [6, 6]]
    (all_bases, one_base) = named(export([*crossed, *deeper]).report, "known-answers").blocks
    assert [len(block.rows) for block in (all_bases, one_base)] == [1, 1]


def test_scores_of_the_csv_are_of_the_shared_seeds():
    crossed = [replace(one, base=base) for one in cells({"sft": 0.5, "cot-sft": 0.8}) for base in ("a", "b", "c")]
    more = replace(result("sft", questions=questions(0.1, n=240, clusters=24)), base="a", seed=9)
    shown = [list(export(results).scores) for results in (crossed, [*crossed, more])]
    assert shown[0] == shown[1] and {one.seeds for one in shown[1]} == {9}


def test_a_store_without_any_says_what_to_run():
    with pytest.raises(AnatomyR1Error, match="--artefact calibration"):
        export([result("zero-shot")])
