"""The request before the first question: what a server supports is known, or named with a cure, before it is asked."""

import json
import time

import pytest

from anatomy_r1.cli.main import main
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.evaluation.engines.server_errors import NOT_OPENAI
from anatomy_r1.evaluation.task_files import tasks_folder
from anatomy_r1.response_log.log import ResponseLog
from anatomy_r1.results.store import sampling_cost
from tests.helpers.chat_server import MODEL, completion, is_probe, serving
from tests.helpers.server_runs import rows, run
from tests.helpers.small_set import manager

pytestmark = pytest.mark.slow


def provenance(log, found):
    with ResponseLog(log, read_only=True) as opened:
        return opened.provenance(found.run)


def refusing(*names, say="Unrecognized request argument supplied: {}", status=400):
    """Refuses requests with one of these arguments, the first of them by name."""

    def refuses(asked):
        found = [name for name in names if name in asked]
        body = say if isinstance(say, dict) else {"error": {"message": say.format(found[0] if found else "")}}
        return (status, json.loads(json.dumps(body).replace("{}", found[0]))) if found else None

    return refuses


def test_the_probe_is_one_request_with_an_image_and_all_arguments_and_no_response(data, tmp_path):
    with serving() as server:
        found = run(server, data, tmp_path / "log", limit=1)
    (asked,), (first, *_) = server.probes, server.requests
    assert asked.keys() == first.keys()
    assert asked["messages"][0]["content"][0]["image_url"]["url"].startswith("data:image/png;base64,")
    assert asked["max_tokens"] == 32
    assert (found.generated, len(rows(tmp_path / "log"))) == (6, 6)
    assert not any(map(is_probe, server.requests))


def test_what_the_probe_found_is_shown_and_recorded_with_the_run(data, tmp_path, capsys):
    def answer(asked, text):
        return completion([{"type": "text", "text": text}], reason="end_turn")

    with serving(answer=answer) as server:
        found = run(server, data, tmp_path / "log", limit=1, progress=True)
        assert run(server, data, tmp_path / "log", limit=1).run == found.run
    assert "server: image taken, finish_reason end_turn, tokens counted, content in parts" in capsys.readouterr().err
    (entry,) = provenance(tmp_path / "log", found)
    assert (entry["base_url"], entry["model"]["max_model_len"]) == (server.url, 4096)
    assert entry["probe"] == {
        "finish_reason": "end_turn", "usage": True, "reasoning": "", "content": "parts", "images_refused": "",
        "limit_name": "max_tokens",
    }  # fmt: skip
    assert json.loads(found.results.read_text())["anatomy_r1"]["provenance"] == [entry]


PYDANTIC = {"detail": [{"type": "extra_forbidden", "loc": ["body", "{}"], "msg": "Extra inputs are not permitted"}]}


@pytest.mark.parametrize(
    ("names", "say", "status"),
    [
        (("top_k",), "Unrecognized request argument supplied: {}", 400),
        (("min_p",), "property '{}' is unsupported", 400),
        (("repetition_penalty", "top_k"), {"error": {"message": "no", "param": "{}"}}, 400),
        (("skip_special_tokens",), PYDANTIC, 422),
        (("top_k",), "unknown argument {}; those known are temperature, top_p, seed and max_tokens", 400),
        (("min_p",), "Argument not supported on this model: minP", 400),
    ],
    ids=["OpenAI", "Groq", "by param", "pydantic", "lists those it takes", "xAI"],
)
def test_case_28_a_refused_argument_names_plain_openai_before_any_question(data, tmp_path, capsys, names, say, status):
    arguments = ["evaluate", "sgg_anatomy_mini", "--data", str(data), "--model", MODEL, "--log", str(tmp_path / "log")]
    arguments += ["--engine", "server", "--limit", "2", "--max-new-tokens", "24"]
    with serving(refuses=refusing(*names, say=say, status=status)) as server:
        assert main([*arguments, "--base-url", server.url]) == 2
        error = capsys.readouterr().err
        assert (server.requests, len(server.probes)) == ([], 1 + len(names)), "nothing is retried"
        assert main([*arguments, "--base-url", server.url, "--plain-openai"]) == 0
    assert f"refuses {', '.join(names)}: HTTP {status}" in error
    assert "Nothing was asked. Fix: add --plain-openai" in error
    assert "same command" not in error
    assert error.count("\n") == 1
    assert len(rows(tmp_path / "log")) == 12


def test_case_15_max_completion_tokens_is_used_where_max_tokens_is_refused(data, tmp_path, capsys):
    say = "Unsupported parameter: '{}' is not supported with this model. Use 'max_completion_tokens' instead."
    with serving(refuses=refusing("max_tokens", say=say)) as server:
        found = run(server, data, tmp_path / "log", limit=1, progress=True)
    assert {one["max_completion_tokens"] for one in server.requests} == {24}
    assert "limit sent as max_completion_tokens" in capsys.readouterr().err
    assert provenance(tmp_path / "log", found)[0]["probe"]["limit_name"] == "max_completion_tokens"
    with serving() as server:
        again = run(server, data, tmp_path / "log", limit=1, max_tokens_name="max_completion_tokens")
    assert (again.run, again.generated) == (found.run, 0), "the limit is the same by either name"
    assert "max_completion_tokens" in server.probes[0]


def reasoning_model(asked):
    """OpenAI's reasoning models: no `max_tokens`, no `top_k`, no penalties, and no temperature but 1."""
    if refused := refusing(*NOT_OPENAI, "max_tokens", "presence_penalty", "frequency_penalty", "top_p")(asked):
        return refused
    if asked.get("temperature", 1) != 1:
        said = "Unsupported value: 'temperature' does not support 0 with this model. Only the default (1) value is"
        return 400, {"error": {"message": said, "param": "temperature", "code": "unsupported_value"}}
    return None


def test_case_15_a_model_without_temperature_is_asked_when_told_to_and_the_key_says_so(data, tmp_path, capsys):
    with serving(refuses=reasoning_model) as server:
        with pytest.raises(AnatomyR1Error) as caught:
            run(server, data, tmp_path / "log")
        assert server.requests == []
        others = "frequency_penalty,presence_penalty,temperature,top_p"
        assert f"Fix: add --plain-openai --leave-out {others} (the model then samples at its own" in str(caught.value)
        found = run(server, data, tmp_path / "log", limit=1, plain_openai=True, leave_out=others)
    assert "warning: temperature is left to the server: the responses called greedy" in capsys.readouterr().err
    assert found.generated == 6
    assert {"temperature", "top_p", *NOT_OPENAI, "max_tokens"}.isdisjoint(server.requests[0])
    stated = json.loads(rows(tmp_path / "log")[0].key.sampling)
    assert stated["not_sent"].split(", ") == sorted([*NOT_OPENAI, *others.split(",")])
    assert not {"presence_penalty", "frequency_penalty", "min_p", "skip_special_tokens"} & set(stated)


@pytest.mark.parametrize(
    ("name", "say"),
    [
        ("seed", "argument '{}' is not supported"),
        ("n", "argument '{}' is not supported"),
        ("n", "Malformed input request: #: extraneous key [{}] is not permitted, please reformat your input"),
        ("presence_penalty", "Argument not supported on this model: presencePenalty"),
        ("temperature", "`temperature` must be strictly positive"),
        ("top_p", "`temperature` and `top_p` cannot both be specified for this model. Please use only one."),
        ("top_p", "`top_p` must be > 0.0 and < 1.0"),
    ],
)
def test_case_15_each_argument_that_is_refused_can_be_left_out(data, tmp_path, name, say):
    with serving(refuses=refusing(name, say=say)) as server:
        with pytest.raises(AnatomyR1Error, match=rf"refuses {name}: .* Fix: add --leave-out {name}"):
            run(server, data, tmp_path / "log")
        run(server, data, tmp_path / "log", limit=1, leave_out=name)
    assert all(name not in one for one in server.requests)
    assert json.loads(rows(tmp_path / "log")[0].key.sampling)["not_sent"] == name


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"leave_out": "messages"}, "--leave-out messages: not an argument that can be left out. Fix: any of .*seed"),
        ({"max_tokens_name": "tokens"}, "--max-tokens-name tokens: unknown. Fix: max_tokens or max_completion_tokens"),
    ],
)
def test_case_15_options_that_leave_out_what_is_needed_are_refused(data, tmp_path, options, message):
    with serving() as server, pytest.raises(AnatomyR1Error, match=message):
        run(server, data, tmp_path / "log", **options)
    assert server.headers == []


def test_a_model_that_wants_a_higher_limit_is_given_one_in_the_probe(data, tmp_path):
    def refuses(asked):
        said = (
            "Could not finish the message because max_tokens or model output limit was reached. Try a higher max_tokens"
        )
        return (400, {"error": {"message": said}}) if is_probe(asked) and asked["max_tokens"] < 1000 else None

    with serving(refuses=refuses) as server:
        assert run(server, data, tmp_path / "log", limit=1).generated == 6
    assert {one["max_tokens"] for one in server.requests} == {24}


def uncounted(asked, text):
    return {name: value for name, value in completion(text).items() if name != "usage"}


def test_case_29_a_server_that_never_says_usage_is_asked_once_and_told_once(data, tmp_path, capsys):
    with serving(answer=uncounted) as server:
        found = run(server, data, tmp_path / "log", limit=4, retries=8)
    assert set(server.asked.values()) == {1}
    assert found.generated == len(rows(tmp_path / "log")) == 24
    assert capsys.readouterr().err.count("warning: the server does not count tokens (no usage)") == 1
    logged = rows(tmp_path / "log")
    assert {(one.prompt_tokens, one.tokens) for one in logged} == {(0, 0)}
    assert sampling_cost(tmp_path / "log", logged[0].key.weights, logged[0].key.benchmark)["tokens"] is None, (
        "unknown is not 0"
    )
    assert provenance(tmp_path / "log", found)[-1]["observed"] == {"tokens_unknown": 24}


def test_tokens_that_are_counted_are_a_cost(data, tmp_path):
    with serving() as server:
        run(server, data, tmp_path / "log", limit=1)
    first = rows(tmp_path / "log")[0].key
    assert sampling_cost(tmp_path / "log", first.weights, first.benchmark)["tokens"] == 18
    assert sampling_cost(tmp_path / "log", first.weights, "another")["tokens"] == 0, "a log may hold two benchmarks"


def test_case_15_penalties_refused_without_their_names_are_named(data, tmp_path):
    names = ("presence_penalty", "frequency_penalty")
    cure = "--leave-out frequency_penalty,presence_penalty"
    say = "Penalty is not enabled for this model"
    with serving(refuses=refusing(*names, say=say)) as server, pytest.raises(AnatomyR1Error, match=cure):
        run(server, data, tmp_path / "log")


def test_a_question_that_the_providers_filter_refuses_is_a_filtered_response(data, tmp_path, capsys):
    def refuses(asked):
        said = {"code": "content_filter", "message": "the prompt triggers the content policy", "param": "prompt"}
        return None if is_probe(asked) or asked["temperature"] else (400, {"error": said})

    with serving(refuses=refuses) as server:
        found = run(server, data, tmp_path / "log")
    assert found.generated == 18
    greedy = [one for one in rows(tmp_path / "log") if one.key.decoding == "greedy"]
    assert {(one.text, one.finish_reason) for one in greedy} == {("", "content_filter")}
    assert "notice: 3 responses were cut or refused by the provider's content filter" in capsys.readouterr().err


@pytest.mark.slow
def test_case_28_lm_evals_own_route_to_an_api_that_refuses_top_k(data, monkeypatch):
    import lm_eval.models  # noqa: F401  (registers its own, where another test has registered ours before)
    from lm_eval import simple_evaluate

    monkeypatch.setenv("OPENAI_API_KEY", "none")
    with serving(refuses=refusing(*NOT_OPENAI)) as server:
        address = {"model": MODEL, "base_url": f"{server.url}/chat/completions", "num_concurrent": 2, "max_retries": 1}
        report = simple_evaluate(
            model="local-chat-completions", model_args=address, tasks=["sgg_anatomy_mini"], log_samples=False,
            task_manager=manager(tasks_folder(), data), apply_chat_template=True,
            gen_kwargs={"top_k": None, "repetition_penalty": None},
        )  # fmt: skip
    assert report["results"]["sgg_anatomy_mini"]["parse_rate,letter"] > 0
    assert len(server.requests) == 144


def without_images(asked):
    seen = any(part["type"] == "image_url" for part in asked["messages"][0]["content"])
    return (404, {"error": {"message": "No endpoints found that support image input"}}) if seen else None


def test_a_model_without_images_is_told_before_any_question_and_can_be_the_control(data, tmp_path):
    with serving(refuses=without_images) as server:
        with pytest.raises(AnatomyR1Error, match=r"takes no image \(HTTP 404 \(No endpoints.* Fix: serve a model that"):
            run(server, data, tmp_path / "log")
        assert server.requests == []
        assert run(server, data, tmp_path / "log", images="none", limit=1).generated == 6


def always(status, **body):
    return lambda asked: (status, body)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"answer": lambda asked, text: completion(text, "who knows")}, "finish_reason 'who knows', which is none"),
        ({"refuses": always(401)}, r"refused the probe: HTTP 401\. Fix: .*ANATOMY_R1_API_KEY"),
        ({"refuses": always(404, error="no model")}, r"HTTP 404 \(.*no model.*\)\. Fix: check --model"),
        ({"refuses": always(500, error="broken")}, r"HTTP 500 .*Fix: check the server"),
        ({"refuses": always(400, error={"message": "only stream mode is supported"})}, "Fix: .*streams are not read"),
        ({"refuses": always(400, error={"message": "go away"})}, r"HTTP 400 \(go away\)\. Fix: mend what the server"),
        ({"refuses": always(200, html="<p>")}, r"no chat completion \(choices: Field .*Fix: check the server"),
        ({"refuses": always(200, error={"code": 402, "message": "no credits"})}, "in place of a response: 402 no cred"),
    ],
    ids=["unknown end", "no key", "no model", "broken", "streams only", "refused", "another shape", "error, HTTP 200"],
)  # fmt: skip
def test_a_probe_that_fails_is_one_error_with_a_cure_and_no_question_is_asked(data, tmp_path, options, message):
    with serving(**options) as server, pytest.raises(AnatomyR1Error, match=message) as caught:
        run(server, data, tmp_path / "log", retries=0)
    assert server.requests == []
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (429, {"message": "You exceeded your current quota", "code": "insufficient_quota"}),
        (429, {"message": "no", "type": "insufficient_quota"}),
        (402, {"message": "Payment required"}),
        (400, {"message": "Your credit balance is too low to access the API"}),
        (200, {"message": "Insufficient credits", "code": 402}),
        (200, {"message": "no", "code": "insufficient_quota"}),
        (500, {"message": "Insufficient Balance"}),
    ],
    ids=["OpenAI", "by type", "402", "Anthropic", "OpenRouter", "in a body", "DeepSeek"],
)
@pytest.mark.parametrize("when", ["the probe", "a question"])
def test_case_28_a_quota_that_is_used_up_is_told_as_such_and_not_retried(data, tmp_path, status, error, when):
    def refuses(asked):
        sent.append(is_probe(asked))
        return (status, {"error": error}) if is_probe(asked) == (when == "the probe") else None

    sent = []
    with (
        serving(refuses=refuses) as server,
        pytest.raises(AnatomyR1Error, match=r"Fix: add credit to the acc") as caught,
    ):
        run(server, data, tmp_path / "log", retries=8, concurrency=1)
    assert "--base-url" not in str(caught.value)
    assert sent.count(False) == (when == "a question")
    assert len(sent) <= 2, "but for the probe once more without its image, nothing is asked again"


def test_a_probe_is_asked_again_when_the_server_is_busy(data, tmp_path):
    times = []

    def refuses(asked):
        times.append(time.monotonic())
        return (429, {"error": {"message": "slow down"}}) if len(times) == 1 else None

    with serving(refuses=refuses) as server:
        assert run(server, data, tmp_path / "log", limit=1).generated == 6
    assert len(server.probes) == 2
