"""GDQA (paper, "GDQA"): each member of a group sees its own wording of the question and its own noise on the image.

The paper states neither the number of rewrites nor the strength of the noise, nor which member keeps the original pair
(ours: the first). Table 2's -Text and -Image each leave out one of the two. Evaluation is never augmented.
"""

from baselines.methods.grpo import GRPO

GDQA = GRPO.but(
    "grpo-gdqa",
    paper="arXiv:2512.19512, Table 1 and 2",
    knobs={"augment_text": True, "augment_image": True},
    release="GRPO-GDQA",
)
GDQA_NO_TEXT = GDQA.but("grpo-gdqa-no-text", knobs={"augment_text": False})
GDQA_NO_IMAGE = GDQA.but("grpo-gdqa-no-image", knobs={"augment_image": False})
