"""What all tests share: one thread, no network, a small prepared set and an untrained tiny model."""

import os

import pytest

# Before torch is imported anywhere: two test processes with two threads each would stall a two-core machine.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("HF_HUB_OFFLINE", "1")


def pytest_collection_modifyitems(items):
    """Files with slow tests come first, so that no worker is left alone with a long one at the end."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(scope="session")
def data(tmp_path_factory):
    """Parent of a prepared set of 24 questions in four clusters."""
    from tests.helpers.small_set import write_set

    folder = tmp_path_factory.mktemp("data")
    write_set(folder)
    return folder


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory):
    import torch

    from anatomy_r1.mini.architecture import build_model, build_processor, save

    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("model")
    processor = build_processor()
    save(build_model("mini-s", processor), processor, folder)
    return folder


@pytest.fixture(scope="session")
def no_environment_listing():
    """lm-eval lists all installed packages after each run, through pip: most of a small run's time."""
    import lm_eval.evaluator

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lm_eval.evaluator, "add_env_info", lambda storage: None)
        yield
