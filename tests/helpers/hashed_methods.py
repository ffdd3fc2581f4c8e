"""A method file: methods with a reward that an untrained base earns, so that its trainings have a gradient."""

import hashlib

from anatomy_r1.training.rewards import text_of
from baselines.methods.registry import ASC, DAPO, GDQA, GPG, GRPO


def hashed_reward(completions, **_):
    """0 or 1, by a hash of the completion."""
    return [float(hashlib.sha256(text_of(one).encode()).digest()[0] % 2) for one in completions]


METHODS = tuple(
    one.but(f"{one.id}-hashed", f"{one.label}, hashed reward", rewards=(f"{__name__}.hashed_reward",))
    for one in (GRPO, GPG, DAPO, ASC, GDQA)
)
