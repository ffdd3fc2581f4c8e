"""Tokenizers of text encoders: loaded whole, and checked to tell the option texts apart.

A tokenizer without its vocabulary still loads: every word is then unknown, all options get one vector, and S(q) is 1.
So each file must be there, the vocabulary must fit the weights, and options that differ in words must differ in tokens.

Example:
    >>> check_different({"Liver": (7,), "liver.": (7,), "Gut": (9,)}, "an encoder")
    >>> check_different({"Liver": (7,), "Gut": (7,)}, "an encoder")
    Traceback (most recent call last):
        ...
    anatomy_r1.errors.AnatomyR1Error: an encoder: its tokenizer reads 'Liver' and 'Gut' alike...
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from anatomy_r1.errors import AnatomyR1Error

TokenIds = tuple[int | None, ...]
"""Ids of a text's tokens without special ones such as [CLS]; None for a token that the vocabulary lacks."""
VOCABULARIES = (
    "tokenizer.json",
    "vocab.txt",
    "vocab.json",
    "spiece.model",
    "sentencepiece.bpe.model",
    "tokenizer.model",
)
"""Files of which a tokenizer needs one."""
LEAST_SHARE = 90
"""Smallest vocabulary in percent of the rows of the embedding (ours): paddings of real models stay above 97."""


def load_tokenizer(folder: Path) -> Any:
    """The tokenizer of a folder; `AnatomyR1Error` names the file that is missing or damaged."""
    from transformers import AutoTokenizer

    _require_files(folder, [name for name in VOCABULARIES if (folder / name).is_file()])
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    except Exception as error:  # the tokenizers library raises bare Exception, and parsers what they like
        reason = " ".join(str(error).split())[:300]
        named = ", ".join(path.name for path in sorted(folder.glob("*")) if _of_tokenizer(path.name))
        fix = "copy them again from the model's repository"
        raise AnatomyR1Error(f"{folder}: no tokenizer can be read from {named} ({reason}). Fix: {fix}") from error
    names = dict(tokenizer.vocab_files_names)
    if not (folder / names.pop("tokenizer_file", "tokenizer.json")).is_file():
        _require_files(folder, [names[part] for part in ("vocab_file", "merges_file") if part in names])
    return tokenizer


def check_vocabulary(known: int, rows: int, where: Path) -> None:
    """Refuse a tokenizer of `known` tokens for an embedding of `rows` rows: too many, or a part of a vocabulary."""
    if known > rows or 100 * known < LEAST_SHARE * rows:
        raise AnatomyR1Error(
            f"{where}: the tokenizer knows {known} tokens, but the text tower has {rows}. "
            "Fix: copy the vocabulary (vocab.txt, tokenizer.json) that belongs to these weights"
        )


def ids_of(tokenizer: Any, text: str, longest: int) -> TokenIds:
    """What a transformers tokenizer makes of a text, cut at `longest` tokens with special ones."""
    ids = tokenizer(text, truncation=True, max_length=longest).input_ids
    special = {*tokenizer.all_special_ids, tokenizer.pad_token_id} - {tokenizer.unk_token_id}
    return tuple(None if one == tokenizer.unk_token_id else one for one in ids if one not in special)


def check_token_ids(ids: Mapping[str, TokenIds], encoder: str) -> None:
    """Refuse an option of which not one token is known, by name."""
    lost = [name for name, found in ids.items() if all(one is None for one in found)]
    if lost:
        raise AnatomyR1Error(
            f"{encoder}: its tokenizer knows nothing of {_some(lost)} ({len(lost)} of {len(ids)} options). "
            "Fix: copy the vocabulary that belongs to the weights; or reword the option"
        )


def partly_unknown(ids: Mapping[str, TokenIds]) -> list[str]:
    """Options of which some tokens are unknown: their similarities say less than they seem to."""
    return [name for name, found in ids.items() if None in found]


def check_different(ids: Mapping[str, TokenIds], encoder: str) -> None:
    """Refuse two options that become one sequence of tokens, unless they differ in case or punctuation only."""
    first: dict[TokenIds, str] = {}
    for name, found in ids.items():
        other = first.setdefault(found, name)
        if not same_words(other, name):
            raise AnatomyR1Error(
                f"{encoder}: its tokenizer reads {other!r} and {name!r} alike, so that their similarity would be 1. "
                "Fix: copy the vocabulary that belongs to the weights; or use another encoder"
            )


def same_words(first: str, second: str) -> bool:
    """Whether two options differ in nothing but case, punctuation and white space (OmniMedVQA has such pairs)."""
    return _words(first) == _words(second)


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold()) or [text]


def _require_files(folder: Path, names: Sequence[str]) -> None:
    """Require files with content; without any name, say what a tokenizer needs."""
    fix = "copy it from the model's repository"
    if not names:
        wanted = f"vocab.txt or tokenizer.json (or {', '.join(VOCABULARIES[2:])})"
        raise AnatomyR1Error(f"{folder}: no vocabulary: {wanted} is missing. Fix: {fix}")
    for name in names:
        if not (folder / name).is_file():
            raise AnatomyR1Error(f"{folder / name}: missing, and there is no tokenizer.json. Fix: {fix}")
        if not (folder / name).read_bytes().strip():
            raise AnatomyR1Error(f"{folder / name}: empty. Fix: {fix}")


def _of_tokenizer(name: str) -> bool:
    return name in (*VOCABULARIES, "merges.txt") or name.startswith(("tokenizer", "special_tok", "added_tok"))


def _some(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names[:3])) + (" ..." if len(names) > 3 else "")
