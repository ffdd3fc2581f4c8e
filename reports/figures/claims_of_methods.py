"""What the paper's Figs. 5 and 6 say about ASC-Learning and GDQA beside GRPO."""

from __future__ import annotations

from functools import partial

from reports.figures.claim import Claim, of_grpo
from reports.figures.measures import (
    FIRST_TENTH,
    FIRST_THIRD,
    LAST_TENTH,
    LAST_THIRD,
    MIDDLE_THIRD,
    SECOND_HALF,
    change,
    difference,
    in_anatomy,
    mean,
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
