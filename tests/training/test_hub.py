"""Snapshots of the hub's cache, with and without a network."""

import huggingface_hub.constants as hub
import pytest

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.training.hub import snapshot

COMMIT = "0123456789" * 4


@pytest.fixture(params=["offline", "without a network"])
def cached(request, tmp_path, monkeypatch):
    """A snapshot as `hf download` leaves it, and a hub that nobody can reach."""
    monkeypatch.setattr(hub, "HF_HUB_OFFLINE", request.param == "offline")
    monkeypatch.setattr(hub, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(hub, "ENDPOINT", "http://127.0.0.1:9")  # the port of `discard`, where nobody listens
    root = tmp_path / "models--owner--model"
    folder = root / "snapshots" / COMMIT
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (root / "refs").mkdir()
    (root / "refs" / "main").write_text(COMMIT)
    return folder


@pytest.mark.parametrize("source", ["owner/model", "owner/model@main", f"owner/model@{COMMIT}"])
def test_what_is_cached_needs_no_network(cached, source):
    assert snapshot(source) == cached
    name, _, revision = source.partition("@")
    assert snapshot(name, revision or None) == cached


@pytest.mark.parametrize("revision", ["v2", "9876543210" * 4])
def test_what_is_not_cached_is_told_with_the_command_that_fetches_it(cached, revision):
    fix = f"Fix: name a folder, or .*`hf download owner/model --revision {revision}`"
    with pytest.raises(AnatomyR1Error, match=f"owner/model at {revision}: not in the hub's cache.*{fix}"):
        snapshot(f"owner/model@{revision}")


def test_what_is_no_hub_id_is_refused(cached):
    with pytest.raises(AnatomyR1Error, match="Fix: name a folder"):
        snapshot("no/such/folder")


def test_a_local_folder_is_taken_as_it_is(tmp_path):
    assert snapshot(str(tmp_path)) == tmp_path.resolve()
