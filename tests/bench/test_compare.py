"""Time and memory of a comparison of 20 methods on two benchmarks of 1,000 questions with five responses each."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from anatomy_r1.results import save_result
from tests.comparison.worlds import answers, outcome, result, table, unequal

ROOT = Path(__file__).resolve().parents[2]
METHODS = 20
LIMITED = """import resource, sys
from anatomy_r1.cli import main
status = main(sys.argv[1:])
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
            found.append(result(f"method{method:02d}", questions, benchmark=benchmark))
    return found


@pytest.mark.parametrize("all_pairs", [False, True], ids=["against one baseline", "all pairs"])
def test_intervals_and_tests(benchmark, results, all_pairs):
    shown = benchmark.pedantic(lambda: outcome(*results, all_pairs=all_pairs), rounds=1)
    assert len(shown.comparisons) == (380 if all_pairs else 38)


def test_the_whole_command_from_files_to_every_format(benchmark, results, tmp_path):
    """One process on one core, with the imports: under 5 s of processor time, which others' work does not change much,
    and 1 GB."""
    for one in results:
        save_result(tmp_path / "store", one)
    files = [word for suffix in ("md", "html", "json") for word in ("--out", str(tmp_path / f"c.{suffix}"))]
    command = [sys.executable, "-c", LIMITED, "compare", str(tmp_path / "store"), *files]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}

    def run():
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)

    done = benchmark.pedantic(run, rounds=3)
    status, kilobytes, seconds = map(float, done.stderr.split()[-3:])
    benchmark.extra_info.update({"peak MB": kilobytes / 1024, "processor seconds": seconds})
    assert status == 0
    assert len(json.loads((tmp_path / "c.json").read_text())["comparisons"]) == 38
    assert seconds < 5
    assert kilobytes < 1024**2
