"""The best blind rule in the result store: written once, checked against the questions, read back, optional."""

import json
import shutil
from dataclasses import replace

import pandas as pd
import pytest

from anatomy_r1.data.prepared import load_manifest, write
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.evaluation.blind_difference import blind_answers
from anatomy_r1.results.blind_record import record_blind
from anatomy_r1.results.store import Result, load_result, load_results, save_result
from anatomy_r1.scoring.question_table import COLUMNS, ROTATIONS
from baselines.__main__ import main as baselines
from tests.helpers import small_set
from tests.helpers.blind import with_rule

TASK = "sgg_anatomy_mini"
ASKED = small_set.questions(24)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Parent of a prepared set of 24 test questions and 24 training questions of other clusters."""
    folder = tmp_path_factory.mktemp("data")
    learnt = [replace(one, id=f"T/{one.id}", cluster=f"T{one.cluster}") for one in small_set.questions(24)]
    manifest = {"benchmark": TASK, "generated": True, "seed": 0}
    write(folder / TASK, {"train": learnt, "test": ASKED}, folder, manifest)
    return folder


def result(data, method="grpo", seed=0, **changes):
    table = pd.DataFrame(dict.fromkeys(COLUMNS, [1] * 24)).assign(
        id=[one.id for one in ASKED], cluster=[one.cluster for one in ASKED], category="c", parsed=5
    )
    stated = {"questions_sha256": load_manifest(data / TASK)["questions_sha256"]}
    values = {"questions": table, "provenance": {"commit": "c0ffee", "data": stated}, **changes}
    return Result("mini", TASK, "mini-l", method, "matched", seed, "think", **values)


@pytest.fixture
def store(data, tmp_path):
    for seed in (0, 1):
        save_result(tmp_path / "store", result(data, seed=seed))
    turned = result(data).questions.assign(**{**dict.fromkeys(ROTATIONS, 1), "rotations": 4}, correct_0=0.25)
    save_result(tmp_path / "store", result(data, "grpo@rotations", questions=turned))
    return tmp_path / "store"


def bytes_of(store):
    return {path.relative_to(store): path.read_bytes() for path in sorted(store.rglob("*")) if path.is_file()}


def test_every_result_gets_the_rule_and_nothing_else_changes(store, data):
    before = {one.key: one for one in load_results(store)}
    done = record_blind(store, [data])
    assert (done.written, done.kept) == (3, 0)
    found = blind_answers(data / TASK)
    assert done.rules == (
        f"{TASK}: {found.rule.rule}, {100 * found.rule.accuracy:.2f} %, learnt from 24 training questions",
    )
    for one in load_results(store):
        old = before[one.key]
        assert one.has_blind and not old.has_blind
        assert one.questions.drop(columns="blind").equals(old.questions)
        assert one.questions["blind"].tolist() == [found.right[name] for name in one.questions["id"]]
        assert {key: value for key, value in one.provenance.items() if key != "blind"} == old.provenance
        assert one.provenance["blind"]["accuracy"] == found.rule.accuracy


def test_the_balanced_view_gets_the_rule_of_the_set_that_it_was_asked(store, data, tmp_path):
    name = "sgg_anatomy_balanced_mini"
    learnt = [replace(one, id=f"T/{one.id}", cluster=f"T{one.cluster}") for one in small_set.questions(12)]
    write(
        tmp_path / name, {"train": learnt, "test": ASKED}, tmp_path, {"benchmark": name, "generated": True, "seed": 0}
    )
    stated = {"questions_sha256": load_manifest(tmp_path / name)["questions_sha256"]}
    save_result(store, result(data, "grpo@balanced", provenance={"commit": "c0ffee", "data": stated}))
    done = record_blind(store, [data, tmp_path])
    assert done.written == 4
    learnt_from = {one.method: one.provenance["blind"]["train_questions"] for one in load_results(store)}
    assert learnt_from == {"grpo": 24, "grpo@rotations": 24, "grpo@balanced": 12}


def test_a_second_time_changes_no_byte(store, data):
    record_blind(store, [data])
    before = bytes_of(store)
    assert (record_blind(store, [data / TASK]).written, bytes_of(store)) == (0, before)


def test_what_an_interrupted_write_leaves_is_read_and_completed(store, data):
    """The table comes first: it then has a column that its JSON does not know."""
    cell = store / TASK / "mini-l" / "grpo" / "matched"
    old = (cell / "seed0.json").read_bytes()
    record_blind(store, [data])
    whole = bytes_of(store)
    (cell / "seed0.json").write_bytes(old)
    assert not load_result(cell / "seed0.json").has_blind
    assert record_blind(store, [data]).written == 1
    assert bytes_of(store) == whole


def other_hash(one):
    return replace(one, provenance={"data": {"questions_sha256": "0" * 64}})


def no_hash(one):
    return replace(one, provenance={})


def fewer(one):
    return replace(one, questions=one.questions.iloc[1:])


def moved(one):
    return replace(one, questions=one.questions.assign(cluster="elsewhere"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (other_hash, "answers questions of another set.*questions_sha256 0000"),
        (no_hash, "answers questions of another set"),
        (fewer, "has other test questions, or other clusters"),
        (moved, "has other test questions, or other clusters"),
    ],
    ids=["another hash", "no hash", "other ids", "other clusters"],
)
def test_nothing_is_written_unless_every_result_answered_these_questions(store, data, change, message):
    save_result(store, change(result(data, "zero-shot")))
    before = bytes_of(store)
    with pytest.raises(AnatomyR1Error, match=f"zero-shot/matched/seed0.json: {message}"):
        record_blind(store, [data])
    assert bytes_of(store) == before


def test_the_command_prints_the_rules_and_names_missing_data(store, data, tmp_path, capsys):
    words = ["blind", "--store", str(store), "--data"]
    assert baselines([*words, str(tmp_path / "nowhere")]) == 2
    assert f"no prepared set of {TASK} there" in capsys.readouterr().err
    assert baselines([*words, str(tmp_path / "nowhere"), str(data)]) == 0
    printed = capsys.readouterr().out
    assert f"{TASK}: " in printed and "3 results written, 0 had this record already" in printed


def test_without_training_questions_the_reason_is_recorded(tmp_path):
    root = small_set.write_set(tmp_path)
    save_result(tmp_path / "store", result(tmp_path))
    done = record_blind(tmp_path / "store", [root])
    assert done.rules == (f"{TASK}: not computed: the prepared set has no training questions",)
    (found,) = load_results(tmp_path / "store")
    assert not found.has_blind and "blind" not in found.questions
    assert found.provenance["blind"] == {"not_computed": "the prepared set has no training questions"}


def test_the_column_is_read_back_and_optional(tmp_path, data):
    old = result(data)
    new = with_rule(old, [True, False] * 12)
    assert tuple(load_result(save_result(tmp_path / "old", old)).questions.columns) == COLUMNS
    assert tuple(load_result(save_result(tmp_path / "new", new)).questions.columns) == (*COLUMNS, "blind")
    with pytest.raises(ValueError, match=r"lacks \['blind'\]"):
        replace(new, questions=old.questions)


@pytest.mark.parametrize(
    ("blind", "message"),
    [
        ({"accuracy": 0.9}, "the blind rule's accuracy is 0.9 in the first, 0.5 by the table"),
        ({"accuracy": 7.0}, "blind.accuracy: should be less than or equal to 1"),
        ({"rule": 3}, "blind.rule: should be text"),
    ],
    ids=["of another table", "no share", "no name"],
)
def test_a_record_that_is_not_the_tables_is_refused(tmp_path, data, blind, message):
    path = save_result(tmp_path, with_rule(result(data), [True, False] * 12))
    content = json.loads(path.read_text())
    content["provenance"]["blind"] |= blind
    path.write_text(json.dumps(content))
    with pytest.raises(AnatomyR1Error, match=message):
        load_result(path)


def test_answers_that_are_no_flags_are_refused(tmp_path, data):
    path = save_result(tmp_path, with_rule(result(data), [True, False] * 12))
    table = path.with_suffix(".parquet")
    pd.read_parquet(table).assign(blind=2).to_parquet(table, index=False)
    with pytest.raises(AnatomyR1Error, match="blind: should be between 0 and 1 everywhere"):
        load_result(path)


def test_the_committed_store_can_be_copied_without_its_record(tmp_path):
    """Results from before the record are read as before."""
    from pathlib import Path

    cell = Path(__file__).parents[2] / "results/mini/store/sgg_anatomy_mini/mini-l@mini-l-1/grpo/matched"
    for suffix in ("json", "parquet"):
        shutil.copy(cell / f"seed0.{suffix}", tmp_path)
    content = json.loads((tmp_path / "seed0.json").read_text())
    assert content["provenance"].pop("blind")["rule"] == "logistic"
    (tmp_path / "seed0.json").write_text(json.dumps(content))
    table = pd.read_parquet(tmp_path / "seed0.parquet").drop(columns="blind")
    table.to_parquet(tmp_path / "seed0.parquet", index=False)
    assert not load_result(tmp_path / "seed0.json").has_blind
