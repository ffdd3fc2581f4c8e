"""Runs over a server that share a log or are a part of one: each is scored by its own responses and says what it is."""

import dataclasses
import json

import pytest

from anatomy_r1.data.prepared import write
from anatomy_r1.errors import AnatomyR1Error, IncompleteError
from anatomy_r1.evaluation import evaluate
from anatomy_r1.evaluation.config import Shard
from anatomy_r1.evaluation.engines.server_client import Model
from anatomy_r1.evaluation.engines.server_engine import ServerEngine, _identity
from anatomy_r1.evaluation.engines.server_errors import KEY_VARIABLE
from anatomy_r1.response_log.log import ResponseLog, merge
from anatomy_r1.scoring.score import score
from tests.helpers.chat_server import completion, is_probe, serving
from tests.helpers.server_runs import run
from tests.helpers.small_set import questions, write_set


@pytest.fixture(scope="module")
def turned(tmp_path_factory):
    """The questions of `data` with their options in another order: what another seed prepares."""
    folder = tmp_path_factory.mktemp("turned")
    asked = [dataclasses.replace(one, options=one.options[::-1]) for one in questions(24)]
    stated = {"benchmark": "sgg_anatomy_mini", "generated": True, "seed": 0}
    write(write_set(folder), {"test": asked}, folder / "images", stated)
    return folder


@pytest.mark.parametrize("other", ["options", "wording"])
def test_a_run_without_responses_is_not_scored_by_those_of_another(data, turned, tmp_path, other):
    where, options = (turned, {}) if other == "options" else (data, {"wording": "answer"})
    with serving() as server:
        first = run(server, data, tmp_path / "log", limit=None)
    before = score(tmp_path / "log", data).overall
    with serving(faults=lambda asked, number: "400") as server, pytest.raises(IncompleteError, match="144 of 144"):
        run(server, where, tmp_path / "log", limit=None, **options)
    with ResponseLog(tmp_path / "log", read_only=True) as log:
        (second,) = set(log.runs()) - {first.run}
    with pytest.raises(IncompleteError, match="144 responses missing"):
        score(tmp_path / "log", where, second)
    assert score(tmp_path / "log", data, first.run).overall == before
    with serving() as server:
        found = run(server, where, tmp_path / "log", limit=None, **options)
    assert (found.run, found.generated) == (second, 144)
    assert score(tmp_path / "log", where, second).overall["avg@5"] == found.metrics["avg@5"]
    assert score(tmp_path / "log", data, first.run).overall == before


def test_shards_of_two_sets_do_not_make_one_run(data, turned, tmp_path):
    parts = []
    for number, where in enumerate((data, turned), start=1):
        with serving() as server:
            parts.append(run(server, where, tmp_path / f"{number}", limit=None, shard=Shard(number, 2)))
    merge([part.log for part in parts], tmp_path / "whole")
    for part, where in zip(parts, (data, turned), strict=True):
        with pytest.raises(IncompleteError, match="72 responses missing"):
            score(tmp_path / "whole", where, part.run)


def test_the_results_of_a_shard_say_that_they_are_of_a_shard(data, tmp_path):
    with serving() as server:
        part = run(server, data, tmp_path / "log", limit=None, shard=Shard(1, 2))
        whole = run(server, data, tmp_path / "log", limit=None)
    about = [json.loads(found.results.read_text())["anatomy_r1"] for found in (part, whole)]
    assert about[0]["shard"] == "1/2"
    assert "shard" not in about[1]
    assert part.run == whole.run


def test_what_is_refused_before_the_first_response_leaves_no_run_in_the_log(data, tmp_path, monkeypatch):
    def refuse(*_):
        raise AnatomyR1Error("too long")

    with monkeypatch.context() as patch, serving() as server:
        patch.setattr(evaluate, "check_length", refuse)
        with pytest.raises(AnatomyR1Error, match="too long"):
            run(server, data, tmp_path / "log")
    with ResponseLog(tmp_path / "log", read_only=True) as log:
        assert log.runs() == {}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"allow_upload": "False"}, "allow_upload False: neither true nor false. Fix: --allow-upload, or leave it out"),
        ({"plain_openai": "no"}, "plain_openai no: neither true nor false. Fix: --plain-openai"),
        ({"concurrency": "many"}, "--concurrency many: no number"),
        ({"concurrency": 2.5}, "--concurrency 2.5: no number"),
        ({"timeout": "long"}, "--timeout long: no number"),
    ],
    ids=str,
)
def test_words_for_numbers_and_switches_are_refused_before_anything_is_sent(tmp_path, options, said):
    with ResponseLog(tmp_path / "log") as log, pytest.raises(AnatomyR1Error, match=said):
        ServerEngine("model", log=log, base_url="http://192.0.2.1/v1", **options)


def test_the_identity_of_the_weights_does_not_depend_on_a_placeholder_for_the_key(monkeypatch):
    model = Model(id="m", owned_by="vllm", root="secret-key-1")
    plain = _identity("m", model)
    monkeypatch.setenv(KEY_VARIABLE, "vllm")
    assert _identity("m", model) == plain
    monkeypatch.setenv(KEY_VARIABLE, "secret-key-1")
    assert "secret" not in _identity("m", model)


def test_responses_that_the_server_cut_off_early_are_told_of(data, tmp_path, capsys):
    def answer(asked, text):
        return completion(text, "stop" if is_probe(asked) else "length", 24 if asked["temperature"] else 7)

    with serving(answer=answer) as server:
        found = run(server, data, tmp_path / "log")
    assert "notice: 3 responses were cut off before --max-new-tokens was reached" in capsys.readouterr().err
    with ResponseLog(tmp_path / "log", read_only=True) as log:
        assert log.provenance(found.run)[-1]["observed"] == {"cut_before_the_limit": 3}


def test_a_log_without_a_run_says_what_to_do(data, tmp_path):
    with ResponseLog(tmp_path / "log"):
        pass
    with pytest.raises(AnatomyR1Error, match=r"holds no run; .*Fix: `anatomy-r1 evaluate` with this --log"):
        score(tmp_path / "log", data)
