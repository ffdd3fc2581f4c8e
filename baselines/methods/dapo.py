"""DAPO (arXiv:2503.14476): token-level loss, a wider upper clip, no KL term, dynamic sampling, overlong shaping.

Dynamic sampling keeps groups with 0 < #correct < G and replaces the others with groups of other prompts (sec. 3.2),
here in at most three further draws (ms-swift's `max_resample_times`); then groups of the first draw fill the batch.
Discarded draws count towards the rollout budget: a step may cost up to four times the samples of a GRPO step.

Two scales are not DAPO's: a right answer gives 1 and a wrong one -1 there (eq. 7), but 1 and 0 here, as in all methods,
beside a format point; so the penalty for length, at most 1, weighs twice as much against accuracy. And eq. 8 divides by
the tokens of one group, but its public implementations, and we, by those of the whole batch.
"""

from baselines.methods.grpo import GRPO

DAPO = GRPO.but(
    "dapo",
    paper="arXiv:2503.14476 (Yu et al. 2025), Table 1",
    trainer="baselines.trainers.DAPOTrainer",
    knobs={
        "loss_type": "dapo",  # eq. 8: sum over all tokens of the batch, divided by their number
        "epsilon": 0.2,  # sec. 4.1
        "epsilon_high": 0.28,  # sec. 3.1 and 4.1
        "beta": 0.0,  # sec. 2.3
        "resample_rounds": 3,  # ms-swift's max_resample_times; DAPO itself draws until the batch is full
        "overlong_share": 0.2,  # sec. 4.1: 4,096 of 20,480 tokens
        "mask_truncated_completions": False,  # sec. 3.4: shaping takes the place of filtering
    },
)
