"""Qwen's own tokenizer, made of the ranks that Alibaba's package `dashscope` has (Apache-2.0): `tox -e prompts`.

The file lists 151,643 pieces of bytes by rank. A tokenizer of transformers takes merges instead: each piece is joined
from two of lower rank, those that are left when all lower ranks are joined within it.
"""

import base64
from functools import cache
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

ADDED = (
    *("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|object_ref_start|>", "<|object_ref_end|>", "<|box_start|>"),
    *("<|box_end|>", "<|quad_start|>", "<|quad_end|>", "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>"),
    *("<|image_pad|>", "<|video_pad|>"),
)
"""Special tokens after the pieces, in order: from 151643 on."""
THINK = {"<think>": 151_667, "</think>": 151_668}
"""One token each in Qwen3's vocabulary, and several pieces in Qwen2.5's."""
BETWEEN = 9
"""Tokens of tools and code between those that pictures need and `<think>`; in Qwen2.5's vocabulary there are 8."""


def ranks_file():
    """The file in the installed package, or None; the package is not imported."""
    found = find_spec("dashscope")
    path = Path(found.submodule_search_locations[0]) / "resources" / "qwen.tiktoken" if found else None
    return path if path and path.is_file() else None


def read_ranks(path):
    """Pieces of bytes -> rank."""
    lines = path.read_text().splitlines()
    return {base64.b64decode(piece): int(rank) for piece, rank in (line.split() for line in lines)}


def halves(piece, ranks):
    """The two pieces of which a piece is joined last."""
    parts, limit = [piece[i : i + 1] for i in range(len(piece))], ranks[piece]
    while len(parts) > 2:
        joined = [ranks.get(one + other, limit) for one, other in pairwise(parts)]
        at = min(range(len(joined)), key=joined.__getitem__)
        assert joined[at] < limit, piece
        parts[at : at + 2] = [parts[at] + parts[at + 1]]
    return parts


def spelled():
    """Byte -> the character that stands for it in a byte-level vocabulary: itself where it is printed, else one from
    256 on.
    """
    printed = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [byte for byte in range(256) if byte not in printed]
    return {**{byte: chr(byte) for byte in printed}, **{byte: chr(256 + n) for n, byte in enumerate(hidden)}}


@cache
def vocabulary():
    """Pieces as a byte-level tokenizer spells them -> rank, and the merges in order."""
    ranks, signs = read_ranks(ranks_file()), spelled()
    word = lambda piece: "".join(signs[byte] for byte in piece)  # noqa: E731
    merges = [tuple(map(word, halves(piece, ranks))) for piece in sorted(ranks, key=ranks.get) if len(piece) > 1]
    return {word(piece): rank for piece, rank in ranks.items()}, merges


def tokenizer(*, thinks):
    """`Qwen2Tokenizer` with the published pieces and special tokens; with `thinks`, Qwen3's tags are tokens."""
    from tokenizers import AddedToken
    from transformers import Qwen2Tokenizer

    pieces, merges = vocabulary()
    made = Qwen2Tokenizer(vocab=pieces, merges=merges)
    made.add_tokens([AddedToken(one, special=True, normalized=False) for one in ADDED])
    if thinks:
        unused = [AddedToken(f"<|unused {number}|>", special=True) for number in range(BETWEEN + 1)]
        made.add_tokens([*unused, *(AddedToken(one, normalized=False) for one in THINK)])
    made.eos_token = "<|im_end|>"
    return made
