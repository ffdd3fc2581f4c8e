"""`scripts/publish.py`: what is added to the committed results, and the tables of their page."""

import dataclasses
import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.results.store import load_results, save_result
from anatomy_r1.training.curves import load_curves, save_curves
from baselines.experiment.cell import Cell, settings
from baselines.experiment.profile import load_profile
from reports.write import table_files
from tests.helpers.made_curves import training
from tests.helpers.worlds import answers, result, table

ROOT = Path(__file__).resolve().parents[2]
MINI = load_profile("mini")
LABELS = np.repeat(np.arange(4), 5)


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("publish", ROOT / "scripts" / "publish.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def publish(script, tmp_path, monkeypatch):
    """The script at a root without committed results."""
    monkeypatch.setattr(script, "ROOT", tmp_path / "root")
    return script


def made(method, shift=0.0, model="mini-l", **arithmetic):
    right = answers(np.random.default_rng(0), LABELS, shift=shift)
    found = result(method, table(right, LABELS), arithmetic={"mode": "portable", "expected": True, **arithmetic})
    return dataclasses.replace(found, model=model, profile="mini")


def run_of(folder, *results):
    for one in results:
        save_result(folder / "results", one)
    return folder


def published(publish, run, **options):
    """The keys that are added."""
    found = publish.additions(run, **options)
    for one in found:
        publish.add(one)
    return {one.source.relative_to(run / "results").as_posix() for one in found}


def test_results_are_added_once_and_what_the_calibration_needs_to_a_store_of_its_own(publish, tmp_path):
    mine, known, dosed = made("grpo"), made("grpo-flipped"), made("grpo", model="mini-l-peak-0.5")
    further = dataclasses.replace(mine, seed=3)
    run = run_of(tmp_path / "run", mine, known, dosed, further)
    calibration = {known.key, dosed.key, further.key}
    assert published(publish, run) == {mine.key, *calibration}
    assert published(publish, run) == set()
    stores = [tmp_path / "root" / folder / "store" for folder in (publish.MINI, publish.KNOWN)]
    assert [{one.key for one in load_results(store)} for store in stores] == [{mine.key}, calibration]


def test_curves_go_with_the_results_of_the_matched_arm(publish, tmp_path):
    mine, known = made("grpo"), made("grpo-flipped")
    run = run_of(tmp_path / "run", mine, known)
    for one in (mine, known):
        curves = training(one.method)
        save_curves(
            run / "curves", dataclasses.replace(curves, benchmark=one.benchmark, model=one.model, seed=one.seed)
        )
    published(publish, run)
    assert [one.key for one in load_curves(tmp_path / "root" / publish.MINI / "curves")] == [
        f"{mine.benchmark}/{mine.model}/grpo/seed{mine.seed}"
    ]
    assert not (tmp_path / "root" / publish.KNOWN / "curves").exists()


def test_other_numbers_are_refused_before_anything_is_written_or_replaced(publish, tmp_path, capsys):
    published(publish, run_of(tmp_path / "run", made("grpo")))
    other = run_of(tmp_path / "other", made("grpo", shift=0.3), made("dapo"))
    with pytest.raises(AnatomyR1Error, match=f"1 results differ from the committed ones: .*{made('grpo').key}"):
        publish.additions(other)
    assert publish.main([str(other)]) == 2
    assert "Fix: find out why" in capsys.readouterr().err
    store = tmp_path / "root" / publish.MINI / "store"
    assert {one.method for one in load_results(store)} == {"grpo"}
    assert published(publish, other, replace=True) == {made("grpo").key, made("dapo").key}
    (grpo,) = [one for one in load_results(store) if one.method == "grpo"]
    assert grpo.questions["correct_1"].tolist() == made("grpo", shift=0.3).questions["correct_1"].tolist()


def saying(method, /, **provenance):
    one = made(method)
    return dataclasses.replace(one, provenance={**one.provenance, **provenance})


def planned(**arguments):
    """A result of GRPO whose training's plan is the profile's, but for these arguments."""
    one = made("grpo")
    plan = json.loads(json.dumps(settings(MINI, Cell(one.benchmark, one.model, "grpo", one.seed)), default=str))
    return saying("grpo", training={"plan": {**plan, "arguments": {**plan["arguments"], **arguments}}, "spent": {}})


def sampled(limit=None, temperature=1.0):
    decoding = {"temperature": temperature, "max_new_tokens": 24}
    return saying("dapo", sampling={"limit": limit, "decoding": decoding})


@pytest.mark.parametrize(
    ("stranger", "why"),
    [
        (dataclasses.replace(made("dapo"), profile="smoke"), "profile smoke"),
        (made("dapo", model="mini-xl"), "no model of the profile mini"),
        (made("dapo", mode="native"), "native arithmetic"),
        (made("dapo", expected=False), "another fingerprint"),
        (saying("dapo", method={"label": "Mine", "file_sha256": "ab"}), "a method of a user's file"),
        (planned(beta=0.5), "trained with other settings than those of the profile mini"),
        (sampled(limit=10), "sampled with other settings than those of the profile mini"),
        (sampled(temperature=0.7), "sampled with other settings"),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_results_of_another_world_are_refused_before_anything_is_written(publish, tmp_path, stranger, why):
    run = run_of(tmp_path / "run", made("gpg"), stranger)
    for replace in (False, True):
        with pytest.raises(AnatomyR1Error, match=f"1 results do not belong here: .*{why}"):
            publish.additions(run, replace=replace)
    assert publish.main([str(run)]) == 2
    assert not (tmp_path / "root").exists()


def test_what_the_profile_says_is_published(publish, tmp_path):
    mine, other = planned(), sampled()
    assert published(publish, run_of(tmp_path / "run", mine, other)) == {mine.key, other.key}


def test_a_run_that_is_not_there_is_told(publish, tmp_path, capsys):
    assert publish.main([str(tmp_path / "mni")]) == 2
    assert "no such folder" in capsys.readouterr().err


def test_a_result_in_the_store_where_it_no_longer_belongs_is_moved(publish, tmp_path):
    mine = made("grpo-asc-pool")
    root = tmp_path / "root"
    save_result(root / publish.KNOWN / "store", mine)
    run = run_of(tmp_path / "run", mine)
    assert published(publish, run) == {mine.key} and published(publish, run) == set()
    assert [one.key for one in load_results(root / publish.MINI / "store")] == [mine.key]
    assert not [path for path in (root / publish.KNOWN).rglob("*") if path.is_file()]


def test_other_numbers_in_the_other_store_are_refused_too(publish, tmp_path):
    save_result(tmp_path / "root" / publish.KNOWN / "store", made("grpo-asc-pool"))
    run = run_of(tmp_path / "run", made("grpo-asc-pool", shift=0.3))
    with pytest.raises(AnatomyR1Error, match="1 results differ"):
        publish.additions(run)
    assert published(publish, run, replace=True) == {made("grpo-asc-pool").key}


def test_replace_leaves_results_with_the_same_numbers_alone(publish, tmp_path):
    run = run_of(tmp_path / "run", made("grpo"))
    published(publish, run)
    assert published(publish, run, replace=True) == set()


@pytest.mark.parametrize(("of", "page"), [("blocks", "MINI"), ("known_blocks", "KNOWN")])
def test_the_tables_of_a_page_are_those_of_the_committed_reports(script, of, page):
    folder = ROOT / getattr(script, page)
    content, found = (folder / "README.md").read_text(encoding="utf-8"), getattr(script, of)(folder)
    assert script.with_blocks(content, found) == content
    with pytest.raises(AnatomyR1Error, match="no place for its table more"):
        script.with_blocks(content, {"more": []})
    for name in found:
        assert script.with_blocks(content, {**found, name: ["x"]}) != content


def test_the_tables_of_the_mini_page_have_every_row(script):
    found = script.blocks(ROOT / script.MINI)
    assert {name: len(lines) - 2 for name, lines in found.items()} == {"scores": 16, "family": 10}


def test_several_stores_are_read_as_one(tmp_path):
    first, second = (tmp_path / name for name in ("first", "second"))
    save_result(first, made("grpo"))
    save_result(second, made("sft"))
    both = table_files("table1", first, second)["table1.md"]
    assert "| GRPO |" in both and "| SFT |" in both
    assert both == table_files("table1", second, first)["table1.md"]
    save_result(second, made("grpo"))
    with pytest.raises(AnatomyR1Error, match=f"second and a store before it both have {made('grpo').key}"):
        table_files("table1", first, second)
    with pytest.raises(AnatomyR1Error, match="gone: no such folder"):
        table_files("table1", first, tmp_path / "gone")


def test_a_table_of_some_bases(tmp_path):
    for base in ("one", "two"):
        save_result(tmp_path, dataclasses.replace(made("grpo" if base == "one" else "sft"), base=base))
    save_result(tmp_path, made("control-majority"))
    found = table_files("table1", tmp_path, bases=["one"])["table1.md"]
    assert "| GRPO |" in found and "| Majority class (control) |" in found and "| SFT | — |" in found
    with pytest.raises(AnatomyR1Error, match=r"no result from base three; there are one, two\. Fix: "):
        table_files("table1", tmp_path, bases=["one", "three"])
