"""An encoder as a value, and the file of similarities made with it.

Each text is encoded by itself: an encoder that averages over padding would give it another vector beside longer ones.
The paper gives no wording for the texts; ours is the option as it stands, and another one is written down.

Example:
    >>> encoder = medclip(Path("medclip/model.safetensors"), Path("Bio_ClinicalBERT"))        # doctest: +SKIP
    >>> made = similarities(encoder, ["Liver", "Gut", "Omentum"])                             # doctest: +SKIP
    >>> write(made, Path("similarity/medclip.json"))                                          # doctest: +SKIP
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
    """For people: `MedCLIP text tower`."""
    identity: Mapping[str, str]
    """What decides a vector: SHA-256 of weights, configuration and tokenizer files, 16 hex digits each."""
    encode: Callable[[str], Sequence[float]]
    """One text -> its vector, of any length."""


@dataclass(frozen=True)
class Matrix:
    """Similarities, and all that went into them."""

    similarity: Similarity
    identity: Mapping[str, str]
    wording: str


def similarities(encoder: TextEncoder, names: Sequence[str], wording: str = PLAIN) -> Matrix:
    """Eq. 3 of the paper for every pair of `names`.

    Args:
        encoder: what makes the vectors.
        names: option texts; doubles count once, their order is kept.
        wording: what is encoded, with `{}` for the option.

    Raises:
        AnatomyR1Error: when there is no name, or `wording` has not exactly one `{}`.
    """
    if not names:
        raise AnatomyR1Error("no option texts to encode. Fix: name a prepared set that has questions")
    if wording.count("{}") != 1:
        raise AnatomyR1Error(f"wording {wording!r}: needs one {{}} for the option, as in 'a photo of the {{}}'")
    vectors = {name: list(encoder.encode(wording.replace("{}", name))) for name in dict.fromkeys(names)}
    marked = " ".join([encoder.name, *(f"{part} {value}" for part, value in sorted(encoder.identity.items()))])
    return Matrix(from_vectors(vectors, f"{marked}, wording {wording!r}"), dict(encoder.identity), wording)


def write(made: Matrix, path: Path) -> None:
    """Write the file that `anatomy_r1.training.similarity.read` takes."""
    found = made.similarity
    rows = [[round(value, 8) for value in row] for row in found.matrix]
    content = {"encoder": found.encoder, "identity": made.identity, "wording": made.wording}
    text = json.dumps({**content, "names": found.names, "matrix": rows}, indent=1, ensure_ascii=False) + "\n"
    write_output(path, text)
