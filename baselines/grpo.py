"""`from baselines.grpo import GRPO`, as users' method files write it; the code is in `baselines/methods/`."""

from baselines.methods.grpo import COT_SFT_GRPO, GRPO, SFT_GRPO

__all__ = ["COT_SFT_GRPO", "GRPO", "SFT_GRPO"]
