"""GPG: the advantage without deviation, scaled up by the share of groups that carry a signal (arXiv:2504.02546)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from baselines.trainers.grpo import Draw, LoggedGRPOTrainer, varied


def alpha(totals: torch.Tensor, group: int) -> float:
    """B / (B - M): B responses of all processes, M of them in groups of constant reward; 1 when there is no signal."""
    signal = int(varied(totals, group).sum()) * group
    return totals.numel() / signal if signal else 1.0


class GPGTrainer(LoggedGRPOTrainer):
    """A = alpha (R - mean). Its knobs (baselines/methods/gpg.py) leave out clip, KL term and standard deviation."""

    def draw(self, rows: Sequence[dict[str, Any]]) -> Draw:
        """As GRPO's, with alpha in the advantages and among the step's metrics."""
        drawn = super().draw(rows)
        scale = alpha(drawn.totals, self.num_generations)
        drawn.batch["advantages"] = drawn.batch["advantages"] * scale
        self._metrics["train"]["gpg/alpha"].append(scale)
        return drawn
