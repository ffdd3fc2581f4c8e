"""Control views end to end: policies that are known to look, or not to, through evaluate, score and the grid."""

import json
from dataclasses import replace

import pytest

from anatomy_r1.cli.main import main
from anatomy_r1.data.shown import original
from anatomy_r1.evaluation.evaluate import evaluate
from anatomy_r1.prompts import parse
from anatomy_r1.question import LETTERS
from anatomy_r1.response_log.log import ResponseLog
from anatomy_r1.response_log.response import Response
from anatomy_r1.results.store import MATCHED, load_result, load_results
from anatomy_r1.scoring.position_bias import position_bias
from anatomy_r1.scoring.question_table import letter_counts, question_table, rotation_scores, stored_letter_counts
from anatomy_r1.scoring.score import score
from tests.helpers.small_set import questions, write_set
from tests.helpers.smoke import smoke_profile

TASK = "sgg_anatomy_mini"


def first_letter(job, options, gold):
    """Answers A, whatever stands there."""
    return "A"


def knows(job, options, gold):
    """Answers the right option, wherever it stands."""
    return LETTERS[options.index(gold)]


def looks(job, options, gold):
    """Is right when it is shown the question's own picture, and takes the next option otherwise."""
    number = original(job.key.question_id)[0].split("/")[1]
    own = job.shown.endswith(f"/{number}.png")
    return LETTERS[(options.index(gold) + (not own)) % len(options)]


def shortcut(job, options, gold):
    """Goes by a word of the question: right in a part of the cases, and never looks."""
    return LETTERS[options.index(gold)] if "center" in job.prompt else "B"


@pytest.fixture
def answering(monkeypatch):
    """The engine, answering by a function of what it is asked."""
    from anatomy_r1.evaluation.engines.transformers_engine import TransformersEngine

    gold = {question.id: question.answer for question in questions(24)}

    def use(policy):
        def generate(self, groups):
            for group in groups:
                yield [respond(job) for job in group]

        def respond(job):
            user = job.prompt.rpartition("<|vision_end|>")[2].rpartition("<|im_start|>user\n")[2]
            options = parse(user.partition("<|im_end|>")[0].strip()).options
            letter = policy(job, options, gold[original(job.key.question_id)[0]])
            text = f"<think> {job.key.repeat} {letter} </think> <answer> {letter} </answer>"
            return Response(job.key, text, "stop", 9, 9, 0.1, style=job.style, images=job.images, shown=job.shown)

        monkeypatch.setattr(TransformersEngine, "_generate", generate)

    return use


def run(data, model_folder, log, **options):
    return evaluate(TASK, data, model_folder, log, max_new_tokens=8, progress=False, **options)


def test_a_policy_that_always_says_a_is_a_quarter_right_over_rotations_and_found_out(
    data, model_folder, tmp_path, answering
):
    answering(first_letter)
    done = run(data, model_folder, tmp_path / "log", options="rotated")
    scores = score(tmp_path / "log", data)
    assert (done.questions, scores.overall["n"], scores.asked) == (96, 96, 96)
    found, table = rotation_scores(question_table(scores)), question_table(scores)
    assert (found.questions, found.rotations, found.average.mean) == (24, 96, pytest.approx(0.25))
    assert [one.mean for one in found.all_right.values()] == [0, 0]
    assert table["id"].tolist() == [question.id for question in questions(24)]
    bias = position_bias(stored_letter_counts(table))
    assert [one.excess.mean for one in bias.letters] == pytest.approx([0.75, -0.25, -0.25, -0.25])
    assert [one.recall.mean for one in bias.letters] == [1, 0, 0, 0]
    assert bias.preferred == "prefers by letter: A +75.0, B -25.0, C -25.0, D -25.0"
    assert position_bias(letter_counts(scores)).moved == pytest.approx(bias.moved)


def test_a_policy_that_knows_is_right_under_every_rotation(data, model_folder, tmp_path, answering):
    """Invariant 7 through the whole street: options permuted, answers mapped back, the same gold."""
    answering(knows)
    run(data, model_folder, tmp_path / "log", options="rotated", limit=5)
    scores = score(tmp_path / "log", data)
    found = rotation_scores(question_table(scores))
    assert (found.questions, found.rotations) == (5, 20)
    assert {found.average.mean, *(one.mean for one in found.all_right.values())} == {1.0}
    assert {one.recall.mean for one in position_bias(letter_counts(scores)).letters} == {1.0}


def test_given_and_rotated_runs_of_one_log_are_told_apart(data, model_folder, tmp_path, answering):
    answering(first_letter)
    given = run(data, model_folder, tmp_path / "log")
    rotated = run(data, model_folder, tmp_path / "log", options="rotated")
    assert (given.generated, rotated.generated) == (24 * 6, 96 * 6)
    plans = {name: score(tmp_path / "log", data, name).plan for name in (given.run, rotated.run)}
    assert ["options" in plans[name] for name in (given.run, rotated.run)] == [False, True]
    assert score(tmp_path / "log", data, given.run).overall["n"] == 24
    with ResponseLog(tmp_path / "log", read_only=True) as log:
        texts = {(one.key.question_id, one.key.decoding, one.key.repeat): one.text for one in log.rows()}
    same = [texts[id_, *slot] == texts[f"{id_}#rotated0", *slot] for id_, *slot in texts if "#" not in id_]
    assert len(same) == 144 and all(same)


def test_a_lost_rotation_is_missed(data, model_folder, tmp_path, answering):
    import sqlite3

    from anatomy_r1.errors import AnatomyR1Error

    answering(first_letter)
    run(data, model_folder, tmp_path / "log", options="rotated", limit=2)
    with sqlite3.connect(tmp_path / "log") as db:
        db.execute("DELETE FROM responses WHERE question_id LIKE '%#rotated3' AND repeat = 2")
    with pytest.raises(AnatomyR1Error, match=r"2 responses missing.*#rotated3"):
        score(tmp_path / "log", data)


def test_questions_of_two_options_and_of_four_count_once_each(model_folder, tmp_path, answering, monkeypatch):
    """Always A: right in half of the rotations of two options, in a quarter of those of four; all together 3/8."""
    from tests.helpers import small_set

    four = questions(8)
    mixed = [
        replace(q, options=(q.answer, next(o for o in q.options if o != q.answer))) if index % 2 else q
        for index, q in enumerate(four)
    ]
    monkeypatch.setattr(small_set, "questions", lambda count, benchmark: mixed)
    write_set(tmp_path, 8)
    answering(first_letter)
    run(tmp_path, model_folder, tmp_path / "log", options="rotated")
    table = question_table(score(tmp_path / "log", tmp_path))
    assert table["rotations"].tolist() == [2 if index % 2 else 4 for index in range(8)]
    assert rotation_scores(table).average.mean == pytest.approx(3 / 8)
    bias = position_bias(stored_letter_counts(table))
    assert [one.gold for one in bias.letters] == pytest.approx([1 / 3, 1 / 3, 1 / 6, 1 / 6])
    assert [one.recall.mean for one in bias.letters] == [1, 0, 0, 0]


def test_the_commands_ask_and_report(data, model_folder, tmp_path, answering, capsys):
    answering(first_letter)
    words = ["--data", str(data), "--model", str(model_folder), "--log", str(tmp_path / "log"), "--limit", "12"]
    assert main(["evaluate", TASK, *words, "--options", "rotated"]) == 0
    assert main(["score", str(tmp_path / "log"), "--data", str(data)]) == 0
    shown = capsys.readouterr().out
    assert "Rotations: 12 questions, 48 prompts" in shown
    assert "avg@5 25.0 [25.0, 25.0]; right under every rotation, greedy response 0.0" in shown
    assert "prefers by letter: A +75.0" in shown and "moved 75.0" in shown
    assert main(["score", str(tmp_path / "log"), "--data", str(data), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["rotations"]["avg@5"][0] == 0.25
    assert found["positions"]["letters"]["A"]["recall"][0] == 1


def test_a_shortcut_is_exposed_in_the_grid_and_one_that_looks_is_not(data, model_folder, tmp_path, answering):
    """The same score with the real, no and a wrong picture, question by question; a policy that looks loses all."""
    from baselines.experiment.cell import GridRun, Layout
    from baselines.stages.stages import run_stage

    found = {}
    for name, policy in (("shortcut", shortcut), ("looks", looks)):
        answering(policy)
        grid = GridRun(smoke_profile(), Layout(tmp_path / name), "smoke")
        grid.layout.base("mini-l").parent.mkdir(parents=True)
        grid.layout.base("mini-l").symlink_to(model_folder)
        (tmp_path / name / "data").symlink_to(data)
        for view in ("", "@no-image", "@wrong-image"):
            run_stage("evaluate", f"{TASK}/mini-l/zero-shot{view}/{MATCHED}/seed0", grid)
        found[name] = {one.method: one for one in load_results(grid.layout.store())}
    with_, without, wrong = (found["shortcut"][f"zero-shot{view}"] for view in ("", "@no-image", "@wrong-image"))
    assert with_.questions.equals(without.questions) and with_.questions.equals(wrong.questions)
    assert 0 < with_.provenance["metrics"]["avg@5"] < 1, "an empty comparison shows nothing"
    assert [one.provenance["metrics"]["avg@5"] for one in found["looks"].values()] == [1.0, 0.0, 0.0]
    assert wrong.provenance["sampling"]["images"] == "swapped"
    assert {"leakage", "unfit", "training", "positions"} <= set(wrong.provenance)


def test_a_rotated_cell_has_its_columns_and_numbers_in_the_store(data, model_folder, tmp_path, answering):
    from baselines.experiment.cell import GridRun, Layout
    from baselines.stages.stages import run_stage

    answering(first_letter)
    grid = GridRun(smoke_profile(), Layout(tmp_path), "smoke")
    grid.layout.base("mini-l").parent.mkdir(parents=True)
    grid.layout.base("mini-l").symlink_to(model_folder)
    (tmp_path / "data").symlink_to(data)
    name = f"{TASK}/mini-l/zero-shot@rotations/{MATCHED}/seed0"
    run_stage("evaluate", name, grid)
    found = load_result(grid.layout.store() / f"{name}.json")
    assert found.has_rotations and len(found.questions) == 24
    assert found.provenance["rotations"]["rotations"] == 96
    assert position_bias(stored_letter_counts(found.questions)).letters[0].recall.mean == 1
