"""The response log: what a key covers, conflicts, the writer's lock, kill -9, export."""

import dataclasses
import os
import signal
import subprocess
import sys
import textwrap

import pytest

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.response_log.log import ResponseLog
from anatomy_r1.response_log.response import COLUMNS, Response, ResponseKey

KEY = ResponseKey("sgg_anatomy_mini", "VID01/1/3", 0, "sample", "p", "i", "w", "{}", 0)


def response(text="B", **changes):
    return Response(dataclasses.replace(KEY, **changes), text, "stop", prompt_tokens=7, tokens=3, seconds=0.5)


def test_what_is_added_comes_back_whole(tmp_path):
    one = response(text="naïve\n<answer> B </answer>\x00")
    with ResponseLog(tmp_path / "log") as log:
        log.add([one])
        assert log.get([one.key, dataclasses.replace(KEY, seed=9)]) == {one.key: one}
        assert list(log.rows()) == [one]


OTHER = {
    "benchmark": "omnimed_mi_mini", "question_id": "x", "repeat": 1, "decoding": "greedy", "prompt_hash": "x",
    "image_hash": "x", "weights": "x", "sampling": '{"temperature": 0.5}', "seed": 1,
}  # fmt: skip


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(ResponseKey)])
def test_every_field_makes_another_key(tmp_path, name):
    with ResponseLog(tmp_path / "log") as log:
        log.add([response()])
        assert log.get([dataclasses.replace(KEY, **{name: OTHER[name]})]) == {}


def test_same_key_same_text_is_kept_once_and_another_text_is_refused(tmp_path):
    with ResponseLog(tmp_path / "log") as log:
        log.add([response()])
        log.add([response()])
        with pytest.raises(AnatomyR1Error, match="VID01/1/3, sample 0 is logged with another text"):
            log.add([response(repeat=1), response(text="C")])
        assert [one.text for one in log.rows()] == ["B"], "nothing of a refused batch is kept"


def test_rows_come_in_the_order_of_keys_not_of_writing(tmp_path):
    for name, repeats in (("a", [0, 1, 2]), ("b", [2, 0, 1])):
        with ResponseLog(tmp_path / name) as log:
            log.add([response(repeat=repeat) for repeat in repeats])
    with ResponseLog(tmp_path / "a", read_only=True) as a, ResponseLog(tmp_path / "b", read_only=True) as b:
        assert list(a.rows()) == list(b.rows())


def test_more_keys_than_sqlite_takes_parameters(tmp_path):
    with ResponseLog(tmp_path / "log") as log:
        many = [response(question_id=str(number)) for number in range(1201)]
        log.add(many)
        assert len(log.get(one.key for one in many)) == 1201


def test_second_writer_is_refused_with_the_name_of_the_first_but_readers_are_welcome(tmp_path):
    with ResponseLog(tmp_path / "log") as log:
        log.add([response()])
        with pytest.raises(AnatomyR1Error, match=rf"process {os.getpid()} on .* is writing"):
            ResponseLog(tmp_path / "log", wait=0.2)
        with ResponseLog(tmp_path / "log", read_only=True) as reader:
            assert len(list(reader.rows())) == 1
    ResponseLog(tmp_path / "log").close()


def test_committed_responses_survive_kill_9_and_the_lock_does_not(tmp_path):
    program = """
        import os, signal, sys
        from pathlib import Path
        from anatomy_r1.response_log.response import Response, ResponseKey
        from anatomy_r1.response_log.log import ResponseLog
        log = ResponseLog(Path(sys.argv[1]))
        for repeat in range(100):
            log.add([Response(ResponseKey("b", "q", repeat, "sample", "p", "i", "w", "{}", 0), "B", "stop")])
            if repeat == 30:
                os.kill(os.getpid(), signal.SIGKILL)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(program), str(tmp_path / "log")], check=False)
    assert done.returncode == -signal.SIGKILL
    with ResponseLog(tmp_path / "log") as log:
        assert [one.key.repeat for one in log.rows()] == list(range(31))


def test_a_file_that_is_no_log_is_refused_and_left_alone(tmp_path):
    (tmp_path / "log").write_text("my thesis")
    with pytest.raises(AnatomyR1Error, match="not a response log"):
        ResponseLog(tmp_path / "log")
    assert (tmp_path / "log").read_text() == "my thesis"
    with pytest.raises(AnatomyR1Error, match="no such response log"):
        ResponseLog(tmp_path / "none", read_only=True)


def test_parquet_export_has_every_column_and_row(tmp_path):
    import pandas as pd

    with ResponseLog(tmp_path / "log") as log:
        log.add([response(repeat=repeat) for repeat in range(5)])
        log.export(tmp_path / "log.parquet")
    table = pd.read_parquet(tmp_path / "log.parquet")
    assert tuple(table.columns) == COLUMNS
    assert table["repeat"].tolist() == [0, 1, 2, 3, 4]


def test_schema_appears_whole_or_not_at_all(tmp_path):
    """Stopped at each step of its making, the file is one that the next run can start from."""
    import sqlite3

    from anatomy_r1.response_log import sqlite_file as log_file

    class Stopping:
        def __init__(self, real, left):
            self.real, self.left = real, left

        def execute(self, statement, *more):
            if statement.startswith(("CREATE", "PRAGMA user_version =")):
                self.left -= 1
                if self.left < 0:
                    raise KeyboardInterrupt
            return self.real.execute(statement, *more)

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.real.close()  # as a killed process would: no commit, no rollback

    connect = sqlite3.connect
    for left in range(3):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(log_file.sqlite3, "connect", lambda *a, n=left, **k: Stopping(connect(*a, **k), n))
            with pytest.raises(KeyboardInterrupt):
                log_file.connect(tmp_path / "log", False)
        ResponseLog(tmp_path / "log").close()
        (tmp_path / "log").unlink()


@pytest.mark.parametrize("version", [1, 2, 3, 5])
def test_a_log_of_another_format_is_refused_and_left_alone(tmp_path, version):
    import sqlite3

    with ResponseLog(tmp_path / "log") as log:
        log.add([response()])
    with sqlite3.connect(tmp_path / "log") as db:
        db.execute(f"PRAGMA user_version = {version}")
    db.close()
    before = (tmp_path / "log").read_bytes()
    for read_only in (False, True):
        with pytest.raises(AnatomyR1Error, match=rf"not a response log of format 4\. Fix: .*it has format {version}"):
            ResponseLog(tmp_path / "log", read_only=read_only)
    assert (tmp_path / "log").read_bytes() == before


def test_rows_lie_in_the_file_in_the_order_of_writing(tmp_path):
    """So that a batch touches the file's last pages only; by digest, each response would touch one of its own."""
    order = [5, 0, 3, 1, 4, 2]
    with ResponseLog(tmp_path / "log") as log:
        for repeat in order:
            log.add([response(repeat=repeat)])
        assert [repeat for (repeat,) in log._db.execute("SELECT repeat FROM responses ORDER BY rowid")] == order


@pytest.mark.parametrize("where", ["in one batch", "in two", "after it was opened again"])
def test_a_key_is_kept_once_although_the_file_has_no_index(tmp_path, where):
    one, other = response(), response(repeat=1)
    with ResponseLog(tmp_path / "log") as log:
        log.add([one, other, one] if where == "in one batch" else [one, other])
        if where == "in two":
            log.add([one])
    with ResponseLog(tmp_path / "log") as log:
        log.add([other, one])
        assert list(log.rows()) == [one, other]
        with pytest.raises(AnatomyR1Error, match="logged with another text"):
            log.add([response(repeat=2), response(repeat=2, text="C")])
        assert len(list(log.rows())) == 2


def test_a_reader_finds_what_the_writer_adds_later(tmp_path):
    with ResponseLog(tmp_path / "log") as log, ResponseLog(tmp_path / "log", read_only=True) as reader:
        assert reader.get([KEY]) == {}
        log.add([response()])
        assert reader.get([KEY]) == {KEY: response()}


def test_what_was_not_committed_is_not_known(tmp_path):
    """After a full disk the same batch is added, and found, again."""
    with ResponseLog(tmp_path / "log") as log:
        log.add([response()])
        (pages,) = log._db.execute("PRAGMA page_count").fetchone()
        log._db.execute(f"PRAGMA max_page_count = {pages}")
        many = [response(question_id=str(number)) for number in range(200)]
        with pytest.raises(AnatomyR1Error, match="cannot be written"):
            log.add(many)
        assert log.get(one.key for one in many) == {}
        log._db.execute("PRAGMA max_page_count = 100000")
        log.add(many)
        assert log.get(one.key for one in many) == {one.key: one for one in many}


@pytest.mark.parametrize(
    ("text", "fields", "whole"),
    [
        ("<answer>B</answer>", {}, "<answer>B</answer>"),
        ("x</think><answer>B</answer>", {"opened": "<think>"}, "<think>x</think><answer>B</answer>"),
        ("<answer>B</answer>", {"reasoning": "x"}, "<think>x</think><answer>B</answer>"),
        ("", {"reasoning": "x", "finish_reason": "length"}, "<think>x"),
        ("<answer>B", {"reasoning": "x", "finish_reason": "length"}, "<think>x</think><answer>B"),
        ("", {"reasoning": "x"}, "<think>x"),
    ],
    ids=["plain", "the prompt opened it", "kept apart", "cut off in reasoning", "cut off in the answer", "no answer"],
)
def test_the_full_text_does_not_depend_on_how_prompt_and_server_divided_it(text, fields, whole):
    assert dataclasses.replace(response(text=text), **fields).full_text == whole
