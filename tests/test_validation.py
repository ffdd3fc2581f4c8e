"""Reading YAML and JSON into typed values: mistakes are named with file, key and value, never passed over."""

import json
from dataclasses import dataclass

import pytest
from pydantic import BaseModel, ConfigDict

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.validation import read_validated, validated


class Budget(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    steps: int
    learning_rate: float = 1e-5


class Experiment(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    name: str
    budgets: dict[str, Budget] = {}
    sweep: list[Budget] = []
    warmup: Budget | None = None


@dataclass
class Machine:
    __pydantic_config__ = ConfigDict(extra="forbid")

    gpus: int
    memory_gb: float = 4.0

    def __post_init__(self):
        if self.gpus < 0:
            raise ValueError("gpus: expected at least 0")


@pytest.mark.parametrize("suffix", ["yaml", "json"])
def test_a_file_becomes_a_typed_value(tmp_path, suffix):
    path = tmp_path / f"experiment.{suffix}"
    path.write_text(json.dumps({"name": "grpo", "budgets": {"rl": {"steps": 5, "learning_rate": 1}}}))
    found = read_validated(path, Experiment, what="experiment")
    assert found.budgets["rl"] == Budget(steps=5, learning_rate=1.0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nam: grpo", "unknown key 'nam' (did you mean 'name'?)"),
        ("nam: grpo", "missing key 'name'"),
        ("{name: grpo, zzz: 1}", "unknown key 'zzz' (known keys: name, budgets, sweep, warmup)"),
        ("{name: grpo, budgets: {rl: {steps: 5, learning_rat: 1}}}", "unknown key 'budgets.rl.learning_rat' (did you"),
        ("{name: grpo, sweep: [{steps: 5, stepz: 1}]}", "unknown key 'sweep[0].stepz' (did you mean 'steps'?)"),
        ("{name: grpo, warmup: {steps: 5, stepz: 1}}", "unknown key 'warmup.stepz' (did you mean 'steps'?)"),
        ("{name: grpo, sweep: [{steps: 5, learning_rate: 1e-5}]}", "sweep[0].learning_rate: should be a valid number"),
        ("{name: grpo, sweep: [{steps: 5, learning_rate: 1e-5}]}", "the string '1e-5': write 1.0e-5, without"),
        ("{name: grpo, nights: 3}", "unknown key 'nights' (known keys: "),
        ("{name: 7}", "name: should be a valid string, found 7"),
        ("[name]", "experiment: should be a mapping of keys to values, found ['name']"),
        ("name: a\nsweep: []\nname: b", "duplicate key 'name'"),
        ("name: [", "found '<stream end>' (line 1, column 8)"),
    ],
    ids=[
        "misspelt", "and missing", "nothing near", "in a mapping", "in a list", "in an optional", "YAML 1.1's float",
        "and its value", "another one", "type", "no mapping", "twice", "no YAML",
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_file_key_and_fix(tmp_path, text, message):
    (tmp_path / "experiment.yaml").write_text(text)
    with pytest.raises(AnatomyR1Error) as caught:
        read_validated(tmp_path / "experiment.yaml", Experiment, what="experiment", fix="see the manual")
    said = str(caught.value)
    assert message in said
    assert said.startswith(f"{tmp_path / 'experiment.yaml'}: not a valid experiment: ")
    assert said.endswith(". Fix: see the manual")


def test_a_key_of_yaml_that_is_merged_in_may_be_overridden(tmp_path):
    (tmp_path / "e.yaml").write_text("name: a\nbudgets:\n  x: &x {steps: 1}\n  y: {<<: *x, steps: 2}\n")
    assert read_validated(tmp_path / "e.yaml", Experiment, what="experiment").budgets["y"].steps == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"name": "a", "name": "b"}', "duplicate key 'name'"),
        ('{"name": ', "Expecting value"),
        ("[" * 10**5, "nested too deeply"),
    ],
    ids=["twice", "cut off", "nested without end"],
)
def test_bad_json_is_refused(tmp_path, text, message):
    (tmp_path / "experiment.json").write_text(text)
    with pytest.raises(AnatomyR1Error, match=message):
        read_validated(tmp_path / "experiment.json", Experiment, what="experiment")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(AnatomyR1Error, match=r"nowhere\.yaml: cannot read the experiment: No such file"):
        read_validated(tmp_path / "nowhere.yaml", Experiment, what="experiment")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"gpus": 1, "memory": 2.0}, "machine: unknown key 'memory' \\(did you mean 'memory_gb'\\?\\)"),
        ({}, "machine: missing key 'gpus'"),
        ({"gpus": -1}, "machine: gpus: expected at least 0. Fix"),
    ],
    ids=["unknown", "missing", "its own check"],
)
def test_a_dataclass_is_validated_too(content, message):
    assert validated({"gpus": 1}, Machine, where="machine") == Machine(1, 4.0)
    with pytest.raises(AnatomyR1Error, match=message):
        validated(content, Machine, where="machine")


def test_many_problems_are_counted():
    content = {"name": "a", "sweep": [{}] * 8}
    with pytest.raises(AnatomyR1Error, match=r"sweep\[4\].steps'; and 3 more. Fix"):
        validated(content, Experiment, where="e")
