"""Small made-up trainings for the tests of figures. Nothing in them was measured."""

import pandas as pd

from anatomy_r1.training.curves import Curves, SampleGroup
from reports.figures.points import Scope

SCOPE = Scope("sgg_anatomy_mini", "mini-l")
HOSTILE = (
    "$\\frac{1}{0}$ <script>alert(1)</script> \x1b[31mred\x07 \u202eabc\u202c \u05d0\u05d1 \u0627 \ue000 "
    "=cmd|' /C calc'!A0 --> ]]> \n\t " + "long " * 400
)


def groups(method, accuracies, *, steps=None, anatomy="Gut", **columns):
    """A training's groups: by default one a step, with this accuracy."""
    count = len(accuracies)
    values = {
        "step": steps or list(range(1, count + 1)),
        "group": list(range(count)),
        "draw": 0,
        "anatomy": anatomy,
        "level": pd.array([None] * count, dtype="Int64"),
        "members": 8,
        "reward": [1 + value for value in accuracies],
        "accuracy": accuracies,
        "invalid": [value == 0 for value in accuracies],
        "similarity": 0.5,
        "distinct_choices": 2,
        "entropy_bits": 1.0,
        "distinct_texts": pd.array([None] * count, dtype="Int64"),
        "tokens": 1000,
    }
    return pd.DataFrame({**values, **columns})


def training(method="grpo", seed=0, accuracies=(0.0, 0.5, 1.0, 0.5), own=None, samples=(), **columns):
    table = groups(method, list(accuracies), **columns)
    last = int(table["step"].max())
    seconds = pd.DataFrame({"step": range(1, last + 1), "seconds": 2.0})
    return Curves("mini", *("sgg_anatomy_mini", "mini-l", method), seed, own or last, "abc", samples, table, seconds)


def sample(text=HOSTILE, step=1, choice="B"):
    completions = (text, "plain", "plain")
    return SampleGroup(
        step, 0, "Gut $x$", "q", f"Ask\nQuestion:\n{text}", completions, (choice, None, "A"), (False,) * 3
    )
