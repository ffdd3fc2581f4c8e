"""The module that `reports/__init__.py` shows for a new table, run as a reader would add it."""

import sys
import textwrap
import types

import reports
from reports import write
from reports.__main__ import main
from reports.tables import TABLES, TableCommand
from reports.write import remove_stale
from tests.helpers.stores import result


def test_the_module_shown_makes_a_table_in_every_format(tmp_path, monkeypatch, capsys):
    shown = reports.__doc__.split("(a test runs it):")[1]
    module = types.ModuleType("reports.tables.mine")
    exec(textwrap.dedent(shown), module.__dict__)
    monkeypatch.setitem(sys.modules, "reports.tables.mine", module)
    monkeypatch.setitem(TABLES, "mine", TableCommand("my table", "reports.tables.mine", "tox -e reproduce-table1"))
    from anatomy_r1.results.store import save_result

    for method in ("zero-shot", "grpo"):
        save_result(tmp_path / "store", result(method))
    assert main(["mine", "--store", str(tmp_path / "store"), "--out", str(tmp_path / "out")]) == 0
    made = write.table_files("mine", tmp_path / "store")
    assert made["mine.txt"] in capsys.readouterr().out
    assert "My table" in made["mine.html"] and "GRPO" in made["mine.html"]
    assert made["mine.txt"].startswith("Avg@5\n") and "GRPO" in made["mine.txt"]
    assert "paper's Table" not in made["mine.txt"]
    assert set(made) == {f"mine.{end}" for end in ("txt", "md", "csv", "tex", "html")}
    assert set(made) <= {path.name for path in (tmp_path / "out").iterdir()}


def test_files_of_a_tables_figure_have_a_name_by_which_old_ones_are_found(tmp_path):
    assert all(bool(table.figure) == bool(table.figure_name) for table in TABLES.values())
    for name in ("doses.svg", "doses.mine", "forest.svg"):
        (tmp_path / name).write_text("old")
    assert remove_stale(tmp_path, ("doses.pdf", "doses.svg", "forest.svg"), {"forest.svg": b""}) == ["doses.svg"]
    assert {path.name for path in tmp_path.iterdir()} == {"doses.mine", "forest.svg"}
