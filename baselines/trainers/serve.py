"""Which rows a batch serves.

The order in which questions are served: a function of the seed only, so that a resumed run serves the same ones.

TRL's sampler shuffles each epoch from a generator whose state is not in the checkpoint; ours treats a whole run as one
epoch and has no state. Rows of a group stay adjacent, as TRL's advantages expect.

ASC: which questions a batch serves, with which options.

The curriculum has no state: it receives the logged accuracies and returns the present batch, so that a resumed run
serves the same. This is where `grpo-asc` and its controls differ from `grpo` (item 1 of the step in grpo.py).

GDQA: every member of a group sees its own wording of the question and its own noise on the image (paper, "GDQA").

This is where `grpo-gdqa` differs from `grpo` (item 2 of the step in grpo.py). Rewrites and noise are made in
`anatomy_r1/data/augmentation`; here they are applied to rows of a training set. The first member keeps the original
pair (ours: the paper does not say).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any

from torch.utils.data import Sampler

from anatomy_r1.data.augmentation.groups import augment_group, noisy
from anatomy_r1.data.augmentation.rewrites import rewrites
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

    Args:
        questions: size of the training set.
        chunk: questions for which completions are generated together; `chunks` of them are a whole run.
        group: completions per question (G; 1 in SFT).
        repeats: how often a generated chunk is used (steps per generation x iterations).
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
        order += _apart(one_pass, begun, chunk - len(begun))
    return order[:count]


def _apart(one_pass: list[int], begun: list[int], room: int) -> list[int]:
    """The pass, reordered so that its first `room` indices are not in the chunk that has begun."""
    if not begun or len(one_pass) < len(begun) + room:
        return one_pass
    fresh = [index for index in one_pass if index not in begun][:room]
    return [*fresh, *(index for index in one_pass if index not in fresh)]


@dataclass(frozen=True)
class BatchContext:
    """What the curriculum knows when it serves a batch."""

    generation: int
    """Number of the batch, from 0."""
    questions: int
    """Questions per batch, over all processes."""
    accuracies: Sequence[float]
    """Mean accuracy of every earlier batch."""


@dataclass(frozen=True)
class ServedBatch:
    """What a batch serves."""

    rows: tuple[tuple[int, dict[str, Any]], ...]
    """Index of a training row, and the columns that replace its own."""
    level: int | None
    """Level in force; None where there are no levels."""


@dataclass(frozen=True)
class Curriculum:
    """ASC and its controls over a training set, by `kind`.

    `levels`: questions eligible at the level, with distractors in its bin. `pool`: GRPO's own order, distractors of any
    bin. `ordered`: the questions that GRPO would serve over the whole run, with their own options, by rising S(q).
    """

    questions: tuple[Question, ...]
    similarity: Similarity
    """The similarities that define the bins; shuffled for the placebo."""
    kind: str
    rule: LevelRule
    style: Style
    seed: int
    total: int
    """Questions served in the method's own budget."""
    chunk: int
    """Questions per batch."""
    also_right: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Question id -> names that must not become its distractors."""
    wording: str | None = None
    """Prompt wording; None is the benchmark's canonical one."""

    @cached_property
    def pools(self) -> tuple[DistractorPool, ...]:
        """Distractor pool of each question."""
        return distractor_pools(self.questions, self.similarity, self.also_right)

    @cached_property
    def edges(self) -> tuple[float, ...]:
        """Edges of the bins."""
        return bin_edges(self.pools, self.rule.levels)

    @cached_property
    def _ordered(self) -> list[int]:
        order = question_order(len(self.questions), self.total, self.seed, self.chunk)
        scores = {i: served_difficulty(self.similarity, q.answer, q.options) for i, q in enumerate(self.questions)}
        return easiest_first(order, scores)

    def serve(self, context: BatchContext) -> ServedBatch:
        """The rows of one batch."""
        if self.kind == "levels":
            return self._at_level(context)
        first, last = context.generation * context.questions, (context.generation + 1) * context.questions
        if self.kind == "ordered":
            repeated = (self._ordered[i % self.total] for i in range(first, last))  # beyond the own budget: once more
            return ServedBatch(tuple((index, {}) for index in repeated), None)
        order = question_order(len(self.questions), last, self.seed, context.questions)[first:]
        return ServedBatch(
            tuple(self._at_any_level(i, self._rng(context, place)) for place, i in enumerate(order)), None
        )

    def _at_level(self, context: BatchContext) -> ServedBatch:
        decided = levels(context.accuracies, self.rule)
        level, before = decided[-1], decided[:-1].count(decided[-1])
        candidates = eligible(self.pools, self.edges, level)
        if not candidates:
            raise AnatomyR1Error(f"no question can be served at level {level}. Fix: use fewer levels")
        seed = f"{self.seed}/level{level}"
        order = question_order(len(candidates), context.questions * (before + 1), seed, context.questions)
        rows = []
        for place, i in enumerate(candidates[i] for i in order[-context.questions :]):
            question = at_level(self.pools[i], self.edges, level, self._rng(context, place))
            rows.append((i, self._columns(question, level)))
        return ServedBatch(tuple(rows), level)

    def _at_any_level(self, index: int, rng: random.Random) -> tuple[int, dict[str, Any]]:
        question = at_any_level(self.pools[index], self.edges, rng)
        score = served_difficulty(self.similarity, question.answer, question.options)
        return index, self._columns(question, None if score is None else bin_of(score, self.edges))

    def _columns(self, question: Question, level: int | None) -> dict[str, Any]:
        prompt = [{"role": "user", "content": render(question, self.style, self.wording)}]
        return {"prompt": prompt, "options": list(question.options), "letter": question.letter, "level": level}

    def _rng(self, context: BatchContext, place: int) -> random.Random:
        return random.Random(f"{self.seed}/{context.generation}/options/{place}")


def build_curriculum(settings: Any, prepared: PreparedSet, style: Style, similarity: Similarity) -> Curriculum:
    """The curriculum that an `RLConfig` asks for; from true similarities, which are shuffled here for the placebo."""
    if settings.curriculum != "ordered":
        _check_distractors(prepared)
    _check_options(similarity, prepared, whole=settings.similarity != "mini")
    if settings.shuffle_similarity:
        similarity = placebo(similarity, prepared.questions, settings.seed)
    groups_a_batch = settings.generation_batch_size // settings.num_generations
    return Curriculum(
        questions=prepared.questions,
        similarity=similarity,
        kind=settings.curriculum,
        rule=LevelRule(settings.level_count, settings.level_window, settings.level_threshold),
        style=style,
        seed=settings.seed,
        total=groups_a_batch * settings.own_steps,
        chunk=groups_a_batch,
        also_right=prepared.manifest.get("also_right", {}),
        wording=prepared.wording,
    )


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
    """The paper's phi (text) and psi (image) over rows of a training set."""

    questions: Mapping[str, Question]
    """By id."""
    style: Style
    text: bool
    """Whether members see other wordings; if not, this is the paper's -Text."""
    image: bool
    """Whether members see other noise; if not, this is the paper's -Image."""
    strength: float
    """Standard deviation of the noise, as a share of the full range."""
    known: Callable[[str], bool]
    """Whether the policy's tokenizer has all words of a text."""
    wording: str | None = None
    """Prompt wording; None is the benchmark's canonical one."""

    def __call__(self, row: TrainingRow, members: int, rng: random.Random) -> list[TrainingRow]:
        """The row as each member of its group sees it."""
        question = self.questions[row["question_id"]]
        forms = [form for form in rewrites(question.stem) if self.known(form)] if self.text else ()
        change = partial(noisy, strength=self.strength)
        shown = augment_group(
            question, row["image"], members, rng, text=self.text, image_noise=self.image, forms=forms, change=change
        )
        return [{**row, "prompt": self._prompt(row, question, prompt.stem), "image": prompt.image} for prompt in shown]

    def _prompt(self, row: TrainingRow, question: Question, stem: str) -> list[dict[str, str]]:
        """The turn in other words, with the options really served: a curriculum may have changed them."""
        served = replace(question, stem=stem, options=tuple(row["options"]))
        return [{"role": "user", "content": render(served, self.style, self.wording)}]


def group_rng(seed: int, generation: int, question_id: str) -> random.Random:
    """The random generator that the members of a group share; the same after a resume."""
    return random.Random(f"{seed}/{generation}/{question_id}")


def build_augmentation(settings: Any, prepared: PreparedSet, style: Style, tokenizer: Any) -> Augment | None:
    """The augmentation that an `RLConfig` asks for, or None."""
    if not settings.augments:
        return None
    return Augmentation(
        questions={question.id: question for question in prepared.questions},
        style=style,
        text=settings.augment_text,
        image=settings.augment_image,
        strength=settings.noise_strength,
        known=partial(_known, tokenizer),
        wording=prepared.wording,
    )


def _known(tokenizer: Any, text: str) -> bool:
    """A tiny model has a closed vocabulary; a wording with unknown words is no paraphrase to it."""
    return tokenizer.unk_token_id is None or tokenizer.unk_token_id not in tokenizer(text)["input_ids"]
