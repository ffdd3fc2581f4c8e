"""Time and memory of intervals, tests and tables: 20 methods, two benchmarks of 1,000 questions, five responses each.

What was measured, on what and when: results/bench/statistics.md.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from anatomy_r1.results.store import save_result
from tests.helpers.worlds import analysis, answers, result, table, unequal

ROOT = Path(__file__).resolve().parents[2]
METHODS = 20
CONTROLS = ("control-majority", "control-naive-bayes")
"""Among the 20, in their own names."""
LIMITED = """import json, resource, sys
from importlib import import_module
status = max(import_module(app).main(arguments) for app, arguments in json.loads(sys.argv[1]))
used = resource.getrusage(resource.RUSAGE_SELF)
print(status, used.ru_maxrss, used.ru_utime + used.ru_stime, file=sys.stderr)
"""

pytestmark = pytest.mark.bench


@pytest.fixture(scope="module")
def results():
    """20 videos on one benchmark and 500 slides on the other."""
    rng, found = np.random.default_rng(0), []
    for benchmark, clusters in (("sgg_anatomy_mini", 20), ("omnimed_mi_mini", 500)):
        labels = unequal(rng, clusters, 1000)
        for method in range(METHODS):
            questions = table(answers(rng, labels, 0.005 * method), labels)
            lenient = {f"lenient_{k}": questions[f"correct_{k}"] for k in range(5)}
            questions = questions.assign(**lenient, malformed=0, several=0, refused=0)
            name = CONTROLS[method] if method < len(CONTROLS) else f"method{method:02d}"
            found.append(result(name, questions, benchmark=benchmark))
    return found


@pytest.mark.parametrize("all_pairs", [False, True], ids=["against one baseline", "all pairs"])
def test_intervals_and_tests(benchmark, results, all_pairs):
    shown = benchmark.pedantic(lambda: analysis(*results, all_pairs=all_pairs), rounds=1)
    assert len(shown.comparisons) == (380 if all_pairs else 38)


def limited(benchmark, *apps, most=5.0):
    """One process on one core, with the imports: under 5 s of processor time, which others' work does not change much,
    and 1 GB."""
    command = [sys.executable, "-c", LIMITED, json.dumps(apps)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}

    def run():
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)

    done = benchmark.pedantic(run, rounds=3)
    status, kilobytes, seconds = map(float, done.stderr.split()[-3:])
    benchmark.extra_info.update({"peak MB": kilobytes / 1024, "processor seconds": seconds})
    print(f"{seconds:.2f} processor seconds, {kilobytes / 1024:.0f} MB")
    assert status == 0
    assert seconds < most
    assert kilobytes < 1024**2


@pytest.fixture
def store(results, tmp_path):
    for one in results:
        save_result(tmp_path / "store", one)
    return tmp_path / "store"


def comparison(store, *options):
    files = [word for suffix in ("md", "html", "json") for word in ("--out", str(store.parent / f"c.{suffix}"))]
    return ["anatomy_r1.cli", ["compare", str(store), *options, *files]]


def compared(store):
    return len(json.loads((store.parent / "c.json").read_text())["comparisons"])


def test_the_whole_command_from_files_to_every_format(benchmark, store):
    limited(benchmark, comparison(store))
    assert compared(store) == 38


def test_all_intervals_tests_and_tables(benchmark, store):
    """Table 1 with its companions and costs, then one method against all others, each in every format."""
    out = store.parent / "reports"
    tables = ["reports.__main__", ["table1", "--store", str(store), "--out", str(out)]]
    limited(benchmark, tables, comparison(store, "--new", "method19"))
    assert compared(store) == 38
    assert {path.suffix for path in out.iterdir()} == {".txt", ".md", ".csv", ".tex", ".html"}
    assert "method19" in (out / "table1.txt").read_text()


def test_all_intervals_tests_and_tables_of_all_pairs(benchmark, store):
    """Each of the 20 against each: ten times as many tests. Its time is measured and not bounded."""
    out = store.parent / "reports"
    tables = ["reports.__main__", ["table1", "--store", str(store), "--out", str(out)]]
    limited(benchmark, tables, comparison(store, "--all-pairs"), most=float("inf"))
    assert compared(store) == 380
