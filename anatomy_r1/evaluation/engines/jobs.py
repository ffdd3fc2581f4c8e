"""Jobs: the single responses that an engine generates, each under its key in the response log."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from operator import attrgetter
from typing import Any

from anatomy_r1.data.shown import LazyImages, image_hash
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.evaluation.items import Item
from anatomy_r1.prompts import prompt_hash
from anatomy_r1.response_log.response import ResponseKey, Sampling
from anatomy_r1.scoring.metrics import K


@dataclass(frozen=True, slots=True)
class Job:
    """One response to generate."""

    key: ResponseKey
    sampling: Sampling
    prompt: str
    """As the model reads it, chat template included."""
    pictures: Any
    """The images of the prompt, opened when iterated."""
    style: str
    images: str
    shown: str

    @property
    def question(self) -> tuple[str, str, str, str]:
        """The same for all jobs that share a prompt and its images."""
        key = self.key
        return key.benchmark, key.question_id, key.prompt_hash, key.image_hash

    def with_repeat(self, repeat: int) -> Job:
        """The same job as another repeat."""
        key = self.key.with_repeat(repeat)
        return Job(key, self.sampling, self.prompt, self.pictures, self.style, self.images, self.shown)


class JobBuilder:
    """Builds an engine's jobs; values that many jobs share are computed once.

    To be used for one call of the engine, since image files may change before the next.
    """

    def __init__(self, weights: str, seed: int, settings: dict[str, Any]) -> None:
        """Take the weights' identity, the sampling seed and the engine's own settings, which are part of every key."""
        self._weights, self._seed, self._settings = weights, seed, settings
        self._hash_file = cache(image_hash)
        self._stated: dict[Sampling, str] = {}

    def build(self, doc: Mapping[str, Any], prompt: str, pictures: Any, sampling: Sampling) -> Job:
        """The job of the first repeat; `doc` is `Item.as_document()`, or a mapping with at least benchmark and id."""
        if sampling not in self._stated:
            self._stated[sampling] = json.dumps({**self._settings, **sampling.as_dict()}, sort_keys=True)
        key = ResponseKey(
            benchmark=doc["benchmark"],
            question_id=doc["id"],
            repeat=0,
            decoding=sampling.decoding,
            prompt_hash=prompt_hash(prompt),
            image_hash=_hash_pictures(pictures, self._hash_file),
            weights=self._weights,
            sampling=self._stated[sampling],
            seed=self._seed,
        )
        shown = (doc.get(name, "") for name in ("style", "images", "shown"))
        return Job(key, sampling, prompt, pictures, *shown)


def jobs_from_items(
    items: Iterable[Item], sampling: Sequence[Sampling], render: Callable[[Item], str], builder: JobBuilder
) -> Iterator[Job]:
    """Five jobs for each item and sampled decoding, one for each greedy decoding.

    Prompts and images are read as the jobs are consumed, so that the first of 100,000 does not wait for all the others.
    """
    for item in items:
        doc, prompt, pictures = item.as_document(), render(item), item.pictures
        for one in sampling:
            first = builder.build(doc, prompt, pictures, one)
            yield first
            if one.decoding == "sample":
                yield from (first.with_repeat(repeat) for repeat in range(1, K))


def jobs_from_requests(requests: Iterable[Any], builder: JobBuilder) -> Iterator[Job]:
    """One job for each `generate_until` request of lm-eval, in order.

    lm-eval repeats a request by listing the same object several times: its n-th occurrence is the n-th repeat.

    Raises:
        AnatomyR1Error: when a request has arguments that the engine does not support.
    """
    repeats: dict[int, int] = {}
    last, first = None, None
    for request in requests:
        if first is None or request is not last:
            last, first = request, _job_from_request(request, builder)
        repeat = repeats.get(id(request), 0)
        repeats[id(request)] = repeat + 1
        yield first.with_repeat(repeat) if repeat else first


def _job_from_request(request: Any, builder: JobBuilder) -> Job:
    prompt, arguments, *media = request.args
    doc = request.doc if isinstance(request.doc, dict) else {}
    pictures = (media[0].get("visual") if media else None) or []
    named = {"benchmark": request.task_name, "id": request.doc_id, **doc}
    return builder.build({**named, "id": str(named["id"])}, prompt, pictures, read_sampling(arguments))


def read_sampling(arguments: dict[str, Any]) -> Sampling:
    """Sampling parameters from lm-eval's generation arguments.

    Raises:
        AnatomyR1Error: when an argument is unknown, so that none is ignored silently, or stop strings are given.
    """
    known = {"do_sample", "temperature", "top_p", "top_k", "repetition_penalty", "max_gen_toks", "until", "seed"}
    if unknown := sorted(set(arguments) - known):
        raise AnatomyR1Error(f"generation arguments {unknown}: not supported by this engine. Fix: leave them out")
    if arguments.get("until"):
        raise AnatomyR1Error(f"until {arguments['until']}: this engine stops at the end token only. Fix: until: []")
    sampled = bool(arguments.get("do_sample"))
    return Sampling(
        decoding="sample" if sampled else "greedy",
        temperature=float(arguments.get("temperature", 1.0)) if sampled else 0.0,
        max_new_tokens=int(arguments.get("max_gen_toks", 512)),
        top_p=float(arguments.get("top_p") or 1.0),
        top_k=int(arguments.get("top_k") or 0),
        repetition_penalty=float(arguments.get("repetition_penalty") or 1.0),
    )


def group_by_question(jobs: Iterable[Job]) -> Iterator[list[Job]]:
    """Group consecutive jobs that share a prompt and its images."""
    return (list(group) for _, group in groupby(jobs, key=attrgetter("question")))


def _hash_pictures(pictures: Any, hash_file: Callable[[str], str]) -> str:
    if not pictures:
        return ""
    if isinstance(pictures, LazyImages):
        hashes = [hash_file(path) for path in pictures.paths]
    else:
        hashes = [hashlib.sha256(repr(p.size).encode() + p.convert("RGB").tobytes()).hexdigest()[:32] for p in pictures]
    return joint_hash(hashes)


def joint_hash(hashes: Sequence[str]) -> str:
    """One hash for all images of a prompt; that of a single image is its own."""
    return hashes[0] if len(hashes) == 1 else hashlib.sha256("".join(hashes).encode()).hexdigest()[:32]


def response_seed(key: ResponseKey, bits: int) -> int:
    """Seed of a response for an engine with its own sampler: a hash of run seed, benchmark, question and repeat."""
    name = f"{key.seed}\0{key.benchmark}\0{key.question_id}\0{key.repeat}"
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") >> (64 - bits)
