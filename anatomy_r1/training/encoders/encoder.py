"""A text encoder as a value, and the file of similarities computed with it.

Each text is encoded alone: an encoder that averages over padding would give it another vector in a batch with longer
texts. The paper states no wording for the texts; ours is the option alone, and the file records the wording used.

Example:
    >>> encoder = medclip(Path("medclip/model.safetensors"), Path("Bio_ClinicalBERT"))        # doctest: +SKIP
    >>> made = similarities(encoder, ["Liver", "Gut", "Omentum"])                             # doctest: +SKIP
    >>> write_similarity(made, Path("similarity/medclip.json"))                               # doctest: +SKIP
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.files import write_output
from anatomy_r1.training.similarity import Similarity, from_vectors

PLAIN = "{}"
"""The option text alone (ours)."""


@dataclass(frozen=True)
class TextEncoder:
    """A text encoder with its weights."""

    name: str
    """Readable name, such as `MedCLIP text tower`."""
    identity: Mapping[str, str]
    """What determines a vector: SHA-256 of weights, configuration and tokenizer files, 16 hex digits each."""
    encode: Callable[[str], Sequence[float]]
    """One text -> its vector, of any length."""


@dataclass(frozen=True)
class EncodedSimilarity:
    """Similarities with the encoder and wording that they were computed with."""

    similarity: Similarity
    identity: Mapping[str, str]
    wording: str


def similarities(encoder: TextEncoder, names: Sequence[str], wording: str = PLAIN) -> EncodedSimilarity:
    """Eq. 3 of the paper for every pair of `names`.

    Args:
        encoder: the text encoder.
        names: option texts; duplicates count once, the order is kept.
        wording: what is encoded, with `{}` for the option.

    Raises:
        AnatomyR1Error: when `names` is empty, or `wording` does not contain exactly one `{}`.
    """
    if not names:
        raise AnatomyR1Error("no option texts to encode. Fix: name a prepared set that has questions")
    if wording.count("{}") != 1:
        fix = "write it as in 'a photo of the {}'"
        raise AnatomyR1Error(f"wording {wording!r}: needs one {{}} for the option. Fix: {fix}")
    vectors = {name: list(encoder.encode(wording.replace("{}", name))) for name in dict.fromkeys(names)}
    marked = " ".join([encoder.name, *(f"{part} {value}" for part, value in sorted(encoder.identity.items()))])
    return EncodedSimilarity(from_vectors(vectors, f"{marked}, wording {wording!r}"), dict(encoder.identity), wording)


def write_similarity(made: EncodedSimilarity, path: Path) -> None:
    """Write the file that `anatomy_r1.training.similarity.read_similarity` reads."""
    found = made.similarity
    rows = [[round(value, 8) for value in row] for row in found.matrix]
    content = {"encoder": found.encoder, "identity": made.identity, "wording": made.wording}
    text = json.dumps({**content, "names": found.names, "matrix": rows}, indent=1, ensure_ascii=False) + "\n"
    write_output(path, text)
