"""lm-eval requests -> jobs: which response to which question, under which key."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from anatomy_r1.engines.sampling import Sampling
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.images import LazyImages, image_hash
from anatomy_r1.prompts import prompt_hash
from anatomy_r1.response import ResponseKey


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


def jobs(requests: Iterable[Any], weights: str, seed: int, settings: dict[str, Any]) -> list[Job]:
    """One job a request, in order. The n-th occurrence of one request is its n-th repeat, as lm-eval clones them.

    Args:
        requests: lm-eval instances of type `generate_until`.
        weights: identity of the model.
        seed: of the sampling.
        settings: what else belongs to the engine's arguments (precision, name).

    Raises:
        AnatomyR1Error: when a request asks for what the engine does not do.
    """
    repeats: dict[int, list[Job]] = {}
    hash_file = cache(image_hash)  # for this call only: a picture may change before the next
    found = []
    for request in requests:
        made = repeats.setdefault(id(request), [])
        made.append(_again(made[0], len(made)) if made else _job(request, weights, seed, settings, hash_file))
        found.append(made[-1])
    return found


def _again(first: Job, repeat: int) -> Job:
    return replace(first, key=replace(first.key, repeat=repeat))


def _job(request: Any, weights: str, seed: int, settings: dict[str, Any], hash_file: Callable[[str], str]) -> Job:
    prompt, arguments, *media = request.args
    sampling = read_sampling(arguments)
    pictures = media[0].get("visual") if media else None
    doc = request.doc if isinstance(request.doc, dict) else {}
    key = ResponseKey(
        benchmark=doc.get("benchmark", request.task_name),
        question_id=str(doc.get("id", request.doc_id)),
        repeat=0,
        decoding=sampling.decoding,
        prompt_hash=prompt_hash(prompt),
        image_hash=_pictures_hash(pictures, hash_file),
        weights=weights,
        sampling=json.dumps({**settings, **sampling.as_dict()}, sort_keys=True),
        seed=seed,
    )
    said = {name: doc.get(name, "") for name in ("style", "images", "shown")}
    return Job(key, sampling, prompt, pictures or [], **said)


def read_sampling(arguments: dict[str, Any]) -> Sampling:
    """lm-eval's generation arguments, none of them silently dropped.

    Raises:
        AnatomyR1Error: when one is unknown, or stop strings are wanted.
    """
    known = {"do_sample", "temperature", "top_p", "top_k", "repetition_penalty", "max_gen_toks", "until", "seed"}
    if unknown := sorted(set(arguments) - known):
        raise AnatomyR1Error(f"generation arguments {unknown}: this engine has none such. Cure: leave them out")
    if arguments.get("until"):
        raise AnatomyR1Error(f"until {arguments['until']}: this engine ends at the end token only. Cure: until: []")
    sampled = bool(arguments.get("do_sample"))
    return Sampling(
        decoding="sample" if sampled else "greedy",
        temperature=float(arguments.get("temperature", 1.0)) if sampled else 0.0,
        max_new_tokens=int(arguments.get("max_gen_toks", 512)),
        top_p=float(arguments.get("top_p") or 1.0),
        top_k=int(arguments.get("top_k") or 0),
        repetition_penalty=float(arguments.get("repetition_penalty") or 1.0),
    )


def by_question(wanted: Sequence[Job]) -> list[list[Job]]:
    """Jobs that share a prompt and its pictures, together, in order of first appearance."""
    groups: dict[tuple[str, ...], list[Job]] = {}
    for job in wanted:
        key = job.key
        groups.setdefault((key.benchmark, key.question_id, key.prompt_hash, key.image_hash), []).append(job)
    return list(groups.values())


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
