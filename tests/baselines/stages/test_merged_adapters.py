"""Adapters become whole weights without a moment in which a killed run would find neither."""

from types import SimpleNamespace

import pytest

from baselines.stages import policy


@pytest.fixture
def merged(monkeypatch):
    """Stands for the merged model: its weights are one file, and saving it may be cut short."""
    pytest.importorskip("peft")

    def save(folder):
        (folder / "model.safetensors").write_text("half" if state.killed else "whole")
        if state.killed:
            raise KeyboardInterrupt

    state = SimpleNamespace(killed=False, save_pretrained=save)
    wrapped = SimpleNamespace(merge_and_unload=lambda: state)
    monkeypatch.setattr("peft.PeftModel.from_pretrained", lambda *_: wrapped)
    monkeypatch.setattr(policy, "load_model", lambda *_: None)
    return state


def test_a_run_that_is_killed_while_it_merges_merges_again(merged, tmp_path):
    for name in (policy.ADAPTER, "adapter_model.safetensors", "README.md"):
        (tmp_path / name).write_text("")
    merged.killed = True
    with pytest.raises(KeyboardInterrupt):
        policy.merge_adapters(tmp_path, tmp_path, {})
    assert (tmp_path / policy.ADAPTER).exists()
    assert (tmp_path / "adapter_model.safetensors").exists()
    merged.killed = False
    policy.merge_adapters(tmp_path, tmp_path, {})
    assert [path.name for path in tmp_path.iterdir()] == ["model.safetensors"]
    assert (tmp_path / "model.safetensors").read_text() == "whole"


def test_a_run_that_is_killed_while_it_removes_adapters_goes_on(tmp_path, monkeypatch):
    """They go before their configuration, so that whatever is left says that they were merged."""
    monkeypatch.setattr(policy, "load_model", lambda *_: pytest.fail("there is nothing to merge"))
    (tmp_path / policy.ADAPTER).write_text("{}")
    (tmp_path / "model.safetensors").write_text("whole")
    policy.merge_adapters(tmp_path, tmp_path, {})
    assert [path.name for path in tmp_path.iterdir()] == ["model.safetensors"]
