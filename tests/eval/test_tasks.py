"""Task files, documents, controls, refusals, stubs."""

import pytest
import yaml

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.images import LazyImages, swapped
from anatomy_r1.question import Question
from anatomy_r1.tasks_install import benchmarks, install, task_files, tasks_folder, uninstall
from tests.eval.conftest import SIX, questions, write_set


def manager(folder, data, **metadata):
    from lm_eval.tasks import TaskManager

    return TaskManager(include_defaults=False, include_path=str(folder), metadata={"data": str(data), **metadata})


def test_names_of_tasks():
    assert benchmarks() == ["omnimed_mi", "omnimed_mi_mini", "sgg_anatomy", "sgg_anatomy_mini"]
    assert {"anatomy_r1", "anatomy_r1_mini", "sgg_anatomy_by_category", "sgg_anatomy_liver"} <= set(task_files())


def test_every_file_is_named_as_its_task_and_real_and_mini_differ_in_the_name_only():
    for name, path in task_files().items():
        text = path.read_text()
        content = yaml.safe_load(text)
        assert content.get("group", content["task"]) == name
        assert content["metadata"]["version"] == 1.0
        if "_mini" not in name and content.get("metadata", {}).get("benchmark"):
            benchmark = content["metadata"]["benchmark"]
            assert task_files()[name.replace(benchmark, f"{benchmark}_mini")].read_text() == text.replace(
                benchmark, f"{benchmark}_mini"
            )


def test_group_by_category_asks_every_question_once(data):
    loaded = manager(tasks_folder(), data).load(["sgg_anatomy_mini_by_category"])
    ids = [doc["id"] for task in loaded["tasks"].values() for doc in task.test_docs()]
    assert sorted(ids) == sorted(question.id for question in questions(24))
    assert {task.config.task_alias for task in loaded["tasks"].values()} == set(SIX)


def test_documents_hold_paths_and_no_gold_text_in_the_prompt_beyond_the_options(data):
    doc = manager(tasks_folder(), data).load(["sgg_anatomy_mini"])["tasks"]["sgg_anatomy_mini"].test_docs()[0]
    assert all(isinstance(value, str) for name, value in doc.items() if name != "options")
    assert doc["prompt"].count(doc["options"]["ABCD".index(doc["letter"])]) == 1


@pytest.mark.parametrize("style", ["think", "direct"])
def test_prompt_is_the_core_s(data, style):
    from anatomy_r1.prompts import render

    task = manager(tasks_folder(), data, style=style).load(["sgg_anatomy_mini"])["tasks"]["sgg_anatomy_mini"]
    assert task.doc_to_text(task.test_docs()[3]) == "<image>" + render(questions(24)[3], style)


def test_swapped_shows_each_picture_once_and_never_one_of_the_same_cluster():
    asked = questions(23)
    shown = swapped(asked, seed=0)
    clusters = {question.image: question.cluster for question in asked}
    assert sorted(shown) == sorted(clusters)
    assert all(clusters[path] != question.cluster for path, question in zip(shown, asked, strict=True))
    assert shown == swapped(asked, seed=0) != swapped(asked, seed=1)


def test_swapping_is_refused_where_one_cluster_has_more_than_half():
    lone = [Question(f"q{n}", "sgg_anatomy", "What ?", ("a", "b"), "a", f"{n}.png", "a", "V1") for n in range(3)]
    with pytest.raises(AnatomyR1Error, match="cluster V1 holds 3 of 3"):
        swapped(lone, 0)


@pytest.mark.parametrize("images", ["none", "swapped"])
def test_controls_show_and_log_what_they_say(data, model_folder, tmp_path, images):
    from anatomy_r1.evaluate import evaluate
    from anatomy_r1.images import image_hash
    from anatomy_r1.responses import ResponseLog

    options = {"images": images, "max_new_tokens": 4, "limit": 4, "progress": False}
    evaluate("sgg_anatomy_mini", data, model_folder, tmp_path / "log", **options)
    evaluate("sgg_anatomy_mini", data, model_folder, tmp_path / "real", **{**options, "images": "real"})
    with ResponseLog(tmp_path / "log", read_only=True) as log, ResponseLog(tmp_path / "real", read_only=True) as real:
        control, seen = list(log.rows()), {one.key.image_hash for one in real.rows()}
    assert len(control) == 24
    own = {question.id: question.image for question in questions(24)}
    for one in control:
        assert one.images == images
        if images == "none":
            assert (one.shown, one.key.image_hash) == ("", "")
        else:
            assert one.shown != own[one.key.question_id]
            assert one.key.image_hash == image_hash(str(data / "images" / one.shown))
    assert images == "swapped" or "" not in seen


def test_mini_data_cannot_pass_for_real_ones(tmp_path):
    from anatomy_r1.lm_eval_task import documents

    write_set(tmp_path, benchmark="sgg_anatomy", generated=True)
    with pytest.raises(AnatomyR1Error, match="holds generated data of sgg_anatomy, not sgg_anatomy"):
        documents(benchmark="sgg_anatomy", data=str(tmp_path))


def test_a_mini_set_under_a_real_task_s_name_is_refused(data):
    from anatomy_r1.lm_eval_task import documents

    with pytest.raises(AnatomyR1Error, match="holds generated data of sgg_anatomy_mini, not sgg_anatomy"):
        documents(benchmark="sgg_anatomy", data=str(data / "sgg_anatomy_mini"))


def test_wrong_data_root_names_the_cure(tmp_path, monkeypatch):
    from anatomy_r1.lm_eval_task import documents

    monkeypatch.setenv("ANATOMY_R1_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(AnatomyR1Error, match=r"nowhere: no prepared set .*--metadata data=DIR.*ANATOMY_R1_DATA"):
        documents(benchmark="sgg_anatomy_mini", pretrained="a model argument", version=1.0)


def test_environment_names_the_data(data, monkeypatch):
    from anatomy_r1.lm_eval_task import documents

    monkeypatch.setenv("ANATOMY_R1_DATA", str(data))
    assert len(documents(benchmark="sgg_anatomy_mini")["test"]) == 24


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


def test_a_gold_answer_scores_one():
    from anatomy_r1.lm_eval_task import choices, process_results

    for question in questions(24):
        doc = {"options": list(question.options), "letter": question.letter}
        texts = [[f"<think> x </think> <answer> {question.letter} </answer>"] * 5, [question.answer]]
        assert set(process_results(doc, choices(texts, [doc, doc])).values()) == {1.0}


def test_pictures_are_opened_late_and_closed_again(tmp_path):
    from PIL import Image

    Image.new("L", (8, 8)).save(tmp_path / "a.png")
    pictures = LazyImages([str(tmp_path / "a.png"), str(tmp_path / "missing.png")])
    assert pictures[0].mode == "RGB"
    assert [one.size for one in pictures[:1]] == [(8, 8)]
    with pytest.raises(AnatomyR1Error, match=r"missing.png.*data check"):
        list(pictures)


def test_stubs_make_tasks_and_groups_known_and_go_away(data, tmp_path, monkeypatch):
    from anatomy_r1 import tasks_install

    folder = tmp_path / "lm_eval" / "anatomy_r1"
    folder.parent.mkdir()
    monkeypatch.setattr(tasks_install, "lm_eval_folder", lambda: folder)
    assert len(install()) == len(task_files()) == len(install()), "twice is as good as once"
    known = manager(folder, data)
    assert set(task_files()) <= set(known.all_tasks)
    assert len(known.load(["sgg_anatomy_mini_by_category"])["tasks"]) == 6
    (folder / "mine.yaml").write_text("task: mine\n")
    assert len(uninstall()) == len(task_files())
    assert [path.name for path in folder.iterdir()] == ["mine.yaml"]


def test_nothing_is_written_over_a_wheel_s_tasks(tmp_path, monkeypatch):
    from anatomy_r1 import tasks_install

    (tmp_path / "sgg_anatomy.yaml").write_text("include: _question_task\n")
    monkeypatch.setattr(tasks_install, "lm_eval_folder", lambda: tmp_path)
    assert install() == uninstall() == []


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
    with pytest.raises(AnatomyR1Error, match=r"VID01/17\.png: no such picture \(1 in all\)\. Cure: .*data check"):
        built(tmp_path, chat_template=Counting())
