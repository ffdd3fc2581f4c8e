"""The literal `lm-eval --tasks ...` once the wheel is installed, with lm-eval's own backend and an untrained model."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from tests.helpers.small_set import write_set

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    """Interpreter of an environment with the wheel, and everything else as here.

    The wheel must lie in the same site-packages as lm-eval, so that folder is rebuilt from links.
    """
    folder = tmp_path_factory.mktemp("wheel")
    built = subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "-q", str(ROOT), "--no-deps", "-w", str(folder)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if built.returncode and "No matching distribution found for hatchling" in built.stderr:
        pytest.skip("the build backend cannot be fetched here")
    assert built.returncode == 0, built.stderr
    venv.create(folder / "env")
    site = next((folder / "env" / "lib").glob("python*/site-packages"))
    _link(Path(sysconfig.get_path("purelib")), site)
    _link(Path(sysconfig.get_path("platlib")), site)
    wheel = next(folder.glob("*.whl"))
    shutil.unpack_archive(wheel, site, "zip")
    return folder / "env" / "bin" / "python"


def _link(packages, site):
    for path in packages.iterdir():
        if path.name == "lm_eval" and not (site / path.name).exists():
            shutil.copytree(path, site / path.name, copy_function=os.symlink)
        elif not path.name.startswith(("anatomy_r1", "__pycache__", "_anatomy_r1")) and not (site / path.name).exists():
            (site / path.name).symlink_to(path)


def lm_eval(python, model_folder, data, task, *more):
    command = [
        python, "-m", "lm_eval", "--tasks", task, "--model", "hf-multimodal", "--model_args",
        f"pretrained={model_folder}", "--device", "cpu", "--batch_size", "6", "--limit", "2",
        "--gen_kwargs", "max_gen_toks=4", "--metadata", f"data={data}", *more,
    ]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": ""}
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=model_folder, env=environment)


def test_stock_backend_runs_the_task_by_its_name(python, model_folder, data, tmp_path):
    options = ["--apply_chat_template", "--output_path", str(tmp_path)]
    done = lm_eval(python, model_folder, data, "sgg_anatomy_mini", *options)
    assert done.returncode == 0, done.stderr[-3000:]
    (path,) = tmp_path.rglob("results_*.json")
    report = json.loads(path.read_text())
    assert report["n-samples"]["sgg_anatomy_mini"]["effective"] == 2
    found = report["results"]["sgg_anatomy_mini"]
    assert {f"{name},letter" for name in ("avg@5", "pass@1", "major@5", "greedy", "parse_rate")} <= set(found)


def test_the_balanced_task_by_its_name(python, model_folder, tmp_path):
    write_set(tmp_path / "data", benchmark="omnimed_mi_balanced_mini")
    options = ["--apply_chat_template", "--output_path", str(tmp_path / "out")]
    done = lm_eval(python, model_folder, tmp_path / "data", "omnimed_mi_balanced_mini", *options)
    assert done.returncode == 0, done.stderr[-3000:]
    (path,) = (tmp_path / "out").rglob("results_*.json")
    assert json.loads(path.read_text())["n-samples"]["omnimed_mi_balanced_mini"]["effective"] == 2


def test_without_chat_template_it_fails_and_says_so(python, model_folder, data):
    done = lm_eval(python, model_folder, data, "sgg_anatomy_mini")
    assert done.returncode != 0
    assert "Fix: add --apply_chat_template" in done.stderr


def test_a_mini_set_under_the_real_name_fails_and_says_so(python, model_folder, data):
    done = lm_eval(python, model_folder, data / "sgg_anatomy_mini", "sgg_anatomy", "--apply_chat_template")
    assert done.returncode != 0
    assert "holds generated data of sgg_anatomy_mini, not sgg_anatomy" in done.stderr


def test_our_own_command_finds_the_tasks_in_the_wheel(python, tmp_path):
    done = subprocess.run(
        [python, "-m", "anatomy_r1.cli", "tasks", "install"], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert "the tasks are installed already" in done.stdout, done.stderr
