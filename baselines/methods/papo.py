"""PAPO (arXiv:2507.06448): GRPO with two further terms that ask the policy to depend on the image (its PAPO_G).

The first rewards a large KL divergence between the policy that sees the image and the same policy that sees it with
most patches black; the second, the double entropy loss, keeps both from becoming random instead. The formulas, and what
we chose where paper and published code differ, are in `baselines/trainers/papo.py`.

Each step has one more forward and backward pass, over the same rows with masked images.
"""

from baselines.methods.grpo import GRPO

PAPO = GRPO.but(
    "papo",
    paper="arXiv:2507.06448 (Wang et al. 2025), PAPO_G",
    trainer="baselines.trainers.PAPOTrainer",
    knobs={
        "perception_weight": 0.02,  # gamma of PAPO_G (as in the authors' configurations)
        "double_entropy_weight": 0.05,  # eta_1 = eta_2 of PAPO_G at 7B; at 3B the authors leave the term out
        "masked_share": 0.6,  # probability of a black patch: the authors' default
    },
)
