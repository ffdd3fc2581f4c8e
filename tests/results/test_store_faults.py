"""A store with files lost, copied or mixed up: every reader refuses it in the same words, by file."""

import json
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest

import anatomy_r1 as ar
from anatomy_r1.cli.main import main
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.results.store import load_results
from reports.__main__ import main as reports

ROOT = Path(__file__).parents[2]
COMMITTED = ROOT / "results" / "mini-first" / "store"
MODEL = "sgg_anatomy_mini/mini-l"


@pytest.fixture
def store(tmp_path):
    """The committed results of GRPO and of the model as it was, two seeds each."""
    for method in ("grpo", "zero-shot"):
        (folder := tmp_path / "store" / MODEL / method / "matched").mkdir(parents=True)
        for seed in (0, 1):
            for kind in ("json", "parquet"):
                shutil.copy(COMMITTED / MODEL / method / "matched" / f"seed{seed}.{kind}", folder)
    return tmp_path / "store"


def cell(store, method="grpo", name="seed0"):
    return store / MODEL / method / "matched" / f"{name}.json"


def table(change):
    """Rewrite GRPO's first table."""

    def spoil(store):
        path = cell(store).with_suffix(".parquet")
        change(pd.read_parquet(path)).to_parquet(path, index=False)

    return spoil


def mixed(store):
    shutil.copy(cell(store, "zero-shot").with_suffix(".parquet"), cell(store).with_suffix(".parquet"))


def stated(**changes):
    """Change the metrics in GRPO's first JSON."""

    def spoil(store):
        content = json.loads(cell(store).read_text())
        content["provenance"]["metrics"] |= changes
        cell(store).write_text(json.dumps(content))

    return spoil


def copied(name):
    def spoil(store):
        for kind in (".json", ".parquet"):
            shutil.copy(cell(store).with_suffix(kind), cell(store, name=name).with_suffix(kind))

    return spoil


def unstated_majority(store):
    """An older result, which states no metrics, with a majority that its responses do not give."""
    content = json.loads(cell(store).read_text())
    del content["provenance"]["metrics"]
    cell(store).write_text(json.dumps(content))
    table(lambda one: one.assign(major=True))(store)


UNLIKE = r"seed0\.json and .*seed0\.parquet: not one result: "
FAULTS = {
    "the table of another method": (mixed, UNLIKE + r"avg@5 is 0\.48.* by the table\. Fix: restore both"),
    "each majority right": (table(lambda one: one.assign(major=True)), UNLIKE + r"major@5 is 0\.\d+ .*, 1\.0 by the"),
    "half of the table": (table(lambda one: one[:300]), UNLIKE + "n is 600 in the metrics of the first, 300 by the"),
    "no response cut off": (table(lambda one: one.assign(truncated=1)), UNLIKE + r"truncation_rate is .*, 0\.2 by the"),
    "the lenient column": (table(lambda one: one.assign(lenient_3=0)), UNLIKE + "avg@5_lenient is "),
    "a metric changed by hand": (stated(greedy=0.9), UNLIKE + r"greedy is 0\.9 "),
    "a metric that is text": (stated(**{"pass@1": "high"}), UNLIKE + "pass@1 is 'high' "),
    "a majority without metrics": (unstated_majority, r"contradicts itself: .* 0 of 5 .* majority right\. Fix"),
    "the JSON lost": (lambda store: cell(store).unlink(), r"seed0\.json: is missing, .*Fix: restore it"),
    "a copy by a file manager": (copied("seed0 (1)"), r"seed0 \(1\)\.json: says that it is .*/seed0.* twice.*Fix"),
    "a seed with two digits": (copied("seed00"), r"seed00\.json: says that it is .*/seed0.* twice.*Fix"),
    "a seed under another's name": (copied("seed1"), r"seed1\.json: says that it is .*/seed0.* twice.*Fix"),
}
READERS = {
    "API": lambda store, _: ar.scores(store),
    "compare": lambda store, _: main(["compare", str(store)]),
    "compare of folders": lambda store, _: main(["compare", *map(str, sorted((store / MODEL).iterdir()))]),
    "table1": lambda store, out: reports(["table1", "--store", str(store), "--out", str(out)]),
}


@pytest.mark.parametrize("what", FAULTS)
@pytest.mark.parametrize("reader", READERS)
def test_case_06_case_18_case_21_a_spoilt_store_is_refused_alike_by_every_reader(what, reader, store, tmp_path, capsys):
    spoil, complaint = FAULTS[what]
    spoil(store)
    if reader == "API":
        with pytest.raises(AnatomyR1Error, match=complaint):
            READERS[reader](store, tmp_path)
        return
    assert READERS[reader](store, tmp_path / "out") == 2
    assert re.search(complaint, " ".join(capsys.readouterr().err.split()))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("reader", READERS)
def test_case_21_the_store_is_read_before_it_is_spoilt(reader, store, tmp_path):
    if reader == "table1":
        pytest.importorskip("matplotlib", reason="table1 writes its figure as well: the extra `figures`")
    found = READERS[reader](store, tmp_path / "out")
    assert list(found["seeds"]) == [2, 2] if reader == "API" else found == 0


def test_case_21_a_copied_folder_is_no_further_method(store):
    shutil.copytree(store / MODEL / "grpo", store / MODEL / "grpo copy")
    with pytest.raises(AnatomyR1Error, match=r"grpo copy/matched/seed0\.json: says that it is .*mini-l/grpo/matched"):
        load_results(store)


@pytest.mark.slow
def test_case_21_all_committed_results_agree_with_their_metrics():
    results = load_results(COMMITTED)
    assert len(results) == len(list(COMMITTED.rglob("seed*.json")))
    assert all(result.provenance["metrics"]["n"] for result in results)
    assert any(result.has_rotations for result in results)
