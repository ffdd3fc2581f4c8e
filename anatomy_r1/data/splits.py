"""Splits and samples: which videos or groups are for training, validation and test, and which questions are drawn.

Everything depends on a seed and the ids alone. The paper states neither its test videos nor any size. Rule `unused`
tests on the seven videos that the authors' three released training files leave out: an inference, and labelled so
wherever it is shown.

Example:
    >>> rule_unused().of("VID70"), rule_unused().of("VID01")
    ('test', 'train')
"""

from __future__ import annotations

import hashlib
import heapq
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from anatomy_r1.data.inputs import DataError
from anatomy_r1.question import Question

SPLITS = ("train", "validation", "test")
# Videos of CholecT45 in none of the three released training files (inferred to be the test videos).
UNUSED = frozenset({"VID70", "VID73", "VID74", "VID75", "VID78", "VID79", "VID80"})
# The official split of SSG-VQA, by video; the other 35 train.
OFFICIAL_VALIDATION = frozenset({"VID18", "VID48", "VID01", "VID35", "VID31"})
OFFICIAL_TEST = frozenset({"VID22", "VID74", "VID60", "VID02", "VID43"})


@dataclass(frozen=True, slots=True)
class SplitRule:
    """Split of each video; no video is in two splits."""

    name: str
    validation: frozenset[str]
    test: frozenset[str]
    train: frozenset[str] | None = None
    """None: every other video."""

    @property
    def named(self) -> frozenset[str]:
        """The videos that a split file names; none of the other rules, which are for any part of CholecT45."""
        return frozenset() if self.train is None else self.train | self.validation | self.test

    def of(self, video: str) -> str | None:
        """Split of a video; None if the rule leaves it out."""
        if video in self.test:
            return "test"
        if video in self.validation:
            return "validation"
        return "train" if self.train is None or video in self.train else None


def rule_unused(*, validation: bool = False) -> SplitRule:
    """Test on the videos that the release leaves out; validation, if wanted, on the official validation videos."""
    return SplitRule("unused", OFFICIAL_VALIDATION if validation else frozenset(), UNUSED)


def rule_official() -> SplitRule:
    """The official split of SSG-VQA."""
    return SplitRule("official", OFFICIAL_VALIDATION, OFFICIAL_TEST)


def rule_file(content: Any, name: str) -> SplitRule:
    """Split from the parsed JSON `{"train": [videos], "validation": [...], "test": [...]}`."""
    fix = f'write {{"train": ["VID01", ...], "validation": [...], "test": [...]}} to {name}'
    if not isinstance(content, dict) or not set(SPLITS) >= set(content) >= {"train", "test"}:
        raise DataError(f"{name}: no table of splits. Fix: {fix}")
    for split, listed in content.items():
        if not isinstance(listed, list) or not all(isinstance(video, str) for video in listed):
            raise DataError(f"{name}: {split} is no list of videos. Fix: {fix}")
    videos = Counter(video for split in SPLITS for video in content.get(split, ()))
    if twice := [video for video, count in videos.items() if count > 1]:
        raise DataError(f"{name}: {', '.join(sorted(twice))} occurs twice. Fix: {fix}, each video once")
    if wrong := sorted(video for video in videos if not re.fullmatch(r"VID\d+", video)):
        raise DataError(f"{name}: {wrong[0]!r} is no video. Fix: {fix}; a copy VID01_clean goes with VID01")
    parts = {split: frozenset(content.get(split, ())) for split in SPLITS}
    return SplitRule("file", parts["validation"], parts["test"], parts["train"])


def priority(seed: int, name: str) -> int:
    """A number that is uniform over names, for an order that depends on the seed and the names alone."""
    return int.from_bytes(hashlib.sha256(f"{seed}:{name}".encode()).digest()[:8], "big")


@dataclass(slots=True)
class Reservoir:
    """Seeded stratified sample of a stream; memory is bounded by `capacity` questions per stratum.

    Strata are (category, family), sampled in proportion to their shares of the stream. Within a stratum the questions
    of lowest `priority` are kept, so the sample does not depend on the order of files.
    """

    capacity: int
    seed: int
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Questions seen, by stratum."""
    _heaps: dict[tuple[str, str], list[tuple[int, str, Question]]] = field(default_factory=lambda: defaultdict(list))

    def add(self, question: Question) -> None:
        """Add a question of the stream."""
        stratum = (question.category, question.family)
        self.counts[stratum] += 1
        entry = (-priority(self.seed, question.id), question.id, question)
        heap = self._heaps[stratum]
        if len(heap) < self.capacity:
            heapq.heappush(heap, entry)
        elif heap:
            heapq.heappushpop(heap, entry)

    def draw(self, usable: Callable[[Question], bool]) -> tuple[Question, ...]:
        """Up to `capacity` usable questions, in seeded order; unusable ones are replaced by others."""
        chosen: list[Question] = []
        rest: list[Question] = []
        for stratum, quota in quotas(self.counts, self.capacity).items():
            ordered = iter([entry[2] for entry in sorted(self._heaps[stratum], reverse=True)])
            chosen += islice(filter(usable, ordered), quota)
            rest += ordered
        rest.sort(key=lambda q: priority(self.seed, q.id))
        chosen += islice(filter(usable, rest), self.capacity - len(chosen))
        return tuple(sorted(chosen, key=lambda q: priority(self.seed, q.id)))


def quotas(counts: Mapping[tuple[str, str], int], size: int) -> dict[tuple[str, str], int]:
    """Shares of `size` in proportion to `counts`, by largest remainder; never above the counts."""
    total = sum(counts.values())
    size = min(size, total)
    if not total:
        return {}
    exact = {key: size * count / total for key, count in sorted(counts.items())}
    shares = {key: int(value) for key, value in exact.items()}
    by_remainder = sorted(exact, key=lambda key: (shares[key] - exact[key], key))
    for key in by_remainder[: size - sum(shares.values())]:
        shares[key] += 1
    return shares


def split_groups(groups: Mapping[str, tuple[str, int]], *, test: float, validation: float, seed: int) -> dict[str, str]:
    """Split of each group (slide, patient or image), stratum by stratum; groups stay whole.

    `groups` is group -> (stratum, number of questions); `test` and `validation` are fractions of a stratum's questions.
    Groups are tried in an order by `seed`; one that would exceed a fraction stays in train.
    """
    strata: dict[str, list[str]] = defaultdict(list)
    for group, (stratum, _) in groups.items():
        strata[stratum].append(group)
    split = dict.fromkeys(groups, "train")
    for members in strata.values():
        members.sort(key=lambda group: (priority(seed, group), group))
        total = sum(groups[group][1] for group in members)
        for name, fraction in (("test", test), ("validation", validation)):
            room = round(fraction * total)
            for group in members:
                if split[group] == "train" and groups[group][1] <= room:
                    split[group] = name
                    room -= groups[group][1]
    return split
