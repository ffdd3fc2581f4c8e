"""The plan and the doctor refuse what training would refuse: names, sections and arguments, with file and key."""

import dataclasses

import pytest

from anatomy_r1.errors import AnatomyR1Error
from baselines.__main__ import main
from baselines.experiment.cell import Cell, GridRun, Layout, arguments
from baselines.experiment.plan import select
from baselines.experiment.profile import PROFILES, load_profile
from baselines.methods.registry import METHODS
from baselines.preflight.arguments import check_trainings
from baselines.preflight.names import check_profile
from tests.helpers.smoke import SMOKE_TEXT, smoke_profile

SMOKE = SMOKE_TEXT
MODEL, RL, COMMON = "{mini: mini-l, recipe: toy}", "beta: 0.001", "bf16: false"


def changed(tmp_path, before, after):
    assert before in SMOKE
    path = tmp_path / "own.yaml"
    path.write_text(SMOKE.replace(before, after, 1))
    return str(path)


def check(path):
    profile = load_profile(path)
    check_profile(profile, path)
    check_trainings(GridRun(profile, Layout(PROFILES), path), select(profile))


@pytest.mark.parametrize("name", sorted(path.stem for path in PROFILES.glob("*.yaml")))
def test_every_committed_profile_passes_with_every_method_in_every_arm(name):
    profile = load_profile(name)
    check_profile(profile, name)
    check_trainings(GridRun(profile, Layout(PROFILES), name), select(profile, methods=["all"]))


CASE_11 = {
    "a group that does not divide the batch": (
        ("num_generations: 8", "num_generations: 6"),
        "training.rl.num_generations: 6 does not divide the 16 completions of a generated batch "
        "(per_device_train_batch_size 16 x processes 1 x batches per generation 1); these do: 2, 4, 8, 16 (stops ",
    ),
    "a group larger than the batch": (("num_generations: 8", "num_generations: 32"), "32 does not divide the 16"),
    "a batch that is no whole number of groups": (
        ("per_device_train_batch_size: 16", "per_device_train_batch_size: 12"),
        "training.rl.num_generations: 8 does not divide the 12",
    ),
    "a knob of reinforcement learning in SFT": (
        ("  sft:\n", "  sft:\n    beta: 0.1\n"),
        "training.sft.beta: is an argument of reinforcement learning, and this is supervised fine-tuning (stops sft)",
    ),
    "a knob of reinforcement learning for all": ((COMMON, "beta: 0.1"), "training.common.beta: is an argument of rein"),
    "a knob of SFT in reinforcement learning": ((RL, "packing: false"), "training.rl.packing: is an argument of super"),
    "a knob that every method overrides": ((RL, f"{RL}\n    loss_type: dapo"), "training.rl.loss_type: has no effect"),
    "an unknown schedule": (
        ("lr_scheduler_type: constant_with_warmup", "lr_scheduler_type: constant_warmup"),
        "training.common.lr_scheduler_type: constant_warmup is not a valid SchedulerType",
    ),
    "two budgets and a falling learning rate": (
        ("lr_scheduler_type: constant_with_warmup", "lr_scheduler_type: linear"),
        "training.common.lr_scheduler_type: two budgets in one run need a constant learning rate",
    ),
    "an unknown optimiser": ((COMMON, "optim: adamm"), "training.common.optim: adamm is not a valid OptimizerNames"),
    "an optimiser that is not installed": (
        (COMMON, "optim: adamw_bnb_8bit"),
        "training.common.optim: adamw_bnb_8bit: ",
    ),
    "another type than TRL's": ((COMMON, "fp16: 1"), "training.common.fp16: should be a valid boolean, found 1"),
    "evaluation in training": (
        (COMMON, "eval_strategy: steps"),
        "training.common.eval_strategy: there is no evaluation",
    ),
    "packing of images": (("  sft:\n", "  sft:\n    packing: true\n"), "training.sft.packing: TRL does not support it"),
    "an unknown option of checkpointing": (
        (COMMON, "gradient_checkpointing_kwargs: {use_rentrant: false}"),
        "unknown key 'use_rentrant' (did you mean 'use_reentrant'?)",
    ),
    "an unknown option of accelerate": ((RL, "accelerator_config: {split: 1}"), "unexpected keyword argument 'split'"),
    "a launch of vLLM that there is none of": ((RL, "vllm_mode: colocated"), "'colocated' is none of colocate, server"),
    "more steps of its own than steps": (("own_steps: 3", "own_steps: 9"), "own_steps 9 is beyond max_steps 4"),
    "several generated batches a step": (
        (RL, f"{RL}\n    gradient_accumulation_steps: 2"),
        "training.rl.gradient_accumulation_steps: gradient_accumulation_steps 2 takes several generated batches",
    ),
    "steps that are not logged": (
        ("logging_steps: 1", "logging_steps: 5"),
        "training.common.logging_steps: should be 1, found 5: the training log has every step",
    ),
    "a log that is not by steps": (
        (COMMON, f"{COMMON}\n    logging_strategy: epoch"),
        "training.common.logging_strategy: should be steps",
    ),
    "no batch size": (
        ("    per_device_train_batch_size: 16\n", ""),
        "training.rl: per_device_train_batch_size: is missing",
    ),
    "no steps": (("    max_steps: 3\n", ""), "training.sft: max_steps: is missing"),
    "a weight for each reward": ((RL, "reward_weights: [1.0]"), "reward_weights: has 1 weights for 2 rewards"),
    "an unknown curriculum": ((RL, "curriculum: level"), "training.rl.curriculum: curriculum 'level'; there are:"),
    "a curriculum without similarities": (
        ("similarity: mini ", "similarity: null "),
        "a curriculum needs similarities",
    ),
    "a curriculum for the row GRPO": (
        (RL, "curriculum: levels"),
        "training.rl.curriculum: is a setting of a method (grpo-asc), and would change ",
    ),
    "augmentation for the row GRPO": (
        (RL, "augment_text: true"),
        "training.rl.augment_text: is a setting of a method (grpo-gdqa), and would change ",
    ),
    "dynamic sampling for the row GRPO": (
        (RL, "resample_rounds: 3"),
        "training.rl.resample_rounds: is a setting of a method (dapo), and would change ",
    ),
    "a penalty for long completions for the row GRPO": (
        (RL, "overlong_share: 0.2"),
        "training.rl.overlong_share: is a setting of a method (dapo), and would change ",
    ),
    "another loss for the row SFT": (
        ("  sft:\n", "  sft:\n    loss_type: dft\n"),
        "training.sft.loss_type: is a setting of a method (sft-grpo), and would change sft under its old name",
    ),
    "similarities in no file": (
        ("similarity: mini ", "similarity: nowhere.json "),
        "training.rl.similarity: there is no file nowhere.json: write mini, or make it with",
    ),
    "similarities in a file that has none": (
        ("similarity: mini ", "similarity: pyproject.toml "),
        "training.rl.similarity: pyproject.toml: no",
    ),
    "a completion that is cut off": (
        ("max_length: null", "max_length: 16"),
        "training.sft.max_length: 16 cuts off the completion, which follows the image and the prompt: write null",
    ),
    "a length that TRL would choose": (
        ("    warmup_steps: 5\n    max_length: null\n", "    warmup_steps: 5\n"),
        "training.sft: max_length: is missing: TRL's default of 1,024 may cut off completions: write null",
    ),
    "half precision on a CPU": ((COMMON, "fp16: true"), "training.common.fp16: needs a GPU, and use_cpu is true"),
    "vLLM on a CPU": ((RL, "use_vllm: true"), "training.rl.use_vllm: needs a GPU, and use_cpu is true"),
    "a warm-up that does not end": (
        ("warmup_steps: 3", "warmup_steps: 300"),
        "training.rl.warmup_steps: 300 is more than twice max_steps 4: half of learning_rate would never be reached",
    ),
    "weights that count nothing": ((RL, "reward_weights: [0.0, 0.0]"), "reward_weights: should be 0 or more, and not"),
    "a weight that turns a reward around": ((RL, "reward_weights: [-1.0, 1.0]"), "not all 0: a penalty is a reward"),
    "publication": ((COMMON, "push_to_hub: true"), "training.common.push_to_hub: a run publishes nothing"),
    "an unknown launcher": (
        ('accelerate: ""', "accelerate: zero9"),
        "launch.accelerate: 'zero9' is none of fsdp2, zero2",
    ),
    "an unknown default method": (
        ("[zero-shot, sft,", "[zero-shot, sftt,"),
        "default.methods: unknown method 'sftt' (did",
    ),
    "an unknown view of one": (("zero-shot@no-image", "zero-shot@noimage"), "'zero-shot@noimage': its view is none of"),
    "a cost of nothing": (("evaluate: 15}", "evaluate: 15, trian: 3}"), "cost: unknown key 'trian'"),
    "an option of the other data": (
        ("source: omnimed, train", "source: omnimed, split: file, train"),
        "data.omnimed_mi_mini.split: unknown key 'split'",
    ),
    "an unknown split rule": (
        ("split: file", "split: flie"),
        "data.sgg_anatomy_mini.split: Input should be 'unused', '",
    ),
    "a misspelt option of LoRA": (
        (MODEL, "{mini: mini-l, lora: {r: 4, lora_alfa: 8}}"),
        "models.mini-l.lora: unknown key 'lora_alfa' (did you mean 'lora_alpha'?)",
    ),
    "a rank in quotes": ((MODEL, "{mini: mini-l, lora: {r: '4'}}"), "models.mini-l.lora.r: should be a valid integer"),
    "a rank of zero": ((MODEL, "{mini: mini-l, lora: {r: 0}}"), "models.mini-l.lora.r: should be at least 1, found 0"),
    "adapters of nothing": (
        (MODEL, "{mini: mini-l, lora: {r: 4, target_modules: [nope]}}"),
        "Target modules {'nope'} not",
    ),
    "a frozen part that there is none of": (
        (MODEL, "{mini: mini-l, frozen: [model.vision]}"),
        "models.mini-l: frozen part 'model.vision': no such part; name one of model.visual",
    ),
}


@pytest.mark.parametrize("what", CASE_11)
def test_case_11_what_training_would_refuse_does_not_pass_the_plan(what, tmp_path):
    (before, after), message = CASE_11[what]
    path = changed(tmp_path, before, after)
    with pytest.raises(AnatomyR1Error) as caught:
        check(path)
    said = str(caught.value)
    assert message in said
    assert path in said
    assert ". Fix: " in said
    assert "\n" not in said


@pytest.mark.parametrize("command", ["plan", "doctor", "run"])
def test_case_11_each_command_refuses_before_anything_is_written(command, tmp_path, capsys):
    path = changed(tmp_path, "num_generations: 8", "num_generations: 6")
    assert main([command, "--profile", path, "--runs", str(tmp_path / "runs")]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"error: {path}: training.rl.num_generations: 6 does not divide the 16")
    assert said.count("\n") == 1
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--seeds", "-1"], "seed -1: should be 0 or more"),
        (["--seeds", "5000000000"], "seed 5000000000: should be 0 or more and below 2**32"),
        (["--models", "mini-xl"], "no model 'mini-xl' in this profile"),
        (["--profile", "smok"], "no profile 'smok'"),
    ],
    ids=["a negative seed", "a seed beyond 32 bits", "a model", "a profile"],
)
def test_case_11_overrides_on_the_command_line_are_checked_too(words, message, capsys):
    assert main(["plan", "--profile", "smoke", *words]) == 2
    assert message in capsys.readouterr().err


def test_case_11_a_report_to_nothing_is_refused(capsys):
    with pytest.raises(SystemExit):
        main(["plan", "--profile", "smoke", "--report-to", "tensorbord"])
    assert "invalid choice: 'tensorbord'" in capsys.readouterr().err


def test_the_plan_counts_the_processes_of_the_launcher(tmp_path):
    """Two processes of four completions hold a group of eight; one does not. DAPO needs whole groups in each."""
    path = changed(tmp_path, "per_device_train_batch_size: 16", "per_device_train_batch_size: 4")
    with pytest.raises(AnatomyR1Error, match="8 does not divide the 4 completions"):
        check(path)
    text = (tmp_path / "own.yaml").read_text().replace("processes: 1", "processes: 2")
    (tmp_path / "own.yaml").write_text(text)
    with pytest.raises(AnatomyR1Error, match=r"training.rl\S*: .*whole groups in each process.* \(stops dapo\)"):
        check(path)
    (tmp_path / "own.yaml").write_text(text.replace("gpg, dapo,", "gpg,"))
    check(path)


def test_a_plan_touches_no_device_and_no_process_of_this_one():
    from accelerate.state import PartialState

    from baselines.trainers.arguments import build_arguments

    before = dict(PartialState._shared_state)
    given = arguments(load_profile("paper"), next(one for one in METHODS if one.id == "grpo"), 0)
    built = build_arguments("rl", {**given, "use_cpu": True, "output_dir": "x"}, processes=4)
    assert built.generation_batch_size == 32
    assert PartialState._shared_state == before


def test_planned_arguments_are_those_of_training():
    from baselines.trainers.arguments import build_arguments

    given = {**arguments(smoke_profile(), Cell("b", "m", "dapo", 0).method, 0), "output_dir": "x"}
    planned, trained = (build_arguments("rl", given, processes=count) for count in (1, None))
    names = [one.name for one in dataclasses.fields(trained)]
    assert {name: getattr(planned, name) for name in names} == {name: getattr(trained, name) for name in names}


SHARED = {
    "no mask of four dimensions": (
        ("attention: sdpa", "attention: flash_attention_2"),
        r"models.qwen2.5-vl-3b: training.rl.shared_prefix needs a mask of four dimensions, which attention "
        r"flash_attention_2 does not take: write attention: sdpa",
    ),
    "dropout in the adapters": (("lora_dropout: 0.0 ", "lora_dropout: 0.1 "), "set lora_dropout and attention_dropout"),
    "a value that is no boolean": (
        ("shared_prefix: true", "shared_prefix: 1"),
        "shared_prefix: should be a valid bool",
    ),
}


@pytest.fixture(scope="module")
def sharing():
    """The profile of one GPU, as text, with shared prefixes."""
    return (PROFILES / "paper-1gpu.yaml").read_text().replace("  rl:\n", "  rl:\n    shared_prefix: true\n")


def test_the_models_of_the_paper_share_rows(sharing, tmp_path):
    path = tmp_path / "own.yaml"
    path.write_text(sharing)
    check(str(path))


@pytest.mark.parametrize("what", SHARED)
def test_a_model_whose_rows_cannot_be_shared_does_not_pass_the_plan(what, sharing, tmp_path):
    (before, after), told = SHARED[what]
    assert before in sharing
    path = tmp_path / "own.yaml"
    path.write_text(sharing.replace(before, after, 1))
    with pytest.raises(AnatomyR1Error, match=told):
        check(str(path))
