"""Files and folders appear whole or not at all; locks are released when their holder dies."""

import multiprocessing
import os
import signal
import time

import pytest

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.files import atomic_file, atomic_folder, file_sha256, identity_of, write_output
from anatomy_r1.locks import FileLock, locked, try_lock


def test_a_file_is_replaced_only_when_it_is_complete(tmp_path):
    path = tmp_path / "a" / "file.txt"
    with atomic_file(path) as new:
        new.write_text("old")
    with pytest.raises(ZeroDivisionError), atomic_file(path) as new:
        new.write_text("half")
        raise ZeroDivisionError
    assert path.read_text() == "old" and list(path.parent.iterdir()) == [path]


def test_a_folder_is_replaced_only_when_it_is_complete(tmp_path):
    path = tmp_path / "folder"
    for content in ("first", "second"):
        with atomic_folder(path) as new:
            (new / "file.txt").write_text(content)
    with pytest.raises(ZeroDivisionError), atomic_folder(path) as new:
        (new / "other.txt").touch()
        raise ZeroDivisionError
    assert [one.name for one in path.iterdir()] == ["file.txt"] and (path / "file.txt").read_text() == "second"
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_process_left_is_removed_first(tmp_path):
    (tmp_path / ".folder.tmp").mkdir()
    (tmp_path / ".folder.tmp" / "left over").touch()
    with atomic_folder(tmp_path / "folder") as new:
        assert list(new.iterdir()) == []
    assert [one.name for one in tmp_path.iterdir()] == ["folder"]


def test_an_output_that_cannot_be_written_is_an_error_with_its_path(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(AnatomyR1Error, match=r"file/below\.txt: cannot be written .* Fix: check disk space"):
        write_output(tmp_path / "file" / "below.txt", "text")


def test_hashes(tmp_path):
    one, two = tmp_path / "a", tmp_path / "b"
    one.write_bytes(b"abc")
    two.write_bytes(b"")
    assert file_sha256(one) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2, B.1
    assert identity_of([one, two]) == identity_of([two, one]) != identity_of([one])


def hold(path, taken):
    with locked(path):
        taken.set()
        time.sleep(60)


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_lock_is_waited_for_and_released_by_a_kill(tmp_path, kind):
    path = tmp_path / "lock"
    if kind == "folder":
        path.mkdir()
    context = multiprocessing.get_context("fork")
    taken = context.Event()
    holder = context.Process(target=hold, args=(path, taken))
    holder.start()
    assert taken.wait(30)
    if kind == "file":
        with path.open("a") as file:
            assert not try_lock(file)
        with pytest.raises(AnatomyR1Error, match=r"is writing\. Fix: wait until it is done"):
            FileLock(path)
    os.kill(holder.pid, signal.SIGKILL)
    with locked(path):  # returns once the holder is dead
        holder.join(30)
    assert not holder.is_alive()


def test_the_folder_that_a_link_leads_to_is_replaced(tmp_path):
    (tmp_path / "disk" / "folder").mkdir(parents=True)
    link = tmp_path / "folder"
    link.symlink_to(tmp_path / "disk" / "folder")
    for content in ("first", "second"):
        with atomic_folder(link) as new:
            (new / "file.txt").write_text(content)
    assert link.is_symlink() and (tmp_path / "disk" / "folder" / "file.txt").read_text() == "second"
    assert [one.name for one in tmp_path.iterdir() if one.name.startswith(".")] == []
    assert [one.name for one in (tmp_path / "disk").iterdir()] == ["folder"]
