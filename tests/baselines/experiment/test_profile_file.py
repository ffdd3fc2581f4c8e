"""A profile with a mistake in it is refused when it is loaded, with file, key, value and how to write it."""

from dataclasses import fields

import pytest
import yaml

from anatomy_r1.errors import AnatomyR1Error
from baselines.experiment.profile import PROFILES, load_profile
from baselines.experiment.profile_file import EvaluationSection, TrainingSection, WorldSection

MINI = (PROFILES / "mini.yaml").read_text()
MISTAKES = {
    "a number that YAML reads as a string": (
        ("learning_rate: 2.0e-4", "learning_rate: 2e-4"),
        "training.rl.learning_rate: should be a number, found the string '2e-4': write 2.0e-4, without quotes",
    ),
    "a number in quotes": (("top_p: 1.0", "top_p: '1'"), "training.rl.top_p: .*found the string '1': write 1, without"),
    "no number at all": (("top_p: 1.0", "top_p: high"), "training.rl.top_p: should be a number, found 'high'"),
    "a boolean for a number": (("beta: 0.04", "beta: true"), "training.rl.beta: should be a number, found True"),
    "an integer in quotes": (("max_steps: 320", "max_steps: '320'"), "training.rl.max_steps: .*integer, found the string '320': write 320, without quotes"),
    "a string for a boolean": (("use_cpu: true", "use_cpu: 'yes'"), "training.common.use_cpu: .*boolean, found 'yes'"),
    "a misspelt trainer argument": (
        ("learning_rate: 2.0e-4", "learning_rat: 2.0e-4"),
        r"training.rl: unknown key 'learning_rat' \(did you mean 'learning_rate'\?\)",
    ),
    "a misspelt section": (("world: {}", "word: {}"), r"unknown key 'word' \(did you mean 'world'\?\)"),
    "a misspelt option": (("seed: 1}", "sed: 1}"), r"unknown key 'data.omnimed_mi_mini.sed' \(did you mean 'seed'\?\)"),
    "an unknown need": (("gpus: 0", "gpu: 0"), r"unknown key 'needs.gpu' \(did you mean 'gpus'\?\)"),
    "a key twice": (("top_k: 0", "top_k: 0\n    top_k: 1"), "duplicate key 'top_k'"),
    "a model from nowhere": (("mini-s: {mini: mini-s}", "mini-s: {}"), "models.mini-s: needs `mini` or `hub`"),
    "a stage without a cost": (("evaluate: 40", "evaluation: 40"), "cost: missing key 'evaluate'"),
    "another argument of TRL's": (
        ("bf16: false", "bf16: false\n    sapo_temperature_neg: 9e-1"),
        "training.common: sapo_temperature_neg: found the string '9e-1': write 9.0e-1, without quotes",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_refused_with_file_and_key(mistake, tmp_path):
    (before, after), message = MISTAKES[mistake]
    assert before in MINI
    path = tmp_path / "own.yaml"
    path.write_text(MINI.replace(before, after, 1))
    with pytest.raises(AnatomyR1Error, match=rf"^{path}: not a valid profile: .*{message}"):
        load_profile(str(path))


@pytest.mark.parametrize("text", ["2e-4", "-1E6", "3e+2", "1.5e3", ".5e1"])
def test_what_the_message_says_to_write_is_what_yaml_reads_as_that_number(text, tmp_path):
    path = tmp_path / "own.yaml"
    path.write_text(MINI.replace("beta: 0.04", f"beta: '{text}'"))
    with pytest.raises(AnatomyR1Error, match="write ") as caught:
        load_profile(str(path))
    written = str(caught.value).split("write ")[1].split(",")[0]
    assert yaml.safe_load(written) == float(text)


@pytest.mark.parametrize("path", sorted(PROFILES.glob("*.yaml")), ids=lambda path: path.stem)
def test_values_are_those_of_the_file_unconverted(path):
    """Digests depend on them: 0 and 0.0 are different settings."""
    raw, found = yaml.safe_load(path.read_text()), load_profile(path.stem)
    for section in ("models", "world", "data", "released", "default", "evaluation", "training", "cost"):
        assert repr_sorted(getattr(found, section)) == repr_sorted(raw.get(section, {}))


def repr_sorted(value):
    return sorted((key, repr_sorted(one)) for key, one in value.items()) if isinstance(value, dict) else repr(value)


def test_any_argument_of_trl_can_be_set(tmp_path):
    path = tmp_path / "own.yaml"
    path.write_text(MINI.replace("bf16: false", "bf16: false\n    optim: adafactor"))
    assert load_profile(str(path)).budget("rl")["optim"] == "adafactor"


def test_sections_have_the_keys_of_what_they_are_given_to():
    from trl import GRPOConfig

    from anatomy_r1.evaluation.config import EvaluationConfig
    from anatomy_r1.mini.world import WorldSpec
    from baselines.trainers import RLConfig

    own = {one.name for one in fields(RLConfig)} - {one.name for one in fields(GRPOConfig)}
    assert own <= TrainingSection.model_fields.keys()
    assert {one.name for one in fields(WorldSpec)} == WorldSection.model_fields.keys()
    assert EvaluationSection.model_fields.keys() <= {one.name for one in fields(EvaluationConfig)}
