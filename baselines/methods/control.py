"""Controls as rows: answers without a model and without a picture (docs/controls.md)."""

from baselines.methods.method import Method

MAJORITY = Method(
    id="control-majority",
    label="Majority class (control)",
    paper="ours",
    kind="control",
    style="direct",  # not read: no prompt is made
)
NAIVE_BAYES = MAJORITY.but("control-naive-bayes", "Naive Bayes (control)")

NAMES = {MAJORITY.id: "majority", NAIVE_BAYES.id: "naive-bayes"}
"""Method -> its name in `anatomy_r1.evaluation.blind_controls.CONTROLS`."""
