"""Several bases in the store: aggregated over, paired within, and told apart from these weights."""

import re
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from anatomy_r1.comparison.retraining import retraining_interval
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.results.store import load_results, save_result
from anatomy_r1.scoring.question_table import table_metrics
from anatomy_r1.tables.text import render
from reports.cards import cards
from reports.formats import scores_csv
from reports.scores import paper
from reports.scores.cost import costs
from reports.scores.notes import made_from, uneven_runs
from reports.scores.scores import ALL, AVG, SystemKey, by_key, differences, minus, scores
from reports.site.method_page import method_page
from reports.tables.table1 import table1
from tests.helpers.worlds import answers, of, result, table

ROOT = Path(__file__).resolve().parents[3]
BASES, SEEDS = ("b-1", "b-2", "b-3"), (0, 1, 2)
LABELS = np.repeat(np.arange(20), 10)
ROW = SystemKey("sgg_anatomy_mini", "mini-l", "grpo-asc", "matched")


@pytest.fixture(scope="module")
def runs():
    """Two methods from three bases under three seeds; a base shifts both methods alike."""
    rng, found = np.random.default_rng(4), []
    for (number, base), seed in product(enumerate(BASES), SEEDS):
        for method, gain in (("grpo", 0.0), ("grpo-asc", 0.15)):
            right = answers(rng, LABELS, shift=0.1 * number + gain, wobble=0.0)
            found.append(replace(result(method, table(right, LABELS), seed=seed), base=base))
    return found


def test_a_store_keeps_the_base_and_older_files_have_none(tmp_path, runs):
    save_result(tmp_path, runs[0])
    assert (tmp_path / "sgg_anatomy_mini" / "mini-l@b-1" / "grpo" / "matched" / "seed0.json").is_file()
    (loaded,) = load_results(tmp_path)
    assert (loaded.base, loaded.model, loaded.key) == ("b-1", "mini-l", runs[0].key)
    old = save_result(tmp_path / "old", replace(runs[0], base=""))
    assert '"base"' not in old.read_text()
    assert load_results(tmp_path / "old")[0].base == ""


def test_a_base_in_another_s_folder_is_refused(tmp_path, runs):
    path = save_result(tmp_path, runs[0])
    path.parents[2].rename(tmp_path / "sgg_anatomy_mini" / "mini-l@b-9")
    with pytest.raises(AnatomyR1Error, match="says that it is sgg_anatomy_mini/mini-l@b-1/grpo"):
        load_results(tmp_path)


def test_scores_average_over_all_runs_and_have_both_intervals(runs):
    score = by_key(scores(runs))[ROW, AVG, ALL]
    own = [100 * float(table_metrics(one.questions)[AVG].mean()) for one in runs if one.method == "grpo-asc"]
    assert (score.percent, score.seeds, score.bases) == (pytest.approx(np.mean(own)), 9, 3)
    assert score.method[1] - score.method[0] > 2 * (score.high - score.low)  # bases are 10 points apart


def test_differences_are_paired_within_base_and_seed(runs):
    found = by_key(differences(runs, "grpo"))[ROW, minus(AVG, "grpo"), ALL]
    assert found.method[1] - found.method[0] < 12  # what a base gives to both methods cancels out
    without = [one for one in runs if (one.method, one.base) != ("grpo", "b-3")]
    two = by_key(differences(without, "grpo"))[ROW, minus(AVG, "grpo"), ALL]
    assert (two.seeds, two.bases, two.method) == (6, 2, None)


def test_tables_tell_the_method_from_these_weights(runs):
    text = render(table1(runs))
    assert "These weights and the method:" in text
    assert "Avg@5, the method" in text
    assert "seeds 0, 1, 2 x b-1, b-2, b-3" in text
    one = render(table1([replace(run, base="") for run in runs if run.base == "b-1"]))
    assert "Avg@5, the method" not in one and "These weights" not in one


def test_the_section_that_a_table_refers_to_exists(runs):
    pointed = set(re.findall(r"\(docs/statistics\.md, ([A-Z][a-z ]+)\)", " ".join(table1(runs).notes)))
    headings = re.findall(r"^#+ (.*)$", (ROOT / "docs" / "statistics.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert pointed == {"Seeds"}
    assert all(any(heading.startswith(name) for heading in headings) for name in pointed)


def test_nine_runs_of_three_bases_are_not_called_nine_seeds(runs):
    every = [replace(one, provenance={**one.provenance, "training": {"plan": {}, "spent": {}}}) for one in runs]
    one_base = [replace(one, base="") for one in every if one.base == "b-1"]
    for some, titles, card in ((every, ("runs", "run SD"), "| runs |"), (one_base, ("seeds", "seed SD"), "| seeds |")):
        found, spent = by_key(scores(some)), costs(some)
        page = method_page("grpo", [one for one in some if one.method == "grpo"], found, spent, paper.load())
        assert [one.title for one in page.content["report"].tables[0].columns][-2:] == list(titles)
        assert page.content["cost"].tables[0].columns[-1].title == titles[0]
        assert card in cards(some)["model-sgg_anatomy_mini-mini-l-grpo-matched.md"]


def test_rows_of_different_runs_are_told_apart(runs):
    assert "Means over different runs" not in render(table1(runs))
    fewer = [one for one in runs if one.method == "grpo" or one.seed == 0]
    assert uneven_runs(fewer) == (
        "Means over different runs: SGG-VQA (Anatomy), mini world, mini-l: seeds 0, 1, 2 x b-1, b-2, b-3: GRPO; "
        "0 x b-1, b-2, b-3: GRPO-ASC-Learning. Compare such rows by their paired differences, which are over the runs "
        "that both have, and not by the scores.",
    )
    assert "Means over different runs" in render(table1(fewer))
    control = replace(runs[0], method="control-majority")  # one number whatever the base and the seed
    assert uneven_runs([*runs, control]) == ()


OTHERWISE = {
    "other questions": ({"data": {"questions_sha256": "another"}}, {}, "answers other questions of sgg_anatomy_mini"),
    "another wording": ({"prompt": "another"}, {}, "no further run of .*: the wording of the prompts"),
    "other sampling": (
        {"sampling": {"decoding": {"temperature": 0.5}}},
        {},
        "no further run of .*: sampling arguments",
    ),
    "another style": ({}, {"style": "direct"}, "no further run of .*: prompt style think and direct"),
    "a base without a name": ({}, {"base": "", "seed": 7}, "one names its base and one does not"),
}


@pytest.mark.parametrize("what", OTHERWISE)
def test_a_row_is_no_mean_over_runs_that_were_asked_otherwise(runs, what):
    changes, fields, complaint = OTHERWISE[what]
    last = replace(runs[-1], provenance={**runs[-1].provenance, **changes}, **fields)
    with pytest.raises(AnatomyR1Error, match=complaint):
        table1([*runs[:-1], last])


def test_two_rows_of_one_table_answer_the_same_questions(runs):
    other = replace(runs[0], method="dapo", provenance={**runs[0].provenance, "data": {"questions_sha256": "another"}})
    with pytest.raises(AnatomyR1Error, match=r"dapo.*answers other questions of sgg_anatomy_mini"):
        table1([*runs, other])


def test_arithmetic_is_told_where_it_is_mixed(runs):
    portable = {**runs[0].provenance, "arithmetic": {"mode": "portable"}}
    assert "arithmetic" not in made_from(runs, ())
    assert "arithmetic" not in made_from([replace(one, provenance=portable) for one in runs], ())
    mixed = [replace(runs[0], provenance=portable), *runs[1:]]
    assert "arithmetic native, portable." in made_from(mixed, ())


def test_the_csv_has_the_bounds_of_the_method(runs):
    shown = [score for score in scores(runs) if score.metric == AVG and score.category == ALL]
    head, line, *_ = scores_csv("mini", shown, costs(runs), lambda _: None).splitlines()
    fields = dict(zip(head.split(","), line.split(","), strict=True))
    assert fields["bases"] == "3"
    assert float(fields["method_low"]) < float(fields["low"]) < float(fields["high"]) < float(fields["method_high"])


def test_tables_and_compare_use_one_function(runs):
    base, other = of(*runs)
    pairs = zip(base.runs, other.runs, strict=True)
    values = [table_metrics(b.questions)[AVG] - table_metrics(a.questions)[AVG] for a, b in pairs]
    expected = retraining_interval(values, LABELS, base.keys)
    found = by_key(differences(runs, "grpo"))[ROW, minus(AVG, "grpo"), ALL]
    assert found.method == pytest.approx((100 * expected.low, 100 * expected.high))
