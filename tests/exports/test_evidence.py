"""What every format is given: numbers with intervals, the statements, and sources that are refused with the way out."""

import shutil
import subprocess
import sys
from dataclasses import replace

import pytest

from anatomy_r1.errors import AnatomyR1Error, IncompleteError
from anatomy_r1.exports import notes
from anatomy_r1.exports.evidence import Request, load_evidence, numbers
from anatomy_r1.exports.responses import rows
from anatomy_r1.exports.statements import failures_line, leakage_line, statements
from anatomy_r1.results.store import load_result, save_result
from anatomy_r1.scoring.report import intervals
from anatomy_r1.scoring.score import score
from tests.helpers.stores import result


def test_numbers_are_those_of_the_report(evidence, export_log, export_data):
    reported = intervals(score(export_log, export_data))
    found = {number.id: number.interval for number in numbers(evidence)}
    assert found["avg@5"] == reported["avg@5"].within()
    assert found["major@5"] == reported["major@5"].within()
    assert found["unread"].mean == pytest.approx(1 - reported["parsed"].mean)
    assert found["unread"].mean > 0, "a run without failures shows nothing"
    assert found["truncated"].mean > 0


def test_rows_give_the_numbers(evidence):
    found = list(rows(evidence))
    by_id = {number.id: number.interval.mean for number in numbers(evidence)}
    sampled = [row.right for row in found if row.decoding == "sample"]
    greedy = [row.right for row in found if row.decoding == "greedy"]
    assert (len(sampled), len(greedy)) == (120, 24)
    assert sum(sampled) / 120 == pytest.approx(by_id["avg@5"])
    assert sum(greedy) / 24 == pytest.approx(by_id["greedy"])


def test_statements_name_sampling_failures_fitness_and_leakage(evidence):
    found = statements(evidence)
    assert "temperature 1.0, max_new_tokens 512" in found["sampling"]
    assert "images real, split test, options given, all questions of the split" in found["sampling"]
    assert "counts as wrong" in found["failures"]
    assert "UNFIT: " in found["fitness"]
    assert "over 4 clusters" in found["interval"]
    assert "not known what it was trained on" in found["leakage"]
    assert "blind rule" in found["blind"]


def test_a_result_without_verdicts_of_a_kind_says_so():
    one = load_evidence_of(result(provenance={"sampling": {"decoding": {}}, "leakage": None}))
    assert "temperature not recorded" in statements(one)["sampling"]
    assert statements(one)["leakage"].startswith("no leakage report is recorded")


def load_evidence_of(made):
    from pathlib import Path

    from anatomy_r1.exports.evidence import from_result

    return from_result(Path("seed0.json"), made)


DEMO = "Demo: not a result."


def in_a_run(folder, stored, export_log, note=DEMO, **changed):
    """The log in the folder of a run whose store has a result with a note."""
    made = load_result(stored)
    facts = {name: value for name, value in made.provenance.items() if name != "metrics"}
    save_result(folder / "results", replace(made, provenance={**facts, "note": note, **changed}))
    log = folder / "responses" / made.benchmark / "any.sqlite"
    log.parent.mkdir(parents=True)
    shutil.copy(export_log, log)
    return log


def test_a_log_in_the_folder_of_its_run_carries_the_note_of_its_result(stored, export_log, export_data, tmp_path):
    log = in_a_run(tmp_path, stored, export_log)
    (found,) = load_evidence(Request((log,), data=export_data, name="m"))
    assert statements(found)["note"] == f"{notes.GENERATED} {DEMO} Research only, not for clinical use."


@pytest.mark.parametrize("why", ["elsewhere", "other weights", "broken store"])
def test_a_log_whose_run_is_not_known_says_so(why, stored, export_log, export_data, tmp_path):
    log = in_a_run(tmp_path, stored, export_log, **({"sampling": {"weights": "x"}} if why == "other weights" else {}))
    if why == "elsewhere":
        log = shutil.move(log, tmp_path / "log.sqlite")
    if why == "broken store":
        next(tmp_path.rglob("seed0.json")).write_text("{")
    (found,) = load_evidence(Request((log,), data=export_data, name="m"))
    assert DEMO not in statements(found)["note"]
    assert notes.UNKNOWN in statements(found)["note"]


def test_what_is_generated_follows_from_the_set_and_not_only_from_its_name(evidence):
    generated = {"data": {"generated": True}}
    assert notes.GENERATED in notes.note_line("sgg_anatomy", generated)
    assert notes.GENERATED in notes.note_line("sgg_anatomy_mini", {})
    assert notes.note_line("sgg_anatomy", {"data": {"generated": False}}) == notes.UNKNOWN
    real = replace(evidence, benchmark="sgg_anatomy", provenance={**evidence.provenance, "data": {"generated": False}})
    assert "(real data" in statements(real)["questions"]
    assert "(generated data" in statements(evidence)["questions"]


def test_leakage_that_was_found_is_named_first():
    line = leakage_line({"train": {"name": "a train"}, "not_clean": ["image"], "not_computed": {}})
    assert line == "test against a train: NOT CLEAN: image path"


def test_filtered_responses_are_counted(evidence):
    first, *others = evidence.run.responses
    cut = (replace(first[0], finish_reason="content_filter"), *first[1:])
    changed = replace(evidence, run=replace(evidence.run, responses=(cut, *others)))
    assert "1 responses cut by the provider's content filter" in failures_line(changed)


def test_one_cluster_has_no_interval():
    made = result()
    one = load_evidence_of(replace(made, questions=made.questions.assign(cluster="VID01")))
    assert all(number.interval.low is None for number in numbers(one))
    assert statements(one)["interval"].startswith("no interval")


def test_a_control_of_part_of_a_split_is_named_as_one(evidence):
    plan = {**evidence.plan, "limit": 3, "split": "validation"}
    changed = replace(evidence, view="no-image", provenance={**evidence.provenance, "sampling": plan})
    assert changed.title == "sgg_anatomy_mini@no-image, validation split, first 3 questions"
    assert "the first 3 questions alone" in statements(changed)["sampling"]


def test_a_result_takes_the_responses_of_its_log(stored, export_log, export_data):
    (alone,) = load_evidence(Request((stored,)))
    (joined,) = load_evidence(Request((stored,), data=export_data, log=export_log))
    assert list(rows(alone)) == []
    assert [row.right for row in rows(joined)] == [
        row.right for row in rows(load_evidence(Request((stored,), data=export_data))[0])
    ]
    assert all(row.response for row in rows(joined))
    assert alone.name == "mini-l-ours-submitted-seed0"
    assert "clean" in statements(joined)["leakage"]


def refused(request, *words):
    with pytest.raises(AnatomyR1Error) as error:
        load_evidence(request)
    for word in ("Fix: ", *words):
        assert word in str(error.value)
    return error.value


def test_sources_that_are_none(tmp_path, export_log, export_data, stored):
    refused(Request((tmp_path / "none",)), "no such file or folder", "anatomy-r1 evaluate")
    refused(Request((tmp_path,)), "no results")
    refused(Request((export_log,)), "--data")
    refused(Request((export_log,), data=export_data), "--name")
    refused(Request((export_log, stored), data=export_data), "by itself")
    refused(Request((export_log,), data=export_data, name="m", run="none"), "--run RUN")
    refused(Request((stored, stored), data=export_data, log=export_log), "of one result")


def test_the_log_of_another_result_is_refused(stored, export_log, export_data, tmp_path):
    made = load_result(stored)
    table = made.questions.assign(greedy=~made.questions["greedy"])
    facts = {name: value for name, value in made.provenance.items() if name != "metrics"}
    other = save_result(tmp_path, replace(made, questions=table, provenance=facts))
    refused(Request((other,), data=export_data, log=export_log), "do not give the question table")


def test_a_rule_is_no_model(tmp_path):
    rule = save_result(tmp_path, result("control-majority", style="none"))
    refused(Request((rule,)), "not a model")
    refused(Request((tmp_path,)), "no results of a model")


def test_a_log_with_missing_responses_says_how_to_go_on(export_log, export_data, tmp_path):
    import sqlite3

    part = shutil.copy(export_log, tmp_path / "part.sqlite")
    with sqlite3.connect(part) as db:
        db.execute("DELETE FROM responses WHERE rowid = 1")
    db.close()
    with pytest.raises(IncompleteError, match="run the same `anatomy-r1 evaluate` command again"):
        load_evidence(Request((part,), data=export_data, name="m"))


def test_exports_need_no_torch():
    code = "import sys; from anatomy_r1.exports import croissant, every_eval_ever, hub, inspect_log\n"
    code += "assert not {'torch', 'transformers', 'lm_eval', 'huggingface_hub'} & set(sys.modules), sorted(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
