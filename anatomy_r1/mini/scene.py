"""A scene of the mini world: regions of anatomy on a 3×3 grid of named positions, perhaps with an instrument."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from anatomy_r1.mini.atlas import SIZE, Field, atlas, texture_patch
from anatomy_r1.mini.classes import (
    ANATOMIES,
    COLOR_GIVEN_ANATOMY,
    COLORS,
    HOME,
    TOOL_COLORS,
    TOOLS,
    texture_of,
)

CELL = SIZE // 3
"""Edge of a grid cell in pixels; a cell is what one image token covers."""
TEXTURE_CONTRAST = 26.0
PIXEL_NOISE = 10.0
MIN_PURITY = 0.6
"""A cell is asked about only if one anatomy covers at least this share of it."""


@dataclass(frozen=True, slots=True)
class Cell:
    """What one grid cell shows."""

    name: str
    color: str
    texture: str
    purity: float
    """Share of the cell's pixels that the named anatomy covers."""
    centre: tuple[float, float]
    """(x, y) of those pixels' mean, as shares of the frame's width and height."""


@dataclass(frozen=True, slots=True)
class Tool:
    """An instrument, placed by its tip."""

    kind: str
    color: str
    cell: int


@dataclass(frozen=True)
class Scene:
    """One frame and its truth."""

    image: NDArray[np.uint8]
    """(SIZE, SIZE, 3) RGB."""
    cells: tuple[Cell, ...]
    """Nine, row by row."""
    tool: Tool | None

    def clear(self) -> list[int]:
        """Indices of the cells that one anatomy clearly fills."""
        return [i for i, cell in enumerate(self.cells) if cell.purity >= MIN_PURITY]


@dataclass(frozen=True)
class Look:
    """What the frames of one video share, so that videos are real clusters."""

    tint: NDArray[np.float64]
    """(3,) RGB offset of the camera's white balance."""
    gain: float
    light: tuple[float, float]
    """(row, column) of the brightest spot, in cells."""
    mix: NDArray[np.float64]
    """(6,) probability with which each anatomy is drawn first."""
    drift: NDArray[np.float64]
    """(2,) offset of the home positions, in cells."""
    homing: float = 1.0
    """How much anatomies keep to their home positions: 1 as in `HOME`, 0 not at all."""


def draw_look(rng: np.random.Generator, homing: float = 1.0) -> Look:
    """A video's look. The spreads are our choice: visible, yet small beside what tells anatomies apart."""
    return Look(
        tint=rng.normal(0, 5, 3),
        gain=float(rng.uniform(0.92, 1.08)),
        light=(float(rng.uniform(0.8, 2.2)), float(rng.uniform(0.8, 2.2))),
        mix=rng.dirichlet(np.full(len(ANATOMIES), 8.0)),
        drift=rng.normal(0, 0.15, 2),
        homing=homing,
    )


def draw_scene(rng: np.random.Generator, look: Look) -> Scene:
    """One frame in a given look; about 1.5 ms."""
    names = [str(n) for n in rng.choice(ANATOMIES, size=int(rng.integers(4, 7)), replace=False, p=look.mix)]
    colors = [str(rng.choice(list(COLORS), p=COLOR_GIVEN_ANATOMY[name])) for name in names]
    regions = _regions(rng, names, look)
    canvas = np.zeros((SIZE, SIZE, 3), np.float32)
    for i, name in enumerate(names):
        mask = regions == i
        canvas[mask] = tissue(rng, texture_of(name), colors[i])[mask]
    canvas = (canvas + look.tint.astype(np.float32)) * _falloff(rng, look)
    tool = _draw_tool(rng, canvas) if rng.random() < 0.6 else None
    return Scene(finish(rng, canvas), _cells(regions, names, colors), tool)


def draw_clear_scene(rng: np.random.Generator, look: Look) -> Scene:
    """A scene with at least one clear cell, so that something can be asked."""
    while True:
        scene = draw_scene(rng, look)
        if scene.clear():
            return scene


def tissue(rng: np.random.Generator, texture: str, color: str) -> Field:
    """(SIZE, SIZE, 3): a surface of one texture and colour; scenes and microscopy are made of these."""
    base = np.array(COLORS[color], np.float32) + atlas().tints[texture] + rng.normal(0, 7, 3).astype(np.float32)
    relief = TEXTURE_CONTRAST * texture_patch(rng, texture)
    return np.asarray(base + relief[..., None] * np.array([1.0, 0.9, 0.85], np.float32), np.float32)


def _regions(rng: np.random.Generator, names: list[str], look: Look) -> NDArray[np.intp]:
    """(SIZE, SIZE): index of the nearest seed point, on warped coordinates."""
    middle = 1.5
    home = middle + look.homing * (np.array([HOME[name] for name in names]) - middle) + look.drift
    seeds = np.clip(home + rng.normal(0, 1, home.shape) * (0.75, 0.9), 0.1, 2.9).astype(np.float32)
    grid = ((np.arange(SIZE) + 0.5) / CELL).astype(np.float32)
    warps = atlas().warps
    y = grid[:, None] + warps[int(rng.integers(len(warps)))] * 0.12
    x = grid[None, :] + warps[int(rng.integers(len(warps)))] * 0.12
    distance = (y[None] - seeds[:, 0, None, None]) ** 2 + (x[None] - seeds[:, 1, None, None]) ** 2
    return np.asarray(distance.argmin(0))


def _falloff(rng: np.random.Generator, look: Look) -> Field:
    y, x = (np.mgrid[:SIZE, :SIZE] + 0.5) / CELL
    row, column = np.array(look.light) + rng.normal(0, 0.15, 2)
    light = look.gain * (1.08 - 0.09 * ((y - row) ** 2 + (x - column) ** 2))
    return np.asarray(light[..., None], np.float32)


def _draw_tool(rng: np.random.Generator, canvas: Field) -> Tool:
    """Paints a thin bar from an edge to a tip, in place."""
    kind, color = str(rng.choice(TOOLS)), str(rng.choice(list(TOOL_COLORS)))
    start = np.array([rng.uniform(0, SIZE), 0 if rng.random() < 0.5 else SIZE - 1])
    tip = np.array([rng.uniform(CELL * 0.5, SIZE - CELL * 0.5), rng.uniform(CELL * 0.8, SIZE - CELL * 0.8)])
    half = 2 if kind == "grasper" else 1
    for part in np.linspace(0, 1, 90):
        y, x = (start + (tip - start) * part).astype(int)
        canvas[max(0, y - half) : y + half + 1, max(0, x - half) : x + half + 1] = TOOL_COLORS[color]
    y, x = (int(v) for v in tip)
    if kind == "hook":
        canvas[y : y + 7, x : x + 3] = TOOL_COLORS[color]
    if kind == "scissors":
        canvas[y - 3 : y + 4, x - 3 : x + 4] = TOOL_COLORS[color]
    return Tool(kind, color, (y // CELL) * 3 + x // CELL)


def _border() -> Field:
    """(SIZE, SIZE, 1): the endoscope's rounded black border, 0 outside and 1 inside."""
    y, x = np.mgrid[:SIZE, :SIZE] + 0.5
    margin, radius = 3.0, 12.0
    inner = margin + radius
    dy = np.maximum(np.maximum(inner - y, y - (SIZE - inner)), 0)
    dx = np.maximum(np.maximum(inner - x, x - (SIZE - inner)), 0)
    return np.asarray(np.clip(radius - np.hypot(dx, dy) + 0.5, 0, 1)[..., None], np.float32)


BORDER = _border()


def finish(rng: np.random.Generator, canvas: Field) -> NDArray[np.uint8]:
    """Adds sensor noise and the border; returns (SIZE, SIZE, 3) bytes."""
    noisy = (canvas + rng.normal(0, PIXEL_NOISE, canvas.shape).astype(np.float32)) * BORDER
    return np.clip(noisy, 0, 255).astype(np.uint8)


def _cells(regions: NDArray[np.intp], names: list[str], colors: list[str]) -> tuple[Cell, ...]:
    return tuple(_cell(regions, names, colors, row, column) for row in range(3) for column in range(3))


def _cell(regions: NDArray[np.intp], names: list[str], colors: list[str], row: int, column: int) -> Cell:
    block = regions[row * CELL : (row + 1) * CELL, column * CELL : (column + 1) * CELL]
    winner = int(np.bincount(block.ravel(), minlength=len(names)).argmax())
    y, x = np.nonzero(block == winner)
    centre = (float((column * CELL + x.mean() + 0.5) / SIZE), float((row * CELL + y.mean() + 0.5) / SIZE))
    name = names[winner]
    return Cell(name, colors[winner], texture_of(name), float((block == winner).mean()), centre)
