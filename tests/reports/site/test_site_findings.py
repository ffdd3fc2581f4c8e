"""The front page's findings: sentences that follow from the numbers, each with the page that has them."""

import re
from pathlib import Path

import pytest

from anatomy_r1.results.store import load_results
from reports.scores.scores import by_key, scores
from reports.site.findings import findings
from reports.tables.further import analyses

STORE = Path(__file__).resolve().parents[3] / "results" / "mini-first" / "store" / "sgg_anatomy_mini" / "mini-l"
METHODS = ("zero-shot", "cot-sft", "grpo", "dapo", "grpo-asc", "grpo-gdqa")
FILES = ("table1.html", "blind.html", "comparisons.html")


def committed(folder):
    """The committed results of some methods on the surgical questions: five seeds each."""
    for method in METHODS:
        (folder / "sgg_anatomy_mini" / "mini-l" / method).mkdir(parents=True)
        (folder / "sgg_anatomy_mini" / "mini-l" / method / "matched").symlink_to(STORE / method / "matched")
    return load_results(folder)


@pytest.mark.slow
def test_the_findings_of_the_committed_results_are_those_of_its_readme(tmp_path):
    results = committed(tmp_path)
    made = findings(results, by_key(scores(results)), analyses(results), FILES)
    assert [one.file for one in made] == ["comparisons.html", "table1.html", "blind.html", "comparisons.html"]
    papers, first, blind, weights = (f"{one.title} {one.text}" for one in made)
    assert "not found better than GRPO" in papers
    assert "-7.27 [-9.89, -4.65]" in papers and "-20.51 [-22.49, -18.54]" in papers
    assert "CoT-SFT leads. Avg@5: CoT-SFT 81.09 % [78.48, 83.70] against GRPO's 47.97 % [45.79, 50.16]" in first
    assert "5 of 6 scores are not above" in blind and "1 of 6 rows" in blind
    assert re.match(r"1 of \d+ differences from GRPO may turn with another training", weights), "DAPO's alone"
    assert findings(results, by_key(scores(results)), analyses(results), ()) == (), (
        "a page that is absent is no evidence"
    )


@pytest.mark.slow
def test_one_seed_says_nothing_of_another_training_and_only_what_ran_is_named(tmp_path):
    results = [one for one in committed(tmp_path) if one.seed == 0 and one.method != "grpo-asc"]
    made = findings(results, by_key(scores(results)), analyses(results), FILES)
    assert made[0].title == "The paper's GRPO-GDQA is not found better than GRPO here."
    assert not [one for one in made if "another training" in one.title]


def test_without_grpo_there_is_nothing_to_say(run):
    results = [one for one in load_results(run / "results") if one.method == "zero-shot"]
    assert findings(results, by_key(scores(results)), analyses(results), FILES) == ()
