"""Qwen2.5-VL, Qwen3-VL and TRL's fused head in float64 throughout: as they are, they round to float32 in places."""

import torch
from transformers.models.qwen2_5_vl import modeling_qwen2_5_vl as qwen
from transformers.models.qwen3_vl import modeling_qwen3_vl as qwen3


def normed(self, states):
    """RMSNorm; transformers' is in float32."""
    return self.weight * states * torch.rsqrt(states.pow(2).mean(-1, keepdim=True) + self.variance_epsilon)


def turned(query, key, cos, sin):
    """Rotary positions of the vision tower; transformers' are in float32."""
    cos, sin = cos.unsqueeze(-2).double(), sin.unsqueeze(-2).double()
    return query * cos + qwen.rotate_half(query) * sin, key * cos + qwen.rotate_half(key) * sin


class Head:
    """What TRL's `ChunkedLogProbFunction` computes, by PyTorch's own softmax."""

    @staticmethod
    def apply(hidden, weight, bias, targets, temperature, *_):
        """Log-probability of the target and entropy of each row, and three values that are not asked for."""
        logits = torch.nn.functional.linear(hidden, weight, bias) / temperature
        every = logits.log_softmax(-1)
        return every.gather(1, targets[:, None])[:, 0], -(every.exp() * every).sum(-1), None, None, None


def make_double(patch):
    """Replace what rounds; `patch` is pytest's monkeypatch."""
    patch.setattr(qwen.Qwen2_5_VLRMSNorm, "forward", normed)
    patch.setattr(qwen3.Qwen3VLTextRMSNorm, "forward", normed)
    for model in (qwen, qwen3):
        patch.setattr(model, "apply_rotary_pos_emb_vision", turned)
    patch.setattr("trl.trainer.utils._ChunkedLogProbFunction", Head)
