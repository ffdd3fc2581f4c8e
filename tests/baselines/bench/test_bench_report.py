"""Spans, targets and report of the bench, against arithmetic by hand."""

import pytest

from baselines.bench.cases import Case, result_path, write_json
from baselines.bench.report import aims, as_markdown, write_report
from baselines.preflight.memory import GB
from tests.helpers.bench_results import result


def step(seconds, **spans):
    return {"seconds": seconds, "rollout": 0.0, "scoring": 0.0, "forward": 0.0, "backward": 0.0, "optimiser": 0.0} | {
        "tokens": 100, "completions": 10, "vary": 0.0, "write": 0.0, **spans
    }  # fmt: skip


def test_the_first_step_is_not_counted_and_shares_are_of_the_whole_time():
    from baselines.bench.measure import summary

    found = summary([step(99.0), step(2.0, rollout=1.0), step(4.0, rollout=1.0, backward=2.0), step(4.0)])
    assert found["seconds"] == {"median": 4.0, "least": 2.0, "most": 4.0}
    assert found["share"]["rollout"] == pytest.approx(0.2)
    assert found["share"]["backward"] == pytest.approx(0.2)
    assert found["share"]["other"] == pytest.approx(0.6)
    assert found["tokens_per_second"] == pytest.approx(30.0)
    assert found["rollout_tokens_per_second"] == pytest.approx(150.0)
    assert found["steps"] == 3


def test_sampling_is_taken_out_of_the_scoring_that_it_stands_in(monkeypatch):
    from baselines.bench import measure as module

    at = [0.0]
    monkeypatch.setattr(module, "now", lambda: at[0])

    def generate(prompts):
        at[0] += 5.0
        return [[1, 2]], [[3, 4, 5]]

    timer = module.StepTimer()
    sample = timer.timed("rollout", timer.counted(generate))

    def score():
        sample(["x"])
        at[0] += 2.0

    timer.timed("scoring", score)()
    at[0] += 1.0
    timer.finish()
    (only,) = timer.steps
    assert (only["seconds"], only["rollout"], only["scoring"]) == (8.0, 5.0, 2.0)
    assert (only["tokens"], only["completions"], timer.prompts) == (3, 1, [2])


def verdicts(*found):
    return {one.title: (one.value, one.verdict) for one in aims(found)}


def test_aims_are_ratios_of_medians_and_say_when_they_were_not_measured():
    found = verdicts(result("trl"), result("grpo", 1.01), result("grpo-gdqa", 1.2))
    assert found["ours against plain TRL"] == (pytest.approx(1.01), "met")
    assert found["GDQA against GRPO"] == (pytest.approx(1.2 / 1.01), "missed")
    found = verdicts(result("trl", 1.0, least=0.9, most=1.1), result("grpo", 1.0, least=0.9, most=1.1))
    assert found["ours against plain TRL"] == (1.0, "met, but single steps lie on both sides")
    assert found["GDQA against GRPO"] == (None, "not measured (no such case)")
    found = verdicts(result("grpo"), result("grpo-shared", 0.5))
    assert found["grpo, a group computed once"] == (0.5, "met")
    assert found["grpo-gdqa, a group computed once"] == (None, "not measured (no such case)")
    found = verdicts(
        result("trl", 2.0), result("grpo-shared", 0.5), result("grpo-gdqa"), result("grpo-gdqa-shared", 1.03)
    )
    assert found["a group computed once against plain TRL"] == (0.25, "met")
    assert found["grpo-gdqa, a group computed once"] == (1.03, "missed")
    short = result("grpo-gdqa") | {"status": "out of memory", "error": "CUDA out of memory"}
    found = verdicts(result("grpo"), short)
    assert found["GDQA against GRPO"] == (None, "not measured (grpo-gdqa: out of memory)")
    assert found["plan's memory, grpo-gdqa"] == (None, "not measured (out of memory)")
    assert (
        verdicts(result("trl"), result("grpo", card="A"))["ours against plain TRL"][1]
        == "not measured (on two devices)"
    )


@pytest.mark.parametrize(
    ("driver", "verdict"),
    [(10.0, "met"), (8.8, "met"), (8.6, "missed"), (11.7, "met"), (11.8, "missed"), (None, "not measured (no GPU)")],
    ids=["exact", "14 % over", "16 % over", "under by 14.5 %", "under by 15.3 %", "a rehearsal"],
)
def test_the_plan_s_memory_may_be_off_by_fifteen_percent_of_the_measured(driver, verdict):
    one = result("grpo", driver=None if driver is None else round(driver * GB))
    assert verdicts(one)["plan's memory, grpo"][1] == verdict


def test_the_report_depends_on_the_cases_files_alone_and_shows_failures(tmp_path):
    failed = result("gpg") | {"status": "failed", "error": "RuntimeError: a | `b`\nc", "plan": {"peak": 3 * GB}}
    for one in (failed, result("grpo")):
        write_json(result_path(tmp_path, Case(**one["case"])), one)
    write_report(tmp_path)
    first = {name: (tmp_path / name).read_bytes() for name in ("report.md", "report.json")}
    write_report(tmp_path)
    assert first == {name: (tmp_path / name).read_bytes() for name in first}
    text = first["report.md"].decode()
    for wanted in ("aaaaaaaaaaaa", "2026-01-01", "driver: 1.2", "CUDA: 13", "python -m baselines gpu-bench", "626"):
        assert wanted in text
    assert "3b lora gpg: failed. `RuntimeError: a / 'b' c`" in text
    assert "Rehearsal" not in text
    assert "say nothing about one" in as_markdown([result("grpo", case={**failed["case"], "rehearsal": True})], [])
