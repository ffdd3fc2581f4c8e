"""Dr. GRPO (arXiv:2503.20783, sec. 3.2): GRPO without the two terms that bias its gradient.

The advantage is R - mean(R), without the standard deviation; the loss sums a completion's tokens and divides by one
constant in place of the completion's length. TRL's constant is `max_completion_length`, the generation budget of the
paper's listing 1.
"""

from baselines.methods.grpo import GRPO

DR_GRPO = GRPO.but(
    "dr-grpo",
    paper="arXiv:2503.20783 (Liu et al. 2025), sec. 3.2",
    knobs={
        "loss_type": "dr_grpo",  # sec. 3.2 and listing 1: a sum over tokens, divided by a constant
        "scale_rewards": "none",  # sec. 3.2: no standard deviation
        "beta": 0.0,  # sec. 3: no KL term throughout the paper
    },
)
