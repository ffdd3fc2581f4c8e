"""Blind controls: answers without a model and without the image (docs/controls.md)."""

from anatomy_r1.training.method_names import TITLES
from baselines.methods.method import Method

MAJORITY = Method(
    id="control-majority",
    label=TITLES["control-majority"],
    paper="ours",
    kind="control",
    style="direct",  # unused: no prompt is rendered
)
NAIVE_BAYES = MAJORITY.but("control-naive-bayes")

NAMES = {MAJORITY.id: "majority", NAIVE_BAYES.id: "naive-bayes"}
"""Method id -> its name in `anatomy_r1.evaluation.blind_controls.CONTROLS`."""
