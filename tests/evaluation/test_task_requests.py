"""Requests of a task: whole, rendered when they are read, and refused before the first question is asked."""

import pytest

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.evaluation.task_files import tasks_folder
from tests.helpers.small_set import manager, questions, write_set


class Counting:
    """A chat template that counts."""

    def __init__(self):
        self.rendered = 0

    def __call__(self, turns, add_generation_prompt=True):
        self.rendered += 1
        return f"{turns}{add_generation_prompt}"


def built(data, **options):
    task = manager(tasks_folder(), data).load(["sgg_anatomy_mini"])["tasks"]["sgg_anatomy_mini"]
    task.build_all_requests(apply_chat_template=True, **options)
    return task


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


def test_prompts_are_rendered_when_they_are_read_and_are_lm_eval_s_own(data):
    from lm_eval.api.task import ConfigurableTask

    template = Counting()
    task = built(data, chat_template=template)
    assert (len(task.instances), template.rendered) == (48, 0)
    read = [one.args[0] for one in task.instances for _ in range(one.repeats)]
    assert template.rendered == 24, "once a question, read in order as lm-eval does"
    options = {"num_fewshot": 0, "apply_chat_template": True, "chat_template": Counting()}
    own = [ConfigurableTask.fewshot_context(task, doc, **options) for doc in task.test_docs()]
    assert read == [prompt for prompt in own for _ in range(6)]
    assert [one.arguments for one in task.instances] == [one.args for one in task.instances]


def test_a_prompt_of_more_than_the_user_s_turn_is_lm_eval_s(data):
    task = built(data, limit=1, chat_template=Counting(), system_instruction="Be brief.", fewshot_as_multiturn=True)
    assert "{'role': 'system', 'content': 'Be brief.'}" in task.instances[0].args[0]
    assert task.instances[0].args[0].count("'role': 'user'") == 1


def test_requests_that_lm_eval_writes_to_a_file_are_rendered(data):
    import pickle

    template = Counting()
    one = built(data, limit=1, chat_template=template).instances[0]
    copy = pickle.loads(pickle.dumps(one))
    assert (copy.args[:2], copy.doc, copy.repeats) == (one.args[:2], one.doc, one.repeats)


def test_a_missing_picture_is_told_before_the_first_question_is_asked(tmp_path):
    write_set(tmp_path)
    (tmp_path / "images" / questions(24)[17].image).unlink()
    with pytest.raises(AnatomyR1Error, match=r"VID01/17\.png: no such picture \(1 in all\)\. Fix: .*data check"):
        built(tmp_path, chat_template=Counting())
