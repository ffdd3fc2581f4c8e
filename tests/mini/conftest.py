from __future__ import annotations

from pathlib import Path

import pytest

from anatomy_r1.mini.world import WorldSpec, write_world

TINY = WorldSpec(train_videos=2, validation_videos=1, test_videos=2, frames_per_video=6, slides=60)


@pytest.fixture(scope="session")
def tiny_spec() -> WorldSpec:
    return TINY


@pytest.fixture(scope="session")
def tiny_world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("mini") / "world"
    write_world(root, TINY, progress=False)
    return root


@pytest.fixture(scope="session")
def tokenizer():
    pytest.importorskip("transformers")
    from anatomy_r1.mini.tokenizer import build_tokenizer

    return build_tokenizer()
