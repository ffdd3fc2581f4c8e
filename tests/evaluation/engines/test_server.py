"""The engine for servers: what it sends, and what it keeps."""

import base64
import json
import threading
import time

import pytest

from anatomy_r1.data.shown import image_hash
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.evaluation.engines.jobs import JobBuilder, jobs_from_requests
from anatomy_r1.evaluation.evaluate import evaluate
from anatomy_r1.scoring.score import score
from tests.helpers.chat_server import MODEL, serving
from tests.helpers.server_runs import rows, run


def test_each_question_is_asked_once_and_scores_are_lm_evals(data, tmp_path):
    with serving() as server:
        first = run(server, data, tmp_path / "log", limit=None)
        again = run(server, data, tmp_path / "log", limit=None)
    assert (first.generated, again.generated) == (24 * 6, 0)
    assert set(server.asked.values()) == {1}
    scores = score(tmp_path / "log", data)
    assert {name: scores.overall[name] for name in first.metrics} == first.metrics == again.metrics
    assert 0 < scores.overall["avg@5"] < 1, "an empty comparison shows nothing"
    assert 0 < scores.overall["parse_rate"] < 1
    one = rows(tmp_path / "log")[0]
    assert (one.finish_reason, one.prompt_tokens, one.tokens) == ("stop", 90, 3)
    assert one.seconds > 0


def test_every_argument_is_sent_and_is_in_the_key(data, tmp_path):
    with serving() as server:
        run(server, data, tmp_path / "log", limit=1, temperature=0.7)
    sent = [{name: value for name, value in one.items() if name not in ("messages", "seed")} for one in server.requests]
    stated = {
        "model": MODEL, "max_tokens": 24, "top_p": 1.0, "top_k": -1, "min_p": 0.0, "repetition_penalty": 1.0,
        "presence_penalty": 0.0, "frequency_penalty": 0.0, "n": 1, "stream": False, "skip_special_tokens": False,
    }  # fmt: skip
    assert sorted(sent, key=lambda one: one["temperature"]) == [{**stated, "temperature": t} for t in [0.0] + [0.7] * 5]
    logged = json.loads(next(one for one in rows(tmp_path / "log") if one.key.decoding == "sample").key.sampling)
    assert logged == {
        "engine": "server", "decoding": "sample", "temperature": 0.7, "max_new_tokens": 24, "top_p": 1.0, "top_k": 0,
        "min_p": 0.0, "repetition_penalty": 1.0, "presence_penalty": 0.0, "frequency_penalty": 0.0,
        "skip_special_tokens": False,
    }  # fmt: skip


def test_what_openai_refuses_can_be_left_out_and_the_key_says_so(data, tmp_path):
    with serving() as server:
        run(server, data, tmp_path / "log", limit=1)
        run(server, data, tmp_path / "log", limit=1, plain_openai=True)
    assert not {"top_k", "min_p", "repetition_penalty", "skip_special_tokens"} & set(server.requests[-1])
    assert len(server.requests) == 12, "left to the server is another key"
    stated = [json.loads(one.key.sampling) for one in rows(tmp_path / "log")]
    assert sum(one.get("not_sent") == "min_p, repetition_penalty, skip_special_tokens, top_k" for one in stated) == 6


def test_pictures_are_the_bytes_that_the_log_names(data, tmp_path):
    with serving() as server:
        run(server, data, tmp_path / "log", limit=2)
    sent = [one["messages"][0]["content"][0]["image_url"]["url"] for one in server.requests]
    assert {url.partition(",")[0] for url in sent} == {"data:image/png;base64"}
    content = {base64.b64decode(url.partition(",")[2]) for url in sent}
    kept = {one.shown: one.key.image_hash for one in rows(tmp_path / "log")}
    assert content == {(data / "images" / shown).read_bytes() for shown in kept}
    assert all(image_hash(str(data / "images" / shown)) == stated for shown, stated in kept.items())


def test_a_picture_that_changed_since_the_key_was_made_is_not_sent(tmp_path):
    from types import SimpleNamespace

    from PIL import Image

    from anatomy_r1.data.shown import LazyImages
    from anatomy_r1.evaluation.engines.server_messages import as_messages, as_prompt

    def job(name, text):
        doc = {"id": "q"}
        prompt = as_prompt([{"role": "user", "content": text}])
        Image.new("RGB", (8, 8)).save(tmp_path / name)
        media = {"visual": LazyImages([str(tmp_path / name)])}
        request = SimpleNamespace(args=(prompt, {}, media), doc=doc, task_name="t", doc_id=0)
        return next(jobs_from_requests([request], JobBuilder("w", 0, {})))

    assert as_messages(job("a.png", "<image>What ?"))[0]["content"][1] == {"type": "text", "text": "What ?"}
    changed = job("b.png", "<image>What ?")
    Image.new("RGB", (8, 8), (1, 2, 3)).save(tmp_path / "b.png")
    with pytest.raises(AnatomyR1Error, match=r"b\.png: the image changed"):
        as_messages(changed)
    with pytest.raises(AnatomyR1Error, match="1 images, but 2 placeholders"):
        as_messages(job("c.png", "<image>What is <image> ?"))


OTHER = {
    "style": "direct", "images": "swapped", "temperature": 0.5, "max_new_tokens": 12, "seed": 1, "model": "other",
}  # fmt: skip


def test_whatever_changes_a_response_has_it_asked_again(data, tmp_path):
    with serving(models=404) as server:  # with a list, the name of another model would be refused
        run(server, data, tmp_path / "log", limit=1)
        changed = {
            name: run(server, data, tmp_path / "log", limit=1, **{name: OTHER[name]}).generated for name in OTHER
        }
        assert run(server, data, tmp_path / "log", limit=1).generated == 0
    # Temperature is the one argument that the greedy response does not depend on
    assert changed == {name: 5 if name == "temperature" else 6 for name in OTHER}


def test_every_row_says_all_that_decides_it(data, tmp_path):
    with serving() as server:
        run(server, data, tmp_path / "log", limit=1, images="none")
        run(server, data, tmp_path / "log", limit=1)
    for one in rows(tmp_path / "log"):
        key = one.key
        assert key.question_id
        assert len(key.prompt_hash) == 16
        assert len(key.image_hash) == (0 if one.images == "none" else 32)
        assert key.weights == (f"{MODEL} (named by the server, not verified; owned_by vllm)")
        assert one.text
        assert (one.finish_reason, one.tokens) == ("stop", 3)
    assert len({one.key.prompt_hash for one in rows(tmp_path / "log")}) == 2, "with and without a picture"
    repeats = {(one.images, one.key.decoding, one.key.repeat) for one in rows(tmp_path / "log")}
    assert len(repeats) == len(rows(tmp_path / "log")) == 12


def test_each_response_has_a_seed_of_its_own_that_every_server_takes(data, tmp_path):
    with serving() as server:
        run(server, data, tmp_path / "log")
    sampled = [one["seed"] for one in server.requests if one["temperature"]]
    assert len(set(sampled)) == len(sampled) == 15
    assert all(0 <= seed < 2**31 for seed in sampled)


def test_responses_are_logged_as_they_arrive(data, tmp_path):
    seen = []

    def text(asked):
        seen.append(len(rows(tmp_path / "log")))
        return "B"

    with serving(text=text) as server:
        run(server, data, tmp_path / "log", concurrency=1)
    assert seen == list(range(18))


def test_requests_at_a_time_are_bounded(data, tmp_path):
    def text(asked):
        time.sleep(0.02)
        return "B"

    with serving(text=text) as server:
        run(server, data, tmp_path / "log", concurrency=3, limit=4)
    assert server.open_most == 3


def test_a_model_that_is_not_served_is_refused_with_the_names_of_those_that_are(data, tmp_path):
    with serving() as server, pytest.raises(AnatomyR1Error, match=f"serves no model med/other.*one of {MODEL}"):
        run(server, data, tmp_path / "log", model="med/other")


def test_a_response_that_the_server_would_cut_short_is_none(data, tmp_path):
    """Of 4,096 tokens the prompt has 90; vLLM would answer with the 4,006 that are left, and not say so."""
    with serving() as server:
        assert run(server, data, tmp_path / "log", limit=1, max_new_tokens=4006).generated == 6
        with pytest.raises(AnatomyR1Error, match=r"6 of 6 .*lower --max-new-tokens.*\n.*90 tokens and 4007 .* 4096"):
            run(server, data, tmp_path / "log", limit=1, max_new_tokens=4007)


def test_a_host_that_lists_no_models_is_taken_at_its_word(data, tmp_path):
    with serving(models=404) as server:
        run(server, data, tmp_path / "log", limit=1)
    assert rows(tmp_path / "log")[0].key.weights.endswith("(named by the server, not verified; it lists no models)")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"device": "cpu"}, "--device: the engine server has no such option"),
        ({"batch_size": 4}, "--batch-size: the engine server has no such option"),
        ({"engine_args": {"top_p": 0.9}}, "--top-p: the engine server has no such option"),
        ({"engine_args": {"base_url": None}}, "has no address"),
        ({"engine_args": {"base_url": "http://127.0.0.1", "concurrency": 0}}, "concurrency must be 1"),
        ({"engine": "transformers", "engine_args": {"base_url": "http://127.0.0.1"}}, "--base-url: the engine transf"),
        ({"engine": "crystal ball"}, "unknown. Fix: one of transformers, .*server"),
    ],
    ids=["device", "batch size", "unheard of", "no address", "no requests", "a server's", "no engine"],
)
def test_options_that_an_engine_has_not_are_refused_not_ignored(data, tmp_path, options, message):
    with pytest.raises(AnatomyR1Error, match=message):
        evaluate("sgg_anatomy_mini", data, MODEL, tmp_path / "log", **{"engine": "server", **options})


def test_a_second_run_is_refused_or_waits_and_then_finds_all_done(data, tmp_path):
    def text(asked):
        started.set()
        server.gate.wait(20)
        return "B"

    started = threading.Event()
    with serving(text=text) as server:
        first = threading.Thread(target=run, args=(server, data, tmp_path / "log"))
        first.start()
        started.wait(20)
        with pytest.raises(AnatomyR1Error, match=r"process \d+ on .* is writing. Fix: wait"):
            run(server, data, tmp_path / "log")
        threading.Timer(0.3, server.gate.set).start()
        assert run(server, data, tmp_path / "log", wait=20).generated == 0
        first.join()
    assert sum(server.asked.values()) == 18
