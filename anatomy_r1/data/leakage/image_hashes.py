"""Near-duplicate images: a perceptual hash (pHash of the imagehash library) and a threshold on the Hamming distance.

Hash and threshold are our choice, made on the mini world: 105 frames and 150 slides were changed, and 5,145 pairs of
different frames (3,045 of one video) and 11,175 pairs of slides compared. With a pHash of 256 bits, noise up to 0.1 of
the range, brightness and contrast changed by a fifth, blur, halving and JPEG at quality 50 moved a frame by at most 26
bits; no two frames were closer than 64 bits and no two slides closer than 56. With the library's default of 64 bits the
two ranges overlap (two slides were 8 bits apart, and noise of 0.05 moved one by 14), as they do with the difference
hash; the average and wavelet hashes give different slides equal values. Missed: noise of 0.2 on some frames (up to 40
bits) and noise on plain slides (0.05 moved one by 54). A threshold that caught those would match unrelated images.
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
"""Largest distance of near duplicates, in bits (ours): between changed images (26) and unrelated ones (56)."""
IMAGE_HASH = f"pHash of {HASH_SIZE**2} bits; near duplicates are at most {THRESHOLD} bits apart (our threshold)"


@dataclass(frozen=True, slots=True)
class NearDuplicate:
    """A training and a test image that look alike, by path."""

    train: str
    test: str
    bits: int
    """Hamming distance of their hashes."""


def perceptual_hash(path: Path) -> str:
    """Hash of an image, as 64 hex digits.

    Raises:
        AnatomyR1Error: when the image is missing or unreadable.
    """
    import imagehash

    return str(imagehash.phash(open_image(str(path)), hash_size=HASH_SIZE))


def hash_images(root: Path, images: Iterable[str]) -> dict[str, str]:
    """Path below `root` -> hash, each image once.

    Raises:
        AnatomyR1Error: as `perceptual_hash`.
    """
    from tqdm import tqdm

    wanted = tqdm(sorted(set(images)), desc="hashing images", unit="image", mininterval=1, disable=None)
    return {image: perceptual_hash(root / image) for image in wanted}


def near_duplicates(train: Mapping[str, str], test: Mapping[str, str]) -> Iterator[NearDuplicate]:
    """All pairs of a training and a test image at most `THRESHOLD` bits apart, also of one path on both sides."""
    names, table = list(train), _words(train.values())
    for name, row in zip(test, _words(test.values()), strict=True):
        bits = np.bitwise_count(table ^ row).sum(axis=1)
        yield from (NearDuplicate(names[i], name, int(bits[i])) for i in np.flatnonzero(bits <= THRESHOLD))


def _words(hashes: Iterable[str]) -> NDArray[np.uint64]:
    """Hashes of shape [n, 4], 64 bits per word."""
    data = b"".join(bytes.fromhex(one) for one in hashes)
    return np.frombuffer(data, np.uint64).reshape(-1, HASH_SIZE**2 // 64)
