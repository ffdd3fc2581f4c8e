"""Are the rollouts the policy's? Log-probabilities of sampled tokens from the sampler beside the trainer's.

A sampler of its own (vLLM, or `shared_rollouts`) may hold stale weights, miss an image token or sample at another
temperature: nothing fails then, and the policy learns from another policy's completions. Before the first update of a
generated batch, the policy is what sampled it, so both log-probabilities of a token agree but for rounding.

The check costs no forward pass: the trainer has its log-probabilities from the loss. `parity_band` turns it on;
`parity_stop` ends a training in which too many tokens are outside the band.

Where rollouts can only be made less exact, as by vLLM's kernels in bfloat16, TRL's truncated importance sampling weighs
each token by min(pi_trainer / pi_sampler, C) (Yao et al. 2025, "Your efficient RL framework secretly brings you
off-policy RL training"): `vllm_importance_sampling_correction: true`, `vllm_importance_sampling_mode: token_truncate`.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from anatomy_r1.errors import AnatomyR1Error


@dataclass(frozen=True)
class Agreement:
    """Absolute differences of log-probabilities over the tokens of a batch, in nats."""

    tokens: int
    mean: float
    largest: float
    outside: float
    """Share of the tokens that differ by more than the band."""


def partial_sums(sampled: torch.Tensor, computed: torch.Tensor, mask: torch.Tensor, band: float) -> torch.Tensor:
    """(4,) of one process: tokens, sum, largest, number outside the band.

    `sampled`, `computed` and `mask` are (rows, tokens): of the sampler, of the trainer, and 1 where a token counts. A
    log-probability that is not finite is outside every band.
    """
    apart = (sampled.double() - computed.double()).abs()[mask > 0].nan_to_num(nan=float("inf"))
    largest = apart.max() if len(apart) else apart.new_zeros(())
    return torch.stack([apart.new_tensor(len(apart)), apart.sum(), largest, (apart > band).sum().double()])


def agreement(parts: torch.Tensor) -> Agreement:
    """Over all processes, from their partial sums, (processes, 4)."""
    tokens, total, outside = parts[:, 0].sum().item(), parts[:, 1].sum().item(), parts[:, 3].sum().item()
    count = max(tokens, 1)
    return Agreement(int(tokens), total / count, parts[:, 2].max().item(), outside / count)


def require(found: Agreement, step: int, band: float, most: float) -> None:
    """A training whose rollouts are not its policy's ends here.

    Raises:
        AnatomyR1Error: More than a share `most` of the tokens are outside the band.
    """
    if found.outside <= most:
        return
    told = f"{100 * found.outside:.1f} % of the sampled tokens' log-probabilities differ by more than {band:g}"
    raise AnatomyR1Error(
        f"step {step}: {told} between the sampler and the trainer (mean {found.mean:.3g}, largest {found.largest:.3g}; "
        f"allowed: {100 * most:g} %). The rollouts are not this policy's: stale weights, other image tokens or another "
        "temperature. Fix: `python -m baselines doctor --smoke`, or use_vllm: false and no parity_band"
    )
