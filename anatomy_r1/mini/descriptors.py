"""What each class of the mini world looks like, as a vector: the source of its similarities.

An anatomy is the probabilities of its colours and its tint, both scaled to length one; a tissue or diagnosis is the
tint of its texture (its colour is drawn independently); a stain is its colour's distance from grey. Modalities all
look the same and have no descriptor. Each kind has dimensions of its own, so cosines between kinds are zero: they are
never options of one question. All of it is our choice.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from anatomy_r1.mini import classes
from anatomy_r1.mini.atlas import atlas

Vector = NDArray[np.float64]


def descriptors() -> dict[str, Vector]:
    """Class -> its vector, shape (dimensions,)."""
    from scipy.linalg import block_diag

    tints = [atlas().tints[texture] for texture in classes.TEXTURES]
    colours = [classes.COLOR_GIVEN_ANATOMY[name] for name in classes.ANATOMIES]
    anatomies = [np.concatenate([_unit(c), _unit(t)]) for c, t in zip(colours, tints, strict=True)]
    greyless = [np.subtract(rgb, np.mean(rgb)) for rgb in classes.COLORS.values()]
    names = (*classes.ANATOMIES, *classes.TISSUES, *classes.DIAGNOSES, *classes.STAINS)
    return dict(zip(names, block_diag(anatomies, tints, tints, greyless), strict=True))


def _unit(vector: ArrayLike) -> Vector:
    values = np.asarray(vector, dtype=float)
    return np.asarray(values / np.linalg.norm(values))


@cache
def anatomy_likeness() -> dict[tuple[str, str], float]:
    """Cosine of every two different anatomies, less their mean: 0 is a distractor of average likeness."""
    found = {name: _unit(vector) for name, vector in descriptors().items() if name in classes.ANATOMIES}
    pairs = {(a, b): float(found[a] @ found[b]) for a in found for b in found if a != b}
    mean = sum(pairs.values()) / len(pairs)
    return {pair: cosine - mean for pair, cosine in pairs.items()}
