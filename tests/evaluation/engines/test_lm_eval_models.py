"""Our engines as models of lm-eval's command: the entry points, the arguments, and the command itself."""

import json
import os
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.evaluation.engines.lm_eval_models import LM_EVAL_NAMES, arguments_of, register
from anatomy_r1.response_log.log import ResponseLog

ROOT = Path(__file__).resolve().parents[3]


class Engine:
    def __init__(self, pretrained, *, log, batch_size=16, device=None):
        """What `arguments_of` is to fit."""


def test_the_entry_points_are_the_engines():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["lm_eval.models"] == LM_EVAL_NAMES


@pytest.mark.parametrize("name", ["anatomy-transformers", "anatomy-server"])
def test_lm_eval_finds_the_class_by_its_name(name):
    from lm_eval.api.registry import get_model

    register()
    module, _, attribute = LM_EVAL_NAMES[name].partition(":")
    assert get_model(name) is getattr(import_module(module), attribute)
    assert get_model("hf-multimodal"), "lm-eval's own models are there too"


def test_the_log_is_opened_and_lm_evals_own_arguments_are_sorted(tmp_path):
    stated = {"pretrained": "m", "log": str(tmp_path / "log.sqlite")}
    added = {"batch_size": "8", "max_batch_size": 64, "device": None}
    found = arguments_of(Engine, stated, added)
    with found.pop("log") as log:
        assert isinstance(log, ResponseLog)
    assert found == {"pretrained": "m", "batch_size": 8}
    with arguments_of(Engine, stated, {"device": "cuda:0"}).pop("log"):
        """lm-eval's default, also without a GPU."""
    assert "device" not in arguments_of(Engine, {**stated, "log": log}, {"device": "cuda:0"})
    assert arguments_of(Engine, {**stated, "log": log}, {"device": "cpu"})["device"] == "cpu"


@pytest.mark.parametrize(
    ("stated", "added", "word"),
    [
        ({"pretrained": "m"}, {}, "log=log.sqlite"),
        ({"log": "l"}, {}, "pretrained=MODEL"),
        ({"pretrained": "m", "log": "l", "quant": 4}, {}, "quant: unknown"),
        ({"pretrained": "m", "log": "l"}, {"batch_size": "auto"}, "--batch_size 16"),
    ],
    ids=["no log", "no model", "unknown argument", "no whole number"],
)
def test_arguments_that_do_not_fit_say_what_to_type(stated, added, word, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(AnatomyR1Error, match="Fix: ") as error:
        arguments_of(Engine, stated, added)
    assert word in str(error.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow  # lm-eval's command reads all its own tasks first
def test_the_command_runs_and_resumes_from_its_log(model_folder, data, tmp_path):
    command = [
        sys.executable, "-m", "anatomy_r1.evaluation.engines.lm_eval_models", "run", "--model", "anatomy-transformers",
        "--model_args", f"pretrained={model_folder},log={tmp_path / 'log.sqlite'}", "--tasks", "sgg_anatomy_mini",
        "--include_path", str(ROOT / "tasks"), "--metadata", f"data={data}", "--apply_chat_template",
        "--gen_kwargs", "max_gen_toks=3", "--limit", "2", "--output_path", str(tmp_path / "out"),
    ]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    with ResponseLog(tmp_path / "log.sqlite", read_only=True) as log:
        assert len(list(log.rows())) == 12
    (report,) = (tmp_path / "out").rglob("results_*.json")
    assert "avg@5,letter" in json.loads(report.read_text())["results"]["sgg_anatomy_mini"]
