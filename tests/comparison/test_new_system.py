"""One system against every other: which pairs, in which direction, and what is left out."""

import numpy as np
import pytest

from anatomy_r1.cli.main import main
from anatomy_r1.comparison.compare import compare, undeclared_family
from anatomy_r1.comparison.panel import panels
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.results.store import save_result
from tests.helpers.worlds import answers, of, result, table, unequal


def cells(names, arm="matched", benchmark="sgg_anatomy_mini"):
    rng = np.random.default_rng(0)
    labels = unequal(rng, 20, 400)
    gains = {"mine": 0.25}
    return [
        result(one, table(answers(rng, labels, gains.get(one, 0.0)), labels), arm=arm, benchmark=benchmark)
        for one in names
    ]


def names(panel):
    return [(a.name.split("/")[2], b.name.split("/")[2]) for a, b in panel.pairs]


def test_every_other_method_is_a_baseline_and_holm_counts_them():
    found = panels(of(*cells(["zero-shot", "mine", "grpo", "sft"])), new="mine")
    assert [names(panel) for panel in found] == [[("zero-shot", "mine"), ("grpo", "mine"), ("sft", "mine")]]
    family = undeclared_family(found, "avg@5")
    assert len(family.pairs) == 3
    made = sorted(compare(found, family), key=lambda one: one.test.flip.p)
    first, second, third = (one.test.flip.p for one in made)
    holm = [3 * first, max(3 * first, 2 * second), max(3 * first, 2 * second, third)]
    assert [one.test.p for one in made] == pytest.approx(holm)
    for one in made:
        assert one.difference("avg@5").interval.mean > 0.1
        assert one.test.verdict == "better"


def test_each_benchmark_and_arm_is_compared_within_itself_and_others_are_left_out():
    every = [*cells(["mine", "grpo"]), *cells(["mine", "grpo", "sft"], arm="equal-tokens"), *cells(["sft"], arm="own")]
    every += cells(["mine", "grpo"], benchmark="omnimed_mi_mini")
    found = panels(of(*every), new="mine")
    assert [names(panel) for panel in found] == [
        [("grpo", "mine")], [("grpo", "mine"), ("sft", "mine")], [("grpo", "mine")],
    ]  # fmt: skip
    assert {tuple({s.name.split("/")[3] for s in panel.systems}) for panel in found} == {
        ("matched",),
        ("equal-tokens",),
    }


def test_an_unknown_name_and_one_without_baselines_are_refused():
    with pytest.raises(AnatomyR1Error, match=r"no system is called 'grp'. Fix: --new with one of mine, grpo"):
        panels(of(*cells(["mine", "grpo"])), new="grp")
    with pytest.raises(AnatomyR1Error, match="mine/own: nothing to compare with"):
        panels(of(*cells(["mine"], arm="own"), *cells(["grpo"])), new="mine")


def test_the_command_takes_a_whole_store(tmp_path, capsys):
    for one in cells(["mine", "grpo", "sft"]):
        save_result(tmp_path, one)
    assert main(["compare", str(tmp_path), "--new", "mine"]) == 0
    printed = capsys.readouterr().out
    assert "minus mini-l/grpo/matched" in printed
    assert printed.count("better") >= 2
    assert main(["compare", str(tmp_path), "--new", "mine", "--all-pairs"]) == 2
    assert "Fix: leave one of them out" in capsys.readouterr().err
