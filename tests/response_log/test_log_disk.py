"""A log on a full disk, below a file, or in a read-only folder: the error is reported, earlier rows are kept."""

import os
import subprocess
import threading

import pytest

from anatomy_r1.cli.main import main
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.response_log.log import ResponseLog
from tests.helpers.chat_server import MODEL, serving
from tests.helpers.logs import MAKERS, read, responses

PAGE = 4096


def test_a_full_log_keeps_earlier_rows_and_none_of_the_batch_that_did_not_fit(tmp_path):
    with ResponseLog(tmp_path / "log") as log:
        log.add(responses(20))
        (pages,) = log._db.execute("PRAGMA page_count").fetchone()
        log._db.execute(f"PRAGMA max_page_count = {pages + 1}")
        with pytest.raises(AnatomyR1Error, match=r"log: cannot be written \(.*full\)\. Fix: check disk space"):
            log.add(responses(400)[20:])
        with pytest.raises(AnatomyR1Error, match="log: cannot be written"):
            log.add_plans(["x" * 3 * PAGE])
        log._db.execute("PRAGMA max_page_count = 100000")
        assert len(list(log.rows())) == 20
        log.add(responses(400))
        assert len(list(log.rows())) == 400


def test_a_log_below_a_file_is_refused(tmp_path, data, capsys):
    (tmp_path / "file").write_text("")
    arguments = ["evaluate", "sgg_anatomy_mini", "--data", str(data), "--model", MODEL, "--engine", "server"]
    with serving() as server:
        arguments += ["--base-url", server.url, "--limit", "1"]
        assert main([*arguments, "--log", str(tmp_path / "file" / "log")]) == 2
        assert f"error: {tmp_path / 'file' / 'log'}: cannot be written" in capsys.readouterr().err
        assert main([*arguments, "--log", str(tmp_path / "log"), "--results", str(tmp_path / "file" / "r.json")]) == 2
        error = capsys.readouterr().err
        assert f"error: {tmp_path / 'file' / 'r.json'}: cannot be written" in error
        assert "responses are kept" in error
    assert len(read(tmp_path / "log")[0]) == 6


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_a_new_log_below_a_file_is_refused(tmp_path, make):
    with ResponseLog(tmp_path / "log") as log:
        log.add(responses(1))
    with pytest.raises(AnatomyR1Error, match="cannot be written"):
        make(tmp_path / "log", tmp_path / "log" / "new")


@pytest.fixture
def frozen(tmp_path):
    """A folder with a log, that cannot be written; also for root, who ignores permissions."""
    folder = tmp_path / "frozen"
    folder.mkdir()
    with ResponseLog(tmp_path / "log") as log:
        log.add(responses(20))
    (folder / "log").write_bytes((tmp_path / "log").read_bytes())
    if os.geteuid():
        folder.chmod(0o500)
    elif subprocess.run(["chattr", "+i", str(folder)], capture_output=True, check=False).returncode:
        pytest.skip("this file system cannot make a folder immutable, and root ignores its rights")
    yield folder
    if os.geteuid():
        folder.chmod(0o700)
    else:
        subprocess.run(["chattr", "-i", str(folder)], check=True)


def test_a_log_in_a_folder_that_cannot_be_written_is_read_but_not_written(frozen):
    assert set(read(frozen / "log")[0]) == set(responses(20))
    with pytest.raises(AnatomyR1Error, match=r"log: cannot be written \(.*(permitted|denied).*\)\. Fix: check"):
        ResponseLog(frozen / "log")
    unwritten = pytest.raises(AnatomyR1Error, match=r"log\.parquet: cannot be written")
    with ResponseLog(frozen / "log", read_only=True) as log, unwritten:
        log.export(frozen / "log.parquet")


def test_a_lock_that_is_held_is_waited_for(tmp_path):
    log = ResponseLog(tmp_path / "log")
    log.add(responses(1))
    threading.Timer(0.2, log._lock.release).start()
    with ResponseLog(tmp_path / "log", wait=20) as second:
        assert len(list(second.rows())) == 1
    log.close()
