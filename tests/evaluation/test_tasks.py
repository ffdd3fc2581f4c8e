"""Task files, documents, controls, refusals, stubs."""

from dataclasses import replace

import pytest
import yaml

from anatomy_r1.data.shown import LazyImages, swapped
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.evaluation.task_files import benchmarks, install, task_files, tasks_folder, uninstall
from anatomy_r1.question import Question
from tests.helpers.small_set import SIX, manager, questions, write_set


def test_names_of_tasks():
    real = ["omnimed_mi", "omnimed_mi_balanced", "sgg_anatomy", "sgg_anatomy_balanced"]
    assert sorted(benchmarks()) == sorted([*real, *(f"{name}_mini" for name in real), "omnimed_mi_confounded_mini"])
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


def test_questions_that_no_task_by_category_asks_are_named(data, tmp_path, capsys):
    from anatomy_r1.data.prepared import write
    from anatomy_r1.evaluation.lm_eval_task import documents

    documents(benchmark="sgg_anatomy_mini", data=str(data), category="Gut")
    assert capsys.readouterr().err == ""
    root = write_set(tmp_path)
    asked = [replace(one, category="Duct") if one.category == "Liver" else one for one in questions(24)]
    stated = {"benchmark": "sgg_anatomy_mini", "generated": True, "seed": 0}
    write(root, {"test": asked}, tmp_path / "images", stated)
    documents(benchmark="sgg_anatomy_mini", data=str(root), category="Gut")
    number = sum(one.category == "Duct" for one in asked)
    assert f"no task by category asks 'Duct' ({number}); sgg_anatomy_mini asks them" in capsys.readouterr().err
    documents(benchmark="sgg_anatomy_mini", data=str(root))
    assert capsys.readouterr().err == ""


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
    from anatomy_r1.data.shown import image_hash
    from anatomy_r1.evaluation.evaluate import evaluate
    from anatomy_r1.response_log.log import ResponseLog

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
    from anatomy_r1.evaluation.lm_eval_task import documents

    write_set(tmp_path, benchmark="sgg_anatomy", generated=True)
    with pytest.raises(AnatomyR1Error, match="holds generated data of sgg_anatomy, not sgg_anatomy"):
        documents(benchmark="sgg_anatomy", data=str(tmp_path))


def test_a_mini_set_under_a_real_task_s_name_is_refused(data):
    from anatomy_r1.evaluation.lm_eval_task import documents

    with pytest.raises(AnatomyR1Error, match="holds generated data of sgg_anatomy_mini, not sgg_anatomy"):
        documents(benchmark="sgg_anatomy", data=str(data / "sgg_anatomy_mini"))


def test_wrong_data_root_names_the_cure(tmp_path, monkeypatch):
    from anatomy_r1.evaluation.lm_eval_task import documents

    monkeypatch.setenv("ANATOMY_R1_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(AnatomyR1Error, match=r"nowhere: no prepared set .*--metadata data=DIR.*ANATOMY_R1_DATA"):
        documents(benchmark="sgg_anatomy_mini", pretrained="a model argument", version=1.0)


def test_environment_names_the_data(data, monkeypatch):
    from anatomy_r1.evaluation.lm_eval_task import documents

    monkeypatch.setenv("ANATOMY_R1_DATA", str(data))
    assert len(documents(benchmark="sgg_anatomy_mini")["test"]) == 24


def test_a_gold_answer_scores_one():
    from anatomy_r1.evaluation.lm_eval_task import choices, process_results

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
    from anatomy_r1.evaluation import task_files as tasks_install

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


def test_a_stub_leads_to_its_file_whatever_the_name_of_the_folder(tmp_path, monkeypatch):
    from anatomy_r1.evaluation import task_files as tasks_install

    path = tmp_path / "my #1: tasks" / "sgg_anatomy.yaml"
    monkeypatch.setattr(tasks_install, "lm_eval_folder", lambda: tmp_path / "stubs")
    monkeypatch.setattr(tasks_install, "task_files", lambda: {"sgg_anatomy": path})
    (stub,) = install()
    assert yaml.safe_load(stub.read_text()) == {"include": str(path)}


def test_nothing_is_written_over_a_wheel_s_tasks(tmp_path, monkeypatch):
    from anatomy_r1.evaluation import task_files as tasks_install

    (tmp_path / "sgg_anatomy.yaml").write_text("include: _question_task\n")
    monkeypatch.setattr(tasks_install, "lm_eval_folder", lambda: tmp_path)
    assert install() == uninstall() == []


@pytest.mark.parametrize("column", ["results", "groups"])
def test_case_33_lm_evals_own_table_has_its_headings(column):
    """With a `pytablewriter` of before 1.0 they are `A`, `B`, `C`, ..., and no error says so."""
    from lm_eval.utils import make_table

    report = {
        column: {"sgg_anatomy_mini": {"alias": "sgg_anatomy_mini", "avg@5,letter": 0.25, "avg@5_stderr,letter": 0.01}},
        "versions": {"sgg_anatomy_mini": 1.0},
        "n-shot": {"sgg_anatomy_mini": 0},
        "higher_is_better": {"sgg_anatomy_mini": {"avg@5": True}},
    }
    head, _, row, *_ = make_table(report, column).splitlines()
    first = "Tasks" if column == "results" else "Groups"
    headings = [cell.strip() for cell in head.strip("|").split("|")]
    assert headings == [first, "Version", "Filter", "n-shot", "Metric", "", "Value", "", "Stderr"]
    assert [cell.strip() for cell in row.strip("|").split("|")][:5] == ["sgg_anatomy_mini", "1", "letter", "0", "avg@5"]
