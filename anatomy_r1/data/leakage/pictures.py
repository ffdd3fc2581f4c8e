"""Pictures that look alike: a perceptual hash (the imagehash library's pHash) and pairs that are few bits apart.

Our choice, made on the mini world: 105 frames and 150 slides were changed, and 5,145 pairs of different frames (3,045
of one video) and 11,175 pairs of slides compared. With a pHash of 256 bits, noise up to 0.1 of the range, brightness
and contrast by a fifth, blur, halving and JPEG at quality 50 moved a frame by at most 26 bits; no two frames were
closer than 64 and no two slides closer than 56. With the library's default of 64 bits both sides meet (two slides
were 8 apart, and noise of 0.05 moved one by 14); so they do with the difference hash; the average and wavelet hashes
give different slides equal values. What is missed: noise of 0.2 on some frames (up to 40 bits), and noise on plain
slides (0.05 moved one by 54). A threshold that caught those would call strangers duplicates.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from anatomy_r1.data.images import open_image

HASH_SIZE = 16
"""Side of the hash: 16 x 16 = 256 bits."""
THRESHOLD = 32
"""Bits: pictures at most so far apart are near duplicates. Ours: between what changes moved (26) and strangers (56)."""
IMAGE_HASH = f"pHash of {HASH_SIZE**2} bits; near duplicates are at most {THRESHOLD} bits apart (our threshold)"


@dataclass(frozen=True, slots=True)
class Pair:
    """Two pictures that look alike, by path."""

    train: str
    test: str
    bits: int
    """Hamming distance of their hashes."""


def perceptual_hash(path: Path) -> str:
    """64 hex digits.

    Raises:
        AnatomyR1Error: when the picture is missing or unreadable.
    """
    import imagehash

    return str(imagehash.phash(open_image(str(path)), hash_size=HASH_SIZE))


def hash_pictures(root: Path, images: Iterable[str]) -> dict[str, str]:
    """Path below `root` -> hash, each picture once.

    Raises:
        AnatomyR1Error: as `perceptual_hash`.
    """
    from tqdm import tqdm

    wanted = tqdm(sorted(set(images)), desc="hashing pictures", unit="picture", mininterval=1, disable=None)
    return {image: perceptual_hash(root / image) for image in wanted}


def close_pairs(train: Mapping[str, str], test: Mapping[str, str], threshold: int = THRESHOLD) -> Iterator[Pair]:
    """All pairs of a training and a test picture at most `threshold` bits apart; a path on both sides is one too."""
    names, table = list(train), _words(train.values())
    for name, row in zip(test, _words(test.values()), strict=True):
        bits = np.bitwise_count(table ^ row).sum(axis=1)
        yield from (Pair(names[i], name, int(bits[i])) for i in np.flatnonzero(bits <= threshold))


def _words(hashes: Iterable[str]) -> NDArray[np.uint64]:
    """Hashes of shape [n, 4]: 64 bits a word."""
    data = b"".join(bytes.fromhex(one) for one in hashes)
    return np.frombuffer(data, np.uint64).reshape(-1, HASH_SIZE**2 // 64)
