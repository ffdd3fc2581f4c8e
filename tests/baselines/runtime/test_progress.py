"""Progress files are complete, and a stage that does not count its steps is estimated but never done."""

import pytest

from baselines.runtime.progress import Progress, read_progress, reporter, share_done, write_progress


def test_what_is_written_is_read(tmp_path):
    write_progress(tmp_path / "train" / "a" / "b.json", Progress("a/b", "failed", reason="x: y", log="l"))
    (found,) = read_progress(tmp_path)
    assert (found.name, found.state, found.reason, found.log) == ("a/b", "failed", "x: y", "l")
    assert found.unix_time > 0


def test_the_last_step_is_always_reported(tmp_path):
    report = reporter(tmp_path / "x.json", "x", every=1000.0)
    for step in range(1, 6):
        report(step, 5)
    assert read_progress(tmp_path)[0].done == 5


@pytest.mark.parametrize(
    ("why", "progress", "share"),
    [
        ("done", Progress("x", "done"), 1.0),
        ("counted", Progress("x", "running", 3, 4, unix_time=0.0), 0.75),
        ("guessed from its usual length", Progress("x", "running", 0, 1, unix_time=90.0), 0.1),
        ("a guess never says done", Progress("x", "running", 0, 1, unix_time=0.0), 0.95),
    ],
)
def test_share_done(why, progress, share):
    assert share_done(progress, expected=100.0, now=100.0) == pytest.approx(share)
