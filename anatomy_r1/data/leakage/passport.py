"""What two sets of questions share, by video, picture and text: a pure function, and its outcome as a value.

A passport says what it found and what it could not look for; the second is never a zero. It knows nothing of what a
base model saw before.

Example:
    >>> seen = Question(id="1", benchmark="b", stem="Which organ ?", options=("Gut", "Liver"), answer="Gut",
    ...                 image="VID01/000001.png", category="Gut", cluster="VID01")
    >>> found = passport([seen], [seen])
    >>> found.not_clean, found.overlaps["question"].test_questions
    (('cluster', 'image', 'question_image', 'question_image_options'), 1)
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from anatomy_r1.data.leakage.pictures import IMAGE_HASH, Pair, close_pairs
from anatomy_r1.question import Question

KINDS = (
    *("cluster", "image", "near_duplicate", "near_duplicate_same_cluster"),
    *("question", "question_image", "question_image_options"),
)
"""What is looked for. `near_duplicate`: pictures alike in different clusters; those of one cluster are alike by nature
(a video shows one operation), so they are counted apart."""
LEAKS = ("cluster", "image", "near_duplicate", "question_image", "question_image_options")
"""Kinds whose overlap makes a score not clean. The text alone does not: it comes from templates (our rule)."""
EXAMPLES = 5
"""Of each kind, named in a passport (ours)."""
NO_PICTURES = "no pictures were given"


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two sets."""

    name: str
    questions: int | None
    """None where only its videos are known; likewise `images`."""
    clusters: int | None
    """None where nothing is known of the side."""
    images: int | None


@dataclass(frozen=True, slots=True)
class Overlap:
    """What both sides have of one kind."""

    shared: int
    """Distinct videos, paths, texts, ...; for near duplicates, pairs of pictures."""
    train_questions: int
    """Training questions that have any of it."""
    test_questions: int | None
    """Test questions that have any of it; None where only the videos of the test side are known."""
    examples: tuple[str, ...]
    """The first few, sorted."""


@dataclass(frozen=True, slots=True)
class Passport:
    """What train and test share.

    Raises:
        ValueError: when a kind is neither an overlap nor explained, or is both.
    """

    train: Side
    test: Side
    overlaps: Mapping[str, Overlap]
    """Kind -> what was found."""
    not_computed: Mapping[str, str]
    """Kind -> why it could not be looked for."""
    image_hash: str = IMAGE_HASH
    """How near duplicates are told."""

    def __post_init__(self) -> None:
        if sorted([*self.overlaps, *self.not_computed]) != sorted(KINDS):
            raise ValueError(
                f"a passport says of each of {', '.join(KINDS)} what was found, or why it was not looked for"
            )

    @property
    def not_clean(self) -> tuple[str, ...]:
        """Kinds of leak that were found."""
        return tuple(kind for kind in LEAKS if kind in self.overlaps and self.overlaps[kind].shared)

    def as_dict(self) -> dict[str, Any]:
        """For JSON, with `not_clean`."""
        plain = asdict(self)
        for overlap in plain["overlaps"].values():
            overlap["examples"] = list(overlap["examples"])
        return {**plain, "not_clean": list(self.not_clean)}


def from_dict(content: Mapping[str, Any]) -> Passport:
    """Inverse of `Passport.as_dict`.

    Raises:
        ValueError, KeyError, TypeError: when it is none.
    """
    overlaps = {k: Overlap(**{**v, "examples": tuple(v["examples"])}) for k, v in content["overlaps"].items()}
    train, test = Side(**content["train"]), Side(**content["test"])
    return Passport(train, test, overlaps, dict(content["not_computed"]), str(content["image_hash"]))


Hashes = Mapping[str, str]
"""Path of a picture below its root -> its perceptual hash."""


def passport(
    train: Sequence[Question],
    test: Sequence[Question],
    *,
    hashes: tuple[Hashes, Hashes] | None = None,
    names: tuple[str, str] = ("train", "test"),
    no_hashes: str = NO_PICTURES,
) -> Passport:
    """What `train` and `test` share.

    Args:
        train: questions that something learnt from.
        test: questions that it was scored on.
        hashes: perceptual hashes of the pictures of each side; None where there are no pictures.
        names: what to call the sides.
        no_hashes: why there are no hashes.
    """
    overlaps = {kind: _overlap(train, test, key) for kind, key in _KEYS.items()}
    missing: dict[str, str] = {}
    if hashes is None:
        missing = dict.fromkeys(("near_duplicate", "near_duplicate_same_cluster"), no_hashes)
    else:
        overlaps |= _near_duplicates(train, test, close_pairs(*hashes))
    return Passport(_side(names[0], train), _side(names[1], test), overlaps, missing)


def passport_of_videos(train: Sequence[Question], videos: frozenset[str], names: tuple[str, str]) -> Passport:
    """What `train` shares with a test side of which only the videos are known."""
    shared = {question.cluster for question in train} & videos
    touched = sum(question.cluster in shared for question in train)
    found = Overlap(len(shared), touched, None, tuple(sorted(shared)[:EXAMPLES]))
    missing = {kind: "only the videos of the test side are known" for kind in KINDS if kind != "cluster"}
    return Passport(_side(names[0], train), Side(names[1], None, len(videos), None), {"cluster": found}, missing)


def unknown_training(test: Sequence[Question], why: str) -> Passport:
    """The passport of what was trained on nobody knows what: nothing was looked for."""
    return Passport(Side("not known", None, None, None), _side("test", test), {}, dict.fromkeys(KINDS, why))


def plain_text(stem: str) -> str:
    """A question without what does not change it: case and blanks."""
    return " ".join(stem.casefold().split())


_KEYS: dict[str, Callable[[Question], tuple[str, ...]]] = {
    "cluster": lambda q: (q.cluster,),
    "image": lambda q: (q.image,),
    "question": lambda q: (plain_text(q.stem),),
    "question_image": lambda q: (q.image, plain_text(q.stem)),
    "question_image_options": lambda q: (q.image, plain_text(q.stem), *sorted(q.options)),
}
"""Kind -> what a question has of it. Options in any order: another order is still the same question."""


def _overlap(train: Sequence[Question], test: Sequence[Question], key: Callable[[Question], Hashable]) -> Overlap:
    known, asked = [key(question) for question in train], [key(question) for question in test]
    shared = set(known) & set(asked)
    examples = sorted(" | ".join(one) for one in shared if isinstance(one, tuple))
    return Overlap(
        len(shared),
        sum(one in shared for one in known),
        sum(one in shared for one in asked),
        tuple(examples[:EXAMPLES]),
    )


def _near_duplicates(train: Sequence[Question], test: Sequence[Question], pairs: Iterable[Pair]) -> dict[str, Overlap]:
    """Alike pictures under different paths (the same path is of kind `image`), by whether one cluster has both."""
    of_train, of_test = _clusters(train), _clusters(test)
    kinds: dict[str, list[Pair]] = {"near_duplicate": [], "near_duplicate_same_cluster": []}
    for pair in pairs:
        if pair.train != pair.test:
            together = of_train[pair.train] & of_test[pair.test]
            kinds["near_duplicate_same_cluster" if together else "near_duplicate"].append(pair)
    return {kind: _of_pairs(train, test, found) for kind, found in kinds.items()}


def _of_pairs(train: Sequence[Question], test: Sequence[Question], pairs: Sequence[Pair]) -> Overlap:
    known, asked = {pair.train for pair in pairs}, {pair.test for pair in pairs}
    shown = sorted(f"{pair.train} ~ {pair.test} ({pair.bits} bits apart)" for pair in pairs)
    return Overlap(
        len(pairs), sum(q.image in known for q in train), sum(q.image in asked for q in test), tuple(shown[:EXAMPLES])
    )


def _clusters(questions: Iterable[Question]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for question in questions:
        found.setdefault(question.image, set()).add(question.cluster)
    return found


def _side(name: str, questions: Sequence[Question]) -> Side:
    return Side(name, len(questions), len({q.cluster for q in questions}), len({q.image for q in questions}))
