"""A small fixed training, sampling and statistics: what computes other bytes here computes other bytes in a run.

Its parts are those of the mini base and of GRPO. All random numbers come from generators of its own, so that it leaves
the random states of the process as they are. It takes a few hundredths of a second.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from typing import Any


def parts() -> dict[str, str]:
    """The hash of each part of the fingerprint, which tells what differs between two machines."""
    import torch

    with torch.inference_mode(False), torch.enable_grad():
        found = {
            "training": _trained(fused=True),
            "unfused": _trained(fused=False),
            "sampling": _sampled(),
            "numpy": _of_numpy(),
            "libm": _of_libm(),
        }
    return {name: hashlib.sha256(b"".join(several)).hexdigest()[:16] for name, several in found.items()}


def _bytes(*tensors: Any) -> list[bytes]:
    return [tensor.detach().contiguous().numpy().tobytes() for tensor in tensors]


def _trained(*, fused: bool) -> list[bytes]:
    """Losses and weights of three steps of a network with the parts of the mini base, by AdamW.

    6 pictures of 3 x 2 x 14 x 14 with 24 tokens each; width 48, 64 words.
    """
    import torch

    draw = torch.Generator().manual_seed(0)
    shapes = [(48, 3, 2, 14, 14), (64, 48), (144, 48), (48, 48), (160, 48), (48, 80), (48,), (64, 48)]
    weights = [(torch.randn(*shape, generator=draw) * 0.05).requires_grad_() for shape in shapes]
    pictures = torch.rand(6, 3, 2, 14, 14, generator=draw)
    tokens = torch.randint(64, (6, 24), generator=draw)
    first, second = ([torch.zeros_like(one) for one in weights] for _ in range(2))
    steps = [torch.tensor(0.0) for _ in weights]
    losses = []
    for _ in range(3):
        losses.append(_loss(weights, pictures, tokens))
        losses[-1].backward()
        torch.nn.utils.clip_grad_norm_(weights, 0.1)
        with torch.no_grad():
            _adamw(weights, [one.grad for one in weights], first, second, steps, fused=fused, foreach=not fused)
        for one in weights:
            one.grad = None
    return _bytes(*losses, *weights)


def _adamw(*states: Any, **kernel: Any) -> None:
    from torch.optim.adamw import adamw  # the class would load the compiler, which takes a second

    fixed: Any = {"beta1": 0.9, "beta2": 0.98, "lr": 1e-2, "weight_decay": 0.05, "eps": 1e-8}
    weights, gradients, first, second, steps = states
    adamw(weights, gradients, first, second, [], steps, amsgrad=False, maximize=False, **fixed, **kernel)


def _loss(weights: Sequence[Any], pictures: Any, tokens: Any) -> Any:
    """Patches, embeddings, root mean square, attention, layer norm, gated layer, cross-entropy."""
    import torch

    functional = torch.nn.functional
    patch, words, qkv, out, up, down, scale, head = weights
    seen = functional.conv3d(pictures, patch, stride=(2, 14, 14)).view(6, 1, 48)
    x = torch.cat([seen, functional.embedding(tokens[:, :-1], words)], 1)
    x = x / (x.pow(2).mean(-1, keepdim=True) + 1e-6).sqrt() * (1 + scale)
    q, k, v = functional.linear(x, qkv).view(6, 24, 3, 4, 12).permute(2, 0, 3, 1, 4)
    mixed = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
    x = x + functional.linear(mixed.transpose(1, 2).reshape(6, 24, 48), out)
    gate, value = functional.linear(functional.layer_norm(x, (48,)), up).chunk(2, -1)
    x = x + functional.linear(functional.silu(gate) * functional.gelu(value), down)
    return functional.cross_entropy(functional.linear(x, head).flatten(0, 1), tokens.flatten())


def _sampled() -> list[bytes]:
    """Sampling from softmax, and rewards over their group's standard deviation, as in GRPO's advantages."""
    import torch

    draw = torch.Generator().manual_seed(1)
    likely = torch.softmax(3 * torch.randn(32, 270, generator=draw), -1)
    drawn = torch.multinomial(likely, 4, replacement=True, generator=draw)
    kept = likely.double().cumsum(-1).gather(1, drawn)
    rewards = torch.rand(64, 8, generator=draw)
    centred = rewards - rewards.mean(1, keepdim=True)
    spread = centred.pow(2).sum(1, keepdim=True).div(7).sqrt()
    return _bytes(likely, drawn, kept, centred / (spread + 1e-4), rewards.std(1), likely.log(), torch.sin(rewards))


def _of_numpy() -> list[bytes]:
    """Random numbers, matrix products and functions that numpy computes itself."""
    import numpy as np

    draw = np.random.default_rng(2)
    normal = draw.normal(size=990)
    product = normal.reshape(45, 22) @ normal.reshape(22, 45)
    drawn = draw.choice(5, 99, p=[0.1, 0.2, 0.3, 0.3, 0.1])
    return [one.tobytes() for one in (normal, product, drawn, np.exp(normal.astype("f4")))]


def _of_libm() -> list[bytes]:
    """Functions of the C library, which schedules of rates call, and numpy without AVX-512; they depend on FMA."""
    import numpy as np

    normal = np.random.default_rng(3).normal(size=990)
    cosines = np.array([math.cos(math.pi * step / 990) for step in range(990)])
    return [one.tobytes() for one in (np.exp(normal), np.log(normal**2), np.abs(normal) ** 1.7, cosines)]
