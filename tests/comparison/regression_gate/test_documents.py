"""docs/ci.md, word for word: its commands in a fresh clone, what it says they print, and its workflow."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from anatomy_r1.comparison.regression_gate.judge import Noise, tolerance

ROOT = Path(__file__).resolve().parents[3]
TEXT = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")


def blocks(kind):
    return re.findall(rf"^```{kind}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


def table(*cells):
    """The cells after `cells` in a row of a table."""
    row = re.search(rf"^\| {re.escape(' | '.join(cells))} \|((?: [0-9., ]+ \|)+)$", TEXT, re.MULTILINE)
    return [[float(number) for number in cell.split(",")] for cell in row.group(1).strip("|").split("|")]


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """A fresh clone of what is committed, with what is not on top, and the environment that a reader would have."""
    root = tmp_path_factory.mktemp("clone") / "anatomy-r1"
    subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", str(ROOT), str(root)], check=True)
    listed = ["git", "-C", str(ROOT), "ls-files", "--modified", "--others", "--exclude-standard", "-z"]
    for name in filter(None, subprocess.run(listed, capture_output=True, text=True, check=True).stdout.split("\0")):
        if (ROOT / name).is_file():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes((ROOT / name).read_bytes())
    return root


@pytest.fixture(scope="module")
def shell(clone, tmp_path_factory):
    """Runs a block as a reader would, in the clone; `anatomy-r1` and `python` are the clone's."""
    commands = tmp_path_factory.mktemp("bin")
    for name, start in (("python", ""), ("anatomy-r1", "-m anatomy_r1.cli")):
        (commands / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {start} "$@"\n')
        (commands / name).chmod(0o755)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GITHUB_", "COV"))}
    kept |= {"PATH": f"{commands}{os.pathsep}{kept['PATH']}", "PYTHONPATH": str(clone), "OMP_NUM_THREADS": "1"}

    def run(text, **more):
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", text], cwd=clone, env=kept | more, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{text}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
        return done.stdout

    return run


@pytest.mark.slow
def test_the_commands_run_in_a_fresh_clone_and_print_what_the_page_says(shell, clone):
    commands, outputs = blocks("sh"), blocks("text")
    assert (len(commands), len(outputs)) == (4, 2)
    for command, output in zip(commands[:2], outputs, strict=True):
        printed = shell(command)
        for line in output.splitlines():
            assert line in printed.splitlines()
    assert re.search(r"cot-sft|responses: 3 runs of 24 questions", shell(commands[2]))
    assert "PASS, BUT UNDERPOWERED" in shell(commands[3])
    assert {"reference.json", "junit.xml", "gate.html"} <= {path.name for path in clone.iterdir()}
    _run_the_workflow(shell, clone)


def _run_the_workflow(shell, clone):
    """The second job's own steps, over the toy model, with what GitHub sets."""
    job = yaml.safe_load(blocks("yaml")[0])["jobs"]["model"]
    toy = {"TASK": "sgg_anatomy_mini", "DATA": "runs/smoke/data", "MAX_NEW_TOKENS": "24"}
    toy |= {"MODEL": "runs/smoke/train/sgg_anatomy_mini/mini-l/cot-sft/seed0"}
    assert set(toy) == set(job["env"])
    (clone / "junit.xml").unlink()
    steps = [step["run"] for step in job["steps"] if "anatomy-r1" in step.get("run", "")]
    assert len(steps) == 2
    runner = {"GITHUB_RUN_NUMBER": "41", "GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(clone / "summary.md")}
    printed = [shell(step, **toy, **runner) for step in steps]
    assert "::warning title=anatomy-r1 regress%3A underpowered::" in printed[1]
    assert (clone / "junit.xml").is_file()
    # The toy model leaves most of its responses unread, which is named before the verdict
    assert (clone / "summary.md").read_text().startswith("# Regression gate: UNFIT (reference and fresh): PASS")


def test_the_workflow_is_valid_for_github():
    (text,) = blocks("yaml")
    workflow = yaml.safe_load(text)
    assert set(workflow) == {"name", True, "permissions", "jobs"}, "YAML 1.1 takes `on` for true, as GitHub does not"
    for job in workflow["jobs"].values():
        assert {"runs-on", "steps"} <= set(job)
        for step in job["steps"]:
            assert ("uses" in step) != ("run" in step)
    assert "pull_request" not in workflow[True]
    tox = [step["run"] for step in workflow["jobs"]["mini"]["steps"] if step.get("run", "").startswith("tox")]
    assert tox == ["tox -e regress -- --junit junit.xml"]
    python = workflow["jobs"]["mini"]["steps"][1]["with"]["python-version"]
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"].startswith(f">={python}")


@pytest.mark.parametrize("questions", [100, 300, 600, 1000, 3000])
def test_the_table_of_sampling_agrees_with_the_rule(questions):
    for runs, written in zip((1, 3, 5), table(f"{questions:,}"), strict=True):
        measured = Noise(0.03 / questions, None, runs, 1 / (5 * questions))
        found = tolerance(measured, fresh=1, mode="sampling", judged=1)
        assert [round(100 * found.limit, 1), round(100 * found.detectable, 1)] == written


@pytest.mark.parametrize(("runs", "fresh"), [(2, 1), (3, 1), (3, 3), (5, 1), (5, 3), (8, 3)])
def test_the_table_of_training_agrees_with_the_rule(runs, fresh):
    found = tolerance(Noise(None, 0.01**2, runs, 1 / 3000), fresh=fresh, mode="training", judged=1)
    written = [cell[0] for cell in table(str(runs), str(fresh))]
    assert [round(100 * found.limit, 1), round(100 * found.detectable, 1)] == written
