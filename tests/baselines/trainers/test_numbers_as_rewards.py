"""A reward that is no number ends the first step, by name: a log with it could not be read once training is over."""

import pytest
import torch

from anatomy_r1.errors import AnatomyR1Error
from baselines.trainers.grpo import _require_numbers

NAMES = ["accuracy_reward", "brevity_reward"]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_no_number_is_refused_with_the_function(value):
    with pytest.raises(AnatomyR1Error, match="reward brevity_reward: returned None, NaN"):
        _require_numbers(torch.tensor([[1.0, 0.5], [0.0, value]]), NAMES)


def test_numbers_pass():
    _require_numbers(torch.tensor([[1.0, -2.5], [0.0, 0.0]]), NAMES)
