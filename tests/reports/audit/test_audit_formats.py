"""The audit in five formats, and the committed one: the same checks, the same bytes."""

import csv
import io
from dataclasses import replace
from pathlib import Path

import pytest

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.tables.table import prose_table
from reports.__main__ import main
from reports.audit.audit import paper_checks
from reports.audit.paper import load_paper
from reports.audit.report import files, findings, load

COMMITTED = Path(__file__).parents[3] / "results/audit"


@pytest.fixture(scope="module")
def of_paper():
    return paper_checks(load_paper())


def test_the_committed_files_are_what_the_committed_checks_give_byte_for_byte():
    made = files(load(COMMITTED / "audit.json"))
    assert sorted(path.name for path in COMMITTED.iterdir()) == sorted(
        [*made, "README.md", *(f"ledger.{end}" for end in ("csv", "html", "json", "md", "txt"))]
    )
    assert [name for name, content in made.items() if (COMMITTED / name).read_text(encoding="utf-8") != content] == []


def test_the_committed_checks_of_the_paper_are_what_the_code_finds_now(of_paper):
    committed = load(COMMITTED / "audit.json")
    assert committed[: len(of_paper)] == of_paper


def test_the_committed_audit_holds_no_record():
    """Aggregates only: no frame, no question, no prompt of the release."""
    content = "".join(path.read_text(encoding="utf-8") for path in COMMITTED.iterdir())
    assert [word for word in ("VID", "What anatomy", "There is a ", "<think>", ".png") if word in content] == []


def test_same_checks_same_bytes_and_json_goes_round(of_paper, tmp_path):
    made = files(of_paper)
    assert made == files(of_paper)
    (tmp_path / "audit.json").write_text(made["audit.json"], encoding="utf-8")
    assert load(tmp_path / "audit.json") == of_paper
    lines = list(csv.DictReader(io.StringIO(made["audit.csv"])))
    assert [line["id"] for line in lines] == [finding.id for finding in findings(of_paper)]


def test_every_finding_is_whole_in_every_format(of_paper):
    made = files(of_paper)
    for finding in findings(of_paper):
        assert f'id="{finding.id}"' in made["audit.html"]
        assert finding.question in " ".join(made["audit.txt"].split())


def test_hostile_text_stays_text(of_paper):
    hostile = "<script>alert(1)</script> | `x` \x1b[31m =1+1"
    first = of_paper[0]
    bad = replace(first, title=hostile, findings=(replace(first.findings[0], figure=hostile, title=hostile),))
    made = files([replace(bad, tables=(prose_table(hostile, (hostile,), ((hostile,),)),))])
    assert "<script>" not in made["audit.html"]
    assert "<script>" not in made["audit.md"].replace("\\<script\\>", "")
    assert "\x1b" not in made["audit.txt"]


def test_a_file_that_is_no_audit_is_refused(tmp_path):
    for content in ("", "[]", '{"checks": [{"id": "x"}]}'):
        (tmp_path / "audit.json").write_text(content)
        with pytest.raises(AnatomyR1Error, match="not a valid audit"):
            load(tmp_path / "audit.json")


def test_the_command_prints_and_writes(tmp_path, capsys):
    assert main(["audit", "--out", str(tmp_path / "out")]) == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        f"audit.{end}" for end in ("csv", "html", "json", "md", "txt")
    ]
    shown = capsys.readouterr().out
    assert "A finding is a question to the authors" in shown
    assert "GRIM" in shown
    assert max(map(len, shown.split("Written:")[0].splitlines())) <= 160


def test_a_folder_that_cannot_be_written_is_refused_with_the_cure(tmp_path, capsys):
    (tmp_path / "out").write_text("")
    assert main(["audit", "--out", str(tmp_path / "out")]) == 2
    assert "cannot be written" in capsys.readouterr().err
