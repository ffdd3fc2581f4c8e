"""GSPO (arXiv:2507.18071, eq. 5 to 7): the importance ratio and its clip are of the whole completion.

s_i is the |o_i|-th root of the ratio of the two sequence probabilities (eq. 7), so that completions of all lengths are
clipped alike; L = -1/B sum_i min(s_i A_i, clip(s_i, 1 - epsilon, 1 + epsilon_high) A_i).

**With one update per rollout, as in our profiles, s_i is 1: then GSPO is GRPO without the KL term, and its clip never
acts.** It differs in a profile with `steps_per_generation` above 1. The paper splits a rollout into four mini-batches
(sec. 5.1); we do not, because every method here updates once per rollout.
"""

from baselines.methods.grpo import GRPO

GSPO = GRPO.but(
    "gspo",
    paper="arXiv:2507.18071 (Zheng et al. 2025), eq. 5 to 7",
    knobs={
        "importance_sampling_level": "sequence",  # eq. 7
        "loss_type": "grpo",  # eq. 5: mean over completions
        "epsilon": 3e-4,  # sec. 5.1
        "epsilon_high": 4e-4,  # sec. 5.1
        "beta": 0.0,  # eq. 5 has no KL term
    },
)
