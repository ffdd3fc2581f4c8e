"""Every statement of the paper's figures that is measured here.

What the paper shows is read off its released figures and its text. How it is measured, and in which part of a training,
is ours; `reports/figures/statements.py` puts an interval over seeds beside it.

What the paper's Figs. 1 and 2 say about GRPO: it learns some anatomies only, and its groups grow uniform.

What the paper's Figs. 5 and 6 say about ASC-Learning and GDQA beside GRPO.

A statement of one of the paper's figures, as a quantity that can be measured in training, with a direction.
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
class Claim:
    """One statement of a figure."""

    figure: int
    id: str
    paper: str
    """What the paper says or shows, in our words."""
    quantity: str
    """What is measured."""
    measure: PerSeed
    says: str
    """`rise` (above 0), `fall` (below 0), `no rise` (not above the margin), `no change` (within the margin either way),
    or `` where the quantity only goes with the others."""
    margin: float = 0.0
    """Ours; only for the last two."""


def of_grpo(column: str, before: Window = FIRST_THIRD, after: Window = LAST_THIRD) -> PerSeed:
    """How a column changes over GRPO's training."""
    return partial(change, method="grpo", column=column, before=before, after=after)


_ACCURACY = "share of responses that are right"
_OTHERS = "picked by the other seeds' last third"
FIGURE_1 = (
    Claim(
        1,
        "easy-learned",
        "GRPO learns simple anatomies",
        f"{_ACCURACY}, easiest anatomy ({_OTHERS}): last third minus first",
        partial(picked, measure=of_grpo("accuracy"), hardest=False),
        "rise",
    ),
    Claim(
        1,
        "hard-not-learned",
        "GRPO fails on more challenging anatomies",
        f"{_ACCURACY}, hardest anatomy ({_OTHERS}): last third minus first",
        partial(picked, measure=of_grpo("accuracy"), hardest=True),
        "no rise",
        0.05,
    ),
    Claim(
        1,
        "gap",
        "anatomies end apart",
        f"{_ACCURACY} in the last third: easiest minus hardest anatomy ({_OTHERS})",
        gap,
        "rise",
    ),
)
FIGURE_2 = (
    Claim(
        2,
        "texts",
        "responses of a group become uniform",
        "distinct texts of a group: last third minus first (steps with texts)",
        of_grpo("distinct_texts"),
        "fall",
    ),
    Claim(
        2,
        "entropy",
        "responses of a group become uniform",
        "entropy of a group's choices, bits: last third minus first",
        of_grpo("entropy_bits"),
        "fall",
    ),
    Claim(
        2,
        "uniform",
        "responses of a group become uniform",
        "share of groups with one choice: last third minus first",
        of_grpo("uniform"),
        "rise",
    ),
    Claim(
        2,
        "uniform-wrong",
        "groups become uniform and wrong, without a gradient",
        "share of groups with one choice, all wrong: last third minus first",
        of_grpo("uniform_wrong"),
        "rise",
    ),
    Claim(
        2,
        "uniform-late",
        "",
        "share of groups with one choice in the last third",
        partial(mean, method="grpo", column="uniform", window=LAST_THIRD),
        "",
    ),
    Claim(
        2,
        "gdqa-entropy",
        "GDQA brings diversity into a group",
        "entropy of a group's choices, bits, in the last half: GDQA minus GRPO",
        partial(difference, first="grpo-gdqa", second="grpo", column="entropy_bits", window=SECOND_HALF),
        "rise",
    ),
)


FIGURE_5 = (
    Claim(
        5,
        "asc-difficulty",
        "ASC's S(q) rises from 0.145 to about 0.65",
        "S(q) of what ASC serves: last tenth of steps minus first",
        partial(change, method="grpo-asc", column="similarity", before=FIRST_TENTH, after=LAST_TENTH),
        "rise",
    ),
    Claim(
        5,
        "asc-difficulty-first",
        "",
        "S(q) of what ASC serves: first tenth of steps (paper: 0.145)",
        partial(mean, method="grpo-asc", column="similarity", window=FIRST_TENTH),
        "",
    ),
    Claim(
        5,
        "asc-difficulty-last",
        "",
        "S(q) of what ASC serves: last tenth of steps (paper: about 0.65)",
        partial(mean, method="grpo-asc", column="similarity", window=LAST_TENTH),
        "",
    ),
    Claim(
        5,
        "grpo-difficulty",
        "GRPO's S(q) stays at 0.60 to 0.64",
        "S(q) of what GRPO serves: last tenth of steps minus first",
        of_grpo("similarity", FIRST_TENTH, LAST_TENTH),
        "no change",
        0.04,
    ),
    Claim(
        5,
        "reward",
        "ASC's reward is above GRPO's",
        "accuracy reward in the last half: ASC minus GRPO",
        partial(difference, first="grpo-asc", second="grpo", column="accuracy", window=SECOND_HALF),
        "rise",
    ),
    Claim(
        5,
        "reward-with-form",
        "ASC's reward is above GRPO's",
        "accuracy and form reward in the last half: ASC minus GRPO",
        partial(difference, first="grpo-asc", second="grpo", column="reward", window=SECOND_HALF),
        "rise",
    ),
    Claim(
        5,
        "difficulty-apart",
        "",
        "S(q) in the last half: ASC minus GRPO (below 0: ASC's reward is for easier questions)",
        partial(difference, first="grpo-asc", second="grpo", column="similarity", window=SECOND_HALF),
        "",
    ),
    Claim(
        5,
        "asc-rises",
        "ASC's reward rises steadily",
        "accuracy reward of ASC: last third minus first",
        partial(change, method="grpo-asc", column="accuracy", before=FIRST_THIRD, after=LAST_THIRD),
        "rise",
    ),
    Claim(
        5,
        "grpo-stops",
        "GRPO's reward stops improving after an initial rise",
        "accuracy reward of GRPO: last third minus middle third",
        of_grpo("accuracy", MIDDLE_THIRD, LAST_THIRD),
        "no rise",
        0.02,
    ),
)
_INVALID = "share of invalid groups"
_GDQA = partial(difference, first="grpo", second="grpo-gdqa", column="invalid", window=SECOND_HALF)
FIGURE_6 = (
    Claim(
        6,
        "gdqa-lowers",
        "GDQA has fewer invalid groups than GRPO",
        f"{_INVALID} in the last half, all anatomies: GRPO minus GDQA",
        _GDQA,
        "rise",
    ),
    Claim(
        6,
        "gdqa-falls",
        "GDQA's share of invalid groups keeps falling",
        f"{_INVALID} of GDQA: last third minus first",
        partial(change, method="grpo-gdqa", column="invalid", before=FIRST_THIRD, after=LAST_THIRD),
        "fall",
    ),
    Claim(6, "grpo-falls", "", f"{_INVALID} of GRPO: last third minus first", of_grpo("invalid"), ""),
)


def of_each(anatomies: list[str]) -> tuple[Claim, ...]:
    """Fig. 6's statement for each anatomy; the paper shows liver, gut, omentum and gallbladder."""
    return tuple(
        Claim(
            6,
            f"gdqa-lowers: {name}",
            "GDQA has fewer invalid groups than GRPO in each anatomy shown",
            f"{_INVALID} in the last half, {name}: GRPO minus GDQA",
            partial(in_anatomy, anatomy=name, measure=_GDQA),
            "rise",
        )
        for name in anatomies
    )


def claims(anatomies: list[str]) -> tuple[Claim, ...]:
    """All, with one of Fig. 6's for each anatomy or question type."""
    return (*FIGURE_1, *FIGURE_2, *FIGURE_5, *FIGURE_6, *of_each(anatomies))
