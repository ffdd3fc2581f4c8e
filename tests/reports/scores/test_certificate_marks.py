"""A failed certificate marks its row in every table; a store without certificates says that it has none."""

import re

import pytest

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.results.store import save_result
from anatomy_r1.training.certificate.certificate import NAMES, Certificate, failed, passed
from reports.scores.notes import CERTIFICATE_FAILED
from reports.site.evidence import Evidence
from reports.site.page import render, table_page
from reports.tables.table1 import table1
from reports.tables.table2 import table2
from reports.write import cost_files
from tests.helpers.stores import grid, named, paid, plan, result, row, trained

TRAINED = {"training": trained(plan("grpo"))}


def certificate(*wrong, steps=80, completions=32):
    checks = [failed(name, "as planted") if name in wrong else passed(name, "") for name in NAMES]
    facts = {"steps": steps, "completions": completions, "rollout_tokens": 1, "invalid_gradients": 0.25}
    return Certificate(tuple(checks), facts).as_dict()


def certified(of, found):
    of.provenance.update({**TRAINED, "certificate": found})
    return of


def with_one(method, found, **changes):
    return certified(result(method, provenance={"commit": "0123456789abcdef"}, **changes), found)


def notes(report):
    return [note for note in report.notes if note.startswith("Certificate")]


def marked(report):
    return {(t.name, r.title) for t in report.tables for b in t.blocks for r in b.rows if CERTIFICATE_FAILED in r.title}


def test_a_failed_one_marks_its_row_in_every_table_and_says_why(tmp_path):
    results = [with_one("sft", certificate("loss")), with_one("grpo", certificate())]
    arms = [with_one("sft-grpo", certificate("loss"), arm=arm) for arm in ("equal-tokens", "as-released")]
    report = table1([*results, *arms])
    tables = {"table1", "cost", "responses", "categories"}
    wanted = {(name, f"SFT{CERTIFICATE_FAILED}") for name in tables}
    wanted |= {(name, f"SFT+GRPO{CERTIFICATE_FAILED}") for name in ("equal-tokens", "as-released")}
    assert marked(report) == wanted
    said = "Certificate failed: SGG-VQA (Anatomy), mini world, mini-l, SFT, seed 0: loss: as planted."
    assert said in notes(report)
    for one in results:
        save_result(tmp_path, one)
    assert CERTIFICATE_FAILED in cost_files(tmp_path)["cost.txt"]


def test_the_site_shows_a_failed_one_as_an_alarm():
    report = table1([with_one("sft", certificate("loss")), with_one("grpo", certificate())])
    page = render(
        table_page("table1.html", "Table 1", "", (report,), section="Results"),
        (),
        "",
        {"evidence": Evidence()},
    )
    assert re.findall(r'<li class="alarm">([^:]*)', page) == ["Certificate failed"]


def test_one_failed_seed_is_enough_and_the_number_stays():
    report = table1([with_one("grpo", certificate(), seed=0), with_one("grpo", certificate("budget"), seed=1)])
    assert row(report.tables[0], "mini-l", f"GRPO{CERTIFICATE_FAILED}").cells[0].text != "—"


def test_table_2_marks_an_ablation_and_every_difference_to_a_failed_whole():
    names = ("grpo-gdqa", "grpo-gdqa-no-text", "grpo-gdqa-no-image")
    report = table2([with_one(name, certificate(*(["groups"] if name == names[0] else []))) for name in names])
    scores, differences = report.tables[0].blocks[:2]
    assert [CERTIFICATE_FAILED in r.title for r in scores.rows] == [True, False, False]
    assert all(CERTIFICATE_FAILED in r.title for r in differences.rows)


@pytest.mark.parametrize("other", [{"steps": 79}, {"completions": 16}], ids=["one fewer step", "half the batch"])
def test_budgets_that_differ_from_grpos_beside_it_mark_the_row(other):
    report = table1(
        [with_one("grpo", certificate()), with_one("gpg", certificate(**other)), with_one("sft", certificate())]
    )
    assert {title for _, title in marked(report)} == {f"GPG{CERTIFICATE_FAILED}"}
    assert "budget: " in notes(report)[0]
    assert "but GRPO has 80 steps of 32" in notes(report)[0]
    elsewhere = [with_one("grpo", certificate()), with_one("gpg", certificate(**other), arm="another")]
    assert not marked(table1(elsewhere))


def test_twice_the_steps_are_no_fault_of_a_method_that_has_them_by_its_definition():
    twice = [with_one("grpo", certificate()), with_one("grpo-twice", certificate(steps=160))]
    assert not marked(table1(twice))


def test_old_results_have_no_certificate_and_have_not_failed():
    report = table1([paid("grpo", trained(plan("grpo"))), with_one("sft", certificate())])
    assert not marked(report)
    assert notes(report) == [
        "Certificates (docs/certificates.md): 1 of 2 trained results have one, of which 0 failed; 1 were stored before "
        "certificates existed."
    ]


def test_a_store_of_untrained_results_says_nothing():
    assert notes(table1([with_training(None)])) == []


def with_training(training):
    return result("zero-shot", provenance={"commit": "0123456789abcdef", "training": training})


def test_a_certificate_that_cannot_be_read_is_not_taken_for_a_good_one():
    with pytest.raises(AnatomyR1Error, match=r"sft/matched/seed0: its certificate cannot be read"):
        table1([with_one("sft", {"checks": [], "facts": {}})])


def test_unfit_and_failed_stand_side_by_side():
    both = with_one("sft", certificate("data"))
    both.provenance["unfit"] = ["cut off"]
    assert f"SFT (unfit){CERTIFICATE_FAILED}" in {r.title for b in table1([both]).tables[0].blocks for r in b.rows}


def test_tables_of_stores_without_marks_are_named_as_before():
    assert named(table1(grid()), "responses").blocks[0].rows[0].title == "Zero-Shot"
