"""A log with overwritten bytes: the damage is reported, the rest is kept."""

import random
import re

import pytest

from anatomy_r1.cli.main import main
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.response_log.log import ResponseLog, salvage
from anatomy_r1.response_log.sqlite_file import recover
from tests.helpers.chat_server import MODEL, serving
from tests.helpers.logs import MAKERS, read, responses

PAGE = 4096


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Bytes of a log of 600 responses, and what is in it."""
    path = tmp_path_factory.mktemp("whole") / "log"
    with ResponseLog(path) as log:
        log.add(responses(600))
        log.add_run({"seed": 0})
        rows = list(log.rows())
    return path.read_bytes(), rows


def overwrite(path, content, start, damage):
    path.write_bytes(content[:start] + damage + content[start + len(damage) :])


DAMAGE = {"zeros": bytes(300), "noise": random.Random(0).randbytes(300), "letters": b"A" * 40}


def test_no_overwritten_bytes_pass_for_the_log_that_was_written(whole, tmp_path):
    content, rows = whole
    counts = []
    for start in range(PAGE, len(content) - 300, 7 * 997):  # a prime, so that all places in a page are met
        overwrite(tmp_path / "log", content, start, list(DAMAGE.values())[start % 3])
        try:
            assert read(tmp_path / "log")[0] == rows, "room that holds nothing"
        except AnatomyR1Error as error:
            reported = re.search(
                rf"{tmp_path / 'log'}: damaged .*; (\d+) responses can still be read. Fix: `", str(error)
            )
            counts.append(int(reported[1]))
    assert len(counts) > 10
    # One page of rows is about 17; a page higher up the tree has the pages below it go with it
    assert sorted(counts)[len(counts) // 5] >= 600 - 2 * 17
    assert 599 in counts


@pytest.mark.parametrize("name", DAMAGE)
def test_only_what_was_written_is_saved(whole, tmp_path, name):
    content, rows = whole
    overwrite(tmp_path / "log", content, len(content) * 3 // 4, DAMAGE[name] * 30)
    found, _ = recover(tmp_path / "log")
    assert set(found) < set(rows)
    assert len(found) > 400


def test_one_changed_letter_is_noticed_by_readers_and_by_a_resumed_run(whole, tmp_path):
    content, rows = whole
    place = content.index(b"<think> 300 </think> B") + len("<think> 300 </think> ")
    overwrite(tmp_path / "log", content, place, b"C")
    with ResponseLog(tmp_path / "log") as log:
        with pytest.raises(AnatomyR1Error, match=r"row of question 'VID/300' is not as it was written.*599 responses"):
            list(log.rows())
        key = next(one.key for one in rows if one.key.question_id == "VID/300")
        with pytest.raises(AnatomyR1Error, match="VID/300"):
            log.get([key])
        with pytest.raises(AnatomyR1Error, match="VID/300"):
            log.export(tmp_path / "log.parquet")
        assert len(log.get(one.key for one in rows if one.key != key)) == 599


def test_a_changed_plan_is_noticed(whole, tmp_path):
    content, _ = whole
    overwrite(tmp_path / "log", content, content.index(b'{"seed": 0}') + 9, b"7")
    with pytest.raises(AnatomyR1Error, match=r"plan of run .* is not as it was written"):
        read(tmp_path / "log")
    assert salvage(tmp_path / "log", tmp_path / "saved").runs == 0


def test_salvage_keeps_what_is_whole_and_leaves_the_damaged_log_alone(whole, tmp_path):
    content, rows = whole
    overwrite(tmp_path / "log", content, len(content) // 2, bytes(PAGE))
    damaged = (tmp_path / "log").read_bytes()
    saved = salvage(tmp_path / "log", tmp_path / "saved")
    assert (tmp_path / "log").read_bytes() == damaged
    found, runs = read(tmp_path / "saved")
    assert saved.responses == len(found)
    assert 540 < len(found) < 600
    assert found == [one for one in rows if one in set(found)]
    assert list(runs.values()) == [{"seed": 0}]
    # A reader's own files beside a log in WAL mode
    beside = {f"{name}-{kind}" for name in ("log", "saved") for kind in ("wal", "shm")}
    assert {path.name for path in tmp_path.iterdir()} - beside == {"log", "saved"}
    with pytest.raises(AnatomyR1Error, match="saved: exists already"):
        salvage(tmp_path / "log", tmp_path / "saved")


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_what_a_killed_run_left_does_not_get_into_a_new_log(tmp_path, make):
    first, other = responses(3)[:2], responses(3)[2:]
    for name, some in (("log", first), ("new.tmp", other)):
        with ResponseLog(tmp_path / name) as log:
            log.add(some)
    make(tmp_path / "log", tmp_path / "new")
    assert read(tmp_path / "new")[0] == first
    assert not list(tmp_path.glob("new.tmp*"))


@pytest.mark.parametrize(
    "content", [b"my thesis", b"SQLite format 3\0" + bytes(4096), None], ids=["text", "head", "none"]
)
def test_nothing_to_salvage_makes_no_file(tmp_path, content):
    if content:
        (tmp_path / "log").write_bytes(content)
    with pytest.raises(AnatomyR1Error, match="log: nothing can be read"):
        salvage(tmp_path / "log", tmp_path / "saved")
    assert not (tmp_path / "saved").exists()


def test_a_truncated_log_is_reported(whole, tmp_path):
    content, rows = whole
    (tmp_path / "log").write_bytes(content[: len(content) * 2 // 3])
    with pytest.raises(AnatomyR1Error, match=r"log: damaged .*; \d+ responses can still be read"):
        read(tmp_path / "log")
    found, _ = recover(tmp_path / "log")
    assert set(found) < set(rows)
    assert found


@pytest.mark.slow
def test_score_and_evaluate_say_so_and_the_salvaged_log_is_completed(data, tmp_path, capsys):
    arguments = ["evaluate", "sgg_anatomy_mini", "--data", str(data), "--model", MODEL, "--max-new-tokens", "24"]
    with serving() as server:
        arguments += ["--engine", "server", "--base-url", server.url, "--log"]
        assert main([*arguments, str(tmp_path / "log")]) == 0
        assert main(["score", str(tmp_path / "log"), "--data", str(data), "--json"]) == 0
        before = capsys.readouterr().out.partition("{")[2]
        content = (tmp_path / "log").read_bytes()
        overwrite(tmp_path / "log", content, content.rindex(b"<answer>") - 200, random.Random(1).randbytes(900))
        for command in (["score", str(tmp_path / "log"), "--data", str(data)], [*arguments, str(tmp_path / "log")]):
            assert main(command) == 2
            error = capsys.readouterr().err
            assert f"error: {tmp_path / 'log'}: damaged" in error
            assert "Traceback" not in error
        fix = re.search("Fix: `anatomy-r1 (log salvage .*?)`", error)[1].split()
        assert main(fix) == 0
        saved, asked = fix[-1], sum(server.asked.values())
        kept = int(re.search(r"(\d+) responses and 1 runs kept", capsys.readouterr().out)[1])
        assert 0 < kept < 144
        assert main([*arguments, saved]) == 0
        assert sum(server.asked.values()) - asked == 144 - kept
        assert main(["score", saved, "--data", str(data), "--json"]) == 0
        assert capsys.readouterr().out.partition("{")[2].endswith(before)
