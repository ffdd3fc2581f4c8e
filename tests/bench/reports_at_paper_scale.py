"""What all reports of a store of the paper's size cost: 20 rows, 2 benchmarks, 1,000 questions, 5 responses, 500 steps.

python -m tests.bench.reports_at_paper_scale DIR     (makes DIR where it is missing, which takes minutes; prints JSON)

Everything in the store is made up, with responses of about 100 words and four groups of eight a step. Each report runs
as a user runs it, in a process of its own; seconds are of the processor, so they are what one core needs.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def rows():
    """Sixteen known methods and four of someone's own; all have responses, all but one a training."""
    from reports.scores.names import CONTROLS, TITLES

    return [*(name for name in TITLES if name not in CONTROLS), "own-a", "own-b", "own-c", "own-d"]


def make(folder, questions=1000, steps=500):
    """A run of paper scale, and where its store is."""
    from tests.helpers import site_worlds

    methods = tuple(rows())
    size = {"questions": questions, "clusters": 20, "words": 100, "steps": steps, "groups": 4}
    world = site_worlds.World(methods=methods, benchmarks=(site_worlds.SGG, site_worlds.OMNIMED), hostile=False, **size)
    partial = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    site_worlds.make(partial, world)
    for log in partial.glob("train/*/*/*/seed*/training_log.sqlite"):
        cell = str(log.parent.relative_to(partial / "train"))
        plan = {"cell": cell, "arguments": {"max_steps": steps, "own_steps": steps, "num_generations": 8}}
        (log.parent / "training.json").write_text(json.dumps({"plan": plan}))
    curves = [sys.executable, "-m", "baselines", "curves", "--root", str(partial), "--out", str(partial / "curves")]
    subprocess.run(curves, cwd=ROOT, check=True)  # the grid makes them while it runs
    partial.rename(folder)


def reports(folder, out):
    """The commands that make every report."""
    store = ["--store", str(folder / "results")]
    yield ["table1", *store, "--out", str(out / "tables")]
    yield ["table2", *store, "--out", str(out / "tables")]
    yield ["figures", "--store", str(folder), "--out", str(out / "figures")]
    yield ["cards", *store, "--out", str(out / "cards")]
    yield ["audit", "--out", str(out / "audit")]
    statements = ["--curves", str(out / "figures" / "figure_statements.csv")]
    yield ["ledger", *store, "--audit", str(out / "audit" / "audit.json"), *statements, "--out", str(out / "audit")]
    artefacts = ["--artefacts", str(out), str(out / "audit")]
    yield ["site", *store, "--run", str(folder), *artefacts, "--out", str(out / "site")]


def measured(command):
    """Processor seconds and peak memory of one report in MB."""
    child = (
        "import json, resource, sys; from reports.__main__ import main; status = main(sys.argv[1:]);"
        "used = resource.getrusage(resource.RUSAGE_SELF);"
        "print(json.dumps([status, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024]))"
    )
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", child, *command], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    status, seconds, memory = json.loads(done.stdout.splitlines()[-1])
    assert status == 0, done.stderr
    return {"report": command[0], "seconds": round(seconds, 1), "peak_mb": round(memory)}


def main(folder):
    """Make what is missing, measure every report."""
    if not folder.exists():
        make(folder)
    with tempfile.TemporaryDirectory() as out:
        found = [measured(command) for command in reports(folder, Path(out))]
    return {
        "reports": found,
        "seconds": round(sum(one["seconds"] for one in found), 1),
        "peak_mb": max(one["peak_mb"] for one in found),
    }


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1])), indent=1))
