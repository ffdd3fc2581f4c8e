"""A text encoder as a value, and the file of similarities computed with it.

Each text is encoded alone: an encoder that averages over padding would give it another vector in a batch with longer
texts. The paper states no wording for the texts; ours is the option alone, and the file records the wording used.

Example:
    >>> encoder = medclip(Path("medclip/model.safetensors"), Path("Bio_ClinicalBERT"))        # doctest: +SKIP
    >>> write_similarities(encoder, ["Liver", "Gut"], Path("similarity/medclip.json"))        # doctest: +SKIP
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


def write_similarities(encoder: TextEncoder, names: Sequence[str], path: Path, wording: str = PLAIN) -> Similarity:
    """Compute eq. 3 for every pair of `names` and write the file that `read_similarity` reads.

    Args:
        encoder: the text encoder.
        names: option texts; duplicates count once, the order is kept.
        path: the file.
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
    similarity = from_vectors(vectors, f"{marked}, wording {wording!r}")
    content = {
        "encoder": similarity.encoder,
        "identity": dict(encoder.identity),
        "wording": wording,
        "names": similarity.names,
        "matrix": [[round(value, 8) for value in row] for row in similarity.matrix],
    }
    write_output(path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    return similarity
