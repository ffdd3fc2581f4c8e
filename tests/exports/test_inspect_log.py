"""Inspect's log: read back by `inspect_ai` where it is installed, and everywhere by a schema of what it requires."""

import json
from datetime import UTC, datetime
from pathlib import Path

import jsonschema
import pytest

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.exports.evidence import Request, load_evidence, numbers
from anatomy_r1.exports.inspect_log import write_inspect

NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
SCHEMA = jsonschema.Draft202012Validator(
    json.loads((Path(__file__).parent / "schemas" / "inspect_log.schema.json").read_text())
)
READ = """
import json, sys
from inspect_ai.log import list_eval_logs, read_eval_log, read_eval_log_sample_summaries
found = []
for path in sys.argv[2:]:
    log = read_eval_log(path)
    found.append({
        "status": log.status, "task": log.eval.task, "model": log.eval.model, "epochs": log.eval.config.epochs,
        "metrics": {one.name: {name: m.value for name, m in one.metrics.items()} for one in log.results.scores},
        "rights": sum(s.scores["anatomy_r1_strict"].value for s in log.samples), "samples": len(log.samples),
        "answers": [s.output.completion for s in log.samples],
        "ended": sorted({s.output.stop_reason for s in log.samples}),
        "reduced": [one.value for one in log.reductions[0].samples],
        "summaries": len(read_eval_log_sample_summaries(path)),
        "leakage": log.eval.metadata["statements"]["leakage"],
    })
print(json.dumps({"logs": found, "listed": len(list_eval_logs(sys.argv[1]))}))
"""


@pytest.fixture(scope="module")
def written(evidence, tmp_path_factory):
    return write_inspect(tmp_path_factory.mktemp("logs"), evidence, NOW)


def test_both_logs_have_what_inspect_requires(written):
    sampled, greedy = (json.loads(path.read_text()) for path in written)
    for content in (sampled, greedy):
        SCHEMA.validate(content)
    assert (len(sampled["samples"]), len(greedy["samples"])) == (120, 24)
    assert sampled["eval"]["model_generate_config"] == {"temperature": 1.0, "max_tokens": 512, "seed": 0}
    assert greedy["eval"]["model_generate_config"]["temperature"] == 0


def test_a_log_that_lacks_something_fails_the_schema(written):
    content = json.loads(written[0].read_text())
    del content["samples"][0]["output"]["choices"][0]["stop_reason"]
    with pytest.raises(jsonschema.ValidationError):
        SCHEMA.validate(content)


def test_inspects_reader_finds_the_same_numbers(written, evidence, reader):
    read = json.loads(reader("inspect_ai", READ, written[0].parent, *written))
    sampled, greedy = read["logs"]
    assert read["listed"] == 2
    by_id = {number.id: number.interval for number in numbers(evidence)}
    for log, name in ((sampled, "avg@5"), (greedy, "greedy")):
        assert log["status"] == "success"
        assert log["metrics"][name] == {
            "mean": by_id[name].mean, "stderr": by_id[name].se, "ci_low": by_id[name].low, "ci_high": by_id[name].high
        }  # fmt: skip
        assert log["rights"] / log["samples"] == pytest.approx(by_id[name].mean)
        assert log["summaries"] == log["samples"]
        assert "not known" in log["leakage"]
    assert (sampled["epochs"], sampled["ended"]) == (5, ["max_tokens", "stop"])
    assert sum(sampled["reduced"]) / 24 == pytest.approx(by_id["avg@5"].mean)
    assert set(sampled["answers"]) == {one.full_text for six in evidence.run.responses for one in six[:5]}


def test_names_are_those_that_inspect_lists(written):
    assert [path.name.split("_")[:2] for path in written] == [
        ["2026-01-31T12-00-00-00-00", "sgg-anatomy-mini"],
        ["2026-01-31T12-00-00-00-00", "sgg-anatomy-mini-greedy"],
    ]


def test_a_result_without_its_log_is_refused(stored, tmp_path):
    (found,) = load_evidence(Request((stored,)))
    with pytest.raises(AnatomyR1Error, match="add --log LOG --data DIR"):
        write_inspect(tmp_path, found, NOW)
    assert not list(tmp_path.iterdir())
