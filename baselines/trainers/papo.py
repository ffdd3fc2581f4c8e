"""PAPO's perception terms (arXiv:2507.06448, eq. 2), added to GRPO's loss: item 7 of the step in grpo.py.

With p = log pi(o_t | q, I) and m = log pi(o_t | q, I_masked) of the sampled tokens, the loss is GRPO's plus

    1/B sum_i 1/|o_i| sum_t [-gamma (exp(d) - d - 1) - eta (p + m)],   d = m - p.

The first term is the estimate of KL(pi || pi_masked) that the KL term of GRPO also uses; it is maximised. The second is
the double entropy loss: -p and -m are sampled estimates of the two entropies, which are minimised.

Where sources differ, or are silent:

- The estimate with exp(m - p) has KL(pi || pi_masked) as its mean over samples of pi, and is the one in published
  implementations. The paper defines its perception ratio the other way round, as exp(p - m).
- The gradient flows through p and m, since eq. 2 has the current policy in both; the double entropy loss on m has no
  effect otherwise. Published code can also keep m fixed (`RECOMPUTE_AUG_LOG_PROBS`).
- Terms are averaged over the tokens of a completion, then over completions, as eq. 2 is written; their code averages
  over all tokens.
- One mask per group, drawn anew at each step. It depends on seed, step and question only, so that a resumed run, and a
  run on another number of processes, draws the same.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image

from baselines.trainers.grpo import Draw, LoggedGRPOTrainer
from baselines.trainers.serve import TrainingRow

PATCH = 14
"""Side of a patch in pixels: the authors' default, and Qwen2.5-VL's."""
BOUND = 10.0
"""Largest estimate of a token's KL: verl's bound for this estimator. Beyond it a token gives no gradient, so that the
term, which is maximised, cannot grow without limit on one token."""
FARTHEST = 20.0
"""Largest difference of log-probabilities that is exponentiated (also verl's): exp would overflow."""
MASKED, MASKED_LOGPS = "masked_pixel_values", "masked_per_token_logps"
"""Keys of a batch: the masked image of every row, and what the policy says of it (for `Recorder`)."""
SHAPES = ("image_grid_thw", "num_images", "token_type_ids", "mm_token_type_ids")
"""What a forward pass takes besides tokens and pixels; the same for the masked image, which has the same size."""


def mask_patches(image: Image.Image, share: float, rng: random.Random) -> Image.Image:
    """The image with each patch of `PATCH` pixels black with probability `share`."""
    pixels = np.array(image)
    for top in range(0, pixels.shape[0], PATCH):
        for left in range(0, pixels.shape[1], PATCH):
            if rng.random() < share:
                pixels[top : top + PATCH, left : left + PATCH] = 0
    return Image.fromarray(pixels)


def perception_kl(policy: torch.Tensor, masked: torch.Tensor) -> torch.Tensor:
    """(B, T), (B, T) -> (B, T): the estimate of KL(pi || pi_masked) at each sampled token, at most `BOUND`."""
    gap = (masked - policy).clamp(-FARTHEST, FARTHEST)
    return (gap.exp() - gap - 1).clamp(max=BOUND)


def mean_over_completions(values: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Mean over the tokens of each completion, then over completions; one without tokens counts 0, as in TRL."""
    mean: torch.Tensor = ((values * mask).sum(1) / mask.sum(1).clamp(min=1)).mean()
    return mean


class PAPOTrainer(LoggedGRPOTrainer):
    """GRPO with PAPO's perception terms; `perception_weight` is gamma, `double_entropy_weight` eta_1 = eta_2."""

    _policy: torch.Tensor | None = None
    """(B, T) log-probabilities of the batch whose loss is being computed, with their graph."""

    def draw(self, rows: Sequence[TrainingRow]) -> Draw:
        """As GRPO's, with a masked image for every row."""
        drawn = super().draw(rows)
        drawn.batch[MASKED] = self._masked_pixels(rows, drawn.batch["pixel_values"])
        return drawn

    def _masked_pixels(self, rows: Sequence[TrainingRow], like: torch.Tensor) -> list[torch.Tensor]:
        """The model's input for each row's masked image. A list, because TRL shuffles and splits batches by row."""
        seen: dict[bytes, torch.Tensor] = {}
        found = []
        for row in rows:
            image = self._masked(row)
            key = image.tobytes()
            if key not in seen:  # members of a group share image and mask
                pixels = self.processing_class.image_processor(images=[image], return_tensors="pt")["pixel_values"]
                seen[key] = pixels.to(like.device, like.dtype)
            found.append(seen[key])
        return found

    def _masked(self, row: TrainingRow) -> Image.Image:
        rng = random.Random(f"{self.args.seed}/{self.generation}/{row['question_id']}/mask")
        return mask_patches(row["image"], self.args.masked_share, rng)

    def _get_per_token_logps_and_entropies(self, *arguments: Any, **named: Any) -> Any:
        found = super()._get_per_token_logps_and_entropies(*arguments, **named)
        if torch.is_grad_enabled():
            self._policy = found[0]
        return found

    def add_terms(self, loss: torch.Tensor, model: Any, inputs: dict[str, Any]) -> torch.Tensor:
        """GRPO's loss with the perception terms, in the part that this batch has in the optimiser step."""
        policy, self._policy = self._policy, None
        assert policy is not None
        masked = self._of_masked_images(model, inputs)
        inputs[MASKED_LOGPS] = masked.detach()
        mask = inputs["completion_mask"] * inputs.get("tool_mask", 1)
        divergence = mean_over_completions(perception_kl(policy, masked), mask)
        entropies = mean_over_completions(-policy - masked, mask)
        self._metrics["train"]["papo/kl"].append(self.accelerator.gather(divergence.detach()).mean().item())
        terms = self.args.double_entropy_weight * entropies - self.args.perception_weight * divergence
        total: torch.Tensor = loss + terms / self.current_gradient_accumulation_steps
        return total

    def _of_masked_images(self, model: Any, inputs: dict[str, Any]) -> torch.Tensor:
        """(B, T) log-probabilities of the same tokens after the same prompts, with the masked images."""
        kept = self._log_probabilities
        tokens, count = inputs["completion_ids"], inputs["completion_ids"].size(1)
        found = self._get_per_token_logps_and_entropies(
            model,
            torch.cat([inputs["prompt_ids"], tokens], dim=1),
            torch.cat([inputs["prompt_mask"], inputs["completion_mask"]], dim=1),
            count,
            pixel_values=torch.cat(inputs[MASKED]),
            **{name: inputs.get(name) for name in SHAPES},
        )
        self._log_probabilities, self._policy = kept, None
        masked: torch.Tensor = found[0]
        return masked
