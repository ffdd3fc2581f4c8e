"""The nine promises, one test each. Each is held in more ways elsewhere; this is where to see that none is missing."""

import dataclasses
import functools
import itertools
import json
import random
import shutil
import signal
import sys
import time
from collections import Counter

import pytest

from anatomy_r1.data.inputs import DataError
from anatomy_r1.data.prepared import write
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.evaluation.config import Shard
from anatomy_r1.evaluation.engines import transformers_engine
from anatomy_r1.evaluation.evaluate import evaluate
from anatomy_r1.prompts import parse, render
from anatomy_r1.question import LETTERS
from anatomy_r1.response_log.log import ResponseLog, merge
from anatomy_r1.scoring.metrics import K
from anatomy_r1.scoring.question_table import question_table
from anatomy_r1.scoring.report import as_json
from anatomy_r1.scoring.score import score
from anatomy_r1.scoring.strict import Answer, extract
from anatomy_r1.scoring.validity import validity_problems
from tests.helpers.commands import Commands
from tests.helpers.deterministic import MADE_LINE, HashEngine, hashed, weights_folder
from tests.helpers.greedy_responses import asking
from tests.helpers.small_set import questions, write_set
from tests.scoring.test_hostile_outputs import CASES, text_of

TASK = "sgg_anatomy_mini"
METRICS = ("avg@5", "pass@1", "major@5", "greedy", "parse_rate")
ASKED = {question.id: question for question in questions(24)}


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return weights_folder(tmp_path_factory.mktemp("weights"))


@pytest.fixture
def ask(data, weights, monkeypatch):
    """Evaluate the 24 questions over the engine without a model."""

    def run(log, say=hashed, data=data, model=weights, **options):
        monkeypatch.setattr(transformers_engine, "TransformersEngine", functools.partial(HashEngine, say=say))
        return evaluate(TASK, data, model, log, **{"max_new_tokens": 8, "progress": False, **options})

    return run


def rows(log):
    with ResponseLog(log, read_only=True) as opened:
        return list(opened.rows())


UNREAD = {
    "empty": "",
    "a refusal": "I'm sorry, but I cannot interpret medical images.",
    "cut off while it mentions the right option": "<think> The {right} is at the center",
    "a negation": "It is not {wrong_letter}",
    "two answers, the right one among them": "<answer> {letter} </answer> <answer> {wrong_letter} </answer>",
    "nearly the right option's name": "<answer> {right}s </answer>",
}


def test_1_unparsed_is_wrong_counted_and_reported_never_random_never_nearest_match(ask, data, tmp_path):
    texts = list(UNREAD.values())

    def say(job):
        question, key = ASKED[job.key.question_id], job.key
        wrong = next(letter for letter in LETTERS if letter != question.letter)
        text = texts[K if key.decoding == "greedy" else key.repeat]
        return text.format(right=question.answer, letter=question.letter, wrong_letter=wrong), "stop"

    found = ask(tmp_path / "log", say)
    scores = score(tmp_path / "log", data)
    assert {name: found.metrics[name] for name in METRICS} == dict.fromkeys(METRICS, 0.0)
    reported = json.loads(as_json(scores))
    assert sum(reported["reasons"].values()) == 24 * K
    assert all(choice is None for five in scores.choices for choice in five)
    assert "100.0 % of the sampled responses without an answer that the strict extractor reads" in reported["unfit"][0]


@pytest.mark.parametrize(("cut", "marked"), [(6, False), (7, True)], ids=["5.0 %: fit", "5.8 %: unfit"])
def test_2_finish_reason_is_stored_per_response_and_a_gate_fails_above_a_set_share(ask, data, tmp_path, cut, marked):
    chosen = set(itertools.islice(itertools.product(ASKED, range(K)), cut))

    def say(job):
        short = job.key.decoding == "sample" and (job.key.question_id, job.key.repeat) in chosen
        text = f"<think> {job.key.digest} </think> <answer> A </answer>"
        return (text[:20], "length") if short else (text, "stop")

    ask(tmp_path / "log", say)
    stored = {(one.key.question_id, one.key.repeat) for one in rows(tmp_path / "log") if one.finish_reason == "length"}
    assert stored == chosen
    assert (
        any("cut off at the token limit" in reason for reason in validity_problems(score(tmp_path / "log", data)))
        == marked
    )


CHANGED = {
    "weights": ({}, 24),
    "image bytes": ({}, 24),
    "rendered prompt": ({"style": "direct"}, 24),
    "temperature (the greedy response has none)": ({"temperature": 0.5}, 20),
    "length": ({"max_new_tokens": 9}, 24),
    "seed": ({"seed": 1}, 24),
}


@pytest.mark.parametrize("what", CHANGED)
def test_3_a_cache_key_covers_all_that_decides_a_response(ask, tmp_path, what):
    """One changed: all is made anew. Nothing changed: nothing is. The key states the other sampling arguments."""
    write_set(tmp_path / "data")
    first = ask(tmp_path / "log", data=tmp_path / "data", limit=4)
    again = ask(tmp_path / "log", data=tmp_path / "data", limit=4)
    assert (first.generated, again.generated) == (24, 0)
    keys = [one.key for one in rows(tmp_path / "log")]
    assert Counter((key.decoding, key.repeat) for key in keys) == {
        ("greedy", 0): 4,
        **{("sample", n): 4 for n in range(K)},
    }
    named = {"temperature", "max_new_tokens", "top_p", "top_k", "repetition_penalty"}
    assert all(named <= set(json.loads(key.sampling)) for key in keys)
    options, made = CHANGED[what]
    if what == "weights":
        options = {"model": weights_folder(tmp_path / "weights", b"other")}
    if what == "image bytes":
        for path in (tmp_path / "data" / "images").rglob("*.png"):
            path.write_bytes(path.read_bytes() + b"\0")
    assert ask(tmp_path / "log", data=tmp_path / "data", limit=4, **options).generated == made


@pytest.mark.slow
def test_4_kill_9_anywhere_then_the_same_command_gives_the_same_and_nothing_is_done_twice(data, weights, tmp_path):
    """At 25 random moments: twice while it starts, 22 times between the first response and the last, once after it."""
    rng, pause, total = random.Random(0), 0.02, 24 * (K + 1)
    made, whole, killed = (tmp_path / name for name in ("made", "whole", "killed"))
    moments = [(0, 0.0), (0, 0.2), *sorted((rng.randrange(1, total), 2 * pause) for _ in range(22)), (total, 0.0)]

    def command(log):
        words = ["--data", str(data), "--model", str(weights), "--log", str(log), "--batch-size", "1"]
        return ["evaluate", TASK, *words, "--max-new-tokens", "8"]

    def when(count, most, before, logged):
        until = time.monotonic() + 60
        while logged + (made.stat().st_size - before) // MADE_LINE < count:
            assert time.monotonic() < until, "the moment to kill never came"
            time.sleep(0.001)
        time.sleep(rng.uniform(0, most))

    made.touch()
    with Commands(made, pause) as commands:
        assert commands.run(command(whole)) == 0
        for count, most in [*moments, (None, 0.0)]:
            logged = {one.key.digest for one in rows(killed)} if killed.exists() and killed.stat().st_size else set()
            before = made.stat().st_size
            if count is None:
                assert commands.run(command(killed)) == 0
            else:
                kill = functools.partial(when, count, most, before, len(logged))
                hold = max(count - len(logged), 0) + 4  # later than any `most`
                assert commands.run(command(killed), kill, hold) == -signal.SIGKILL
            assert not logged & set(made.read_text()[before:].split()), "a logged response was generated again"
    assert rows(killed) == rows(whole)
    results = [json.loads(next(tmp_path.glob(f"{log.name}.*.json")).read_text())["results"] for log in (whole, killed)]
    assert results[0] == results[1]


def test_5_questions_in_are_questions_out_by_id_and_a_duplicate_or_a_missing_one_stops_the_run(ask, data, tmp_path):
    found = ask(tmp_path / "log")
    logged = rows(tmp_path / "log")
    assert Counter(one.key.question_id for one in logged) == dict.fromkeys(ASKED, K + 1)
    assert set(score(tmp_path / "log", data).ids) == set(ASKED)
    assert found.questions == len(ASKED)

    def copy(name, responses):
        with ResponseLog(tmp_path / "log", read_only=True) as log, ResponseLog(tmp_path / name) as other:
            other.add(responses)
            for plan in log.runs().values():
                other.add_run(plan)
        return tmp_path / name

    with pytest.raises(AnatomyR1Error, match=f"1 responses missing, of questions {logged[7].key.question_id}"):
        score(copy("missing", logged[:7] + logged[8:]), data)
    again = dataclasses.replace(logged[7], key=dataclasses.replace(logged[7].key, prompt_hash="another"))
    with pytest.raises(AnatomyR1Error, match=f"1 responses logged twice .*{logged[7].key.question_id}"):
        score(copy("twice", [*logged, again]), data)
    with pytest.raises(DataError, match="duplicate id VID00/0/3"):
        write(tmp_path / "set", {"test": questions(3), "train": questions(1)}, data / "images", {})


def outcomes(log, data):
    """All that a score is made of, by question."""
    scores = score(log, data)
    return dict(zip(scores.ids, zip(scores.choices, scores.greedy, scores.truncated, strict=True), strict=True))


def test_6_the_score_does_not_depend_on_batch_size_or_order(ask, data, tmp_path):
    """Exactly, but for the last bit of a mean, which adds up in the order of the questions."""
    shuffled = random.Random(0).sample(list(ASKED.values()), 24)
    write(tmp_path / "other" / TASK, {"test": shuffled}, data / "images", {"benchmark": TASK, "generated": True})
    cases = [(data, 1), (data, 8), (data, 16), (tmp_path / "other", 5)]
    found = [ask(tmp_path / f"log{n}", data=at, batch_size=size) for n, (at, size) in enumerate(cases)]
    assert found[0].metrics == found[1].metrics == found[2].metrics == pytest.approx(found[3].metrics, abs=1e-12)
    first, *others = (outcomes(tmp_path / f"log{n}", at) for n, (at, _) in enumerate(cases))
    assert all(other == first for other in others)
    assert len(set(first.values())) > 12, "answers that are all alike show nothing"


@pytest.mark.parametrize("count", [2, 5, 24])
def test_6_the_score_does_not_depend_on_the_number_of_shards(ask, data, tmp_path, count):
    whole = ask(tmp_path / "whole", images="swapped")
    logs = [tmp_path / f"part{number}" for number in range(1, count + 1)]
    made = [ask(log, images="swapped", shard=Shard(number, count)).generated for number, log in enumerate(logs, 1)]
    assert sum(made) == len(ASKED) * (K + 1)
    assert max(made) - min(made) <= K + 1, "parts are as equal as questions allow"
    merged = merge(random.Random(count).sample(logs, count), tmp_path / "merged")
    assert (merged.responses, merged.runs) == (sum(made), 1)
    assert rows(tmp_path / "merged") == rows(tmp_path / "whole")
    assert score(tmp_path / "merged", data) == score(tmp_path / "whole", data)
    again = ask(tmp_path / "merged", images="swapped")
    assert (again.generated, again.run, again.metrics) == (0, whole.run, whole.metrics)


@pytest.mark.slow
def test_6_in_float32_at_least_995_of_1000_greedy_responses_do_not_depend_on_batch_size_or_order(tmp_path):
    """The real engine: its logits differ in their last bits, which only a near-tie can turn into another token."""
    greedy, asked = asking(tmp_path), questions(200)
    first = greedy(asked, 1)
    assert len(set(first.values())) > 50, "a model that ignores its prompt tests nothing"
    for order, size in ((asked, 8), (asked, 16), (asked[::-1], 16), (random.Random(0).sample(asked, 200), 8)):
        found = greedy(order, size)
        unequal = [name for name in first if found[name] != first[name]]
        assert len(unequal) <= 0.005 * len(first), f"at batch size {size}: {', '.join(unequal)}"


def test_7_permuting_options_and_mapping_back_keeps_the_gold_answer():
    question = questions(1)[0]
    for options in itertools.permutations(question.options):
        shown = dataclasses.replace(question, options=options)
        asked = parse(render(shown, "think"))
        right = next(letter for letter, text in zip(LETTERS, asked.options, strict=False) if text == question.answer)
        for answer in (right, question.answer, f"{right}. {question.answer}"):
            chosen = extract(f"<think> x </think> <answer> {answer} </answer>", options).choice
            assert chosen == shown.letter == right
            assert options[LETTERS.index(chosen)] == question.answer


def test_8_every_published_number_recomputes_from_the_raw_responses_without_a_model(ask, data, tmp_path, monkeypatch):
    """Of lm-eval's results, of `score` and of the store's table; neither weights nor PyTorch are there any more."""
    from anatomy_r1.scoring.question_table import table_metrics

    model = weights_folder(tmp_path / "weights")
    found = ask(tmp_path / "log", model=model)
    reported = json.loads(found.results.read_text())["results"][TASK]
    shutil.rmtree(model)
    monkeypatch.setitem(sys.modules, "torch", None)  # importing it raises
    scores = score(tmp_path / "log", data)
    assert {name: scores.overall[name] for name in METRICS} == {name: reported[f"{name},letter"] for name in METRICS}
    stored = table_metrics(question_table(scores))
    for name in ("avg@5", "pass@1", "major@5", "greedy"):
        assert stored[name].mean() == pytest.approx(found.metrics[name], abs=1e-12)
    assert 0 < found.metrics["avg@5"] < 1


def test_9_a_golden_corpus_of_hostile_outputs_is_run_against_the_extractor():
    assert len(CASES) >= 150
    read = {case["name"]: extract(text_of(case["output"]), case["options"]) for case in CASES}
    assert read == {case["name"]: Answer(*case["strict"]) for case in CASES}
