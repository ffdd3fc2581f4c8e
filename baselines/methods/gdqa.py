"""GDQA: each member of a group sees the question in its own words and the image with its own noise (paper, "GDQA").

The paper names neither the number of rewrites nor the strength of the noise, and not which member keeps the original
pair (ours: the first). Table 2's -Text and -Image leave out one of the two. Evaluation is never augmented.
"""

from baselines.methods.grpo import GRPO

GDQA = GRPO.but(
    "grpo-gdqa",
    "GRPO-GDQA",
    paper="arXiv:2512.19512, Table 1 and 2",
    knobs={"augment_text": True, "augment_image": True},
    release="GRPO-GDQA",
)
GDQA_NO_TEXT = GDQA.but("grpo-gdqa-no-text", "GRPO-GDQA \N{MINUS SIGN}Text", knobs={"augment_text": False})
GDQA_NO_IMAGE = GDQA.but("grpo-gdqa-no-image", "GRPO-GDQA \N{MINUS SIGN}Image", knobs={"augment_image": False})
