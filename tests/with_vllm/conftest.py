"""Two tiny models that vLLM's CPU attention takes (heads of 32), 200 questions, and a model loaded once.

Run by `tox -e vllm`, `-e vllm-trainer` and `-e vllm-server`. Elsewhere these files are not collected: "no tests ran".
"""

from importlib.util import find_spec

import pytest

from tests.helpers.small_set import write_set

collect_ignore_glob = [] if find_spec("vllm") else ["test_*.py"]

OPTIONS = {
    "enforce_eager": True,
    "block_size": 32,
    "distributed_executor_backend": "uni",
    "kv_cache_memory_bytes": 200_000_000,
}
"""A block must be shorter than these prompts of about 44 tokens, or there would be no prefill to share."""


def pytest_collection_modifyitems(items):
    for item in items:
        if "tests/with_vllm" in item.nodeid:
            item.add_marker(pytest.mark.vllm)


@pytest.fixture(scope="session")
def data(tmp_path_factory):
    """Parent of a prepared set of 200 questions in four clusters."""
    folder = tmp_path_factory.mktemp("data")
    write_set(folder, 200)
    return folder


@pytest.fixture(scope="session")
def shape():
    from anatomy_r1.mini import architecture

    with pytest.MonkeyPatch.context() as patch:
        wide_heads = architecture.Shape(width=128, layers=4, feed_forward=160, vision_width=64)
        patch.setitem(architecture.SHAPES, "mini-s", wide_heads)
        yield wide_heads


@pytest.fixture(scope="session")
def taught(shape, tmp_path_factory):
    """Knows how an answer looks, and little else: parsed and unparsed, right and wrong responses."""
    from dataclasses import replace

    from anatomy_r1.mini.base import build_base
    from anatomy_r1.mini.recipe import toy

    folder = tmp_path_factory.mktemp("taught") / "model"
    recipe = replace(toy(), scenes=60, slides=30, habit_steps=60, habit_rows=24, habit_lr=3e-3)
    build_base(folder, "mini-s", recipe=recipe, progress=False)
    return folder


@pytest.fixture(scope="session")
def babbling(shape, tmp_path_factory):
    """Untrained, with weights so wide that each prompt, picture and position leads to another text."""
    import torch

    from anatomy_r1.mini.architecture import build_model, build_processor, save

    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("babbling")
    processor = build_processor()
    model = build_model("mini-s", processor)
    torch.manual_seed(0)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.dim() > 1:
                weight.normal_(0, 0.15)
    save(model, processor, folder)
    return folder


@pytest.fixture(scope="session", autouse=True)
def loaded_once():
    """The same folder and options: the same loaded model."""
    import vllm

    models, load = {}, vllm.LLM

    def cached(model, **options):
        key = (model, repr(sorted(options.items())))
        if key not in models:
            models[key] = load(model, **options)
        return models[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vllm, "LLM", cached)
        yield


@pytest.fixture(scope="session", autouse=True)
def _quick(no_environment_listing):
    """Every test below this folder."""
