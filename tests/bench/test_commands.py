"""How long a person waits: for help, and for a table of a full grid. `tox -e bench`."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from anatomy_r1.results.store import Result
from anatomy_r1.scoring.intervals import cluster_interval
from anatomy_r1.scoring.question_table import COLUMNS
from anatomy_r1.tables import html
from reports.scores.names import METHODS
from reports.tables.table1 import table1

ROOT = Path(__file__).resolve().parents[2]
CORE = [sys.executable, "-c", "import sys; from anatomy_r1.cli.main import main; sys.exit(main(['--help']))"]

pytestmark = pytest.mark.bench


@pytest.mark.parametrize(
    "command",
    [CORE, [sys.executable, "-m", "baselines", "--help"], [sys.executable, "-m", "reports", "--help"]],
    ids=["anatomy-r1", "baselines", "reports"],
)
def test_help_answers_in_under_300_ms(benchmark, command):
    """The quickest of five, because another process may have the processor."""
    run = {"args": (command,), "kwargs": {"cwd": ROOT, "check": True, "stdout": subprocess.DEVNULL}}
    benchmark.pedantic(subprocess.run, rounds=5, warmup_rounds=1, **run)
    assert benchmark.stats.stats.min < 0.3


def test_an_interval_of_a_hundred_thousand_questions(benchmark):
    rng = np.random.default_rng(0)
    clusters = rng.integers(0, 500, 100_000).astype(str)
    values = rng.random(100_000)
    assert benchmark(cluster_interval, values, clusters).clusters == len(set(clusters))


def full_grid(n=1000, clusters=20):
    """Ten methods, two models, two benchmarks and three seeds; random answers."""
    rng = np.random.default_rng(0)
    labels = {"id": [f"q{i}" for i in range(n)], "cluster": [f"v{i % clusters}" for i in range(n)]}
    base = pd.DataFrame({**labels, "category": [f"c{i % 6}" for i in range(n)]})

    def cell(benchmark, model, method, seed):
        flags = {name: rng.random(n) < 0.4 for name in COLUMNS if name not in base}
        table = base.assign(**{**flags, "parsed": 5, "truncated": 0})
        return Result("mini", benchmark, model, method, "matched", seed, "think", table)

    names = ("sgg_anatomy_mini", "omnimed_mi_mini")
    return [cell(b, m, k, s) for b in names for m in ("mini-s", "mini-l") for k in METHODS for s in range(3)]


def test_table1_of_a_full_grid(benchmark):
    results = full_grid()
    page = benchmark.pedantic(lambda: html.render(table1(results)), rounds=3)
    assert page.count("<tr>") > 2 * len(METHODS)
