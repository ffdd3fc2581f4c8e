"""The balanced variant of a multiple-choice set: same images, questions and answers, other distractors.

Questions are put into *blocks* of four that have one stem and four different answers. All four questions of a block
show these four answers as their options, and the right one is at each letter once. So the texts of a block do not say
which option is right where: a rule that reads a stem and its set of options is right in exactly one question of the
four, whatever it has learnt; one that reads their order too, in one of four on average over the seeded orders. Each
text is right in a quarter of the questions that show it.

No text becomes an option of a question if it may be right for it too. That is what the source says of the image (its
scene graph, its other questions), texts that are both right for one image somewhere in the set, as a genus and its
species are, and texts that contain one another, word for word.

Stems of one meaning come in many wordings, and a wording can hint at an answer. A question that finds no block with its
own stem may join one of its *kind*; all of these are asked in the kind's most frequent wording. What fits into no block
is dropped and counted. The construction is ours. It depends on the questions and a seed alone.

Example:
    >>> names = ["Gut", "Liver", "Omentum", "Duct"]
    >>> asked = [Question(id=name, benchmark="b", stem="What is it?", options=(name, "Foot", "Hand", "Eye"),
    ...                   answer=name, image=f"{name}.png", category="", cluster=name) for name in names]
    >>> found = balance(asked, seed=0)
    >>> sorted({"".join(sorted(option[0] for option in one.options)) for one in found.questions})
    ['DGLO']
    >>> sorted(one.letter for one in found.questions)
    ['A', 'B', 'C', 'D']
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Container, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from anatomy_r1.data.splits import priority
from anatomy_r1.question import Question, look_alike

VERSION = 1
"""Raised with any change to what the same questions and seed give."""
SIZE = 4
"""Questions of a block, and options of each."""
SAME_STEM, SAME_KIND = "own wording", "most frequent wording of its kind"
FEW, RARE, OTHER = "fewer than four answers to its stem", "no four compatible answers left", "not four options"
Kind = Callable[[Question], Hashable]
"""A question -> the kind of its stem: within a kind, stems are taken to say the same."""
Pairs = frozenset[frozenset[str]]
"""Pairs of texts in `look_alike` form."""


@dataclass(frozen=True, slots=True)
class Balanced:
    """A balanced set, and what became of the questions."""

    questions: tuple[Question, ...]
    """In the order of the source, with its ids."""
    kept: Mapping[str, int]
    """How a block was found -> number of questions."""
    dropped: Mapping[str, Mapping[str, int]]
    """Category -> reason -> number of questions."""


def balance(
    questions: Sequence[Question],
    seed: int,
    also_right: Mapping[str, Sequence[str]] | None = None,
    kind: Kind | None = None,
    never_together: Pairs = frozenset(),
) -> Balanced:
    """The balanced variant of one split.

    Args:
        questions: the split, with unique ids.
        seed: of the blocks and of the order of options.
        also_right: question id -> texts that are right for it besides its answer, or cannot be shown to be wrong.
        kind: for questions that find no block with their own stem; default: they are dropped. Only questions of one
            kind share a block.
        never_together: pairs of which neither is a distractor for the other (`right_together`).
    """
    also = _also_right(questions, also_right or {})
    own: Kind = stem_of if kind is None else lambda question: (kind(question), stem_of(question))
    levels: dict[str, Kind] = {SAME_STEM: own, **({SAME_KIND: kind} if kind else {})}
    usual = _wordings(questions, kind) if kind else {}
    left = [question for question in questions if len(question.options) == SIZE]
    found, kept = dict[str, Question](), dict[str, int]()
    for level, key in levels.items():
        blocks = [block for group in _groups(left, key) for block in _blocks(group, also, never_together, seed)]
        asked = {one.id: one for block in blocks for one in _options(block, seed)}
        if level == SAME_KIND and kind:
            asked = {one.id: replace(one, stem=usual[kind(one)]) for one in asked.values()}
        left = [question for question in left if question.id not in asked]
        found |= asked
        kept[level] = len(asked)
    ordered = tuple(found[question.id] for question in questions if question.id in found)
    return Balanced(ordered, kept, _dropped(questions, found, kind or stem_of))


def _wordings(questions: Sequence[Question], kind: Kind) -> dict[Hashable, str]:
    """Kind -> its most frequent stem, the first in the alphabet among equals."""
    counts: dict[Hashable, Counter[str]] = defaultdict(Counter)
    for question in questions:
        counts[kind(question)][question.stem] += 1
    return {name: min(of, key=lambda stem: (-of[stem], stem)) for name, of in counts.items()}


def _dropped(questions: Sequence[Question], kept: Container[str], key: Kind) -> dict[str, Counter[str]]:
    """Category -> why its questions were dropped -> how many."""
    answers = {key(group[0]): len({_text(one) for one in group}) for group in _groups(questions, key)}
    dropped: dict[str, Counter[str]] = defaultdict(Counter)
    for question in (one for one in questions if one.id not in kept):
        reason = OTHER if len(question.options) != SIZE else FEW if answers[key(question)] < SIZE else RARE
        dropped[question.category][reason] += 1
    return dropped


def stem_of(question: Question) -> str:
    """A stem without what is only spelling."""
    return look_alike(question.stem).rstrip("?. ")


def right_together(questions: Sequence[Question]) -> Pairs:
    """Pairs of texts that are both the answer to a question about one image."""
    answers: dict[str, set[str]] = defaultdict(set)
    for question in questions:
        answers[question.image].add(_text(question))
    return frozenset(frozenset((one, other)) for of in answers.values() for one in of for other in of if one != other)


def kinds_by_answers(questions: Sequence[Question], split: Kind) -> Kind:
    """Kinds of stems from the questions themselves: stems that share an answer, and answers that share a stem, are of
    one kind. `split` keeps questions of different sources or types apart.

    A question without any of these stems or answers is of a kind of its own.
    """
    root: dict[Hashable, Hashable] = {}

    def find(node: Hashable) -> Hashable:
        while root.setdefault(node, node) != node:
            node = root[node]
        return node

    for question in questions:
        stem, answer = _nodes(question, split)
        root[find(stem)] = find(answer)
    return lambda question: find(_nodes(question, split)[1])


def _nodes(question: Question, split: Kind) -> tuple[Hashable, Hashable]:
    """A question as an edge between its stem and its answer."""
    return ("stem", split(question), stem_of(question)), ("answer", split(question), _text(question))


def _text(question: Question) -> str:
    return look_alike(question.answer)


def _also_right(questions: Sequence[Question], stated: Mapping[str, Sequence[str]]) -> dict[str, frozenset[str]]:
    """Question id -> texts that must not become its distractors: those stated, and the answers of other questions with
    the same image and stem.
    """
    asked: dict[tuple[str, str], set[str]] = defaultdict(set)
    for question in questions:
        asked[question.image, stem_of(question)].add(_text(question))
    return {
        question.id: frozenset(
            ({*map(look_alike, stated.get(question.id, ()))} | asked[question.image, stem_of(question)])
            - {_text(question)}
        )
        for question in questions
    }


def _groups(questions: Sequence[Question], key: Kind) -> list[list[Question]]:
    groups: dict[Hashable, list[Question]] = defaultdict(list)
    for question in questions:
        groups[key(question)].append(question)
    return list(groups.values())


def _blocks(
    group: Sequence[Question], also: Mapping[str, frozenset[str]], never: Pairs, seed: int
) -> Iterator[list[Question]]:
    """Blocks of questions with one stem, or with stems of one kind.

    The answers with the most questions left go first, which leaves the fewest over; where a question finds no three
    others, it is passed over.
    """
    waiting: dict[str, list[Question]] = defaultdict(list)
    for question in sorted(group, key=lambda one: (priority(seed, one.id), one.id)):
        waiting[_text(question)].append(question)
    while True:
        order = sorted((name for name in waiting if waiting[name]), key=lambda name: (-len(waiting[name]), name))
        if len(order) < SIZE:
            return
        block = _block(waiting[order[0]].pop(0), [waiting[name] for name in order[1:]], also, never)
        if len(block) == SIZE:
            yield block
        else:
            for question in block[1:]:
                waiting[_text(question)].insert(0, question)


def _block(
    first: Question,
    others: Sequence[list[Question]],
    also: Mapping[str, frozenset[str]],
    never: Pairs,
) -> list[Question]:
    """`first` and one question of each of three other answers, taken out of their lists; fewer if there are no more."""

    def fits(one: Question, other: Question) -> bool:
        pair = _text(one), _text(other)
        told = pair[1] in also[one.id] or pair[0] in also[other.id] or frozenset(pair) in never
        return not (told or contain(*pair))

    block = [first]
    for of_answer in others:
        found = next((one for one in of_answer if all(fits(one, other) for other in block)), None)
        if found is not None and len(block) < SIZE:
            of_answer.remove(found)
            block.append(found)
    return block


def _options(block: Sequence[Question], seed: int) -> Iterator[Question]:
    """The block's questions with their options: right at one letter each, the other options in seeded order."""
    members = sorted(block, key=lambda one: priority(seed, f"{VERSION}/letter/{one.id}"))
    for letter, question in enumerate(members):
        others = [one.answer for one in block if one.id != question.id]
        others.sort(key=lambda text: priority(seed, f"{VERSION}/order/{question.id}/{text}"))
        yield replace(question, options=(*others[:letter], question.answer, *others[letter:]))


def contain(one: str, other: str) -> bool:
    """Whether the words of one text are all in the other, plural or not: neither is then clearly wrong for the other.

    Example:
        >>> contain("Fusiform cells", "Mixed cells (fusiform, round)"), contain("Lymphocyte", "lymphocytes")
        (True, True)
        >>> contain("Fusiform cells", "Round cells")
        False
    """
    words = [{word.removesuffix("s") for word in re.findall(r"\w+", text.casefold())} for text in (one, other)]
    return words[0] <= words[1] or words[1] <= words[0]
