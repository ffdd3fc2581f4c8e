"""A made-up result store with four kinds of results."""

import json
from dataclasses import replace

import numpy as np
import pytest

from anatomy_r1.cli.main import main
from anatomy_r1.results.store import save_result
from tests.helpers.gate_responses import chances
from tests.helpers.worlds import result, table, unequal

HOSTILE = "\x1b[31m::error title=x::owned\x00 ]]> <b>&amp;</b> %0A::set-output name=a::b ##[error]no"


@pytest.fixture(autouse=True)
def _no_runner(monkeypatch):
    """Tests run outside GitHub Actions unless they set its variables."""
    for name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY"):
        monkeypatch.delenv(name, raising=False)


def regress(*arguments):
    """The command; returns its exit status."""
    return main(["regress", *map(str, arguments)])


def found(path):
    return json.loads(path.read_text())


def cells(root, method, chance, seeds, weights, arm="matched", ids=None, truncated=0, base="", **provenance):
    """Cells of one method; `weights` is a text (repeats), or a function of the seed (trainings)."""
    labels = unequal(np.random.default_rng(0), 20, len(chance))
    for seed in seeds:
        right = np.random.default_rng([seed, 7]).random((len(chance), 5)) < chance[:, np.newaxis]
        questions = table(right, labels).assign(truncated=truncated)
        if ids is not None:
            questions["id"] = ids
        one = replace(result(method, questions, seed=seed, arm=arm, **provenance), base=base)
        one.provenance["sampling"] = {
            **one.provenance["sampling"], "weights": weights if isinstance(weights, str) else weights(seed),
        }  # fmt: skip
        save_result(root, one)
    return root / "sgg_anatomy_mini" / "mini-l" / method / arm


@pytest.fixture(scope="session")
def chance():
    """Of 1,000 questions."""
    return chances(np.random.default_rng(5), "middling")


@pytest.fixture(scope="session")
def store(tmp_path_factory, chance):
    """`good`: five repeats. `same`: a sixth. `worse`: six points less. `trained`: five trainings."""
    root = tmp_path_factory.mktemp("store")
    cells(root, "good", chance, range(5), "w0")
    cells(root, "same", chance, [10], "w0")
    cells(root, "worse", chance * (1 - 0.06 / chance.mean()), [10], "w1")
    cells(root, "trained", chance, range(5), lambda seed: f"t{seed}")
    return root


@pytest.fixture(scope="session")
def at(store):
    """Folder of a method, or one of its seeds, as the command takes it."""

    def path(method, seed=None):
        folder = store / "sgg_anatomy_mini" / "mini-l" / method / "matched"
        return str(folder if seed is None else folder / f"seed{seed}.json")

    return path
