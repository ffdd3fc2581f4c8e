"""Where systems come from: stores, cells, response logs; and the command on them."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from anatomy_r1.cli.main import main
from anatomy_r1.comparison.systems import load_systems
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.response_log.log import ResponseLog
from anatomy_r1.results.store import save_result
from tests.helpers.made_logs import write_log
from tests.helpers.small_set import write_set
from tests.helpers.worlds import answers, result, table, unequal

MINI = Path(__file__).resolve().parents[2] / "results" / "mini" / "store"


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Two methods, one of them in two arms, two seeds."""
    root, rng = tmp_path_factory.mktemp("store"), np.random.default_rng(0)
    labels = unequal(rng, 24, 240)
    for method, arm, shift in (("base", "matched", 0), ("new", "matched", 0.15), ("new", "equal-tokens", 0.1)):
        for seed in (0, 1):
            save_result(root, result(method, table(answers(rng, labels, shift), labels), seed=seed, arm=arm))
    return root


def cell(store, method, arm="matched"):
    return store / "sgg_anatomy_mini" / "mini-l" / method / arm


def test_a_folder_is_all_its_seeds_and_a_file_is_one(store):
    (folder,) = load_systems([str(cell(store, "base"))], None)
    (file,) = load_systems([str(cell(store, "base") / "seed1.json")], None)
    assert [run.seed for run in folder.runs] == [0, 1]
    assert [run.seed for run in file.runs] == [1]
    assert folder.name == file.name == "sgg_anatomy_mini/mini-l/base/matched"


def test_a_whole_store_keeps_arms_apart(store):
    found = load_systems([str(store)], None)
    assert [system.short for system in found] == [
        "mini-l/base/matched", "mini-l/new/equal-tokens", "mini-l/new/matched",
    ]  # fmt: skip


def test_the_first_named_is_the_baseline_and_names_can_be_given(store):
    found = load_systems([f"b={cell(store, 'new')}", f"a={cell(store, 'base')}"], None)
    assert [system.name for system in found] == ["b", "a"]


def test_a_model_named_without_a_base_stands_for_all_its_bases(tmp_path):
    rng = np.random.default_rng(0)
    labels = unequal(rng, 24, 240)
    for base in ("b1", "b2"):
        for seed in (0, 1):
            one = result("new", table(answers(rng, labels, 0), labels), seed=seed)
            save_result(tmp_path, replace(one, base=base))
    (folder,) = load_systems([str(cell(tmp_path, "new"))], None)
    assert [(run.base, run.seed) for run in folder.runs] == [("b1", 0), ("b1", 1), ("b2", 0), ("b2", 1)]
    (file,) = load_systems([f"x={cell(tmp_path, 'new') / 'seed1.json'}"], None)
    assert (file.name, [(run.base, run.seed) for run in file.runs]) == ("x", [("b1", 1), ("b2", 1)])
    (own,) = load_systems([str(tmp_path / "sgg_anatomy_mini" / "mini-l@b2" / "new")], None)
    assert [run.base for run in own.runs] == ["b2", "b2"]
    with pytest.raises(AnatomyR1Error, match="no such folder of results"):
        load_systems([str(cell(tmp_path, "old"))], None)


def test_a_path_with_an_equals_sign_is_a_path(store, tmp_path):
    odd = tmp_path / "a=b"
    odd.symlink_to(cell(store, "base"))
    (found,) = load_systems([str(odd)], None)
    assert found.name == "sgg_anatomy_mini/mini-l/base/matched"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{tmp}"], "no results in it"),
        (["{tmp}/seed0.json"], "no such result"),
        (["{tmp}/none.sqlite"], "no such response log"),
        (["={tmp}"], "an empty name"),
        (["a={base}", "b={base}"], "named twice"),
        (["a={base}", "a={new}"], "both have seed 0"),
    ],
    ids=["empty folder", "missing cell", "missing log", "no name", "one file twice", "two systems, one name"],
)
def test_an_invalid_source_is_refused(store, tmp_path, arguments, message):
    places = {"tmp": tmp_path, "base": cell(store, "base"), "new": cell(store, "new")}
    with pytest.raises(AnatomyR1Error, match=message):
        load_systems([argument.format(**places) for argument in arguments], None)


def test_an_incomplete_result_is_named(tmp_path):
    (tmp_path / "seed0.json").write_text("{}")
    with pytest.raises(AnatomyR1Error, match="not a complete result"):
        load_systems([str(tmp_path / "seed0.json")], None)


@pytest.fixture(scope="module")
def logs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("logs")
    data = write_set(folder)
    write_log(folder / "old.sqlite", data, "w0", lambda index, repeat: index % 2 == 0)
    write_log(folder / "new.sqlite", data, "w1", lambda index, repeat: index % 2 == 0 or index < 6)
    write_log(folder / "both.sqlite", data, "w0", lambda index, repeat: index % 2 == 0)
    run = write_log(folder / "both.sqlite", data, "w0", lambda index, repeat: True, seed=1)
    return folder, data, run


def test_response_logs_are_scored_and_compared(logs, capsys):
    folder, data, _ = logs
    arguments = [f"{folder}/old.sqlite", f"{folder}/new.sqlite", "--data", str(data), "--format", "json"]
    assert main(["compare", *arguments]) == 0
    found = json.loads(capsys.readouterr().out)
    (one,) = found["comparisons"]
    assert (one["baseline"], one["other"]) == ("sgg_anatomy_mini/old", "sgg_anatomy_mini/new")
    overall = next(d for d in one["differences"] if (d["metric"], d["category"]) == ("avg@5", ""))
    assert overall["interval"]["mean"] == pytest.approx(3 / 24)
    assert [flip["id"] for flip in one["flips"]["gained"]] == ["VID01/1/3", "VID01/5/3", "VID03/3/3"]
    assert one["flips"]["lost"] == []
    assert found["systems"]["sgg_anatomy_mini/old"]["runs"]["0"]["weights"] == "w0"


def test_runs_of_one_log_are_distinguished_and_can_be_seeds_of_one_system(logs):
    folder, data, run = logs
    with pytest.raises(AnatomyR1Error, match=r"holds 2 runs .*both\.sqlite#RUN"):
        load_systems([f"{folder}/both.sqlite"], data)
    first = next(name for name in _runs(folder / "both.sqlite") if name != run)
    found = load_systems([f"a={folder}/both.sqlite#{first}", f"a={folder}/both.sqlite#{run}"], data)
    assert [[one.seed for one in system.runs] for system in found] == [[0, 1]]


def _runs(path):
    with ResponseLog(path, read_only=True) as log:
        return list(log.runs())


def test_a_log_needs_its_data(logs):
    with pytest.raises(AnatomyR1Error, match="Fix: add --data DIR"):
        load_systems([f"{logs[0]}/old.sqlite"], None)


def test_other_prompts_are_found_in_the_logs_themselves(logs, tmp_path):
    """Same style, other text as the model read it, for example another chat template."""
    folder, data, _ = logs
    write_log(tmp_path / "a.sqlite", data, "w1", lambda index, repeat: True)
    with ResponseLog(folder / "old.sqlite", read_only=True) as log:
        rows = [replace(row, key=replace(row.key, prompt_hash="x", weights="w2")) for row in log.rows()]
        plan = next(iter(log.runs().values()))
    with ResponseLog(tmp_path / "b.sqlite") as log:
        log.add(rows)
        log.add_run({**plan, "weights": "w2"})
    arguments = [f"{tmp_path}/a.sqlite", f"{tmp_path}/b.sqlite", "--data", str(data)]
    assert main(["compare", *arguments]) == 2
    assert main(["compare", *arguments, "--allow-different", "prompts"]) == 0


def test_the_command_on_the_committed_results(tmp_path, capsys):
    """A real store: GRPO and CoT-SFT against zero-shot on both benchmarks, on the bases and seeds that both have."""
    methods = ("zero-shot", "grpo", "cot-sft")
    paths = [
        str(MINI / benchmark / "mini-l" / m / "matched")
        for m in methods
        for benchmark in ("sgg_anatomy_mini", "omnimed_mi_mini")
    ]
    files = [argument for s in ("md", "html", "json", "txt") for argument in ("--out", str(tmp_path / f"c.{s}"))]
    assert main(["compare", *paths, *files]) == 0
    printed = capsys.readouterr().out
    assert printed == (tmp_path / "c.txt").read_text()
    assert "say nothing about real models" in printed
    found = json.loads((tmp_path / "c.json").read_text())
    assert [one["test"]["verdict"] for one in found["comparisons"]] == ["better"] * 4
    assert {one["benchmark"]: one["bases"] for one in found["comparisons"]} == {
        "sgg_anatomy_mini": ["mini-l-1", "mini-l-2", "mini-l-3"],
        "omnimed_mi_mini": ["mini-l-1"],
    }
    assert "mini-l/grpo/matched" in (tmp_path / "c.html").read_text()


def test_prompts_of_the_committed_results_differ_for_sft(capsys):
    paths = [str(MINI / "sgg_anatomy_mini" / "mini-l" / m) for m in ("zero-shot", "sft/matched")]
    assert main(["compare", *paths]) == 2
    assert "--allow-different prompts" in capsys.readouterr().err
    assert main(["compare", *paths, "--allow-different", "prompts", "--format", "markdown"]) == 0
    assert "prompts differ in style" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--out", "c.pdf"], "no such format"),
        (["--smallest-difference", "0"], "--smallest-difference 5"),
        (["--family", "none.yaml"], "cannot read the family"),
        (["--family", "none.yaml", "--metric", "greedy"], "leave the options out"),
    ],
    ids=["format", "no difference is smaller than none", "no family", "told twice"],
)
def test_wrong_options_are_refused_with_a_fix(store, capsys, options, message):
    assert main(["compare", str(cell(store, "base")), str(cell(store, "new")), *options]) == 2
    assert message in capsys.readouterr().err


def test_a_file_that_cannot_be_written_is_refused_with_a_fix(store, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    systems = [str(cell(store, "base")), str(cell(store, "new"))]
    assert main(["compare", *systems, "--out", str(tmp_path / "file" / "c.txt")]) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_a_negative_number_of_flips_is_refused(store, capsys):
    with pytest.raises(SystemExit):
        main(["compare", str(cell(store, "base")), str(cell(store, "new")), "--flips", "-1"])
    assert "-1 is below 0" in capsys.readouterr().err
