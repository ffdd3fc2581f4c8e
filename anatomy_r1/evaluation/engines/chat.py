"""Chat turns with images: as lm-eval writes them, as chat templates read them, and as they are sent to a server."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Sequence
from io import BytesIO
from typing import Any

from anatomy_r1.data.shown import LazyImages, bytes_hash, image_bytes, unreadable
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.evaluation.engines.jobs import Job, joint_hash

IMAGE = "<image>"
"""lm-eval's placeholder for an image."""


def content_parts(text: str) -> list[dict[str, str]]:
    """The content of a turn as a list: `<image>text` is an image, then a text."""
    found: list[dict[str, str]] = []
    for number, piece in enumerate(text.split(IMAGE)):
        found += [{"type": "image"}] * (number > 0) + [{"type": "text", "text": piece}] * bool(piece)
    return found


def as_prompt(turns: Sequence[dict[str, Any]]) -> str:
    """Turns as JSON, with images as bare placeholders: the prompt of a server, which renders its template itself."""
    return json.dumps([{**turn, "content": content_parts(turn["content"])} for turn in turns], ensure_ascii=False)


def as_messages(job: Job) -> list[dict[str, Any]]:
    """A job's prompt, from `as_prompt`, with its images as base64 of exactly the bytes that the image hash covers.

    Raises:
        AnatomyR1Error: when the number of images is not that of placeholders, or a file has changed.
    """
    urls = iter(_data_urls(job))
    turns: list[dict[str, Any]] = json.loads(job.prompt)
    count = sum(part["type"] == "image" for turn in turns for part in turn["content"])
    if count != len(job.pictures):
        raise AnatomyR1Error(
            f"question {job.key.question_id}: {len(job.pictures)} images, but {count} placeholders for them"
        )
    return [{**turn, "content": [_with_url(part, urls) for part in turn["content"]]} for turn in turns]


def _with_url(part: dict[str, Any], urls: Iterator[str]) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": next(urls)}} if part["type"] == "image" else part


def _data_urls(job: Job) -> list[str]:
    if not job.pictures:
        return []
    if not isinstance(job.pictures, LazyImages):
        raise AnatomyR1Error(f"question {job.key.question_id}: an image without a file. Fix: use this project's tasks")
    files = [image_bytes(path) for path in job.pictures.paths]
    if joint_hash([bytes_hash(content) for content in files]) != job.key.image_hash:
        named = ", ".join(job.pictures.paths)
        raise AnatomyR1Error(f"{named}: the image changed during the run. Fix: `anatomy-r1 data check`, then rerun")
    return [
        f"data:{_media_type(path, content)};base64,{base64.b64encode(content).decode()}"
        for path, content in zip(job.pictures.paths, files, strict=True)
    ]


def _media_type(path: str, content: bytes) -> str:
    from PIL import Image

    try:
        with Image.open(BytesIO(content)) as image:
            return str(image.get_format_mimetype())
    except OSError as error:
        raise unreadable(path, error) from error
