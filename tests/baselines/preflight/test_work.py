"""What a step computes: counts against PyTorch's own and against arithmetic by hand, estimates against the bench."""

import dataclasses
import json
from pathlib import Path

import pytest

from baselines.preflight.memory import ModelShape, Rows, activations
from baselines.preflight.work import (
    Lengths,
    Network,
    Rates,
    Setting,
    Spans,
    calibrated,
    mini_network,
    network_of,
    seconds,
    setting_of,
    work,
)

ESTIMATES = json.loads((Path(__file__).parents[3] / "results/bench/plan_estimates.json").read_text())
SMALL = Network(8, 16, 2, 4, 32, 4, 8, 2, 1, 2)
USUAL = Setting(
    rows=8,
    batches=1,
    group=8,
    draws=1,
    reference=True,
    checkpointing=True,
    shared_prefix=False,
    shared_rollouts=False,
    own_text=False,
    own_image=False,
    language_trained=True,
    vision_trained=False,
    every_position=True,
)
LENGTHS = Lengths(prompt=10, completion=4, longest=6, patches=8)


@pytest.fixture(scope="module")
def counted():
    """Operations of the mini base by PyTorch's counter, forward and backward: two rows of 20 tokens and an image."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from anatomy_r1.mini.architecture import IMAGE_TOKENS, build_model, build_processor

    processor = build_processor()
    model = build_model("mini-l", processor)
    model.set_attn_implementation("eager")  # whose scores are products that the counter knows
    ids = torch.full((2, 20), processor.tokenizer.convert_tokens_to_ids("a"))
    ids[:, 1 : 1 + IMAGE_TOKENS] = model.config.image_token_id
    images = {"pixel_values": torch.randn(2 * 36, 3 * 2 * 14 * 14), "image_grid_thw": torch.tensor([[1, 6, 6]] * 2)}
    types = (ids == model.config.image_token_id).int()
    with FlopCounterMode(display=False) as forward:
        out = model(input_ids=ids, attention_mask=torch.ones_like(ids), mm_token_type_ids=types, **images)
    with FlopCounterMode(display=False) as backward:
        out.logits.sum().backward()
    return model.config, forward.get_total_flops(), backward.get_total_flops()


def test_the_counts_are_those_of_pytorch_s_counter(counted):
    """Every product in both towers; the counter also has rotary angles, and eager attention computes no score again."""
    config, forward, backward = counted
    network = network_of(config)
    language, tower = network.language(2 * 20, 2 * 20**2), network.vision(36)
    found = language.forward + network.head(2 * 20) + 2 * tower.forward
    assert found == pytest.approx(forward, rel=1e-4)
    assert 2 * found - 2 * network.embedding(36) == pytest.approx(backward, rel=1e-4)
    assert language.backward(True) == 2 * language.weights + 2.5 * language.pairs
    assert language.backward(False) == language.weights + 2.5 * language.pairs


def test_the_generated_world_s_sizes_are_those_of_its_model(counted):
    assert mini_network("mini-l") == network_of(counted[0])


def test_a_shared_group_reads_its_prompt_and_image_once():
    """8 rows of 10 + 6 (padded) tokens; or one of 9 + 8 x 4."""
    usual, once = work(SMALL, LENGTHS, USUAL), work(SMALL, LENGTHS, dataclasses.replace(USUAL, shared_prefix=True))

    def by_hand(tokens, pairs, images):
        return SMALL.language(tokens, pairs).forward + SMALL.head(tokens) + images * SMALL.vision(8).forward

    assert usual.forward == usual.reference == by_hand(8 * 16, 8 * 16**2 / 2, 8)
    assert once.forward == once.reference == by_hand(41, 41**2, 1)
    assert once.prefill == usual.prefill - 7 * SMALL.vision(8).forward, "the tower runs once an image wherever it runs"
    both = work(SMALL, LENGTHS, dataclasses.replace(USUAL, shared_prefix=True, shared_rollouts=True))
    assert both.prefill == usual.prefill / 8
    assert both.forward == once.forward


def test_gdqa_shares_its_image_where_there_is_no_noise_and_else_nothing():
    def of(**more):
        return work(SMALL, LENGTHS, dataclasses.replace(USUAL, own_text=True, **more))

    usual = work(SMALL, LENGTHS, USUAL)
    assert of(own_image=True, shared_prefix=True, shared_rollouts=True) == of(own_image=True) == usual
    assert of(shared_prefix=True).forward == usual.forward - 7 * SMALL.vision(8).forward


def test_backward_computes_the_layers_again_and_no_gradient_of_what_is_frozen():
    usual = work(SMALL, LENGTHS, USUAL)
    plain = work(SMALL, LENGTHS, dataclasses.replace(USUAL, checkpointing=False))
    tokens, pairs = 8 * 16, 8 * 16**2 / 2
    assert usual.backward - plain.backward == SMALL.language(tokens, pairs).forward
    adapted = work(SMALL, LENGTHS, dataclasses.replace(USUAL, language_trained=False))
    assert usual.backward - adapted.backward == SMALL.language(tokens, pairs).weights + SMALL.head(tokens)
    trained = work(SMALL, LENGTHS, dataclasses.replace(USUAL, vision_trained=True))
    assert trained.backward - usual.backward == 8 * (SMALL.vision(8).backward(True) - SMALL.embedding(8))


def test_draws_sample_again_but_learn_once_and_a_gpu_scores_completions_alone():
    one, four = (work(SMALL, LENGTHS, dataclasses.replace(USUAL, draws=draws)) for draws in (1, 4))
    assert (four.rows, four.prefill, four.calls) == (4 * one.rows, 4 * one.prefill, 4 * one.calls)
    assert (four.forward, four.backward) == (one.forward, one.backward)
    gpu = work(SMALL, LENGTHS, dataclasses.replace(USUAL, every_position=False))
    assert one.forward - gpu.forward == SMALL.head(8 * 16) - SMALL.head(8 * 4)
    assert work(SMALL, LENGTHS, dataclasses.replace(USUAL, reference=False)).reference == 0


def test_a_setting_is_read_from_the_trainer_s_arguments_and_the_model_s_entry():
    given = {"per_device_train_batch_size": 8, "gradient_accumulation_steps": 4, "num_generations": 8, "beta": 0.1}
    given |= {"resample_rounds": 3, "shared_prefix": True, "augment_image": True, "gradient_checkpointing": True}
    found = setting_of(given, {"frozen": ["model.visual"]}, every_position=False)
    assert (found.rows, found.batches, found.draws, found.reference) == (32, 4, 4, True)
    assert (found.shared_prefix, found.shared_rollouts, found.own_text, found.own_image) == (True, False, False, True)
    assert (found.language_trained, found.vision_trained) == (True, False)
    assert setting_of({**given, "use_vllm": True}, {}, every_position=False).shared_rollouts, "it caches prefixes"
    adapted = setting_of(given, {"lora": {"r": 16}}, every_position=False)
    assert (adapted.language_trained, adapted.vision_trained) == (False, False)


def test_rates_from_one_step_give_that_step_again():
    done, rates = work(SMALL, LENGTHS, USUAL), Rates(row=0.01, call=0.02, forward=1e6, backward=2e6, rest=0.3)
    found = calibrated(done, seconds(done, rates))
    assert dataclasses.astuple(found) == pytest.approx(dataclasses.astuple(rates))


def estimated(case):
    """The committed case's seconds, from what it was computed from."""
    done = {
        name: work(Network(**case["network"]), Lengths(**case[f"{name}_lengths"]), Setting(**case[f"{name}_setting"]))
        for name in ("own", "calibration")
    }
    return seconds(done["own"], calibrated(done["calibration"], Spans(**case["calibration"]))).step


@pytest.mark.parametrize("case", ESTIMATES["seconds"], ids=lambda case: f"{case['shape']} {case['name']}")
def test_a_step_is_estimated_within_fifteen_percent_of_the_measured(case):
    """From one measured step of GRPO on TRL's path; what lies outside is committed with its reason."""
    found = estimated(case)
    assert found == pytest.approx(case["estimated"])
    within = abs(found / Spans(**case["measured"]).step - 1) <= 0.15
    assert within != bool(case["reason"])


@pytest.mark.parametrize("case", ESTIMATES["memory"], ids=lambda case: case["name"])
def test_what_layers_keep_is_estimated_within_fifteen_percent_of_the_measured(case):
    found = activations(ModelShape(**case["shape"]), Rows(**case["rows"]), precision=4, checkpointing=False)
    assert found == case["estimated"]
    assert found == pytest.approx(case["measured"], rel=0.15)
