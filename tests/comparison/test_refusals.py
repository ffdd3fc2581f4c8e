"""What may not be compared, and what the report says if it is allowed."""

import re
from pathlib import Path

import numpy as np
import pytest

from anatomy_r1.cli.main import main
from anatomy_r1.comparison.report import document
from anatomy_r1.errors import AnatomyR1Error
from tests.helpers.worlds import SAMPLING, analysis, answers, name, of, result, table, unequal


def questions(seed=0, n=60, clusters=6):
    rng = np.random.default_rng(seed)
    labels = unequal(np.random.default_rng(0), clusters, n)
    return table(answers(rng, labels), labels)


def sampling(**changes):
    decoding = {**SAMPLING["decoding"], **{k: v for k, v in changes.items() if k in SAMPLING["decoding"]}}
    return {**SAMPLING, **changes, "decoding": decoding}


OTHERS = {
    "another set of data": ("questions", {"data": {"questions_sha256": "other"}}),
    "fewer questions": ("questions", {"questions": questions(1).iloc[:50]}),
    "another style": ("prompts", {"style": "direct"}),
    "another wording": ("prompts", {"prompt": "q"}),
    "a control's pictures": ("prompts", {"sampling": sampling(images="swapped")}),
    "options in every order": ("prompts", {"sampling": sampling(options="rotated")}),
    "another temperature": ("sampling", {"sampling": sampling(temperature=0.5)}),
    "another limit": ("sampling", {"sampling": sampling(limit=60)}),
    "another arm": ("arms", {"arm": "equal-tokens"}),
    "another seed": ("seeds", {"seed": 1}),
}


@pytest.mark.parametrize(("kind", "changes"), OTHERS.values(), ids=OTHERS)
def test_systems_that_differ_are_refused_and_if_allowed_it_is_reported(kind, changes):
    changes = dict(changes)
    second = result("new", changes.pop("questions", questions(1)), **changes)
    with pytest.raises(AnatomyR1Error, match=f"--allow-different {kind}$|--allow-different {kind}\n"):
        analysis(result("base", questions()), second)
    shown = analysis(result("base", questions()), second, allowed=[kind])
    assert any(text.startswith(kind) for text in shown.panels[0].caveats)
    assert "not all conditions are known to agree" in document(shown).warning
    assert kind in document(shown).warning


def test_what_differs_is_listed_all_at_once_with_both_values():
    second = result("new", questions(1), style="direct", sampling=sampling(temperature=0.5))
    with pytest.raises(AnatomyR1Error) as caught:
        analysis(result("base", questions()), second)
    text = str(caught.value)
    assert "think (mini-l/base/matched); direct (mini-l/new/matched)" in text
    assert "temperature: 1.0 (mini-l/base/matched); 0.5" in text
    assert "--allow-different prompts sampling" in text


def test_of_many_systems_the_numbers_are_told_and_the_names_are_in_columns():
    """As of a whole result store: nobody reads forty names five times."""
    cells = [result(f"method-{n}", questions(n), style="direct" if n == 3 else "think") for n in range(8)]
    cells.append(result("method-0", questions(9), arm="equal-tokens"))
    with pytest.raises(AnatomyR1Error) as caught:
        analysis(*cells)
    first, *told = str(caught.value).splitlines()
    assert first.startswith(
        "sgg_anatomy_mini: these 9 systems cannot be compared as they are. Fix: name some that agree"
    )
    assert "--allow-different prompts arms" in first
    assert told == [
        "  prompts differ in style: think (8); direct (1)",
        "  arms differ in arm: matched (8); equal-tokens (1)",
        "  The systems there, by model and arm; the first that is named is the baseline:",
        "  mini-l, matched",
        "    " + "  ".join(f"method-{n}" for n in range(8)),
        "  mini-l, equal-tokens",
        "    method-0",
    ]


def test_the_committed_store_as_a_whole_is_refused_with_a_command_that_works(capsys, monkeypatch):
    monkeypatch.chdir(Path(__file__).parents[2])
    assert main(["compare", "results/mini/store"]) == 2
    said = capsys.readouterr().err
    assert max(map(len, said.splitlines()[1:])) <= 120 and len(said.splitlines()) < 30
    command = re.search(r"anatomy-r1 (compare \S+ \S+?);", said).group(1).split()
    assert main(command) == 0


def test_allowing_one_kind_allows_no_other():
    second = result("new", questions(1), style="direct", arm="equal-tokens")
    with pytest.raises(AnatomyR1Error, match="arms differ"):
        analysis(result("base", questions()), second, allowed=["prompts"])


def test_what_is_not_recorded_is_reported_and_not_assumed_equal():
    shown = analysis(result("base", questions()), result("new", questions(1), sampling=None, prompt=None))
    told = " ".join(shown.panels[0].caveats)
    assert re.search(r"sampling: [\w, ]*\btemperature\b[\w, ]* are not recorded for mini-l/new/matched\.?", told)
    assert re.search(r"prompts: [\w, ]*\bwording\b[\w, ]* are not recorded for mini-l/new/matched", told)
    assert told.count("not recorded") == 2, "one sentence for what the same systems lack"
    nothing = analysis(*(result(m, questions(), sampling=None) for m in ("base", "new")))
    assert "sampling: not recorded for any system" in nothing.panels[0].caveats
    assert "not all conditions are known to agree" in document(nothing).warning


def test_systems_under_equal_conditions_are_compared_without_caveats():
    shown = analysis(result("base", questions()), result("new", questions(1)))
    assert shown.panels[0].caveats == ()
    assert "conditions" not in document(shown).warning


def test_allowed_other_questions_are_compared_on_those_in_common():
    shown = analysis(result("base", questions()), result("new", questions(1).iloc[10:]), allowed=["questions"])
    (one,) = shown.comparisons
    assert one.difference("avg@5").interval.n == one.flips.questions == 50
    assert "compared on the 50 in common" in " ".join(shown.panels[0].caveats)
    whole = questions()[[f"correct_{k}" for k in range(5)]].to_numpy(float).mean(1)
    base = next(score for score in shown.scores if score.system.name == name("base"))
    assert base.interval.mean == pytest.approx(whole[10:].mean()), "scores are of the same questions"


def test_a_question_in_two_clusters_is_always_refused():
    moved = questions(1)
    moved.loc[3, "cluster"] = "VID999"
    with pytest.raises(AnatomyR1Error, match="q0003 has another cluster"):
        analysis(result("base", questions()), result("new", moved), allowed=["questions"])


def test_no_question_in_common_is_nothing_to_compare():
    second = result("new", questions(1).assign(id=[f"z{i}" for i in range(60)]))
    with pytest.raises(AnatomyR1Error, match="no question in common"):
        analysis(result("base", questions()), second, allowed=["questions"])


def test_without_a_common_seed_each_is_averaged_over_its_own():
    cells = [result("base", questions(s), seed=s) for s in (0, 1)] + [result("new", questions(5), seed=5)]
    (one,) = analysis(*cells, allowed=["seeds"]).comparisons
    share = [questions(s)[[f"correct_{k}" for k in range(5)]].to_numpy(float).mean() for s in (0, 1, 5)]
    assert one.difference("avg@5").interval.mean == pytest.approx(share[2] - np.mean(share[:2]))
    assert (one.seeds, one.spread) == ((), None)


def test_one_system_alone_on_its_benchmark_is_refused():
    second = result("new", questions(1), benchmark="omnimed_mi_mini")
    with pytest.raises(AnatomyR1Error, match="nothing to compare with on sgg_anatomy_mini"):
        analysis(result("base", questions()), second)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seed": 0}, "both have seed 0"),
        ({"seed": 1, "style": "direct"}, "not seeds of one system: prompts, style: think and direct"),
        ({"seed": 1, "sampling": sampling(temperature=0.2, seed=1)}, "temperature: 1.0 and 0.2"),
    ],
    ids=["a seed twice", "another prompt", "another temperature"],
)
def test_seeds_of_one_system_must_be_alike(changes, message):
    with pytest.raises(AnatomyR1Error, match=message):
        of(result("base", questions()), result("base", questions(1), **changes))


def test_seeds_of_one_system_answer_the_same_questions():
    with pytest.raises(AnatomyR1Error, match="different questions"):
        of(result("base", questions()), result("base", questions(1).iloc[1:], seed=1))


def test_two_arms_of_one_method_are_two_systems():
    found = of(result("grpo", questions()), result("grpo", questions(1), arm="equal-tokens"))
    assert [system.short for system in found] == ["mini-l/grpo/matched", "mini-l/grpo/equal-tokens"]
