"""The passport of two sets of questions: what training and test share by video, image and text, as a value.

A passport states what was found, and separately what could not be computed: that is never reported as zero. It knows
nothing of the data that a base model was trained on.

Example:
    >>> seen = Question(id="1", benchmark="b", stem="Which organ ?", options=("Gut", "Liver"), answer="Gut",
    ...                 image="VID01/000001.png", category="Gut", cluster="VID01")
    >>> found = passport([seen], [seen])
    >>> found.not_clean, found.overlaps["question"].test_questions
    (('cluster', 'image', 'question_image', 'question_image_options'), 1)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anatomy_r1.data.plain_questions import names_cluster, names_image
from anatomy_r1.data.shown import open_image
from anatomy_r1.question import Question
from anatomy_r1.tables.text import plain

TITLES: dict[str, str] = {
    "cluster": "video, slide or patient",
    "image": "image path",
    "near_duplicate": "near-duplicate images, other cluster",
    "near_duplicate_same_cluster": "near-duplicate images, same cluster",
    "question": "question text",
    "question_image": "question and image",
    "question_image_options": "question, image and options",
}
"""Kind of overlap -> what is shared. Images of one cluster are similar by nature (a video shows one operation): their
near duplicates are counted separately."""
KINDS = tuple(TITLES)
LEAKS = ("cluster", "image", "near_duplicate", "question_image", "question_image_options")
"""Kinds that make a score not clean. Shared text alone does not, since it comes from templates (our choice)."""
EXAMPLES = 5  # of each kind (ours)
NO_PICTURES = "no pictures were given"
NOT_NAMED = "no overlap among the records that name what is compared; others do not"

# Near-duplicate images: a perceptual hash (pHash of the imagehash library) and a threshold on the Hamming distance.
#
# Hash and threshold are our choice, made on the mini world: 105 frames and 150 slides were changed, and 5,145 pairs of
# different frames (3,045 of one video) and 11,175 pairs of slides compared. With a pHash of 256 bits, noise up to 0.1
# of the range, brightness and contrast changed by a fifth, blur, halving and JPEG at quality 50 moved a frame by at
# most 26 bits; no two frames were closer than 64 bits and no two slides closer than 56. With the library's default of
# 64 bits the two ranges overlap (two slides were 8 bits apart, and noise of 0.05 moved one by 14), as they do with the
# difference hash; the average and wavelet hashes give different slides equal values. Missed: noise of 0.2 on some
# frames (up to 40 bits) and noise on plain slides (0.05 moved one by 54). A threshold that caught those would match
# unrelated images.
HASH_SIZE = 16
"""Side of the hash: 16 x 16 = 256 bits."""
THRESHOLD = 32
"""Largest distance of near duplicates, in bits (ours): between changed images (26) and unrelated ones (56)."""
IMAGE_HASH = f"pHash of {HASH_SIZE**2} bits; near duplicates are at most {THRESHOLD} bits apart (our threshold)"
Hashes = Mapping[str, str]
"""Path of an image below its root -> its perceptual hash."""


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two sets."""

    name: str
    questions: int | None
    clusters: int | None
    images: int | None
    """Numbers; None if they are not known."""


@dataclass(frozen=True, slots=True)
class Overlap:
    """Overlap of one kind."""

    shared: int
    """Distinct videos, paths, texts, ...; for near duplicates, pairs of images."""
    train_questions: int
    test_questions: int | None
    """Questions affected; None if only the videos of the test side are known."""
    examples: tuple[str, ...]
    """The first few, sorted."""


@dataclass(frozen=True, slots=True)
class Passport:
    """What training and test share: each kind is either in `overlaps` or in `not_computed`."""

    train: Side
    test: Side
    overlaps: Mapping[str, Overlap]
    """Kind -> what was found."""
    not_computed: Mapping[str, str]
    """Kind -> why it could not be computed."""
    image_hash: str = IMAGE_HASH
    """How near duplicates are detected."""

    def __post_init__(self) -> None:
        if sorted([*self.overlaps, *self.not_computed]) != sorted(KINDS):
            kinds = ", ".join(KINDS)
            raise ValueError(f"a passport states for each of {kinds} what was found, or why it was not computed")

    @property
    def not_clean(self) -> tuple[str, ...]:
        """Kinds of leakage that were found."""
        return tuple(kind for kind in LEAKS if kind in self.overlaps and self.overlaps[kind].shared)

    def as_dict(self) -> dict[str, Any]:
        """For JSON, with `not_clean`."""
        plain = asdict(self)
        for overlap in plain["overlaps"].values():
            overlap["examples"] = list(overlap["examples"])
        return {**plain, "not_clean": list(self.not_clean)}


def from_dict(content: Mapping[str, Any]) -> Passport:
    """Inverse of `Passport.as_dict`; ValueError, KeyError or TypeError if it is malformed."""
    overlaps = {k: Overlap(**{**v, "examples": tuple(v["examples"])}) for k, v in content["overlaps"].items()}
    train, test = Side(**content["train"]), Side(**content["test"])
    return Passport(train, test, overlaps, dict(content["not_computed"]), str(content["image_hash"]))


def passport(
    train: Sequence[Question],
    test: Sequence[Question],
    *,
    hashes: tuple[Hashes, Hashes] | None = None,
    names: tuple[str, str] = ("train", "test"),
    no_hashes: str = NO_PICTURES,
) -> Passport:
    """What `train` and `test` share, with the `hashes` of each side's images; `no_hashes` says why there are none."""
    overlaps = {kind: _overlap(train, test, kind) for kind in _KEYS}
    unnamed = {kind for kind, named in _NAMES.items() if not all(map(named, (*train, *test)))}
    missing = {kind: NOT_NAMED for kind in _KEYS if kind in unnamed and not overlaps[kind].shared}
    overlaps = {kind: found for kind, found in overlaps.items() if kind not in missing}
    if hashes is None:
        missing |= dict.fromkeys(("near_duplicate", "near_duplicate_same_cluster"), no_hashes)
    else:
        overlaps |= _by_cluster(train, test, near_duplicates(*hashes))
    return Passport(_side(names[0], train), _side(names[1], test), overlaps, missing)


def passport_of_videos(train: Sequence[Question], videos: frozenset[str], names: tuple[str, str]) -> Passport:
    """What `train` shares with a test side of which only the videos are known."""
    shared = {question.cluster for question in train} & videos
    touched = sum(question.cluster in shared for question in train)
    found = Overlap(len(shared), touched, None, tuple(sorted(shared)[:EXAMPLES]))
    missing = {kind: "only the videos of the test side are known" for kind in KINDS if kind != "cluster"}
    if not (shared or all(map(names_cluster, train))):
        missing["cluster"] = NOT_NAMED
    overlaps = {} if "cluster" in missing else {"cluster": found}
    return Passport(_side(names[0], train), Side(names[1], None, len(videos), None), overlaps, missing)


def unknown_training(test: Sequence[Question], why: str) -> Passport:
    """The passport when the training data are unknown: nothing was computed."""
    return Passport(Side("not known", None, None, None), _side("test", test), {}, dict.fromkeys(KINDS, why))


def plain_text(stem: str) -> str:
    """A stem without differences in case and blanks."""
    return " ".join(stem.casefold().split())


_Key = Callable[[Question], tuple[str, ...]]
_KEYS: dict[str, _Key] = {
    "cluster": lambda q: (q.cluster,),
    "image": lambda q: (q.image,),
    "question": lambda q: (plain_text(q.stem),),
    "question_image": lambda q: (q.image, plain_text(q.stem)),
    "question_image_options": lambda q: (q.image, plain_text(q.stem), *sorted(q.options)),
}
"""Kind -> the part of a question that is compared. Options are sorted: their order does not make another question."""
_NAMES: dict[str, Callable[[Question], bool]] = {
    kind: names_cluster if kind == "cluster" else names_image if "image" in kind else lambda _: True for kind in _KEYS
}
"""Kind -> whether a question names that part: one that does not is equal to no other."""


def _overlap(train: Sequence[Question], test: Sequence[Question], kind: str) -> Overlap:
    key, named = _KEYS[kind], _NAMES[kind]
    known, asked = ([key(question) for question in side if named(question)] for side in (train, test))
    shared = set(known) & set(asked)
    examples = sorted(" | ".join(one) for one in shared)
    in_train, in_test = (sum(one in shared for one in side) for side in (known, asked))
    return Overlap(len(shared), in_train, in_test, tuple(examples[:EXAMPLES]))


def hash_images(root: Path, images: Iterable[str]) -> dict[str, str]:
    """Path below `root` -> hash of the image, as 64 hex digits; each image once."""
    import imagehash
    from tqdm import tqdm

    wanted = tqdm(sorted(set(images)), desc="hashing images", unit="image", mininterval=1, disable=None)
    return {image: str(imagehash.phash(open_image(str(root / image)), hash_size=HASH_SIZE)) for image in wanted}


@dataclass(frozen=True, slots=True)
class NearDuplicate:
    """A training and a test image that look alike, by path."""

    train: str
    test: str
    bits: int
    """Hamming distance of their hashes."""


def near_duplicates(train: Hashes, test: Hashes) -> Iterator[NearDuplicate]:
    """All pairs of a training and a test image at most `THRESHOLD` bits apart, also of one path on both sides."""
    names, table = list(train), _words(train.values())
    for name, row in zip(test, _words(test.values()), strict=True):
        bits = np.bitwise_count(table ^ row).sum(axis=1)
        yield from (NearDuplicate(names[i], name, int(bits[i])) for i in np.flatnonzero(bits <= THRESHOLD))


def _words(hashes: Iterable[str]) -> NDArray[np.uint64]:
    """Hashes of shape [n, 4], 64 bits per word."""
    data = b"".join(bytes.fromhex(one) for one in hashes)
    return np.frombuffer(data, np.uint64).reshape(-1, HASH_SIZE**2 // 64)


def _by_cluster(
    train: Sequence[Question], test: Sequence[Question], pairs: Iterable[NearDuplicate]
) -> dict[str, Overlap]:
    """Near duplicates by whether they share a cluster. One path on both sides is not one: it is of kind `image`."""
    of_train, of_test = _clusters(train), _clusters(test)
    kinds: dict[str, list[NearDuplicate]] = {"near_duplicate": [], "near_duplicate_same_cluster": []}
    for pair in pairs:
        if pair.train != pair.test:
            together = of_train[pair.train] & of_test[pair.test]
            kinds["near_duplicate_same_cluster" if together else "near_duplicate"].append(pair)
    return {kind: _of_pairs(train, test, found) for kind, found in kinds.items()}


def _of_pairs(train: Sequence[Question], test: Sequence[Question], pairs: Sequence[NearDuplicate]) -> Overlap:
    known, asked = {pair.train for pair in pairs}, {pair.test for pair in pairs}
    shown = sorted(f"{pair.train} ~ {pair.test} ({pair.bits} bits apart)" for pair in pairs)
    in_train, in_test = sum(q.image in known for q in train), sum(q.image in asked for q in test)
    return Overlap(len(pairs), in_train, in_test, tuple(shown[:EXAMPLES]))


def _clusters(questions: Iterable[Question]) -> Mapping[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for question in questions:
        found[question.image].add(question.cluster)
    return found


def _side(name: str, questions: Sequence[Question]) -> Side:
    images = {q.image for q in questions if names_image(q)}
    return Side(name, len(questions), len({q.cluster for q in questions}), len(images))


_WIDTH = max(map(len, TITLES.values()))


def as_text(found: Passport) -> str:
    """A passport as text: one row per kind of overlap, and the verdict as the last line."""
    lines = [_line(found, kind) for kind in KINDS]
    head = f"{'':{_WIDTH}}  {'shared':>8}  {'train questions':>15}  {'test questions':>14}"
    parts = [f"train: {_side_text(found.train)}", f"test:  {_side_text(found.test)}", head, *lines]
    if any(kind.startswith("near") for kind in found.overlaps):
        parts.append(f"near duplicates: {found.image_hash}; shared counts pairs")
    parts += [f"e.g. {TITLES[kind]}: {plain(found.overlaps[kind].examples[0])}" for kind in found.not_clean]
    return "\n".join([*parts, _verdict(found)])


def _verdict(found: Passport) -> str:
    if found.not_clean:
        return f"not clean: {'; '.join(TITLES[kind] for kind in found.not_clean)}"
    if unseen := [TITLES[kind] for kind in LEAKS if kind in found.not_computed]:
        return f"no leakage found; not computed: {'; '.join(unseen)}"
    return "clean: no leakage found"


def _line(found: Passport, kind: str) -> str:
    if kind not in found.overlaps:
        return f"{TITLES[kind]:{_WIDTH}}  not computed: {found.not_computed[kind]}"
    overlap = found.overlaps[kind]
    test = "not known" if overlap.test_questions is None else f"{overlap.test_questions:,}"
    return f"{TITLES[kind]:{_WIDTH}}  {overlap.shared:>8,}  {overlap.train_questions:>15,}  {test:>14}"


def _side_text(side: Side) -> str:
    known = [(side.questions, "questions"), (side.clusters, "clusters"), (side.images, "images")]
    return f"{side.name} ({', '.join(f'{n:,} {what}' for n, what in known if n is not None)})"
