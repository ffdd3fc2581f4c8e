"""Scores from the log against lm-eval's on the same responses; logs that are refused."""

import hashlib
import json
import re
import sqlite3
from dataclasses import replace

import pytest

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.evaluation.evaluate import evaluate
from anatomy_r1.response_log.log import ResponseLog
from anatomy_r1.scoring.question_table import question_table
from anatomy_r1.scoring.report import as_json, as_text
from anatomy_r1.scoring.score import score
from anatomy_r1.scoring.validity import validity_problems
from tests.helpers.smoke import smoke_profile

KINDS = ["<think> left </think> <answer> {} </answer>", "<answer> {} </answer>", "{}", "left {}", "<think> {}"]


@pytest.fixture
def answering(monkeypatch):
    """The engine, with a model whose varied answers can be parsed or not."""
    from anatomy_r1.evaluation.engines import transformers_engine
    from anatomy_r1.evaluation.engines.decoding import Generated

    class Answers:
        """Stands in for generation: the tokens are those of a text that depends on the row's random numbers."""

        def __init__(self, tokenizer):
            self.tokenizer = tokenizer

        def __call__(self, model, inputs, rows, end_tokens, watch=None):
            return [self._one(row) for row in rows]

        def _one(self, row):
            number = hashlib.sha256(repr((row.numbers[0], row.greedy)).encode()).digest()
            text = KINDS[number[0] % 5].format("ABCD"[number[1] % 4])
            return Generated(self.tokenizer(text).input_ids, "length" if number[0] % 5 == 4 else "stop")

    from anatomy_r1.mini.tokenizer import build_tokenizer

    monkeypatch.setattr(transformers_engine, "decode", Answers(build_tokenizer()))


def run(data, model_folder, log, **options):
    return evaluate("sgg_anatomy_mini", data, model_folder, log, max_new_tokens=8, progress=False, **options)


def test_lm_eval_and_score_agree_exactly(data, model_folder, tmp_path, answering):
    found = run(data, model_folder, tmp_path / "log")
    scores = score(tmp_path / "log", data)
    reported = json.loads(found.results.read_text())["results"]["sgg_anatomy_mini"]
    names = ("avg@5", "pass@1", "major@5", "greedy", "parse_rate")
    assert {name: scores.overall[name] for name in names} == {name: reported[f"{name},letter"] for name in names}
    assert 0 < scores.overall["avg@5"] < 1, "an empty comparison shows nothing"
    assert 0 < scores.overall["parse_rate"] < 1
    assert 0 < scores.overall["truncation_rate"] < 1
    assert reported["avg@5_stderr,letter"] > 0


def test_metrics_equal_a_count_by_hand(data, model_folder, tmp_path, answering):
    run(data, model_folder, tmp_path / "log")
    scores = score(tmp_path / "log", data)
    gold = dict(zip(scores.ids, scores.gold, strict=True))
    right = total = 0
    with ResponseLog(tmp_path / "log", read_only=True) as log:
        for one in log.rows():
            if one.key.decoding == "sample":
                read = re.fullmatch(r"(?:<think> left </think> )?<answer> ([A-D]) </answer>|([A-D])", one.text)
                right += bool(read) and (read[1] or read[2]) == gold[one.key.question_id]
                total += 1
    assert total == 5 * 24
    assert scores.overall["avg@5"] == pytest.approx(right / total, abs=1e-12)


def test_categories_add_up_and_the_table_has_the_columns_of_the_store(data, model_folder, tmp_path, answering):
    from anatomy_r1.scoring.question_table import COLUMNS, EXTRACTION

    run(data, model_folder, tmp_path / "log")
    scores = score(tmp_path / "log", data)
    pooled = sum(one["n"] * one["avg@5"] for one in scores.by_category.values()) / scores.overall["n"]
    assert pooled == pytest.approx(scores.overall["avg@5"])
    table = question_table(scores)
    assert tuple(table.columns) == (*COLUMNS, *EXTRACTION)
    flags = [f"correct_{repeat}" for repeat in range(5)]
    assert table[flags].to_numpy().mean() == pytest.approx(scores.overall["avg@5"])
    assert table["major"].mean() == scores.overall["major@5"]
    assert table["greedy"].mean() == scores.overall["greedy"]
    assert table["parsed"].sum() / (5 * len(table)) == pytest.approx(scores.overall["parse_rate"])
    lenient = [f"lenient_{repeat}" for repeat in range(5)]
    assert table[lenient].to_numpy().mean() == pytest.approx(scores.overall["avg@5_lenient"])
    pooled = sum(one["n"] * one["avg@5_lenient"] for one in scores.by_category.values()) / scores.overall["n"]
    assert pooled == pytest.approx(scores.overall["avg@5_lenient"])
    assert table["malformed"].sum() / (5 * len(table)) == pytest.approx(scores.overall["format_failure_rate"])


def test_lenient_scores_and_validity_equal_a_count_by_hand(data, model_folder, tmp_path, answering, monkeypatch):
    """Only the first kind is well formed; only the lenient extractor reads the fourth; the last is cut off."""
    monkeypatch.setattr(f"{__name__}.KINDS", [*KINDS[:3], "<answer> {} </answer> left", KINDS[4]])
    run(data, model_folder, tmp_path / "log", limit=20)
    scores = score(tmp_path / "log", data)
    gold = dict(zip(scores.ids, scores.gold, strict=True))
    with ResponseLog(tmp_path / "log", read_only=True) as log:
        texts = [(gold[one.key.question_id], one.text) for one in log.rows() if one.key.decoding == "sample"]
    more = sum(f"<answer> {letter} </answer> left" == text for letter, text in texts) / 100
    assert more > 0, "an empty comparison shows nothing"
    assert scores.overall["avg@5_lenient"] == pytest.approx(scores.overall["avg@5"] + more)
    formed = sum(text.startswith("<think> left </think>") for _, text in texts) / 100
    assert scores.overall["format_failure_rate"] == pytest.approx(1 - formed)
    assert (scores.asked, max(scores.distinct)) == (20, 5)
    cut, unread = validity_problems(scores)
    assert f"{100 * scores.overall['truncation_rate']:.1f} % of the sampled responses cut off" in cut
    assert f"{100 * (1 - scores.overall['parse_rate']):.1f} % of the sampled responses without" in unread


def test_text_and_json_show_lenient_scores_reasons_and_validity(data, model_folder, tmp_path, answering):
    run(data, model_folder, tmp_path / "log", limit=7)
    scores = score(tmp_path / "log", data)
    lines, content = as_text(scores).splitlines(), json.loads(as_json(scores))
    names = ("avg@5", "avg@5_lenient", "format_failure_rate", "several_rate", "refusal_rate", "truncation_rate")
    _, band = (line.split() for line in lines if line.startswith("all "))
    assert band == ["all", "7", *(f"{100 * scores.overall[name]:.1f}" for name in names)]
    assert (
        [line.removeprefix("UNFIT: ") for line in lines if "UNFIT" in line]
        == content["unfit"]
        == list(validity_problems(scores))
    )
    assert content["unfit"]
    assert sum(content["lenient_reasons"].values()) == sum(content["reasons"].values()) == 35
    assert content["unread"]["strict"] == pytest.approx(1 - scores.overall["parse_rate"])
    assert content["unread"]["lenient"] <= content["unread"]["strict"]
    shares = (100 * content["unread"][name] for name in ("strict", "lenient"))
    assert "Unread: {:.1f} by the strict extractor, {:.1f} by the lenient one".format(*shares) in lines
    (strict,) = (line for line in lines if line.startswith("Reasons, strict: "))
    assert all(f" {reason} {100 * count / 35:.1f}" in strict for reason, count in content["reasons"].items())


def drop_one(log):
    with sqlite3.connect(log) as db:
        db.execute("DELETE FROM responses WHERE question_id = 'VID01/1/3' AND repeat = 2")


def copy_with(question, **changes):
    """Log a question's responses again under other keys."""

    def change(path):
        with ResponseLog(path) as log:
            found = [one for one in log.rows() if one.key.question_id == question]
            log.add([replace(one, key=replace(one.key, **changes)) for one in found])

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (drop_one, "1 responses missing.*VID01/1/3"),
        (copy_with("VID02/2/3", image_hash="other"), "6 responses logged twice.*VID02/2/3"),
        (copy_with("VID03/3/3", question_id="gone"), "6 responses to questions.*gone"),
    ],
    ids=["missing", "twice", "foreign"],
)
def test_each_question_must_have_each_response_once(data, model_folder, tmp_path, answering, change, message):
    run(data, model_folder, tmp_path / "log")
    change(tmp_path / "log")
    with pytest.raises(AnatomyR1Error, match=message):
        score(tmp_path / "log", data)


def test_runs_of_one_log_are_scored_by_name(data, model_folder, tmp_path, answering):
    few = run(data, model_folder, tmp_path / "log", limit=5)
    swap = run(data, model_folder, tmp_path / "log", images="swapped")
    with pytest.raises(AnatomyR1Error, match=r"2 runs.*--run"):
        score(tmp_path / "log", data)
    assert score(tmp_path / "log", data, few.run).overall["n"] == 5
    assert score(tmp_path / "log", data, swap.run).overall["avg@5"] == swap.metrics["avg@5"]


def test_data_with_other_questions_are_refused(data, model_folder, tmp_path, answering):
    from tests.helpers.small_set import write_set

    run(data, model_folder, tmp_path / "log")
    write_set(tmp_path, count=20)
    with pytest.raises(AnatomyR1Error, match="not the questions that run"):
        score(tmp_path / "log", tmp_path)


def test_the_pipeline_stores_why_a_result_is_unfit(data, model_folder, tmp_path, answering):
    """A fifth of the responses is cut off and two fifths are unreadable: unfit, in the store and in the table."""
    from anatomy_r1.results.store import MATCHED, load_result
    from anatomy_r1.scoring.question_table import COLUMNS, EXTRACTION
    from baselines.experiment.cell import Cell, GridRun, Layout
    from baselines.stages.evaluate import evaluate_cell
    from reports.tables.table1 import table1

    grid = GridRun(smoke_profile(), Layout(tmp_path), "smoke")
    cell = Cell("sgg_anatomy_mini", next(iter(grid.profile.models)), "zero-shot", 0)
    grid.layout.base(cell.model).parent.mkdir(parents=True)
    grid.layout.base(cell.model).symlink_to(model_folder)
    (tmp_path / "data").symlink_to(data)
    evaluate_cell(grid, cell, MATCHED, lambda done, total: None)
    found = load_result(grid.layout.result(cell, MATCHED))
    assert tuple(found.questions.columns) == (*COLUMNS, *EXTRACTION)
    cut, unread = found.provenance["unfit"]
    assert f"{100 * found.questions['truncated'].sum() / 120:.1f} % of the sampled responses cut off" in cut
    assert f"{100 - 100 * found.questions['parsed'].sum() / 120:.1f} % of the sampled responses without" in unread
    assert found.provenance["blind"] == {"not_computed": "the prepared set has no training questions"}
    assert [sum(found.provenance["reasons"][name].values()) for name in ("strict", "lenient")] == [120, 120]
    report = table1([found])
    assert "Zero-Shot (unfit)" in [row.title for row in report.tables[0].blocks[0].rows]
    assert cut in report.notes[0] and unread in report.notes[0]


def test_a_log_may_hold_runs_on_two_splits(model_folder, tmp_path, answering):
    from anatomy_r1.data.prepared import write
    from tests.helpers.small_set import questions, write_set

    root = write_set(tmp_path)
    asked = questions(24)
    stated = {"benchmark": "sgg_anatomy_mini", "generated": True, "seed": 0}
    write(root, {"validation": asked[:8], "test": asked[8:]}, tmp_path / "images", stated)
    runs = [run(root, model_folder, tmp_path / "log", split=split) for split in ("validation", "test")]
    assert [score(tmp_path / "log", root, one.run).overall["n"] for one in runs] == [8, 16]
    assert score(tmp_path / "log", root, runs[1].run).overall["avg@5"] == runs[1].metrics["avg@5"]
