"""Which rows a batch serves: the order of questions, ASC's curriculum (item 1 of the step in grpo.py), GDQA (item 2).

All are functions of the seed and of the logged accuracies only, so that a resumed run serves the same. TRL's sampler
shuffles each epoch from a generator whose state is not in the checkpoint; ours treats a whole run as one epoch and has
no state. Rows of a group stay adjacent, as TRL's advantages expect.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

from torch.utils.data import Sampler

from anatomy_r1.data.augmentation.groups import augment_group, noisy, rewrites
from anatomy_r1.data.prepared import PreparedSet
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.prompts import Style, render
from anatomy_r1.question import Question
from anatomy_r1.training.curriculum import (
    DistractorPool,
    LevelRule,
    at_any_level,
    at_level,
    bin_edges,
    bin_of,
    distractor_pools,
    easiest_first,
    eligible,
    levels,
    placebo,
)
from anatomy_r1.training.similarity import Similarity, served_difficulty

TrainingRow = dict[str, Any]
"""One row of the training set, as `baselines/stages/train.py` makes it."""


class GroupSampler(Sampler[int]):
    """Yields each question `group` times in a row, and each chunk of `chunk` questions `repeats` times over.

    Completions of a chunk are generated together, `group` of each question (G; 1 in SFT); they are used `repeats` times
    (steps per generation x iterations). A whole run has `chunks` of them.
    """

    def __init__(
        self, questions: int, *, chunk: int, chunks: int, group: int = 1, repeats: int = 1, seed: int = 0
    ) -> None:
        self.order = question_order(questions, chunk * chunks, seed, chunk)
        self.chunk, self.group, self.repeats = chunk, group, repeats

    def __len__(self) -> int:
        return len(self.order) * self.group * self.repeats

    def __iter__(self) -> Iterator[int]:
        for first in range(0, len(self.order), self.chunk):
            for _ in range(self.repeats):
                for index in self.order[first : first + self.chunk]:
                    yield from [index] * self.group


def question_order(questions: int, count: int, seed: int | str, chunk: int = 1) -> list[int]:
    """`count` indices below `questions`: shuffled passes over all questions, one after another.

    A chunk that spans two passes holds no question twice, unless there are fewer questions than it needs.
    """
    order: list[int] = []
    for epoch in range(-(-count // questions)):
        one_pass = list(range(questions))
        random.Random(f"{seed}/{epoch}").shuffle(one_pass)
        begun = order[len(order) - len(order) % chunk :]
        if begun and questions >= chunk:  # the rest of the chunk that has begun takes none of its questions again
            fresh = [index for index in one_pass if index not in begun][: chunk - len(begun)]
            one_pass = [*fresh, *(index for index in one_pass if index not in fresh)]
        order += one_pass
    return order[:count]


@dataclass(frozen=True)
class ServedBatch:
    """What a batch serves: indices of training rows, each with the columns that replace its own."""

    rows: tuple[tuple[int, dict[str, Any]], ...]
    level: int | None
    """Level in force; None where there are no levels."""


@dataclass(frozen=True)
class Curriculum:
    """ASC and its controls over a training set, by the setting `curriculum` (which questions, with which options).

    `levels`: questions eligible at the level, with distractors in its bin. `pool`: GRPO's own order, distractors of any
    bin. `ordered`: the questions that GRPO would serve over the whole run, with their own options, by rising S(q).
    """

    prepared: PreparedSet
    similarity: Similarity
    """The similarities that define the bins; shuffled for the placebo."""
    style: Style
    settings: Any
    """An `RLConfig`."""
    rule: LevelRule

    @cached_property
    def pools(self) -> tuple[DistractorPool, ...]:
        """Distractor pool of each question, without names that are right as well."""
        return distractor_pools(self.prepared.questions, self.similarity, self.prepared.manifest.get("also_right", {}))

    @cached_property
    def edges(self) -> tuple[float, ...]:
        """Edges of the bins."""
        return bin_edges(self.pools, self.rule.levels)

    @cached_property
    def _ordered(self) -> list[int]:
        """The questions of the method's own budget."""
        questions, given = self.prepared.questions, self.settings
        chunk = given.generation_batch_size // given.num_generations
        order = question_order(len(questions), chunk * given.own_steps, given.seed, chunk)
        scores = {i: served_difficulty(self.similarity, q.answer, q.options) for i, q in enumerate(questions)}
        return easiest_first(order, scores)

    def serve(self, generation: int, count: int, accuracies: Sequence[float]) -> ServedBatch:
        """Batch number `generation` (from 0) of `count` questions over all processes, after these mean accuracies."""
        if self.settings.curriculum == "levels":
            return self._at_level(generation, count, accuracies)
        first, last = generation * count, (generation + 1) * count
        if self.settings.curriculum == "ordered":
            ordered = self._ordered
            repeated = (ordered[i % len(ordered)] for i in range(first, last))  # beyond the own budget: once more
            return ServedBatch(tuple((index, {}) for index in repeated), None)
        order = question_order(len(self.prepared.questions), last, self.settings.seed, count)[first:]
        rows = (self._at_any_level(i, self._rng(generation, place)) for place, i in enumerate(order))
        return ServedBatch(tuple(rows), None)

    def _at_level(self, generation: int, count: int, accuracies: Sequence[float]) -> ServedBatch:
        decided = levels(accuracies, self.rule)
        level, before = decided[-1], decided[:-1].count(decided[-1])
        candidates = eligible(self.pools, self.edges, level)
        if not candidates:
            raise AnatomyR1Error(f"no question can be served at level {level}. Fix: use fewer levels")
        order = question_order(len(candidates), count * (before + 1), f"{self.settings.seed}/level{level}", count)
        rows = []
        for place, i in enumerate(candidates[i] for i in order[-count:]):
            question = at_level(self.pools[i], self.edges, level, self._rng(generation, place))
            rows.append((i, self._columns(question, level)))
        return ServedBatch(tuple(rows), level)

    def _at_any_level(self, index: int, rng: random.Random) -> tuple[int, dict[str, Any]]:
        question = at_any_level(self.pools[index], self.edges, rng)
        score = served_difficulty(self.similarity, question.answer, question.options)
        return index, self._columns(question, None if score is None else bin_of(score, self.edges))

    def _columns(self, question: Question, level: int | None) -> dict[str, Any]:
        prompt = [{"role": "user", "content": render(question, self.style, self.prepared.wording)}]
        return {"prompt": prompt, "options": list(question.options), "letter": question.letter, "level": level}

    def _rng(self, generation: int, place: int) -> random.Random:
        return random.Random(f"{self.settings.seed}/{generation}/options/{place}")


def build_curriculum(settings: Any, prepared: PreparedSet, style: Style, similarity: Similarity) -> Curriculum:
    """The curriculum that an `RLConfig` asks for; true similarities are shuffled here for the placebo."""
    if settings.curriculum != "ordered":
        _check_distractors(prepared)
    _check_options(similarity, prepared, whole=settings.similarity != "mini")
    if settings.shuffle_similarity:
        similarity = placebo(similarity, prepared.questions, settings.seed)
    rule = LevelRule(settings.level_count, settings.level_window, settings.level_threshold)
    return Curriculum(prepared, similarity, style, settings, rule)


def _check_distractors(prepared: PreparedSet) -> None:
    """A new distractor must be wrong, so the set must list what else is right wherever something is."""
    risky = int(prepared.manifest.get("excluded", {}).get("distractor that is also right", 0))
    if risky and "also_right" not in prepared.manifest:
        raise AnatomyR1Error(
            f"{prepared.root}: {risky} times an anatomy would be right as well, and the set does not list which. "
            "Fix: prepare it again with `anatomy-r1 data prepare`, which lists them, or run the variant "
            "grpo-asc-released, which keeps every question's own options"
        )


def _check_options(similarity: Similarity, prepared: PreparedSet, *, whole: bool) -> None:
    """A file must know every option. The mini world's similarities lack modalities, which then are not served."""
    unknown = [one for question in prepared.questions for one in question.options if one not in similarity.names]
    if unknown and (whole or not any(similarity.knows(question.options) for question in prepared.questions)):
        raise AnatomyR1Error(
            f"similarities by {similarity.encoder}: made of other options than those in {prepared.root}, which has "
            f"{len(set(unknown))} more, such as {unknown[0]!r}. "
            f"Fix: anatomy-r1 similarity make --data {prepared.root} and the options it was made with"
        )


Augment = Callable[[TrainingRow, int, random.Random], list[TrainingRow]]
"""(row, members, generator of the group) -> one row per member."""


@dataclass(frozen=True)
class Augmentation:
    """GDQA, an `Augment`: every member of a group sees its own wording of the question and its own noise on the image.

    The paper's phi (text) and psi (image), made in `anatomy_r1/data/augmentation`; without one of them, its -Text and
    -Image. The first member keeps the original pair (ours: the paper does not say).
    """

    prepared: PreparedSet
    style: Style
    settings: Any
    """An `RLConfig`."""
    tokenizer: Any

    @cached_property
    def _questions(self) -> dict[str, Question]:
        return {question.id: question for question in self.prepared.questions}

    def __call__(self, row: TrainingRow, members: int, rng: random.Random) -> list[TrainingRow]:
        """The row as each member of its group sees it."""
        question, given = self._questions[row["question_id"]], self.settings
        forms = [form for form in rewrites(question.stem) if self._known(form)] if given.augment_text else ()
        change, image = partial(noisy, strength=given.noise_strength), given.augment_image
        shown = augment_group(
            question, row["image"], members, rng, text=given.augment_text, image_noise=image, forms=forms, change=change
        )
        return [{**row, "prompt": self._prompt(row, question, prompt.stem), "image": prompt.image} for prompt in shown]

    def _prompt(self, row: TrainingRow, question: Question, stem: str) -> list[dict[str, str]]:
        """The turn in other words, with the options really served: a curriculum may have changed them."""
        served = replace(question, stem=stem, options=tuple(row["options"]))
        return [{"role": "user", "content": render(served, self.style, self.prepared.wording)}]

    def _known(self, text: str) -> bool:
        """A tiny model has a closed vocabulary; a wording with unknown words is no paraphrase to it."""
        unknown = self.tokenizer.unk_token_id
        return unknown is None or unknown not in self.tokenizer(text)["input_ids"]
