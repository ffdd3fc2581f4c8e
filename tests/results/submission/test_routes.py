"""The three kinds of submission, and what the store then holds."""

import json
import re
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from anatomy_r1.cli.main import main
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.evaluation.blind_difference import beside_blind, blind_answers, blind_line
from anatomy_r1.results.store import load_result
from anatomy_r1.scoring.metrics import K
from anatomy_r1.scoring.question_table import LENIENT, table_metrics
from tests.helpers.small_set import questions, write_set
from tests.results.submission.conftest import TASK, said, stock_run

ROOT = Path(__file__).resolve().parents[3]


def by_hand():
    """Avg@5, Pass@1, greedy accuracy and parse rate of the dummy's texts, with a reader written for its three forms."""

    def read(text):
        tail = text.rpartition("<answer> ")[2].removesuffix(" </answer>")
        return tail if tail in ("A", "B", "C", "D") else None

    asked = questions(24)
    five = [[read(said(f"{q.id}/sample", repeat)) for repeat in range(K)] for q in asked]
    greedy = [read(said(f"{q.id}/greedy", 0)) for q in asked]
    right = [[choice == q.letter for choice in choices] for choices, q in zip(five, asked, strict=True)]
    return {
        "avg@5": np.mean(right),
        "pass@1": np.mean([one[0] for one in right]),
        "greedy": np.mean([choice == q.letter for choice, q in zip(greedy, asked, strict=True)]),
        "parse_rate": np.mean([choice is not None for choices in five for choice in choices]),
    }


def test_lm_eval_results_are_scored_again_and_agree_exactly(submitted, stock):
    entered = submitted(stock)
    scores, known = entered.submission.scores, by_hand()
    assert {name: scores.overall[name] for name in known} == pytest.approx(known, abs=1e-12)
    assert 0.05 < known["avg@5"] < 0.5
    assert entered.submission.differences == ()
    assert entered.submission.claimed[f"{TASK}/avg@5"] == scores.overall["avg@5"]
    assert "the submitted numbers equal ours exactly" in entered.summary()


def test_the_summary_has_no_number_without_its_interval(submitted, stock, log):
    for source, unknown in ((stock, True), (log, False)):
        summary = submitted(source, method=source.name.replace(".", "-")).summary()
        assert re.search(r"avg@5 \d+\.\d \[\d+\.\d, \d+\.\d\], pass@1 \d+\.\d \[", summary)
        assert ("truncated" in summary.partition("All, with")[2].partition("\n")[0]) != unknown


def test_what_lm_eval_does_not_record_is_not_known_rather_than_zero(submitted, stock):
    result = load_result(submitted(stock).path)
    recorded = result.provenance["submitted"]
    assert result.arm == "submitted"
    assert recorded["not_known"][0] == "training data"
    assert "which responses ended at the token limit" in recorded["not_known"]
    assert result.questions["truncated"].isna().all()
    assert "truncated" not in table_metrics(result.questions)
    assert LENIENT in table_metrics(result.questions)
    assert "truncation_rate" not in result.provenance["metrics"]
    assert "spent" not in result.provenance
    assert "training" not in result.provenance
    assert set(result.provenance["leakage"]["not_computed"]) > {"cluster", "image"}
    assert result.provenance["leakage"]["train"] == {
        "name": "not known",
        "questions": None,
        "clusters": None,
        "images": None,
    }


def test_a_log_keeps_what_it_knows(submitted, log):
    result = load_result(submitted(log).path)
    assert result.provenance["submitted"]["kind"] == "response log"
    assert "version of the task" in result.provenance["submitted"]["not_known"]
    assert "weights" not in result.provenance["submitted"]["not_known"]
    assert result.questions["truncated"].sum() > 0
    assert "prompt" not in result.provenance


def test_a_log_scores_as_the_score_command_does(submitted, log, data, capsys):
    entered = submitted(log)
    assert main(["score", str(log), "--data", str(data), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["overall"] == dict(entered.submission.scores.overall)


def test_a_submission_stands_beside_the_best_blind_rule_of_its_prepared_set(submitted, log, stock, data, capsys):
    for source in (log, stock):
        entered = submitted(source, method=source.name.split(".")[0])
        result = load_result(entered.path)
        found = blind_answers(data / TASK)
        assert result.provenance["blind"] == asdict(found.rule)
        assert found.rule.train_questions == 8
        assert result.questions["blind"].tolist() == [found.right[name] for name in result.questions["id"]]
        beside = beside_blind([result.questions], [result.provenance["blind"]])
        assert blind_line(beside) in entered.summary()
    assert main(["score", str(log), "--data", str(data)]) == 0
    assert "avg@5 minus the best blind rule (" in capsys.readouterr().out


def test_a_model_is_evaluated_and_its_log_kept(data, tmp_path, monkeypatch, capsys):
    from anatomy_r1.evaluation.engines import transformers_engine
    from tests.helpers.deterministic import HashEngine, weights_folder

    monkeypatch.setattr(transformers_engine, "TransformersEngine", HashEngine)
    names = ["--model", "mini-l", "--method", "theirs", "--benchmark", TASK, "--data", str(data)]
    where = ["--store", str(tmp_path / "store"), "--log", str(tmp_path / "log")]
    assert main(["submit", str(weights_folder(tmp_path / "weights")), *names, *where]) == 0
    assert "the submitted numbers equal ours exactly" in capsys.readouterr().out
    (path,) = tmp_path.glob("store/*/*/*/*/*.json")
    result = load_result(path)
    assert (tmp_path / "log").is_file()
    assert result.provenance["submitted"]["not_known"] == ["training data"]
    assert result.provenance["prompt"]
    assert result.provenance["spent"].keys() == {"tokens", "seconds"}


def test_tasks_by_category_are_one_submission(submitted, data, tmp_path, stock):
    entered = submitted(stock_run(data, tmp_path / "groups", tasks=[f"{TASK}_by_category"]))
    whole = submitted(stock, method="whole")
    assert entered.submission.scores.overall == whole.submission.scores.overall
    assert entered.submission.differences == ()
    assert len(entered.submission.claimed) == 5 * 6


def test_a_submission_is_a_row_and_stands_in_a_comparison(submitted, stock, log, tmp_path, capsys):
    from reports.write import table_files

    submitted(stock)
    submitted(log, method="ours")
    table = table_files("table1", tmp_path / "store")["table1.txt"]
    assert "theirs (submitted)" in table
    note = " ".join(table.split()).partition("Submitted: ")[2]
    assert "theirs (submitted), seed 0: from lm-eval results, rescored from its responses" in note
    assert "not known: training data, weights" in note
    folders = [str(path) for path in sorted((tmp_path / "store").glob("*/*/*"))]
    assert main(["compare", *folders]) == 2
    refused = capsys.readouterr().err
    assert "sampling differ in engine" in refused
    assert main(["compare", *folders, "--allow-different", "sampling", "prompts", "--format", "json"]) == 0
    (one,) = json.loads(capsys.readouterr().out)["comparisons"]
    assert one["test"]["verdict"] == "underpowered"


def test_training_data_give_a_leakage_passport(submitted, stock, data):
    clean = submitted(stock, train_data=(data / TASK,))
    assert clean.passport.train.questions == 8
    assert clean.passport.not_clean == ()
    assert "training data" not in clean.result.provenance["submitted"]["not_known"]


def test_training_on_test_images_is_marked_in_the_table(submitted, stock, tmp_path):
    from anatomy_r1.data.prepared import write
    from reports.write import table_files

    write_set(tmp_path)
    stated = {"benchmark": TASK, "generated": True, "seed": 0}
    write(tmp_path / "leaky", {"train": questions(24)[:5]}, tmp_path / "images", stated)
    entered = submitted(stock, train_data=(tmp_path / "leaky",))
    assert {"cluster", "image", "question_image"} <= set(entered.passport.not_clean)
    assert "not clean: cluster" in entered.summary()
    assert "† = not clean" in table_files("table1", tmp_path / "store")["table1.txt"]


@pytest.mark.slow
def test_the_stock_command_with_its_own_backend_and_a_tiny_model(data, tmp_path, capsys):
    """lm-eval's command and `hf-multimodal`, as the documentation has it."""
    import torch

    from anatomy_r1.mini.architecture import build_model, build_processor, save

    torch.set_num_threads(1)
    processor = build_processor()
    save(build_model("mini-s", processor), processor, tmp_path / "model")
    command = [
        sys.executable, "-m", "lm_eval", "--tasks", TASK, "--model", "hf-multimodal", "--model_args",
        f"pretrained={tmp_path / 'model'}", "--apply_chat_template", "--include_path", str(ROOT / "tasks"), "--device",
        "cpu", "--batch_size", "8", "--gen_kwargs", "max_gen_toks=4", "--metadata", f"data={data}",
        "--output_path", str(tmp_path / "out"), "--log_samples",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr[-3000:]
    names = ["--data", str(data), "--store", str(tmp_path / "store"), "--model", "mini-s", "--method", "tiny"]
    assert main(["submit", str(tmp_path / "out"), *names]) == 0
    assert "the submitted numbers equal ours exactly" in capsys.readouterr().out
    (path,) = tmp_path.glob("store/*/*/*/*/*.json")
    recorded = load_result(path).provenance
    assert recorded["sampling"]["decoding"]["engine"] == "lm-eval hf-multimodal"
    assert recorded["submitted"]["lm_eval"] == "0.4.13"
    assert recorded["submitted"]["model"] == "model"
    assert str(tmp_path) not in json.dumps(recorded["submitted"])


def test_a_log_may_hold_other_runs_of_the_same_weights(submitted, data, tmp_path, monkeypatch):
    """A control is refused, and its tokens are not those of the run that is submitted."""
    from anatomy_r1.evaluation.engines import transformers_engine
    from anatomy_r1.evaluation.evaluate import evaluate
    from tests.helpers.deterministic import HashEngine, weights_folder

    monkeypatch.setattr(transformers_engine, "TransformersEngine", HashEngine)
    weights, log = weights_folder(tmp_path / "weights"), tmp_path / "log.sqlite"
    plain = evaluate(TASK, data, weights, log, progress=False)
    alone = submitted(log, method="alone").result.provenance["spent"]
    rotated = evaluate(TASK, data, weights, log, options="rotated", progress=False)
    assert submitted(log, method="beside", run=plain.run).result.provenance["spent"] == alone
    with pytest.raises(AnatomyR1Error, match=r"has options 'rotated', not 'given'\. Fix: "):
        submitted(log, run=rotated.run)
