"""A group computed once: its prompt and image stand in the batch one time, and its completions follow them.

TRL computes the log-probabilities of B rows, each with its own copy of prompt and image. Completions of one group share
both. Here they share a row:

    prompt without its last token | last, completion 1 | last, completion 2 | ... | padding

Each branch begins with the prompt's last token, which predicts the completion's first, and lacks the completion's last
token, which predicts nothing. A mask of four dimensions keeps the branches apart: a token sees the prompt and what
comes before it in its own branch. Positions go on from the prompt in every branch. So every token sees what it sees in
a row of its own, and log-probabilities and gradients are the same up to rounding (tests/baselines/trainers/
test_shared_prefix.py: to 1e-10 in float64). Attention that shares a prefix is known from inference (Hydragen,
arXiv:2402.05099) and from training of language models on several completions of one prompt.

Rows are grouped by what they hold, not by their place: TRL shuffles rows before it splits them into batches, and GDQA's
members differ. Rows with equal prompts and pixels share a row; where no two are equal, TRL's own path is taken. There,
too, the vision tower runs once for each image (`distinct_images`): GDQA without noise shows a group one image.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import torch
from torch.nn.utils.rnn import pad_sequence

Groups = tuple[tuple[int, ...], ...]
"""Rows that share prompt and images, in the order in which they first occur."""
IGNORED = -100
"""Label of a position that is not scored."""
PADDING = -1
"""Owner of padding, and what stands for no place."""


@dataclass(frozen=True)
class Rows:
    """A batch as TRL has it: rows of a prompt, padded on either side, and a completion, padded on the right."""

    ids: torch.Tensor
    """(B, P + C)."""
    mask: torch.Tensor
    """(B, P + C): 1 for a token, 0 for padding."""
    kept: int
    """C: the width of the completions."""
    types: torch.Tensor | None = None
    """(B, P + C): 1 for an image token."""
    pixels: tuple[torch.Tensor, ...] = ()
    """Patches of each row's images; empty without images."""
    grids: tuple[torch.Tensor, ...] = ()
    """Each row's `image_grid_thw`, (its images, 3)."""

    def part(self, first: int, last: int) -> Rows:
        """Rows from `first` up to, not including, `last`."""
        types = None if self.types is None else self.types[first:last]
        inside = slice(first, last)
        return Rows(self.ids[inside], self.mask[inside], self.kept, types, self.pixels[inside], self.grids[inside])


def rows_of(
    ids: torch.Tensor,
    mask: torch.Tensor,
    kept: int,
    *,
    types: torch.Tensor | None = None,
    pixels: torch.Tensor | None = None,
    grid: torch.Tensor | None = None,
    images: Sequence[int] | None = None,
) -> Rows:
    """TRL's tensors as rows: `pixels` (patches, width) and `grid` (images, 3) of all rows, `images` of each row."""
    if pixels is None or grid is None or images is None:
        return Rows(ids, mask, kept, types)
    grids = torch.split(grid, list(images))
    sizes = [int(one.prod(-1).sum()) for one in grids]
    return Rows(ids, mask, kept, types, torch.split(pixels, sizes), grids)


def groups_of(rows: Rows) -> Groups:
    """Rows with equal prompts, padding aside, and equal images."""
    prompts = _tokens(rows.ids, rows.mask, slice(rows.ids.size(1) - rows.kept))
    found: dict[tuple[int, ...], list[list[int]]] = {}
    for row, prompt in enumerate(prompts):
        same = found.setdefault(prompt, [])
        group = next((one for one in same if _same_images(rows, one[0], row)), None)
        if group is None:
            same.append([row])
        else:
            group.append(row)
    return tuple(sorted(tuple(group) for same in found.values() for group in same))


def _tokens(ids: torch.Tensor, mask: torch.Tensor, columns: slice) -> list[tuple[int, ...]]:
    """The tokens of each row in these columns, without padding."""
    pairs = zip(ids[:, columns].tolist(), mask[:, columns].tolist(), strict=True)
    return [tuple(token for token, real in zip(row, kept, strict=True) if real) for row, kept in pairs]


def _same_images(rows: Rows, one: int, other: int) -> bool:
    """Whether two rows show the same pixels."""
    if not rows.pixels:
        return True
    return torch.equal(rows.grids[one], rows.grids[other]) and torch.equal(rows.pixels[one], rows.pixels[other])


def distinct_images(pixels: torch.Tensor, grid: torch.Tensor) -> tuple[list[int], list[int]]:
    """Of images as the model gets them: the first of each kind, and for each image the number of its kind.

    Example:
        >>> distinct_images(torch.tensor([[1.0], [2.0], [1.0]]), torch.ones(3, 3, dtype=torch.long))
        ([0, 1], [0, 1, 0])
    """
    parts, first, kinds = torch.split(pixels, grid.prod(-1).tolist()), list[int](), list[int]()
    for number, part in enumerate(parts):
        known = (
            kind
            for kind, one in enumerate(first)
            if torch.equal(grid[one], grid[number]) and torch.equal(parts[one], part)
        )
        kind = next(known, len(first))
        if kind == len(first):
            first.append(number)
        kinds.append(kind)
    return first, kinds


@dataclass(frozen=True)
class Packed:
    """K rows of S tokens, one a group, padded on the right."""

    ids: torch.Tensor
    """(K, S)."""
    labels: torch.Tensor
    """(K, S): the token that follows in the completion; `IGNORED` in the prompt and in padding."""
    owner: torch.Tensor
    """(K, S): 0 for the prompt, i for the i-th completion, `PADDING`."""
    place: torch.Tensor
    """(K, S): number of tokens before this one in its own prompt and completion."""
    prompt: torch.Tensor
    """(K, P): the whole prompts, padded on the right."""
    prompt_mask: torch.Tensor
    """(K, P): 1 for a token."""
    prompt_types: torch.Tensor | None
    """(K, P): 1 for an image token."""
    types: torch.Tensor | None
    """(K, S): 1 for an image token."""
    pixels: torch.Tensor | None
    """Patches of each group's images, in order."""
    grid: torch.Tensor | None
    """Their `image_grid_thw`."""
    target: torch.Tensor
    """Places in (B, C), flattened, of the labels in order."""
    shape: tuple[int, int]
    """(B, C)."""

    def unpack(self, values: torch.Tensor) -> torch.Tensor:
        """(K, S) -> (B, C): the values at scored positions; 0 at padding, as TRL has it."""
        scored = values[self.labels != IGNORED]
        return values.new_zeros(self.shape[0] * self.shape[1]).index_copy(0, self.target, scored).view(self.shape)


@dataclass(frozen=True)
class _Line:
    """One packed row: `source`, `label` and `prompt` are places in (B, P + C), flattened; -1 is no label."""

    source: list[int]
    label: list[int]
    owner: list[int]
    place: list[int]
    target: list[int]
    prompt: list[int]


def pack(rows: Rows, groups: Groups) -> Packed:
    """One row a group.

    Raises:
        ValueError: A prompt is empty, or ends in an image: its last token could not be repeated.
    """
    mask, device, flat = rows.mask.tolist(), rows.ids.device, rows.ids.flatten()
    lines = [_line(rows, mask, group) for group in groups]
    source, label = _padded([line.source for line in lines], device), _padded([line.label for line in lines], device)
    owner, prompt = (_padded([getattr(line, name) for line in lines], device) for name in ("owner", "prompt"))
    last, first = [line.prompt[-1] for line in lines], [group[0] for group in groups]
    kinds = None if rows.types is None else rows.types.flatten()
    if kinds is not None and bool(kinds[last].any()):
        raise ValueError("a prompt ends in an image token: it cannot be repeated before each completion")
    filler = flat[last][:, None]  # text: an image token in the padding would have no image
    return Packed(
        ids=torch.where(owner == PADDING, filler, flat[source]),
        labels=torch.where(label < 0, IGNORED, flat[label]),
        owner=owner,
        place=_padded([line.place for line in lines], device).clamp(min=0),
        prompt=torch.where(prompt < 0, filler, flat[prompt]),
        prompt_mask=(prompt >= 0).long(),
        prompt_types=None if kinds is None else kinds[prompt].masked_fill(prompt < 0, 0),
        types=None if kinds is None else kinds[source].masked_fill(owner == PADDING, 0),
        pixels=torch.cat([rows.pixels[row] for row in first]) if rows.pixels else None,
        grid=torch.cat([rows.grids[row] for row in first]) if rows.grids else None,
        target=torch.tensor([*chain.from_iterable(line.target for line in lines)], dtype=torch.long, device=device),
        shape=(rows.ids.size(0), rows.kept),
    )


def _line(rows: Rows, mask: list[list[int]], group: tuple[int, ...]) -> _Line:
    """The row of one group; a completion that is masked as a whole has no branch."""
    width = rows.ids.size(1)
    begin = width - rows.kept
    prompt = [group[0] * width + column for column in range(begin) if mask[group[0]][column]]
    if not prompt:
        raise ValueError("a prompt is empty: nothing predicts the first token of its completions")
    line = _Line(prompt[:-1], [-1] * (len(prompt) - 1), [0] * (len(prompt) - 1), [*range(len(prompt) - 1)], [], prompt)
    for number, row in enumerate(group, 1):
        columns = [column for column in range(begin, width) if mask[row][column]]
        tokens = [row * width + column for column in columns]
        line.source.extend([prompt[-1], *tokens][:-1] if tokens else [])
        line.label.extend(tokens)
        line.owner.extend([number] * len(tokens))
        line.place.extend(range(len(prompt) - 1, len(prompt) - 1 + len(tokens)))
        line.target.extend(row * rows.kept + column - begin for column in columns)
    return line


def _padded(lists: Sequence[list[int]], device: torch.device) -> torch.Tensor:
    """Rows of numbers as one tensor, padded on the right with -1; of no numbers, one column, since models need one."""
    rows = [torch.tensor(one or [PADDING], dtype=torch.long) for one in lists]
    return pad_sequence(rows, batch_first=True, padding_value=PADDING).to(device)


def visible(owner: torch.Tensor) -> torch.Tensor:
    """(K, S) -> (K, 1, S, S): whether the token of a row (first S) sees that of a column (last S).

    Padding sees the prompt and itself, so that no row is empty, and nothing sees padding.

    Example:
        >>> visible(torch.tensor([[0, 1, 2, -1]]))[0, 0].int().tolist()
        [[1, 0, 0, 0], [1, 1, 0, 0], [1, 0, 1, 0], [1, 0, 0, 1]]
    """
    order = torch.arange(owner.size(1), device=owner.device)
    before = order[None, :, None] >= order[None, None, :]
    shared = (owner == 0)[:, None, :] | (owner[:, :, None] == owner[:, None, :])
    return (before & shared)[:, None]


def as_bias(seen: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """The mask as a number that is added to the scores, which `eager` attention needs."""
    return torch.zeros(seen.shape, dtype=dtype, device=seen.device).masked_fill(~seen, torch.finfo(dtype).min)


def positions(packed: Packed, of_prompt: torch.Tensor) -> torch.Tensor:
    """(3, K, P) positions of the whole prompts -> (3, K, S): in each branch they go on from the prompt's last."""
    last = packed.prompt_mask.sum(1, keepdim=True) - 1
    within = packed.place.minimum(last).expand(3, -1, -1)
    return of_prompt.gather(2, within) + (packed.place - last).clamp(min=0)
