"""The grid through its command line: killed and restarted, it ends as if it had never been interrupted."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
import yaml

from anatomy_r1.provenance import ROOT
from anatomy_r1.training.training_log import read
from tests.helpers.smoke import smoke_content

pytestmark = pytest.mark.slow

CELL = "sgg_anatomy_mini/mini-l/grpo/seed0"


BROKEN = """
from baselines.methods.sft import SFT
from baselines.trainers import OrderedSFTTrainer


class Broken(OrderedSFTTrainer):
    def __init__(self, *arguments, **named):
        raise ValueError("as no plan can know")


METHODS = (SFT.but("broken", "Broken", trainer=f"{__name__}.Broken"),)
"""


@pytest.fixture(scope="module")
def profile(tmp_path_factory):
    """The smoke profile with a GRPO cell long enough to be killed in the middle."""
    raw = smoke_content()
    raw["training"]["rl"] |= {"max_steps": 8, "own_steps": 8}
    path = tmp_path_factory.mktemp("profile") / "smoke.yaml"
    path.write_text(yaml.safe_dump(raw))
    return path


@pytest.fixture(scope="module")
def uninterrupted(profile, tmp_path_factory):
    """Runs of GRPO, of SFT and of a method that fails, once and never killed; and how their grid ended."""
    runs = tmp_path_factory.mktemp("uninterrupted")
    (runs / "broken.py").write_text(BROKEN)
    words = [*command(profile, runs, "sft"), "--method-file", str(runs / "broken.py")]
    return runs, subprocess.run(words, cwd=ROOT, check=False, capture_output=True, text=True)


def command(profile, runs, *more):
    words = ["run", "--profile", str(profile), "--runs", str(runs), "--benchmarks", "sgg_anatomy_mini"]
    return [sys.executable, "-m", "baselines", *words, "--methods", "grpo", *more]


def start(profile, runs, *more):
    return subprocess.Popen(command(profile, runs, *more), cwd=ROOT, start_new_session=True, stderr=subprocess.DEVNULL)


def _logs(root):
    """Logs of unfinished and finished trainings; a folder that is being replaced cannot be walked."""
    return [log for where in ("work", "train") for log in (root / where).glob("**/training_log.sqlite")]


def steps_logged(runs):
    return sum(steps_in(log) for log in _logs(runs / "smoke"))


def steps_in(log):
    try:
        with closing(sqlite3.connect(f"file:{log}?mode=ro", uri=True)) as db:
            return db.execute("SELECT COUNT(*) FROM steps").fetchone()[0]
    except sqlite3.OperationalError:
        return 0


def events(runs):
    """How far a grid is: stages done and training steps logged."""
    outputs = ("world/world.json", "data/*/manifest.json", "models/*/config.json", "train/**/training.json")
    root = runs / "smoke"
    try:
        return steps_logged(runs) + sum(len(list(root.glob(one))) for one in (*outputs, "results/**/*.json"))
    except FileNotFoundError:  # a folder was renamed or removed while it was being looked through
        return 0


def kill_when(process, condition, deadline=600):
    until = time.monotonic() + deadline
    while not condition():
        assert process.poll() is None, "the grid ended before it could be killed"
        assert time.monotonic() < until, "the condition was never met"
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL


def outcome(runs):
    root = runs / "smoke"
    weights = (root / "train" / CELL / "model.safetensors").read_bytes()
    table = (root / "results" / CELL).parent / "matched" / "seed0.parquet"
    log = root / "train" / CELL / "training_log.sqlite"
    return weights, table.read_bytes(), read(log, "rollouts").to_csv(), read(log, "events")["kind"].tolist()


def test_kill_9_in_the_middle_of_training(profile, uninterrupted, tmp_path):
    process = start(profile, tmp_path)
    kill_when(process, lambda: steps_logged(tmp_path) >= 4)
    subprocess.run(command(profile, tmp_path), cwd=ROOT, check=True)
    expected, found = outcome(uninterrupted[0]), outcome(tmp_path)
    assert found[:3] == expected[:3]
    assert expected[3] == ["start", "end"]
    assert found[3] == ["start", "resume", "end"]
    before = {
        path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.suffix in (".safetensors", ".parquet")
    }
    done = subprocess.run(command(profile, tmp_path), cwd=ROOT, check=True, capture_output=True, text=True)
    assert "grid done" in done.stderr
    assert before
    assert all(path.stat().st_mtime_ns == written for path, written in before.items())


def test_killed_repeatedly_it_ends_with_the_table_of_an_uninterrupted_run(profile, uninterrupted, tmp_path):
    """Once in each quarter of a run of two methods, from the first stage to the last evaluation, at random moments."""
    from reports.write import table_files

    rng, (whole, _) = random.Random(0), uninterrupted
    last = events(whole) - 1
    for quarter in range(4):
        count = rng.randrange(max(1, quarter * last // 4), (quarter + 1) * last // 4)

        def moment(count=count):
            if come := events(tmp_path) >= count:
                time.sleep(rng.uniform(0, 0.5))
            return come

        kill_when(start(profile, tmp_path, "sft"), moment)
    subprocess.run(command(profile, tmp_path, "sft"), cwd=ROOT, check=True)
    assert outcome(tmp_path)[:3] == outcome(whole)[:3]
    assert table_files("table1", tmp_path / "smoke" / "results") == table_files("table1", whole / "smoke" / "results")


def test_a_failed_cell_is_named_with_reason_and_log_and_the_others_finish(uninterrupted):
    runs, done = uninterrupted
    assert done.returncode == 1
    named = "FAILED train sgg_anatomy_mini/mini-l/broken/seed0: "
    reason = next(line.removeprefix(named) for line in done.stderr.splitlines() if line.startswith(named))
    assert reason == "ValueError: as no plan can know"
    log = next(line.split("log: ")[1] for line in done.stderr.splitlines() if "log: " in line)
    assert reason in (ROOT / log).read_text()
    store = runs / "smoke" / "results" / "sgg_anatomy_mini" / "mini-l"
    assert {path.name for path in store.iterdir()} == {"grpo", "sft"}


def test_two_grids_on_one_folder_do_not_mix(profile, tmp_path, capsys):
    """The first one has a process of its own, and with it its lock; the second command is refused in this process."""
    from baselines.__main__ import main

    process = start(profile, tmp_path)
    try:
        deadline = time.monotonic() + 60
        while not (tmp_path / "smoke" / "snakemake.log").exists():
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert main(command(profile, tmp_path)[3:]) == 2
        assert "another grid runs in" in capsys.readouterr().err
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def test_the_log_path_of_a_stage_is_below_the_runs_folder():
    from baselines.experiment.cell import Layout

    assert Layout(Path("r")).log("train", CELL) == Path("r/logs/train") / f"{CELL}.log"
