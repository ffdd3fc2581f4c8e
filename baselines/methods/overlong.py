"""GRPO with DAPO's soft overlong punishment (arXiv:2503.14476, sec. 3.4, eq. 13), and nothing else of DAPO.

The punishment is a third reward: 0 up to L_max - L_cache tokens, then falling to -1 at L_max. It shows what that term
alone does; loss, clip, KL term and sampling are GRPO's.
"""

from baselines.methods.dapo import DAPO
from baselines.methods.grpo import GRPO

OVERLONG = GRPO.but(
    "grpo-overlong",
    paper="arXiv:2503.14476 (Yu et al. 2025), sec. 3.4",
    knobs={"overlong_share": DAPO.knobs["overlong_share"]},  # sec. 4.1: 4,096 of 20,480 tokens
)
