"""Every Eval Ever: the published schema (0.3.0, MIT, in `schemas/`), and the project's own validator where it is."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.exports.every_eval_ever import AVAILABILITY, RELATIONSHIPS, VERSION, Publisher, write_every_eval_ever
from anatomy_r1.exports.evidence import Request, load_evidence, numbers
from anatomy_r1.results.store import load_result, save_result

SCHEMAS = Path(__file__).parent / "schemas"
NOW = 1_800_000_000
READ = """
import sys
from pathlib import Path
from every_eval_ever.validator.validate import main
sys.exit(main(["--format", "json", *sys.argv[1:]]))
"""


def schema(name):
    content = json.loads((SCHEMAS / f"{name}.schema.json").read_text())
    assert content["version"] == VERSION
    return jsonschema.Draft7Validator(content)


def read(paths):
    content = json.loads(paths[0].read_text())
    lines = [json.loads(line) for line in paths[1].read_text().splitlines()] if len(paths) > 1 else []
    schema("eval").validate(content)
    rows = schema("instance_level_eval")
    for line in lines:
        rows.validate(line)
    return content, lines


@pytest.fixture(scope="module")
def written(evidence, tmp_path_factory):
    folder = tmp_path_factory.mktemp("out")
    return write_every_eval_ever(folder, evidence, Publisher("our-lab", date="2026-01-31"), NOW)


def test_every_number_has_its_error_interval_and_statements(written, evidence):
    content, _ = read(written)
    results = {one["evaluation_result_id"].partition("#")[2]: one for one in content["evaluation_results"]}
    for number in numbers(evidence):
        details = results[number.id]["score_details"]
        assert details["score"] == number.interval.mean
        assert details["uncertainty"]["standard_error"]["value"] == number.interval.se
        bounds = details["uncertainty"]["confidence_interval"]
        assert (bounds["lower"], bounds["upper"]) == (number.interval.low, number.interval.high)
        assert {"sampling", "failures", "fitness", "leakage"} <= set(details["details"])
    assert results["unread"]["metric_config"]["lower_is_better"]
    arguments = results["avg@5"]["generation_config"]["generation_args"]
    assert (arguments["temperature"], arguments["max_tokens"], arguments["reasoning"]) == (1.0, 512, True)
    assert results["greedy"]["generation_config"]["generation_args"]["temperature"] == 0
    assert "{question}" in arguments["prompt_template"]


def test_one_row_a_response_whose_mean_is_the_score(written):
    content, lines = read(written)
    assert len(lines) == 24 * 6
    sampled = [line for line in lines if line["evaluation_result_id"].endswith("#avg@5")]
    score = next(one for one in content["evaluation_results"] if one["evaluation_result_id"].endswith("#avg@5"))
    mean = sum(line["evaluation"]["score"] for line in sampled) / len(sampled)
    assert mean == pytest.approx(score["score_details"]["score"])
    assert {line["evaluation"]["is_correct"] for line in sampled} == {True, False}
    assert any(line["error"] == "cut off at the token limit" for line in lines)
    unread = [line for line in lines if not line["answer_attribution"]]
    assert unread
    assert not any(line["evaluation"]["is_correct"] for line in unread)
    detailed = content["detailed_evaluation_results"]
    assert detailed["total_rows"] == len(lines)
    assert detailed["checksum"] == hashlib.sha256(written[1].read_bytes()).hexdigest()
    assert str(written[1]).endswith(detailed["file_path"])


def test_the_projects_own_validator_finds_nothing(written, stored, export_data, reader, tmp_path):
    bare = write_every_eval_ever(tmp_path, load_evidence(Request((stored,)))[0], Publisher("our-lab"), NOW)
    verdicts = load_evidence(Request((stored,), data=export_data))[0]
    more = write_every_eval_ever(tmp_path, verdicts, Publisher("our-lab", "other"), NOW + 1)
    reports = json.loads(reader("every_eval_ever", READ, *written, *bare, *more))
    assert len(reports) == 5
    assert [(one["valid"], one["warnings"]) for one in reports] == [(True, [])] * 5


def test_a_result_without_its_log_says_that_responses_were_not_kept(stored, export_data, tmp_path):
    found = load_evidence(Request((stored,), data=export_data))[0]
    content, lines = read(write_every_eval_ever(tmp_path, found, Publisher("our-lab"), NOW))
    assert len(lines) == 144
    assert all(line["output"]["raw"] == [] and "not kept" in line["metadata"]["response"] for line in lines)
    assert content["source_metadata"]["source_type"] == "documentation"
    assert json.loads(content["source_metadata"]["additional_details"]["leakage"])["not_clean"] == []


def test_text_that_is_no_unicode_becomes_readable(evidence, tmp_path):
    first, *others = evidence.run.responses
    broken = (replace(first[0], text="half \ud83d pair"), *first[1:])
    changed = replace(evidence, run=replace(evidence.run, responses=(broken, *others)))
    _, lines = read(write_every_eval_ever(tmp_path, changed, Publisher("our-lab"), NOW))
    assert lines[0]["output"]["raw"] == ["half ? pair"]


def test_equal_evidence_gives_equal_bytes(written, evidence, tmp_path):
    again = write_every_eval_ever(tmp_path, evidence, Publisher("our-lab", date="2026-01-31"), NOW)
    assert [path.name for path in again] == [path.name for path in written]
    assert [path.read_bytes() for path in again] == [path.read_bytes() for path in written]


def test_relations_are_those_of_the_schema():
    properties = json.loads((SCHEMAS / "eval.schema.json").read_text())
    source = properties["properties"]["source_metadata"]["properties"]
    assert tuple(source["evaluator_relationship"]["enum"]) == RELATIONSHIPS
    details = properties["$defs"]["model_info"]["properties"]["additional_details"]["properties"]
    assert tuple(details["model_availability"]["enum"]) == AVAILABILITY
    assert Publisher("a").related() == "first_party"
    assert Publisher("a", "b").related() == "third_party"
    assert Publisher("a", "b", "collaborative").related() == "collaborative"


def test_results_from_several_bases_keep_files_of_their_own(stored, tmp_path):
    made = load_result(stored)
    for base in ("b-1", "b-2"):
        save_result(tmp_path / "store", replace(made, base=base))
    found = load_evidence(Request((tmp_path / "store",)))
    assert [one.name for one in found] == ["mini-l@b-1-ours-submitted-seed0", "mini-l@b-2-ours-submitted-seed0"]
    paths = [path for one in found for path in write_every_eval_ever(tmp_path, one, Publisher("our-lab"), NOW)]
    assert len(set(paths)) == 2


def test_names_that_are_no_folder_are_refused(evidence, tmp_path):
    for developer in ("our/lab", "..", "data", ""):
        with pytest.raises(AnatomyR1Error, match="--developer"):
            write_every_eval_ever(tmp_path, evidence, Publisher(developer), NOW)
    assert not list(tmp_path.iterdir())


def test_a_benchmark_that_leads_out_of_the_folder_is_refused(evidence, tmp_path):
    for benchmark in ("../../outside", "/outside", ".."):
        with pytest.raises(AnatomyR1Error, match="the benchmark"):
            write_every_eval_ever(tmp_path / "out", replace(evidence, benchmark=benchmark), Publisher("our-lab"), NOW)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("view", "said"), [("no-image", "none: "), ("wrong-image", "not recorded: ")])
def test_a_control_does_not_name_an_image_that_was_not_shown(stored, export_data, tmp_path, view, said):
    (plain,) = load_evidence(Request((stored,), data=export_data))
    _, lines = read(write_every_eval_ever(tmp_path, replace(plain, view=view), Publisher("our-lab"), NOW))
    assert all(line["metadata"]["image"].startswith(said) for line in lines)


def test_a_wrong_image_is_named_as_the_log_has_it(evidence, tmp_path):
    first, *others = evidence.run.responses
    swapped = tuple(replace(one, shown="another.png") for one in first)
    changed = replace(evidence, view="wrong-image", run=replace(evidence.run, responses=(swapped, *others)))
    _, lines = read(write_every_eval_ever(tmp_path, changed, Publisher("our-lab"), NOW))
    assert {line["metadata"]["image"] for line in lines[:6]} == {"another.png"}
