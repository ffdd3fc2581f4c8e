"""Names and checks of a submission; nothing is overwritten, and a failure leaves no files."""

import json
import os
from pathlib import Path

import pytest

from anatomy_r1.cli.main import main
from anatomy_r1.data.inputs import DataError
from anatomy_r1.errors import AnatomyR1Error
from tests.results.submission.conftest import TASK


@pytest.mark.parametrize(
    "names",
    [
        {"model": "../x"}, {"model": "a/b"}, {"method": ""}, {"method": ".."}, {"method": "-rf"}, {"method": "a" * 81},
        {"method": "a\nb"}, {"method": "a..b"}, {"model": "ä"}, {"seed": -1},
    ],
    ids=str,
)  # fmt: skip
def test_names_cannot_leave_the_store(names, stock, submitted, tmp_path):
    with pytest.raises(AnatomyR1Error, match=r"Fix|expected"):
        submitted(stock, **names)
    assert not (tmp_path / "store").exists()


def test_nothing_is_overwritten(stock, submitted):
    entered = submitted(stock)
    before = entered.path.read_bytes(), entered.path.stat().st_mtime_ns
    with pytest.raises(AnatomyR1Error, match="exists already"):
        submitted(stock)
    assert (entered.path.read_bytes(), entered.path.stat().st_mtime_ns) == before


def test_a_model_is_not_evaluated_if_its_key_is_taken(stock, submitted, tmp_path):
    from tests.helpers.deterministic import weights_folder

    submitted(stock)
    with pytest.raises(AnatomyR1Error, match="exists already"):
        submitted(weights_folder(tmp_path / "weights"), benchmark=TASK, options={"log": tmp_path / "log"})
    assert not (tmp_path / "log").exists()


def test_a_model_is_not_evaluated_if_its_training_data_cannot_be_read(submitted, tmp_path):
    from tests.helpers.deterministic import weights_folder

    given = {"benchmark": TASK, "options": {"log": tmp_path / "log"}, "train_data": (tmp_path / "none.json",)}
    with pytest.raises((AnatomyR1Error, DataError), match=r"none\.json"):
        submitted(weights_folder(tmp_path / "weights"), **given)
    assert not (tmp_path / "log").exists()


def test_a_failed_write_leaves_nothing(stock, submitted, tmp_path, monkeypatch):
    rename = Path.replace

    def full(path, other):
        if path.name == "seed0.json.tmp":  # the table is written by then
            raise OSError(28, "No space left on device")
        return rename(path, other)

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(AnatomyR1Error, match="cannot be written"):
        submitted(stock)
    monkeypatch.undo()
    assert not [path for path in (tmp_path / "store").rglob("*") if path.is_file()]
    assert submitted(stock).path.is_file()


def test_results_on_other_questions_are_refused(stock, submitted, tmp_path):
    entered = submitted(stock)
    head = json.loads(entered.path.read_text())
    head["provenance"]["data"]["questions_sha256"] = "0" * 64
    entered.path.write_text(json.dumps(head))
    with pytest.raises(AnatomyR1Error, match=f"answers other questions of {TASK}"):
        submitted(stock, method="another")
    head["provenance"]["data"].pop("questions_sha256")
    entered.path.write_text(json.dumps(head))
    with pytest.raises(AnatomyR1Error, match="holds results of profile submitted"):
        submitted(stock, method="another", profile="mini")


def test_a_control_or_a_partial_log_is_refused(data, tmp_path, submitted, monkeypatch):
    from anatomy_r1.evaluation.engines import transformers_engine
    from anatomy_r1.evaluation.evaluate import evaluate
    from tests.helpers.deterministic import HashEngine, weights_folder

    monkeypatch.setattr(transformers_engine, "TransformersEngine", HashEngine)
    weights = weights_folder(tmp_path / "weights")
    for name, options in (("control", {"images": "none"}), ("part", {"limit": 5}), ("train", {"split": "train"})):
        evaluate(TASK, data, weights, tmp_path / name, progress=False, **options)
    with pytest.raises(AnatomyR1Error, match="has images 'none', not 'real'"):
        submitted(tmp_path / "control")
    with pytest.raises(AnatomyR1Error, match="has limit '5', not None"):
        submitted(tmp_path / "part")
    with pytest.raises(AnatomyR1Error, match="has split 'train', not 'test'"):
        submitted(tmp_path / "train")


def test_another_seed_than_that_of_the_log_is_refused(log, submitted):
    with pytest.raises(AnatomyR1Error, match="sampled with seed 0"):
        submitted(log, seed=3)


@pytest.mark.parametrize(
    "make",
    [os.mkdir, lambda path: path.write_text("hello"), lambda path: None],
    ids=["empty folder", "text", "nothing"],
)
def test_an_unknown_kind_of_source_is_refused(make, tmp_path, data, capsys):
    make(tmp_path / "it")
    names = ["--model", "m", "--method", "x", "--data", str(data), "--store", str(tmp_path / "store")]
    assert main(["submit", str(tmp_path / "it"), *names]) == 2
    error = capsys.readouterr().err
    assert "Fix: " in error
    assert "Traceback" not in error
    assert not (tmp_path / "store").exists()


def test_the_profile_is_that_of_the_store(submitted, stock, tmp_path):
    from anatomy_r1.results.store import save_result
    from tests.helpers.stores import result

    own = result(benchmark="omnimed_mi_mini")
    save_result(tmp_path / "store", own)
    assert submitted(stock).result.profile == own.profile == "mini"
