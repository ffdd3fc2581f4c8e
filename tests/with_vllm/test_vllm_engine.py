"""The vLLM engine's promises, with vLLM itself: same greedy text, own streams, resume, one prefill."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time

import psutil
import pytest

from anatomy_r1.errors import AnatomyR1Error
from tests.with_vllm.conftest import OPTIONS
from tests.with_vllm.helpers import run, texts


@pytest.mark.parametrize(("name", "least"), [("babbling", 190), ("taught", 2)])
def test_greedy_responses_equal_the_transformers_engine_s(request, data, tmp_path, name, least):
    """All but one in a hundred: the last bits of the logits are not the same."""
    model = request.getfixturevalue(name)
    run(data, model, tmp_path / "vllm")
    run(data, model, tmp_path / "transformers", engine="transformers")
    ours, theirs = texts(tmp_path / "vllm", "greedy"), texts(tmp_path / "transformers", "greedy")
    assert len(set(theirs.values())) >= least, "a model that always says the same tests nothing"
    others = {key: (ours[key], theirs[key]) for key in theirs if ours[key] != theirs[key]}
    assert len(theirs) == 200
    assert len(others) <= 2, others
    for key, (mine, its) in others.items():
        print(f"{key}: vLLM {mine}, transformers {its}")


def test_same_seed_same_log_another_seed_another(data, babbling, tmp_path):
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        run(data, babbling, tmp_path / name, seed=seed, limit=20)
    first, again, other = (texts(tmp_path / name) for name in "abc")
    assert first == again
    sampled = [key for key in first if key[1] == "sample"]
    assert len({(key[0], first[key]) for key in sampled} | {(key[0], other[key]) for key in sampled}) == 200
    assert all(first[key] == other[key] for key in first if key[1] == "greedy")


def test_batch_order_and_a_resumed_run_change_nothing_and_nothing_is_made_twice(data, babbling, tmp_path):
    whole = run(data, babbling, tmp_path / "whole", limit=30)
    first = run(data, babbling, tmp_path / "parts", limit=7, batch_size=1)
    rest = run(data, babbling, tmp_path / "parts", limit=30, batch_size=3)
    again = run(data, babbling, tmp_path / "parts", limit=30)
    assert (whole.generated, first.generated, rest.generated, again.generated) == (180, 42, 138, 0)
    assert texts(tmp_path / "whole") == texts(tmp_path / "parts")
    assert whole.metrics == rest.metrics == again.metrics


def test_half_a_question_is_completed(data, babbling, tmp_path):
    run(data, babbling, tmp_path / "log", limit=10)
    before = texts(tmp_path / "log")
    with sqlite3.connect(tmp_path / "log") as db:
        gone = db.execute("DELETE FROM responses WHERE repeat IN (1, 3) AND question_id LIKE 'VID01%'").rowcount
    assert gone == 6
    assert run(data, babbling, tmp_path / "log", limit=10).generated == 6
    assert texts(tmp_path / "log") == before


def test_each_prompt_and_picture_is_read_once_and_its_prefill_shared(data, babbling, tmp_path, monkeypatch):
    from anatomy_r1.evaluation.engines.vllm_engine import Vllm

    read, finished = [], []
    real_read, real_step = Vllm.preprocess, Vllm.step
    monkeypatch.setattr(Vllm, "preprocess", lambda self, *args: read.append(1) or real_read(self, *args))

    def step(self):
        found = real_step(self)
        finished.extend(found)
        return found

    monkeypatch.setattr(Vllm, "step", step)
    run(data, babbling, tmp_path / "log", seed=77, images="swapped", limit=40)  # no earlier test has asked these
    assert len(read) == 40
    block = OPTIONS["block_size"]
    shared = [one.shared_tokens for one in finished]
    assert all(block < one.prompt_tokens for one in finished)
    assert sum(tokens >= block for tokens in shared) >= 200, "five of six have their prompt's whole blocks for nothing"


def test_sampling_follows_the_model_s_own_distribution(data, babbling, tmp_path):
    """First tokens of 3,000 responses to one question against the probabilities that transformers computes."""
    import numpy as np
    import torch
    from scipy.stats import chisquare
    from transformers import AutoModelForImageTextToText

    from anatomy_r1.evaluation.engines.vllm_engine import VllmEngine
    from anatomy_r1.response_log.log import ResponseLog
    from anatomy_r1.response_log.response import Sampling

    count = 3000
    with ResponseLog(tmp_path / "log") as log:
        engine = VllmEngine(babbling, log=log, progress=False, **OPTIONS)
        prompt = engine.apply_chat_template([{"role": "user", "content": "What is this ?"}])
        read, one_token = engine.vllm.preprocess(prompt, []), Sampling("sample", 1.5, 1)
        for seed in range(count):
            engine.vllm.add_request(str(seed), read, one_token, seed, frozenset())
        drawn = []
        while len(drawn) < count:
            drawn += [one.tokens[0] for one in engine.vllm.step()]
        inputs = engine.processor(text=[prompt], return_tensors="pt")
    with torch.inference_mode():
        logits = AutoModelForImageTextToText.from_pretrained(babbling)(**inputs).logits[0, -1]
    chances = torch.softmax(logits.double() / 1.5, -1).numpy()
    often = chances * count >= 5
    seen = np.bincount(drawn, minlength=len(chances))
    expected = chances * count
    assert often.sum() >= 5, "a distribution of a few tokens shows little"
    observed = np.append(seen[often], seen[~often].sum())
    assert chisquare(observed, np.append(expected[often], expected[~often].sum())).pvalue > 1e-4


def test_nothing_of_the_checkpoint_s_generation_settings_is_used_but_its_end_tokens(data, babbling, tmp_path):
    run(data, babbling, tmp_path / "plain", limit=20)
    plain = texts(tmp_path / "plain")
    model = shutil.copytree(babbling, tmp_path / "model")
    path = model / "generation_config.json"
    stated = json.loads(path.read_text())
    greedy_like = {"do_sample": True, "top_k": 1, "temperature": 0.1, "repetition_penalty": 3.0, "max_new_tokens": 2}
    path.write_text(json.dumps({**stated, **greedy_like}))
    run(data, model, tmp_path / "settings", limit=20)
    assert texts(tmp_path / "settings") == plain

    from anatomy_r1.mini.tokenizer import build_tokenizer

    word = next(text.split()[3] for text, *_ in plain.values())
    path.write_text(json.dumps({**stated, "eos_token_id": [build_tokenizer().convert_tokens_to_ids(word)]}))
    for name in ("vllm", "transformers"):
        run(data, model, tmp_path / name, limit=20, engine=name)
    ended = texts(tmp_path / "vllm", "greedy")
    assert ended == texts(tmp_path / "transformers", "greedy")
    assert any(reason == "stop" for _, reason, _ in ended.values())
    assert any(reason == "stop" for _, reason, _ in texts(tmp_path / "vllm", "sample").values())


def test_the_key_states_engine_precision_and_every_argument(data, babbling, tmp_path):
    from anatomy_r1.response_log.log import ResponseLog

    run(data, babbling, tmp_path / "log", limit=1)
    run(data, babbling, tmp_path / "log", limit=1, engine="transformers")
    with ResponseLog(tmp_path / "log", read_only=True) as log:
        keys = [one.key for one in log.rows()]
    stated = [json.loads(key.sampling) for key in keys]
    names = {"decoding", "temperature", "max_new_tokens", "top_p", "top_k", "repetition_penalty", "dtype", "engine"}
    assert all(set(one) == names for one in stated)
    assert len(keys) == 12, "no response of one engine stands for the other's"
    assert {one["dtype"] for one in stated} == {"float32"}, "vLLM alone would take another precision"
    assert len({key.weights for key in keys}) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"temperature": 0.001}, "vLLM's minimum is 0.01"),
        ({"device": "cpu"}, "CUDA_VISIBLE_DEVICES"),
        ({"engine_args": {"trust_remote_code": True}}, r"\['trust_remote_code'\]: this engine sets them itself"),
        ({"engine_args": {"block_siez": 16}}, "block_siez"),
        ({"max_new_tokens": 1020}, "exceed the model's 1024"),
        ({"engine_args": {"max_model_len": 60}, "max_new_tokens": 30}, "exceed the model's 60"),
    ],
    ids=[
        "another temperature",
        "device",
        "what is fixed",
        "a typing error",
        "over-long",
        "over-long for a lower bound",
    ],
)
def test_what_cannot_be_done_as_asked_is_refused(data, babbling, tmp_path, options, message):
    with pytest.raises(AnatomyR1Error, match=message):
        run(data, babbling, tmp_path / "log", limit=2, **options)
    assert texts(tmp_path / "log") == {}


def test_what_was_broken_off_does_not_turn_up_later(data, babbling, tmp_path, monkeypatch):
    from anatomy_r1.response_log.log import ResponseLog

    def full(self, responses):
        raise AnatomyR1Error("no space")

    with monkeypatch.context() as patch, pytest.raises(AnatomyR1Error, match="no space"):
        patch.setattr(ResponseLog, "add", full)
        run(data, babbling, tmp_path / "broken", limit=20)
    assert run(data, babbling, tmp_path / "log", limit=3).generated == 18


def test_kill_9_then_the_same_command_asks_only_for_what_is_missing(data, babbling, tmp_path):
    """In the way a user runs it: nothing of vLLM may stay behind, as its own scheduler process would."""
    arguments = ["evaluate", "sgg_anatomy_mini", "--data", str(data), "--model", str(babbling), "--engine", "vllm"]
    arguments += ["--max-new-tokens", "100", "--limit", "40", "--batch-size", "1", "--log", str(tmp_path / "killed")]
    arguments += [
        f"--engine-arg={name}={json.dumps(value)}" for name, value in OPTIONS.items() if "executor" not in name
    ]
    program = subprocess.Popen([sys.executable, "-m", "anatomy_r1.cli", *arguments], env=without_ours())
    while program.poll() is None and logged(tmp_path / "killed") < 12:
        time.sleep(0.05)
    assert program.poll() is None, "it should be in the middle of its work"
    helpers = psutil.Process(program.pid).children(recursive=True)
    program.send_signal(signal.SIGKILL)
    assert program.wait() == -signal.SIGKILL
    _, alive = psutil.wait_procs(helpers, timeout=60)
    assert not alive
    before = logged(tmp_path / "killed")
    assert run(data, babbling, tmp_path / "killed", max_new_tokens=100, limit=40).generated == 240 - before < 240
    run(data, babbling, tmp_path / "whole", max_new_tokens=100, limit=40)
    assert texts(tmp_path / "killed") == texts(tmp_path / "whole")


def without_ours():
    return {name: value for name, value in os.environ.items() if not name.startswith("VLLM_")}


def logged(path):
    """Responses so far; none while the other process has not made the tables yet."""
    try:
        return len(texts(path))
    except AnatomyR1Error:
        return 0


def test_the_doctor_finds_its_rollouts_like_those_of_transformers(data, taught, tmp_path):
    from baselines.preflight import smoke

    found = smoke.parity(taught, data, "sgg_anatomy_mini", tmp_path, engine_args=OPTIONS)
    assert found.passed, found
    assert "of 8 greedy answers" in found.found
