"""A job's prompt and images as the messages of a request.

Images go as base64 of the file's own bytes where hosted APIs take them (PNG, JPEG, GIF, WebP), and as PNG where not:
TIFF and BMP, and files of which the picture is not what a plain decode gives (`anatomy_r1.data.images`). So a server
sees the picture that the local engines show. The image hash in the key stays that of the file.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from anatomy_r1.data.images import for_the_web
from anatomy_r1.data.shown import LazyImages, bytes_hash, image_bytes
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.evaluation.engines.engine import content_parts
from anatomy_r1.evaluation.engines.jobs import Job, joint_hash


def as_prompt(turns: Sequence[dict[str, Any]]) -> str:
    """Turns as JSON, with images as bare placeholders: the prompt of a server, which renders its template itself."""
    return json.dumps([{**turn, "content": content_parts(turn["content"])} for turn in turns], ensure_ascii=False)


def as_messages(job: Job) -> list[dict[str, Any]]:
    """A job's prompt, from `as_prompt`, with its images, which must be those that the image hash covers."""
    urls = iter([url for url, _ in _pictures(job)])
    turns: list[dict[str, Any]] = json.loads(job.prompt)
    count = sum(part["type"] == "image" for turn in turns for part in turn["content"])
    if count != len(job.pictures):
        raise AnatomyR1Error(
            f"question {job.key.question_id}: {len(job.pictures)} images, but {count} placeholders for them"
        )
    for turn in turns:
        turn["content"] = [
            {"type": "image_url", "image_url": {"url": next(urls)}} if part["type"] == "image" else part
            for part in turn["content"]
        ]
    return turns


def sent_as_png(job: Job) -> list[str]:
    """Paths of a job's images of which the file's own bytes are not sent."""
    if not job.pictures:
        return []
    return [path for path, (_, own) in zip(job.pictures.paths, _pictures(job), strict=True) if not own]


def _pictures(job: Job) -> list[tuple[str, bool]]:
    """Each image as a data URL, and whether that holds the file's own bytes."""
    if not job.pictures:
        return []
    if not isinstance(job.pictures, LazyImages):
        raise AnatomyR1Error(f"question {job.key.question_id}: an image without a file. Fix: use this project's tasks")
    files = [image_bytes(path) for path in job.pictures.paths]
    if joint_hash([bytes_hash(content) for content in files]) != job.key.image_hash:
        named = ", ".join(job.pictures.paths)
        raise AnatomyR1Error(f"{named}: the image changed during the run. Fix: `anatomy-r1 data check`, then rerun")
    return [_data_url(path, content) for path, content in zip(job.pictures.paths, files, strict=True)]


@lru_cache(maxsize=64)  # the six responses to a question show one picture, and some questions are open at a time
def _data_url(path: str, content: bytes) -> tuple[str, bool]:
    sent, media_type = for_the_web(Path(path), content)
    return data_url(sent, media_type), sent == content


def data_url(content: bytes, media_type: str) -> str:
    """An image as a URL that holds its bytes."""
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"
