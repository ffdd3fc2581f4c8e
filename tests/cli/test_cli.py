"""The command: help, errors without traceback, evaluate and score end to end."""

import json
import subprocess
import sys

import pytest

from anatomy_r1.cli.main import main

COMMANDS = [
    (), ("data",), ("data", "mini"), ("data", "prepare"), ("data", "prepare", "sgg"), ("data", "check"), ("tasks",),
    ("tasks", "list"), ("tasks", "install"), ("tasks", "uninstall"), ("evaluate",), ("score",), ("compare",),
    ("regress",), ("certify",), ("submit",), ("export",), ("export", "every-eval-ever"), ("export", "hub"),
    ("export", "inspect"), ("export", "croissant"), ("log",), ("log", "salvage"), ("log", "merge"), ("similarity",),
    ("similarity", "make"), ("similarity", "convert"), ("similarity", "show"),
]  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_help_has_an_example(command, capsys):
    with pytest.raises(SystemExit) as done:
        main([*command, "--help"])
    assert done.value.code == 0
    assert "anatomy-r1 " + " ".join(command) in capsys.readouterr().out.partition("example")[2]


def test_help_imports_nothing_heavy():
    code = "import sys; from anatomy_r1.cli.main import main\ntry: main(['--help'])\nexcept SystemExit: pass\n"
    code += "assert not {'torch', 'transformers', 'lm_eval', 'pandas', 'numpy', 'pyarrow'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_an_error_says_the_cure_and_shows_no_traceback(tmp_path, capsys):
    assert main(["score", str(tmp_path / "none"), "--data", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert "Fix: " in error
    assert "Traceback" not in error


def test_evaluate_then_score(data, model_folder, tmp_path, capsys):
    log = str(tmp_path / "log")
    arguments = ["--data", str(data), "--model", str(model_folder), "--log", log, "--max-new-tokens", "4"]
    assert main(["evaluate", "sgg_anatomy_mini", *arguments, "--limit", "3", "--images", "none"]) == 0
    assert "18 responses generated" in capsys.readouterr().out
    assert main(["score", log, "--data", str(data), "--json", "--parquet", str(tmp_path / "log.parquet")]) == 0
    scored = json.loads(capsys.readouterr().out)
    assert scored["overall"]["n"] == 3
    assert sum(scored["reasons"].values()) == 15
    assert (tmp_path / "log.parquet").is_file()
    assert main(["score", log, "--data", str(data)]) == 0
    assert "truncation_rate" in capsys.readouterr().out


def test_unknown_task_lists_the_known(data, model_folder, tmp_path, capsys):
    arguments = ["--data", str(data), "--model", str(model_folder), "--log", str(tmp_path / "log")]
    assert main(["evaluate", "sgg", *arguments]) == 2
    assert "sgg_anatomy_mini" in capsys.readouterr().err
