"""A small made-up training log, and the record that lies beside it. Nothing in it was measured."""

import json

from anatomy_r1.training.training_log import Rollout, Step, TrainingLog

RECORD = {
    "plan": {"cell": "sgg_anatomy_mini/mini-l/grpo/seed3", "arguments": {"own_steps": 2, "max_steps": 9}},
    "provenance": {"commit": "abc", "dirty": True},
}


def rollout(step, group, member, *, right, choice="A", text=None, tokens=10, **changes):
    rewards = json.dumps({"accuracy_reward": float(right), "format_reward": 1.0})
    values = {"similarity": 0.5, "anatomy": "Gut", **changes}
    anatomy = values.pop("anatomy")
    prompt = None if text is None else f"prompt of {step}"
    return Rollout(
        *(step, group, member, f"q{group}", anatomy, "p", "i", prompt, text, choice, rewards, 0.0, tokens, "stop"),
        **values,
    )


def write_log(path):
    """Two steps of the own budget and one more: a mixed group, one all wrong, one further draw, one without texts."""
    log = TrainingLog(path)
    log.add_rollouts(
        [
            rollout(1, 0, 0, right=1, choice="A", text="one"),
            rollout(1, 0, 1, right=0, choice=None, text="two", tokens=14),
            rollout(1, 1, 0, right=0, choice="B", text="same", anatomy="Liver", similarity=None, level=2),
            rollout(1, 1, 1, right=0, choice="B", text="same", anatomy="Liver", similarity=None, level=2),
            rollout(1, 2, 0, right=1, text="drawn", draw=1, kept=False),
        ]
    )
    log.add_step(Step(step=1, seconds=0.25))
    log.add_rollouts([rollout(2, 0, member, right=1) for member in range(2)])
    log.add_step(Step(step=2, seconds=0.5))
    log.add_rollouts([rollout(3, 0, member, right=0) for member in range(2)])
    log.add_step(Step(step=3, seconds=1.0))
    log.close(3)
    return path
