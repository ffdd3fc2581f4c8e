"""What is asked, when and how often, and what an engine must hand back: a response to each job, to nothing else."""

import dataclasses
from itertools import islice
from types import SimpleNamespace

import pytest

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.evaluation.engines.jobs import Job, JobBuilder, JobQueue, complete_jobs, jobs_from_requests
from anatomy_r1.response_log.log import ResponseLog
from anatomy_r1.response_log.response import Response, Sampling
from tests.helpers import logs

BUILDER = JobBuilder("w", 0, {})


def request(question, sampled=True):
    arguments = {"do_sample": True, "temperature": 1.0} if sampled else {"do_sample": False}
    return SimpleNamespace(args=(f"What is {question} ?", arguments), doc={"id": question}, task_name="t", doc_id=0)


def six(question):
    """As lm-eval clones them: one sampled request five times, then the greedy one."""
    return [request(question)] * 5 + [request(question, sampled=False)]


def responses(group):
    return [Response(job.key, f"{job.key.question_id}{job.key.decoding}{job.key.repeat}", "stop") for job in group]


def run(log, requests, generate, count=None):
    wanted = jobs_from_requests(requests, BUILDER)
    return complete_jobs(wanted, len(requests) if count is None else count, log, generate, progress=False)


def one_by_one(asked):
    """Generates question by question, and notes which."""

    def generate(questions):
        for group in questions:
            asked.append([(job.key.question_id, job.key.decoding, job.key.repeat) for job in group])
            yield responses(group)

    return generate


TEXTS = [*(f"sample{n}" for n in range(5)), "greedy0"]


def test_a_question_s_responses_are_asked_together_and_come_in_the_order_of_the_requests(tmp_path):
    asked = []
    with ResponseLog(tmp_path / "log") as log:
        texts, made = run(log, [*six("a"), *six("b")], one_by_one(asked))
    assert texts == [f"{question}{text}" for question in "ab" for text in TEXTS]
    assert made == 12
    assert [{one[0] for one in group} for group in asked] == [{"a"}, {"b"}]
    assert [len(group) for group in asked] == [6, 6]


def test_the_first_question_is_answered_and_logged_before_the_third_is_read(tmp_path):
    def requests():
        yield from [*six("a"), *six("b")]
        raise InterruptedError("the third question was read")

    def generate(questions):
        for group in questions:
            yield responses(group)

    with ResponseLog(tmp_path / "log") as log:
        with pytest.raises(InterruptedError):
            complete_jobs(jobs_from_requests(requests(), BUILDER), 18, log, generate, progress=False)
        assert {one.key.question_id for one in log.rows()} == {"a"}


def test_what_is_asked_twice_is_made_once_whether_on_its_way_or_in_the_log(tmp_path):
    def all_at_once(questions):
        groups = list(questions)
        asked.extend(groups)
        yield [response for group in groups for response in responses(group)]

    twice = [*six("a"), *six("b"), *six("a")]
    for name, generate in (("one", one_by_one(asked := [])), ("all", all_at_once)):
        asked.clear()
        with ResponseLog(tmp_path / name) as log:
            texts, made = run(log, twice, generate)
            assert texts == [f"{question}{text}" for question in "aba" for text in TEXTS]
            assert (made, sum(map(len, asked)), len(list(log.rows()))) == (12, 12, 12)


def test_a_log_with_all_answers_has_nothing_asked_and_one_with_some_the_others(tmp_path):
    with ResponseLog(tmp_path / "log") as log:
        whole, _ = run(log, [*six("a"), *six("b")], one_by_one([]))
        assert run(log, [*six("a"), *six("b")], one_by_one(asked := [])) == (whole, 0)
        assert asked == []
        kept = [one for one in log.rows() if (one.key.question_id, one.key.repeat) != ("b", 2)]
    with ResponseLog(tmp_path / "parts") as log:
        log.add(kept)
        assert run(log, [*six("a"), *six("b")], one_by_one(asked := [])) == (whole, 1)
    assert asked == [[("b", "sample", 2)]]


def test_one_request_that_comes_again_later_continues_its_repeats():
    same, other = request("a"), request("b")
    found = list(jobs_from_requests([same, same, other, same], BUILDER))
    assert [(job.key.question_id, job.key.repeat) for job in found] == [("a", 0), ("a", 1), ("b", 0), ("a", 2)]


MADE = logs.responses(6)
JOBS = [Job(one.key, Sampling("sample", 1.0, 8), "prompt", [], "think", "real", "") for one in MADE]


@pytest.fixture
def log(tmp_path):
    with ResponseLog(tmp_path / "log") as opened:
        yield opened


def asked(log, generate):
    return complete_jobs(JOBS, len(JOBS), log, lambda questions: generate(list(questions)), progress=False)


def test_texts_come_in_the_order_of_the_jobs_whatever_the_engine_does(log):
    texts, made = asked(log, lambda _: [MADE[4:], MADE[:4][::-1]])
    assert (texts, made) == ([one.text for one in MADE], 6)


def test_a_response_left_out_is_an_error_with_a_count_and_the_others_are_kept(log):
    with pytest.raises(AnatomyR1Error, match=r"left 2 of 6 responses out, the first to question VID/4"):
        asked(log, lambda _: [MADE[:4]])
    assert len(list(log.rows())) == 4
    texts, made = asked(log, lambda groups: [MADE[4:]] if len(groups) == 2 else [])
    assert (texts, made) == ([one.text for one in MADE], 2)


def test_a_response_that_nobody_asked_for_is_not_logged(log):
    foreign = dataclasses.replace(MADE[0], key=dataclasses.replace(MADE[0].key, question_id="VID/99"))
    with pytest.raises(AnatomyR1Error, match="was not asked: question VID/99"):
        asked(log, lambda _: [[*MADE[:5], foreign]])
    assert not list(log.rows())


def test_an_engine_that_stops_asking_has_left_the_rest_out(log):
    def generate(questions):
        yield [MADE[0]] if next(questions) else []

    with pytest.raises(AnatomyR1Error, match=r"left 5 of 6 responses out, the first to question VID/1"):
        complete_jobs(JOBS, len(JOBS), log, generate, progress=False)
    assert list(log.rows()) == MADE[:1]


def test_one_response_twice_is_logged_once(log):
    asked(log, lambda _: [[*MADE, MADE[2]]])
    assert list(log.rows()) == MADE


@pytest.mark.parametrize("before", [range(0), range(80), range(0, 100, 2)], ids=["fresh", "first 80", "every other"])
def test_case_32_the_rate_and_so_the_time_left_are_those_of_what_is_generated(tmp_path, monkeypatch, before):
    """One response a second, whatever was logged before, and however quickly that is looked up."""
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr("anatomy_r1.evaluation.engines.jobs.time.time", lambda: clock.now)
    with ResponseLog(tmp_path / "log") as log:
        for question in before:
            run(log, six(str(question)), one_by_one([]))
        requests = [one for question in range(100) for one in six(str(question))]
        queue = JobQueue(jobs_from_requests(requests, BUILDER), len(requests), log, progress=True)
        monkeypatch.setattr(queue.bar, "_time", lambda: clock.now)
        queue.bar.start_t = queue.bar.last_print_t = clock.now
        for group in islice(queue, 10):
            for job in group:
                clock.now += 1
                queue.add(responses([job]))
        shown = queue.bar.format_dict
        queue.bar.close()
    looked_up = {*before} & {*range(100 if len(before) == 80 else 20)}
    assert shown["n"] == 6 * len(looked_up) + 60
    assert shown["rate"] == pytest.approx(1)
    assert (shown["n"] - shown["initial"]) / shown["elapsed"] == pytest.approx(1)


def test_case_32_what_is_logged_is_shown_as_done(tmp_path, capsys):
    with ResponseLog(tmp_path / "log") as log:
        run(log, [*six("a"), *six("b")], one_by_one([]))
        wanted = jobs_from_requests([*six("a"), *six("b")], BUILDER)
        assert complete_jobs(wanted, 12, log, one_by_one([]), progress=True)[1] == 0
    assert "| 12/12 [" in capsys.readouterr().err
