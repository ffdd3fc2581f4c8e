"""Zero-Shot: the base model as it is, asked to think before it answers."""

from anatomy_r1.training.method_names import TITLES
from baselines.methods.method import Method

ZERO_SHOT = Method(
    id="zero-shot",
    label=TITLES["zero-shot"],
    paper="arXiv:2512.19512, Table 1",
    kind="none",
    style="think",  # the release has no zero-shot prompt; the reinforcement-learning instruction is our choice
)
