"""Jobs: the single responses that an engine generates, each under its key in the response log.

Only those that the log lacks are generated, and each is logged as soon as it arrives.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from operator import attrgetter
from typing import Any

from tqdm import tqdm

from anatomy_r1.data.shown import LazyImages, image_hash
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.evaluation.items import Item
from anatomy_r1.prompts import prompt_hash
from anatomy_r1.response_log.log import ResponseLog
from anatomy_r1.response_log.response import Response, ResponseKey, Sampling
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

    def with_repeat(self, repeat: int) -> Job:
        """The same job as another repeat."""
        key = self.key.with_repeat(repeat)
        return Job(key, self.sampling, self.prompt, self.pictures, self.style, self.images, self.shown)

    def response(
        self, text: str, finish_reason: Any, prompt_tokens: int, tokens: int, seconds: float, **more: str
    ) -> Response:
        """Its response, to be logged; `more` are the fields of `Response` from `opened` on."""
        shown = self.style, self.images, self.shown
        return Response(self.key, text, finish_reason, prompt_tokens, tokens, seconds, *shown, **more)


class JobBuilder:
    """Builds the jobs of one call of an engine; values that many jobs share are computed once.

    Not to be kept for the next call, since image files may change before it.
    """

    def __init__(self, weights: str, seed: int, settings: dict[str, Any]) -> None:
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
    """Sampling parameters from lm-eval's generation arguments; none is ignored silently."""
    known = {"do_sample", "temperature", "top_p", "top_k", "repetition_penalty", "max_gen_toks", "until", "seed"}
    if unknown := sorted(set(arguments) - known):
        raise AnatomyR1Error(f"generation arguments {unknown}: not supported by this engine. Fix: leave them out")
    if (seed := arguments.get("seed")) is not None:
        raise AnatomyR1Error(
            f"generation argument seed {seed}: each response has its own. Fix: --model_args seed={seed}"
        )
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


_question = attrgetter("key.benchmark", "key.question_id", "key.prompt_hash", "key.image_hash")
"""The same for all jobs that share a prompt and its images."""

Generate = Callable[[Iterable[list[Job]]], Iterable[list[Response]]]
"""Jobs grouped by question -> their responses, in any order, as soon as they are available."""


class JobQueue:
    """Jobs and their texts. Iterating yields the jobs that the log lacks, question by question.

    Each question is looked up when its turn comes, so that the first one is asked before the last one's image is read.
    """

    def __init__(self, jobs: Iterable[Job], count: int, log: ResponseLog, *, progress: bool) -> None:
        """Take `count` jobs in all; jobs of one question follow each other."""
        self._jobs, self._log = jobs, log
        self._waiting: dict[str, tuple[Job, list[int]]] = {}  # by digest: faster to look up than a key
        self.bar = tqdm(total=count, unit="response", disable=not progress)
        self.texts: list[str | None] = [None] * count
        """In the order of the jobs; None where there is no response yet."""
        self.generated = 0

    def __iter__(self) -> Iterator[list[Job]]:
        index = 0
        for _, jobs in groupby(self._jobs, key=_question):
            group = list(jobs)
            if missing := self._missing(group, index):
                yield missing
            index += len(group)
        self.bar.refresh()

    def _missing(self, group: Sequence[Job], start: int) -> list[Job]:
        """Jobs that are neither logged nor being generated; the texts of logged ones are recorded."""
        found, missing = self._log.get(job.key for job in group), []
        count_logged(self.bar, len(found))
        for index, job in enumerate(group, start=start):
            if found and job.key in found:
                self.texts[index] = found[job.key].full_text
            elif (digest := job.key.digest) in self._waiting:
                self._waiting[digest][1].append(index)
            else:
                self._waiting[digest] = job, [index]
                missing.append(job)
        return missing

    def add(self, responses: Sequence[Response]) -> None:
        """Log responses, then record their texts; none is logged if one belongs to no job."""
        if foreign := [response.key for response in responses if response.key.digest not in self._waiting]:
            raise AnatomyR1Error(f"the engine answered what it was not asked: question {foreign[0].question_id}")
        self._log.add(responses)
        for response in responses:
            _, indices = self._waiting.pop(response.key.digest, (None, []))  # gone if a response comes twice
            self.generated += bool(indices)
            for index in indices:
                self.texts[index] = response.full_text
        self.bar.update(len(responses))

    def check_complete(self) -> None:
        """Raise an AnatomyR1Error when a job has no text; the responses received are in the log."""
        if lost := [job.key.question_id for job, _ in self._waiting.values()]:
            raise AnatomyR1Error(
                f"the engine left {len(lost)} of {self.generated + len(lost)} responses out, the first to question "
                f"{lost[0]}. Fix: repair the engine, then run the same command; earlier responses are in the log"
            )


def count_logged(bar: tqdm[Any], count: int) -> None:
    """Show responses that are logged already as done; the rate, and so the time left, is that of the others."""
    if bar.disable or not count:
        return
    for name in ("n", "initial", "last_print_n"):
        setattr(bar, name, getattr(bar, name) + count)
    if (now := time.time()) - bar.last_print_t >= bar.mininterval:
        bar.refresh()
        bar.last_print_t = now


def complete_jobs(
    jobs: Iterable[Job], count: int, log: ResponseLog, generate: Generate, *, progress: bool
) -> tuple[list[str], int]:
    """The texts of `count` jobs, in order, and how many of them were generated.

    Raises:
        AnatomyR1Error: when `generate` leaves a job out, or returns a response to no job; the log keeps the others.
    """
    queue = JobQueue(jobs, count, log, progress=progress)
    groups = iter(queue)
    for responses in generate(groups):
        queue.add(responses)
    deque(groups, maxlen=0)  # what an engine that stopped early has left out
    queue.bar.close()
    queue.check_complete()
    return [text for text in queue.texts if text is not None], queue.generated
