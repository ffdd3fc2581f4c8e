"""A scored log and a store with its result, and the tools that read exports back where they are installed."""

import os
import subprocess
import sys
from dataclasses import replace

import pytest

from tests.data.conftest import real_data  # noqa: F401  (a fixture)
from tests.helpers.deterministic import HashEngine, weights_folder
from tests.helpers.small_set import questions, write_set

TASK = "sgg_anatomy_mini"
READERS = "ANATOMY_R1_EXPORT_READERS"
"""Names the Python of an environment with the packages of `readers.txt`."""


@pytest.fixture(scope="session")
def export_data(tmp_path_factory):
    """Parent of a prepared set of 24 test questions in four clusters and 8 training questions in two others."""
    from anatomy_r1.data.prepared import write

    folder = tmp_path_factory.mktemp("data")
    write_set(folder)
    learnt = [
        replace(q, id=f"T/{q.id}", cluster=f"T{q.cluster}", stem=f"Really: {q.stem}", image=f"T/{number}.png")
        for number, q in enumerate(questions(8))
    ]
    for number in range(8):
        _picture(folder / "images" / "T" / f"{number}.png", number)
    stated = {"benchmark": TASK, "generated": True, "seed": 0}
    write(folder / TASK, {"train": learnt, "test": questions(24)}, folder / "images", stated)
    return folder


def _picture(path, seed):
    """A picture that is no near duplicate of any other: noise."""
    import numpy as np
    from PIL import Image

    path.parent.mkdir(exist_ok=True)
    noise = np.random.default_rng(seed).integers(0, 255, (16, 24, 3), dtype=np.uint8)
    Image.fromarray(noise).resize((96, 64)).save(path)


@pytest.fixture(scope="session")
def export_log(export_data, tmp_path_factory):
    """A response log of all 24 questions, some responses unread and some cut off."""
    from anatomy_r1.evaluation.engines import transformers_engine
    from anatomy_r1.evaluation.evaluate import evaluate

    folder = tmp_path_factory.mktemp("log")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transformers_engine, "TransformersEngine", HashEngine)
        evaluate(TASK, export_data, weights_folder(folder / "weights"), folder / "log.sqlite", progress=False)
    return folder / "log.sqlite"


@pytest.fixture(scope="session")
def stored(export_data, export_log, tmp_path_factory):
    """The result of the same log in a store: its JSON."""
    from anatomy_r1.results.submission.submit import SubmissionRequest, submit

    store = tmp_path_factory.mktemp("store")
    request = SubmissionRequest(export_log, data=export_data, store=store, model="mini-l", method="ours")
    return submit(replace(request, train_data=(export_data / TASK,))).path


@pytest.fixture(scope="session")
def evidence(export_data, export_log):
    from anatomy_r1.exports.evidence import Request, load_evidence

    return load_evidence(Request((export_log,), data=export_data, name="mini-l-ours"))[0]


@pytest.fixture(scope="session")
def reader():
    """Runs a program of Python, with arguments, where a package is installed; skips with the reason elsewhere.

    An environment that is named must have it: there a missing package fails.
    """
    python = os.environ.get(READERS, sys.executable)

    def run(package, code, *arguments):
        found = subprocess.run([python, "-c", f"import {package}"], capture_output=True, text=True, check=False)
        if found.returncode:
            assert READERS not in os.environ, f"{python}, named by {READERS}, cannot import {package}:\n{found.stderr}"
            pytest.skip(f"{python} has no {package}: `tox -e exports` installs it (docs/exports.md)")
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        done = subprocess.run(
            [python, "-c", code, *map(str, arguments)], capture_output=True, text=True, check=False, env=environment
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run
