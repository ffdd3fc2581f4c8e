"""What the paper's figures claim about training, each as a quantity that can be measured, with a direction.

What the paper shows is read off its released figures and its text. How it is measured, and over which part of a
training, is ours; `reports/figures/statements.py` adds an interval over seeds and a verdict.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from reports.figures.measures import (
    FIRST_TENTH,
    FIRST_THIRD,
    LAST_TENTH,
    LAST_THIRD,
    MIDDLE_THIRD,
    SECOND_HALF,
    PerSeed,
    Window,
    change,
    difference,
    gap,
    in_anatomy,
    mean,
    picked,
)


@dataclass(frozen=True)
class FigureClaim:
    """One claim of a figure."""

    figure: int
    id: str
    paper: str
    """What the paper says or shows, in our words; empty for a quantity that only accompanies the others."""
    quantity: str
    """What is measured."""
    measure: PerSeed
    says: str
    """`rise` (above 0), `fall` (below 0), `no rise` (not above the margin), `no change` (within it), or empty."""
    margin: float = 0.0
    """Margin of `no rise` and `no change`, ours."""


def _trend(method: str, column: str, before: Window = FIRST_THIRD, after: Window = LAST_THIRD) -> PerSeed:
    """Change of a column over a method's training."""
    return partial(change, method=method, column=column, before=before, after=after)


def _late(first: str, second: str, column: str) -> PerSeed:
    """Difference between two methods in the second half of training."""
    return partial(difference, first=first, second=second, column=column, window=SECOND_HALF)


_ACCURACY = "share of responses that are right"
_OTHERS = "picked by the other seeds' last third"
FIGURE_1 = (
    FigureClaim(
        1,
        "easy-learned",
        "GRPO learns simple anatomies",
        f"{_ACCURACY}, easiest anatomy ({_OTHERS}): last third minus first",
        partial(picked, measure=_trend("grpo", "accuracy"), hardest=False),
        "rise",
    ),
    FigureClaim(
        1,
        "hard-not-learned",
        "GRPO fails on more challenging anatomies",
        f"{_ACCURACY}, hardest anatomy ({_OTHERS}): last third minus first",
        partial(picked, measure=_trend("grpo", "accuracy"), hardest=True),
        "no rise",
        0.05,
    ),
    FigureClaim(
        1,
        "gap",
        "anatomies end apart",
        f"{_ACCURACY} in the last third: easiest minus hardest anatomy ({_OTHERS})",
        gap,
        "rise",
    ),
)
FIGURE_2 = (
    FigureClaim(
        2,
        "texts",
        "responses of a group become uniform",
        "distinct texts of a group: last third minus first (steps with texts)",
        _trend("grpo", "distinct_texts"),
        "fall",
    ),
    FigureClaim(
        2,
        "entropy",
        "responses of a group become uniform",
        "entropy of a group's choices, bits: last third minus first",
        _trend("grpo", "entropy_bits"),
        "fall",
    ),
    FigureClaim(
        2,
        "uniform",
        "responses of a group become uniform",
        "share of groups with one choice: last third minus first",
        _trend("grpo", "uniform"),
        "rise",
    ),
    FigureClaim(
        2,
        "uniform-wrong",
        "groups become uniform and wrong, without a gradient",
        "share of groups with one choice, all wrong: last third minus first",
        _trend("grpo", "uniform_wrong"),
        "rise",
    ),
    FigureClaim(
        2,
        "uniform-late",
        "",
        "share of groups with one choice in the last third",
        partial(mean, method="grpo", column="uniform", window=LAST_THIRD),
        "",
    ),
    FigureClaim(
        2,
        "gdqa-entropy",
        "GDQA brings diversity into a group",
        "entropy of a group's choices, bits, in the last half: GDQA minus GRPO",
        _late("grpo-gdqa", "grpo", "entropy_bits"),
        "rise",
    ),
)
FIGURE_5 = (
    FigureClaim(
        5,
        "asc-difficulty",
        "ASC's S(q) rises from 0.145 to about 0.65",
        "S(q) of what ASC serves: last tenth of steps minus first",
        _trend("grpo-asc", "similarity", FIRST_TENTH, LAST_TENTH),
        "rise",
    ),
    FigureClaim(
        5,
        "asc-difficulty-first",
        "",
        "S(q) of what ASC serves: first tenth of steps (paper: 0.145)",
        partial(mean, method="grpo-asc", column="similarity", window=FIRST_TENTH),
        "",
    ),
    FigureClaim(
        5,
        "asc-difficulty-last",
        "",
        "S(q) of what ASC serves: last tenth of steps (paper: about 0.65)",
        partial(mean, method="grpo-asc", column="similarity", window=LAST_TENTH),
        "",
    ),
    FigureClaim(
        5,
        "grpo-difficulty",
        "GRPO's S(q) stays at 0.60 to 0.64",
        "S(q) of what GRPO serves: last tenth of steps minus first",
        _trend("grpo", "similarity", FIRST_TENTH, LAST_TENTH),
        "no change",
        0.04,
    ),
    FigureClaim(
        5,
        "reward",
        "ASC's reward is above GRPO's",
        "accuracy reward in the last half: ASC minus GRPO",
        _late("grpo-asc", "grpo", "accuracy"),
        "rise",
    ),
    FigureClaim(
        5,
        "reward-with-form",
        "ASC's reward is above GRPO's",
        "accuracy and format reward in the last half: ASC minus GRPO",
        _late("grpo-asc", "grpo", "reward"),
        "rise",
    ),
    FigureClaim(
        5,
        "difficulty-apart",
        "",
        "S(q) in the last half: ASC minus GRPO (below 0: ASC's reward is for easier questions)",
        _late("grpo-asc", "grpo", "similarity"),
        "",
    ),
    FigureClaim(
        5,
        "asc-rises",
        "ASC's reward rises steadily",
        "accuracy reward of ASC: last third minus first",
        _trend("grpo-asc", "accuracy"),
        "rise",
    ),
    FigureClaim(
        5,
        "grpo-stops",
        "GRPO's reward stops improving after an initial rise",
        "accuracy reward of GRPO: last third minus middle third",
        _trend("grpo", "accuracy", MIDDLE_THIRD, LAST_THIRD),
        "no rise",
        0.02,
    ),
)
_ALL_WRONG = "share of all-wrong groups"
_FEWER = _late("grpo", "grpo-gdqa", "invalid")
FIGURE_6 = (
    FigureClaim(
        6,
        "gdqa-lowers",
        "GDQA has fewer all-wrong groups than GRPO",
        f"{_ALL_WRONG} in the last half, all anatomies: GRPO minus GDQA",
        _FEWER,
        "rise",
    ),
    FigureClaim(
        6,
        "gdqa-falls",
        "GDQA's share of all-wrong groups keeps falling",
        f"{_ALL_WRONG} of GDQA: last third minus first",
        _trend("grpo-gdqa", "invalid"),
        "fall",
    ),
    FigureClaim(6, "grpo-falls", "", f"{_ALL_WRONG} of GRPO: last third minus first", _trend("grpo", "invalid"), ""),
)


def claims(anatomies: list[str]) -> tuple[FigureClaim, ...]:
    """All claims, that of Fig. 6 also for each anatomy or question type; the paper shows four anatomies."""
    by_anatomy = (
        FigureClaim(
            6,
            f"gdqa-lowers: {name}",
            "GDQA has fewer all-wrong groups than GRPO in each anatomy shown",
            f"{_ALL_WRONG} in the last half, {name}: GRPO minus GDQA",
            partial(in_anatomy, anatomy=name, measure=_FEWER),
            "rise",
        )
        for name in anatomies
    )
    return (*FIGURE_1, *FIGURE_2, *FIGURE_5, *FIGURE_6, *by_anatomy)
