"""`scripts/reproduce.py --table`: what the grid is asked to run, and which report follows."""

import configparser
import contextlib
import importlib.util
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from anatomy_r1.comparison.calibration import KNOWN

ROOT = Path(__file__).resolve().parents[2]
ROWS = ["--methods", "grpo-gdqa", "grpo-gdqa-no-text", "grpo-gdqa-no-image"]


@pytest.fixture
def reproduce(tmp_path, monkeypatch):
    """The script at a root with profiles and finished runs, its commands only noted; they succeed."""
    spec = importlib.util.spec_from_file_location("reproduce", ROOT / "scripts" / "reproduce.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (tmp_path / "baselines").mkdir()
    (tmp_path / "baselines" / "profiles").symlink_to(ROOT / "baselines" / "profiles")
    for name in ("mini", "smoke", "paper", "own", "elsewhere"):
        (tmp_path / "runs" / name / "results").mkdir(parents=True)
    module.called = []
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "command", lambda *words: module.called.append(list(words)) or 0)
    return module


@pytest.mark.parametrize(
    ("profile", "benchmark_"), [("mini", "sgg_anatomy_mini"), ("smoke", "sgg_anatomy_mini"), ("paper", "sgg_anatomy")]
)
def test_table_2_runs_its_methods_on_its_benchmark(reproduce, profile, benchmark_):
    assert reproduce.main(["--table", "2", "--profile", profile]) == 0
    grid, report = reproduce.called
    assert grid == ["baselines", "run", "--profile", profile, "--runs", "runs", *ROWS, "--benchmarks", benchmark_]
    assert report == ["reports", "table2", "--store", f"runs/{profile}/results", "--out", f"runs/{profile}/reports"]


def test_table_1_is_the_rule_and_adds_nothing(reproduce):
    assert reproduce.main([]) == reproduce.main(["--table", "1"]) == 0
    assert reproduce.called[0] == reproduce.called[2] == ["baselines", "run", "--profile", "mini", "--runs", "runs"]
    assert [words[1] for words in reproduce.called[1::2]] == ["table1", "table1"]


@pytest.mark.parametrize(
    "asked", [["--methods", "grpo-gdqa"], ["--methods=grpo-gdqa"], ["--benchmarks", "omnimed_mi_mini"], ["--jobs", "1"]]
)
def test_what_the_person_names_wins(reproduce, asked):
    from baselines.__main__ import _parser

    reproduce.main(["--table", "2", *asked])
    parsed = _parser().parse_args(reproduce.called[0][1:])
    assert parsed.methods == (["grpo-gdqa"] if "methods" in asked[0] else ROWS[1:])
    assert parsed.benchmarks == (["omnimed_mi_mini"] if "benchmarks" in asked[0] else ["sgg_anatomy_mini"])


@pytest.mark.parametrize(
    ("content", "added"),
    [
        ("data: {other: {}, sgg_anatomy: {}}\n", ["--benchmarks", "sgg_anatomy"]),
        ("data: {other: {}, sgg_anatomy_too: {}}\n", []),
        ("data: [sgg_anatomy]\n", []),
        ("a: [\n", []),
        (None, []),
    ],
    ids=["own", "without it", "not a mapping", "not YAML", "no file"],
)
def test_a_profile_of_ones_own_names_its_benchmark_and_the_grid_refuses_a_bad_one(reproduce, content, added):
    if content is not None:
        (reproduce.ROOT / "own.yaml").write_text(content)
    reproduce.main(["--table", "2", "--profile", "own.yaml"])
    assert reproduce.called[0] == ["baselines", "run", "--profile", "own.yaml", "--runs", "runs", *ROWS, *added]


def test_runs_are_found_under_the_profile_s_name_and_not_its_file_s(reproduce):
    (reproduce.ROOT / "own.yaml").write_text("name: elsewhere\n")
    assert reproduce.main(["--profile", "own.yaml"]) == 0
    assert reproduce.called[1][2:] == ["--store", "runs/elsewhere/results", "--out", "runs/elsewhere/reports"]


FIGURE_ROWS = [
    "--methods",
    "grpo",
    "grpo-asc",
    "grpo-gdqa",
    "--benchmarks",
    "sgg_anatomy_mini",
    "--seeds",
    "0",
    "1",
    "2",
]


def test_figures_train_their_methods_with_seeds_and_read_the_folder_of_the_run(reproduce):
    assert reproduce.main(["--artefact", "figures", "--jobs", "1"]) == 0
    grid, report = reproduce.called
    assert grid == ["baselines", "run", "--profile", "mini", "--runs", "runs", *FIGURE_ROWS, "--jobs", "1"]
    assert report == ["reports", "figures", "--store", "runs/mini", "--out", "runs/mini/reports/figures"]


def test_the_calibration_runs_the_known_answers_and_is_no_part_of_all(reproduce):
    assert reproduce.main(["--artefact", "calibration"]) == 0
    grid, report = reproduce.called
    known = {method for one in KNOWN for method in (one.baseline, one.other)}
    assert set(grid[grid.index("--methods") + 1 : grid.index("--benchmarks")]) == known
    assert report[:2] == ["reports", "calibration"]
    assert {name for name, one in reproduce.ARTEFACTS.items() if one.alone} == {"calibration", "doses"}


def test_doses_run_on_the_models_that_have_one(reproduce, capsys):
    content = "name: own\nmodels: {plain: {}, weak: {dose: {peak: 0}}, strong: {dose: {peak: 2}}}\n"
    (reproduce.ROOT / "own.yaml").write_text(content)
    assert reproduce.main(["--artefact", "doses", "--profile", "own.yaml"]) == 0
    (grid, _) = reproduce.called
    assert grid[grid.index("--models") + 1 :][:2] == ["weak", "strong"]
    assert "plain" not in grid
    assert reproduce.main(["--artefact", "doses", "--profile", "smoke"]) == 0
    assert len(reproduce.called) == 2
    assert "no model with a dose" in capsys.readouterr().err


REPORTS = ["table1", "table2", "figures", "cards", "blind", "controls", "audit", "ledger", "site"]


def test_all_runs_every_artefact_in_turn(reproduce):
    assert reproduce.main(["--artefact", "all", "--profile", "smoke"]) == 0
    assert [words[1] for words in reproduce.called if words[0] == "reports"] == REPORTS
    artefacts = [one for one in reproduce.ARTEFACTS.values() if not one.alone]
    others = [one for one in artefacts if not one.benchmarks]  # smoke has none of their benchmarks
    assert sum(words[0] == "baselines" for words in reproduce.called) == len(others) == len(artefacts) - 1
    assert reproduce.called[-1] == ["reports", "site", "--out", "runs/smoke/reports/site", "--run", "runs/smoke"]


def test_from_a_store_nothing_is_trained(reproduce):
    (reproduce.ROOT / "results" / "mini" / "store").mkdir(parents=True)
    assert reproduce.main(["--artefact", "all", "--store", "results/mini"]) == 0
    assert [words[:4] for words in reproduce.called] == [
        ["reports", "table1", "--store", "results/mini/store"],
        ["reports", "table2", "--store", "results/mini/store"],
        ["reports", "figures", "--store", "results/mini"],
        ["reports", "cards", "--store", "results/mini/store"],
        ["reports", "blind", "--store", "results/mini/store"],
        ["reports", "controls", "--store", "results/mini/store"],
        ["reports", "shortcuts", "--store", "results/mini/store"],
        ["reports", "audit", "--out", "results/mini/audit"],
        ["reports", "ledger", "--store", "results/mini/store"],
        ["reports", "site", "--out", "results/mini/site"],
    ]


@pytest.mark.parametrize(
    ("grid", "reports", "status", "calls"),
    [(1, 0, 1, 19), (0, 2, 2, 19), (3, 0, 3, 1), (130, 0, 130, 1)],
    ids=[
        "a cell failed: all is still reported",
        "a report was refused: the others are made",
        "the machine lacks something",
        "stopped",
    ],
)
def test_the_worst_status_is_told_and_a_grid_that_did_not_run_ends_it(
    reproduce, monkeypatch, grid, reports, status, calls
):
    def command(*words):
        reproduce.called.append(list(words))
        return grid if words[0] == "baselines" else reports

    monkeypatch.setattr(reproduce, "command", command)
    assert reproduce.main(["--artefact", "all"]) == status
    assert len(reproduce.called) == calls


def test_help_runs_and_reports_nothing(reproduce, capsys):
    assert reproduce.main(["--table", "2", "--help"]) == 0
    assert reproduce.called == [["baselines", "run", "--help"]]
    assert "--table 2" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--prof", "smoke"], "--prof: write --profile in full"),
        (["--run=elsewhere"], "--run=elsewhere: write --runs in full"),
        (["--store", "results/mini", "--seeds", "0"], "reports all that is there: leave out --seeds 0"),
    ],
    ids=["a profile by half its option", "runs by half their option", "a selection of a store"],
)
def test_a_report_of_something_else_than_was_asked_for_is_refused(reproduce, capsys, words, told):
    """The grid takes options by their first letters: it would run one profile, and the report be that of another."""
    with pytest.raises(SystemExit) as stopped:
        reproduce.main(words)
    assert stopped.value.code == 2
    assert told in capsys.readouterr().err
    assert not reproduce.called


def test_another_table_is_refused(reproduce):
    with pytest.raises(SystemExit) as stopped:
        reproduce.main(["--table", "3"])
    assert stopped.value.code == 2
    assert not reproduce.called


def test_tox_has_an_environment_for_each_table():
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(ROOT / "tox.ini")
    one, two = parser["testenv:reproduce-table1"], parser["testenv:reproduce-table2"]
    assert one["commands"] == "{[testenv]shared} python scripts/reproduce.py {posargs}"
    assert two["commands"] == "{[testenv]shared} python scripts/reproduce.py --table 2 {posargs}"
    for name, artefact in (("figures", "figures"), ("all", "all")):
        section = parser[f"testenv:reproduce-{name}"]
        assert (
            section["commands"] == f"{{[testenv]shared}} python scripts/reproduce.py --artefact {artefact} {{posargs}}"
        )
        assert section["set_env"] == two["set_env"] == "{[testenv:reproduce-table1]set_env}"


def test_shortcuts_runs_its_own_benchmarks_and_views(reproduce):
    assert reproduce.main(["--artefact", "shortcuts"]) == 0
    run, report = reproduce.called
    assert run[:2] == ["baselines", "run"]
    assert run[run.index("--benchmarks") + 1 :][:2] == list(reproduce.TWINS)
    assert run[run.index("--views") + 1 :][:3] == ["plain", "no-image", "balanced"]
    assert report[:2] == ["reports", "shortcuts"]


def test_an_app_that_was_killed_is_no_success(tmp_path):
    (tmp_path / "killed.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n")
    asks = "import pathlib, reproduce\nreproduce.ROOT = pathlib.Path.cwd()\nprint(reproduce.command('killed'))\n"
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "scripts"), str(tmp_path)])}
    ran = subprocess.run(
        [sys.executable, "-c", asks], cwd=tmp_path, env=env, capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == "137"


HEEDED = "import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
"""What a shell starts in the background ignores Ctrl-C, and so would these processes."""
SLOW = """
import pathlib, time
try:
    pathlib.Path("began").touch()
    time.sleep(600)
except KeyboardInterrupt:
    time.sleep(1)  # longer than subprocess.run would wait
    pathlib.Path("saved").touch()
"""
ASKS = """
import pathlib, reproduce
reproduce.ROOT, reproduce.GRACE = pathlib.Path.cwd(), {grace}
reproduce.command("slow")
"""


@pytest.mark.parametrize("terminal", [True, False], ids=["as a terminal does", "as tox does"])
def test_an_interrupted_app_saves_its_state(terminal, tmp_path):
    """A terminal interrupts the app as well, tox the script alone."""
    (tmp_path / "slow.py").write_text(HEEDED + SLOW)
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "scripts"), str(tmp_path)])}
    code = HEEDED + ASKS.format(grace=30 if terminal else 0.1)
    script = subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path, env=env, start_new_session=True)
    try:
        until = time.monotonic() + 60
        while not (tmp_path / "began").exists():
            assert time.monotonic() < until
            time.sleep(0.05)
        (os.killpg if terminal else os.kill)(script.pid, signal.SIGINT)
        assert script.wait(60) != 0
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(script.pid, signal.SIGKILL)
        script.wait()
    assert (tmp_path / "saved").exists()
