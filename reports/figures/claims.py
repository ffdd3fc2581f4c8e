"""Every statement of the paper's figures that is measured here.

What the paper shows is read off its released figures and its text. How it is measured, and in which part of a training,
is ours; `reports/figures/statements.py` puts an interval over seeds beside it.
"""

from __future__ import annotations

from reports.figures.claim import Claim
from reports.figures.claims_of_grpo import FIGURE_1, FIGURE_2
from reports.figures.claims_of_methods import FIGURE_5, FIGURE_6, of_each


def claims(anatomies: list[str]) -> tuple[Claim, ...]:
    """All, with one of Fig. 6's for each anatomy or question type."""
    return (*FIGURE_1, *FIGURE_2, *FIGURE_5, *FIGURE_6, *of_each(anatomies))
