"""What an engine must hand back: a response to each job it was given, and to nothing else."""

import dataclasses

import pytest

from anatomy_r1.engines.logged import answer
from anatomy_r1.engines.requests import Job
from anatomy_r1.engines.sampling import Sampling
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.responses import ResponseLog
from tests.eval.test_log_damage import responses

MADE = responses(6)
JOBS = [Job(one.key, Sampling("sample", 1.0, 8), "prompt", [], "think", "real", "") for one in MADE]


@pytest.fixture
def log(tmp_path):
    with ResponseLog(tmp_path / "log") as opened:
        yield opened


def test_texts_come_in_the_order_of_the_jobs_whatever_the_engine_does(log):
    texts, made = answer(JOBS, log, lambda _: [MADE[4:], MADE[:4][::-1]], progress=False)
    assert (texts, made) == ([one.text for one in MADE], 6)


def test_a_response_left_out_is_an_error_with_a_count_and_the_others_are_kept(log):
    with pytest.raises(AnatomyR1Error, match=r"left 2 of 6 responses out, the first to question VID/4"):
        answer(JOBS, log, lambda _: [MADE[:4]], progress=False)
    assert len(list(log.rows())) == 4
    texts, made = answer(JOBS, log, lambda groups: [MADE[4:]] if len(groups) == 2 else [], progress=False)
    assert (texts, made) == ([one.text for one in MADE], 2)


def test_a_response_that_nobody_asked_for_is_not_logged(log):
    foreign = dataclasses.replace(MADE[0], key=dataclasses.replace(MADE[0].key, question_id="VID/99"))
    with pytest.raises(AnatomyR1Error, match="was not asked: question VID/99"):
        answer(JOBS, log, lambda _: [[*MADE[:5], foreign]], progress=False)
    assert not list(log.rows())
