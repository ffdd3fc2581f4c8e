"""The ledger from stores made up for it, and the committed one from the committed store, byte for byte."""

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.results.store import Result, save_result
from reports.__main__ import main
from reports.audit.audit import paper_checks
from reports.audit.paper import load_paper
from reports.audit.report import load
from reports.ledger.ledger import files, ledger, read_document
from reports.ledger.measured import load_curves

ROOT = Path(__file__).parents[3]
COMMITTED = ROOT / "results/audit"
CATEGORIES = ("Gut", "Liver", "Omentum")


def table(chances, seed, n=600, clusters=20):
    """Questions answered right with a chance by category."""
    rng = np.random.default_rng(seed)
    categories = [CATEGORIES[index % 3] for index in range(n)]
    right = rng.random((n, 5)) < np.array([chances[name] for name in categories])[:, np.newaxis]
    return pd.DataFrame(
        {
            "id": [f"q{index:04d}" for index in range(n)],
            "cluster": [f"VID{index % clusters:02d}" for index in range(n)],
            "category": categories,
            **{f"correct_{repeat}": right[:, repeat] for repeat in range(5)},
            "major": right.sum(axis=1) >= 3,
            "greedy": right[:, 0],
            "parsed": 5,
            "truncated": 0,
        }
    )


def chances(all_, **others):
    return {**dict.fromkeys(CATEGORIES, all_), **others}


WORLD = {  # Liver is learnt by GRPO, the others are not; GDQA is above GRPO; ASC is like it
    "zero-shot": chances(0.25),
    "grpo": chances(0.25, Liver=0.6),
    "grpo-gdqa": chances(0.7),
    "grpo-asc": chances(0.25, Liver=0.6),
}


def save(path, model, method, of, draw, benchmark="sgg_anatomy_mini", clusters=20, seeds=range(5)):
    """Results of some training seeds; `draw` is that of the answers."""
    for seed in seeds:
        made = table(of, seed=[draw, seed], clusters=clusters)
        provenance = {"commit": "c0ffee"}
        save_result(path, Result("mini", benchmark, model, method, "matched", seed, "think", made, provenance))


def store(path, world=None, benchmark="sgg_anatomy_mini", models=("mini-l", "mini-s"), seeds=range(5)):
    for number, (method, of) in enumerate((world or WORLD).items()):
        for index, model in enumerate(models):
            save(path, model, method, of, 10 * number + index, benchmark, seeds=seeds)
    return path


@pytest.fixture(scope="module")
def checks():
    return paper_checks(load_paper())


@pytest.fixture(scope="module")
def planted(checks, tmp_path_factory):
    """The ledger of `WORLD`."""
    return ledger(store(tmp_path_factory.mktemp("planted")), checks)


def lines(of):
    return {row.id: row for row in of.rows}


def test_a_planted_world_is_read_right(planted):
    found = lines(planted)
    assert found["contribution-gdqa"].mini.verdict == "confirmed"
    assert found["contribution-asc"].mini.verdict == "not confirmed"
    assert found["abstract-uneven"].mini.verdict == "confirmed"
    assert "gain in Liver; none shown in Gut, Omentum" in found["abstract-uneven"].mini.why
    assert found["sft-consistent"].mini == found["table1-3b-sft"].mini  # SFT did not run: no verdict, and why
    assert found["sft-consistent"].mini.why == "Not run."


@pytest.mark.parametrize(
    ("grpo", "seeds", "verdict", "words"),
    [
        (chances(0.6), range(5), "contradicted", "gain in Gut, Liver, Omentum; none shown in none"),
        (chances(0.25), range(5), "not confirmed", "gain in none"),
        (chances(0.27, Liver=0.3), range(5), "not confirmed", "less than in the rest in none"),
        (
            chances(0.25, Liver=0.6),
            range(5),
            "confirmed",
            "gain in Liver; none shown in Gut, Omentum; less than",
        ),
        (chances(0.25, Liver=0.6), range(2), "underpowered", "fewer than three seeds in common"),
    ],
    ids=["all gain", "none gains", "hardly", "one gains", "two seeds"],
)
def test_uneven_gain_is_shown_by_the_difference_between_anatomies(tmp_path, checks, grpo, seeds, verdict, words):
    world = {**WORLD, "grpo": grpo}
    found = lines(ledger(store(tmp_path, world, seeds=seeds), checks))["abstract-uneven"].mini
    assert (found.verdict, words in found.why) == (verdict, True), found.why


@pytest.mark.slow
def test_the_two_scales_are_kept_apart(tmp_path, checks, planted):
    """Mini results change no verdict at the paper's scale, and results on its data no verdict of the mini world."""
    before = lines(ledger(_empty(tmp_path / "none"), checks))
    mini = lines(planted)
    real = store(tmp_path / "real", benchmark="sgg_anatomy", models=("qwen2.5-vl-7b", "qwen2.5-vl-3b"))
    paper = lines(ledger(real, checks))
    assert {id_: line.paper for id_, line in mini.items()} == {id_: line.paper for id_, line in before.items()}
    assert {id_: line.mini for id_, line in paper.items()} == {id_: line.mini for id_, line in before.items()}
    assert paper["contribution-gdqa"].paper.verdict == "confirmed"
    assert paper["sft-s3"].paper.verdict == "contradicted"  # by its own tables, whatever is measured


def _empty(path):
    path.mkdir()
    return path


def test_the_opposite_in_one_model_contradicts(tmp_path, checks):
    path = store(tmp_path)
    save(path, "mini-s", "grpo-gdqa", chances(0.05), 99)
    found = lines(ledger(path, checks))["contribution-gdqa"].mini
    assert found.verdict == "contradicted"
    assert "better in 1, worse in 1" in found.why


def test_a_claim_about_all_is_not_confirmed_by_those_that_ran(tmp_path, checks):
    found = lines(ledger(store(tmp_path, models=("mini-l",)), checks))["contribution-gdqa"].mini
    assert "better in 1; 1 more did not run" in found.why
    assert found.verdict == "not confirmed"


def test_a_claim_about_most_counts_what_did_not_run(tmp_path, checks):
    world = {"sft": chances(0.25), "grpo": chances(0.7), "grpo-gdqa": chances(0.7)}
    found = lines(ledger(store(tmp_path, world), checks))["sft-most"].mini
    assert "better in 4; 16 more did not run" in found.why  # all that ran, of 20
    assert found.verdict == "not confirmed"


def test_the_notes_say_nothing_of_the_number_of_bases(planted):
    told = files(planted)["ledger.txt"]
    assert "start from one base" not in " ".join(told.split())


def test_few_videos_are_underpowered(tmp_path, checks):
    few = {name: of for name, of in WORLD.items() if name in ("grpo", "grpo-gdqa")}
    for number, (method, of) in enumerate(few.items()):
        for model in ("mini-l", "mini-s"):
            save(tmp_path, model, method, of, number, clusters=4)  # the smallest p of four videos is 0.125
    assert lines(ledger(tmp_path, checks))["contribution-gdqa"].mini.verdict == "underpowered"


def test_gain_of_the_larger_model(tmp_path, checks):
    world = {"zero-shot": chances(0.25), "grpo-gdqa": chances(0.5)}
    path = store(tmp_path, world)
    save(path, "mini-l", "grpo-gdqa", chances(0.8), 5)
    assert lines(ledger(path, checks))["size-gain"].mini.verdict == "confirmed"


def test_what_two_seeds_show_is_of_these_weights(tmp_path, checks):
    found = lines(ledger(store(tmp_path, seeds=(0, 1)), checks))
    assert (found["contribution-gdqa"].mini.verdict, found["size-gain"].mini.verdict) == ("underpowered",) * 2
    assert "better (these weights) in 2" in found["contribution-gdqa"].mini.why


def test_a_finding_that_is_gone_changes_the_verdict(tmp_path, checks):
    path = _empty(tmp_path / "none")
    clean = [replace(check, findings=()) for check in checks]
    assert lines(ledger(path, checks))["ablation-each"].paper.verdict == "underpowered"
    assert lines(ledger(path, clean))["ablation-each"].paper.verdict == "not testable without the real data"


METHODS = ("zero-shot", "sft", "cot-sft", "sft-grpo", "cot-sft-grpo", "grpo", "gpg", "dapo", "grpo-gdqa")
TOUCHED = ["abstract-gdqa", "sft-most", "sft-s4", "sft-s7", "sft-consistent", "rl-best-omnimed", "size-gain", "size-s6",
           "table1-best", *(f"table1-{size}-{method}" for size in ("3b", "7b") for method in METHODS)]  # fmt: skip
"""Claims with a printed number on OmniMedVQA: not the curriculum's, which has none there, and no curve."""


@pytest.fixture(scope="module")
def with_splits(checks):
    """The checks, and the committed one of OmniMedVQA's split files."""
    return (*checks, *(one for one in load(COMMITTED / "audit.json") if one.id == "omnimed-text"))


def test_what_omnimeds_texts_give_away_is_a_remark_and_changes_no_verdict(tmp_path, checks, with_splits):
    path = _empty(tmp_path / "none")
    before, after = ledger(path, checks), ledger(path, with_splits)
    assert [row.id for row in after.rows if row.remark] == TOUCHED
    assert not any(row.remark for row in before.rows), "without the split files there is nothing to say"
    assert tuple(replace(row, remark="") for row in after.rows) == before.rows


@pytest.mark.parametrize(
    ("claim", "words"),
    [
        ("table1-7b-zero-shot", ("3 of 6 printed numbers are on OmniMedVQA (MI)", "was not trained on such questions")),
        (
            "table1-7b-grpo-gdqa",
            ("3 of 6 printed numbers", "the score does not by itself show that it uses the images"),
        ),
        ("size-gain", ("3 of 6 printed numbers", "Zero-Shot was not trained on them")),
        ("rl-best-omnimed", ("18 of 18 printed numbers", "does not by itself show that one sees more")),
        ("table1-best", ("48 of 102 printed numbers", "Zero-Shot was not trained", "that one sees more")),
        (
            "sft-s7",
            ("2 of 2 printed numbers", "Audit (strong): Rules that never see", "Audit (suggestive): The paper's"),
        ),
    ],
)
def test_a_remark_says_how_the_finding_touches_the_claim(tmp_path, with_splits, claim, words):
    found = lines(ledger(_empty(tmp_path / "none"), with_splits))[claim].remark
    assert [one for one in words if one not in found] == []


def test_a_remark_is_in_every_format_and_read_back(tmp_path, with_splits):
    made = files(ledger(_empty(tmp_path / "none"), with_splits))
    for name in ("ledger.txt", "ledger.md", "ledger.html"):
        shown = " ".join(made[name].split())
        assert f"{len(TOUCHED)} claims have a remark" in shown
        assert shown.count("printed numbers are on OmniMedVQA") == len(TOUCHED)
    as_csv = csv.DictReader(io.StringIO(made["ledger.csv"]))
    assert [line["id"] for line in as_csv if line["remark"]] == TOUCHED
    (tmp_path / "ledger.json").write_text(made["ledger.json"], encoding="utf-8")
    entries = [entry for section in read_document(tmp_path / "ledger.json").sections for entry in section.entries]
    assert sum("remark" in dict(entry.facts) for entry in entries) == len(TOUCHED)


def test_a_store_that_is_not_there_is_refused(tmp_path, capsys):
    with pytest.raises(AnatomyR1Error, match="no such folder"):
        ledger(tmp_path / "none", [])
    assert main(["ledger", "--store", str(tmp_path / "none\x1b[2J")]) == 2
    error = capsys.readouterr().err
    assert "results/mini/store" in error
    assert "\x1b" not in error


@pytest.mark.slow
def test_formats_agree_and_a_hostile_model_stays_text(tmp_path, checks, planted):
    hostile = "<script>alert(1)</script>"
    made = files(planted)
    as_csv = list(csv.DictReader(io.StringIO(made["ledger.csv"])))
    as_json = json.loads(made["ledger.json"])["claims"]
    assert [line["id"] for line in as_csv] == [line["id"] for line in as_json] == [c.id for c in load_paper().claims]
    paper = load_paper()
    first = replace(paper.claims[0], text=hostile, locator=hostile)
    bad = files(ledger(store(tmp_path), checks, paper=replace(paper, claims=(first, *paper.claims[1:]))))
    assert "<script>" not in bad["ledger.html"]
    assert "&lt;script&gt;" in bad["ledger.html"]


def test_every_format_says_that_mini_says_nothing_of_qwen(planted):
    made = files(planted)
    for name in ("ledger.txt", "ledger.md", "ledger.html"):
        assert "say nothing about Qwen2.5-VL" in " ".join(made[name].split())


@pytest.mark.slow
def test_the_committed_ledger_comes_out_byte_for_byte():
    statements = load_curves(ROOT / "results/mini/figures/figure_statements.csv")
    made = files(ledger(ROOT / "results/mini/store", load(COMMITTED / "audit.json"), statements))
    assert [name for name, content in made.items() if (COMMITTED / name).read_text(encoding="utf-8") != content] == []
