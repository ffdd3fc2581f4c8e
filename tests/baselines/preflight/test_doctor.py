"""The doctor on simulated machines (four GPUs, one, small ones, wrong versions, missing files), and on this one."""

import dataclasses
import json
import os
from concurrent.futures.process import BrokenProcessPool
from contextlib import nullcontext
from types import SimpleNamespace

import pytest

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.provenance import Gpu
from baselines.__main__ import main
from baselines.experiment.cell import Layout
from baselines.experiment.plan import select
from baselines.experiment.profile import load_profile
from baselines.methods import registry as methods
from baselines.preflight import doctor, smoke
from baselines.preflight.doctor import Machine, missing, read_machine
from baselines.runtime import processes as requirements
from tests.helpers.small_runs import linked
from tests.helpers.smoke import smoke_profile

LOCK = doctor.locked()
PAPER = load_profile("paper")
GOOD = Machine(
    python=(3, 11),
    packages={name: LOCK[name] for name in doctor.PACKAGES},
    gpus=tuple(Gpu("A800", 80.0, 79.5) for _ in range(4)),
    driver="580.95.05 (CUDA 13.0)",
    torch_cuda="13.0",
    cuda_error="",
    nccl=True,
    disk_free=4000.0,
)
"""A node that can run the profile `paper`."""


def of_machine(machine, profile=PAPER, tmp_path=None, monkeypatch=None):
    layout = Layout(tmp_path)
    chosen = select(profile, benchmarks=["sgg_anatomy"], methods=["grpo"])
    monkeypatch.setattr(doctor, "missing_inputs", lambda *_: [])
    return doctor.examine(machine, profile, layout, chosen)


def test_four_gpus_pass(tmp_path, monkeypatch):
    found = of_machine(GOOD, tmp_path=tmp_path, monkeypatch=monkeypatch)
    assert [one.name for one in found if not one.passed] == []
    assert sum(one.name.startswith("memory of") for one in found) == 2, "both sizes"
    assert "FAILED" not in doctor.as_text(found)


BAD = {
    "one GPU": ({"gpus": GOOD.gpus[:1]}, {"gpus": "paper-1gpu"}),
    "GPUs too small": (
        {"gpus": tuple(Gpu("L4", 24.0, 23.9) for _ in range(4))},
        {
            "gpus": "paper-1gpu",
            "memory of qwen2.5-vl-3b grpo": "smaller per_device",
            "memory of qwen2.5-vl-7b grpo": "smaller",
        },
    ),
    "a GPU in use": ({"gpus": (*GOOD.gpus[:3], Gpu("A800", 80.0, 30.0))}, {"gpu memory": "nvidia-smi"}),
    "another version": ({"packages": {**GOOD.packages, "trl": "1.15.0"}}, {"trl": "constraints.txt"}),
    "vLLM missing": (
        {"packages": {k: v for k, v in GOOD.packages.items() if k != "vllm"}},
        {"vllm": 'pip install -c constraints.txt -e ".[train,gpu]"'},
    ),
    "an old driver": (
        {"cuda_error": "The NVIDIA driver on your system is too old (found version 12040)"},
        {"cuda": "update NVIDIA's driver for CUDA 13.0"},
    ),
    "a CPU build": (
        {"torch_cuda": "", "cuda_error": "Torch not compiled with CUDA enabled"},
        {"cuda": "install PyTorch's CUDA build"},
    ),
    "no driver": (
        {"driver": "", "gpus": (), "cuda_error": "Found no NVIDIA driver on your system"},
        {"cuda": "install NVIDIA's driver", "gpus": "mini"},
    ),
    "no NCCL": ({"nccl": False}, {"nccl": "CUDA build"}),
    "a full disk": ({"disk_free": 20.0}, {"disk": "--runs"}),
    "no compiler": ({"cannot_compile": "a C compiler and Python.h"}, {"compiler": "gcc python3.11-dev"}),
    "another Python": ({"python": (3, 13)}, {"python": "python3.11"}),
}


@pytest.mark.parametrize("what", BAD)
def test_what_is_wrong_is_named_with_its_fix_and_nothing_else_is(what, tmp_path, monkeypatch):
    changes, expected = BAD[what]
    found = of_machine(dataclasses.replace(GOOD, **changes), tmp_path=tmp_path, monkeypatch=monkeypatch)
    failed = {one.name: one.fix for one in found if one.passed is False}
    assert set(failed) == set(expected)
    for name, fix in expected.items():
        assert fix in failed[name]
    text = doctor.as_text(found)
    assert text.count("FAILED") == len(expected)


def test_what_is_unknown_is_not_counted_as_a_failure():
    found = [doctor.Check(str(passed), passed, "") for passed in (True, False, None, None)]
    assert doctor.summary(found) == "1 of 4 would stop a run; 2 unknown"
    assert doctor.summary(found[2:]) == "nothing found that would stop a run; 2 unknown"
    assert doctor.summary(found[:1]) == "nothing found that would stop a run"


def test_one_gpu_is_enough_for_the_profile_for_one_gpu(tmp_path, monkeypatch):
    one = dataclasses.replace(GOOD, gpus=GOOD.gpus[:1])
    without = {k: v for k, v in GOOD.packages.items() if k != "deepspeed"}
    found = of_machine(
        dataclasses.replace(one, packages=without),
        load_profile("paper-1gpu"),
        tmp_path=tmp_path,
        monkeypatch=monkeypatch,
    )
    assert [f.name for f in found if not f.passed] == []


def test_this_machine_is_read(tmp_path):
    found = read_machine(tmp_path / "not" / "there")
    assert found.packages["trl"] == LOCK["trl"]
    assert found.disk_free > 0
    assert found.cuda_error or found.torch_cuda, "PyTorch says why it cannot use CUDA"


def test_what_triton_compiles_with_is_looked_for_where_it_looks(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setattr(doctor.sysconfig, "get_paths", lambda scheme: {"include": str(tmp_path)})
    assert list(doctor.lacking_to_compile()) == ["a C compiler", "Python.h"]
    (tmp_path / "gcc").touch(mode=0o755)
    (tmp_path / "Python.h").touch()
    assert list(doctor.lacking_to_compile()) == []
    (tmp_path / "gcc").unlink()
    monkeypatch.setenv("CC", "my-compiler")
    assert list(doctor.lacking_to_compile()) == []


@pytest.fixture
def no_gpu(monkeypatch):
    monkeypatch.setattr(requirements, "gpu_memory_gb", list)
    monkeypatch.delenv("ANATOMY_R1_DATA_ROOT", raising=False)


def test_everything_missing_is_reported_with_where_to_get_it(tmp_path, no_gpu, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = missing(PAPER, Layout(tmp_path), select(PAPER))
    told = " ".join(f"{one.name} {one.fix}" for one in found)
    for word in ("4 NVIDIA GPUs", "hf download Qwen/Qwen2.5-VL-7B-Instruct", "ANATOMY_R1_DATA_ROOT", "similarity make"):
        assert word in told
    monkeypatch.setenv("ANATOMY_R1_DATA_ROOT", str(tmp_path))
    (tmp_path / "SSG-VQA" / "qa_txt").mkdir(parents=True)
    named = [one.name for one in missing(PAPER, Layout(tmp_path), select(PAPER))]
    assert str(tmp_path / "SSG-VQA" / "scene_graph") in named
    assert str(tmp_path / "SSG-VQA" / "qa_txt") not in named


def test_case_07_folders_of_other_names_are_not_reported_as_missing(tmp_path, no_gpu, monkeypatch):
    monkeypatch.setenv("ANATOMY_R1_DATA_ROOT", str(tmp_path))
    files = ("SSG-VQA/ssg-qa/VID01/0.txt", "SSG-VQA/scene_graph_ssgqa/scene_graph/VID01_0.json")
    for name in (*files, "CholecT45/CholecT45/data/VID01/000000.png"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).touch()
    named = [one.name for one in missing(PAPER, Layout(tmp_path / "run"), select(PAPER))]
    assert not [name for name in named if "SSG-VQA" in name or "CholecT45" in name]


def test_the_arm_as_released_needs_the_files_that_its_methods_are_trained_on(tmp_path, no_gpu, monkeypatch):
    monkeypatch.setenv("ANATOMY_R1_DATA_ROOT", str(tmp_path))
    (tmp_path / "released").mkdir()
    (tmp_path / "released" / "GRPO.json").write_text("[]")

    def named(*arms):
        selection = select(PAPER, methods=["zero-shot", "sft-grpo", "grpo-asc"], arms=arms)
        return [one.name for one in missing(PAPER, Layout(tmp_path), selection) if one.name.endswith(".json")]

    assert named("matched") == []
    assert named("matched", "as-released") == [str(tmp_path / "released" / "GRPO-ASC-Learning.json")]


def test_what_is_there_is_not_missing(tmp_path, monkeypatch):
    monkeypatch.setattr(requirements, "gpu_memory_gb", lambda: [80.0] * 4)
    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", lambda *_, **__: "config.json")
    monkeypatch.chdir(tmp_path)
    layout = Layout(tmp_path)
    for benchmark in PAPER.data:
        layout.data(benchmark).mkdir(parents=True)
        (layout.data(benchmark) / "manifest.json").write_text("{}")
    (tmp_path / "similarity").mkdir()
    (tmp_path / "similarity" / "medclip.json").write_text("{}")
    monkeypatch.setattr(doctor, "find_spec", lambda name: name)
    assert missing(PAPER, layout, select(PAPER)) == []


def test_packages_that_training_imports_late_are_missed_before_it_starts(monkeypatch, tmp_path, capsys):
    """tox's own environment has neither, and the run would fail after hours of SFT."""
    monkeypatch.setattr(doctor, "find_spec", lambda name: None)
    found = {name: [one.name for one in doctor.missing_packages(load_profile(name))] for name in ("paper", "mini")}
    assert found == {"paper": ["the package vllm", "the package deepspeed"], "mini": []}
    monkeypatch.setattr(requirements, "gpu_memory_gb", lambda: [80.0] * 4)
    assert main(["run", "--profile", "paper", "--runs", str(tmp_path)]) == 3
    assert "the package vllm is missing: pip install" in capsys.readouterr().err


def test_similarities_are_required_by_any_method_with_a_curriculum(tmp_path, no_gpu, monkeypatch):
    monkeypatch.chdir(tmp_path)
    own = methods.find_method("grpo-asc").but("mine", "Mine"), methods.find_method("grpo").but("cascade", "Cascade")
    monkeypatch.setattr(methods, "_added", {"own.py": own})
    told = [[one.name for one in missing(PAPER, Layout(tmp_path), select(PAPER, methods=[m.id]))] for m in own]
    assert [any("which ASC-Learning requires" in what for what in each) for each in told] == [True, False]


@pytest.mark.parametrize("section", ["rl", "common"])
def test_case_11_similarities_of_a_generated_profile_are_required_too(section, tmp_path):
    profile = smoke_profile()
    training = {**profile.training, "rl": {**profile.training["rl"], "similarity": "mini"}}
    del training["rl"]["similarity"]
    training[section] = {**training[section], "similarity": "nowhere.json"}
    changed = dataclasses.replace(profile, training=training)
    told = [[one.name for one in missing(changed, Layout(tmp_path), select(changed, methods=[name]))]
            for name in ("grpo-asc", "grpo")]  # fmt: skip
    assert told == [["similarities nowhere.json (similarity), which ASC-Learning requires"], []]
    assert missing(profile, Layout(tmp_path), select(profile, methods=["grpo-asc"])) == []


@pytest.mark.parametrize("key", ["fp16", "use_vllm"])
def test_case_11_what_needs_a_gpu_is_named_by_the_doctor_of_a_machine_without_one(key, tmp_path):
    profile = smoke_profile()
    training = {**profile.training, "rl": {**profile.training["rl"], key: True}}
    changed = dataclasses.replace(profile, training=training)
    failed = []
    for machine in (dataclasses.replace(GOOD, gpus=()), GOOD):
        found = doctor.examine(machine, changed, Layout(tmp_path), select(changed, methods=["grpo"]))
        failed.append([one.name for one in found if one.passed is False])
    assert failed == [[key], []]


@pytest.mark.parametrize(("command", "of_memory"), [("plan", "  fits\n"), ("doctor", "no GPU to compare with")])
def test_without_gpus_both_report_what_is_missing_and_exit_with_status_3(command, of_memory, no_gpu, capsys):
    assert main([command, "--profile", "paper", "--benchmarks", "sgg_anatomy"]) == 3
    printed = capsys.readouterr()
    said = printed.out + printed.err
    assert "hf download Qwen/Qwen2.5-VL-3B-Instruct" in said
    assert of_memory in said


def test_the_mini_profile_can_be_planned_anywhere(capsys):
    assert main(["plan", "--profile", "mini", "--methods", "zero-shot"]) == 0
    assert "GPU" not in capsys.readouterr().out


def test_existing_inputs_are_checked(smoke_root, tmp_path, monkeypatch):
    """A processor with other pixel limits, similarities of other options."""
    monkeypatch.chdir(tmp_path)
    linked(tmp_path, smoke_root)
    profile = smoke_profile()
    chosen = select(profile, benchmarks=["sgg_anatomy_mini"], methods=["grpo-asc"])
    assert [one for one in doctor.check_inputs(profile, Layout(tmp_path), chosen) if not one.passed] == []
    other = {"mini-l": {**profile.models["mini-l"], "pixels": {"min": 1, "max": 2}}}
    (tmp_path / "s.json").write_text(json.dumps({"encoder": "x", "names": ["Liver"], "matrix": [[1.0]]}))
    training = {**profile.training, "rl": {**profile.training["rl"], "similarity": "s.json"}}
    changed = dataclasses.replace(profile, models=other, training=training)
    failed = {one.name: one for one in doctor.check_inputs(changed, Layout(tmp_path), chosen) if not one.passed}
    assert set(failed) == {"pixel limits of mini-l", "similarities"}
    assert "not among them: " in failed["similarities"].found


@pytest.mark.slow
def test_smoke_trains_one_step_of_each_kind_and_a_failure_is_a_finding(smoke_root, tmp_path, monkeypatch):
    from baselines.experiment.cell import GridRun

    linked(tmp_path, smoke_root)
    run = GridRun(smoke_profile(), Layout(tmp_path), "smoke")
    chosen = select(run.profile, benchmarks=["sgg_anatomy_mini"])
    found = smoke.smoke(run, chosen, "sgg_anatomy_mini")
    assert [(one.name, one.passed) for one in found] == [
        ("one step of cot-sft on mini-l", True), ("one step of grpo on mini-l", True)
    ]  # fmt: skip
    broken = dataclasses.replace(run.profile, models={"mini-l": {"mini": "mini-l", "frozen": ["model.nothing"]}})
    found = smoke.smoke(dataclasses.replace(run, profile=broken), chosen, "sgg_anatomy_mini")
    assert [one.passed for one in found] == [False, False]
    assert "frozen part" in found[0].found


def test_a_smoke_run_that_did_not_run_is_told(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(doctor, "examine", lambda *_: [doctor.Check("disk", None, "unknown")])
    assert main(["doctor", "--profile", "smoke", "--smoke", "--runs", str(tmp_path)]) == 3
    assert "no step was trained and no rollout compared" in capsys.readouterr().out


def test_on_gpus_each_training_and_each_engine_of_the_smoke_run_has_a_process_of_its_own(tmp_path, monkeypatch):
    """Otherwise the memory that the first has reserved would be missing to the next."""
    from baselines.experiment.cell import GridRun

    called = []
    monkeypatch.setattr(smoke, "run_apart", lambda function, *rest, apart: called.append((function.__name__, apart)))
    monkeypatch.setattr(smoke, "make_inputs", lambda run, cells: None)
    monkeypatch.setattr(smoke, "find_spec", lambda name: name)
    monkeypatch.setattr(smoke, "compare", lambda what, *texts: smoke.Check(what, True, ""))
    monkeypatch.setattr(smoke, "ResponseLog", lambda path, read_only: nullcontext(SimpleNamespace(rows=list)))
    profile = load_profile("paper-1gpu")
    chosen = select(profile, models=["qwen2.5-vl-3b"], methods=["grpo"])
    smoke.smoke(GridRun(profile, Layout(tmp_path), "paper-1gpu"), chosen, "sgg_anatomy")
    assert called == [*[("run_stage", True)] * 2, *[("evaluate", True)] * 2]


def test_a_call_in_a_process_of_its_own_raises_here_what_was_raised_there():
    with pytest.raises(AnatomyR1Error, match="no profile 'nope'"):
        smoke.run_apart(load_profile, "nope", apart=True)
    with pytest.raises(BrokenProcessPool):
        smoke.run_apart(os._exit, 1, apart=True)


def test_rollouts_that_differ_fail():
    ours = {str(number): f"answer {number}" for number in range(8)}
    assert smoke.compare("x", ours, ours).passed
    assert smoke.compare("x", ours, {**ours, "3": "another"}).passed, "one near-tie may be broken differently"
    wrong = smoke.compare("x", ours, {**ours, "3": "another", "5": "another"})
    assert not wrong.passed
    assert "6 of 8" in wrong.found
    assert not smoke.compare("x", ours, {}).passed
    assert not smoke.compare("x", {}, {}).passed, "no answer was compared"
