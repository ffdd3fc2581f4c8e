"""Requests of the lm-eval task: complete, and rejected before the first question is asked."""

import pytest

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.evaluation.task_files import tasks_folder
from tests.helpers.small_set import manager, questions, write_set


def test_no_chat_template_fails_at_once(data):
    task = manager(tasks_folder(), data).load(["sgg_anatomy_mini"])["tasks"]["sgg_anatomy_mini"]
    with pytest.raises(AnatomyR1Error, match="--apply_chat_template"):
        task.build_all_requests(limit=1, apply_chat_template=False)


def test_over_long_prompt_fails_at_once_with_a_stock_backend(data):
    class Backend:
        max_length = 40

        def processor(self, text, images):
            assert images[0][0].size == (96, 64)
            return {"input_ids": [text[0].split()]}

        def apply_chat_template(self, history, **_):
            return history[0]["content"]

    task = manager(tasks_folder(), data).load(["sgg_anatomy_mini"])["tasks"]["sgg_anatomy_mini"]
    with pytest.raises(AnatomyR1Error, match="exceed the model's 40"):
        task.build_all_requests(limit=1, apply_chat_template=True, chat_template=Backend().apply_chat_template)


def test_five_sampled_and_one_greedy_request_with_every_argument_stated(data):
    task = manager(tasks_folder(), data).load(["sgg_anatomy_mini"])["tasks"]["sgg_anatomy_mini"]
    task.build_all_requests(limit=2, apply_chat_template=True, chat_template=lambda turns, **_: turns[0]["content"])
    assert [one.repeats for one in task.instances] == [5, 1, 5, 1]
    sampled, greedy = (one.args[1] for one in task.instances[:2])
    assert sampled == {
        "until": [], "do_sample": True, "seed": None, "temperature": 1.0, "top_p": 1.0, "top_k": 0,
        "repetition_penalty": 1.0, "max_gen_toks": 512,
    }  # fmt: skip
    assert greedy == {
        "until": [], "max_gen_toks": 512, "repetition_penalty": 1.0, "do_sample": False, "temperature": 0.0
    }  # fmt: skip


def test_case_28_arguments_that_an_api_refuses_can_be_left_out_on_lm_evals_own_route(data):
    task = manager(tasks_folder(), data).load(["sgg_anatomy_mini"])["tasks"]["sgg_anatomy_mini"]
    task.set_config("generation_kwargs", {"top_k": None, "repetition_penalty": None}, update=True)  # --gen_kwargs
    task.build_all_requests(limit=1, apply_chat_template=True, chat_template=lambda turns, **_: turns[0]["content"])
    sampled, greedy = (one.args[1] for one in task.instances)
    assert sampled == {
        "until": [], "do_sample": True, "seed": None, "temperature": 1.0, "top_p": 1.0, "max_gen_toks": 512
    }  # fmt: skip
    assert greedy == {"until": [], "max_gen_toks": 512, "do_sample": False, "temperature": 0.0}


def test_a_token_limit_that_each_backend_would_choose_is_refused(data):
    task = manager(tasks_folder(), data).load(["sgg_anatomy_mini"])["tasks"]["sgg_anatomy_mini"]
    task.set_config("generation_kwargs", {"max_gen_toks": None}, update=True)
    with pytest.raises(AnatomyR1Error, match=r"max_gen_toks is left out.*Fix: --gen_kwargs max_gen_toks=512"):
        task.build_all_requests(limit=1, apply_chat_template=True, chat_template=lambda turns, **_: turns[0]["content"])


MODEL_ARGUMENTS = (
    "pretrained", "tokenizer", "revision", "subfolder", "device", "dtype", "batch_size", "max_batch_size", "model",
    "max_length", "max_images", "min_pixels", "max_pixels", "image_width", "image_height", "image_string",
    "image_token_id", "convert_img_format", "interleave", "base_url", "num_concurrent", "max_retries", "timeout",
    "eos_string", "tokenized_requests", "parallelize", "peft", "trust_remote_code", "think_end_token", "log",
    "gpu_memory_utilization", "tensor_parallel_size", "data_parallel_size", "limit_mm_per_prompt", "concurrency",
    "retries", "allow_upload", "plain_openai", "leave_out", "max_tokens_name", "progress", "enable_thinking",
)  # fmt: skip


def test_a_misspelt_option_of_a_task_is_refused_and_model_arguments_are_not(data):
    from anatomy_r1.evaluation.lm_eval_task import documents

    for name, right in {"image": "images", "option": "options", "styles": "style", "question": "questions"}.items():
        with pytest.raises(AnatomyR1Error, match=f"--metadata {name}: no option of the tasks. Fix: {right}"):
            documents(benchmark="sgg_anatomy_mini", data=str(data), **{name: "none"})
    assert documents(benchmark="sgg_anatomy_mini", data=str(data), version=1.0, **dict.fromkeys(MODEL_ARGUMENTS, "x"))


def built(data):
    task = manager(tasks_folder(), data).load(["sgg_anatomy_mini"])["tasks"]["sgg_anatomy_mini"]
    task.build_all_requests(apply_chat_template=True, chat_template=lambda turns, **_: turns[0]["content"])
    return task


def test_lm_eval_over_our_engine_asks_what_evaluate_asks_and_scores_it_alike(data, model_folder, tmp_path):
    """Prompts, seeds and keys are the same: every response of lm-eval's run is found in the log of `evaluate`."""
    from lm_eval import simple_evaluate

    from anatomy_r1.evaluation.engines.transformers_engine import TransformersEngine
    from anatomy_r1.evaluation.evaluate import evaluate
    from anatomy_r1.response_log.log import ResponseLog

    ours = evaluate("sgg_anatomy_mini", data, model_folder, tmp_path / "log", max_new_tokens=4, progress=False)
    known = manager(tasks_folder(), data)
    with ResponseLog(tmp_path / "log") as log:
        engine = TransformersEngine(model_folder, log=log, progress=False)
        report = simple_evaluate(
            model=engine, tasks=["sgg_anatomy_mini"], task_manager=known, apply_chat_template=True, log_samples=False,
            gen_kwargs={"max_gen_toks": 4},
        )  # fmt: skip
    assert (ours.generated, engine.generated) == (144, 0)
    its = report["results"]["sgg_anatomy_mini"]
    assert {name: its[f"{name},letter"] for name in ours.metrics} == ours.metrics


def test_a_missing_image_is_reported_before_the_first_question_is_asked(tmp_path):
    from anatomy_r1.evaluation.evaluate import evaluate

    write_set(tmp_path)
    (tmp_path / "images" / questions(24)[17].image).unlink()
    missing = r"VID01/17\.png: no such picture \(1 in all\)\. Fix: .*data check"
    with pytest.raises(AnatomyR1Error, match=missing):
        built(tmp_path)
    with pytest.raises(AnatomyR1Error, match=missing):
        evaluate("sgg_anatomy_mini", tmp_path, tmp_path / "no model", tmp_path / "log")
