"""What the paper's Figs. 1 and 2 say about GRPO: it learns some anatomies only, and its groups grow uniform."""

from __future__ import annotations

from functools import partial

from reports.figures.claim import Claim, of_grpo
from reports.figures.measures import LAST_THIRD, SECOND_HALF, difference, gap, mean, picked

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
