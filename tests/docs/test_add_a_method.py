"""docs/add-a-method.md, followed word for word in a fresh clone: its file is written, its commands are run."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
OWN = ["grpo-brief", "grpo-free", "grpo-gentle"]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """What someone else would get of the present commit."""
    folder = tmp_path_factory.mktemp("fresh") / "anatomy-r1"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder)], check=True)
    return folder


@pytest.fixture(scope="module")
def done(clone):
    """The clone, and what each command printed."""
    if shutil.which("tox") is None:
        pytest.skip("no tox here, by which the document runs its first command")
    blocks = BLOCK.findall((clone / "docs" / "add-a-method.md").read_text(encoding="utf-8"))
    for kind, text in blocks:
        if kind == "python":
            (clone / text.splitlines()[0].removeprefix("# ")).write_text(text, encoding="utf-8")
    return clone, [run(clone, text) for kind, text in blocks if kind == "sh"]


def run(clone, command):
    """In the clone, with this environment for its own; none of what a tox around this test has set."""
    kept = {
        k: v for k, v in os.environ.items() if not k.startswith(("TOX", "PYTEST", "COV", "VIRTUAL_ENV", "PYTHONPATH"))
    }
    path = f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}"
    environment = {**kept, "ANATOMY_R1_PYTHON": sys.executable, "PATH": path}
    done = subprocess.run(
        ["bash", "-e", "-c", command], cwd=clone, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


def test_the_command_prints_the_table_with_the_new_rows_below_the_paper_s_ten(done):
    _, (printed, *_) = done
    table = printed.partition("Table 1. Performance")[2]
    rows = [line.split()[0] for line in table.splitlines() if re.match(r"  \S", line)]
    assert rows[9:13] == ["GRPO-GDQA", *OWN]
    assert "rollout tokens" in printed


def test_and_the_comparison_of_each_with_every_baseline(done):
    clone, (printed, *_) = done
    for own in OWN:
        assert f"{own} against every other method" in printed
        found = json.loads((clone / "runs/smoke/reports" / f"{own}.json").read_text())
        pairs = {(one["baseline"].split("/")[2], one["other"].split("/")[2]) for one in found["comparisons"]}
        assert pairs == {(other, own) for other in ("zero-shot", "grpo", *OWN) if other != own}
        assert {one["test"]["verdict"] for one in found["comparisons"]} == {"underpowered"}
        assert all(one["test"]["p"] >= one["test"]["floor"] for one in found["comparisons"])


def test_the_comparison_can_be_had_again_and_a_plan_runs_nothing(done):
    _, (_, again, plan) = done
    assert "grpo-brief" in again
    assert "done   train     sgg_anatomy_mini/mini-l/grpo-gentle/seed0" in plan


def test_the_methods_were_what_the_file_says(done):
    """Their own reward and weights reached the training, and the trainer of the file trained."""
    import hashlib

    from anatomy_r1.training.training_log import read

    clone, _ = done
    train = clone / "runs/smoke/train/sgg_anatomy_mini/mini-l"
    sha256 = hashlib.sha256((clone / "my_method.py").read_bytes()).hexdigest()
    plans = {own: json.loads((train / own / "seed0" / "training.json").read_text())["plan"] for own in OWN}
    assert {plan["method"]["file_sha256"] for plan in plans.values()} == {sha256}
    assert plans["grpo-gentle"]["method"]["trainer"].endswith(".GentleTrainer")
    assert plans["grpo-free"]["arguments"]["beta"] == 0.0
    log = read(train / "grpo-brief" / "seed0" / "training_log.sqlite", "rollouts")
    known = log[log["completion"].notna()]
    expected = (1 - known["completion"].str.len() / 400).clip(lower=0)
    assert known["reward_brevity_reward"].to_numpy() == pytest.approx(expected.to_numpy())
    assert expected.nunique() > 1
    result = clone / "runs/smoke/results/sgg_anatomy_mini/mini-l/grpo-free/matched/seed0.json"
    assert json.loads(result.read_text())["provenance"]["method"]["file_sha256"] == sha256
