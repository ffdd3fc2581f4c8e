"""The phases of the base's training.

    A look-up   text alone: find an option's letter in the real prompt
    V sight     the vision tower alone: its tokens come to lie near the words for place, colour and texture
    P pointer   the lower half of the network: the question mark comes to hold the word that is asked for
    B joint     everything together, on pictures
    H habit     a short turn to the benchmark's questions, with noisy names

Without rehearsal P wipes out A, and without P direct answers never see the picture.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from anatomy_r1.mini.lessons import Habits
from anatomy_r1.mini.losses import (
    draw_both,
    grids,
    joint_loss,
    list_loss,
    patches,
    picture_inputs,
    pointer_loss,
    sight_loss,
    talk_loss,
    text_loss,
    vision_tokens,
)
from anatomy_r1.mini.student import Student

Tick = Callable[[], None]
DIRECT_LOOKUPS = ("lookD", "narrow lookD", "hinted lookD", "hinted narrow lookD")
"""Kinds of turns on which phase A's end depends, as far as the recipe has them."""


def _optimizer(parameters: Iterator[Any], rate: float, decay: float = 0.05) -> torch.optim.AdamW:
    all_of_them = list(parameters)
    groups = [
        {"params": [p for p in all_of_them if p.ndim >= 2], "weight_decay": decay},
        {"params": [p for p in all_of_them if p.ndim < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.98), foreach=True)


def _advance(optimizer: torch.optim.AdamW, loss: Tensor, rate: float) -> None:
    """One clipped step at a given rate."""
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    for group in optimizer.param_groups:
        group["lr"] = rate
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(parameters, 1.0)
    optimizer.step()
    optimizer.zero_grad()


def _warm(rate: float, step: int, over: int = 20) -> float:
    return rate * min(1.0, (step + 1) / over)


def _fall(step: int, steps: int) -> float:
    """1 over the first half, then down to almost 0."""
    part = step / steps
    return 1.0 if part < 0.5 else 0.03 + 0.97 * (2 - 2 * part)


def lookup_phase(student: Student, tick: Tick) -> None:
    """Phase A. The first steps repeat bare lists, which is where the matching heads learn what they are for."""
    recipe = student.recipe
    optimizer = _optimizer(student.model.parameters(), recipe.lookup_lr)
    for step in range(recipe.lookup_steps):
        bare = step < 60 or step % 5 == 0
        loss = list_loss(student) if bare else text_loss(student, recipe.lookup_rows, 0.35, 0.2)
        _advance(optimizer, loss, _warm(recipe.lookup_lr, step))
        tick()
        if step > 100 and student.can(*DIRECT_LOOKUPS, at=recipe.lookup_stop):
            return
    student.require(*DIRECT_LOOKUPS, at=recipe.lookup_floor)


def sight_phase(student: Student, tick: Tick) -> None:
    """Phase V."""
    recipe, album = student.recipe, student.album
    optimizer = _optimizer(student.vision.parameters(), recipe.sight_lr)
    for step in range(recipe.sight_steps):
        drawn = torch.as_tensor(student.rng.integers(len(album.pictures), size=recipe.sight_batch))
        tokens = vision_tokens(student.vision(patches(album, drawn), grid_thw=grids(len(drawn))))
        _advance(optimizer, sight_loss(student, tokens, drawn), _warm(recipe.sight_lr, step))
        tick()


def pointer_phase(student: Student, tick: Tick) -> None:
    """Phase P, with look-ups rehearsed now and then."""
    recipe = student.recipe
    optimizer = _optimizer(student.model.parameters(), recipe.joint_lr)
    for step in range(recipe.pointer_steps):
        loss = pointer_loss(student)
        if step % recipe.rehearse == 1:
            loss = loss + text_loss(student, max(1, recipe.lookup_rows * 3 // 8), 0.5, recipe.think_share)
        fall = _fall(step, recipe.pointer_steps) if recipe.pointer_falls else 1.0
        _advance(optimizer, loss, _warm(recipe.joint_lr, step) * fall)
        tick()
    student.require("pointer", at=recipe.pointer_floor)


def joint_phase(student: Student, tick: Tick) -> None:
    """Phase B: pictures and talk, with the pointer rehearsed now and then; the rate falls over the second half."""
    recipe = student.recipe
    optimizer = _optimizer(student.model.parameters(), recipe.joint_lr)
    for step in range(recipe.joint_steps):
        loss = joint_loss(student)
        if step % recipe.joint_pointer == 1:
            loss = loss + pointer_loss(student)
        _advance(optimizer, loss, _warm(recipe.joint_lr, step) * _fall(step, recipe.joint_steps))
        tick()


def habit_phase(student: Student, tick: Tick) -> None:
    """Phase H: noisy names in the benchmark's own form; makes Cystic Plate rare, so that the base leaves room."""
    recipe = student.recipe
    habits = Habits(
        recipe.habit_think_share, recipe.habit_noise, recipe.name_gain, recipe.habit_rare, recipe.habit_likeness,
        recipe.habit_peak,
    )  # fmt: skip
    optimizer = _optimizer(student.model.parameters(), recipe.habit_lr, decay=0.0)
    for step in range(recipe.habit_steps):
        drawn = draw_both(student, recipe.habit_rows - recipe.habit_rows // 4, recipe.habit_rows // 4)
        shown = [student.album.pictures[index] for index in drawn.tolist()]
        talks = [[student.curriculum.named(picture, student.rng, habits)] for picture in shown]
        packed = student.encoder.pack(talks, pictures=True)
        loss = talk_loss(student, packed, picture_inputs(student, packed, drawn))
        fall = 0.5 * (1 + np.cos(np.pi * step / recipe.habit_steps))
        _advance(optimizer, loss, _warm(recipe.habit_lr, step, over=3) * float(fall))
        tick()
