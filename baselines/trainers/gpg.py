"""GPG's advantage (arXiv:2504.02546): A_i = alpha (R_i - mean(R)), in place of GRPO's division by the deviation.

This is item 5 of the step in grpo.py. What else differs from GRPO (no clip, no KL term) are knobs:
baselines/methods/gpg.py.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from baselines.trainers.grpo import Draw, LoggedGRPOTrainer, nonconstant
from baselines.trainers.serve import TrainingRow


def alpha(totals: torch.Tensor, group: int) -> float:
    """B / (B - M): B completions of all processes, M of them in constant groups; 1 if all groups are constant."""
    signal = int(nonconstant(totals, group).sum()) * group
    return totals.numel() / signal if signal else 1.0


class GPGTrainer(LoggedGRPOTrainer):
    """GRPO with GPG's advantage. The knob `scale_rewards="none"` makes TRL's advantage R_i - mean(R)."""

    def draw(self, rows: Sequence[TrainingRow]) -> Draw:
        """As GRPO's, with alpha in the advantages and among the step's metrics."""
        drawn = super().draw(rows)
        scale = alpha(drawn.totals, self.num_generations)
        drawn.batch["advantages"] = drawn.batch["advantages"] * scale
        self._metrics["train"]["gpg/alpha"].append(scale)
        return drawn
