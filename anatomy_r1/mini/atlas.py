"""Textures of the mini world: banks of noise and wave fields, drawn once from a fixed seed.

The atlas is the physics that the base model and the benchmark share; what differs between them is the seed of scenes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from anatomy_r1.mini.classes import ANATOMIES, TEXTURES, TINTS

SIZE = 84
"""Edge of an image in pixels: six patches of 14, merged two by two, so one token for each of the nine cells."""
ATLAS_SEED = 10_000
BANK = 48
"""Fields kept for each texture."""
CONFUSION = 0.4
"""How far Gallbladder and Cystic Plate are pulled together: 0 not at all, 1 to the same look."""

Field = NDArray[np.float32]


@dataclass(frozen=True)
class Atlas:
    """Texture fields, boundary warps and tints."""

    fields: dict[str, Field]
    """Texture word -> (BANK, SIZE, SIZE), about unit deviation."""
    warps: Field
    """(128, SIZE, SIZE): displacements that make region boundaries uneven."""
    tints: dict[str, Field]
    """Texture word -> (3,) RGB offset."""


def smooth_noise(rng: np.random.Generator, count: int, length: float) -> Field:
    """`count` noise fields (count, SIZE, SIZE) of correlation length `length` pixels and unit deviation."""
    knots = max(2, int(np.ceil(SIZE / length)) + 2)
    values = rng.standard_normal((count, knots, knots)).astype(np.float32)
    place = np.linspace(0, knots - 1.001, SIZE)
    low = place.astype(int)
    part = (place - low).astype(np.float32)
    part = part * part * (3 - 2 * part)
    rows = values[:, low] * (1 - part)[None, :, None] + values[:, low + 1] * part[None, :, None]
    field: Field = rows[:, :, low] * (1 - part) + rows[:, :, low + 1] * part
    return np.asarray(field / (field.std(axis=(1, 2), keepdims=True) + 1e-6), np.float32)


def _waves(rng: np.random.Generator, one: Callable[[np.random.Generator, Field, Field], Field]) -> Field:
    y, x = np.mgrid[:SIZE, :SIZE].astype(np.float32)
    return np.stack([one(rng, y, x) for _ in range(BANK)]).astype(np.float32)


def _lobules(rng: np.random.Generator, y: Field, x: Field) -> Field:
    period_x, period_y = rng.uniform(5, 7, 2)
    shift_x, shift_y = rng.uniform(0, 2 * np.pi, 2)
    lobes = np.sin(2 * np.pi * x / period_x + shift_x) * np.sin(2 * np.pi * y / period_y + shift_y) * 1.6
    return np.asarray(lobes, np.float32)


def _striations(rng: np.random.Generator, y: Field, x: Field) -> Field:
    angle, period, shift = rng.uniform(0.6, 1.0), rng.uniform(4.5, 5.5), rng.uniform(0, 2 * np.pi)
    along = x * np.cos(angle) + y * np.sin(angle)
    return np.asarray(np.sin(2 * np.pi * along / period + shift) * 1.1, np.float32)


def _folds(rng: np.random.Generator, y: Field, x: Field) -> Field:
    period, shift = rng.uniform(10, 13), rng.uniform(0, 2 * np.pi)
    return np.asarray(np.abs(np.sin(np.pi * (y + 0 * x) / period + shift)) * 2.4 - 1.5, np.float32)


def _blend(first: Field, second: Field) -> tuple[Field, Field]:
    mix = CONFUSION / 2
    return (1 - mix) * first + mix * second, (1 - mix) * second + mix * first


def _tints() -> dict[str, Field]:
    tints = {texture: np.array(TINTS[name], np.float32) for texture, name in zip(TEXTURES, ANATOMIES, strict=True)}
    tints["glossy"], tints["mottled"] = _blend(tints["glossy"], tints["mottled"])
    return tints


@lru_cache(maxsize=1)
def atlas() -> Atlas:
    """The one atlas; the same on every call."""
    rng = np.random.default_rng(ATLAS_SEED)
    spots = smooth_noise(rng, BANK, 9)
    glossy = np.where(spots > 1.3, 2.8, -0.2).astype(np.float32)
    mottled = smooth_noise(rng, BANK, 5) * np.float32(1.1)
    glossy, mottled = _blend(glossy, mottled)
    fields = {
        "smooth": smooth_noise(rng, BANK, 30) * np.float32(0.5),
        "granular": _waves(rng, _lobules),
        "striped": _waves(rng, _striations),
        "glossy": glossy,
        "mottled": mottled,
        "folded": _waves(rng, _folds),
    }
    return Atlas(fields, smooth_noise(rng, 128, 20), _tints())


def texture_patch(rng: np.random.Generator, texture: str) -> Field:
    """One (SIZE, SIZE) field of a texture, shifted at random."""
    bank = atlas().fields[texture]
    shift = (int(rng.integers(SIZE)), int(rng.integers(SIZE)))
    return np.roll(bank[int(rng.integers(len(bank)))], shift, (0, 1))
