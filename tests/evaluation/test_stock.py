"""lm-eval's own `hf-multimodal` on the same task: its responses score alike in our scorer, its greedy ones are ours."""

from dataclasses import replace

import pytest

from anatomy_r1.evaluation.evaluate import evaluate
from anatomy_r1.response_log.log import ResponseLog
from anatomy_r1.scoring.metrics import question_metrics
from anatomy_r1.scoring.strict import extract
from tests.helpers.small_set import write_set

pytestmark = pytest.mark.slow
TASK, LENGTH, QUESTIONS = "sgg_anatomy_mini", 24, 60


@pytest.fixture(scope="module")
def taught(tmp_path_factory):
    """Knows how an answer looks, and little else: parsed and unparsed, right and wrong responses."""
    from anatomy_r1.mini.base import build_base
    from anatomy_r1.mini.recipe import toy

    folder = tmp_path_factory.mktemp("taught") / "model"
    recipe = replace(toy(), scenes=60, slides=30, habit_steps=60, habit_rows=24, habit_lr=3e-3)
    build_base(folder, "mini-s", recipe=recipe, progress=False)
    return folder


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    write_set(folder, QUESTIONS)
    return folder


@pytest.fixture(scope="module")
def stock(taught, asked):
    """lm-eval's report of a run by its own backend, samples and all."""
    import lm_eval.models  # noqa: F401  (registers its own, where another test has registered ours before)
    from lm_eval import simple_evaluate
    from lm_eval.tasks import TaskManager

    from anatomy_r1.evaluation.task_files import tasks_folder

    metadata = {"data": str(asked), "style": "think"}
    manager = TaskManager(include_defaults=False, include_path=str(tasks_folder()), metadata=metadata)
    return simple_evaluate(
        model="hf-multimodal",
        model_args={"pretrained": str(taught), "dtype": "float32"},
        tasks=[TASK],
        task_manager=manager,
        apply_chat_template=True,
        batch_size=16,
        device="cpu",
        gen_kwargs={"temperature": 1.5, "max_gen_toks": LENGTH},
    )


def test_its_numbers_are_those_of_our_scorer_to_the_last_digit(stock):
    samples = stock["samples"][TASK]
    metrics = []
    for sample in samples:
        sampled, (greedy,) = (
            [extract(text, sample["doc"]["options"]).choice for text in said] for said in sample["resps"]
        )
        metrics.append(question_metrics(sampled, greedy, sample["doc"]["letter"]))
    reported = stock["results"][TASK]
    means = {name: sum(one[name] for one in metrics) / len(metrics) for name in metrics[0]}
    assert {name: reported[f"{name},letter"] for name in means} == means
    assert 0 < means["avg@5"] < 1, "an empty comparison shows nothing"
    assert 0 < means["parse_rate"] < 1


def test_its_greedy_responses_and_their_score_are_ours(stock, taught, asked, tmp_path):
    """In float32 on a CPU only a near-tie can turn into another token: at most one of 60."""
    ours = evaluate(TASK, asked, taught, tmp_path / "log", max_new_tokens=LENGTH, dtype="float32", progress=False)
    with ResponseLog(tmp_path / "log", read_only=True) as log:
        mine = {one.key.question_id: one.text.strip() for one in log.rows() if one.key.decoding == "greedy"}
    its = {sample["doc"]["id"]: sample["resps"][1][0].strip() for sample in stock["samples"][TASK]}
    assert set(mine) == set(its)
    unequal = {name: (mine[name], its[name]) for name in mine if mine[name] != its[name]}
    assert len(unequal) <= 1, unequal
    if not unequal:
        assert ours.metrics["greedy"] == stock["results"][TASK]["greedy,letter"]
