"""Every command finds the store in a run's folder, and no message advises to delete what a run may not have made."""

import re
import shutil
from pathlib import Path

import pytest

import anatomy_r1 as ar
from anatomy_r1.cli.main import main
from anatomy_r1.results.store import load_results, save_result, store_in
from reports.__main__ import main as reports_main
from tests.helpers.stores import PROVENANCE, grid, result

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
LOOKS_ALIKE = "sgg_anatomy_mini/mini-l@mini-l-1/grpo/seed0.json"
"""Training curves have such names: below `curves/` they are where a store has its results."""


@pytest.fixture(params=["store", "results"])
def folder(request, tmp_path):
    """A run's folder: a store and, beside it, training curves."""
    for one in grid():
        save_result(tmp_path / "run" / request.param, one)
    (tmp_path / "run" / "curves" / LOOKS_ALIKE).parent.mkdir(parents=True)
    (tmp_path / "run" / "curves" / LOOKS_ALIKE).write_text('{"schema": 1}')
    return tmp_path / "run"


@pytest.mark.parametrize(
    ("folder", "command"),
    [("results", "table1"), ("store", "table2"), ("results", "controls"), ("store", "cards"), ("results", "ledger"),
     ("store", "site")],
    indirect=["folder"],
)  # fmt: skip
def test_case_21_every_report_finds_the_store_in_a_folder(folder, tmp_path, command, capsys):
    outcomes = []
    for number, store in enumerate((folder, store_in(folder))):
        out = tmp_path / f"out{number}"
        status = reports_main([command, "--store", str(store), "--out", str(out)])
        files = {path.relative_to(out): path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}
        outcomes.append((status, files, re.sub(r"\S*(run|out[01])\S*", "", capsys.readouterr().err)))
    assert outcomes[0] == outcomes[1]
    nothing_ran = command in ("table2", "controls")  # the store has none of their rows, which is said alike
    assert outcomes[0][0] == (2 if nothing_ran else 0), outcomes[0]


def test_case_21_compare_regress_and_the_api_find_it_too(folder, capsys):
    assert len(ar.load_results(folder)) == len(load_results(folder)) == len(grid())
    assert main(["compare", str(folder), "--allow-different", "seeds", "prompts"]) == main(
        ["compare", str(store_in(folder)), "--allow-different", "seeds", "prompts"]
    )
    assert "not a complete result" not in capsys.readouterr().err


def test_case_21_the_committed_folder_has_one_store():
    """Beside its curves; tests/test_project.py makes a committed table from the folder."""
    mini = ROOT / "results" / "mini"
    assert (mini / "curves" / LOOKS_ALIKE).is_file()
    assert store_in(mini) == mini / "store"


@pytest.mark.parametrize("command", ["table1", "cards", "ledger", "site"])
def test_case_21_a_file_that_is_no_result_is_named_and_not_to_be_deleted(tmp_path, command, capsys):
    """Curves alone: what looks like a result is someone's committed file."""
    path = tmp_path / "mini" / "curves" / LOOKS_ALIKE
    path.parent.mkdir(parents=True)
    shutil.copy(ROOT / "results" / "mini" / "curves" / LOOKS_ALIKE, path)
    assert reports_main([command, "--store", str(tmp_path / "mini"), "--out", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert str(path) in error and "Fix: name the result store itself" in error
    assert "delete" not in error and "remove" not in error


def test_case_21_an_unreadable_leakage_passport_is_not_to_be_deleted_either(tmp_path, capsys):
    save_result(tmp_path, result("sft", provenance={**PROVENANCE, "leakage": {"x": 1}}))
    assert reports_main(["table1", "--store", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert "leakage passport cannot be read" in error and "restore it from where it came" in error


def test_case_21_no_message_of_ours_advises_to_delete_a_file():
    told = re.compile(r"(?:Fix: |, or |: )(?:delete|remove) (?:it|the file|the result|them)\b")
    sources = [path for package in ("anatomy_r1", "baselines", "reports") for path in (ROOT / package).rglob("*.py")]
    assert len(sources) > 100
    assert [path.name for path in sources if told.search(path.read_text(encoding="utf-8"))] == []
