"""GPG (arXiv:2504.02546): the loss -A log pi with A = alpha (R - mean); no clip, no KL term, no standard deviation.

This file sets knobs; the advantage is computed by `GPGTrainer.draw` in `baselines/trainers/gpg.py`.

alpha = B / (B - M), where M of the B completions are in groups of constant reward. TRL's `cispo` with a bound that is
never reached is exactly -A log pi, averaged over the tokens of the whole batch: the token mean of the authors'
framework (ms-swift; TRL's `bnpo` is the same on one process). AMAP's own code averages within each completion first;
on-policy that is the gradient of `loss_type="grpo"`.

Left out: the threshold beta_th of their last ablation (0.6). While fewer groups than that share have a signal, further
prompts are drawn before the update, as in DAPO; without it, their table has 47.8 in place of 48.3. The paper that this
project reproduces describes GPG by alpha alone.
"""

from baselines.methods.grpo import GRPO

GPG = GRPO.but(
    "gpg",
    paper="arXiv:2504.02546 (Chu et al. 2025b), Table 1",
    trainer="baselines.trainers.GPGTrainer",
    knobs={
        "loss_type": "cispo",
        "epsilon_high": 1e9,  # no clip
        "scale_rewards": "none",  # F_norm = 1
        "beta": 0.0,  # no KL term, no reference model
    },
)
