"""A GRPO step at the mini shape with and without what a group shares (`results/bench/shared_prefix.md`)."""

import pytest

from tests.bench.shared_step import measure

pytestmark = pytest.mark.bench


def test_a_group_computed_once(benchmark):
    """Random weights, every completion of full length: a trained policy's are shorter, and share more."""
    found = benchmark.pedantic(measure, args=("mini", ("grpo",), 4), rounds=1)["ratios"]
    benchmark.extra_info.update(found)
    assert found["grpo prefix"]["forward and backward"] <= 0.65
    assert found["grpo prefix"]["memory"] <= 0.5
    assert found["grpo both"]["rollout"] <= 0.8
    assert found["grpo both"]["step"] <= 0.7
