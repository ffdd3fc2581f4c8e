"""Cards: everything that a reader must know is in them, from the results alone, and a store's text stays text."""

import pytest

from anatomy_r1.bases import split_model
from anatomy_r1.results.store import save_result
from reports.cards import card_files, cards
from tests.helpers.stores import paid, plan, result, trained

WHERE = {"commit": "f" * 40, "dirty": True, "lock_sha256": "l" * 64, "python": "3.11.7", "packages": {"trl": "1.16.0"}}


def record(seed=0, **arguments):
    whole = {**plan("grpo", seed=seed, learning_rate=0.0002, seed_of=seed, **arguments), "model": {"mini": "mini-l"}}
    return {**trained(whole), "provenance": WHERE}


def grpo(seed=0, **arguments):
    return paid("grpo", record(seed, **arguments), seed=seed)


def test_a_model_card_says_what_how_from_what_and_how_well():
    card = cards([grpo(0), grpo(1)])["model-sgg_anatomy_mini-mini-l-grpo-matched.md"]
    for words in (
        "Research only, not for clinical use",
        "say nothing about Qwen2.5-VL",
        "learning\\_rate: 0.0002",
        "seed: 0, 1",
        "trained at: ffffffffff + changes",
        "lock, in training: " + "l" * 64,
        "scored at: 0123456789",
        "120 optimiser steps, 5,000 sampled tokens",
        "started from: the base model",
        "Not checked.",
        "tox -e reproduce-table1 -- --profile mini --methods grpo --benchmarks sgg_anatomy_mini --models mini-l "
        "--seeds 0 1 --arms matched",
    ):
        assert words in card


def test_a_card_of_a_policy_that_is_gone_is_removed_and_no_other_file(tmp_path, capsys):
    from reports.__main__ import main

    save_result(tmp_path / "store", grpo(0))
    out = tmp_path / "cards"
    out.mkdir()
    (out / "model-gone.md").write_text("# Model card: gone\n")
    (out / "model-of-mine.md").write_text("# Mine\n")
    assert main(["cards", "--store", str(tmp_path / "store"), "--out", str(out)]) == 0
    assert "Removed, since this call did not make them: model-gone.md" in capsys.readouterr().out
    assert "model-gone.md" not in {path.name for path in out.iterdir()}
    assert {"model-of-mine.md", "data-sgg_anatomy_mini.md"} <= {path.name for path in out.iterdir()}


def test_the_scores_are_the_tables(tmp_path):
    results = [grpo(0), grpo(1)]
    from reports.scores.scores import ALL, scores

    (score,) = [one for one in scores(results) if (one.metric, one.category) == ("avg@5", ALL)]
    card = cards(results)["model-sgg_anatomy_mini-mini-l-grpo-matched.md"]
    line = f"| Avg@5 | {score.percent:.2f} \\[{score.low:.2f}, {score.high:.2f}\\] | 2 | {score.seed_sd:.2f} | 40 | 8 |"
    assert line in card


def test_what_was_not_trained_has_no_model_card_and_each_benchmark_a_data_card():
    made = cards([grpo(7), result("zero-shot", 0.2), result("control-majority", 0.3)])
    assert sorted(made) == ["data-sgg_anatomy_mini.md", "model-sgg_anatomy_mini-mini-l-grpo-matched.md"]
    data = made["data-sgg_anatomy_mini.md"]
    assert "all: 40 in 8 clusters" in data
    assert "Liver: 10" in data
    assert "- Majority class (control), mini-l: " in data


def test_the_same_results_give_the_same_words_in_any_order():
    results = [grpo(0), grpo(1), result("control-naive-bayes", 0.3)]
    assert cards(results) == cards(results[::-1])


def test_what_a_store_says_stays_text():
    hostile = "<script>x</script>\n# heading\n```"
    card = cards([grpo(0, note=hostile)])["model-sgg_anatomy_mini-mini-l-grpo-matched.md"]
    assert "<script>" not in card
    assert "\n# heading" not in card
    assert card.count("```") == 2


@pytest.mark.parametrize("stated", ["cut off", ["cut off"]])
def test_whatever_a_store_states_against_a_run_is_shown_as_it_is(stated):
    one = grpo()
    one.provenance["unfit"] = stated
    assert "against the numbers: cut off\n" in cards([one])["model-sgg_anatomy_mini-mini-l-grpo-matched.md"]


def test_an_empty_store_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no results"):
        card_files(tmp_path)


@pytest.mark.slow
def test_the_committed_store_has_a_card_for_each_trained_row(tmp_path):
    from pathlib import Path

    store = Path(__file__).resolve().parents[2] / "results" / "mini" / "store"
    made = card_files(store)
    assert "clean: no leakage found" in made["model-sgg_anatomy_mini-mini-l-grpo-matched.md"]
    cells = {path.relative_to(store).parts[:4] for path in store.glob("*/*/*/*/seed0.json")}
    folders = {"-".join((of, split_model(model)[0], method, arm)) for of, model, method, arm in cells}
    untrained = {name for name in folders if "zero-shot" in name or "control" in name}
    assert {name for name in made if name.startswith("model")} == {f"model-{n}.md" for n in folders - untrained}
