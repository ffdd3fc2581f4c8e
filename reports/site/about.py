"""Short descriptions and sources of the methods. A method that is not listed has a page without them."""

from __future__ import annotations

from typing import NamedTuple


class About(NamedTuple):
    """Description of a method."""

    text: str
    source: str
    """Paper or section."""


ANATOMY_R1 = "Anatomy-R1, arXiv:2512.19512"
METHODS: dict[str, About] = {
    "zero-shot": About("The base model as it is, asked to think before it answers.", f"{ANATOMY_R1}, Table 1"),
    "sft": About(
        "Supervised fine-tuning on the answer's letter alone; it is asked for the answer alone.",
        f"{ANATOMY_R1}, Table 1",
    ),
    "cot-sft": About(
        "Supervised fine-tuning on a rationale and then the answer. The paper names no source of rationales; ours are "
        "made by rule.",
        "Wei et al. 2023, arXiv:2201.11903",
    ),
    "sft-grpo": About(
        "GRPO from SFT's checkpoint: imitation of answers first, then reinforcement.", f"{ANATOMY_R1}, Table 1"
    ),
    "cot-sft-grpo": About(
        "GRPO from CoT-SFT's checkpoint: imitation of rationales first, then reinforcement.", f"{ANATOMY_R1}, Table 1"
    ),
    "grpo": About(
        "Group relative policy optimisation: several responses to a question, each rewarded for its form and for the "
        "right answer; the advantage is the reward's distance from the group's mean in standard deviations. A group in "
        "which all rewards are equal teaches nothing.",
        "Shao et al. 2024, arXiv:2402.03300",
    ),
    "gpg": About(
        "Plain policy gradient over groups: the reward minus the group's mean, scaled up by the share of groups that "
        "teach nothing; no clipping, no KL term, no deviation.",
        "Chu et al. 2025, arXiv:2504.02546",
    ),
    "dapo": About(
        "Token-level loss, a wider upper clip, no KL term, and dynamic sampling: groups that are all right or all "
        "wrong are replaced by draws of other questions. Discarded draws count in its bill.",
        "Yu et al. 2025, arXiv:2503.14476",
    ),
    "grpo-asc": About(
        "GRPO on a curriculum: the options served grow more and more like the right answer (S(q) of eq. 4), level by "
        "level, as accuracy allows.",
        f"{ANATOMY_R1}, ASC-Learning, eq. 3 and 4",
    ),
    "grpo-gdqa": About(
        "GRPO in which each member of a group sees the question in its own words and the picture with its own noise. "
        "Evaluation is never augmented.",
        f"{ANATOMY_R1}, GDQA",
    ),
    "grpo-gdqa-no-text": About("GRPO-GDQA without rewritten questions.", f"{ANATOMY_R1}, Table 2"),
    "grpo-gdqa-no-image": About("GRPO-GDQA without noise on pictures.", f"{ANATOMY_R1}, Table 2"),
    "grpo-asc-gdqa": About("ASC-Learning's levels and GDQA's rewrites and noise together.", "ours, beyond the paper"),
    "grpo-asc-shuffled": About(
        "A placebo: ASC-Learning with similarities shuffled among options, so that its levels order nothing.", "ours"
    ),
    "grpo-asc-pool": About("A control: ASC-Learning's choice of options without levels.", "ours"),
    "grpo-asc-released": About(
        "ASC-Learning that re-orders questions and leaves their options, as the released file suggests.", "ours"
    ),
    "control-majority": About(
        "A control without model and picture: the option that is right most often in training.", "docs/controls.md"
    ),
    "control-naive-bayes": About(
        "A control without model and picture: naive Bayes over the words of the question.", "docs/controls.md"
    ),
}
REASONS: dict[str, str] = {
    "letter": "a letter",
    "letter_and_text": "a letter with its own option's text",
    "text": "the exact text of one option",
    "empty": "unparsed: nothing where the answer should be",
    "unclosed_think": "unparsed: the thinking was never closed",
    "unclosed_answer": "unparsed: the answer tag was never closed",
    "nested_tags": "unparsed: tags within tags",
    "several_answers": "unparsed: several answers",
    "text_outside_answer": "unparsed: text outside the tags",
    "letter_out_of_range": "unparsed: a letter that no option has",
    "letter_contradicts_text": "unparsed: a letter with another option's text",
    "unrecognised": "unparsed: neither a letter nor the text of an option",
}
"""Meaning of the extractor's reasons (`anatomy_r1/scoring/strict.py`)."""
