"""The light core: in a process where the packages of the extras cannot be imported, it imports and its commands run."""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from anatomy_r1.cli.main import main
from anatomy_r1.data.prepared import write
from anatomy_r1.errors import EXTRAS, missing_extra
from tests.helpers.made_logs import write_log
from tests.helpers.small_set import questions, write_set

ROOT = Path(__file__).resolve().parents[1]
CELLS = ROOT / "results" / "mini" / "store" / "sgg_anatomy_mini" / "mini-l"
EXTRA = {package: extra for extra, packages in EXTRAS.items() for package in packages}
BLOCK = f"""
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {sorted(EXTRA)!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Absent())
"""
"""Makes a process one in which no extra is installed."""
WALK = """
import importlib, json, pkgutil
found = {}
for root in ("anatomy_r1", "reports"):
    for module in pkgutil.walk_packages(importlib.import_module(root).__path__, root + "."):
        if not module.name.endswith("__main__"):
            try:
                importlib.import_module(module.name)
            except ModuleNotFoundError as error:
                found[module.name] = error.name.partition(".")[0]
print(json.dumps(found))
"""
HEAVY = {
    "anatomy_r1.evaluation.engines.engine": "eval",
    "anatomy_r1.evaluation.engines.server_client": "eval",
    "anatomy_r1.evaluation.engines.server_engine": "eval",
    "anatomy_r1.evaluation.engines.server_errors": "eval",
    "anatomy_r1.evaluation.engines.server_messages": "eval",
    "anatomy_r1.evaluation.engines.server_observed": "eval",
    "anatomy_r1.evaluation.engines.server_probe": "eval",
    "anatomy_r1.evaluation.engines.transformers_engine": "eval",
    "anatomy_r1.evaluation.engines.vllm_engine": "eval",
    "anatomy_r1.evaluation.evaluate": "eval",
    "anatomy_r1.evaluation.lm_eval_task": "eval",
    "anatomy_r1.mini.losses": "eval",
    "anatomy_r1.mini.packing": "eval",
    "anatomy_r1.mini.phases": "eval",
    "anatomy_r1.mini.student": "eval",
    "reports.figures.doses": "figures",
    "reports.figures.draw": "figures",
    "reports.figures.figure2_samples": "figures",
    "reports.figures.figures": "figures",
    "reports.figures.forest": "figures",
    "reports.figures.shortcuts": "figures",
    "reports.site.build": "figures",
    "reports.site.overview": "figures",
}
"""The only modules that may need an extra to be imported; every other one, and every new one, is light."""


def light(code, *arguments):
    """Run `code` in such a process."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-c", BLOCK + code, *arguments],
        capture_output=True, text=True, check=False, cwd=ROOT, env=environment,
    )  # fmt: skip


def test_only_the_modules_listed_here_need_an_extra():
    done = light(WALK)
    assert done.returncode == 0, done.stderr
    assert {name: EXTRA[package] for name, package in json.loads(done.stdout).items()} == HEAVY


@pytest.mark.slow
def test_score_submit_compare_and_regress_run_without_the_extras(tmp_path):
    """One process for all four: each would import pandas and SciPy again."""
    data, log, store = write_set(tmp_path), tmp_path / "log.sqlite", tmp_path / "store"
    write_log(log, data, "w0", lambda index, repeat: index % 2 == 0)
    grpo, asked = CELLS / "grpo" / "matched", questions(24)
    sides, source = {"train": asked[:12], "test": asked[12:]}, {"benchmark": "sgg_anatomy_mini", "generated": True}
    write(tmp_path / "both", sides, tmp_path / "images", {**source, "seed": 0})
    commands = [
        ["score", log, "--data", data],
        ["submit", log, "--data", data, "--store", store, "--model", "m", "--method", "ours"],
        ["compare", CELLS / "zero-shot" / "matched", grpo],
        ["regress", grpo, "--mode", "training", "--record", tmp_path / "reference.json"],
        ["regress", grpo, "--mode", "training", "--against", tmp_path / "reference.json"],
        ["data", "leakage", "--data", tmp_path / "both"],
    ]
    code = "import json; from anatomy_r1.cli.main import main\n"
    code += "statuses = [main(words) for words in json.loads(sys.argv[1])]\nprint('STATUSES', statuses)"
    done = light(code, json.dumps([[str(word) for word in words] for words in commands]))
    assert done.stdout.rstrip().endswith("STATUSES [0, 0, 0, 0, 0, 0]"), done.stdout[-2000:] + done.stderr[-3000:]
    assert "mini-l/grpo/matched" in done.stdout
    assert (store / "sgg_anatomy_mini" / "m" / "ours" / "submitted" / "seed0.json").is_file()


def test_evaluate_without_its_extra_says_which_one(tmp_path):
    words = ["evaluate", "sgg_anatomy_mini", "--data", "d", "--model", "m", "--log", str(tmp_path / "log.sqlite")]
    done = light("from anatomy_r1.cli.main import main; sys.exit(main(sys.argv[1:]))", *words)
    assert done.returncode == 2
    assert done.stderr.startswith("error: `evaluate` needs the extra `eval`")
    assert "Fix: pip install 'anatomy-r1[eval]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_package_of_no_extra_is_a_defect():
    assert missing_extra(ModuleNotFoundError(name="nowhere.inside")) is None
    assert "`train`" in str(missing_extra(ModuleNotFoundError(name="trl.trainer")))


def test_a_defect_keeps_its_traceback(monkeypatch):
    monkeypatch.setitem(sys.modules, "anatomy_r1.scoring.score", None)
    with pytest.raises(ModuleNotFoundError):
        main(["score", "log", "--data", "d"])


def test_the_table_of_extras_names_extras_that_exist():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert set(EXTRAS) <= set(project["optional-dependencies"])
    core = {re.split(r"[<>=!~]", line)[0].replace("-", "_") for line in project["dependencies"]}
    assert not core & set(EXTRA)
