"""The first day on a GPU: order, limit and resume of its parts, its report, and (slow) its rehearsal on a CPU."""

import dataclasses
import json

import pytest

from anatomy_r1.errors import AnatomyR1Error
from baselines.__main__ import main
from baselines.bench.cases import METHODS, MORE, ONCE, Case, result_path, write_json
from baselines.gpu_day import checks, inputs, run
from baselines.gpu_day.parts import (
    CASES,
    DONE,
    FAILED,
    FIRST,
    LEFT,
    PARTS,
    SHORTEST,
    UNKNOWN,
    Outcome,
    chosen,
    outcome_path,
    read_outcome,
    write_outcome,
)
from tests.helpers.bench_results import result

FACTS = {"command", "commit", "dirty", "device", "date", "packages", "parts"}


@pytest.fixture
def day(tmp_path):
    return run.Day(tmp_path / "out", tmp_path / "work", "python -m baselines gpu-day", 3600.0)


@pytest.fixture
def acted(monkeypatch):
    """Parts take no time and end as told; the names in the order in which they ran."""
    ran, ends = [], {}

    def act(day, name, seconds):
        ran.append((name, round(seconds)))
        return ends.get(name, Outcome(name, DONE, (f"{name} was seen",)))

    monkeypatch.setattr(run, "_run", act)
    return ran, ends


def names(ran):
    return [name for name, _ in ran]


def test_parts_are_in_the_order_of_their_worth_and_an_unknown_one_is_told():
    assert tuple(part.name for part in PARTS[:3]) == FIRST
    assert [part.name for part in chosen(["plan", "doctor"])] == ["doctor", "plan"]
    assert chosen([]) == list(PARTS)
    with pytest.raises(AnatomyR1Error, match=r"part 'doctr'.*one of doctor, steps, shared, vllm, plan, midi"):
        chosen(["doctr"])


def test_the_bench_measures_every_method_and_each_paper_s_method_again_with_its_group_shared():
    assert set(CASES["steps"]) | set(CASES["shared"]) == {*METHODS, *MORE}
    assert all(one.endswith(ONCE) for one in CASES["shared"])


def test_what_ended_is_not_run_again_and_what_was_left_is(day, acted):
    ran, ends = acted
    ends |= {"steps": Outcome("steps", LEFT, ("one case is left",)), "vllm": Outcome("vllm", UNKNOWN)}
    found = run.run_day(day, PARTS)
    assert names(ran) == [part.name for part in PARTS]
    assert [one.status for one in found] == [DONE, LEFT, DONE, UNKNOWN, DONE, DONE]
    ran.clear()
    ends["steps"] = Outcome("steps", DONE)
    assert run.run_day(day, PARTS)[1].status == DONE
    assert names(ran) == ["steps", "vllm"], "what the machine lacked may be there now"
    ends["vllm"] = Outcome("vllm", DONE)
    run.run_day(day, PARTS)
    ran.clear()
    run.run_day(day, PARTS)
    assert ran == []


def test_the_bench_s_parts_of_some_methods_are_not_those_of_all(day, acted):
    ran, _ = acted
    some = dataclasses.replace(day, methods=("grpo", "gpg"))
    run.run_day(some, chosen(["doctor", "steps"]))
    for asked, expected in (
        (some, []),
        (dataclasses.replace(day, methods=("gpg",)), []),
        (dataclasses.replace(day, methods=("dapo",)), ["steps"]),
        (day, ["steps"]),
        (some, []),
    ):
        ran.clear()
        run.run_day(asked, chosen(["doctor", "steps"]))
        assert names(ran) == expected


def test_no_part_begins_without_the_time_for_it_and_each_gets_what_is_left(day, acted, monkeypatch):
    ran, _ = acted
    clock = iter([0.0, 0, 0, 200, 200, 200, 500, 3600 - SHORTEST + 1, *[3600] * 9])
    monkeypatch.setattr(run.time, "monotonic", lambda: next(clock))
    found = run.run_day(day, PARTS)
    assert ran == [("doctor", 3600), ("steps", 3400)]
    assert [one.status for one in found] == [DONE, DONE, *[LEFT] * 4]
    assert [one.seconds for one in found[:2]] == [200, 300]


def test_the_report_states_where_it_was_made_and_what_is_left(day, acted):
    _, ends = acted
    ends["doctor"] = Outcome("doctor", FAILED, ("cuda: `broken` | <b>",))
    ends["midi"] = Outcome("midi", LEFT)
    run.run_day(day, PARTS)
    found = json.loads((day.out / "report.json").read_text())
    assert set(found) == FACTS
    assert [one["name"] for one in found["parts"]] == [part.name for part in PARTS]
    text = (day.out / "report.md").read_text()
    assert "Rehearsal on a CPU" in text and "say nothing about" in text
    assert "- cuda: 'broken' / &lt;b>" in text
    assert "Left: midi. The same command continues." in text
    assert found["commit"][:12] in text and found["date"] in text and day.command in text


def test_a_file_that_is_no_outcome_is_told(day):
    path = outcome_path(day.out, "doctor")
    path.parent.mkdir(parents=True)
    path.write_text('{"name": "doctor"}')
    with pytest.raises(AnatomyR1Error, match=r"doctor\.json: no outcome of a part .*Fix: move it away"):
        read_outcome(day.out, "doctor")


@pytest.mark.parametrize(
    ("made", "code", "status"),
    [(("trl", "grpo"), 4, LEFT), (CASES["steps"], 0, DONE), ((), None, LEFT), ((), 1, FAILED)],
    ids=["some", "all", "none in time", "an error of the bench itself"],
)
def test_a_part_of_the_bench_ends_with_its_last_case(made, code, status, day, monkeypatch):
    asked = []

    def bench(day, name, words, seconds):
        asked.extend(words)
        for method in made:
            write_json(result_path(day.bench, Case("3b", "lora", method)), result(method))
        return code, ["the last line"]

    monkeypatch.setattr(run, "_command", bench)
    found = run._bench(day, "steps", 500)
    assert found.status == status
    assert asked[asked.index("--seconds") + 1] == "500"
    assert tuple(asked[asked.index("--methods") + 1 :]) == CASES["steps"]
    if status == DONE:
        assert set(found.numbers["seconds"]) == set(CASES["steps"])
        assert all("s a step" in line and "GB" in line for line in found.lines)


@pytest.mark.parametrize(("seconds", "status"), [(60, LEFT), (3000, FAILED)], ids=["the rest", "most of a call"])
def test_a_case_that_had_only_the_rest_of_a_call_is_left_to_the_next(seconds, status, day, monkeypatch):
    def bench(day, name, words, seconds):
        for method in CASES["steps"]:
            cut = {"status": "failed", "error": "measure did not end", "cut_off": True} if method == "trl" else {}
            write_json(result_path(day.bench, Case("3b", "lora", method)), result(method) | cut)
        return 0, []

    monkeypatch.setattr(run, "_command", bench)
    assert run._bench(day, "steps", seconds).status == status
    assert result_path(day.bench, Case("3b", "lora", "trl")).exists() == (status == FAILED)


def test_failed_cases_are_tried_again_once_their_part_is_moved_away_and_not_by_the_next_call(day, monkeypatch):
    failed, fine = (result_path(day.bench, Case("3b", "lora", method)) for method in ("trl", "grpo"))
    monkeypatch.setattr(run, "_command", lambda *_: (1, []))
    for was, kept in ((Outcome("steps", LEFT), True), (None, False)):
        write_json(failed, result("trl") | {"status": "failed", "error": "ended with status 1"})
        write_json(fine, result("grpo"))
        outcome_path(day.out, "steps").unlink(missing_ok=True)
        if was:
            write_outcome(day.out, was)
        run._bench(day, "steps", 3000)
        assert (failed.exists(), fine.exists()) == (kept, True)


def test_the_plan_is_judged_by_what_was_measured(tmp_path):
    assert checks.plan(tmp_path).status == UNKNOWN
    for method in ("grpo", "gpg", "dapo"):
        one = result(method)
        write_json(result_path(tmp_path, Case("3b", "lora", method)), one)
    found = checks.plan(tmp_path)
    assert found.status == DONE
    assert set(found.numbers["cost"]) == {"gpg", "dapo"}
    assert set(found.numbers["memory"]) == {"grpo", "gpg", "dapo"}
    assert any("further than 15%" in line for line in found.lines)


@pytest.mark.parametrize("rehearsal", [True, False])
def test_weights_are_made_in_a_process_of_their_own_on_a_gpu(rehearsal, tmp_path, monkeypatch):
    """The doctor looks at the GPU's free memory next, and would find it in use: by this process."""
    made = []

    def apart(function, work, case, device, *, apart):
        made.append((function.__name__, device, apart))
        raise InterruptedError

    monkeypatch.setattr(inputs, "run_apart", apart)
    with pytest.raises(InterruptedError):
        inputs.day_run(tmp_path, rehearsal, "doctor", {})
    assert made == [("prepare", "cpu" if rehearsal else "cuda", not rehearsal)]


REHEARSED = ((3, 1.246, 0.2748), (24, 1.4731, 0.7131))
"""Tokens of a completion, and seconds of GRPO's step alone and with its groups shared, as a rehearsal measured them."""


@pytest.mark.parametrize(("completion", "alone", "shared"), REHEARSED)
def test_the_plan_s_ratio_is_that_of_the_lengths_that_were_measured(completion, alone, shared, tmp_path):
    """At the mini profile's own lengths, the plan's ratio is 2.37 and 1.08 times the measured one."""
    for method, seconds in (("grpo", alone), (f"grpo{ONCE}", shared)):
        case = Case("mini", "lora", method, completion=completion, rehearsal=True)
        made = {**result(method, seconds, driver=None), "case": dataclasses.asdict(case), "prompt": 126}
        write_json(result_path(tmp_path, case), made)
    found = checks.plan(tmp_path)
    assert found.numbers["cost"] == {f"grpo{ONCE}": pytest.approx(1, abs=0.1)}
    assert "not judged" in found.lines[0] and "further" not in found.lines[0]


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        (["--hours", "0"], 2, "--hours 0: should be above 0"),
        (["--parts", "lunch"], 2, "part 'lunch'"),
        ([], 3, "no NVIDIA GPU found"),
    ],
)
def test_words_that_cannot_be(words, status, told, capsys, monkeypatch, tmp_path):
    monkeypatch.setattr("baselines.runtime.processes.gpu_memory_gb", list)
    assert main(["gpu-day", "--out", str(tmp_path), *words]) == status
    assert told in capsys.readouterr().err


def test_a_gpu_that_pytorch_cannot_use_is_told_before_anything_runs(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setattr("baselines.runtime.processes.gpu_memory_gb", lambda: [80.0])
    monkeypatch.setattr(run, "run_day", lambda *_: pytest.fail("it began"))
    assert main(["gpu-day", "--out", str(tmp_path)]) == 3
    assert "PyTorch cannot use the GPU (" in capsys.readouterr().err


@pytest.mark.slow
def test_a_rehearsal_runs_every_part_and_fills_its_report(tmp_path, capsys):
    """GRPO alone of the bench's cases, each a process of its own."""
    words = ["--hours", "1", "--rehearsal", "--methods", "grpo", f"grpo{ONCE}"]
    words += ["--out", str(tmp_path / "out"), "--work", str(tmp_path / "work")]
    status = main(["gpu-day", *words])
    found = {one["name"]: one for one in json.loads((tmp_path / "out" / "report.json").read_text())["parts"]}
    assert status == 0, {name: (one["status"], one["lines"]) for name, one in found.items()}
    assert {one["status"] for one in found.values()} == {DONE}
    assert set(found["doctor"]["numbers"]["steps"]) == {"one step of cot-sft on mini", "one step of grpo on mini"}
    assert set(found["steps"]["numbers"]["seconds"]) == {"grpo"}
    assert set(found["shared"]["numbers"]["seconds"]) == {f"grpo{ONCE}"}
    assert found["vllm"]["numbers"]["outside"] == 0 and found["vllm"]["numbers"]["largest"] < 1e-3
    assert set(found["plan"]["numbers"]["cost"]) == {f"grpo{ONCE}"}
    assert all(one["seconds"] > 0 for one in found.values())
    text = (tmp_path / "out" / "report.md").read_text()
    assert "Nothing is left." in text and "planned only" in text
    capsys.readouterr()
    assert main(["gpu-day", *words]) == 0, "nothing is run again"
