"""The phases of the base's training.

    A look-up   text alone: find an option's letter in the real prompt
    V sight     the vision tower alone: its tokens come to lie near the words for place, colour and texture
    P pointer   the lower half of the network: the question mark comes to hold the word that is asked for
    B joint     everything together, on pictures
    H habit     a short turn to the benchmark's questions, with noisy names

Without rehearsal P wipes out A, and without P direct answers never see the picture.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from anatomy_r1.mini.architecture import IMAGE_TOKENS
from anatomy_r1.mini.classes import ANATOMIES, COLORS, POSITIONS, TEXTURES
from anatomy_r1.mini.lessons import (
    MICROSCOPY,
    MICROSCOPY_SHARE,
    SURGERY,
    Habits,
    Turn,
    anatomy,
    draw_style,
    health_lookup,
    lookup,
    probe,
    scene_turn,
    skeleton,
)
from anatomy_r1.mini.microscopy import Slide, draw_slide
from anatomy_r1.mini.packing import NO_LOSS, Encoder, Packed, pad
from anatomy_r1.mini.recipe import Recipe
from anatomy_r1.mini.scene import Scene, draw_look
from anatomy_r1.mini.slide_lessons import slide_name, slide_probe, slide_skeleton, slide_turn
from anatomy_r1.mini.world import draw_clear_scene

GRID = (1, 6, 6)
"""Patches of an image: time, rows, columns."""
PATCHES = 36
Picture = Scene | Slide
Tick = Callable[[], None]


@dataclass(frozen=True)
class Album:
    """The base's own pictures, preprocessed once."""

    pictures: tuple[Picture, ...]
    """Scenes first, then slides."""
    scenes: int
    pixels: Tensor
    """(pictures, 36, 1176) half precision, to save memory."""
    looks: Tensor
    """(pictures, 9, 2): indices of each cell's colour and texture."""


class Student:
    """A model in training, with what every phase needs."""

    def __init__(self, model: Any, processor: Any, recipe: Recipe) -> None:
        self.model, self.recipe = model, recipe
        self.encoder = Encoder(processor.tokenizer)
        self.rng = np.random.default_rng(recipe.seed)
        self.album = draw_album(recipe, processor.image_processor)
        self.habits = Habits(recipe.think_share, recipe.description_noise, recipe.name_gain, recipe.rare)
        self.right: dict[str, deque[float]] = defaultdict(lambda: deque(maxlen=300))
        """Kind of turn -> whether the last answers were right."""

    @property
    def language(self) -> Any:
        """The language tower."""
        return self.model.model.language_model

    @property
    def vision(self) -> Any:
        """The vision tower."""
        return self.model.model.visual

    def accuracy(self, kind: str) -> float:
        """Share of the last 300 answers of a kind that were right."""
        seen = self.right[kind]
        return sum(seen) / len(seen) if seen else 0.0

    def report(self) -> dict[str, float]:
        """`accuracy` of every kind met so far."""
        return {kind: round(self.accuracy(kind), 3) for kind in sorted(self.right)}


def draw_album(recipe: Recipe, image_processor: Any) -> Album:
    """Scenes and slides from the base's own seed, each scene in a look of its own."""
    rng = np.random.default_rng([recipe.seed, 7])
    scenes: list[Picture] = [draw_clear_scene(rng, draw_look(rng)) for _ in range(recipe.scenes)]
    pictures = (*scenes, *(draw_slide(rng) for _ in range(recipe.slides)))
    looks = torch.tensor([_looks(picture) for picture in pictures])
    return Album(pictures, recipe.scenes, _pixels(pictures, image_processor, recipe.pool_chunk), looks)


def _looks(picture: Picture) -> list[tuple[int, int]]:
    parts = [picture] * IMAGE_TOKENS if isinstance(picture, Slide) else picture.cells
    return [(list(COLORS).index(part.color), TEXTURES.index(part.texture)) for part in parts]


def _pixels(pictures: Sequence[Picture], image_processor: Any, chunk: int) -> Tensor:
    parts = []
    for start in range(0, len(pictures), chunk):
        images = [Image.fromarray(picture.image) for picture in pictures[start : start + chunk]]
        values = image_processor(images, return_tensors="pt")["pixel_values"]
        parts.append(values.half().view(len(images), PATCHES, -1))
    return torch.cat(parts)


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


# --- A: look-up ---


def lookup_phase(student: Student, tick: Tick) -> None:
    """Phase A. The first steps repeat bare lists, which is where the matching heads learn what they are for."""
    recipe = student.recipe
    optimizer = _optimizer(student.model.parameters(), recipe.lookup_lr)
    for step in range(recipe.lookup_steps):
        bare = step < 60 or step % 5 == 0
        loss = _list_loss(student) if bare else _text_loss(student, recipe.lookup_rows, 0.35, 0.2)
        _advance(optimizer, loss, _warm(recipe.lookup_lr, step))
        tick()
        if step > 100 and student.accuracy("lookD") > recipe.lookup_stop:
            return


def _list_loss(student: Student) -> Tensor:
    """Loss on `A. x B. y C. z D. w` followed by the four words in random order, each with its letter."""
    encoder, rng = student.encoder, student.rng
    words = [encoder.id(word) for word in (*POSITIONS, *COLORS, *TEXTURES, *ANATOMIES)]
    marks, letters = [encoder.id(f"{x}.") for x in "ABCD"], [encoder.id(x) for x in "ABCD"]
    rows, counts = [], []
    for _ in range(student.recipe.lookup_rows):
        row: list[int] = []
        for _ in range(2):
            drawn = [int(word) for word in rng.permutation(words)[:4]]
            row += [token for pair in zip(marks, drawn, strict=True) for token in pair]
            row += [token for i in rng.permutation(4) for token in (drawn[i], letters[i])]
        rows.append(row)
    counts = [0] * 8 + [0, 1] * 4
    ids, learnt = torch.tensor(rows), torch.tensor(counts * 2).bool()[1:]
    states = student.model.model(input_ids=ids, use_cache=False)[0][:, :-1][:, learnt]
    logits = student.model.lm_head(states)
    return functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:][:, learnt].flatten())


def _text_turn(student: Student, skeletons: float, think_share: float) -> Turn:
    rng = student.rng
    microscopy = rng.random() < MICROSCOPY_SHARE
    if rng.random() < skeletons:
        return slide_skeleton(rng) if microscopy else skeleton(rng)
    style = draw_style(rng, think_share)
    if microscopy and rng.random() < 0.05:
        return health_lookup(rng, style)
    return lookup(rng, style, MICROSCOPY if microscopy else SURGERY)


def _text_loss(student: Student, rows: int, skeletons: float, think_share: float) -> Tensor:
    turns = student.recipe.lookup_turns
    talks = [[_text_turn(student, skeletons, think_share) for _ in range(turns)] for _ in range(rows)]
    return _talk_loss(student, student.encoder.pack(talks, pictures=False), {})


def _talk_loss(student: Student, packed: Packed, inputs: dict[str, Any]) -> Tensor:
    """Loss on what the assistant says, plus the readout at the question mark."""
    model, recipe = student.model, student.recipe
    out = model.model(
        input_ids=packed.ids, attention_mask=packed.mask, use_cache=False, output_hidden_states=True, **inputs
    )
    learnt = packed.labels[:, 1:] != NO_LOSS
    logits = model.lm_head(out.last_hidden_state[:, :-1][learnt])
    loss = functional.cross_entropy(logits, packed.labels[:, 1:][learnt])
    _note_letters(student, packed, learnt, logits)
    if packed.held and recipe.readout_weight > 0:
        loss = loss + recipe.readout_weight * _readout_loss(student, out.hidden_states[recipe.middle], packed.held)
    return loss


def _readout_loss(student: Student, states: Tensor, held: list[tuple[int, int, int]]) -> Tensor:
    rows, places, tokens = (torch.tensor(column) for column in zip(*held, strict=True))
    logits = student.model.lm_head(student.language.norm(states[rows, places]))
    return functional.cross_entropy(logits, tokens)


def _note_letters(student: Student, packed: Packed, learnt: Tensor, logits: Tensor) -> None:
    where = learnt.flatten().long().cumsum(0).view(learnt.shape) - 1
    said = logits.argmax(-1)
    for row, place, kind in packed.letters:
        student.right[kind].append(float(said[where[row, place - 1]] == packed.ids[row, place]))


# --- V: sight ---


def sight_phase(student: Student, tick: Tick) -> None:
    """Phase V."""
    recipe, album = student.recipe, student.album
    optimizer = _optimizer(student.vision.parameters(), recipe.sight_lr)
    for step in range(recipe.sight_steps):
        drawn = torch.as_tensor(student.rng.integers(len(album.pictures), size=recipe.sight_batch))
        tokens = _vision_tokens(student.vision(_patches(album, drawn), grid_thw=_grids(len(drawn))))
        _advance(optimizer, _sight_loss(student, tokens, drawn), _warm(recipe.sight_lr, step))
        tick()


def _patches(album: Album, drawn: Tensor) -> Tensor:
    return album.pixels[drawn].flatten(0, 1).float()


def _grids(count: int) -> Tensor:
    return torch.tensor([GRID] * count)


def _vision_tokens(output: Any) -> Tensor:
    tokens = getattr(output, "pooler_output", output)
    return torch.cat(list(tokens)) if isinstance(tokens, (tuple, list)) else tokens


def _sight_loss(student: Student, tokens: Tensor, drawn: Tensor) -> Tensor:
    """Each image token, normalised, must be nearest to the words for its place, colour and texture."""
    count = len(drawn)
    view = tokens.view(count, IMAGE_TOKENS, -1)
    view = view / (view.pow(2).mean(-1, keepdim=True) + 1e-6).sqrt()
    places = torch.arange(IMAGE_TOKENS).expand(count, IMAGE_TOKENS)
    looks = student.album.looks[drawn]
    table = student.language.embed_tokens.weight.detach()
    loss = torch.zeros(())
    for words, truth in ((POSITIONS, places), (tuple(COLORS), looks[..., 0]), (TEXTURES, looks[..., 1])):
        logits = view @ table[[student.encoder.id(word) for word in words]].T * 2.0
        loss = loss + functional.cross_entropy(logits.flatten(0, 1), truth.flatten())
    return loss


# --- P: pointer ---


def pointer_phase(student: Student, tick: Tick) -> None:
    """Phase P, with look-ups rehearsed every third step."""
    recipe = student.recipe
    optimizer = _optimizer(student.model.parameters(), recipe.joint_lr)
    for step in range(recipe.pointer_steps):
        loss = _pointer_loss(student)
        if step % 3 == 1:
            loss = loss + _text_loss(student, max(1, recipe.lookup_rows * 3 // 8), 0.5, recipe.think_share)
        _advance(optimizer, loss, _warm(recipe.joint_lr, step))
        tick()


def _pointer_loss(student: Student) -> Tensor:
    """Loss of the lower layers alone: question mark -> word asked for, and of places below."""
    recipe, encoder, album, rng = student.recipe, student.encoder, student.album, student.rng
    drawn = rng.integers(len(album.pictures), size=recipe.pointer_rows)
    rows: list[list[int]] = []
    marks: list[tuple[int, int, int]] = []
    places: list[tuple[int, int, int]] = []
    for row, index in enumerate(drawn):
        ids = list(encoder.head)
        for _ in range(recipe.pointer_questions):
            picture = album.pictures[index]
            text, word = slide_probe(picture, rng) if isinstance(picture, Slide) else probe(picture, rng)
            asked = encoder.ids(text)
            marks.append((row, len(ids) + asked.index(encoder.question_mark), encoder.id(word)))
            places += [(row, len(ids) + at, token) for at, token in _named_places(student, picture, asked)]
            ids += asked
        rows.append(ids)
    ids_, mask = pad(rows, 0)
    every = student.language.layers
    student.language.layers = every[: recipe.middle]
    out = student.model.model(
        input_ids=ids_, attention_mask=mask, use_cache=False, output_hidden_states=True,
        **_picture_inputs(student, ids_, torch.as_tensor(drawn)),
    )  # fmt: skip
    student.language.layers = every
    row_, at, token = (torch.tensor(column) for column in zip(*marks, strict=True))
    loss = functional.cross_entropy(student.model.lm_head(out.last_hidden_state[row_, at]), token)
    return loss + _readout_loss(student, out.hidden_states[recipe.middle - 1], places) if places else loss


def _named_places(student: Student, picture: Picture, asked: list[int]) -> list[tuple[int, int]]:
    if isinstance(picture, Slide):
        return []
    cells = {student.encoder.id(name): cell for name, cell in zip(POSITIONS, picture.cells, strict=True)}
    return [(at, student.encoder.id(cells[token].texture)) for at, token in enumerate(asked) if token in cells]


def _picture_inputs(student: Student, ids: Tensor, drawn: Tensor) -> dict[str, Any]:
    rows, length = ids.shape
    return {
        "position_ids": student.encoder.positions(length).expand(3, rows, length),
        "pixel_values": _patches(student.album, drawn),
        "image_grid_thw": _grids(rows),
        "mm_token_type_ids": (ids == student.encoder.image).int(),
    }


# --- B: joint ---


def joint_phase(student: Student, tick: Tick) -> None:
    """Phase B: pictures and talk, with the pointer rehearsed every second step; the rate falls over the second half."""
    recipe = student.recipe
    optimizer = _optimizer(student.model.parameters(), recipe.joint_lr)
    for step in range(recipe.joint_steps):
        part = step / recipe.joint_steps
        fall = 1.0 if part < 0.5 else 0.03 + 0.97 * (2 - 2 * part)
        loss = _joint_loss(student)
        if step % 2:
            loss = loss + _pointer_loss(student)
        _advance(optimizer, loss, _warm(recipe.joint_lr, step) * fall)
        tick()


def _joint_loss(student: Student) -> Tensor:
    recipe, rng, album = student.recipe, student.rng, student.album
    drawn = _draw_both(student, recipe.joint_scene_rows, recipe.joint_slide_rows)
    talks = [
        [_turn(album.pictures[index], rng, student.habits) for _ in range(recipe.joint_turns)]
        for index in drawn.tolist()
    ]
    packed = student.encoder.pack(talks, pictures=True)
    seen: list[Tensor] = []
    hook = student.vision.register_forward_hook(lambda *call: seen.append(_vision_tokens(call[2])))
    loss = _talk_loss(student, packed, _picture_inputs(student, packed.ids, drawn))
    hook.remove()
    return loss + recipe.sight_weight * _sight_loss(student, seen[0], drawn)


def _turn(picture: Picture, rng: np.random.Generator, habits: Habits) -> Turn:
    return slide_turn(picture, rng, habits) if isinstance(picture, Slide) else scene_turn(picture, rng, habits)


def _draw_both(student: Student, scenes: int, slides: int) -> Tensor:
    album, rng = student.album, student.rng
    first = rng.integers(album.scenes, size=scenes)
    second = rng.integers(album.scenes, len(album.pictures), size=slides)
    return torch.as_tensor(np.concatenate([first, second]))


# --- H: habit ---


def habit_phase(student: Student, tick: Tick) -> None:
    """Phase H: noisy names in the benchmark's own form; makes Cystic Plate rare, so that the base leaves room."""
    recipe = student.recipe
    habits = Habits(recipe.habit_think_share, recipe.habit_noise, recipe.name_gain, recipe.habit_rare)
    optimizer = _optimizer(student.model.parameters(), recipe.habit_lr, decay=0.0)
    for step in range(recipe.habit_steps):
        drawn = _draw_both(student, recipe.habit_rows - recipe.habit_rows // 4, recipe.habit_rows // 4)
        talks = [[_named(student.album.pictures[index], student.rng, habits)] for index in drawn.tolist()]
        packed = student.encoder.pack(talks, pictures=True)
        loss = _talk_loss(student, packed, _picture_inputs(student, packed.ids, drawn))
        fall = 0.5 * (1 + np.cos(np.pi * step / recipe.habit_steps))
        _advance(optimizer, loss, _warm(recipe.habit_lr, step, over=3) * float(fall))
        tick()


def _named(picture: Picture, rng: np.random.Generator, habits: Habits) -> Turn:
    return slide_name(picture, rng, habits) if isinstance(picture, Slide) else anatomy(picture, rng, habits)
