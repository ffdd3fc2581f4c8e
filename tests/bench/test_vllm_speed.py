"""What our log, seeds and keys cost beside vLLM itself. `tox -e vllm -- -m "vllm and bench" tests/bench -s`."""

import json
import statistics
import time
from importlib.util import find_spec

import pytest

from tests.with_vllm.conftest import OPTIONS, babbling, data, loaded_once, shape

if not find_spec("vllm"):
    pytest.skip("vLLM is not installed: tox -e vllm", allow_module_level=True)

pytestmark = [pytest.mark.bench, pytest.mark.vllm]
__all__ = ["babbling", "data", "loaded_once", "shape"]
NEW, PAIRS, QUESTIONS = 40, 12, 100


@pytest.fixture
def engine(babbling, tmp_path):
    from anatomy_r1.evaluation.engines.vllm_engine import VllmEngine
    from anatomy_r1.response_log.log import ResponseLog

    with ResponseLog(tmp_path / "log") as log:
        yield VllmEngine(babbling, log=log, progress=False, **OPTIONS)


def asked(data, engine):
    """Five lm-eval requests a question, as lm-eval makes them of `repeats: 5`."""
    from lm_eval.api.instance import Instance

    from anatomy_r1.evaluation.lm_eval_task import doc_to_image, doc_to_text, documents

    arguments = {"do_sample": True, "temperature": 1.0, "max_gen_toks": NEW}
    requests = []
    docs = documents(benchmark="sgg_anatomy_mini", data=str(data))["test"][:QUESTIONS]
    for number, doc in enumerate(docs):
        prompt = engine.apply_chat_template([{"role": "user", "content": doc_to_text(doc)}])
        args = (prompt, arguments, {"visual": doc_to_image(doc)})
        requests += [Instance("generate_until", doc, args, 0, ("sgg_anatomy_mini", number, 5))] * 5
    return requests


def raw(engine, requests, seed):
    """The same prompts, pictures and lengths through `LLM.generate` with n=5."""
    from vllm import SamplingParams

    ends = sorted(engine.end_tokens)
    prompts = [
        {"prompt": one.args[0], "multi_modal_data": {"image": list(one.args[2]["visual"])}} for one in requests[::5]
    ]
    params = [
        SamplingParams(n=5, seed=seed + number * 5, temperature=1.0, max_tokens=NEW, stop_token_ids=ends)
        for number in range(len(prompts))
    ]
    made = engine.vllm._llm.generate(prompts, params, use_tqdm=False)
    return [engine.processor.tokenizer.decode(one.token_ids) for output in made for one in output.outputs]


def timed(engine, work):
    """CPU and wall seconds of `work`, which begins with nothing in the caches."""
    engine.vllm._llm.reset_prefix_cache()
    engine.vllm._llm.reset_mm_cache()
    began = (time.process_time(), time.perf_counter())
    assert len(work()) == 5 * QUESTIONS
    return time.process_time() - began[0], time.perf_counter() - began[1]


def test_ours_beside_raw_generate(data, engine, record_property):
    """Pairs in turn, each with seeds of its own; CPU seconds, because another process may have the processor."""
    requests = asked(data, engine)
    timed(engine, lambda: raw(engine, requests, seed=10**6))  # the first one warms up
    pairs = []
    for seed in range(PAIRS):
        engine.seed = seed
        order = [lambda: engine.generate_until(requests), lambda seed=seed: raw(engine, requests, seed * 10**5)]
        both = [timed(engine, work) for work in (order if seed % 2 else order[::-1])]
        pairs.append(both if seed % 2 else both[::-1])
    ratios = [[mine[kind] / its[kind] for mine, its in pairs] for kind in (0, 1)]
    found = {name: round(statistics.median(some), 3) for name, some in zip(("cpu", "wall"), ratios, strict=True)}
    report = {
        "ratio, median of pairs": found,
        "ours and raw, CPU s": [[round(a[0], 3), round(b[0], 3)] for a, b in pairs],
    }
    print(json.dumps(report))
    assert found["cpu"] <= 1.10


def test_first_response_comes_within_three_seconds_of_a_loaded_model(data, engine, monkeypatch):
    from anatomy_r1.response_log.log import ResponseLog

    requests, came, add = asked(data, engine), [], ResponseLog.add
    monkeypatch.setattr(ResponseLog, "add", lambda self, some: came.append(time.perf_counter()) or add(self, some))
    began = time.perf_counter()
    engine.generate_until(requests)
    print(json.dumps({"first response, s": round(came[0] - began, 2), "all, s": round(came[-1] - began, 2)}))
    assert came[0] - began < 3
