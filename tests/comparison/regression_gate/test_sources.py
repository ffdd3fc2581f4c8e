"""What `anatomy-r1 regress` reads: reference files, response logs, submissions; and what it refuses."""

import json

import pytest

from anatomy_r1.comparison.regression_gate.sources import load
from anatomy_r1.response_log.log import ResponseLog
from tests.comparison.regression_gate.conftest import cells, found, regress
from tests.comparison.test_compare_sources import MINI
from tests.helpers.made_logs import write_log
from tests.helpers.small_set import write_set


def test_a_reference_file_gives_the_same_verdicts_as_its_source(at, tmp_path, capsys):
    file = tmp_path / "reference.json"
    assert regress(at("good"), "--record", file) == 0
    assert "5 runs of 1000 questions" in capsys.readouterr().out
    assert at("good") not in file.read_text(), "a committed file names no folder of ours"
    verdicts = []
    for reference in (at("good"), file):
        assert regress(at("worse"), "--against", reference, "--out", tmp_path / "g.json") == 1
        (pair,) = found(tmp_path / "g.json")["pairs"]
        verdicts.append({key: pair[key] for key in ("judged", "shown", "lost", "gained")})
    assert verdicts[0] == verdicts[1]
    regress(at("good"), "--record", tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == file.read_bytes()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text[:-40],
        lambda text: text.replace('"anatomy_r1_reference": 1', '"anatomy_r1_reference": 9'),
        lambda text: text.replace('"greedy": "1', '"greedy": "7').replace('"greedy": "0', '"greedy": "7'),
        lambda text: text.replace('"q0001"', '"q0000"'),
        lambda text: text.replace('"seed": 1', '"seed": 0'),
        lambda text: text.replace('"questions": {\n"id"', '"questions": {\n"ids"'),
        lambda text: text.replace('"greedy": "1', '"greedy": "').replace('"greedy": "0', '"greedy": "'),
        lambda text: text.replace('"seed": 1', '"seed": "1"'),
        lambda text: text.replace('"seed": 1', '"seed": 1, "seed": 7'),
    ],
    ids=["cut off", "version", "digit", "question twice", "seed twice", "entry", "digits lacking", "type", "key twice"],
)
def test_a_damaged_reference_is_refused(at, tmp_path, capsys, spoil):
    file = tmp_path / "reference.json"
    regress(at("good"), "--record", file)
    text = file.read_text()
    assert spoil(text) != text
    file.write_text(spoil(text))
    capsys.readouterr()
    assert regress(at("same"), "--against", file) == 2
    assert "reference.json" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda file: file.update(systems=[]), "systems: should have at least 1 item"),
        (lambda file: file.update(systems=file["systems"] * 2), "is recorded twice"),
        (lambda file: file.update(sytems=[]), "unknown key 'sytems' (did you mean 'systems'?)"),
        (lambda file: file["systems"][0].update(runs=[]), "runs: should have at least 1 item"),
        (lambda file: file["systems"][0]["runs"][0].update(seed=True), "seed: should be a valid integer, found True"),
        (lambda file: file["systems"][0]["runs"][0].update(seed=float("nan")), "NaN is no number of JSON"),
        (lambda file: file["systems"][0]["runs"][0].update(parsed="0" * 1000), "right responses, but 0 parsed"),
        (
            lambda file: file["systems"][0]["questions"].update(id=[], cluster=[], category=[]),
            "has no questions",
        ),
    ],
    ids=[
        "no system", "a system twice", "a misspelt key", "no run", "a boolean", "no number", "more right than read",
        "no questions",
    ],
)  # fmt: skip
def test_case_11_a_reference_that_contradicts_itself_is_refused(at, tmp_path, capsys, spoil, message):
    file = tmp_path / "reference.json"
    regress(at("good"), "--record", file)
    content = json.loads(file.read_text())
    spoil(content)
    file.write_text(json.dumps(content))
    capsys.readouterr()
    assert regress(at("same"), "--against", file) == 2
    said = capsys.readouterr().err
    assert f"{file}: not a valid reference: " in said
    assert message in said


def test_means_over_rotations_cannot_be_recorded(tmp_path, capsys):
    """A file holds right or wrong; a share of a question's rotations must not become a wrong answer in it."""
    turned = MINI / "sgg_anatomy_mini" / "mini-l" / "zero-shot@rotations" / "matched"
    assert regress(turned, "--record", tmp_path / "r.json") == 2
    assert "Fix: keep the result itself" in capsys.readouterr().err
    assert not (tmp_path / "r.json").exists()


def test_a_submission_that_does_not_record_truncation_is_judged_by_the_other_metrics(at, tmp_path, chance, capsys):
    theirs = cells(tmp_path, "theirs", chance, [10], "w0", truncated=float("nan"))
    assert regress(theirs, "--against", at("good"), "--out", tmp_path / "g.json") == 0
    assert "truncated" not in {one["metric"] for one in found(tmp_path / "g.json")["pairs"][0]["shown"]}
    assert regress(theirs, "--against", at("good"), "--metrics", "truncated") == 2
    assert "truncated is not known for every run" in capsys.readouterr().err
    assert regress(theirs, "--record", tmp_path / "r.json") == 2


@pytest.fixture(scope="module")
def logs(tmp_path_factory):
    """Two runs of the same weights in one log, a third one elsewhere, and one that lacks a response."""
    folder = tmp_path_factory.mktemp("logs")
    data = write_set(folder)
    for seed in (0, 1):
        write_log(folder / "old.sqlite", data, "w0", lambda i, r, seed=seed: (i + r + seed) % 3 > 0, seed=seed)
    write_log(folder / "new.sqlite", data, "w0", lambda i, r: False, seed=2)
    with ResponseLog(folder / "new.sqlite", read_only=True) as log:
        rows, plan = list(log.rows()), next(iter(log.runs().values()))
    with ResponseLog(folder / "cut.sqlite") as log:
        log.add(rows[:-1])
        log.add_run(plan)
    return folder, data


def test_response_logs_all_runs_of_one_are_repeats(logs, tmp_path, capsys):
    folder, data = logs
    assert regress(folder / "old.sqlite", "--data", data, "--record", tmp_path / "r.json") == 0
    (system,) = load([str(tmp_path / "r.json")], None)
    assert [run.seed for run in system.runs] == [0, 1]
    assert regress(folder / "new.sqlite", "--data", data, "--against", tmp_path / "r.json") == 1
    assert "avg@5 fell by 66.67 points (66.67 to 0.00)" in capsys.readouterr().out


def test_an_incomplete_log_exits_with_3(logs, capsys):
    folder, data = logs
    assert regress(folder / "cut.sqlite", "--data", data, "--against", folder / "old.sqlite") == 3
    assert "1 responses missing" in capsys.readouterr().err


def test_a_log_without_its_data_is_refused_with_a_fix(logs, capsys):
    assert regress(logs[0] / "new.sqlite", "--against", logs[0] / "old.sqlite") == 2
    assert "--data DIR" in capsys.readouterr().err


def test_load_names_a_result_once(at):
    with pytest.raises(ValueError, match="named twice"):
        load([at("good"), at("good", 1)], None)
