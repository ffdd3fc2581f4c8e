"""Deterministic training: the same bits from the same machine, twice. `deterministic: true` in a profile.

Portable arithmetic is something else: the same on every x86-64 processor, and for the mini profile alone. This is for
runs on GPUs: the same on one machine with one number of processes. docs/determinism.md says what is covered and what is
not; `python -m baselines twice` shows whether it holds.
"""

from __future__ import annotations

import os

ENVIRONMENT = {
    "PYTHONHASHSEED": "0",  # the order of sets
    "CUBLAS_WORKSPACE_CONFIG": ":4096:8",  # cuBLAS, results reproducibility: a workspace of its own for each stream
    "FLASH_ATTENTION_DETERMINISTIC": "1",  # transformers: the backward pass of flash attention without atomic additions
    # NCCL: one algorithm and protocol, and no reduction in switches, whatever it would measure (ours).
    "NCCL_ALGO": "Ring",
    "NCCL_PROTO": "Simple",
    "NCCL_NVLS_ENABLE": "0",
    "NCCL_COLLNET_ENABLE": "0",
    "VLLM_BATCH_INVARIANT": "1",  # vLLM: a sequence does not depend on the batch that it is computed in (beta)
}
"""Set before CUDA, NCCL and vLLM start; a process that was started without `PYTHONHASHSEED` lacks it."""


def use_deterministic() -> None:
    """Set the environment, and let PyTorch refuse every operator that has no deterministic form."""
    os.environ.update(ENVIRONMENT)
    import torch

    torch.use_deterministic_algorithms(True)
    torch.backends.cudnn.deterministic = True
    torch.backends.cudnn.benchmark = False
