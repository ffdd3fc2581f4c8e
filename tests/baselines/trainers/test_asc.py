"""ASC: what is served follows from the log; its controls differ from it in what their names say."""

from types import SimpleNamespace

import pytest

from anatomy_r1.data.prepared import load
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.prompts import prompt_hash
from anatomy_r1.training.curriculum import LevelRule, bin_of, bins, levels
from anatomy_r1.training.similarity import Similarity, load_similarity, mini_similarity, served_difficulty
from anatomy_r1.training.training_log import read
from baselines.experiment.cell import Cell
from baselines.methods.registry import find_method
from baselines.stages.train import LOG_NAME, train
from baselines.trainers.serve import build_curriculum, question_order
from tests.helpers.recording import hashed_reward
from tests.helpers.small_runs import ignore

LIKENESS = mini_similarity()
CHUNK, STEPS = 2, 30


@pytest.fixture
def prepared(smoke_root):
    return {b: load(smoke_root / "data" / b, "train") for b in ("sgg_anatomy_mini", "omnimed_mi_mini")}


def curriculum(prepared, id_, likeness=LIKENESS, **changes):
    fixed = {
        "similarity": "mini",
        "generation_batch_size": 8 * CHUNK,
        "num_generations": 8,
        "own_steps": STEPS,
        "seed": 4,
    }
    knobs = {"similarity": "mini", "shuffle_similarity": False, **find_method(id_).knobs, **fixed, **changes}
    return build_curriculum(SimpleNamespace(**knobs), prepared, "think", likeness)


def run_of(found, accuracy):
    """Batches of a whole run whose accuracy is a function of the level."""
    accuracies, served = [], []
    for generation in range(STEPS):
        served.append(found.serve(generation, CHUNK, accuracies))
        accuracies.append(accuracy(served[-1].level))
    return served


def scores(found, served):
    asked = found.prepared.questions
    return [
        served_difficulty(LIKENESS, asked[i].answer, columns.get("options", asked[i].options))
        for batch in served
        for i, columns in batch.rows
    ]


@pytest.mark.parametrize("task", ["sgg_anatomy_mini", "omnimed_mi_mini"])
def test_served_scores_rise_by_level_and_span_three_tenths(task, prepared):
    found = curriculum(prepared[task], "grpo-asc")
    served = run_of(found, lambda level: 0.6)
    assert [batch.level for batch in served] == levels([0.6] * (STEPS - 1), LevelRule(3, 5, 0.5))
    means = []
    for level in range(3):
        known = [s for s in scores(found, [b for b in served if b.level == level]) if s is not None]
        means.append(sum(known) / len(known))
    assert means == sorted(means)
    assert means[2] - means[0] >= 0.3


def test_a_level_serves_other_questions_before_it_serves_one_again(prepared):
    found = curriculum(prepared["sgg_anatomy_mini"], "grpo-asc")
    first = [i for batch in run_of(found, lambda level: 0.0) for i, _ in batch.rows]
    once = len(set(first))
    assert 2 < once < len(found.prepared.questions)
    assert len(set(first[:once])) == once


def test_served_scores_lie_in_the_bin_of_the_level_in_force(prepared):
    found = curriculum(prepared["sgg_anatomy_mini"], "grpo-asc")
    for batch in run_of(found, lambda level: 0.6):
        for (index, _), score in zip(batch.rows, scores(found, [batch]), strict=True):
            wanted = max(b for b in bins(found.pools[index], found.edges) if b <= batch.level)
            assert bin_of(score, found.edges) == wanted


def test_the_placebo_serves_other_options_by_the_same_rule(prepared):
    true, placebo = (curriculum(prepared["sgg_anatomy_mini"], i) for i in ("grpo-asc", "grpo-asc-shuffled"))
    assert placebo.rule == true.rule
    assert placebo.similarity.matrix == true.similarity.matrix
    assert scores(placebo, run_of(placebo, lambda level: 0.6)) != scores(true, run_of(true, lambda level: 0.6))


def test_the_control_serves_grpos_questions_in_grpos_order_with_options_of_every_bin(prepared):
    found = curriculum(prepared["sgg_anatomy_mini"], "grpo-asc-pool")
    served = run_of(found, lambda level: 0.0)
    order = [i for batch in served for i, _ in batch.rows]
    assert order == question_order(len(found.prepared.questions), CHUNK * STEPS, 4, CHUNK)
    assert {columns["level"] for batch in served[:10] for _, columns in batch.rows} == {0, 1, 2}


def test_as_released_only_reorders(prepared):
    found = curriculum(prepared["sgg_anatomy_mini"], "grpo-asc-released")
    served = run_of(found, lambda level: 0.0)
    order = [i for batch in served for i, _ in batch.rows]
    assert sorted(order) == sorted(question_order(len(found.prepared.questions), CHUNK * STEPS, 4, CHUNK))
    assert all(columns == {} for batch in served for _, columns in batch.rows)
    assert scores(found, served) == sorted(scores(found, served))


def test_new_distractors_are_refused_where_they_could_be_right(prepared):
    risky = prepared["sgg_anatomy_mini"]
    manifest = {**risky.manifest, "excluded": {"distractor that is also right": 5}}
    risky = type(risky)(risky.root, manifest, risky.image_root, risky.questions)
    with pytest.raises(AnatomyR1Error, match="5 times an anatomy would be right as well"):
        curriculum(risky, "grpo-asc")
    assert curriculum(risky, "grpo-asc-released").serve(0, CHUNK, []).rows


def test_a_file_of_other_options_is_refused(prepared):
    """The world's own has no modalities, which are then not served; a file that lacks any option is another set's."""
    names = LIKENESS.names[:-1]
    rows = tuple(row[:-1] for row in LIKENESS.matrix[:-1])
    lacking = Similarity(names, rows, "another encoder")
    for likeness, task in ((lacking, "omnimed_mi_mini"), (LIKENESS, "omnimed_mi_mini")):
        with pytest.raises(AnatomyR1Error, match=r"made of other options .* Fix: anatomy-r1 similarity make"):
            curriculum(prepared[task], "grpo-asc", likeness, similarity="similarity/medclip.json")
    assert curriculum(prepared["omnimed_mi_mini"], "grpo-asc").serve(0, CHUNK, []).rows
    assert curriculum(prepared["sgg_anatomy_mini"], "grpo-asc", similarity="similarity/medclip.json").pools
    foreign = Similarity(("x", "y"), ((1.0, 0.0), (0.0, 1.0)), "of other names")
    with pytest.raises(AnatomyR1Error, match="made of other options"):
        curriculum(prepared["sgg_anatomy_mini"], "grpo-asc", foreign)


def test_what_is_also_right_is_never_served_as_a_distractor(prepared):
    known = prepared["sgg_anatomy_mini"]
    names = sorted({option for question in known.questions for option in question.options})
    also = {q.id: [name for name in names if name not in q.options][:1] for q in known.questions}
    assert all(also.values())
    manifest = {**known.manifest, "excluded": {"distractor that is also right": len(also)}, "also_right": also}
    for id_ in ("grpo-asc", "grpo-asc-shuffled", "grpo-asc-pool"):
        found = curriculum(type(known)(known.root, manifest, known.image_root, known.questions), id_)
        free = curriculum(known, id_)
        for batch in run_of(found, lambda level: 0.6):
            for index, columns in batch.rows:
                assert not set(columns["options"]) & set(also[found.prepared.questions[index].id])
        taken = [(i, set(c["options"])) for batch in run_of(free, lambda level: 0.6) for i, c in batch.rows]
        assert any(options & set(also[free.prepared.questions[i].id]) for i, options in taken)  # else nothing was shown


def test_beyond_its_own_budget_the_ordered_curriculum_begins_again(prepared):
    found = curriculum(prepared["sgg_anatomy_mini"], "grpo-asc-released")
    assert found.serve(STEPS, CHUNK, []) == found.serve(0, CHUNK, [])
    assert found.serve(STEPS, CHUNK, []) != found.serve(STEPS - 1, CHUNK, [])


def test_a_missing_file_of_similarities_stops_a_curriculum_and_nothing_else(tmp_path):
    assert load_similarity(str(tmp_path / "medclip.json"), needed=False) is None
    assert load_similarity(None, needed=False) is None
    assert load_similarity("mini", needed=False) == LIKENESS
    with pytest.raises(AnatomyR1Error, match=r"medclip\.json"):
        load_similarity(str(tmp_path / "medclip.json"), needed=True)


def test_a_curriculum_needs_similarities_and_one_batch_a_step(tmp_path):
    pytest.importorskip("trl")
    from baselines.trainers import RLConfig

    common = {"output_dir": str(tmp_path), "use_cpu": True, "bf16": False, "logging_steps": 1, "curriculum": "levels"}
    with pytest.raises(ValueError, match="needs similarities"):
        RLConfig(**common)
    with pytest.raises(ValueError, match="one generated batch"):
        RLConfig(**common, similarity="mini", num_iterations=2)
    with pytest.raises(ValueError, match="further draws would serve questions outside"):
        RLConfig(**common, similarity="mini", resample_rounds=1)
    with pytest.raises(ValueError, match="there are: '', 'levels'"):
        RLConfig(**{**common, "curriculum": "nope"})


@pytest.mark.slow
def test_decisions_and_what_was_served_replay_from_the_training_log(smoke_run, with_budget, monkeypatch, prepared):
    monkeypatch.setattr("anatomy_r1.training.rewards.accuracy_reward", hashed_reward)
    monkeypatch.setattr("baselines.trainers.serve.LevelRule", lambda *_: LevelRule(levels=3, window=2, threshold=0.3))
    run = with_budget(smoke_run, "rl", max_steps=6, similarity="mini", max_completion_length=10)
    out = train(run, Cell("sgg_anatomy_mini", "mini-l", "grpo-asc", 0), ignore)
    rollouts, steps = read(out / LOG_NAME, "rollouts"), read(out / LOG_NAME, "steps")

    accuracies = rollouts.groupby("step")["reward_accuracy_reward"].mean().tolist()
    decided = levels(accuracies, LevelRule(levels=3, window=2, threshold=0.3))[:6]
    assert decided[-1] == 2
    assert steps["level"].tolist() == decided
    assert rollouts.groupby("step")["level"].first().tolist() == decided

    found = curriculum(prepared["sgg_anatomy_mini"], "grpo-asc", seed=0)
    for step in range(6):
        batch = found.serve(step, CHUNK, accuracies[:step])
        logged = rollouts[rollouts["step"] == step + 1].groupby("group_index").first()
        for (index, columns), row, score in zip(batch.rows, logged.itertuples(), scores(found, [batch]), strict=True):
            assert row.question_id == found.prepared.questions[index].id
            assert row.prompt_hash == prompt_hash(columns["prompt"][0]["content"])
            assert row.similarity == score
