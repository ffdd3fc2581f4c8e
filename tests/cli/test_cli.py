"""The command: help, errors without traceback, evaluate and score end to end."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from anatomy_r1.cli.main import EXAMPLE, main
from anatomy_r1.cli.next_command import next_line
from anatomy_r1.errors import AnatomyR1Error

ROOT = Path(__file__).resolve().parents[2]

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


def test_a_command_without_its_own_command_prints_its_help(capsys):
    for words in ([], ["data"], ["data", "prepare"], ["log"]):
        assert main(words) == 2
        error = capsys.readouterr().err
        assert "example" in error
        assert error.rstrip().endswith(("name a COMMAND", "name a SOURCE"))


@pytest.mark.parametrize("words", [["scores"], ["score"], ["compare"], ["evaluate", "x", "--shard", "5"]], ids=" ".join)
def test_a_wrong_command_line_is_answered_by_an_example(words, capsys):
    with pytest.raises(SystemExit) as done:
        main(words)
    assert done.value.code == 2
    error = capsys.readouterr().err
    assert ": error: " in error
    assert "example" in error
    assert len(error.splitlines()) < 25


STORE = Path("results/mini/store")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (
            ["compare", "grpo", "dapo"],
            f"Fix: anatomy-r1 compare {STORE}/sgg_anatomy_mini/mini-l/grpo/matched "
            f"{STORE}/sgg_anatomy_mini/mini-l/dapo/matched",
        ),
        (["compare", "grpo", "results/demo"], f"are {STORE}/*/mini-l/grpo/matched"),
        (["compare", "grppo", "dapo"], "methods there: cot-sft, cot-sft-grpo,"),
        (["compare", f"{STORE}/sgg_anatomy_mini/mini-l/grppo"], "holds control-majority,"),
        (["score", str(STORE), "--data", "d"], "results of a store are for `anatomy-r1 compare`"),
        (["score", "results/mini/table1.csv", "--data", "d"], "name a file that `anatomy-r1 evaluate` wrote"),
        (["submit", "none", "--data", "d", "--store", "s", "--model", "m", "--method", "o"], "no such file or folder"),
        (["data", "prepare", "sgg", "--root", "none", "--out", "never"], "`anatomy-r1 data mini --out runs/world`"),
        (["certify", "results/mini"], "no training to certify (no such file)"),
    ],
    ids=["methods by name", "a method beside a path", "no such method", "a typing error", "a store is no log",
         "a table is no log", "nothing to submit", "no data", "no training"],
)  # fmt: skip
def test_an_error_names_the_next_step(words, expected, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    assert main(words) == 2
    error = capsys.readouterr().err
    assert "Fix: " in error
    assert expected in error


DEMO = "results/demo"
SET = f"{DEMO}/data/sgg_anatomy_mini"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["export", "croissant", f"{DEMO}/data"], ["export", "croissant", SET]),
        (["data", "check", DEMO], ["data", "check", SET]),
        (["score", "LOG", "--data", "results"], ["score", "LOG", "--data", SET]),
        (["score", "LOG", "--data=results/"], ["score", "LOG", f"--data={SET}"]),
        (["score", DEMO, "--data", SET], ["score", "LOG", "--data", SET]),
        (
            ["submit", DEMO, "--data", SET, "--store", "st", "--model", "m", "--method", "o"],
            ["submit", "LOG", "--data", SET, "--store", "st", "--model", "m", "--method", "o"],
        ),
        (["compare", "a=LOG", "b=LOG"], ["compare", "a=LOG", "b=LOG", "--data", "DIR"]),
        (["export", "hub", "LOG", "--out", "o"], ["export", "hub", "LOG", "--out", "o", "--data", "DIR"]),
        (["certify", f"{DEMO}/train"], ["certify", f"{DEMO}/train/sgg_anatomy_mini/mini-l/cot-sft/seed0"]),
    ],
    ids=lambda words: " ".join(words[:2]),
)
def test_an_error_ends_in_the_corrected_command(words, expected, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    log = str(next(Path(DEMO, "responses/sgg_anatomy_mini/mini-l/cot-sft").rglob("*.sqlite")))
    assert main([word.replace("LOG", log) for word in words]) == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last == "next: anatomy-r1 " + " ".join(word.replace("LOG", log) for word in expected)


LOG = "results/demo/train/sgg_anatomy_mini/mini-l/grpo/seed0/training_log.sqlite"


@pytest.mark.parametrize(
    ("words", "fix"),
    [
        (["export", "croissant", "none"], "anatomy-r1 data prepare sgg --root data --out prepared/sgg_anatomy"),
        (["score", LOG, "--data", "d"], f"anatomy-r1 certify {Path(LOG).parent}"),
        (["score", f"{STORE}/x.json", "--data", "d"], "run `anatomy-r1 evaluate` with --log"),
        (
            ["compare", f"{STORE}/sgg_anatomy_mini/mini-l/grpo/matched"],
            f"anatomy-r1 compare {STORE}/sgg_anatomy_mini/mini-l/grpo/matched {STORE}/sgg_anatomy_mini/mini-l/cot-sft/",
        ),
        (
            ["export", "hub", str(STORE), "--out", "o"],
            f"anatomy-r1 export hub {STORE}/omnimed_mi_mini/mini-l@mini-l-1/",
        ),
        (["export", "hub", "README.md", "--out", "o"], "name a result"),
        (["regress", "LOG", "--against", "none.json"], "name one that exists"),
        (["power"], "state them, or name results to estimate them from"),
        (["similarity", "convert", "none", "out"], "name the pytorch_model.bin"),
        (["submit", "LOG", "--data", SET, "--store", "s", "--model", "m", "--method", "o", "--benchmark", "sgg"],
         "leave --benchmark out"),
        (["submit", "LOG", "--data", SET, "--store", "README.md", "--model", "m", "--method", "o"],
         "name a folder"),
        (["evaluate", "sgg_anatomy", "--data", "none", "--model", "m", "--log", "never"],
         "anatomy-r1 data prepare sgg"),
    ],
    ids=lambda words: " ".join(words[:2]) if isinstance(words, list) else "",
)  # fmt: skip
def test_an_error_says_what_to_do(words, fix, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    log = str(next(Path(DEMO, "responses/sgg_anatomy_mini/mini-l/cot-sft").rglob("*.sqlite")))
    assert main([log if word == "LOG" else word for word in words]) == 2
    error = capsys.readouterr().err
    assert fix in error.partition("Fix: ")[2]
    assert error.count("\n") == 1
    assert not Path("never").exists()


def test_an_error_that_knows_no_fix_says_where_options_are():
    said = next_line(AnatomyR1Error("nothing there"), "anatomy-r1 score", ["score", "x"])
    assert said == "examples and options: anatomy-r1 score --help"
    assert not next_line(AnatomyR1Error("nothing there. Fix: look again"), "anatomy-r1 score", ["score", "x"])


def test_a_folder_of_several_arms_is_answered_by_two_systems_that_agree(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    cell = Path("results/mini-first/store/omnimed_mi_mini/mini-l")
    assert main(["compare", str(cell / "zero-shot"), str(cell / "grpo")]) == 2
    (command,) = re.findall(r"anatomy-r1 (compare \S+ \S+)", capsys.readouterr().err)
    assert main([*command.split(), "--format", "json"]) == 0


def test_the_first_example_of_the_help_runs(monkeypatch, capsys):
    """As far as the committed results go; the shell would expand its patterns."""
    line = next(line.strip() for line in EXAMPLE.splitlines() if line.startswith("  anatomy-r1 compare"))
    monkeypatch.chdir(ROOT)
    words = [word for pattern in line.split()[2:] for word in sorted(map(str, Path().glob(pattern)))]
    assert len(words) == 8
    assert main(["compare", *words]) == 0
    assert "better" in capsys.readouterr().out


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
