"""What stands around a question's text in the prompts of a run; and one writer, one file, whatever the names."""

import json
import shutil

import pytest

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.response_log.frame import Frame
from anatomy_r1.response_log.log import ResponseLog, merge, salvage
from tests.helpers.logs import responses

TEXT = 'Choose "one":\nA. Liver\nB. Voie d\u00e9licate'


@pytest.mark.parametrize(
    "around",
    [
        lambda text: f"<|user|>{text}<|end|>",
        lambda text: f"<|user|>{text.strip()}<|end|>",
        lambda text: json.dumps([{"content": text}], ensure_ascii=False),
    ],
    ids=["template", "a template that strips", "messages"],
)
def test_the_frame_of_one_prompt_tells_the_prompt_of_another_question(around):
    frame = Frame.of(around(TEXT), TEXT)
    assert Frame.read(frame.as_json()) == frame
    assert around("What\nis this ? ") in frame.prompts_of("What\nis this ? ")
    assert around("Where\nis it ?") not in frame.prompts_of("What\nis this ?")


def test_without_the_text_or_with_it_twice_there_is_no_frame():
    assert Frame.of("<|user|>other<|end|>", TEXT) is None
    assert Frame.of(f"{TEXT} {TEXT}", TEXT) is None


def test_frames_are_kept_by_merge_and_salvage(tmp_path):
    frames = [Frame("a", "b"), Frame("c", "d", escaped=True)]
    for number, frame in enumerate(frames):
        with ResponseLog(tmp_path / f"{number}") as log:
            log.add(responses(number + 1))
            log.add_frame("run", frame)
            log.add_frame("run", frame)
    merge([tmp_path / "0", tmp_path / "1"], tmp_path / "both")
    salvage(tmp_path / "both", tmp_path / "saved")
    for name in ("both", "saved"):
        with ResponseLog(tmp_path / name, read_only=True) as log:
            assert (log.frames("run"), log.frames("other"), log.provenance("run")) == (frames, [], [])


def test_a_log_has_one_writer_also_through_a_link(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere" / "log")
    with ResponseLog(tmp_path / "elsewhere" / "log"), pytest.raises(AnatomyR1Error, match="is writing"):
        ResponseLog(tmp_path / "link")


def test_a_merged_log_is_not_put_beside_what_a_killed_run_had_not_yet_moved_into_its_file(tmp_path):
    """SQLite would read the pages of the earlier log in place of those that were merged."""
    with ResponseLog(tmp_path / "whole") as log:
        log.add(responses(5))
        shutil.copy(tmp_path / "whole-wal", tmp_path / "kept")
    (tmp_path / "whole").unlink()
    (tmp_path / "kept").rename(tmp_path / "whole-wal")
    with ResponseLog(tmp_path / "part") as log:
        log.add(responses(30))
    with pytest.raises(AnatomyR1Error, match=r"whole-wal: exists already. Fix: name a new file"):
        merge([tmp_path / "part"], tmp_path / "whole")
    merge([tmp_path / "part"], tmp_path / "new")
    with ResponseLog(tmp_path / "new", read_only=True) as log:
        assert len(list(log.rows())) == 30
