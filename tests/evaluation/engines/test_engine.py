"""The engine against transformers' own generation, and its promises: streams, resume, batch size."""

import json

import pytest

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.evaluation.engines.decoding import GenerationRequest, decode, next_tokens
from anatomy_r1.evaluation.engines.transformers_engine import uniforms
from anatomy_r1.prompts import render
from tests.helpers.small_set import questions

NEW = 12


@pytest.fixture(scope="module")
def loaded(model_folder):
    """With weights wide enough that what is said depends on prompt, picture and position."""
    import torch
    from transformers import AutoModelForImageTextToText, AutoProcessor

    processor = AutoProcessor.from_pretrained(model_folder, padding_side="left")
    model = AutoModelForImageTextToText.from_pretrained(model_folder).eval()
    torch.manual_seed(0)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.dim() > 1:
                weight.normal_(0, 0.15)
    return model, processor


def encode(processor, count=4, pictures=True):
    """Prompts of several lengths, so that padding and rotary offsets differ between rows."""
    from PIL import Image

    texts = [render(question, "think") + " left right" * number for number, question in enumerate(questions(count))]
    content = [[{"type": "image"}] * pictures + [{"type": "text", "text": text}] for text in texts]
    prompts = [
        processor.apply_chat_template([{"role": "user", "content": part}], add_generation_prompt=True, tokenize=False)
        for part in content
    ]
    shown = {"images": [[Image.new("RGB", (90, 90), (60 * n, 99, 9))] for n in range(count)]} if pictures else {}
    return dict(processor(text=prompts, **shown, padding=True, return_tensors="pt"))


def rows(prompts, greedy, seed=0):
    return [
        GenerationRequest(prompt, uniforms(seed, "b", str(prompt), place, NEW), greedy, 1.0)
        for place, prompt in enumerate(prompts)
    ]


@pytest.mark.parametrize("pictures", [True, False])
def test_greedy_equals_generate(loaded, pictures):
    model, processor = loaded
    inputs = encode(processor, pictures=pictures)
    expected = model.generate(**inputs, max_new_tokens=NEW, do_sample=False)[:, inputs["input_ids"].shape[1] :]
    assert len({tuple(tokens) for tokens in expected.tolist()}) == 4, "a model that ignores its prompt tests nothing"
    made = decode(model, inputs, rows([2, 0, 0, 1, 3], greedy=True), end_tokens=())
    assert [one.tokens for one in made] == [expected[prompt].tolist() for prompt in (2, 0, 0, 1, 3)]


def test_logits_of_shared_prefill_equal_a_plain_forward_of_each_response(loaded):
    """Also after rows have ended, which is when the stored rotary offsets no longer fit the rows."""
    import torch

    model, processor = loaded
    inputs, seen = encode(processor), {}
    wanted = rows([1, 1, 3, 0, 2, 2, 2], greedy=False)

    def record(active, logits):
        for row, index in enumerate(active):
            seen.setdefault(index, []).append(logits[row])

    ends = set(decode(model, inputs, wanted, ())[0].tokens[2:4])
    made = decode(model, inputs, wanted, ends, record)
    assert len({len(one.tokens) for one in made}) > 1, "some rows must end early for this test to mean anything"
    for number, (row, one) in enumerate(zip(wanted, made, strict=True)):
        alone = alone_inputs(inputs, row.prompt)
        ids = torch.cat([alone["input_ids"], torch.tensor([one.tokens])], dim=-1)
        more = {"attention_mask": torch.ones_like(ids), "input_ids": ids}
        more["mm_token_type_ids"] = torch.nn.functional.pad(alone["mm_token_type_ids"], (0, len(one.tokens)))
        with torch.inference_mode():
            logits = model(**{**alone, **more}).logits[0, alone["input_ids"].shape[1] - 1 : -1]
        torch.testing.assert_close(torch.stack(seen[number]).log_softmax(-1), logits.log_softmax(-1), atol=2e-4, rtol=0)


def alone_inputs(inputs, prompt):
    patches = inputs["image_grid_thw"].prod(-1).tolist()
    start = sum(patches[:prompt])
    kept = inputs["attention_mask"][prompt].bool()
    return {
        "input_ids": inputs["input_ids"][prompt, kept][None],
        "mm_token_type_ids": inputs["mm_token_type_ids"][prompt, kept][None],
        "pixel_values": inputs["pixel_values"][start : start + patches[prompt]],
        "image_grid_thw": inputs["image_grid_thw"][prompt][None],
    }


def test_sampling_follows_the_distribution():
    import numpy as np
    import torch

    count, chances = 40_000, torch.tensor([0.5, 0.25, 0.2, 0.05])
    logits = (chances.log() * 0.5).expand(count, 4)  # temperature 0.5 undoes the factor
    numbers = torch.tensor(np.random.default_rng(0).random(count))
    tokens = next_tokens(logits, numbers, torch.zeros(count, dtype=torch.bool), torch.full((count,), 0.5))
    shares = torch.bincount(tokens, minlength=4) / count
    torch.testing.assert_close(shares, chances, atol=0.01, rtol=0)  # four standard errors


def test_streams_differ_by_seed_question_and_repeat_and_begin_alike_at_any_length():
    first = uniforms(0, "b", "q", 0, 8).tolist()
    assert first == uniforms(0, "b", "q", 0, 80).tolist()[:8]
    others = [uniforms(1, "b", "q", 0, 8), uniforms(0, "c", "q", 0, 8), uniforms(0, "b", "r", 0, 8)]
    assert all(first != other.tolist() for other in [*others, uniforms(0, "b", "q", 1, 8)])


def run(data, model_folder, log, **options):
    from anatomy_r1.evaluation.evaluate import evaluate

    options = {"max_new_tokens": NEW, "batch_size": 8, "limit": 10, "progress": False, **options}
    return evaluate("sgg_anatomy_mini", data, model_folder, log, **options)


def texts(log):
    from anatomy_r1.response_log.log import ResponseLog

    with ResponseLog(log, read_only=True) as opened:
        return [(one.key, one.text, one.finish_reason, one.tokens) for one in opened.rows()]


def test_same_seed_same_log_another_seed_another(data, model_folder, tmp_path):
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        run(data, model_folder, tmp_path / name, seed=seed)
    assert texts(tmp_path / "a") == texts(tmp_path / "b")
    sampled = {key.question_id: set() for key, *_ in texts(tmp_path / "a")}
    for key, text, *_ in texts(tmp_path / "a") + texts(tmp_path / "c"):
        sampled[key.question_id].add(text)
    assert all(len(some) > 5 for some in sampled.values()), "repeats and seeds must give different responses"


def test_batch_size_and_a_resumed_run_change_nothing_and_nothing_is_made_twice(data, model_folder, tmp_path):
    whole = run(data, model_folder, tmp_path / "whole")
    first = run(data, model_folder, tmp_path / "parts", limit=3, batch_size=1)
    rest = run(data, model_folder, tmp_path / "parts", batch_size=3)
    again = run(data, model_folder, tmp_path / "parts")
    assert (whole.generated, first.generated, rest.generated, again.generated) == (60, 18, 42, 0)
    assert [text for _, text, *_ in texts(tmp_path / "whole")] == [text for _, text, *_ in texts(tmp_path / "parts")]
    assert whole.metrics == rest.metrics == again.metrics


def test_half_a_question_is_completed(data, model_folder, tmp_path):
    import sqlite3

    run(data, model_folder, tmp_path / "log")
    before = texts(tmp_path / "log")
    with sqlite3.connect(tmp_path / "log") as db:
        db.execute("DELETE FROM responses WHERE repeat IN (1, 3) AND question_id LIKE 'VID01%'")
    assert run(data, model_folder, tmp_path / "log").generated == 6
    assert texts(tmp_path / "log") == before


def test_every_sampling_argument_is_in_the_key(data, model_folder, tmp_path):
    run(data, model_folder, tmp_path / "log", limit=1)
    stated = [json.loads(key.sampling) for key, *_ in texts(tmp_path / "log")]
    names = {"decoding", "temperature", "max_new_tokens", "top_p", "top_k", "repetition_penalty", "dtype", "engine"}
    assert all(set(one) == names for one in stated)
    assert [one["decoding"] for one in stated] == ["greedy"] + ["sample"] * 5


def test_over_long_prompt_is_refused_before_the_first_response(data, model_folder, tmp_path):
    with pytest.raises(AnatomyR1Error, match=r"exceed the model's 1024. Fix: lower --max-new-tokens"):
        run(data, model_folder, tmp_path / "log", max_new_tokens=1020)
    assert texts(tmp_path / "log") == []


def test_stop_strings_and_unknown_arguments_are_refused():
    from anatomy_r1.evaluation.engines.jobs import read_sampling

    for arguments in ({"until": ["\n\n"]}, {"num_beams": 4}, {"do_sample": True, "top_k": 1}):
        with pytest.raises(AnatomyR1Error):
            read_sampling(arguments)


def test_a_seed_among_the_generation_arguments_is_refused_not_ignored():
    from anatomy_r1.evaluation.engines.jobs import read_sampling

    assert read_sampling({"do_sample": True, "seed": None}).decoding == "sample"
    with pytest.raises(AnatomyR1Error, match=r"Fix: --model_args seed=7"):
        read_sampling({"do_sample": True, "seed": 7})


def test_a_folder_without_safetensors_is_refused(data, tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "pytorch_model.bin").write_bytes(b"pickle")
    with pytest.raises(AnatomyR1Error, match=r"no \*\.safetensors"):
        run(data, tmp_path / "model", tmp_path / "log")


@pytest.mark.slow
def test_kill_9_then_the_same_command_gives_the_uninterrupted_log(data, model_folder, tmp_path):
    import signal
    import subprocess
    import sys
    import time

    arguments = ["evaluate", "sgg_anatomy_mini", "--data", str(data), "--model", str(model_folder)]
    arguments += ["--max-new-tokens", "60", "--batch-size", "1", "--log", str(tmp_path / "killed")]
    program = subprocess.Popen([sys.executable, "-m", "anatomy_r1.cli", *arguments], stderr=subprocess.DEVNULL)
    while program.poll() is None and logged(tmp_path / "killed") < 6 * 4:
        time.sleep(0.02)
    program.send_signal(signal.SIGKILL)
    assert program.wait() == -signal.SIGKILL
    before = logged(tmp_path / "killed")
    options = {"max_new_tokens": 60, "batch_size": 1, "limit": None}
    assert run(data, model_folder, tmp_path / "killed", **options).generated == 144 - before < 144
    run(data, model_folder, tmp_path / "whole", **options)
    assert texts(tmp_path / "killed") == texts(tmp_path / "whole")


def logged(path):
    """Responses so far; none while the other process has not made the tables yet."""
    try:
        return len(texts(path))
    except AnatomyR1Error:
        return 0
