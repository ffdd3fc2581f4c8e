"""Estimates of memory, samples and disk, against arithmetic by hand and DeepSpeed's own estimators."""

import dataclasses
from pathlib import Path

import pytest

from baselines.experiment.cell import Cell, Layout, arguments
from baselines.experiment.plan import select, stages, trainings
from baselines.experiment.profile import load_profile
from baselines.experiment.profile_file import Launch
from baselines.preflight.effort import cost_factor, disk, effort, rollouts
from baselines.preflight.memory import (
    ADAPTER,
    GB,
    MemoryEstimate,
    ModelShape,
    Rows,
    head,
    layer_kept,
    shape_of,
    states,
    training_memory,
)

PAPER, ONE = load_profile("paper"), load_profile("paper-1gpu")
SIZES = {"qwen2.5-vl-3b": (2048, 11008, 36, 2, True, 151_936), "qwen2.5-vl-7b": (3584, 18944, 28, 4, False, 152_064)}
"""Width, inner width, layers, heads of keys, tied embeddings, vocabulary: from the models' own configurations."""


@pytest.fixture(scope="module")
def shapes():
    return {model: shape_of(source) for model, source in PAPER.models.items()}


def by_hand(width, inner, layers, keys, tied, vocabulary):
    """Parameters of the language model: a head has 128."""
    attention = width * width + width + 2 * (keys * 128 * width + keys * 128) + width * width
    layer = attention + 3 * width * inner + 2 * width
    return layers * layer + width + vocabulary * width * (1 if tied else 2)


@pytest.mark.parametrize("model", SIZES)
def test_parameters_are_those_of_the_formula_and_the_vision_tower_is_not_trained(model, shapes):
    found = shapes[model]
    assert found.trainable == by_hand(*SIZES[model])
    assert found.adapters == 0
    assert (found.width, found.inner, found.layers) == SIZES[model][:3]
    assert found.largest_layer == SIZES[model][0] * SIZES[model][5], "the embedding"
    # Sizes of the weights on the hub, in two bytes a parameter
    assert 2 * found.parameters == {"qwen2.5-vl-3b": 7_509_245_952, "qwen2.5-vl-7b": 16_584_333_312}[model]


def test_adapters_are_two_thin_matrices_to_each_projection():
    found = shape_of(ONE.models["qwen2.5-vl-7b"])
    width, inner, layers, keys, _, _ = SIZES["qwen2.5-vl-7b"]
    keys *= 128
    pairs = [
        (width, width),
        (width, keys),
        (width, keys),
        (width, width),
        (width, inner),
        (width, inner),
        (inner, width),
    ]
    assert found.adapters == found.trainable == layers * sum(16 * (into + out) for into, out in pairs)


SMALL = ModelShape(1_000_000, 1_000_000, 0, 50_000, 4, 64, 256, 1000, 16)
TOKEN = 22 * 64 + 4 * 16 + 8 * 256
"""Bytes that a layer of `SMALL` keeps for a token: 16 of each unit of width for norms, 6 for attention, and so on."""


def tiles(scored, words=1000, width=64):
    """Bytes of the head over so few tokens and words that they are one tile."""
    return 2 * scored * words + 4 * scored * width + 6 * words * width


def test_model_states_equal_deepspeed_s_where_all_is_trained():
    """Its formulas of 0.19.8: stage 3 `4 L + 18 P / n`, stage 2 `2 P + 18 P / n`, nothing offloaded."""
    for gpus in (1, 4, 8):
        assert states(SMALL, Launch(gpus, "zero3")) == 4 * 50_000 + 18 * 1_000_000 // gpus
        assert states(SMALL, Launch(gpus, "zero2")) == 2 * 1_000_000 + 18 * 1_000_000 // gpus


def test_model_states_equal_deepspeed_s_own_estimators():
    stage3 = pytest.importorskip("deepspeed.runtime.zero.stage3", reason="DeepSpeed is in the extra `gpu`")
    found = stage3.estimate_zero3_model_states_mem_needs(1_000_000, 50_000, 4, 1, cpu_offload=False)
    assert states(SMALL, Launch(4, "zero3")) == found[1]


def test_what_is_frozen_costs_its_two_bytes_and_adapters_are_kept_in_float32():
    frozen = ModelShape(1_000_000, 400_000, 0, 50_000, 4, 64, 256, 1000, 16)
    assert states(frozen, Launch(1, "zero3")) == 200_000 + 2_000_000 + 16 * 400_000
    adapted = ModelShape(1_000_000, 10_000, 10_000, 50_000, 4, 64, 256, 1000, 16)
    assert states(adapted, Launch(1, "")) == 2_000_000 + ADAPTER * 10_000


def test_a_sleeping_vllm_and_a_step_never_need_memory_at_once():
    given = {"per_device_train_batch_size": 2, "max_completion_length": 10, "use_vllm": True, "beta": 0.1}
    given |= {"vllm_gpu_memory_utilization": 0.25, "gradient_checkpointing": True}
    awake = training_memory(SMALL, Launch(1, ""), given, prompt=30, gpu=8.0, kind="rl")
    asleep = training_memory(
        SMALL, Launch(1, ""), {**given, "vllm_enable_sleep_mode": True}, prompt=30, gpu=8.0, kind="rl"
    )
    assert awake.rollout == asleep.rollout == 2 * GB
    tokens = 2 * (30 + 10)
    assert awake.step == tokens * (2 * 64 * 4 + TOKEN) + tiles(2 * 10)
    assert awake.reference == 2_000_000
    assert awake.peak - asleep.peak == awake.step
    assert training_memory(SMALL, Launch(1, ""), {**given, "beta": 0.0}, prompt=30, gpu=8.0, kind="rl").reference == 0


def test_the_paper_s_profile_fits_its_four_gpus_but_not_one(shapes):
    given = {method: arguments(PAPER, Cell("sgg_anatomy", "m", method, 0).method, 0) for method in ("grpo", "sft")}
    shape = shapes["qwen2.5-vl-7b"]
    for method, kind in (("grpo", "rl"), ("sft", "sft")):
        four = training_memory(shape, PAPER.launch, given[method], prompt=640, gpu=79.0, kind=kind)
        assert isinstance(four, MemoryEstimate)
        assert four.peak < 79 * GB
        assert training_memory(shape, Launch(1, "zero3"), given[method], prompt=640, gpu=79.0, kind=kind).peak > 79 * GB


def test_rollouts_are_steps_times_completions_and_dapo_may_draw_four_times_as_many():
    def of(method, profile=PAPER):
        return rollouts(profile, Cell("sgg_anatomy", "qwen2.5-vl-3b", method, 0))

    assert of("grpo") == 500 * 8 * 4
    assert of("grpo", ONE) == 500 * 8 * 4
    assert of("dapo") == 4 * of("grpo")
    assert of("sft") == 0


def test_effort_counts_what_is_to_do(tmp_path, shapes):
    chosen = select(PAPER, methods=["zero-shot", "sft-grpo"], benchmarks=["sgg_anatomy"], models=["qwen2.5-vl-3b"])
    every = stages(PAPER, Layout(tmp_path), chosen)
    found = effort(PAPER, chosen, every, {"sgg_anatomy": 1000})
    assert [cell.method_id for cell in trainings(PAPER, chosen)] == ["sft", "sft-grpo"]
    assert (found.trainings, found.rollouts, found.responses) == (2, 16_000, 2 * 6 * 1000)
    assert found.gpu_hours == pytest.approx((4 * (3600 + 43200) + 2 * 3600) / 3600)
    for stage in every:
        if stage.stage == "train":
            stage.output.parent.mkdir(parents=True)
            stage.output.touch()
    assert effort(PAPER, chosen, every, {"sgg_anatomy": 1000}).gpu_hours == pytest.approx(2.0)
    shape = shapes["qwen2.5-vl-3b"]
    checkpoint = 2 * shape.parameters + 12 * shape.trainable
    published = 1 + 1 + 2  # the base, SFT's, and those of both budgets: training goes on to the second in any case
    assert disk(PAPER, chosen, shapes) == published * 2 * shape.parameters + 3 * checkpoint


def test_effort_counts_every_arm_and_view():
    """As released is a training of its own; equal tokens is evaluated separately, rotations ask four times."""

    def of(methods, arms):
        chosen = select(PAPER, methods=methods, benchmarks=["sgg_anatomy"], models=["qwen2.5-vl-3b"], arms=arms)
        found = effort(PAPER, chosen, [], {"sgg_anatomy": 1000})
        return found.trainings, found.rollouts, found.responses

    assert of(["grpo"], ["matched"]) == (1, 16_000, 6000)
    assert of(["grpo"], ["matched", "equal-tokens"]) == (1, 16_000, 12_000)
    assert of(["grpo"], ["matched", "as-released"]) == (2, 32_000, 12_000)
    assert of(["sft"], ["equal-tokens"]) == (0, 0, 0)
    assert of(["grpo@rotations"], ["matched"]) == (1, 16_000, 24_000)


def test_a_model_with_an_unknown_configuration_is_reported():
    from anatomy_r1.errors import AnatomyR1Error

    with pytest.raises(AnatomyR1Error, match=r"'x/Unknown'.*Qwen2.5-VL-3B-Instruct, Qwen2.5-VL-7B-Instruct"):
        shape_of({"hub": "x/Unknown"})


def test_a_group_computed_once_has_one_prompt_and_a_mask():
    """16 rows in two groups: two rows of 29 + 8 x 10 tokens in place of sixteen of 40."""
    given = {"per_device_train_batch_size": 16, "num_generations": 8, "max_completion_length": 10}

    def layers(**more):
        found = training_memory(SMALL, Launch(1, ""), {**given, **more}, prompt=30, gpu=8.0, kind="rl").step
        return (found - tiles(16 * 10)) // SMALL.layers

    assert layers() == 16 * 40 * TOKEN
    every_head = 2 * 2 * (64 - 16)  # keys and values are repeated under a mask
    assert layers(shared_prefix=True) == 2 * 109 * (TOKEN + every_head) + 2 * 2 * 109**2
    assert layers(shared_prefix=True, augment_text=True) == 16 * 40 * TOKEN


def test_papo_keeps_the_pass_with_masked_images_as_well():
    """With checkpointing, that is one more input of each layer: 2 rows of 50 tokens."""
    given = {"per_device_train_batch_size": 2, "max_completion_length": 20}
    for again, more in (
        (True, 2 * SMALL.width * SMALL.layers * 100),
        (False, layer_kept(SMALL, Rows(2, 50), 2) * SMALL.layers),
    ):
        grpo, papo = (
            training_memory(
                SMALL, Launch(1, ""), {**given, "gradient_checkpointing": again, **own}, prompt=30, gpu=8.0, kind="rl"
            )
            for own in ({}, {"perception_weight": 0.02})
        )
        assert papo.step - grpo.step == more


def test_the_head_holds_one_tile_and_no_gradient_of_a_frozen_weight():
    """Of 20,000 tokens and 152,064 words, 4,096 and 32,768 at a time (TRL 1.16.0)."""
    whole = ModelShape(1, 1, 0, 1, 1, 64, 256, 152_064, 16)
    assert head(whole, 20_000) == 2 * 4096 * 32_768 + 4 * 20_000 * 64 + 6 * 152_064 * 64
    assert head(dataclasses.replace(whole, adapters=1), 20_000) == 2 * 4096 * 32_768 + 4 * 20_000 * 64


def with_keys(profile, **more):
    return dataclasses.replace(profile, training={**profile.training, "rl": {**profile.training["rl"], **more}})


def factor(profile, method):
    return cost_factor(profile, Cell("sgg_anatomy", "qwen2.5-vl-3b", method, 0))


def test_hours_are_the_profile_s_for_grpo_and_follow_what_a_method_computes():
    assert factor(ONE, "grpo") == factor(ONE, "grpo-asc") == 1.0
    assert 0.7 < factor(ONE, "gpg") < 0.9, "no reference"
    assert 1.3 < factor(ONE, "dapo") < 4, "four draws, but one update and no reference"
    assert 1.0 < factor(ONE, "grpo-gdqa") < 1.3, "vLLM finds no prefix in its cache"


def test_hours_follow_a_shared_group_and_gdqa_s_do_not():
    shared = with_keys(ONE, shared_prefix=True)
    assert 0.3 < factor(shared, "grpo") < 0.6
    assert factor(shared, "grpo-gdqa") == factor(ONE, "grpo-gdqa")
    assert factor(shared, "grpo-gdqa-no-image") < factor(ONE, "grpo-gdqa-no-image"), "one image in place of eight"
    chosen = select(shared, methods=["grpo"], benchmarks=["sgg_anatomy"], models=["qwen2.5-vl-3b"])
    every = stages(shared, Layout(Path("nowhere")), chosen)
    rest = sum(one.seconds for one in every if one.stage == "evaluate")  # data and weights need no GPU
    found = effort(shared, chosen, every, {"sgg_anatomy": 1000}).gpu_hours
    cost = ONE.cost["rl"] * factor(shared, "grpo")
    assert found == pytest.approx((rest + cost) / 3600)


def test_a_method_s_own_cost_is_its_own_on_trl_s_path():
    stated = dataclasses.replace(ONE, cost={**ONE.cost, "dapo": 100_000.0})
    assert factor(stated, "dapo") == 1.0
    shared = factor(with_keys(stated, shared_prefix=True), "dapo")
    assert shared == pytest.approx(factor(with_keys(ONE, shared_prefix=True), "dapo") / factor(ONE, "dapo"))


def test_a_generated_world_s_minutes_follow_too():
    """Measured in processor seconds: 0.53 with both keys (results/bench/shared_prefix.md)."""
    mini, cell = load_profile("mini-first"), Cell("omnimed_mi_mini", "mini-l", "grpo", 0)
    both = with_keys(mini, shared_prefix=True, shared_rollouts=True)
    assert cost_factor(mini, cell) == 1.0
    twice = dataclasses.replace(cell, method_id="grpo-twice")
    assert cost_factor(mini, twice) == 2 * cost_factor(mini, cell), "twice the steps"
    assert cost_factor(both, cell) == pytest.approx(0.53, rel=0.15)
