"""Bases: the several sets of weights that one model may start from, as a factor of an experiment like the seed.

A profile may list several bases of a model, pretrained by one recipe under different seeds. A run is then one base and
one seed. On disk the base follows the model, as a view follows a method: `mini-l@mini-l-2/grpo/matched/seed0`. A model
without a list has one base without a name, and its paths do not mention it.

    >>> model_folder("mini-l", "mini-l-2"), split_model("mini-l@mini-l-2"), split_model("qwen2.5-vl-7b")
    ('mini-l@mini-l-2', ('mini-l', 'mini-l-2'), ('qwen2.5-vl-7b', ''))
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

_SEPARATOR = "@"


class RunKey(NamedTuple):
    """Which of the runs of one system: its base and its seed."""

    base: str
    """Empty where the model has one base only."""
    seed: int

    def __str__(self) -> str:
        return f"{self.base}/{self.seed}" if self.base else str(self.seed)


def model_folder(model: str, base: str) -> str:
    """Name of a model with its base, in paths."""
    return f"{model}{_SEPARATOR}{base}" if base else model


def split_model(folder: str) -> tuple[str, str]:
    """Model and base of such a name; the base is empty where none is named."""
    model, _, base = folder.partition(_SEPARATOR)
    return model, base


def named_bases(keys: Iterable[RunKey]) -> tuple[str, ...]:
    """The bases of some runs, each once, sorted; none if they have no name."""
    return tuple(sorted({key.base for key in keys if key.base}))


def distinct_seeds(keys: Iterable[RunKey]) -> tuple[int, ...]:
    """The seeds of some runs, each once, sorted."""
    return tuple(sorted({key.seed for key in keys}))


def crossed(keys: Iterable[RunKey]) -> list[list[RunKey]]:
    """Some runs in parts whose bases all have the same seeds, so that seeds and bases name a part."""
    by_base: dict[str, list[RunKey]] = {}
    for key in keys:
        by_base.setdefault(key.base, []).append(key)
    parts: dict[tuple[int, ...], list[RunKey]] = {}
    for _, of in sorted(by_base.items()):
        parts.setdefault(distinct_seeds(of), []).extend(of)
    return [part for _, part in sorted(parts.items())]


def factors_text(keys: Iterable[RunKey]) -> str:
    """Seeds, and where they are named the bases, for a reader: `0, 1, 2` or `0, 1, 2 x mini-l-1, mini-l-2`.

    Bases with other seeds than the first ones follow: `0, 1, 2 x mini-l-2; 0, 1, 2, 3 x mini-l-1`.
    """
    parts = [(", ".join(map(str, distinct_seeds(part))), ", ".join(named_bases(part))) for part in crossed(keys)]
    return "; ".join(f"{seeds} x {bases}" if bases else seeds for seeds, bases in parts)
