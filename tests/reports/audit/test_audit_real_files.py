"""The released files themselves: what the audit counts is what was counted apart from it."""

import os
from pathlib import Path

import pytest

from reports.audit.audit import released_checks
from reports.audit.released import load
from reports.audit.report import findings
from reports.audit.report import load as load_audit

pytestmark = pytest.mark.slow

COMMITTED = Path(__file__).parents[3] / "results/audit/audit.json"


@pytest.fixture(scope="module")
def checks():
    stated = os.environ.get("ANATOMY_R1_TEST_DATA")
    if not stated or not (Path(stated) / "released").is_dir():
        pytest.skip("ANATOMY_R1_TEST_DATA does not point at a folder with released/")
    return released_checks(load(Path(stated) / "released"))


@pytest.mark.parametrize(
    ("finding", "figures"),
    [
        ("released-keys.forms", ("sft_instruction", "begin with a blank")),
        ("released-gold.conflict", ("4 pairs", "1 within GRPO-ASC-Learning.json")),
        ("released-overlap.questions", ("53 shared frames", "45 shared frames", "43 shared frames")),
        ("released-overlap.official", ("166 records from 4", "41 records from 4", "153 records from 4")),
        ("released-overlap.official", ("104 records from 5", "149 records from 5", "119 records from 5")),
        ("released-templates.differ", ("365 of 1,000 questions of GRPO-GDQA.json",)),
        ("released-prompts.differ", ("GRPO.json: answer 1,000", "GRPO-GDQA.json: choice 1,000")),
        ("released-colour.fixed", ("yellow is Omentum in 86 of 86", "brown is Liver in 96 of 96")),
        ("released-colour.fixed", ("white is Gallbladder in 82 of 82",)),
        ("released-text.above-chance", ("42.50 [39.58, 45.42]", "42.10 [39.13, 45.07]", "47.90 [44.48, 51.32]")),
        ("released-distractors.uniform", ("54 degrees of freedom",)),
        ("released-order.unordered", ("59 degrees of freedom",)),
        ("released-augmentation.absent", ("0 changed images and 0 questions",)),
    ],
)  # fmt: skip
def test_what_is_known_of_the_release_is_found(checks, finding, figures):
    [found] = [one for one in findings(checks) if one.id == finding]
    assert [figure for figure in figures if figure not in found.figure] == []


def test_the_committed_audit_is_of_these_files(checks):
    of_files = {check.id: check for check in load_audit(COMMITTED) if check.id.startswith("released")}
    assert {check.id: check for check in checks} == of_files
