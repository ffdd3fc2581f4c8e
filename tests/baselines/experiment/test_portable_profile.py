"""Portable arithmetic of a profile: digests of its own, native ones as they were, and refusal of what cannot be."""

from dataclasses import replace

import pytest
import yaml

from anatomy_r1.errors import AnatomyR1Error
from baselines.__main__ import main
from baselines.experiment.cell import Cell, GridRun, Layout, arguments, open_run, settings
from baselines.experiment.plan import select
from baselines.experiment.profile import PROFILES, load_profile
from baselines.grid.grid import configuration
from tests.helpers.smoke import smoke_content

CELL = Cell("sgg_anatomy_mini", "mini-l", "cot-sft-grpo", 0)


def test_the_generated_world_is_portable_and_what_is_for_gpus_is_native():
    found = {path.stem: load_profile(path.stem).arithmetic for path in PROFILES.glob("*.yaml")}
    assert {name for name, mode in found.items() if mode == "portable"} == {"mini", "smoke"}


def test_portable_is_part_of_what_weights_depend_on_and_native_is_not():
    native, portable = (load_profile("mini-first").in_arithmetic(mode) for mode in ("native", "portable"))
    stated = settings(portable, CELL)
    assert stated["arithmetic"] == stated["parent"]["arithmetic"] == "portable"
    assert stated["arguments"]["optim"] == "adamw_torch_fused"
    for one in (stated, stated["parent"]):
        del one["arithmetic"], one["arguments"]["optim"]
    assert settings(native, CELL) == settings(load_profile("mini-first"), CELL) == stated


def test_every_stage_of_a_portable_grid_has_a_digest_of_its_own(tmp_path):
    found = {}
    for mode in (None, "native", "portable"):
        profile = load_profile("mini-first").in_arithmetic(mode)
        selection = select(
            profile, methods=["zero-shot", "grpo"], benchmarks=[], models=[], seeds=[], arms=[], views=[]
        )
        found[mode] = configuration(GridRun(profile, Layout(tmp_path), "mini-first"), selection)
    assert found[None] == found["native"]
    assert found["portable"]["arithmetic"] == "portable"
    native, portable = found["native"]["digests"], found["portable"]["digests"]
    assert native.keys() == portable.keys()
    assert [name for name in native if native[name] == portable[name]] == []


def own(tmp_path, **changes):
    raw = smoke_content()
    path = tmp_path / "own.yaml"
    path.write_text(yaml.safe_dump({**raw, **changes}))
    return str(path)


def test_a_file_may_ask_for_it_and_the_command_may_replace_it(tmp_path):
    source = own(tmp_path, arithmetic="portable")
    assert load_profile(source).arithmetic == "portable"
    assert open_run(source, tmp_path, "none", ()).profile.arithmetic == "portable"
    assert open_run(source, tmp_path, "none", (), "native").profile.arithmetic == "native"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"arithmetic": "fast"}, "arithmetic: .*'native' or 'portable'"),
        ({"needs": {"gpus": 1}}, "for CPUs, and the profile needs GPUs"),
        ({"launch": {"processes": 2, "accelerate": ""}}, "one process a training only"),
        ({"evaluation": {"engine": "vllm"}}, "transformers engine on a CPU"),
        ({"evaluation": {"device": "cuda"}}, "transformers engine on a CPU"),
    ],
    ids=["no such arithmetic", "GPUs", "several processes", "vLLM", "evaluation on a GPU"],
)
def test_what_cannot_be_portable_is_refused(changes, told, tmp_path):
    with pytest.raises(AnatomyR1Error, match=told):
        load_profile(own(tmp_path, **{"arithmetic": "portable", **changes}))
    if "arithmetic" not in changes:
        with pytest.raises(AnatomyR1Error, match=f"profile smoke: .*{told}.* Fix: "):
            load_profile(own(tmp_path, **changes)).in_arithmetic("portable")


def test_another_optimiser_is_refused():
    profile = load_profile("smoke")
    other = replace(profile, training={**profile.training, "rl": {**profile.training["rl"], "optim": "adafactor"}})
    with pytest.raises(AnatomyR1Error, match=r"optim 'adafactor' is not portable\. Fix: leave optim out"):
        arguments(other, CELL.method, 0)
    assert arguments(replace(other, arithmetic="native"), CELL.method, 0)["optim"] == "adafactor"


def test_the_command_refuses_before_it_starts_anything(capsys):
    assert main(["run", "--profile", "paper", "--arithmetic", "portable"]) == 2
    assert "profile paper: portable arithmetic is for CPUs" in capsys.readouterr().err
