"""What OmniMedVQA's texts give away: leaks planted in clean split files, and the public files themselves."""

import os
from pathlib import Path

import pytest

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.scoring.intervals import Interval, cluster_interval
from reports.__main__ import main
from reports.audit import omnimed
from reports.audit.omnimed import TEST, TRAIN, check, load, measure, p_of_chance
from reports.audit.paper import PaperCell, load_cells
from reports.audit.report import findings
from reports.audit.report import load as load_audit
from tests.reports.audit.conftest import FINDINGS, problem, problems

pytestmark = pytest.mark.slow

COMMITTED = Path(__file__).parents[3] / "results/audit"
RIGHT, NEVER = FINDINGS[:6], FINDINGS[6:]


def cell(hundredths, benchmark="omnimed_mi"):
    return PaperCell(1, "Qwen-2.5-VL-7B", "grpo-gdqa", benchmark, "avg@5", hundredths)


PRINTED = (cell(8360), cell(9900, "sgg_anatomy"))


def found(folder, cells=PRINTED):
    return {finding.id: finding for finding in check(load(folder), cells).findings}


def never(_):
    """Texts that are right are never distractors."""
    return RIGHT, NEVER


def half_never(draw):
    """The same in half of the questions; in the others nothing is given away."""
    return (RIGHT, NEVER) if draw.random() < 0.5 else (RIGHT, RIGHT)


def planted(pools):
    return {TRAIN: problems(1, 300, "train", pools), TEST: problems(2, 200, "test", pools)}


def test_clean_files_give_no_finding_but_their_numbers(clean_splits, write_splits):
    made = check(load(write_splits(clean_splits)), [cell(10)])
    assert made.findings == ()
    assert "300 training and 200 test questions" in made.looked_at
    assert len(made.tables) == 3


def test_distractors_that_are_never_right_are_found_and_counted(write_splits):
    made = found(write_splits(planted(never)))
    assert set(made) == {"omnimed-text.above-chance", "omnimed-text.above-paper"}
    first, second = made.values()
    assert first.strength == "strong"
    assert "answer 100.0 to 100.0 %" in first.title
    assert "of 12 option texts in training questions with four options, 6 are never right" in first.figure
    assert "in 200 of the 200 test questions (100.0 %)" in first.figure
    assert "To the authors of OmniMedVQA" in first.question
    assert second.strength == "suggestive", "it rests on the assumption that the paper's questions are like these"
    assert "at most 83.60 %" in second.title, "the paper's other benchmark does not count"
    assert "option-count is above it after 50 training questions (100.0)" in second.figure
    assert "To the authors of the paper" in second.question


@pytest.mark.slow
def test_a_leak_that_does_not_reach_the_paper_says_nothing_of_its_scores(write_splits):
    folder = write_splits(planted(half_never))
    assert set(found(folder)) == {"omnimed-text.above-chance"}  # about 62 %
    assert set(found(folder, [cell(5000)])) == {"omnimed-text.above-chance", "omnimed-text.above-paper"}
    assert set(found(folder, [])) == {"omnimed-text.above-chance"}


def test_what_a_finding_does_not_show_is_said(write_splits):
    first, second = found(write_splits(planted(never))).values()
    assert "that a rule can does not show that a model did" in first.limits
    assert "not public and may differ" in second.limits
    assert all("was not trained" in one.limits or "were not trained" in one.limits for one in (first, second))


def test_images_of_the_training_side_and_questions_of_two_options_are_set_apart(write_splits):
    files = planted(never)
    for record in files[TEST][:50]:
        record["image"] = files[TRAIN][0]["image"]
    files[TEST] += [problem("Is it so?", ("finding 0", "finding 1"), "finding 0", f"two{n}") for n in range(7)]
    made = measure(load(write_splits(files)))
    assert {part: len(asked) for part, asked in made.parts.items()} == {
        "all": 207, "four options": 200, "four options, image not in training": 150
    }  # fmt: skip
    assert made.ceiling.counts.test_questions == 200


@pytest.mark.parametrize(
    ("interval", "chance", "p"),
    [
        (cluster_interval([1, 0, 0, 0], range(4)), 0.25, 1.0),  # at chance
        (cluster_interval([0, 0, 0, 1, 0], range(5)), 0.25, 1.0),  # below it: no alarm of the other side
        (cluster_interval([1, 1], [0, 0]), 0.25, 1.0),  # one cluster has no interval
        (cluster_interval([1] * 6, [0, 0, 1, 1, 2, 2]), 0.25, 0.25**3),  # no spread: not certainty, three guesses
        (cluster_interval([1, 0, 1, 0], [0, 0, 1, 1]), 0.25, 1.0),  # no spread, and not all right
        (Interval(0.5, 0.3, 0.7, 0.1, 11, 11), 0.25, 0.0314),  # t of 2.5 with 10 degrees of freedom, from a table
    ],
)
def test_p_against_guessing(interval, chance, p):
    assert p_of_chance(interval, chance) == pytest.approx(p, rel=0.01)


def test_a_folder_without_both_files_is_refused_with_the_fix(tmp_path, clean_splits, write_splits, capsys):
    folder = write_splits({TRAIN: clean_splits[TRAIN]})
    assert main(["audit", "--omnimed-splits", str(folder), "--out", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert f"no {TEST} in it" in error and "Fix: name the folder" in error
    assert not (tmp_path / "out").exists()


def test_files_of_another_kind_are_refused(write_splits, clean_splits):
    two = [problem("Is it so?", ("yes", "no"), "yes", str(n)) for n in range(9)]
    with pytest.raises(AnatomyR1Error, match="no question with 4 options"):
        measure(load(write_splits({**clean_splits, TRAIN: two})))
    wrong = {**two[0], "solution": "<answer> D </answer>"}
    with pytest.raises(AnatomyR1Error, match="not among the 2 options"):
        load(write_splits({**clean_splits, TEST: [wrong]}))


@pytest.fixture(scope="module")
def med_r1():
    stated = os.environ.get("ANATOMY_R1_TEST_DATA")
    if not stated or not (Path(stated) / "omnimed_splits").is_dir():
        pytest.skip("ANATOMY_R1_TEST_DATA does not point at a folder with omnimed_splits/")
    return Path(stated) / "omnimed_splits"


@pytest.mark.slow
def test_the_committed_audit_is_of_the_public_files(med_r1):
    [committed] = [one for one in load_audit(COMMITTED / "audit.json") if one.id == omnimed.ID]
    assert check(load(med_r1), load_cells()) == committed


def test_the_committed_audit_holds_no_question_and_no_option_of_the_files(med_r1):
    content = "".join(path.read_text(encoding="utf-8") for path in COMMITTED.iterdir()).casefold()
    sides = load(med_r1)
    texts = {text.casefold() for q in (*sides.train, *sides.test) for text in (q.stem, *q.options)}
    assert [text for text in texts if len(text) > 10 and text in content] == []


@pytest.mark.parametrize(
    ("finding", "figures"),
    [
        ("above-chance", ("1,023 questions", "option-count 97.4 [96.3, 98.4]", "option-share 99.7 [99.3, 100.0]")),
        ("above-chance", ("750 whose image is not in training: option-count 96.9 [95.6, 98.3]",)),
        ("above-chance", ("After 50 training questions, option-count is right in 79.7 %",)),
        ("above-chance", ("of 362 option texts in training questions with four options, 320 are never right",)),
        ("above-chance", ("981 of the 1,023 test questions (95.9 %)",)),
        ("above-paper", ("Pass@1, 83.72", "option-count is above it after 100 training questions (91.3)")),
    ],
)  # fmt: skip
def test_what_is_known_of_the_public_files_is_in_the_committed_audit(finding, figures):
    [found_] = [one for one in findings(load_audit(COMMITTED / "audit.json")) if one.id == f"omnimed-text.{finding}"]
    assert [figure for figure in figures if figure not in found_.figure] == []
