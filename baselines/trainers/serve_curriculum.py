"""What a batch serves: the curriculum's choice of questions and options (ASC). Stateless: a resume changes nothing.

The curriculum is handed the logged accuracies and says what the present batch holds; nothing is remembered in between.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from anatomy_r1.data.prepared import PreparedSet
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.prompts import Style, render
from anatomy_r1.question import Question
from anatomy_r1.training.curriculum import (
    Pool,
    Rule,
    anywhere,
    at_level,
    bin_of,
    easiest_first,
    edges,
    eligible,
    kinds,
    levels,
)
from anatomy_r1.training.curriculum import pools as pools_of
from anatomy_r1.training.similarity import Similarity, mini_similarity, read, served_difficulty, shuffled
from baselines.trainers.sampler import question_order


@dataclass(frozen=True)
class Moment:
    """When a batch is served."""

    generation: int
    """Number of the batch, from 0."""
    questions: int
    """Questions in a batch, over all processes."""
    accuracies: Sequence[float]
    """Mean accuracy of every batch before."""


@dataclass(frozen=True)
class Served:
    """What a batch holds."""

    rows: tuple[tuple[int, dict[str, Any]], ...]
    """Index of a training row, and the columns that replace its own."""
    level: int | None
    """Level in force; None where there is none."""


@dataclass(frozen=True)
class Curriculum:
    """ASC and its controls over a training set.

    `levels`: questions that the level allows, with distractors in its bin. `pool`: GRPO's own order, distractors of any
    bin. `ordered`: the questions that GRPO would serve over the whole run, with their own options, by rising S(q).
    """

    questions: tuple[Question, ...]
    similarity: Similarity
    """By which levels are made: shuffled for the placebo."""
    kind: str
    rule: Rule
    style: Style
    seed: int
    total: int
    """Questions served in the method's own budget."""
    chunk: int
    """Questions in a batch."""
    also_right: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Question -> what must not stand beside its answer."""
    wording: str | None = None
    """Of the prompt; None is the benchmark's canonical one."""

    @cached_property
    def pools(self) -> tuple[Pool, ...]:
        """What each question may be served with."""
        return pools_of(self.questions, self.similarity, self.also_right)

    @cached_property
    def edges(self) -> tuple[float, ...]:
        """Borders of the bins."""
        return edges(self.pools, self.rule.levels)

    @cached_property
    def _ordered(self) -> list[int]:
        order = question_order(len(self.questions), self.total, self.seed, self.chunk)
        scores = {i: served_difficulty(self.similarity, q.answer, q.options) for i, q in enumerate(self.questions)}
        return easiest_first(order, scores)

    def serve(self, moment: Moment) -> Served:
        """The batch of that moment."""
        if self.kind == "levels":
            return self._at_level(moment)
        first, last = moment.generation * moment.questions, (moment.generation + 1) * moment.questions
        if self.kind == "ordered":
            again = (self._ordered[i % self.total] for i in range(first, last))  # beyond the own budget: once more
            return Served(tuple((index, {}) for index in again), None)
        order = question_order(len(self.questions), last, self.seed, moment.questions)[first:]
        return Served(tuple(self._anywhere(i, self._rng(moment, place)) for place, i in enumerate(order)), None)

    def _at_level(self, moment: Moment) -> Served:
        decided = levels(moment.accuracies, self.rule)
        level, before = decided[-1], decided[:-1].count(decided[-1])
        candidates = eligible(self.pools, self.edges, level)
        if not candidates:
            raise AnatomyR1Error(f"no question can be served at level {level}; use fewer levels")
        order = question_order(
            len(candidates), moment.questions * (before + 1), f"{self.seed}/level{level}", moment.questions
        )
        chosen = [candidates[i] for i in order[-moment.questions :]]
        return Served(
            tuple(
                (i, self._columns(at_level(self.pools[i], self.edges, level, self._rng(moment, place)), level))
                for place, i in enumerate(chosen)
            ),
            level,
        )

    def _anywhere(self, index: int, rng: random.Random) -> tuple[int, dict[str, Any]]:
        question = anywhere(self.pools[index], self.edges, rng)
        score = served_difficulty(self.similarity, question.answer, question.options)
        return index, self._columns(question, None if score is None else bin_of(score, self.edges))

    def _columns(self, question: Question, level: int | None) -> dict[str, Any]:
        prompt = [{"role": "user", "content": render(question, self.style, self.wording)}]
        return {"prompt": prompt, "options": list(question.options), "letter": question.letter, "level": level}

    def _rng(self, moment: Moment, place: int) -> random.Random:
        return random.Random(f"{self.seed}/{moment.generation}/options/{place}")


def load_similarity(source: str | None, *, needed: bool) -> Similarity | None:
    """Similarities by the name of their source; see `RLConfig.similarity`.

    Where a curriculum needs them, a missing file is an error; elsewhere they are for the log, which then has none.
    """
    if not source or not (needed or source == "mini" or Path(source).is_file()):
        return None
    return mini_similarity() if source == "mini" else read(Path(source))


def build_curriculum(settings: Any, prepared: PreparedSet, style: Style, similarity: Similarity) -> Curriculum:
    """The curriculum of a run.

    Args:
        settings: an `RLConfig`.
        prepared: training questions.
        style: prompt style.
        similarity: true similarities; the placebo shuffles them here.

    Raises:
        AnatomyR1Error: when other distractors would not be safe, or the similarities are of other options.
    """
    if settings.curriculum != "ordered":
        _check_pool(prepared)
    _check_options(similarity, prepared, whole=settings.similarity != "mini")
    if settings.shuffle_similarity:
        groups = [sorted(names) for _, names in sorted(kinds(prepared.questions).items())]
        similarity = shuffled(similarity, groups, settings.seed)
    rule = Rule(settings.level_count, settings.level_window, settings.level_threshold)
    groups_a_batch = settings.generation_batch_size // settings.num_generations
    total = groups_a_batch * settings.own_steps
    return Curriculum(
        questions=prepared.questions,
        similarity=similarity,
        kind=settings.curriculum,
        rule=rule,
        style=style,
        seed=settings.seed,
        total=total,
        chunk=groups_a_batch,
        also_right=prepared.manifest.get("also_right", {}),
        wording=prepared.wording,
    )


def _check_options(similarity: Similarity, prepared: PreparedSet, *, whole: bool) -> None:
    """A file must know every option; of the mini world's own, modalities have none, and are then not served."""
    unknown = [one for question in prepared.questions for one in question.options if one not in similarity.names]
    if unknown and (whole or not any(similarity.knows(question.options) for question in prepared.questions)):
        raise AnatomyR1Error(
            f"similarities by {similarity.encoder}: made of other options than those in {prepared.root}, which has "
            f"{len(set(unknown))} more, such as {unknown[0]!r}. "
            f"Fix: anatomy-r1 similarity make --data {prepared.root} and the options it was made with"
        )


def _check_pool(prepared: PreparedSet) -> None:
    """A new distractor must be wrong, so the set must say what else is right wherever something is."""
    risky = int(prepared.manifest.get("excluded", {}).get("distractor that is also right", 0))
    if risky and "also_right" not in prepared.manifest:
        raise AnatomyR1Error(
            f"{prepared.root}: {risky} times an anatomy would be right as well, and the set does not say which. "
            "Fix: make it again with `anatomy-r1 data prepare`, which writes them down, or run the variant "
            "grpo-asc-released, which keeps every question's own options"
        )
