"""The demo: cut from a run without changing what it holds, and a site of it has every page."""

import importlib.util
import shutil
import sqlite3
from pathlib import Path

import pytest

from anatomy_r1.scoring.complete_run import load_complete_run
from reports.__main__ import main
from reports.site.build import SiteSources, build
from tests.helpers.site_reader import delivered
from tests.helpers.site_worlds import SGG

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def demo():
    spec = importlib.util.spec_from_file_location("demo", ROOT / "scripts" / "demo.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def made(demo, run, tmp_path_factory):
    """A demo next to a README that is not its own, of a run that also has weights."""
    source, out = tmp_path_factory.mktemp("source") / "run", tmp_path_factory.mktemp("demo")
    shutil.copytree(run, source)
    (source / "train" / SGG / "mini-l" / "grpo" / "seed0" / "model.safetensors").write_bytes(b"weights")
    (source / "world" / SGG / "unused.png").write_bytes(b"no question has it")
    (out / "README.md").write_text("kept")
    assert demo.main([str(source), str(out)]) == 0
    return out


def test_a_demo_has_what_a_site_shows_and_nothing_else(made, run):
    names = {path.name for path in made.rglob("*") if path.is_file()}
    assert (made / "README.md").read_text() == "kept"
    assert not {"model.safetensors", "unused.png"} & names and not any(name.endswith("-wal") for name in names)
    for log in run.glob("responses/**/*.sqlite"):
        first, second = (
            load_complete_run(log, run / "data"),
            load_complete_run(made / log.relative_to(run), made / "data"),
        )
        assert (first.questions, first.responses, first.plan) == (second.questions, second.responses, second.plan)


def test_the_site_of_a_demo_is_that_of_its_run(made, run, tmp_path):
    for name, of in (("demo", made), ("run", run)):
        build(tmp_path / name, SiteSources(of / "results", of))
    for shard in (f"questions/{SGG}", "index"):
        assert delivered(tmp_path / "demo", shard) == delivered(tmp_path / "run", shard)
    pages = [sorted(path.name for path in (tmp_path / name).glob("*.html")) for name in ("demo", "run")]
    assert pages[0] == pages[1] and {"samples.html", "rollouts.html"} <= set(pages[0])


def test_the_folder_of_a_run_is_enough_to_name_it(made, tmp_path):
    assert main(["site", "--store", str(made), "--out", str(tmp_path / "site")]) == 0
    assert {"samples.html", "rollouts.html", "ledger.html"} <= {
        path.name for path in (tmp_path / "site").glob("*.html")
    }


def test_a_large_file_and_a_run_without_results_are_refused(demo, run, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(demo, "LARGEST", 1000)
    assert demo.main([str(run), str(tmp_path / "demo")]) == 2
    assert "larger than 1 MB. Fix" in capsys.readouterr().err
    assert demo.main([str(tmp_path), str(tmp_path / "demo")]) == 2
    assert "no results in it. Fix: run `python -m baselines" in capsys.readouterr().err


def test_a_copied_log_needs_no_second_file(made):
    for log in made.rglob("*.sqlite"):
        with sqlite3.connect(log) as opened:
            assert opened.execute("PRAGMA journal_mode").fetchone() == ("delete",), log
