"""Options of an evaluation: what cannot be done is refused in one line that names the option, before anything runs."""

import math

import pytest

from anatomy_r1.cli.main import main
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.evaluation.config import EvaluationConfig
from anatomy_r1.evaluation.evaluate import evaluate

REFUSED = [
    ("limit", 0, r"limit 0: must be a whole number of at least 1\. Fix: --limit 1"),
    ("limit", -1, "limit -1: must be .*Fix: --limit 1"),
    ("limit", "3", "limit 3: must be a whole number"),
    ("limit", 2.5, "limit 2.5: must be a whole number"),
    ("limit", True, "limit True: must be a whole number"),
    ("batch_size", 0, r"batch_size 0: must be .*Fix: --batch-size 1"),
    ("batch_size", -3, "batch_size -3: must be"),
    ("max_new_tokens", 0, "max_new_tokens 0: must be .*Fix: --max-new-tokens 512"),
    ("max_new_tokens", -1, "max_new_tokens -1: must be"),
    ("seed", 10**30, "seed 1000.*: must be a whole number of 64 bits. Fix: --seed 0"),
    ("seed", -(2**63) - 1, "seed -9223.*: must be a whole number of 64 bits"),
    ("seed", 1.5, "seed 1.5: must be a whole number"),
    ("temperature", 0, "temperature 0: must be above 0 and finite. Fix: --temperature 1.0"),
    ("temperature", -1.0, "temperature -1.0: must be above 0"),
    ("temperature", math.nan, "temperature nan: must be above 0"),
    ("temperature", math.inf, "temperature inf: must be above 0 and finite"),
    ("temperature", "1", "temperature 1: must be above 0"),
    ("wait", -1.0, "wait -1.0: must be a number of seconds, 0 or more. Fix: --wait 60"),
    ("wait", math.nan, "wait nan: must be a number of seconds"),
    ("dtype", "foo", r"dtype foo: unknown. Fix: --dtype bfloat16 \(or float16, float32"),
    ("dtype", "int8", "dtype int8: unknown"),
    ("repeats", 4, "repeats 4: the metrics are defined over 5"),
    ("engine_args", {"seed": 1}, "--engine-arg seed: not an engine argument"),
    ("engine_args", {"log": "x"}, "--engine-arg log: not an engine argument"),
    ("engine_args", {"pretrained": "x"}, "--engine-arg pretrained: not an engine argument"),
]


@pytest.mark.parametrize(("option", "value", "said"), REFUSED, ids=[f"{name} {value}" for name, value, _ in REFUSED])
def test_case_20_an_option_that_cannot_be_is_refused_by_the_python_interface(option, value, said):
    with pytest.raises(AnatomyR1Error, match=f"^{said}"):
        EvaluationConfig(**{option: value})


@pytest.mark.parametrize(
    "options",
    [
        {"limit": 1, "batch_size": 1, "max_new_tokens": 1, "temperature": 1, "wait": 0},
        {"seed": -1, "temperature": 0.01, "wait": 3600.5, "dtype": "float32"},
        {"seed": 2**63 - 1, "engine_args": {"base_url": "http://127.0.0.1/v1"}},
    ],
)
def test_case_20_an_option_that_can_be_is_taken(options):
    assert {name: getattr(EvaluationConfig(**options), name) for name in options} == options


def command(data, model, log, *more):
    words = ["evaluate", "sgg_anatomy_mini", "--data", str(data), "--model", str(model), "--log", str(log)]
    return main([*words, "--max-new-tokens", "4", "--limit", "1", *more])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--limit", "0"], "error: limit 0: must be a whole number of at least 1. Fix: --limit 1\n"),
        (["--limit", "-1"], "error: limit -1: "),
        (["--batch-size", "0"], "error: batch_size 0: "),
        (["--temperature", "inf"], "error: temperature inf: "),
        (["--wait", "-1"], "error: wait -1.0: "),
        (["--dtype", "foo"], "error: dtype foo: "),
        (["--engine-arg", "seed=1"], "error: --engine-arg seed: "),
        (["--engine-arg", "what=1"], "error: --what: the engine transformers has no such option. "),
        (["--device", "foo"], "error: device foo: not usable here ("),
        (["--device", "cuda:99"], "error: device cuda:99: not usable here ("),
    ],
    ids=" ".join,
)
def test_case_20_and_by_the_command_line(data, model_folder, tmp_path, capsys, words, said):
    assert command(data, model_folder, tmp_path / "log", *words) == 2
    last = capsys.readouterr().err.rpartition("it/s]")[2]
    assert last.startswith(said)
    assert last.count("\n") == 1


@pytest.mark.parametrize(
    ("option", "right"), [("log", "log.sqlite"), ("results", "results.json")], ids=["the log", "the results"]
)
def test_case_20_a_folder_in_the_place_of_a_file(data, model_folder, tmp_path, capsys, option, right):
    """Said before the model is loaded; today's results would be lost after hours of sampling."""
    words = ["--results", str(tmp_path)] if option == "results" else []
    log = tmp_path if option == "log" else tmp_path / "log"
    assert command(data, model_folder, log, *words) == 2
    expected = f"error: {tmp_path}: a folder, not a file. Fix: --{option} {tmp_path / right}\n"
    assert capsys.readouterr().err == expected
    assert not (tmp_path / "log").exists()


def test_case_20_results_in_a_folder_that_is_not_there_yet(data, model_folder, tmp_path):
    assert command(data, model_folder, tmp_path / "log", "--results", str(tmp_path / "new" / "results.json")) == 0
    assert (tmp_path / "new" / "results.json").is_file()


def test_case_20_outside_a_git_checkout_git_says_nothing(data, model_folder, tmp_path, capfd, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert command(data, model_folder, tmp_path / "log") == 0
    assert "fatal" not in "".join(capfd.readouterr())


@pytest.mark.parametrize(
    "content", [None, b"", b"\x89PNG\r\n\x1a\nbroken", b"GIF89a"], ids=["gone", "empty", "cut", "gif"]
)
def test_case_20_a_picture_that_cannot_be_read_is_named(model_folder, tmp_path, content):
    from tests.helpers.small_set import write_set

    write_set(tmp_path / "data")
    picture = tmp_path / "data" / "images" / "VID01" / "1.png"
    picture.unlink()
    if content is not None:
        picture.write_bytes(content)
    with pytest.raises(AnatomyR1Error, match=r"VID01/1\.png: .*picture.*Fix: ") as refused:
        evaluate("sgg_anatomy_mini", tmp_path / "data", model_folder, tmp_path / "log", limit=2, progress=False)
    assert "\n" not in str(refused.value)
