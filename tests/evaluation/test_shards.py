"""Parts of an evaluation: each question in exactly one, and logs that disagree are not mixed."""

import dataclasses

import pytest

from anatomy_r1.cli.main import main
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.evaluation.config import Shard
from anatomy_r1.response_log.log import ResponseLog, merge
from tests.helpers.logs import responses


@pytest.mark.parametrize(("total", "count"), [(1, 1), (10, 3), (24, 24), (7, 2)])
def test_every_question_is_in_exactly_one_part(total, count):
    parts = [Shard(number, count).questions(total) for number in range(1, count + 1)]
    assert sorted(place for part in parts for place in part) == list(range(total))


@pytest.mark.parametrize("text", ["0/4", "5/4", "2", "2/", "/4", "-1/4", "2/4/8", "1/0", "two/four"])
def test_what_is_no_part_is_refused_with_an_example(text):
    with pytest.raises(ValueError, match=r"2/4"):
        Shard.read(text)


def test_a_part_without_questions_is_refused():
    with pytest.raises(AnatomyR1Error, match="at most 3 shards"):
        Shard(4, 4).questions(3)


def logged(path, some, plan):
    with ResponseLog(path) as log:
        log.add(some)
        log.add_run(plan)
    return path


def test_a_merged_log_holds_each_response_once_and_every_run(tmp_path):
    made = responses(30)
    logs = [logged(tmp_path / "a", made[:20], {"n": 1}), logged(tmp_path / "b", made[10:], {"n": 2})]
    assert main(["log", "merge", str(tmp_path / "all"), *map(str, logs)]) == 0
    assert [path.name for path in tmp_path.glob("all*")] == ["all"]
    with ResponseLog(tmp_path / "all", read_only=True) as log:
        found = list(log.rows())
        assert (len(found), set(found)) == (30, set(made))
        assert list(log.runs().values()) == [{"n": 1}, {"n": 2}]


def test_logs_that_disagree_leave_nothing_behind(tmp_path):
    made = responses(3)
    other = [dataclasses.replace(made[2], text="another")]
    logs = [logged(tmp_path / "a", made, {}), logged(tmp_path / "b", other, {})]
    with pytest.raises(AnatomyR1Error, match=r"b disagrees with a log named before it: .* VID/2, sample 0 is logged"):
        merge(logs, tmp_path / "all")
    assert not list(tmp_path.glob("all*"))
    with pytest.raises(AnatomyR1Error, match="no such response log"):
        merge([logs[0], tmp_path / "none"], tmp_path / "all")
    assert not list(tmp_path.glob("all*"))


def test_a_merged_log_never_replaces_a_file(tmp_path):
    log = logged(tmp_path / "a", responses(2), {})
    with pytest.raises(AnatomyR1Error, match="exists already"):
        merge([log], log)
