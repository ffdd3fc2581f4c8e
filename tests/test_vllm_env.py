"""The second environment's promises: it never passes in silence, and is built anew when what it holds changes."""

import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def pins(path):
    return dict(line.split("==") for line in (ROOT / path).read_text().split())


@pytest.fixture
def vllm_env(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    import vllm_env

    yield vllm_env
    sys.modules.pop("vllm_env"), sys.modules.pop("shared_env")


@pytest.mark.parametrize(("system", "machine"), [("Linux", "aarch64"), ("Darwin", "arm64")])
def test_another_machine_is_told_that_nothing_was_tested(vllm_env, monkeypatch, tmp_path, system, machine):
    monkeypatch.setattr(vllm_env.platform, "system", lambda: system)
    monkeypatch.setattr(vllm_env.platform, "machine", lambda: machine)
    with pytest.raises(SystemExit, match=f"{system} {machine}.*NOT TESTED"):
        vllm_env.ensure(ROOT, tmp_path / "home")
    assert not (tmp_path / "home").exists()


def test_a_package_that_cannot_be_had_stops_it_before_the_stamp(vllm_env, monkeypatch, tmp_path):
    """An index without PyTorch's CPU builds is the likely one."""
    (tmp_path / "scripts").mkdir()
    (tmp_path / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text())
    (tmp_path / vllm_env.LOCK).write_text("no-such-package-at-all==0.0.1\n")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setattr(vllm_env, "check_place", lambda: None)
    with pytest.raises(SystemExit, match=r"CPU builds.*NOT TESTED"):
        vllm_env.ensure(tmp_path, tmp_path / "home")
    assert not vllm_env.shared_env.ready(tmp_path / "home", vllm_env.key(tmp_path))


def test_it_is_rebuilt_when_its_lock_changes(vllm_env, tmp_path):
    (tmp_path / "scripts").mkdir()
    for name in ("pyproject.toml", vllm_env.LOCK):
        (tmp_path / name).write_text((ROOT / name).read_text())
    before = vllm_env.key(tmp_path)
    (tmp_path / vllm_env.LOCK).write_text((ROOT / vllm_env.LOCK).read_text().replace("tqdm==", "tqdm==9"))
    assert vllm_env.key(tmp_path) != before


def test_its_lock_pins_packages_and_nothing_else_and_has_the_main_lock_s_lm_eval_and_trl(vllm_env):
    lines = (ROOT / vllm_env.LOCK).read_text().split()
    assert all(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*==[0-9][A-Za-z0-9.+]*", line) for line in lines)
    names = [re.sub(r"[-_.]+", "-", line.split("==")[0]).lower() for line in lines]
    assert len(set(names)) == len(names)
    ours, main = dict(zip(names, (line.split("==")[1] for line in lines), strict=True)), pins("constraints.txt")
    for name in ("lm-eval", "trl", "accelerate", "peft"):
        assert ours[name] == main[name]
    assert not {"triton", "torchaudio", "torchcodec", "ray"} & set(ours)
