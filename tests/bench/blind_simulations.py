"""How often the blind ceiling finds a planted leak, and how often it finds one in a clean set.

python -m tests.bench.blind_simulations clean|planted [SETS]      (prints a table in Markdown)

Each simulated set has 500 training and 1,000 test questions with four of twenty option texts; its first 100, 200 and
500 test questions are the smaller sets. An alarm is a blind ceiling whose interval lies above chance. Five clean sets
have one training side: whatever it taught, on a clean test side each answer is right by chance, so that the five alarms
are independent. The designs and their numbers are ours. Set number n of a design is the same in every run.
"""

import random
import sys
from collections import Counter
from dataclasses import dataclass
from statistics import fmean
from unittest.mock import patch

from statsmodels.stats.proportion import proportion_confint

from anatomy_r1.evaluation import blind_ceiling as module
from anatomy_r1.evaluation.blind_controls import correct
from anatomy_r1.question import Question
from anatomy_r1.scoring.intervals import cluster_interval

TEXTS = tuple(f"finding{number:02d}" for number in range(20))
FAVOURED, OTHERS = TEXTS[:5], TEXTS[5:]
RIGHT, NEVER = TEXTS[:10], TEXTS[10:]
TRAIN, SIZES, CHANCE = 500, (100, 200, 500, 1000), 0.25
SIDES = 5
"""Clean test sides to a training side."""


def evenly(draw, answer):
    """Nothing is given away: given the options shown, each is right as often."""
    return "", answer, draw.sample([text for text in TEXTS if text != answer], 3)


def one_prior(draw, _):
    """One text of twenty is right in 40 % of its showings."""
    return "", *_with_prior(draw, draw.sample(TEXTS, 4), TEXTS[0])


def half_prior(draw, _):
    """Half of the questions show one of five texts that are right in 40 % of their showings."""
    favoured = draw.choice(FAVOURED) if draw.random() < 0.5 else ""
    shown = draw.sample(OTHERS, 3 if favoured else 4)
    return "", *_with_prior(draw, [*shown, favoured] if favoured else shown, favoured)


def _with_prior(draw, shown, favoured):
    others = [text for text in shown if text != favoured]
    answer = favoured if favoured in shown and draw.random() < 0.4 else draw.choice(others)
    return answer, [text for text in shown if text != answer]


def three_never(draw, _):
    """In half of the questions all three distractors are never right."""
    return "", *_with_never(draw, 3)


def one_never(draw, _):
    """In half of the questions one distractor is never right."""
    return "", *_with_never(draw, 1)


def _with_never(draw, most):
    count = most if draw.random() < 0.5 else 0
    answer, *others = draw.sample(RIGHT, 4 - count)
    return answer, [*others, *draw.sample(NEVER, count)]


def named(draw, answer):
    """In a tenth of the questions a word of the stem names the answer."""
    _, answer, others = evenly(draw, answer)
    return f"kind{TEXTS.index(answer):02d}" if draw.random() < 0.1 else "", answer, others


@dataclass(frozen=True)
class Design:
    """How a set is made."""

    name: str
    ask: object
    """(random numbers, a text drawn evenly) -> a word of the stem, the answer, its distractors."""
    worth: float = CHANCE
    """Accuracy of the best rule that knows how the set was made."""
    size: int = 1
    """Questions of one image: a cluster."""
    shared: bool = False
    """Whether all questions of an image have the same answer."""


CLEAN = (
    Design("1 question an image", evenly),
    Design("4 an image, one answer", evenly, size=4, shared=True),
    Design("20 an image, one answer", evenly, size=20, shared=True),
    Design("4 an image", evenly, size=4),
    Design("20 an image", evenly, size=20),
)
PLANTED = (
    Design("1 text of 20 is right in 40 % of its showings, not in 25 %", one_prior, 0.2 * 0.4 + 0.8 * CHANCE),
    Design("half of the questions show one of 5 such texts", half_prior, 0.5 * 0.4 + 0.5 * CHANCE),
    Design(
        "in half of the questions 1 of the 3 distractors is a text that is never right",
        one_never,
        0.5 / 3 + 0.5 * CHANCE,
    ),
    Design("in half of the questions all 3 distractors are such texts", three_never, 0.5 + 0.5 * CHANCE),
    Design("in a tenth of the questions a word of the stem names the answer", named, 0.1 + 0.9 * CHANCE),
)


def questions(design, draw, count, side):
    """`count` questions; images are numbered from 0 on each side."""
    made, answer = [], ""
    for number in range(count):
        answer = answer if design.shared and number % design.size else draw.choice(TEXTS)
        word, right, others = design.ask(draw, answer)
        options = [right, *others]
        draw.shuffle(options)
        stem = " ".join(["What does this", draw.choice(("red", "blue", "pale")), word, "picture show ?"])
        image = f"{side}/{number // design.size}.png"
        made.append(Question(f"{side}/{number}", "b", stem, tuple(options), right, image, "c", image))
    return made


@dataclass(frozen=True)
class Outcome:
    """The blind ceiling of one simulated set, of its first so many test questions."""

    best: str
    mean: float
    above: bool
    """Whether its interval lies above chance: the alarm."""
    below: bool
    above_without_clusters: bool
    """The same, were every question taken for independent of the others."""


def outcomes(design, number, sizes=SIZES, train=TRAIN, sides=1):
    """Size -> outcome, for each of `sides` test sides of training side `number` of a design."""
    draw = random.Random(f"{design.name}/{number}")
    known = questions(design, draw, train, "train")
    asked = [questions(design, draw, max(sizes), "test") for _ in range(sides)]
    with patch.object(module, "SIZES", ()):  # the curve would take most of the time, and is not looked at
        best = module.blind_ceiling(known, asked[0]).best
    letters = module.ANSWERERS[best](known, [one for side in asked for one in side])
    right = correct([one for side in asked for one in side], letters)
    return [
        {size: _outcome(best, right[at : at + size], side[:size]) for size in sizes}
        for at, side in zip(range(0, len(right), max(sizes)), asked, strict=True)
    ]


def _outcome(best, right, asked):
    stated = cluster_interval(right, [one.cluster for one in asked])
    free = cluster_interval(right, range(len(right)))
    return Outcome(best, stated.mean, stated.low > CHANCE, stated.high < CHANCE, free.low > CHANCE)


@dataclass(frozen=True)
class Rates:
    """Shares of simulated sets, as counts; the mean ceiling as a share."""

    design: str
    size: int
    sets: int
    above: int
    below: int
    above_without_clusters: int
    mean: float
    best: Counter


def rates(design, sets, sizes=SIZES, train=TRAIN, sides=1):
    """One row for each size."""
    numbers = range(sets // sides)
    made = [one for number in numbers for one in outcomes(design, number, sizes, train, sides)]
    return [_rates(design, size, [of[size] for of in made]) for size in sizes]


def _rates(design, size, of):
    counts = {name: sum(getattr(one, name) for one in of) for name in ("above", "below", "above_without_clusters")}
    return Rates(
        design.name, size, len(of), mean=fmean(one.mean for one in of), best=Counter(o.best for o in of), **counts
    )


def share(count, of):
    """`2.1 [1.4, 3.2]`: percent with its 95 % interval (Wilson)."""
    low, high = proportion_confint(count, of, method="wilson")
    return f"{100 * count / of:.1f} [{100 * low:.1f}, {100 * high:.1f}]"


def clean_rows(sets):
    """The table of false alarms, row by row."""
    yield "| clean set | test questions | clusters | alarms, % | below chance, % | alarms, clusters not stated, % |"
    yield "| :-- | --: | --: | --: | --: | --: |"
    for design in CLEAN:
        for row in rates(design, sets, sides=SIDES):
            shares = (share(count, row.sets) for count in (row.above, row.below, row.above_without_clusters))
            yield f"| {row.design} | {row.size:,} | {-(-row.size // design.size):,} | {' | '.join(shares)} |"


def planted_rows(sets):
    """The table of power, row by row."""
    yield "| what is planted | worth, % | test questions | mean ceiling, % | found, % | best rule, sets |"
    yield "| :-- | --: | --: | --: | --: | :-- |"
    for design in PLANTED:
        for row in rates(design, sets):
            best = ", ".join(f"{name} {count}" for name, count in row.best.most_common())
            found = share(row.above, row.sets)
            yield (
                f"| {row.design} | {100 * design.worth:.1f} | {row.size:,} | {100 * row.mean:.1f} | {found} | {best} |"
            )


def main():
    """Print one of the two tables."""
    kind, sets = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 200
    for line in {"clean": clean_rows, "planted": planted_rows}[kind](sets):
        print(line, flush=True)


if __name__ == "__main__":
    main()
