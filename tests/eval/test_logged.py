"""What is asked, when, and how often: only what the log lacks, a question at a time, each once."""

from types import SimpleNamespace

import pytest

from anatomy_r1.engines.logged import answer
from anatomy_r1.engines.requests import jobs
from anatomy_r1.response import Response
from anatomy_r1.responses import ResponseLog


def request(question, sampled=True):
    arguments = {"do_sample": True, "temperature": 1.0} if sampled else {"do_sample": False}
    return SimpleNamespace(args=(f"What is {question} ?", arguments), doc={"id": question}, task_name="t", doc_id=0)


def six(question):
    """As lm-eval clones them: one sampled request five times, then the greedy one."""
    return [request(question)] * 5 + [request(question, sampled=False)]


def responses(group):
    return [Response(job.key, f"{job.key.question_id}{job.key.decoding}{job.key.repeat}", "stop") for job in group]


def run(log, requests, generate, count=None):
    wanted = jobs(requests, "w", 0, {})
    return answer(wanted, len(requests) if count is None else count, log, generate, progress=False)


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
            answer(jobs(requests(), "w", 0, {}), 18, log, generate, progress=False)
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


def test_one_request_that_comes_again_later_goes_on_with_its_repeats():
    same, other = request("a"), request("b")
    found = list(jobs([same, same, other, same], "w", 0, {}))
    assert [(job.key.question_id, job.key.repeat) for job in found] == [("a", 0), ("a", 1), ("b", 0), ("a", 2)]
