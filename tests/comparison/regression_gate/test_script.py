"""`scripts/regress.py`, behind `tox -e regress`: what the grid is asked for, and what the gate makes of it."""

import configparser
import importlib.util
import json
from pathlib import Path

import pytest

from anatomy_r1.cli.main import main
from anatomy_r1.results.store import load_result, save_result
from baselines.experiment.profile import load_profile

ROOT = Path(__file__).resolve().parents[3]
FIRST = "results/mini-first/store"
"""A store without bases, with five seeds of both benchmarks."""
BENCHMARKS = ("omnimed_mi_mini", "sgg_anatomy_mini")


@pytest.fixture
def regress(monkeypatch, tmp_path):
    """The script; its grid lays down committed results of `method` under fresh seeds, its gate is the real one."""
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    spec = importlib.util.spec_from_file_location("regress", ROOT / "scripts" / "regress.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.called, module.grid, module.method = [], 0, "cot-sft"

    def command(app, *arguments):
        module.called.append([app, *arguments])
        if app != "baselines":
            monkeypatch.chdir(ROOT)
            return main(list(arguments))
        for benchmark in BENCHMARKS if not module.grid else ():
            for seed in (0, 1, 2):
                cell = ROOT / FIRST / benchmark / "mini-l" / module.method / "matched"
                found = load_result(cell / f"seed{seed}.json")
                fields = {**vars(found), "method": "cot-sft", "seed": 100 + seed}
                save_result(tmp_path / "mini" / "results", type(found)(**fields))
        return module.grid

    monkeypatch.setattr(module, "command", command)
    own = ("--runs", str(tmp_path), "--against", FIRST, "--base", "")
    return lambda *arguments: (module.main([*own, *arguments]), module)


def test_the_grid_trains_fresh_seeds_of_what_the_store_has(regress):
    _, module = regress()
    (grid, gate) = module.called
    assert grid[:4] == ["baselines", "run", "--profile", "mini"]
    assert grid[6:] == [
        "--models", "mini-l", "--methods", "cot-sft", "--benchmarks", *BENCHMARKS, "--arms", "matched",
        "--seeds", "100", "101", "102",
    ]  # fmt: skip
    assert gate[:2] == ["anatomy_r1.cli", "regress"]
    assert not any(f"seed{seed}.json" in word for seed in range(5) for word in gate), "no seed of the reference"


def test_an_equal_recipe_passes_and_can_see_five_points(regress, tmp_path, capsys):
    status, _ = regress("--out", str(tmp_path / "g.json"), "--require-power")
    assert status == 0
    gate = json.loads((tmp_path / "g.json").read_text())
    assert [pair["judged"][0]["verdict"] for pair in gate["pairs"]] == ["no regression"] * 2


def test_a_worse_recipe_fires(regress, monkeypatch, capsys):
    _, module = regress()
    module.method = "cot-sft-grpo"
    assert regress()[0] == 1
    assert "REGRESSION: 1 of 2" in capsys.readouterr().out


@pytest.mark.parametrize(("grid", "status"), [(1, 3), (2, 2), (3, 3), (130, 130)])
def test_a_grid_that_failed_is_no_regression(regress, grid, status):
    _, module = regress()
    module.called.clear()
    module.grid = grid
    assert regress()[0] == status
    assert [words[0] for words in module.called] == ["baselines"]


def test_the_committed_results_are_asked_of_the_profile_s_first_base(regress):
    _, module = regress()
    module.called.clear()
    module.main(["--runs", "nowhere"])
    (grid,) = [words for words in module.called if words[0] == "baselines"]
    assert grid[grid.index("--bases") + 1] == load_profile("mini").default["bases"][0]
    gate = module.called[-1]
    assert gate[gate.index("--against") + 1].startswith("results/mini/store/omnimed_mi_mini/mini-l@mini-l-1/")


def test_what_the_store_lacks_is_refused_before_anything_is_trained(regress, capsys):
    status, module = regress("--method", "none")
    assert (status, module.called) == (2, [])
    assert "no results of mini-l/none" in capsys.readouterr().err


def test_tox_runs_it():
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(ROOT / "tox.ini")
    section = parser["testenv:regress"]
    assert section["commands"] == "{[testenv]shared} python scripts/regress.py {posargs}"
    assert section["set_env"] == "{[testenv:reproduce-table1]set_env}"
