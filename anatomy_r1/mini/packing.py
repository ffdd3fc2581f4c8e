"""Turns -> tensors: several turns about one picture in one row, padded on the right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from anatomy_r1.mini.architecture import IMAGE_TOKENS
from anatomy_r1.mini.classes import COLORS, POSITIONS, TEXTURES
from anatomy_r1.mini.lessons import Turn
from anatomy_r1.mini.phrasing import place_phrases

PICTURE_HEAD = "<|im_start|>user\n<|vision_start|>" + "<|image_pad|>" * IMAGE_TOKENS + "<|vision_end|>"
NO_LOSS = -100


@dataclass
class Packed:
    """A batch of conversations."""

    ids: Tensor
    """(rows, length) token ids."""
    labels: Tensor
    """(rows, length), `NO_LOSS` where nothing is learnt."""
    mask: Tensor
    """(rows, length) 1 for tokens, 0 for padding."""
    letters: list[tuple[int, int, str]] = field(default_factory=list)
    """(row, position of the answer letter, kind of turn)."""
    held: list[tuple[int, int, int]] = field(default_factory=list)
    """(row, position of the stem's end, token id that it must hold)."""
    answered: list[tuple[int, int, int]] = field(default_factory=list)
    """(row, position of a direct answer's `<answer>`, token id that it must hold one layer above)."""
    soft: list[tuple[int, int, list[int], list[float]]] = field(default_factory=list)
    """(row, position, token ids that may stand there, their probabilities)."""
    isolated: list[tuple[int, int, int]] = field(default_factory=list)
    """(row, start, stop) of a turn that neither sees the turns before it nor stands after them: as if asked alone."""
    hidden: list[tuple[int, slice, slice]] = field(default_factory=list)
    """(row, positions that may not attend, positions to which they may not)."""


class Encoder:
    """The tokenizer with a memory: lessons repeat themselves."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._memory: dict[str, list[int]] = {}
        self._title, self._anatomy, self._question = (self.id(word) for word in ("Options", "Anatomy", "Question"))
        self.image = self.id("<|image_pad|>")
        self.head = self.ids(PICTURE_HEAD)
        self.first_image = self.head.index(self.image)
        self._user, self._assistant = self.ids("<|im_start|>user\n"), self.ids("<|im_end|>\n<|im_start|>assistant\n")
        self._end = self.id("<|im_end|>")
        self._places = {
            tuple(self.ids(phrase)): POSITIONS.index(place)
            for place, phrases in place_phrases().items()
            for phrase in phrases
        }
        self._unseen = {self.id(word) for word in (*COLORS, *TEXTURES)}

    def id(self, token: str) -> int:
        """Id of one token.

        Raises:
            ValueError: when the vocabulary lacks it.
        """
        found: int = self._tokenizer.convert_tokens_to_ids(token)
        if found is None or found == self._tokenizer.unk_token_id:
            raise ValueError(f"token {token!r} is not in the tiny base's vocabulary: add it in tokenizer.py")
        return found

    def ids(self, text: str) -> list[int]:
        """Ids of a text."""
        if text not in self._memory:
            if len(self._memory) > 100_000:  # bounds memory; lessons with four random options rarely repeat
                self._memory.clear()
            self._memory[text] = self._tokenizer(text)["input_ids"]
        return self._memory[text]

    def stem_end(self, asked: Sequence[int]) -> int:
        """Place of a prompt's last token before the title of its options: the stem's question mark or full stop."""
        title = asked.index(self._title)
        return title - 2 if asked[title - 1] == self._anatomy else title - 1

    def places(self, asked: Sequence[int]) -> list[tuple[int, int]]:
        """Where a text names cells, in any wording: (place of the name's last token, cell)."""
        found, at = [], 0
        while at < len(asked):
            length = next((n for n in (2, 1) if tuple(asked[at : at + n]) in self._places), 0)
            if length:
                found.append((at + length - 1, self._places[tuple(asked[at : at + length])]))
            at += max(1, length)
        return found

    def pack(self, conversations: Sequence[Sequence[Turn]], *, pictures: bool, isolated: bool = False) -> Packed:
        """Lays out conversations; with `pictures`, each begins with one image, and turns may be isolated.

        Without a picture nobody can know colours and textures, so these words carry no loss there.
        """
        rows: list[tuple[list[int], list[int]]] = []
        packed = Packed(torch.empty(0), torch.empty(0), torch.empty(0))
        for row, turns in enumerate(conversations):
            rows.append(self._row(packed, row, turns, pictures, isolated))
        packed.ids, packed.mask = pad([ids for ids, _ in rows], 0)
        packed.labels, _ = pad([labels for _, labels in rows], NO_LOSS)
        return packed

    def _row(
        self, packed: Packed, row: int, turns: Sequence[Turn], pictures: bool, isolated: bool
    ) -> tuple[list[int], list[int]]:
        ids = list(self.head) if pictures else []
        labels = [NO_LOSS] * len(ids)
        for index, turn in enumerate(turns):
            opening = [] if pictures and (index == 0 or isolated) else self._user
            asked = [*opening, *self.ids(turn.user), *self._assistant]
            said = [*self.ids(turn.assistant), self._end]
            self._note(packed, row, len(ids), asked, turn)
            if turn.narrow:
                self._hide(packed, row, range(len(ids), len(ids) + len(asked) + len(said)), asked, pictures)
            if isolated:
                self.isolate(packed, row, len(ids), len(ids) + len(asked) + len(said))
            ids += asked + said
            labels += [NO_LOSS] * len(asked)
            labels += said if pictures else [NO_LOSS if token in self._unseen else token for token in said]
            if turn.kind != "caption":  # ... <answer> LETTER </answer> <|im_end|>
                packed.letters.append((row, len(ids) - 3, turn.kind))
        return ids, labels

    def _note(self, packed: Packed, row: int, start: int, asked: Sequence[int], turn: Turn) -> None:
        """Records what the tokens of one turn must hold, and where its soft targets are."""
        if turn.held is not None:
            held = self.id(turn.held)
            packed.held.append((row, start + self.stem_end(asked), held))
            if turn.assistant.startswith("<answer>"):
                packed.answered.append((row, start + len(asked), held))
        for at, odds in turn.soft:
            words, shares = [self.id(word) for word, _ in odds], [share for _, share in odds]
            packed.soft.append((row, start + len(asked) + at, words, shares))

    def isolate(self, packed: Packed, row: int, start: int, stop: int) -> None:
        """What stands from `start` to `stop` is as if it came directly after the image."""
        packed.isolated.append((row, start, stop))
        packed.hidden.append((row, slice(start, stop), slice(len(self.head), start)))

    def _hide(self, packed: Packed, row: int, turn: range, asked: Sequence[int], pictures: bool) -> None:
        """What follows a stem may not see the stem's words, nor the image."""
        begin, end = turn.start + asked.index(self._question) + 2, turn.start + self.stem_end(asked)
        after = slice(end + 1, turn.stop)
        packed.hidden.append((row, after, slice(begin, end)))
        if pictures:
            packed.hidden.append((row, after, slice(self.first_image, self.first_image + IMAGE_TOKENS)))

    def row_positions(self, packed: Packed) -> Tensor:
        """(3, rows, length): as `positions`, an isolated turn's as if it were the first."""
        rows, length = packed.ids.shape
        place = self.positions(length).repeat(1, rows, 1)
        for row, start, stop in packed.isolated:
            place[:, row, start:stop] -= start - len(self.head)
        return place

    def positions(self, length: int) -> Tensor:
        """(3, 1, length) rotary positions (time, height, width) of a row that begins with one image.

        The image's nine tokens share one moment and spread over rows and columns; the text goes on three steps later,
        as `Qwen2_5_VLModel.get_rope_index` has it.
        """
        steps = torch.arange(length)
        place = torch.stack([steps.clone() for _ in range(3)])
        start, cells = self.first_image, torch.arange(IMAGE_TOKENS)
        stop = start + IMAGE_TOKENS
        place[0, start:stop], place[1, start:stop], place[2, start:stop] = start, start + cells // 3, start + cells % 3
        place[:, stop:] = steps[stop:] - (IMAGE_TOKENS - 3)
        return place[:, None]


def pad(rows: Sequence[Sequence[int]], fill: int) -> tuple[Tensor, Tensor]:
    """Rows of ids -> (rows, longest) and its mask."""
    longest = max(map(len, rows))
    ids = torch.full((len(rows), longest), fill, dtype=torch.long)
    mask = torch.zeros((len(rows), longest), dtype=torch.long)
    for index, row in enumerate(rows):
        ids[index, : len(row)] = torch.tensor(row)
        mask[index, : len(row)] = 1
    return ids, mask
