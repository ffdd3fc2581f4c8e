"""lm-eval requests -> jobs: which response to which question, under which key."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from operator import attrgetter
from typing import Any

from anatomy_r1.data.images import LazyImages, image_hash
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.prompts import prompt_hash
from anatomy_r1.response_log.response import ResponseKey, Sampling


@dataclass(frozen=True, slots=True)
class Job:
    """One response wanted."""

    key: ResponseKey
    sampling: Sampling
    prompt: str
    """As the model reads it, chat template included."""
    pictures: Any
    """The pictures of the prompt, opened when iterated."""
    style: str
    images: str
    shown: str

    @property
    def question(self) -> tuple[str, str, str, str]:
        """What jobs that share a prompt and its pictures have in common."""
        key = self.key
        return key.benchmark, key.question_id, key.prompt_hash, key.image_hash

    def again(self, repeat: int) -> Job:
        """The same, as the response of this number."""
        key = self.key.with_repeat(repeat)
        return Job(key, self.sampling, self.prompt, self.pictures, self.style, self.images, self.shown)


def jobs(requests: Iterable[Any], weights: str, seed: int, settings: dict[str, Any]) -> Iterator[Job]:
    """One job a request, in order. The n-th occurrence of one request is its n-th repeat, as lm-eval clones them.

    Requests are read as the jobs are asked for, so that the first of a hundred thousand does not wait for the pictures
    of them all.

    Args:
        requests: lm-eval instances of type `generate_until`.
        weights: identity of the model.
        seed: of the sampling.
        settings: what else belongs to the engine's arguments (precision, name).

    Raises:
        AnatomyR1Error: when a request asks for what the engine does not do.
    """
    reader = _Reader(weights, seed, settings)
    repeats: dict[int, int] = {}
    last, first = None, None
    for request in requests:
        if first is None or request is not last:
            last, first = request, reader.job(request)
        repeat = repeats.get(id(request), 0)
        repeats[id(request)] = repeat + 1
        yield first.again(repeat) if repeat else first


class _Reader:
    """Reads requests; what many of them share is made once."""

    def __init__(self, weights: str, seed: int, settings: dict[str, Any]) -> None:
        self._weights, self._seed, self._settings = weights, seed, settings
        self._hash_file = cache(image_hash)  # for this call only: a picture may change before the next
        self._stated: dict[str, tuple[Sampling, str]] = {}

    def job(self, request: Any) -> Job:
        """The first response that a request asks for."""
        prompt, arguments, *media = request.args
        pictures = (media[0].get("visual") if media else None) or []
        sampling, stated = self._sampling(arguments)
        doc = request.doc if isinstance(request.doc, dict) else {}
        key = ResponseKey(
            benchmark=doc.get("benchmark", request.task_name),
            question_id=str(doc.get("id", request.doc_id)),
            repeat=0,
            decoding=sampling.decoding,
            prompt_hash=prompt_hash(prompt),
            image_hash=_pictures_hash(pictures, self._hash_file),
            weights=self._weights,
            sampling=stated,
            seed=self._seed,
        )
        said = (doc.get("style", ""), doc.get("images", ""), doc.get("shown", ""))
        return Job(key, sampling, prompt, pictures, *said)

    def _sampling(self, arguments: dict[str, Any]) -> tuple[Sampling, str]:
        """As a value, and as the key states it."""
        name = repr(arguments)
        if name not in self._stated:
            sampling = read_sampling(arguments)
            self._stated[name] = sampling, json.dumps({**self._settings, **sampling.as_dict()}, sort_keys=True)
        return self._stated[name]


def by_question(wanted: Iterable[Job]) -> Iterator[list[Job]]:
    """Jobs that follow each other and share a prompt and its pictures, together."""
    return (list(group) for _, group in groupby(wanted, key=attrgetter("question")))


def read_sampling(arguments: dict[str, Any]) -> Sampling:
    """lm-eval's generation arguments, none of them silently dropped.

    Raises:
        AnatomyR1Error: when one is unknown, or stop strings are wanted.
    """
    known = {"do_sample", "temperature", "top_p", "top_k", "repetition_penalty", "max_gen_toks", "until", "seed"}
    if unknown := sorted(set(arguments) - known):
        raise AnatomyR1Error(f"generation arguments {unknown}: this engine has none such. Fix: leave them out")
    if arguments.get("until"):
        raise AnatomyR1Error(f"until {arguments['until']}: this engine ends at the end token only. Fix: until: []")
    sampled = bool(arguments.get("do_sample"))
    return Sampling(
        decoding="sample" if sampled else "greedy",
        temperature=float(arguments.get("temperature", 1.0)) if sampled else 0.0,
        max_new_tokens=int(arguments.get("max_gen_toks", 512)),
        top_p=float(arguments.get("top_p") or 1.0),
        top_k=int(arguments.get("top_k") or 0),
        repetition_penalty=float(arguments.get("repetition_penalty") or 1.0),
    )


def _pictures_hash(pictures: Any, hash_file: Callable[[str], str]) -> str:
    if not pictures:
        return ""
    if isinstance(pictures, LazyImages):
        hashes = [hash_file(path) for path in pictures.paths]
    else:
        hashes = [hashlib.sha256(repr(p.size).encode() + p.convert("RGB").tobytes()).hexdigest()[:32] for p in pictures]
    return joint_hash(hashes)


def joint_hash(hashes: Sequence[str]) -> str:
    """One hash for all pictures of a prompt: the picture's own where there is one."""
    return hashes[0] if len(hashes) == 1 else hashlib.sha256("".join(hashes).encode()).hexdigest()[:32]


def response_seed(key: ResponseKey, bits: int) -> int:
    """A response's seed for an engine that draws by itself: of run seed, benchmark, question and repeat alone."""
    name = f"{key.seed}\0{key.benchmark}\0{key.question_id}\0{key.repeat}"
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") >> (64 - bits)
