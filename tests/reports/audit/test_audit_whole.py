"""The audit as a whole: nothing found where nothing is wrong, everything planted found, and nothing besides."""

from dataclasses import replace

import pytest

from anatomy_r1.errors import AnatomyR1Error
from reports.__main__ import main
from reports.audit.audit import audit, paper_checks, released_checks
from reports.audit.released import NAMES
from reports.audit.report import Check, Finding, findings, of_p


def ids(checks):
    return [finding.id for finding in findings(checks)]


def test_a_clean_paper_and_clean_files_pass_without_a_finding(
    clean_paper, clean_released, write_released, clean_splits, write_splits
):
    checks = audit(write_released(clean_released), paper=clean_paper, splits=write_splits(clean_splits))
    assert ids(checks) == []
    assert [check.id for check in checks if check.skipped] == ["paper-text"]
    assert checks[-1].id == "omnimed-text"
    made = [(check.id, check.title) for check in checks if check.id.startswith("released")]
    assert [(check.id, check.title) for check in released_checks(None)] == made


def test_one_wrong_cell_in_a_clean_paper_is_all_that_is_found(clean_paper):
    cells = list(clean_paper.cells)
    at = next(i for i, cell in enumerate(cells) if cell.metric == "pass@1" and cell.method == "sft-grpo")
    cells[at] = replace(cells[at], hundredths=cells[at].hundredths + 3)  # 22.x3: no count of 1,000 gives it
    [finding] = findings(paper_checks(replace(clean_paper, cells=tuple(cells))))
    assert finding.id == "grim-sgg_anatomy.impossible"
    assert cells[at].name in finding.figure


def test_without_files_their_checks_are_skipped_with_the_reason():
    checks = [check for check in audit() if check.id.startswith("released")]
    assert len(checks) == 10
    assert all("--released DIR" in check.skipped and not check.findings for check in checks)
    [of_splits] = [check for check in audit() if check.id == "omnimed-text"]
    assert "--omnimed-splits DIR" in of_splits.skipped and not of_splits.findings


def test_a_folder_without_the_files_is_refused_with_the_cure(tmp_path, capsys):
    assert main(["audit", "--released", str(tmp_path), "--out", str(tmp_path / "out")]) == 2
    assert NAMES[0] in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_finding_says_what_it_does_not_show():
    with pytest.raises(ValueError, match="limits"):
        Finding("a.b", "title", "test", "1", "counted", " ", "question?")
    with pytest.raises(ValueError, match="strength"):
        Finding("a.b", "title", "test", "1", "certain", "limits", "question?")
    good = Finding("a.b", "title", "test", "1", "counted", "limits", "question?")
    with pytest.raises(ValueError, match="skipped, yet"):
        Check("a", "title", "looked", (good,), skipped="why")


@pytest.mark.parametrize(
    ("p", "word"), [(0.0009, "strong"), (0.001, "suggestive"), (0.049, "suggestive"), (0.05, None)]
)
def test_strength_by_p(p, word):
    assert of_p(p) == word


def test_a_text_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(AnatomyR1Error, match="no text"):
        audit(text=tmp_path / "none.txt")
