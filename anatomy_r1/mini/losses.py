"""What the base's training minimises, one function a phase."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
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
    draw_style,
    health_lookup,
    lookup,
)
from anatomy_r1.mini.microscopy import Slide
from anatomy_r1.mini.packing import NO_LOSS, Packed, pad
from anatomy_r1.mini.scene_lessons import anatomy, probe, scene_turn, skeleton
from anatomy_r1.mini.slide_lessons import slide_name, slide_probe, slide_skeleton, slide_turn
from anatomy_r1.mini.student import GRID, Album, Picture, Student


def list_loss(student: Student) -> Tensor:
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


def text_loss(student: Student, rows: int, skeletons: float, think_share: float) -> Tensor:
    """Loss on rows of lessons without a picture."""
    turns = student.recipe.lookup_turns
    talks = [[_text_turn(student, skeletons, think_share) for _ in range(turns)] for _ in range(rows)]
    return talk_loss(student, student.encoder.pack(talks, pictures=False), {})


def talk_loss(student: Student, packed: Packed, inputs: dict[str, Any]) -> Tensor:
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


def patches(album: Album, drawn: Tensor) -> Tensor:
    """(count * PATCHES, values) of the pictures drawn."""
    return album.pixels[drawn].flatten(0, 1).float()


def grids(count: int) -> Tensor:
    """(count, 3) patch grids."""
    return torch.tensor([GRID] * count)


def vision_tokens(output: Any) -> Tensor:
    """(count * IMAGE_TOKENS, width), whatever form the tower's output has."""
    tokens = getattr(output, "pooler_output", output)
    return torch.cat(list(tokens)) if isinstance(tokens, (tuple, list)) else tokens


def sight_loss(student: Student, tokens: Tensor, drawn: Tensor) -> Tensor:
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


def pointer_loss(student: Student) -> Tensor:
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
        **picture_inputs(student, ids_, torch.as_tensor(drawn)),
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


def picture_inputs(student: Student, ids: Tensor, drawn: Tensor) -> dict[str, Any]:
    """What a forward pass needs besides ids and mask."""
    rows, length = ids.shape
    return {
        "position_ids": student.encoder.positions(length).expand(3, rows, length),
        "pixel_values": patches(student.album, drawn),
        "image_grid_thw": grids(rows),
        "mm_token_type_ids": (ids == student.encoder.image).int(),
    }


def joint_loss(student: Student) -> Tensor:
    """Loss on talk about pictures, with the vision tower held near the words."""
    recipe, rng, album = student.recipe, student.rng, student.album
    drawn = draw_both(student, recipe.joint_scene_rows, recipe.joint_slide_rows)
    talks = [
        [_turn(album.pictures[index], rng, student.habits) for _ in range(recipe.joint_turns)]
        for index in drawn.tolist()
    ]
    packed = student.encoder.pack(talks, pictures=True)
    seen: list[Tensor] = []
    hook = student.vision.register_forward_hook(lambda *call: seen.append(vision_tokens(call[2])))
    loss = talk_loss(student, packed, picture_inputs(student, packed.ids, drawn))
    hook.remove()
    return loss + recipe.sight_weight * sight_loss(student, seen[0], drawn)


def _turn(picture: Picture, rng: np.random.Generator, habits: Habits) -> Turn:
    return slide_turn(picture, rng, habits) if isinstance(picture, Slide) else scene_turn(picture, rng, habits)


def draw_both(student: Student, scenes: int, slides: int) -> Tensor:
    """Indices of so many scenes and slides, at random."""
    album, rng = student.album, student.rng
    first = rng.integers(album.scenes, size=scenes)
    second = rng.integers(album.scenes, len(album.pictures), size=slides)
    return torch.as_tensor(np.concatenate([first, second]))


def named(picture: Picture, rng: np.random.Generator, habits: Habits) -> Turn:
    """A noisily answered question of the benchmark's kind."""
    return slide_name(picture, rng, habits) if isinstance(picture, Slide) else anatomy(picture, rng, habits)
