"""Logs that no training could have written: a certificate of them fails in words, it does not break off."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.training.certificate.certificate import Evidence, load_evidence
from anatomy_r1.training.certificate.certify import certify
from anatomy_r1.training.training_log import LOG_NAME, SETTINGS_NAME, TrainingLog

REWARDS = ((1.0, 0.0, 0.0, 1.0), (0.0, 0.0, 0.0, 0.0))
"""Of two groups of four, the same at each step."""
STEPS = 4
ARGUMENTS = {
    "num_generations": 4, "max_steps": STEPS, "per_device_train_batch_size": 8, "curriculum": "levels",
    "level_count": 3, "level_window": 2, "level_threshold": 0.9, "loss_type": "grpo",
}  # fmt: skip


def rollout(step, group, member):
    reward, of_group = REWARDS[group][member], np.array(REWARDS[group])
    advantage = (reward - of_group.mean()) / (of_group.std(ddof=1) + 1e-4)
    return {
        "step": step, "group_index": group, "member": member, "question_id": f"q{group}", "prompt_hash": f"p{group}",
        "image_hash": f"i{group}", "prompt": None, "advantage": advantage, "tokens": 3, "level": 0, "draw": 0,
        "kept": 1, "reward_accuracy_reward": reward,
    }  # fmt: skip


@pytest.fixture
def clean():
    """GRPO under a curriculum that never rises, as its log would have it."""
    places = [(step, group, member) for step in range(1, STEPS + 1) for group in range(2) for member in range(4)]
    steps = [{"step": step, "level": 0, "rollout_tokens": 24 * step} for step in range(1, STEPS + 1)]
    return Evidence(
        plan={"arguments": ARGUMENTS},
        spent={"steps": STEPS, "rollout_tokens": 24 * STEPS},
        steps=pd.DataFrame(steps),
        rollouts=pd.DataFrame([rollout(*place) for place in places]),
        served=pd.DataFrame(columns=["step"]),
    )


def failed(evidence):
    return {check.name for check in certify(evidence).failed}


def test_the_log_that_is_damaged_here_is_clean(clean):
    assert failed(clean) == set()


DAMAGE = {
    "a step without rollouts": (lambda e: {"rollouts": e.rollouts[e.rollouts["step"] != 2]}, {"curriculum", "budget"}),
    "a step that was not noted": (lambda e: {"steps": e.steps[e.steps["step"] != 2]}, {"curriculum", "budget"}),
    "a step noted twice": (lambda e: {"steps": pd.concat([e.steps, e.steps[:1]])}, {"curriculum", "budget"}),
    "no rollouts": (lambda e: {"rollouts": e.rollouts[:0]}, {"curriculum", "budget"}),
    "no count of tokens": (lambda e: {"steps": e.steps.assign(rollout_tokens=np.nan)}, {"budget"}),
    "further draws without a rule for them": (lambda e: {"rollouts": e.rollouts.assign(draw=1)}, {"groups"}),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_damage_fails_the_checks_that_it_concerns(clean, what):
    damage, checks = DAMAGE[what]
    assert failed(replace(clean, **damage(clean))) == checks


def test_rewards_that_differ_by_little_beside_their_size_are_rounded_in_training(clean):
    """Completions of nearly one length, under a small reward of brevity: float32 moves an advantage by 5e-4."""
    rewards = [2.1 + 0.0005 * np.array((0, 1, 0, 0)), np.zeros(4)]
    single = [group.astype(np.float32) for group in rewards]
    advantages = [(group - group.mean()) / (group.std(ddof=1) + np.float32(1e-4)) for group in single]
    exact = [(group - group.mean()) / (group.std(ddof=1) + 1e-4) for group in rewards]
    assert np.abs(advantages[0] - exact[0]).max() > 4e-4
    rows = clean.rollouts.assign(
        reward_accuracy_reward=0.0,
        reward_brevity=np.tile(np.concatenate(rewards), STEPS),
        advantage=np.tile(np.concatenate(advantages), STEPS),
    )
    assert failed(replace(clean, rollouts=rows)) == set()
    wrong = rows.assign(advantage=rows["advantage"].where(rows.index != 1, rows["advantage"] + 0.02))
    assert failed(replace(clean, rollouts=wrong)) == {"advantages"}


@pytest.mark.parametrize(
    ("trainer", "outcome"),
    [("method_file_mine.GentleTrainer", "not checkable"), ("baselines.trainers.LoggedGRPOTrainer", "failed")],
)
def test_what_a_method_s_own_trainer_may_change_is_no_failure(clean, trainer, outcome):
    halved = clean.rollouts.assign(advantage=clean.rollouts["advantage"] / 2)
    found = replace(clean, plan={**clean.plan, "method": {"trainer": trainer}}, rollouts=halved)
    advantages = next(check for check in certify(found).checks if check.name == "advantages")
    assert advantages.outcome == outcome
    assert "of 32 differ, first: step 1" in advantages.detail
    assert ("is the method's own" in advantages.detail) == (outcome == "not checkable")
    short = replace(found, steps=found.steps[:2])
    assert "budget" in failed(short), "what it ran is checked of every trainer"


@pytest.mark.parametrize(
    ("budget", "step", "reached", "fails"),
    [(40, 2, True, False), (40, 3, True, True), (40, 2, False, True), (97, 4, False, False), (97, 4, True, True)],
)
def test_the_policy_of_equal_tokens_is_that_of_the_step_that_reached_them(clean, budget, step, reached, fails):
    """24 tokens a step."""
    stated = {"arguments": {**ARGUMENTS, "rollout_tokens": budget}}
    kept = {"reached": reached, "spent": {"steps": step, "rollout_tokens": 24 * step}}
    assert ("budget" in failed(replace(clean, plan=stated, equal_tokens=kept))) is fails


def test_advantages_of_rewards_that_are_normalised_each_are_not_judged_by_their_sum(clean):
    each = {**ARGUMENTS, "multi_objective_aggregation": "normalize_then_sum"}
    found = replace(clean, plan={"arguments": each}, rollouts=clean.rollouts.assign(advantage=0.3))
    outcomes = {check.name: check.outcome for check in certify(found).checks}
    assert outcomes["advantages"] == outcomes["invalid gradients"] == "not checkable"


MIXED, WRONG = (1.0, 0.0, 0.0, 1.0), (0.0, 0.0, 0.0, 0.0)


def sampled_again(kept, groups=(MIXED, WRONG, MIXED, WRONG)):
    """DAPO with two processes of one group each and one further draw; `kept` are the groups that a step learned from.

    The first process finds a signal in both draws, the second in none: it fills its share without one.
    """
    rows = []
    for group, rewards in enumerate(groups):
        deviation = np.std(rewards, ddof=1) + 1e-4
        for member, reward in enumerate(rewards):
            place = {"step": 1, "group_index": group, "member": member, "draw": group // 2, "kept": int(group in kept)}
            shown = {"question_id": f"q{group}", "prompt_hash": f"p{group}", "image_hash": f"i{group}", "prompt": None}
            advantage = (reward - np.mean(rewards)) / deviation
            rows.append({**place, **shown, "advantage": advantage, "tokens": 3, "reward_accuracy_reward": reward})
    plan = {"num_generations": 4, "max_steps": 1, "per_device_train_batch_size": 4, "resample_rounds": 1}
    return Evidence(
        plan={"arguments": plan, "processes": 2},
        spent={"steps": 1, "rollout_tokens": 48},
        steps=pd.DataFrame([{"step": 1, "rollout_tokens": 48}]),
        rollouts=pd.DataFrame(rows),
        served=pd.DataFrame(columns=["step"]),
    )


def test_each_process_fills_its_own_share_under_dynamic_sampling():
    assert failed(sampled_again(kept={0, 1})) == set()
    assert "groups" in failed(sampled_again(kept={0, 2})), "both are of the first process"
    assert "groups" in failed(sampled_again(kept={0, 3})), "what fills a share is of the first draw"
    assert "groups" in failed(sampled_again(kept={0, 1}, groups=(WRONG, WRONG, MIXED, WRONG))), "there was a signal"


@pytest.fixture
def folder(tmp_path):
    """A training's folder with an empty log; a function that writes its plan."""
    TrainingLog(tmp_path / LOG_NAME)

    def stated(arguments):
        (tmp_path / SETTINGS_NAME).write_text(json.dumps({"plan": {"arguments": arguments}, "spent": {"steps": STEPS}}))
        return tmp_path

    return stated


@pytest.mark.parametrize("name", ["max_steps", "level_count", "level_window", "level_threshold"])
def test_a_plan_without_a_required_argument_is_refused_by_name(folder, name):
    assert load_evidence(folder(ARGUMENTS)).own_steps == STEPS
    with pytest.raises(AnatomyR1Error, match=rf"no training to certify .*{name}"):
        load_evidence(folder({key: value for key, value in ARGUMENTS.items() if key != name}))
    with pytest.raises(AnatomyR1Error, match=r"no training to certify .*'many'"):
        load_evidence(folder({**ARGUMENTS, name: "many"}))
