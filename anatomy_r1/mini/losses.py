"""What the base's training minimises, one function a phase."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from anatomy_r1.mini.architecture import IMAGE_TOKENS
from anatomy_r1.mini.classes import ANATOMIES, COLORS, POSITIONS, TEXTURES
from anatomy_r1.mini.microscopy import Slide
from anatomy_r1.mini.packing import NO_LOSS, Packed, pad
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


def text_loss(student: Student, rows: int, skeletons: float, think_share: float) -> Tensor:
    """Loss on rows of lessons without a picture."""
    turns, rng = student.recipe.lookup_turns, student.rng
    talks = [[student.curriculum.text_turn(rng, skeletons, think_share) for _ in range(turns)] for _ in range(rows)]
    packed = student.encoder.pack(talks, pictures=False)
    positions = {"position_ids": torch.arange(packed.ids.shape[1]).expand(3, *packed.ids.shape)}
    return talk_loss(student, packed, positions if packed.hidden else {})


def talk_loss(student: Student, packed: Packed, inputs: dict[str, Any]) -> Tensor:
    """Loss on what the assistant says, plus the readouts at the stem's end and at `<answer>`."""
    model, recipe = student.model, student.recipe
    out = model.model(
        input_ids=packed.ids,
        use_cache=False,
        output_hidden_states=True,
        attention_mask=attention_mask(packed),
        **inputs,
    )
    learnt = packed.labels[:, 1:] != NO_LOSS
    logits = model.lm_head(out.last_hidden_state[:, :-1][learnt])
    if recipe.soft_weight:
        loss = soft_loss(logits, packed, recipe.soft_weight)
    else:
        loss = functional.cross_entropy(logits, packed.labels[:, 1:][learnt])
    _note_letters(student, packed, learnt, logits)
    if packed.held and recipe.readout_weight > 0:
        loss = loss + recipe.readout_weight * _readout_loss(student, out.hidden_states[recipe.middle], packed.held)
    if packed.answered and recipe.answer_readout:
        above = out.hidden_states[recipe.middle + 1]
        loss = loss + recipe.readout_weight * _readout_loss(student, above, packed.answered)
    return loss


def attention_mask(packed: Packed) -> Tensor:
    """(rows, length); where something is hidden (rows, 1, length, length), to be added to the attention's logits."""
    if not packed.hidden:
        return packed.mask
    rows, length = packed.ids.shape
    allowed = torch.ones(length, length, dtype=torch.bool).tril() & packed.mask.bool()[:, None, :]
    for row, later, earlier in packed.hidden:
        allowed[row, later, earlier] = False
    allowed |= torch.eye(length, dtype=torch.bool)  # padding attends to itself, or its softmax would be empty
    return torch.zeros(rows, 1, length, length).masked_fill(~allowed[:, None], torch.finfo(torch.float32).min)


def soft_loss(logits: Tensor, packed: Packed, weight: float) -> Tensor:
    """Mean cross entropy of the learnt tokens; at soft targets, that with the teacher's probabilities, times `weight`.

    The targets' own entropy is taken off, so that a perfect student has loss 0 there.
    """
    learnt = packed.labels[:, 1:] != NO_LOSS
    losses = functional.cross_entropy(logits, packed.labels[:, 1:][learnt], reduction="none")
    if not packed.soft:
        return losses.mean()
    place = learnt.flatten().long().cumsum(0).view(learnt.shape) - 1
    at = torch.stack([place[row, where - 1] for row, where, _, _ in packed.soft])
    target = torch.zeros(len(packed.soft), logits.shape[1])
    for index, (_, _, tokens, shares) in enumerate(packed.soft):
        target[index, tokens] = torch.tensor(shares)
    entropy = -torch.special.xlogy(target, target).sum(-1)
    soft = -(target * logits[at].log_softmax(-1)).sum(-1) - entropy
    return losses.index_copy(0, at, weight * soft).mean()


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
    """Loss of the lower layers alone: stem's end -> word asked for, and of places below."""
    recipe, album = student.recipe, student.album
    drawn = student.rng.integers(len(album.pictures), size=recipe.pointer_rows)
    packed, places = _probes(student, [album.pictures[index] for index in drawn])
    # A whole forward has run before (base.py), which installed the hooks of `output_hidden_states`.
    every = student.language.layers
    student.language.layers = every[: recipe.middle]
    out = student.model.model(
        input_ids=packed.ids, use_cache=False, output_hidden_states=True, attention_mask=attention_mask(packed),
        **picture_inputs(student, packed, torch.as_tensor(drawn)),
    )  # fmt: skip
    student.language.layers = every
    row, at, token = (torch.tensor(column) for column in zip(*packed.held, strict=True))
    logits = student.model.lm_head(out.last_hidden_state[row, at])
    student.right["pointer"].extend((logits.argmax(-1) == token).float().tolist())
    loss = functional.cross_entropy(logits, token)
    return loss + _readout_loss(student, out.hidden_states[recipe.middle - 1], places) if places else loss


def _probes(student: Student, pictures: Sequence[Picture]) -> tuple[Packed, list[tuple[int, int, int]]]:
    """Bare questions about pictures, and (row, position, token id of the look) of the places that they name."""
    encoder, recipe = student.encoder, student.recipe
    packed = Packed(torch.empty(0), torch.empty(0), torch.empty(0))
    rows: list[list[int]] = []
    places: list[tuple[int, int, int]] = []
    for row, picture in enumerate(pictures):
        ids = list(encoder.head)
        for _ in range(recipe.pointer_questions):
            text, word = student.curriculum.probe(picture, student.rng)
            asked = encoder.ids(text)
            packed.held.append((row, len(ids) + len(asked) - 1, encoder.id(word)))
            places += [(row, len(ids) + at, token) for at, token in _named_places(student, picture, asked)]
            if recipe.isolated:
                encoder.isolate(packed, row, len(ids), len(ids) + len(asked))
            ids += asked
        rows.append(ids)
    packed.ids, packed.mask = pad(rows, 0)
    return packed, places


def _named_places(student: Student, picture: Picture, asked: list[int]) -> list[tuple[int, int]]:
    if isinstance(picture, Slide):
        return []
    return [(at, student.encoder.id(picture.cells[cell].texture)) for at, cell in student.encoder.places(asked)]


def picture_inputs(student: Student, packed: Packed, drawn: Tensor) -> dict[str, Any]:
    """What a forward pass needs besides ids and mask."""
    return {
        "position_ids": student.encoder.row_positions(packed),
        "pixel_values": patches(student.album, drawn),
        "image_grid_thw": grids(len(drawn)),
        "mm_token_type_ids": (packed.ids == student.encoder.image).int(),
    }


def joint_loss(student: Student) -> Tensor:
    """Loss on talk about pictures, with the vision tower held near the words."""
    recipe, rng, album = student.recipe, student.rng, student.album
    drawn = draw_both(student, recipe.joint_scene_rows, recipe.joint_slide_rows)
    talks = [
        [student.curriculum.turn(album.pictures[index], rng, student.habits) for _ in range(recipe.joint_turns)]
        for index in drawn.tolist()
    ]
    packed = student.encoder.pack(talks, pictures=True, isolated=recipe.isolated)
    seen: list[Tensor] = []
    hook = student.vision.register_forward_hook(lambda *call: seen.append(vision_tokens(call[2])))
    loss = talk_loss(student, packed, picture_inputs(student, packed, drawn))
    hook.remove()
    return loss + recipe.sight_weight * sight_loss(student, seen[0], drawn)


def draw_both(student: Student, scenes: int, slides: int) -> Tensor:
    """Indices of so many scenes and slides, at random."""
    album, rng = student.album, student.rng
    first = rng.integers(album.scenes, size=scenes)
    second = rng.integers(album.scenes, len(album.pictures), size=slides)
    return torch.as_tensor(np.concatenate([first, second]))
