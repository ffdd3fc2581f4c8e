"""Processed images and prompts kept over a step and over steps, by content and within a memory budget.

TRL has the processor read every row of a batch twice: its images and its prompt are processed to sample, and again to
score. The members of a group show the same, and so do later steps: a training set has fewer images than a training
serves rows. `KeptInputs` stands for the processor while a batch is drawn. It processes what it has not seen, and puts
the rest together from what it keeps. A key is what is processed: an image's pixels, or a prompt's text and images. So
GDQA's noisy images and reworded prompts have keys of their own.

What the trainer gets is what the processor itself would return, bit for bit: an image's patches depend on no other
image of the call, and a prompt's tokens on no other prompt. This holds for Qwen2-VL, Qwen2.5-VL and Qwen3-VL; others
are refused. Calls with other arguments than TRL's go to the processor unchanged.

`RowsOnce` reads a row of the dataset once for its group, which decodes an image once and not G times.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Hashable, Iterator, Mapping, Sequence
from sys import getsizeof
from typing import Any

import torch
from PIL import Image
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import Dataset
from transformers import BatchFeature

from anatomy_r1.errors import AnatomyR1Error
from baselines.trainers.kept import MEGABYTE, Kept

PROCESSORS = ("Qwen2VLProcessor", "Qwen2_5_VLProcessor", "Qwen3VLProcessor")
"""Processors that are known to process each image and each prompt by itself."""
PATCHES = ("pixel_values", "image_grid_thw")
"""What their image processors return."""
PER_TOKEN = ("input_ids", "attention_mask", "mm_token_type_ids")
"""What they return of a prompt: a number for each token."""
CALLS: tuple[dict[str, Any], ...] = ({}, {"padding": True, "return_tensors": "pt"})
"""Arguments with which TRL has prompts and images processed, to sample and to score."""
RENDERED = {"chat_template", "tools", "add_generation_prompt", "continue_final_message", "tokenize", "return_dict"}
"""Arguments with which TRL has a prompt rendered."""
NUMBER = 36
"""Bytes of a number in a list of Python's: 8 for its place, at most 28 for itself."""

Prompt = dict[str, list[int]]
"""`PER_TOKEN` of one prompt, without padding."""
Patches = tuple[torch.Tensor, torch.Tensor]
"""An image's `pixel_values` (patches, width) and `image_grid_thw` (1, 3)."""


def unsupported(processor: Any) -> str:
    """Why the inputs of this processor cannot be kept; empty if they can."""
    name = type(processor).__name__
    if name not in PROCESSORS:
        return f"is known to work with {', '.join(PROCESSORS)}, not with {name}"
    if processor.tokenizer.bos_token is not None:
        return "does not know tokenizers with a token for the beginning of a text"
    return ""


def image_key(image: Any) -> Hashable:
    """What an image shows: equal for equal pixels. Modes with more than pixels, such as a palette, equal nothing."""
    if not isinstance(image, Image.Image) or image.mode != "RGB":
        return object()
    return image.size, hashlib.blake2b(image.tobytes(), digest_size=16).digest()


def keys_of(images: Sequence[Any]) -> list[Hashable]:
    """The key of each image; the pixels of an object that occurs several times are read once."""
    found: dict[int, Hashable] = {}
    return [found[id(one)] if id(one) in found else found.setdefault(id(one), image_key(one)) for one in images]


def one_object_each(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows, those with the same image with one object: TRL copies each object, and keys are computed of each."""
    first: dict[Hashable, Any] = {}
    keys = keys_of([row["image"] for row in rows])
    return [{**row, "image": first.setdefault(key, row["image"])} for key, row in zip(keys, rows, strict=True)]


class RowsOnce(Dataset[Any]):
    """A dataset of which each row of a batch is read once, however often the batch has it."""

    def __init__(self, rows: Any) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> Any:
        return self._rows[index]

    def __getitems__(self, indices: Sequence[int]) -> list[Any]:
        distinct = list(dict.fromkeys(indices))
        found = dict(zip(distinct, self._rows.__getitems__(distinct), strict=True))
        return [found[index] for index in indices]


class KeptImages:
    """Stands for an image processor."""

    def __init__(self, processor: Any, kept: Kept[Any]) -> None:
        self._processor, self._kept = processor, kept

    def __getattr__(self, name: str) -> Any:
        return getattr(self._processor, name)

    def __call__(self, images: Any, return_tensors: Any = None, **options: Any) -> Any:
        """As the processor's: the patches of all images, in order."""
        flat = [*_flat(images)]
        return BatchFeature(self.patches(flat, keys_of(flat), options), tensor_type=return_tensors)

    def patches(self, images: Sequence[Any], keys: Sequence[Hashable], options: Mapping[str, Any]) -> dict[str, Any]:
        """The patches of images with these keys."""
        full = [("image", key, _said(options)) for key in keys]
        found: dict[Hashable, Any] = {key: self._kept.get(key) for key in dict.fromkeys(full)}
        missing = {key: image for key, image in zip(full, images, strict=True) if found[key] is None}
        if missing:
            found |= dict(zip(missing, self._processed([*missing.values()], options), strict=True))
        for key in missing:
            self._kept.put(key, found[key], sum(one.nbytes for one in found[key]))
        parts = [found[key] for key in full]
        return dict(zip(PATCHES, map(torch.cat, zip(*parts, strict=True)), strict=True))

    def _processed(self, images: list[Any], options: Mapping[str, Any]) -> list[Patches]:
        out = self._processor(images, return_tensors="pt", **options)
        if {*out} != {*PATCHES}:
            told = f"kept_inputs_mb: the image processor returns {sorted(out)}, not {sorted(PATCHES)}"
            raise AnatomyR1Error(f"{told}. Fix: kept_inputs_mb: 0 in the profile")
        pixels, grids = (out[name] for name in PATCHES)
        parts = torch.split(pixels, grids.prod(-1).tolist())
        return [(one.clone(), grid[None].clone()) for one, grid in zip(parts, grids, strict=True)]


class KeptInputs:
    """Stands for a processor: `budget` is in megabytes."""

    def __init__(self, processor: Any, budget: int) -> None:
        if problem := unsupported(processor):
            raise AnatomyR1Error(f"kept_inputs_mb {problem}. Fix: kept_inputs_mb: 0 in the profile")
        self.kept = Kept[Any](budget * MEGABYTE)
        self._processor = processor
        self._images = KeptImages(processor.image_processor, self.kept)
        self._with_kept_images = copy.copy(processor)
        self._with_kept_images.image_processor = self._images

    def __getattr__(self, name: str) -> Any:
        return getattr(self._processor, name)

    def apply_chat_template(self, conversation: Any, **options: Any) -> Any:
        """As the processor's: the text of a conversation, or with `tokenize` what the model reads of several."""
        several = bool(conversation) and isinstance(conversation[0], list)
        if not several and not options.get("tokenize"):
            return self._text(conversation, options)
        if not several or options.keys() - RENDERED or options.get("tools") or not options.get("return_dict"):
            return self._processor.apply_chat_template(conversation, **options)
        words = {name: value for name, value in options.items() if name not in ("tokenize", "return_dict")}
        images = [_images(one) for one in conversation]
        texts = [self._text(one, words) for one in conversation]
        return self(text=texts, images=images if any(images) else None)

    def __call__(self, images: Any = None, text: Any = None, **options: Any) -> Any:
        """As the processor's for lists of prompts, each with a list of images."""
        listed = isinstance(text, list) and isinstance(images, list) and len(text) == len(images) and None not in images
        if not listed or not any(images) or options not in CALLS:
            return self._processor(images=images, text=text, **options)
        shown = [tuple(one) for one in images]
        flat = [*_flat(shown)]
        keys = keys_of(flat)
        patches = self._images.patches(flat, keys, {})
        prompts = self._prompts(text, shown, keys)
        tokenizer = self._processor.tokenizer
        side = tokenizer.padding_side if options else None
        fills = dict(zip(PER_TOKEN, (tokenizer.pad_token_id, 0, 0), strict=True))
        read = {name: _padded([one[name] for one in prompts], fill, side) for name, fill in fills.items()}
        return BatchFeature({**read, **patches}, tensor_type=options.get("return_tensors"))

    def _text(self, conversation: Any, options: Mapping[str, Any]) -> Any:
        """The rendered text, in which an image is a place and nothing more."""
        key = ("text", _words(conversation), _said(options))
        found = self.kept.get(key)
        if found is None:
            found = self._processor.apply_chat_template(conversation, **options)
            self.kept.put(key, found, sum(map(getsizeof, (found, *key))))
        return found

    def _prompts(self, texts: Sequence[str], images: Sequence[Sequence[Any]], keys: Sequence[Hashable]) -> list[Prompt]:
        """The tokens of each prompt; the sizes of its images say how many of them are theirs."""
        of_image = iter(keys)
        full = [("prompt", text, *(next(of_image) for _ in own)) for text, own in zip(texts, images, strict=True)]
        found: dict[Hashable, Any] = {key: self.kept.get(key) for key in dict.fromkeys(full)}
        missing = {key: place for place, key in enumerate(full) if found[key] is None}
        for shown in (True, False):  # a call must have images or none: its prompts without any are read apart
            new = [key for key, place in missing.items() if bool(images[place]) == shown]
            if new:
                found |= dict(zip(new, self._read([missing[key] for key in new], texts, images), strict=True))
        for key in missing:
            self.kept.put(key, found[key], NUMBER * sum(map(len, found[key].values())) + getsizeof(key[1]))
        return [found[key] for key in full]

    def _read(self, places: Sequence[int], texts: Sequence[str], images: Sequence[Sequence[Any]]) -> list[Prompt]:
        """The tokens of the prompts at these places, all of which have images or none."""
        shown = {"images": [[*images[place]] for place in places]} if images[places[0]] else {}
        out = self._with_kept_images(text=[texts[place] for place in places], **shown)
        return [{name: out[name][number] for name in PER_TOKEN} for number in range(len(places))]


def _said(options: Mapping[str, Any]) -> str:
    """Arguments of a call as part of a key; what is not set is as if it were not given."""
    return repr(sorted((name, value) for name, value in options.items() if value not in (None, False)))


def _flat(images: Any) -> Iterator[Any]:
    """Images of a list, or of lists within it."""
    for one in images if isinstance(images, list | tuple) else [images]:
        yield from one if isinstance(one, list | tuple) else [one]


def _images(conversation: Sequence[Mapping[str, Any]]) -> list[Any]:
    """The images of a conversation, in order."""
    parts = [part for message in conversation if isinstance(message["content"], list) for part in message["content"]]
    return [part["image"] for part in parts if part["type"] == "image"]


def _words(conversation: Sequence[Mapping[str, Any]]) -> str:
    """What a template can see of a conversation: everything but the images' pixels."""

    def part(one: Any) -> Any:
        return {**one, "image": None} if isinstance(one, dict) and "image" in one else one

    def content(one: Any) -> Any:
        return [part(each) for each in one] if isinstance(one, list) else one

    return repr([{**message, "content": content(message.get("content"))} for message in conversation])


def _padded(rows: Sequence[list[int]], fill: int, side: str | None) -> Any:
    """Rows of numbers: lists of their own without `side`, else one tensor."""
    if side is None:
        return [list(row) for row in rows]
    return pad_sequence([torch.tensor(row) for row in rows], batch_first=True, padding_value=fill, padding_side=side)
