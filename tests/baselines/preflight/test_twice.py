"""The same training twice: equal to the bit over two processes; a changed kernel and planted differences are told."""

import math
import shutil
import sqlite3
from contextlib import closing

import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.training.training_log import LOG_NAME, Step, TrainingLog
from baselines.__main__ import main
from baselines.experiment.cell import arguments, open_run, settings
from baselines.experiment.profile import load_profile
from baselines.methods import registry
from baselines.preflight.twice import Repeated, _of_weights, difference, learned, twice
from baselines.runtime.determinism import ENVIRONMENT
from baselines.stages.stages import parse_cell
from tests.helpers.small_runs import linked
from tests.helpers.smoke import smoke_content

METHOD_FILE = "tests/helpers/hashed_methods.py"
CELL = "sgg_anatomy_mini/mini-l/grpo-hashed/seed0"
WEIGHTS = "model.safetensors"


def profile(path, **changes):
    content = {**smoke_content(), "deterministic": True, **changes}
    content["training"]["rl"]["per_device_train_batch_size"] = 8
    path.write_text(yaml.safe_dump(content))
    return str(path)


@pytest.fixture(scope="module")
def own_methods():
    """Method files that this module's runs register are forgotten at its end: other tests list all methods."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registry, "_added", {})
        yield


@pytest.fixture(scope="module")
def repeated(own_methods, smoke_root, tmp_path_factory):
    """GRPO over two processes, twice; and in one process, with other kernels or another seed in the second run."""
    folder, found = tmp_path_factory.mktemp("twice"), {}
    for name, processes, vary, seed in (
        ("same", 2, {}, None),
        ("varied", 1, {"ATEN_CPU_CAPABILITY": "default"}, None),
        ("seeded", 1, {}, 1),
    ):
        source = profile(folder / f"{name}.yaml", launch={"processes": processes, "accelerate": ""})
        run = open_run(source, linked(folder / name, smoke_root), "none", [METHOD_FILE])
        (found[name],) = twice(run, [parse_cell(CELL)], 2, vary, seed)
    return found, folder / "same" / "twice"


@pytest.mark.slow
def test_two_processes_give_the_same_bits_and_another_kernel_or_seed_is_seen(repeated):
    found, folder = repeated
    assert found["same"].difference == ""
    assert "the same to the bit" in found["same"].line
    assert "tensors differ" in found["varied"].difference
    assert "rollouts: from step 1 on" in found["seeded"].difference
    assert "tensors differ" in found["seeded"].difference
    trained = folder / "first" / "train" / CELL
    base = load_file(folder / "first" / "models" / "mini-l" / WEIGHTS)
    assert any((base[key] != value).any() for key, value in load_file(trained / WEIGHTS).items())


@pytest.mark.slow
def test_where_two_trainings_part(repeated, tmp_path):
    first = repeated[1] / "first" / "train" / CELL
    assert difference(first, first) == ""
    for planted, told in (
        (
            lambda folder: _update(folder, "UPDATE rollouts SET advantage = advantage + 1e-9 WHERE step = 2"),
            "from step 2 on, in advantage",
        ),
        (lambda folder: _update(folder, "DELETE FROM rollouts WHERE step = 2"), "rollouts: 32 and 16 rows"),
        (
            lambda folder: _update(folder, "UPDATE steps SET loss = loss + 1e-9 WHERE step = 1"),
            "steps: from step 1 on, in loss",
        ),
        (lambda folder: _update(folder, "UPDATE steps SET seconds = seconds + 1"), ""),
        (
            lambda folder: _update(folder, "INSERT INTO parity VALUES (1, 0, 9, 0.1, 0.2, 0.0)"),
            "parity: 0 and 1 rows",
        ),
        (_nudge, "1 of"),
        (lambda folder: (folder / WEIGHTS).unlink(), "weights: other files"),
    ):
        second = shutil.copytree(first, tmp_path / "second", dirs_exist_ok=True)
        planted(second)
        found = difference(first, second)
        assert told in found and bool(told) == bool(found)
        shutil.rmtree(second)


def _update(folder, statement):
    with closing(sqlite3.connect(folder / LOG_NAME)) as log:
        assert log.execute(statement).rowcount > 0
        log.commit()


def _nudge(folder):
    weights = load_file(folder / WEIGHTS)
    next(iter(weights.values())).view(-1)[0] += 1e-6
    save_file(weights, folder / WEIGHTS, metadata={"format": "pt"})


@pytest.mark.parametrize(
    ("second", "told"),
    [
        ({"norm": [0.0, math.nan]}, []),
        ({"norm": [-0.0, math.nan]}, ["model.safetensors: 1 of 1 tensors differ, by nan at most"]),
        ({"norm": [0.0, math.nan], "head": [1.0]}, ["model.safetensors: other tensors"]),
    ],
    ids=["the same, a NaN included", "the sign of a zero", "one tensor more"],
)
def test_weights_are_compared_by_their_bits(second, told, tmp_path):
    for place, weights in (("first", {"norm": [0.0, math.nan]}), ("second", second)):
        (tmp_path / place).mkdir()
        save_file({name: torch.tensor(values) for name, values in weights.items()}, tmp_path / place / WEIGHTS)
    assert list(_of_weights(tmp_path / "first", tmp_path / "second")) == told


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("nope", "no name of a training. Fix: BENCHMARK/MODEL/METHOD/seedN"),
        ("sgg_anatomy_mini/mini-l/grpo", "no name of a training"),
        ("sgg_anatomy_mini/mini-l/grpo/other/seed0", "no name of a training"),
        ("sgg_nope/mini-l/grpo/seed0", "no benchmark 'sgg_nope' in this profile. Fix: one of sgg_anatomy_mini"),
        ("sgg_anatomy_mini/mini-x/grpo/seed0", "no model 'mini-x' in this profile. Fix: one of mini-l"),
        ("sgg_anatomy_mini/mini-l/zero-shot/seed0", "zero-shot trains nothing"),
    ],
)
def test_a_cell_that_cannot_be_is_told_before_anything_is_made(name, told, tmp_path, capsys):
    assert main(["twice", "--profile", "smoke", "--runs", str(tmp_path), name]) == 2
    assert told in capsys.readouterr().err
    assert not [*tmp_path.iterdir()]


def test_a_training_without_a_gradient_is_told(tmp_path):
    for norms, found in (([0.0, 0.0], False), ([0.0, 0.1], True)):
        log = TrainingLog(tmp_path / LOG_NAME)
        for number, norm in enumerate(norms, 1):
            log.add_step(Step(number, 0.0, grad_norm=norm))
        log.close(2)
        assert learned(tmp_path) is found
        (tmp_path / LOG_NAME).unlink()
    assert "no step had a gradient" in Repeated("a", "", learned=False).line
    assert Repeated("a", "").line == "a: the same to the bit"


def test_the_key_is_part_of_what_weights_depend_on(tmp_path):
    cell = parse_cell("sgg_anatomy_mini/mini-l/grpo/seed0")
    sources = (profile(tmp_path / "own.yaml"), "smoke")
    with_key, without = (load_profile(one).in_arithmetic("native") for one in sources)
    assert settings(with_key, cell)["deterministic"] is True
    assert "deterministic" not in settings(without, cell)
    assert arguments(with_key, registry.find_method("sft"), 0) == arguments(without, registry.find_method("sft"), 0)


def test_a_process_gets_the_environment_and_pytorch_refuses_what_is_not_deterministic(monkeypatch):
    from baselines.runtime.determinism import use_deterministic

    for name in ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv(name, "before")
    try:
        use_deterministic()
        import os

        assert {name: os.environ[name] for name in ENVIRONMENT} == ENVIRONMENT
        assert torch.are_deterministic_algorithms_enabled()
    finally:
        torch.use_deterministic_algorithms(False)
        torch.backends.cudnn.deterministic = False


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--steps", "0"], "--steps 0: should be 1 or more"),
        (["--vary", "NAME"], "--vary NAME: has no value"),
    ],
)
def test_words_that_cannot_be(words, message, capsys):
    assert main(["twice", "--profile", "smoke", *words, CELL]) == 2
    assert message in capsys.readouterr().err


def test_a_variable_that_each_process_sets_itself_cannot_be_varied(tmp_path):
    for source, name in ((profile(tmp_path / "own.yaml"), "NCCL_ALGO"), ("smoke", "ATEN_CPU_CAPABILITY")):
        run = open_run(source, tmp_path / "runs", "none", [])
        with pytest.raises(AnatomyR1Error, match=f"{name}: each process of this profile sets it itself"):
            list(twice(run, [parse_cell("sgg_anatomy_mini/mini-l/grpo/seed0")], 1, {name: "default"}))


def test_a_difference_that_nothing_forbids_names_the_key_that_would():
    assert "`deterministic: true`" in Repeated("a", "weights", promised=False).line
    assert "deterministic" not in Repeated("a", "weights").line + Repeated("a", "", promised=False).line


@pytest.mark.slow
def test_a_training_that_fails_is_told_with_its_log(smoke_root, tmp_path):
    run = open_run(profile(tmp_path / "own.yaml"), linked(tmp_path / "runs", smoke_root), "none", [])
    with pytest.raises(AnatomyR1Error, match=r"ended with status .*seed0\.log"):
        list(twice(run, [parse_cell("sgg_anatomy_mini/mini-l/grpo/seed0")], 1, {"PYTHONHOME": "/nowhere"}))
