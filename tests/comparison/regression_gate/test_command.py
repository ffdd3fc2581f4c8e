"""`anatomy-r1 regress`: what passes, what fires, what is refused, and with which exit status."""

import argparse

import numpy as np
import pytest

from anatomy_r1.cli import regress as regress_cli
from anatomy_r1.comparison.panel import RECORDED
from anatomy_r1.comparison.regression_gate.judge import METRICS, GateRule
from tests.comparison.regression_gate.conftest import cells, found, regress
from tests.comparison.test_compare_sources import MINI


def test_a_re_evaluation_passes_and_six_points_less_do_not(at, tmp_path, capsys):
    assert regress(at("same"), "--against", at("good")) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("PASS: 1 metric judged")
    assert regress(at("worse"), "--against", at("good"), "--out", tmp_path / "g.json") == 1
    assert capsys.readouterr().out.splitlines()[-1].startswith("REGRESSION: 1 of 1 metric judged fell")
    (one,) = found(tmp_path / "g.json")["pairs"][0]["judged"]
    assert one["fall"] == pytest.approx(0.06, abs=0.01)
    assert one["tolerance"]["limit"] < 0.025
    assert one["verdict"] == "regression"


def test_flipped_questions_are_listed_with_the_largest_fall_first(at, tmp_path, capsys):
    regress(at("worse"), "--against", at("good"), "--out", tmp_path / "g.json", "--flips", "2")
    lost = found(tmp_path / "g.json")["pairs"][0]["lost"]
    falls = [one["before"] - one["after"] for one in lost]
    assert len(falls) > 20
    assert falls == sorted(falls, reverse=True)
    out = capsys.readouterr().out
    assert out.index("right to wrong\n") < out.index("wrong to right\n")
    assert lost[0]["id"] in out
    assert lost[2]["id"] not in out


def test_one_run_is_enough_and_the_report_states_the_assumption(at, capsys):
    assert regress(at("same"), "--against", at("good", 0)) == 0
    assert "that nothing but sampling moves the score is assumed" in capsys.readouterr().out


def test_a_few_questions_are_underpowered_and_can_be_made_to_fail(tmp_path, capsys):
    chance = np.full(60, 0.6)
    old, new = (cells(tmp_path, name, chance, [seed], "w0") for name, seed in (("old", 0), ("new", 1)))
    assert regress(new, "--against", old) == 0
    assert "PASS, BUT UNDERPOWERED: a loss of 5 points could pass unseen" in capsys.readouterr().out
    assert regress(new, "--against", old, "--require-power") == 4
    assert regress(new, "--against", old, "--require-power", "--smallest-difference", "40") == 0


def test_training_mode_uses_the_variance_of_trainings(at, tmp_path, capsys):
    command = [at("worse"), "--against", at("trained"), "--mode", "training", "--out", tmp_path / "g.json"]
    assert regress(*command) == 1
    (one,) = found(tmp_path / "g.json")["pairs"][0]["judged"]
    assert one["tolerance"]["rests_on"] == "trainings"


@pytest.mark.parametrize(
    ("side", "seeds", "weights"),
    [("fresh", [10, 11, 12], lambda seed: "one"), ("reference", range(6), lambda seed: f"t{seed % 2}")],
    ids=["three evaluations of one fresh training", "three of each of two reference trainings"],
)
def test_several_evaluations_of_a_training_are_not_several_trainings(
    at, tmp_path, chance, capsys, side, seeds, weights
):
    """Taken for trainings, honest ones fired in 6 % (one, thrice, against five) and 18 % (against two, five times)."""
    again = cells(tmp_path, "again", chance, seeds, weights)
    new, old = (again, at("trained")) if side == "fresh" else (at("same"), again)
    assert regress(new, "--against", old, "--mode", "training") == 2
    assert "Fix: name one evaluation of each training" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (("b-1",), ("b-2",), "the bases differ (reference b-1; fresh b-2)"),
        (("b-1", "b-2"), ("b-1",), "the bases differ (reference b-1, b-2; fresh b-1)"),
        (("b-1", "b-2"), ("b-1", "b-2"), "judge base by base"),
        (("b-1",), ("b-1",), ""),
    ],
    ids=["another base", "one of several", "the same ones", "the same one"],
)
def test_bases_are_no_trainings_and_the_gate_says_so(tmp_path, chance, capsys, old, new, said):
    for side, bases, seeds in (("old", old, range(3)), ("new", new, range(10, 13))):
        for base in bases:
            cells(tmp_path / side, "one", chance, seeds, lambda seed, key=(side, base): f"{key}{seed}", base=base)
    paths = [tmp_path / side / "sgg_anatomy_mini" / "mini-l" / "one" / "matched" for side in ("new", "old")]
    assert regress(paths[0], "--against", paths[1], "--mode", "training") == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert said in printed
    assert ("the bases differ" in printed or "several bases" in printed) == bool(said)


def test_every_metric_by_every_category_shares_one_allowance(at, tmp_path):
    alone, many = tmp_path / "a.json", tmp_path / "m.json"
    regress(at("same"), "--against", at("good"), "--out", alone)
    metrics = ("avg@5", "pass@1", "major@5", "parsed", "truncated")
    assert regress(at("same"), "--against", at("good"), "--metrics", *metrics, "--by-category", "--out", many) == 0
    first, judged = found(alone)["pairs"][0]["judged"][0], found(many)["pairs"][0]["judged"]
    assert len(judged) == 5 * (1 + 4)
    assert judged[0]["metric"] == "avg@5"
    assert judged[0]["tolerance"]["limit"] > first["tolerance"]["limit"]


@pytest.mark.parametrize(
    ("result", "against", "options", "status", "message"),
    [
        ("same", "trained", [], 2, "--mode training"),
        ("same", "good", ["--mode", "training"], 2, "--mode sampling"),
        ("same", "trained0", ["--mode", "training"], 2, "preferably five"),
        ("same", "good0", ["--metrics", "major@5"], 2, "does not show the noise of major@5"),
        ("same", "good", ["--metrics", "greedy"], 2, "sampling seeds do not move it"),
        ("same", "good", ["--false-alarms", "0.7"], 2, "for example 0.02"),
        ("same", "good", ["--smallest-difference", "0"], 2, "for example 5"),
        ("same", "good", ["--out", "g.pdf"], 2, "no such format"),
        ("nothing", "good", [], 2, "no such response log"),
    ],
    ids=[
        "trainings are no repeats", "repeats are no trainings", "one training", "majority of one run", "greedy",
        "mostly false", "nothing is smaller", "format", "no result",
    ],
)  # fmt: skip
def test_what_cannot_be_judged_is_refused_with_a_fix(at, capsys, result, against, options, status, message):
    seed = 0 if against.endswith("0") else None
    result = at(result) if result != "nothing" else "nothing.sqlite"
    assert regress(result, "--against", at(against.removesuffix("0"), seed), *options) == status
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("changed", "kind"),
    [({"prompt": "another"}, "prompts"), ({"data": {"questions_sha256": "other"}}, "questions")],
)
def test_other_conditions_are_refused_unless_allowed(at, tmp_path, chance, capsys, changed, kind):
    other = cells(tmp_path, "other", chance, [10], "w0", **changed)
    assert regress(other, "--against", at("good")) == 2
    assert f"--allow-different {kind}" in capsys.readouterr().err
    assert regress(other, "--against", at("good"), "--allow-different", kind) == 0
    assert f"{kind} differ in" in capsys.readouterr().out


def test_fewer_questions_are_not_the_same_questions(at, tmp_path, chance, capsys):
    other = cells(tmp_path, "other", chance[:900], [10], "w0")
    assert regress(other, "--against", at("good")) == 2
    assert "questions differ: 1000 (reference mini-l/good/matched), 900" in capsys.readouterr().err


def test_a_benchmark_that_was_not_evaluated_does_not_pass(at, store, capsys):
    """Several results pair by name; one that has no fresh counterpart ends in 3, one without reference in 2."""
    assert regress(at("good"), "--against", at("good"), at("worse")) == 3
    assert "no fresh result for sgg_anatomy_mini/mini-l/worse/matched" in capsys.readouterr().err
    assert regress(at("good"), at("worse"), "--against", at("good")) == 2
    assert "no reference for sgg_anatomy_mini/mini-l/worse/matched" in capsys.readouterr().err


def test_a_better_result_passes_and_asks_for_a_new_reference(at, capsys):
    assert regress(at("good"), "--against", at("worse")) == 0
    assert "record a new one" in " ".join(capsys.readouterr().out.split())


def test_the_same_draw_is_reported(at, capsys):
    assert regress(at("good", 1), "--against", at("good")) == 0
    assert "no fresh draw" in " ".join(capsys.readouterr().out.split())


def test_the_committed_results_against_themselves(capsys):
    """A base's three repeats: each passes against the two others."""
    for benchmark in ("sgg_anatomy_mini", "omnimed_mi_mini"):
        folder = MINI / benchmark / "mini-l@mini-l-1" / "zero-shot" / "matched"
        for seed in range(3):
            others = [folder / f"seed{other}.json" for other in range(3) if other != seed]
            assert regress(folder / f"seed{seed}.json", "--against", *others) == 0


def test_the_commands_choices_and_defaults_are_those_of_the_rule():
    """Repeated in the command so that --help imports nothing heavy."""
    assert regress_cli.KINDS == RECORDED
    assert regress_cli.METRICS == METRICS
    parser = argparse.ArgumentParser()
    regress_cli.add_regress_command(parser.add_subparsers())
    assert regress_cli._rule(parser.parse_args(["regress", "fresh", "--against", "reference"])) == GateRule()
