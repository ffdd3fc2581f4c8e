"""Thinking models behind a server: the same weights score the same, wherever the server puts their reasoning."""

import hashlib
import json
import shutil

import pytest

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.response_log.log import ResponseLog
from anatomy_r1.scoring.score import score
from tests.helpers.chat_server import completion, is_probe, serving
from tests.helpers.server_runs import rows, run

pytestmark = pytest.mark.slow


def thought(asked):
    """What the model says after the `<think>` of its chat template: one in three is cut off while it thinks."""
    place = hashlib.sha256(json.dumps([asked["messages"], asked["seed"]]).encode()).digest()
    left = f"I see {place[1]}, left of the liver"
    return left if place[2] % 3 == 0 else f"{left}</think>\n<answer>{'ABCD'[place[0] % 4]}</answer>"


def parsed(field="reasoning_content", empty=None):
    """The answers of a server with a reasoning parser."""

    def answer(asked, text):
        reasoning, closed, rest = text.partition("</think>")
        body = completion(rest if closed else empty, "stop" if closed else "length")
        body["choices"][0]["message"][field] = reasoning
        return body

    return answer


def plain(asked, text):
    """The answers of a server without one."""
    return completion(text, "stop" if "</think>" in text or is_probe(asked) else "length")


@pytest.fixture(scope="module")
def unparsed(data, tmp_path_factory):
    """The run of a server without a reasoning parser, and its log."""
    log = tmp_path_factory.mktemp("unparsed") / "log"
    with serving(text=thought, answer=plain) as server:
        return run(server, data, log, limit=None), log


@pytest.mark.parametrize(
    ("field", "empty"),
    [("reasoning_content", None), ("reasoning", None), ("reasoning_content", ""), ("reasoning", ""), ("thinking", [])],
)
def test_case_04_and_26_a_model_scores_the_same_with_and_without_a_reasoning_parser(
    data, unparsed, tmp_path, field, empty
):
    inline, log = unparsed
    shutil.copy(log, tmp_path / "log")
    with serving(text=thought, answer=parsed(field, empty)) as server:
        apart = run(server, data, tmp_path / "log", limit=None)
    assert (apart.generated, inline.generated) == (144, 144), "the form is part of the key"
    assert apart.run != inline.run
    scores = [score(tmp_path / "log", data, found.run).overall for found in (apart, inline)]
    assert scores[0] == scores[1]
    assert scores[0]["avg@5"] > 0
    assert 0.2 < scores[0]["truncation_rate"] < 0.5
    logged = [one for one in rows(tmp_path / "log") if json.loads(one.key.sampling).get("reasoning") == "apart"]
    assert len(logged) == 144
    assert all(one.reasoning.startswith("I see") for one in logged)
    assert {one.text == "" for one in logged if one.finish_reason == "length"} == {True}
    with ResponseLog(tmp_path / "log", read_only=True) as log:
        assert log.provenance(apart.run)[0]["probe"]["reasoning"] == "apart"


def test_case_01_a_response_that_begins_inside_its_reasoning_is_read_and_the_log_says_so(data, tmp_path, capsys):
    with serving(text=lambda asked: "it is left</think><answer>B</answer>") as server:
        found = run(server, data, tmp_path / "log")
    assert found.metrics["parse_rate"] == 1
    assert {(one.opened, one.text) for one in rows(tmp_path / "log")} == {
        ("<think>", "it is left</think><answer>B</answer>")
    }
    assert "notice: 18 responses began inside the reasoning" in capsys.readouterr().err
    with ResponseLog(tmp_path / "log", read_only=True) as log:
        assert log.provenance(found.run)[-1]["observed"] == {"began_inside_reasoning": 18}


def test_case_26_a_model_that_ends_without_an_answer_is_counted_as_such(data, tmp_path):
    def answer(asked, text):
        body = completion("")
        body["choices"][0]["message"]["reasoning_content"] = "left of the liver"
        return body

    with serving(answer=answer) as server:
        found = run(server, data, tmp_path / "log")
    assert (found.generated, found.metrics["parse_rate"]) == (18, 0)
    assert {(one.text, one.reasoning) for one in rows(tmp_path / "log")} == {("", "left of the liver")}


def test_case_04_a_few_responses_that_are_null_are_no_hole_in_the_run(data, tmp_path):
    """Neither the probe nor most responses show any reasoning."""

    def answer(asked, text):
        body = completion(text)
        if not is_probe(asked) and asked["seed"] % 5 == 0:
            body = completion(None, "length")
            body["choices"][0]["message"]["reasoning"] = "left of the"
        return body

    with serving(answer=answer) as server:
        found = run(server, data, tmp_path / "log", limit=None)
        assert run(server, data, tmp_path / "log", limit=None).generated == 0
    assert found.generated == 144
    cut = [one for one in rows(tmp_path / "log") if one.finish_reason == "length"]
    assert 10 < len(cut) < 50
    assert {(one.text, one.reasoning) for one in cut} == {("", "left of the")}


@pytest.mark.parametrize("first", [parsed(), plain], ids=["parser lost", "parser added"])
def test_case_04_two_forms_are_never_mixed_under_one_run(data, tmp_path, first):
    second = plain if first is not plain else parsed()

    def answer(asked, text):
        return (first if is_probe(asked) or len(server.answered) < 9 else second)(asked, text)

    with serving(text=lambda asked: "x</think><answer>B</answer>", answer=answer) as server:
        with pytest.raises(AnatomyR1Error, match=r"reasoning parser\), then run the same command again") as caught:
            run(server, data, tmp_path / "log", limit=None, concurrency=1)
        assert "1 x its reasoning is in the text, though the server kept it apart before" in str(caught.value)
    assert len(rows(tmp_path / "log")) == 9
    assert len({bool(one.reasoning) for one in rows(tmp_path / "log")}) == 1


def test_case_02_a_server_that_drops_the_tags_is_asked_to_keep_them_and_told_of_if_it_does_not(data, tmp_path, capsys):
    def special(asked):
        return "B" if asked.get("skip_special_tokens", True) else "<answer>B</answer>"

    with serving(text=special) as server:
        assert run(server, data, tmp_path / "kept", limit=17).metrics["parse_rate"] == 1
        assert {one.text for one in rows(tmp_path / "kept")} == {"<answer>B</answer>"}
        assert "warning" not in capsys.readouterr().err
        run(server, data, tmp_path / "lost", limit=17, plain_openai=True)
        error = capsys.readouterr().err
    assert error.count("warning: none of the first 100 responses has a <think> or <answer> tag") == 1
    assert {one.text for one in rows(tmp_path / "lost")} == {"B"}


def swallowed(empty, cut=0, answered=0):
    """A parser takes all of the text for reasoning, as vLLM's do where thinking is off; not that of some responses."""

    def answer(asked, text):
        number = 99 if is_probe(asked) else len(asked_now)
        asked_now.extend([] if is_probe(asked) else [asked])
        body = completion("<answer>B</answer>" if number < answered else empty, "length" if number < cut else "stop")
        body["choices"][0]["message"]["reasoning_content"] = "B"
        return body

    asked_now = []
    return answer


@pytest.mark.parametrize(
    ("answer", "limit", "said"),
    [
        (swallowed(None), 3, "warning: none of the first 10 "),
        (swallowed(""), 3, "warning: none of the first 10 "),
        (swallowed("\n\n"), 3, "warning: none of the first 10 "),
        (swallowed("</think>"), 3, "warning: none of the first 10 "),
        (swallowed(None, cut=5), 3, "warning: none of the first 10 "),
        (swallowed(None), 1, "notice: none of the first 6 "),
    ],
    ids=["null", "empty", "blank", "the tag alone", "some are cut off", "fewer than ten"],
)
def test_case_26_a_parser_that_swallows_every_answer_is_told_of(data, tmp_path, capsys, answer, limit, said):
    with serving(answer=answer) as server:
        found = run(server, data, tmp_path / "log", limit=limit, concurrency=1)
    error = capsys.readouterr().err
    assert error.count(said) == error.count("has text after its reasoning") == 1, error
    assert "start the server without its reasoning parser, or switch thinking on" in error
    with ResponseLog(tmp_path / "log", read_only=True) as log:
        seen = log.provenance(found.run)[-1]["observed"]
    assert seen["ended_without_text"] > 5
    assert "without its reasoning parser" in seen["warning"]


@pytest.mark.parametrize(
    "answer", [swallowed("", answered=1), swallowed("", cut=18)], ids=["one answers", "all are cut"]
)
def test_case_26_a_parser_that_leaves_an_answer_is_not_suspected(data, tmp_path, capsys, answer):
    with serving(answer=answer) as server:
        run(server, data, tmp_path / "log", concurrency=1)
    assert "has text after its reasoning" not in capsys.readouterr().err
