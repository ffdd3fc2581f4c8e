"""Each compared system beside the best blind rule: in `compare`, `regress` and a reference file."""

import json

import numpy as np
import pytest

from anatomy_r1.cli.main import main
from anatomy_r1.comparison.report import as_json, document
from anatomy_r1.results.store import save_result
from anatomy_r1.scoring.intervals import paired_interval
from tests.helpers.blind import with_rule
from tests.helpers.worlds import analysis, answers, name, result, table, unequal

RNG = np.random.default_rng(1)
LABELS = unequal(RNG, 10, 200)
BLIND = RNG.random(200) < 0.6


def made(method, right, **changes):
    return result(method, table(right, LABELS), **changes)


COPY = with_rule(made("copy", np.repeat(BLIND[:, np.newaxis], 5, axis=1)), BLIND)
PERFECT = with_rule(made("perfect", np.ones((200, 5), dtype=bool)), BLIND)
OLD = made("old", answers(RNG, LABELS))


def rows(report):
    (table,) = [one for one in report.tables if one.name == "blind"]
    return {row.title: row.cells for block in table.blocks for row in block.rows}


def test_compare_shows_each_system_with_its_difference_and_verdict():
    found = rows(document(analysis(COPY, PERFECT, OLD)))
    assert [cell.text for cell in found["mini-l/copy/matched"]] == [
        "logistic",
        f"{100 * BLIND.mean():.2f}",
        "0.00",
        "NOT ABOVE",
    ]
    expected = paired_interval(np.ones(200), BLIND, LABELS.tolist())
    above = found["mini-l/perfect/matched"]
    assert (above[2].text, above[3].text) == (f"{100 * expected.mean:+.2f}", "above")
    assert above[2].aside == f"[{100 * expected.low:+.2f}, {100 * expected.high:+.2f}]"
    assert found["mini-l/old/matched"][3].text == "not recorded"


def test_the_metric_is_the_one_that_is_tested():
    first = with_rule(made("first", np.repeat(BLIND[:, np.newaxis], 5, axis=1)), BLIND)
    first.questions["greedy"] = True
    assert rows(document(analysis(first, PERFECT, metric="greedy")))["mini-l/first/matched"][3].text == "above"


def test_the_json_has_the_difference_unrounded_or_why_there_is_none():
    found = json.loads(as_json(analysis(COPY, OLD)))["beside_blind"]
    assert found[name("copy")]["difference"] == [0, 0, 0]
    assert found[name("copy")]["verdict"] == "not above"
    assert found[name("old")] == {"missing": "not recorded"}


def test_only_the_questions_in_common_count():
    fewer = with_rule(result("fewer", table(np.ones((200, 5), dtype=bool), LABELS)), BLIND)
    fewer = type(fewer)(**{**fewer.__dict__, "questions": fewer.questions.iloc[:100]})
    found = rows(document(analysis(PERFECT, fewer, allowed=("questions",))))
    assert found["mini-l/perfect/matched"][1].text == f"{100 * BLIND[:100].mean():.2f}"


@pytest.fixture
def store(tmp_path):
    for method, weights in (("copy", "w0"), ("again", "w0"), ("old", "w0")):
        right = np.repeat(BLIND[:, np.newaxis], 5, axis=1)
        one = made(method, right, seed=0 if method == "copy" else 1)
        one.provenance["sampling"] = {**one.provenance["sampling"], "weights": weights}
        save_result(tmp_path, one if method == "old" else with_rule(one, BLIND))
    return tmp_path / "sgg_anatomy_mini" / "mini-l"


def test_regress_shows_both_sides_also_from_a_reference_file(store, tmp_path, capsys):
    reference = tmp_path / "reference.json"
    assert main(["regress", str(store / "copy"), "--record", str(reference)]) == 0
    recorded = json.loads(reference.read_text())["systems"][0]["runs"][0]["blind"]
    assert recorded["right"] == "".join("01"[int(one)] for one in BLIND)
    for against in (reference, store / "copy"):
        out = tmp_path / "gate.json"
        assert main(["regress", str(store / "again"), "--against", str(against), "--out", str(out)]) == 0
        (pair,) = json.loads(out.read_text())["pairs"]
        assert {one["verdict"] for one in pair["beside_blind"].values()} == {"not above"}
        assert "NOT ABOVE" in capsys.readouterr().out


def test_regress_says_what_is_not_recorded(store, tmp_path, capsys):
    reference = tmp_path / "reference.json"
    assert main(["regress", str(store / "old"), "--record", str(reference)]) == 0
    assert "blind" not in json.loads(reference.read_text())["systems"][0]["runs"][0]
    assert main(["regress", str(store / "again"), "--against", str(reference)]) == 0
    assert "not recorded" in capsys.readouterr().out


def test_a_reference_with_other_answers_than_questions_is_refused(store, tmp_path, capsys):
    reference = tmp_path / "reference.json"
    main(["regress", str(store / "copy"), "--record", str(reference)])
    content = json.loads(reference.read_text())
    content["systems"][0]["runs"][0]["blind"]["right"] += "1"
    reference.write_text(json.dumps(content))
    capsys.readouterr()
    assert main(["regress", str(store / "again"), "--against", str(reference)]) == 2
    assert "expected 200 values, found 201" in capsys.readouterr().err
