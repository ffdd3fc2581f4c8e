"""Invalid lm-eval output is refused as a whole; the error names file, record and fix."""

import json

import pytest

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.results.store import load_result
from anatomy_r1.results.submission import lm_eval_files
from tests.results.submission.conftest import TASK, stock_run


def results(folder):
    (path,) = folder.rglob("results_*.json")
    return path


def samples(folder):
    (path,) = folder.rglob("samples_*.jsonl")
    return path


def rows(folder):
    return [json.loads(line) for line in samples(folder).read_text().splitlines()]


def rewrite(folder, changed):
    samples(folder).write_text("".join(json.dumps(row) + "\n" for row in changed))


def spoil_report(**sections):
    def spoil(folder):
        content = json.loads(results(folder).read_text())
        for name, change in sections.items():
            change(content[name])
        results(folder).write_text(json.dumps(content))

    return spoil


def spoil_row(change, number=2):
    def spoil(folder):
        changed = rows(folder)
        change(changed[number])
        rewrite(folder, changed)

    return spoil


def doc(**changes):
    return spoil_row(lambda row: row["doc"].update(changes))


def put(name, value):
    return spoil_row(lambda row: row.update({name: value}))


def sampled(**changes):
    """Change the generation arguments of all records."""

    def spoil(folder):
        changed = rows(folder)
        for row in changed:
            row["arguments"]["gen_args_0"]["arg_1"].update(changes)
        rewrite(folder, changed)

    return spoil


def text(value):
    return spoil_row(lambda row: row["resps"][0].__setitem__(4, value))


HOSTILE = {
    "no JSON": (lambda f: samples(f).write_text('{"doc": \n'), r"jsonl:1: no valid JSON"),
    "no UTF-8": (
        lambda f: samples(f).write_bytes(b'{"doc": "\xff"}\n'),
        r"jsonl:1: no valid JSON \(UnicodeDecodeError",
    ),
    "nested too deep": (lambda f: samples(f).write_text("[" * 100_000 + "\n"), r"jsonl:1: no valid JSON \(RecursionE"),
    "a list": (lambda f: samples(f).write_text("[]\n"), "jsonl:1: not a JSON object"),
    "no samples": (lambda f: samples(f).unlink(), r"samples_.*is missing.*--log_samples"),
    "empty samples": (lambda f: samples(f).write_text(""), "24 of 24 questions have no record"),
    "results of nothing": (lambda f: results(f).write_text("{}"), "results: Field required"),
    "results of another task": (spoil_report(configs=lambda c: c.update(mmlu=c.pop(TASK))), "holds none of omnimed_mi"),
    "a group's name": (spoil_report(configs=lambda c: c.update(anatomy_r1=c.pop(TASK))), "holds none of omnimed_mi"),
    "a task's path": (spoil_report(configs=lambda c: c.update({"../x": c.pop(TASK)})), "holds none of omnimed_mi"),
    "another version": (spoil_report(versions=lambda v: v.update({TASK: 0.9})), "has version 0.9, this release 1.0"),
    "three repeats": (spoil_report(configs=lambda c: c[TASK].update(repeats=3)), "has 3 repeats, not 5"),
    "validation": (spoil_report(configs=lambda c: c[TASK]["metadata"].update(split="validation")), "not test"),
    "no metadata": (spoil_report(configs=lambda c: c[TASK].pop("metadata")), "metadata: Field required"),
    "NaN as a score": (
        spoil_report(results=lambda r: r[TASK].update({"avg@5,letter": float("nan")})),
        "avg@5: .* finite number, found 'nan'",
    ),
    "500 %": (
        spoil_report(results=lambda r: r[TASK].update({"avg@5,letter": 5.0})),
        "avg@5: .* less than or equal to 1, found '5.0'",
    ),
    "no score": (spoil_report(results=lambda r: r[TASK].pop("greedy,letter")), "greedy: .* valid number, found 'None'"),
    "responses cut": (spoil_report(config=lambda c: c.update(model_args="think_end_token=x")), "cut the responses"),
    "a system instruction": (
        lambda f: results(f).write_text(
            json.dumps({**json.loads(results(f).read_text()), "system_instruction": "Choose B."})
        ),
        "a system instruction stood before each question, 'Choose B.'.*without --system_instruction",
    ),
    "NaN in a record": (put("avg@5", float("nan")), r"jsonl:3: no valid JSON \(ValueError: NaN is not a number"),
    "no number": (put("avg@5", "0.2"), "jsonl:3: avg@5: .* valid number, found '0.2'"),
    "a question twice": (
        lambda f: rewrite(f, [*rows(f)[:-1], rows(f)[0]]),
        r"jsonl:24: question VID00/0/3 a second time",
    ),
    "one too many": (lambda f: rewrite(f, [*rows(f), rows(f)[0]]), "jsonl:25: more than the 24 records"),
    "one too few": (lambda f: rewrite(f, rows(f)[1:]), "1 of 24 questions have no record, VID00/0/3"),
    "a foreign question": (doc(id="../../etc"), r"jsonl:3: question '../../etc' is not in the prepared set"),
    "another gold answer": (doc(letter="A"), "jsonl:3: question VID02/2/3 differs in letter"),
    "other options": (doc(options=["Gut", "Liver"]), "differs in options"),
    "another cluster": (doc(cluster="VID99"), "differs in cluster"),
    "another prompt": (doc(prompt="What is this ?"), "differs in prompt"),
    "no picture": (doc(images="none", shown=""), "differs in images, shown"),
    "another picture": (doc(shown="VID00/0.png"), "differs in shown"),
    "a prompt never sent": (
        spoil_row(lambda row: row["arguments"]["gen_args_1"].update(arg_0="hint: B")),
        "the prompt sent does not contain its text",
    ),
    "a picture never sent": (
        spoil_row(lambda row: row["arguments"]["gen_args_0"].update(arg_2={"visual": []})),
        r"jsonl:3: arguments\.gen_args_0\.arg_2\.visual: List should have at least 1 item",
    ),
    "no arguments": (put("arguments", None), r"jsonl:3: arguments\.gen_args_0\.arg_0: Field required"),
    "four responses": (spoil_row(lambda row: row["resps"][0].pop()), r"VID02/2/3: \[4, 1\] responses"),
    "no greedy response": (spoil_row(lambda row: row["resps"].pop()), r"VID02/2/3: \[5\] responses"),
    "a number as a response": (text(7), r"jsonl:3: resps\.0\.4: Input should be a valid string, found '7'"),
    "half a character": (text("\ud800"), r"jsonl:3: resps\.0\.4: .*surrogates not allowed"),
    "two temperatures": (
        spoil_row(lambda row: row["arguments"]["gen_args_0"]["arg_1"].update(temperature=0.1)),
        "2 different sets of arguments",
    ),
    "five greedy ones": (sampled(do_sample=False), "the five responses were not sampled"),
    "a temperature of text": (sampled(temperature="hot"), "were not sampled: do_sample True, temperature hot"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_refused(case, copy, submitted, tmp_path):
    spoil, reason = HOSTILE[case]
    spoil(copy)
    with pytest.raises(AnatomyR1Error, match=reason) as error:
        submitted(copy)
    assert "Fix: " in str(error.value)
    assert not list((tmp_path / "store").rglob("*.*"))


def test_sizes_are_bounded(copy, submitted, monkeypatch):
    monkeypatch.setattr(lm_eval_files, "MAX_TEXT", 50)
    with pytest.raises(AnatomyR1Error, match=r"jsonl:1: resps\.0\.1: a response of \d+ characters; 50 is the limit"):
        submitted(copy)
    monkeypatch.setattr(lm_eval_files, "MAX_LINE", 1000)
    with pytest.raises(AnatomyR1Error, match="jsonl:1: a record of more than"):
        submitted(copy)
    monkeypatch.setattr(lm_eval_files, "MAX_RESULTS", 1000)
    with pytest.raises(AnatomyR1Error, match=r"results_.*: more than"):
        submitted(copy)


def test_a_part_of_the_questions_is_refused(submitted, data, tmp_path):
    with pytest.raises(AnatomyR1Error, match=r"20 of 24 questions have no record.*without --limit"):
        submitted(stock_run(data, tmp_path / "part", limit=4))


def test_two_runs_in_one_folder_must_be_distinguished(copy, submitted):
    twin = results(copy).with_name("results_2026-01-01T00-00-00.000000.json")
    twin.write_text(results(copy).read_text())
    with pytest.raises(AnatomyR1Error, match="holds 2 results files"):
        submitted(copy)
    twin.unlink()
    assert submitted(results(copy)).path.is_file()


def test_changed_numbers_are_reported_in_full_and_not_used(copy, submitted):
    spoil_report(results=lambda r: r[TASK].update({"avg@5,letter": 0.999}))(copy)
    put("major@5", 0.5)(copy)
    entered = submitted(copy)
    ours = entered.submission.scores.overall["avg@5"]
    differences = load_result(entered.path).provenance["submitted"]["differences"]
    assert differences == [
        f"{TASK}: avg@5 submitted as 0.999, {ours!r} by our scorer",
        f"{TASK}: numbers of 1 questions differ from our scorer's: VID02/2/3",
    ]
    assert entered.result.questions[[f"correct_{k}" for k in range(5)]].to_numpy().mean() == pytest.approx(ours)


def test_responses_are_scored_not_numbers(copy, submitted):
    changed = rows(copy)
    for row in changed:
        row["resps"] = [[f"<answer> {row['target']} </answer>"] * 5, [""]]
    rewrite(copy, changed)
    entered = submitted(copy)
    assert entered.submission.scores.overall["avg@5"] == 1.0
    assert len(entered.submission.differences) > 1
    assert any("one text in 100.0 %" in one for one in entered.result.provenance["unfit"])


@pytest.mark.parametrize(
    ("stated", "kept"),
    [
        ("Qwen/Qwen2.5-VL-7B-Instruct", "Qwen/Qwen2.5-VL-7B-Instruct"),
        ("/home/someone/models/ours", "ours"),
        ("C:\\Users\\someone\\ours", "ours"),
        ("models/someone/ours", "ours"),
        ("./ours", "ours"),
        ("a\x1b[31mb", "a[31mb"),
        (None, "not known"),
    ],
    ids=["a hub's", "absolute", "Windows", "deep", "here", "a command to the terminal", "none"],
)
def test_the_name_of_the_model_is_kept_without_private_paths(copy, submitted, stated, kept):
    content = json.loads(results(copy).read_text())
    results(copy).write_text(json.dumps({**content, "model_name": stated}))
    recorded = submitted(copy).result.provenance
    assert recorded["submitted"]["model"] == kept
    assert recorded["sampling"]["weights"] == f"{kept} (named by lm-eval, not verified)"


def test_a_key_in_the_model_arguments_is_not_copied(copy, submitted):
    spoil_report(config=lambda c: c.update(model_args={"api_key": "SECRET", "pretrained": "/home/someone/m"}))(copy)
    assert "SECRET" not in submitted(copy).path.read_text()
