"""What `score`, `evaluate` and `regress` print of runs: reasons, intervals, bounds, and which run of a log is which."""

import json
import re
from dataclasses import replace

import pytest

from anatomy_r1.cli.main import main
from anatomy_r1.evaluation.engines import transformers_engine
from anatomy_r1.scoring.intervals import Interval, cluster_interval
from anatomy_r1.scoring.position_bias import position_bias
from anatomy_r1.scoring.question_table import letter_counts, question_table, table_metrics
from anatomy_r1.scoring.report import as_json, as_text
from anatomy_r1.scoring.score import score
from tests.helpers import made_logs as sources
from tests.helpers.deterministic import HashEngine, weights_folder
from tests.helpers.small_set import write_set

TASK = "sgg_anatomy_mini"


@pytest.fixture(scope="module")
def logs(tmp_path_factory):
    """`two`: two temperatures under one seed; `one`: a single run, whose five responses are one text."""
    folder = tmp_path_factory.mktemp("logs")
    data = write_set(folder)
    right = lambda index, repeat: index % 2 == 0  # noqa: E731
    runs = [sources.write_log(folder / "two.sqlite", data, "served: Qwen/Qwen2.5-VL-7B-Instruct", right)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sources, "DECODING", {**sources.DECODING, "temperature": 0.3})
        patch.setattr(sources, "Sampling", lambda kind, t, n: Sampled(kind, 0.3 * t, n))
        runs.append(sources.write_log(folder / "two.sqlite", data, "served: Qwen/Qwen2.5-VL-7B-Instruct", right))
    sources.write_log(folder / "one.sqlite", data, "served: Qwen/Qwen2.5-VL-72B-Instruct", right)
    return folder, data, runs


Sampled = sources.Sampling


def test_case_31_score_tells_the_runs_of_a_log_apart(logs, capsys):
    folder, data, runs = logs
    assert main(["score", str(folder / "two.sqlite"), "--data", str(data)]) == 2
    error = capsys.readouterr().err
    lines = [next(line for line in error.splitlines() if line.strip().startswith(run)) for run in runs]
    assert "temperature 1.0" in lines[0] and "temperature 0.3" in lines[1]
    assert "LOG#RUN" in error


@pytest.mark.parametrize("field", ["max_new_tokens", "dtype", "engine", "options", "wording", "weights", "images"])
def test_case_31_whatever_differs_is_shown(field):
    from anatomy_r1.scoring.complete_run import described_runs

    plan = {"benchmark": TASK, "seed": 0, "weights": "w", "images": "real", "decoding": dict(sources.DECODING)}
    other = {**plan, "decoding": dict(plan["decoding"])}
    (other["decoding"] if field in plan["decoding"] else other)[field] = "another"
    first, second = described_runs({"a": plan, "b": other})
    assert first.removeprefix("a") != second.removeprefix("b")
    assert f"{field} another" in second


def test_case_31_regress_and_compare_name_a_run_of_the_log_as_the_way_out(logs, capsys):
    folder, data, runs = logs
    log = folder / "two.sqlite"
    assert main(["regress", str(log), "--against", str(folder / "one.sqlite"), "--data", str(data)]) == 2
    error = capsys.readouterr().err
    assert "sampling, temperature: 1.0 and 0.3" in error or "sampling, temperature: 0.3 and 1.0" in error
    assert all(f"{log}#{run}" in error for run in runs) and "LOG#RUN" in error
    assert main(["compare", str(log), str(folder / "one.sqlite"), "--data", str(data)]) == 2
    error = capsys.readouterr().err
    assert f"{log}#{runs[1]}: " in error and "temperature 0.3" in error
    alone = [f"{log}#{runs[0]}", "--against", str(folder / "one.sqlite"), "--data", str(data)]
    assert main(["regress", *alone, "--format", "markdown"]) in (0, 1)


def test_case_31_help_of_regress_names_log_run(capsys):
    with pytest.raises(SystemExit):
        main(["regress", "--help"])
    assert "LOG#RUN" in capsys.readouterr().out


def test_case_31_a_reference_is_called_unfit_and_weights_keep_their_names(logs, capsys):
    folder, data, runs = logs
    alone = [f"{folder / 'two.sqlite'}#{runs[0]}", "--against", str(folder / "one.sqlite"), "--data", str(data)]
    main(["regress", *alone, "--format", "markdown"])
    out = capsys.readouterr().out.replace("\\", "")
    assert "UNFIT: sgg_anatomy_mini/reference responses, seed 0: the 5 sampled responses are one text" in out
    assert "served: Qwen/Qwen2.5-VL-7B-Instruct" in out and "served: Qwen/Qwen2.5-VL-72B-Instruct" in out


def test_case_30_score_gives_an_interval_for_each_metric(logs, capsys):
    folder, data, _ = logs
    scores = score(folder / "one.sqlite", data)
    table = question_table(scores)
    expected = cluster_interval(table_metrics(table)["avg@5"], table["cluster"].to_numpy()).within()
    found = json.loads(as_json(scores))["intervals"]
    assert found["avg@5"] == [expected.mean, expected.low, expected.high]
    assert {"avg@5", "pass@1", "major@5", "greedy", "avg@5_lenient", "parsed", "truncated"} <= set(found)
    shown = f"avg@5 {100 * expected.mean:.1f} [{100 * expected.low:.1f}, {100 * expected.high:.1f}]"
    assert shown in as_text(scores)


def test_case_30_bounds_of_shares_are_within_0_and_100(logs):
    """One question of a letter is answered rightly, in one cluster: the t interval of its recall leaves 0 to 1."""
    folder, data, _ = logs
    scores = score(folder / "one.sqlite", data)
    once = scores.gold.index("B")
    choices = tuple(("B" if place == once else "A",) * 5 for place in range(len(scores.gold)))
    clusters = tuple(f"c{place // 4}" for place in range(len(scores.gold)))  # each with all four letters
    spoilt = replace(scores, choices=choices, clusters=clusters)
    bias = position_bias(letter_counts(spoilt))
    assert any(one.recall.low < 0 for one in bias.letters), "nothing to clip shows nothing"
    lines = [line for line in as_text(spoilt).splitlines() if re.match("  [A-D] ", line)]
    recalls = [re.findall(r"\[(-?[0-9.]+), (-?[0-9.]+)\]", line)[-1] for line in lines]
    assert len(recalls) == 4
    assert all(0 <= float(low) <= float(high) <= 100 for low, high in recalls)
    stored = json.loads(as_json(spoilt))["positions"]["letters"].values()
    assert all(0 <= one["recall"][1] <= one["recall"][2] <= 1 for one in stored)


def test_case_30_clipping_keeps_what_an_interval_covers():
    assert Interval(0.1, -0.05, 0.25, 0.01, 9, 90).within() == Interval(0.1, 0.0, 0.25, 0.01, 9, 90)
    assert Interval(0.9, 0.7, 1.2, 0.01, 9, 90).within().high == 1.0
    assert Interval(0.9, None, None, None, 1, 90).within().low is None
    assert Interval(-0.9, -1.2, -0.6, 0.01, 9, 90).within(-1, 1).low == -1


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("I see nothing", "without an answer that the strict extractor reads"),
        ("<answer> A </answer>", "are one text in 100.0 %"),
    ],
    ids=["unreadable", "one text"],
)
def test_case_30_evaluate_prints_why_a_run_is_unfit(logs, tmp_path, monkeypatch, capsys, text, reason):
    _, data, _ = logs
    monkeypatch.setattr(
        transformers_engine, "TransformersEngine", lambda *a, **k: HashEngine(*a, **k, say=lambda job: (text, "stop"))
    )
    weights = str(weights_folder(tmp_path / "weights"))
    command = ["evaluate", TASK, "--data", str(data), "--model", weights, "--log", str(tmp_path / "log")]
    assert main([*command, "--max-new-tokens", "8"]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("UNFIT: ")]
    assert any(reason in line for line in lines)
    assert main(["score", str(tmp_path / "log"), "--data", str(data)]) == 0
    assert [line for line in capsys.readouterr().out.splitlines() if line.startswith("UNFIT: ")] == lines


def test_case_30_evaluate_of_a_shard_leaves_fitness_to_the_whole_run(logs, tmp_path, monkeypatch, capsys):
    _, data, _ = logs
    monkeypatch.setattr(transformers_engine, "TransformersEngine", HashEngine)
    weights = str(weights_folder(tmp_path / "weights"))
    command = ["evaluate", TASK, "--data", str(data), "--model", weights, "--log", str(tmp_path / "log")]
    assert main([*command, "--max-new-tokens", "8", "--shard", "1/2"]) == 0
    out = capsys.readouterr().out
    assert "UNFIT" not in out and "`anatomy-r1 score` of the merged log" in out
