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
from baselines.experiment.profile import PROFILES

pytestmark = pytest.mark.slow

CELL = "sgg_anatomy_mini/mini-l/grpo/seed0"


@pytest.fixture(scope="module")
def profile(tmp_path_factory):
    """The smoke profile with a GRPO cell long enough to be killed in the middle."""
    raw = yaml.safe_load((PROFILES / "smoke.yaml").read_text())
    raw["training"]["rl"] |= {"max_steps": 12, "own_steps": 12}
    path = tmp_path_factory.mktemp("profile") / "smoke.yaml"
    path.write_text(yaml.safe_dump(raw))
    return path


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


def test_kill_9_in_the_middle_of_training(profile, tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    subprocess.run(command(profile, whole), cwd=ROOT, check=True)
    killed.mkdir()
    process = start(profile, killed)
    kill_when(process, lambda: steps_logged(killed) >= 5)
    subprocess.run(command(profile, killed), cwd=ROOT, check=True)
    expected, found = outcome(whole), outcome(killed)
    assert found[:3] == expected[:3]
    assert expected[3] == ["start", "end"]
    assert found[3] == ["start", "resume", "end"]
    before = {
        path: path.stat().st_mtime_ns for path in killed.rglob("*") if path.suffix in (".safetensors", ".parquet")
    }
    done = subprocess.run(command(profile, killed), cwd=ROOT, check=True, capture_output=True, text=True)
    assert "grid done" in done.stderr
    assert before
    assert all(path.stat().st_mtime_ns == written for path, written in before.items())


def test_killed_repeatedly_it_ends_with_the_table_of_an_uninterrupted_run(profile, tmp_path):
    """Six times in one run of two methods, at random moments from the first stage to the last evaluation."""
    from reports.write import table_files

    rng, whole, killed = random.Random(0), tmp_path / "whole", tmp_path / "killed"
    subprocess.run(command(profile, whole, "sft"), cwd=ROOT, check=True)
    for count in sorted(rng.sample(range(events(whole) - 1), 6)):

        def moment(count=count):
            if come := events(killed) >= count:
                time.sleep(rng.uniform(0, 0.5))
            return come

        kill_when(start(profile, killed, "sft"), moment)
    subprocess.run(command(profile, killed, "sft"), cwd=ROOT, check=True)
    assert outcome(killed)[:3] == outcome(whole)[:3]
    assert table_files("table1", killed / "smoke" / "results") == table_files("table1", whole / "smoke" / "results")


BROKEN = """
from baselines.methods.sft import SFT
from baselines.trainers import OrderedSFTTrainer


class Broken(OrderedSFTTrainer):
    def __init__(self, *arguments, **named):
        raise ValueError("as no plan can know")


METHODS = (SFT.but("broken", "Broken", trainer=f"{__name__}.Broken"),)
"""


def test_a_failed_cell_is_named_with_reason_and_log_and_the_others_finish(profile, tmp_path):
    broken = tmp_path / "broken.py"
    broken.write_text(BROKEN)
    words = [*command(profile, tmp_path, "zero-shot"), "--method-file", str(broken)]
    done = subprocess.run(words, cwd=ROOT, check=False, capture_output=True, text=True)
    assert done.returncode == 1
    named = "FAILED train sgg_anatomy_mini/mini-l/broken/seed0: "
    reason = next(line.removeprefix(named) for line in done.stderr.splitlines() if line.startswith(named))
    assert reason == "ValueError: as no plan can know"
    log = next(line.split("log: ")[1] for line in done.stderr.splitlines() if "log: " in line)
    assert reason in (ROOT / log).read_text()
    store = tmp_path / "smoke" / "results" / "sgg_anatomy_mini" / "mini-l"
    assert {path.name for path in store.iterdir()} == {"grpo", "zero-shot"}


def test_two_grids_on_one_folder_do_not_mix(profile, tmp_path):
    process = start(profile, tmp_path)
    try:
        deadline = time.monotonic() + 60
        while not (tmp_path / "smoke" / "snakemake.log").exists():
            assert time.monotonic() < deadline
            time.sleep(0.1)
        second = subprocess.run(command(profile, tmp_path), cwd=ROOT, check=False, capture_output=True, text=True)
        assert second.returncode == 2
        assert "another grid runs in" in second.stderr
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def test_the_log_path_of_a_stage_is_below_the_runs_folder():
    from baselines.experiment.cell import Layout

    assert Layout(Path("r")).log("train", CELL) == Path("r/logs/train") / f"{CELL}.log"
