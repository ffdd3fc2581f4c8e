"""S(q): how similar the right option is to its most confusable distractor (paper, eq. 3 and 4).

Any text encoder will do that gives every option text a vector. The paper uses MedCLIP's; such similarities are computed
by `anatomy-r1 similarity make`, written to a file and read here. The mini world uses what its classes look like.
Character n-grams are no substitute: they measure spelling, not anatomy.

Example:
    >>> similarity = from_vectors({"Liver": (1.0, 0.0), "Gut": (0.6, 0.8), "Omentum": (0.0, 1.0)}, encoder="by hand")
    >>> round(difficulty(similarity, "Liver", ["Gut", "Omentum"]), 3)
    0.6
"""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.training.tokens import same_words
from anatomy_r1.validation import parse_json, validated

TOLERANCE = 1e-6
"""Ours: files keep eight decimals."""


@dataclass(frozen=True)
class Similarity:
    """Cosine similarities between option texts (eq. 3); ValueError unless the matrix is one of cosines."""

    names: tuple[str, ...]
    """Option texts."""
    matrix: tuple[tuple[float, ...], ...]
    """Entry [i][j] is the cosine between the vectors of `names[i]` and `names[j]`."""
    encoder: str
    """What made the vectors: name and version."""

    def __post_init__(self) -> None:
        values = np.asarray(self.matrix, dtype=float)
        if values.shape != (len(self.names), len(self.names)) or len(set(self.names)) != len(self.names):
            raise ValueError(f"{self.encoder}: {len(self.names)} names, but a matrix of shape {values.shape}")
        if not np.allclose(values, values.T, atol=TOLERANCE) or np.abs(values).max(initial=0.0) > 1 + TOLERANCE:
            raise ValueError(f"{self.encoder}: not a matrix of cosines: not symmetric, or beyond [-1, 1]")
        if not np.allclose(np.diag(values), 1.0, atol=TOLERANCE):
            raise ValueError(f"{self.encoder}: a name's cosine with itself must be 1")

    def knows(self, names: Sequence[str]) -> bool:
        """Whether all of these have a vector."""
        return set(names) <= set(self.names)

    def between(self, first: str, second: str) -> float:
        """Cosine of two option texts."""
        return self.matrix[self.names.index(first)][self.names.index(second)]


def difficulty(similarity: Similarity, answer: str, distractors: Sequence[str]) -> float:
    """S(q), eq. 4: the largest similarity between the right option and a distractor."""
    return max(similarity.between(answer, name) for name in distractors)


def served_difficulty(similarity: Similarity | None, answer: str, options: Sequence[str]) -> float | None:
    """S(q) of a question with the options shown; None without similarities, or if an option has no vector."""
    if similarity is None or not similarity.knows(options):
        return None
    return difficulty(similarity, answer, [name for name in options if name != answer])


def from_vectors(vectors: Mapping[str, Sequence[float]], encoder: str) -> Similarity:
    """Eq. 3 for every pair of option texts, from their vectors.

    Raises:
        AnatomyR1Error: A vector is zero, is not finite or has another length than the rest.
    """
    fix = "use weights and a vocabulary that belong together"
    if len({len(vector) for vector in vectors.values()}) > 1:
        raise AnatomyR1Error(f"{encoder}: vectors of different lengths. Fix: {fix}")
    rows = np.asarray(list(vectors.values()), dtype=float)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    for name, length in zip(vectors, lengths[:, 0], strict=True):
        if not np.isfinite(length) or length == 0:
            what = "a zero vector" if length == 0 else "a vector that is not finite"
            raise AnatomyR1Error(f"{encoder}: {name!r} has {what}. Fix: {fix}")
    cosines = np.clip((rows / lengths) @ (rows / lengths).T, -1.0, 1.0)
    return Similarity(tuple(vectors), tuple(tuple(row) for row in cosines.tolist()), encoder)


def check_similarity(similarity: Similarity) -> None:
    """Refuse similarities that tell nothing: two options with one vector, or all pairs equally alike.

    Options that differ in case and punctuation only may have one vector.
    """
    values, names = np.asarray(similarity.matrix), similarity.names
    fix = "make them again with `anatomy-r1 similarity make`, with the vocabulary and weights that belong together"
    for i, j in np.argwhere(np.triu(values >= 1 - TOLERANCE, k=1)).tolist():
        if not same_words(names[i], names[j]):
            pair = f"{names[i]!r} and {names[j]!r}"
            raise AnatomyR1Error(f"{similarity.encoder}: {pair} have similarity 1.000, as if one option. Fix: {fix}")
    pairs = values[np.triu_indices(len(names), k=1)]
    if len(names) > 2 and np.ptp(pairs) < TOLERANCE:
        raise AnatomyR1Error(f"{similarity.encoder}: all {len(pairs)} pairs have similarity {pairs[0]:.3f}. Fix: {fix}")


class _File(BaseModel):
    """A file of similarities."""

    model_config = ConfigDict(extra="forbid", strict=True)
    encoder: str
    identity: dict[str, str] | None = None
    wording: str | None = None
    names: list[str]
    matrix: list[list[float]]


def read_similarity(path: Path) -> Similarity:
    """Similarities from a file: JSON with `encoder`, `names` and `matrix`, which must tell the options apart."""
    fix = "write JSON with the keys encoder, names and matrix, as `anatomy-r1 similarity make` does"
    try:
        raw = parse_json(path.read_text(encoding="utf-8"))
        read = validated(raw, _File, where=f"{path}: no similarities", fix=fix)
        found = Similarity(tuple(read.names), tuple(map(tuple, read.matrix)), read.encoder)
    except AnatomyR1Error:
        raise
    except (OSError, ValueError, RecursionError) as error:
        raise AnatomyR1Error(f"{path}: no similarities ({type(error).__name__}: {error}). Fix: {fix}") from error
    try:
        check_similarity(found)
    except AnatomyR1Error as error:
        raise AnatomyR1Error(f"{path}: {error}") from error
    return found


def load_similarity(source: str | None, *, needed: bool) -> Similarity | None:
    """Similarities of a source as a training's settings name it: `mini`, or a file; None if there is none.

    A missing file is an error if it is needed, as by a curriculum; otherwise similarities only go into the log.
    """
    if not source or not (needed or source == "mini" or Path(source).is_file()):
        return None
    return mini_similarity() if source == "mini" else read_similarity(Path(source))


def mini_similarity() -> Similarity:
    """Similarities of the mini world, from its own descriptors (`anatomy_r1.mini.descriptors`)."""
    from anatomy_r1.mini.descriptors import descriptors

    return from_vectors(
        {name: vector.tolist() for name, vector in descriptors().items()}, encoder="mini world descriptors, version 1"
    )


def shuffled(similarity: Similarity, groups: Sequence[Collection[str]], seed: int) -> Similarity:
    """Placebo: the same numbers under permuted names, so that a curriculum remains but loses its meaning.

    Names are permuted only within their group (options of one kind), and none keeps its own place (ours), so that no
    part of the true order survives by chance.
    """
    renamed = list(similarity.names)
    done: set[str] = set()
    for number, group in enumerate(groups):
        places = [i for i, name in enumerate(similarity.names) if name in group and name not in done]
        done |= {similarity.names[i] for i in places}
        for place, source in zip(places, _deranged(places, random.Random(f"placebo/{seed}/{number}")), strict=True):
            renamed[place] = similarity.names[source]
    return Similarity(tuple(renamed), similarity.matrix, f"{similarity.encoder}, shuffled with seed {seed}")


def _deranged(items: Sequence[int], rng: random.Random) -> list[int]:
    """A random permutation that leaves nothing in place."""
    order = list(items)
    while len(order) > 1 and any(a == b for a, b in zip(order, items, strict=True)):
        rng.shuffle(order)
    return order
