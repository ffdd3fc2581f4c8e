"""The front page's findings: sentences that follow from the numbers, each with the page that has them."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from anatomy_r1.results.store import load_results
from reports.scores.scores import by_key, scores
from reports.site.findings import findings
from reports.tables.further import analyses
from tests.helpers.worlds import answers, result, table

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
    assert "CoT-SFT scores highest. Avg@5, not tested: CoT-SFT 81.09 % [78.48, 83.70]" in first
    assert "against GRPO's 47.97 % [45.79, 50.16]" in first
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


def test_a_level_over_other_runs_is_told_as_one():
    def first(runs_of):
        rng, made = np.random.default_rng(4), []
        for method, seeds in runs_of.items():
            right = [answers(rng, LABELS, shift=0.2 * (method != "grpo"), wobble=0.0) for _ in seeds]
            made += [result(method, table(one, LABELS), seed) for one, seed in zip(right, seeds, strict=True)]
        return next(one.text for one in findings(made, by_key(scores(made)), analyses(made), FILES[:1]))

    assert "Not all of these means are over the same runs" in first({"grpo": (0, 1, 2), "cot-sft": (0,)})
    assert "same runs" not in first({"grpo": (0, 1), "cot-sft": (0, 1)})


def test_without_grpo_there_is_nothing_to_say(run):
    results = [one for one in load_results(run / "results") if one.method == "zero-shot"]
    assert findings(results, by_key(scores(results)), analyses(results), FILES) == ()


LABELS = np.repeat(np.arange(20), 10)


def made_findings(runs):
    """Findings on one of the paper's methods; a run is a benchmark, a base and a seed."""
    rng, results = np.random.default_rng(4), []
    for benchmark, base, seed in runs:
        for method, gain in (("grpo", 0.0), ("grpo-gdqa", 0.3)):
            made = result(method, table(answers(rng, LABELS, shift=gain, wobble=0.0), LABELS), seed, benchmark)
            results.append(replace(made, base=base))
    return findings(results, by_key(scores(results)), analyses(results), FILES)


def papers_finding(runs):
    return made_findings(runs)[0]


def test_a_verdict_of_these_weights_is_told_as_one():
    few = papers_finding([("sgg_anatomy_mini", "", 0)])
    assert few.title == "The paper's GRPO-GDQA is better than GRPO in 1 of 1 comparisons here, for these weights only."
    many = papers_finding([("sgg_anatomy_mini", "", seed) for seed in (0, 1, 2)])
    assert many.title == "The paper's GRPO-GDQA is better than GRPO in 1 of 1 comparisons here."


def test_differences_that_another_training_confirms_are_not_said_to_turn():
    made = made_findings([("sgg_anatomy_mini", "", seed) for seed in (0, 1, 2)])
    assert "better than GRPO in 1 of 1" in made[0].title
    assert not [one for one in made if "may turn" in one.title]


def test_a_benchmark_of_one_base_is_not_told_as_one_of_several():
    several = [("sgg_anatomy_mini", f"b-{base}", seed) for base in (1, 2, 3) for seed in (0, 1, 2)]
    told = papers_finding([*several, ("omnimed_mi_mini", "b-1", 0)]).text
    assert "SGG-VQA (Anatomy), mini world: from 3 bases." in told
    assert "OmniMedVQA (MI), mini world: from one base and one seed: with another base" in told
    assert papers_finding(several).text.endswith("From 3 bases.")
