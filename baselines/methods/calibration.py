"""Known answers: methods whose comparison has a right outcome, so that the instrument itself is tested.

- `grpo-again`: GRPO under other seeds. A difference would be a false alarm.
- `grpo-gdqa-off`: GDQA with both augmentations off: GRPO, byte for byte.
- `grpo-flipped`: GRPO with a tenth of its accuracy rewards flipped: worse, or not better.
- `grpo-twice`: GRPO with twice the steps: not worse.

`anatomy_r1.comparison.calibration` has the outcomes that are expected. ASC's placebo is in `asc.py`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from anatomy_r1.training.rewards import accuracy_reward
from baselines.methods.gdqa import GDQA
from baselines.methods.grpo import GRPO

FLIPPED_SHARE = 0.1
"""Of the accuracy rewards (ours)."""


def flip_reward(
    completions: Sequence[Any],
    options: Sequence[Sequence[str]],
    letter: Sequence[str],
    question_id: Sequence[str],
    trainer_state: Any,
    **_: Any,
) -> list[float]:
    """What turns an accuracy reward into its opposite in a tenth of the completions; 0 in all others.

    It is a reward beside accuracy, which stays in the log as it is. Which completions are hit follows from the step,
    the question and the place in the batch alone, so that a resumed training is the same.
    """
    right = accuracy_reward(completions, options=options, letter=letter)
    step = trainer_state.global_step
    return [
        (1.0 - 2.0 * accuracy) if _hit(f"{step}/{question}/{place}") else 0.0
        for place, (accuracy, question) in enumerate(zip(right, question_id, strict=True))
    ]


def _hit(key: str) -> bool:
    drawn = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") / 2**64
    return drawn < FLIPPED_SHARE


AGAIN = GRPO.but("grpo-again", seed_shift=10_000, release="")  # ours: beyond every seed that is run
GDQA_OFF = GDQA.but("grpo-gdqa-off", knobs={"augment_text": False, "augment_image": False}, release="")
FLIPPED = GRPO.but("grpo-flipped", rewards=("baselines.methods.calibration.flip_reward",), release="")
TWICE = GRPO.but("grpo-twice", budget_times=2, release="")
