"""The one catalogue of methods: id -> title, in the order in which tables list them.

Ids are stored in plans, paths and results; titles are printed. `baselines/methods/` takes a method's label from here by
its id, and `reports/` its row names, so that training and reporting agree without importing each other. A method of a
user's own file is not listed: the file states its label, and tables call it by its id.
"""

from __future__ import annotations

METHODS: dict[str, str] = {
    "zero-shot": "Zero-Shot",
    "sft": "SFT",
    "cot-sft": "CoT-SFT",
    "sft-grpo": "SFT+GRPO",
    "cot-sft-grpo": "CoT SFT+GRPO",
    "grpo": "GRPO",
    "gpg": "GPG",
    "dapo": "DAPO",
    "grpo-asc": "GRPO-ASC-Learning",
    "grpo-gdqa": "GRPO-GDQA",
}
"""Rows of the paper's Table 1."""

ABLATION: dict[str, str] = {
    "grpo-gdqa": "GRPO-GDQA",
    "grpo-gdqa-no-text": "GRPO-GDQA \N{MINUS SIGN}Text",
    "grpo-gdqa-no-image": "GRPO-GDQA \N{MINUS SIGN}Image",
}
"""Rows of the paper's Table 2."""

BEYOND: dict[str, str] = {
    "grpo-asc-gdqa": "GRPO-ASC-GDQA",
    "grpo-asc-shuffled": "ASC shuffled (placebo)",
    "grpo-asc-pool": "ASC pool only (control)",
    "grpo-asc-released": "ASC as released",
}
"""Trained methods that the paper does not report (ours); short, so that Table 1 still fits a terminal."""

FURTHER: dict[str, str] = {
    "dr-grpo": "Dr. GRPO",
    "gspo": "GSPO",
    "papo": "PAPO",
    "grpo-overlong": "GRPO + soft overlong",
}
"""Methods of other papers that users ask for; the paper does not report them (docs/choices.md)."""

CALIBRATION: dict[str, str] = {
    "grpo-again": "GRPO, other seeds",
    "grpo-gdqa-off": "GDQA, both parts off",
    "grpo-flipped": "GRPO, 10 % flipped rewards",
    "grpo-twice": "GRPO, twice the steps",
}
"""Methods with a known answer, which test the instrument (docs/calibration.md)."""

OTHER_BUDGET = frozenset({"grpo-twice"})
"""Methods whose budget is another than GRPO's because that is what they are."""

CONTROLS: dict[str, str] = {
    "control-majority": "Majority class (control)",
    "control-naive-bayes": "Naive Bayes (control)",
}
"""Controls that use neither a model nor the image."""

TITLES: dict[str, str] = {**METHODS, **ABLATION, **BEYOND, **FURTHER, **CALIBRATION, **CONTROLS}
"""Every method of this project, in the order of rows."""
