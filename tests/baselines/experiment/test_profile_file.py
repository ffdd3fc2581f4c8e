"""A profile with a mistake in it is refused when it is loaded, with file, key, value and how to write it."""

from dataclasses import fields

import pytest
import yaml

from anatomy_r1.errors import AnatomyR1Error
from baselines.experiment.profile import PROFILES, load_profile
from baselines.experiment.profile_file import EvaluationSection, TrainingSection, WorldSection

MINI = (PROFILES / "mini.yaml").read_text()
LISTED = "mini-l: {mini: mini-l, bases: [mini-l-1, mini-l-2, mini-l-3]}"
MISTAKES = {
    "a number that YAML reads as a string": (
        ("learning_rate: 2.0e-4", "learning_rate: 2e-4"),
        "training.rl.learning_rate: should be a number, found the string '2e-4': write 2.0e-4, without quotes",
    ),
    "a number in quotes": (("top_p: 1.0", "top_p: '1'"), "training.rl.top_p: .*found the string '1': write 1, without"),
    "no number at all": (("top_p: 1.0", "top_p: high"), "training.rl.top_p: should be a number, found 'high'"),
    "a boolean for a number": (("beta: 0.02", "beta: true"), "training.rl.beta: should be a number, found True"),
    "an integer in quotes": (
        ("max_steps: 320", "max_steps: '320'"),
        "training.rl.max_steps: .*integer, found the string '320': write 320, without quotes",
    ),
    "a string for a boolean": (("use_cpu: true", "use_cpu: 'yes'"), "training.common.use_cpu: .*boolean, found 'yes'"),
    "a misspelt trainer argument": (
        ("learning_rate: 2.0e-4", "learning_rat: 2.0e-4"),
        r"training.rl: unknown key 'learning_rat' \(did you mean 'learning_rate'\?\)",
    ),
    "a misspelt section": (("world: {seed", "word: {seed"), r"unknown key 'word' \(did you mean 'world'\?\)"),
    "a misspelt option": (("seed: 1}", "sed: 1}"), r"unknown key 'data.omnimed_mi_mini.sed' \(did you mean 'seed'\?\)"),
    "an unknown need": (("gpus: 0", "gpu: 0"), r"unknown key 'needs.gpu' \(did you mean 'gpus'\?\)"),
    "a key twice": (("top_k: 0", "top_k: 0\n    top_k: 1"), "duplicate key 'top_k'"),
    "a model from nowhere": ((LISTED, "mini-l: {}"), "models.mini-l: needs `mini` or `hub`"),
    "a stage without a cost": (("evaluate: 13", "evaluation: 40"), "cost: missing key 'evaluate'"),
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
    path.write_text(MINI.replace("beta: 0.02", f"beta: '{text}'"))
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


SMOKE = (PROFILES / "smoke.yaml").read_text()
MODEL = "{mini: mini-l, recipe: toy}"
RL = "beta: 0.001"
CASE_11 = {
    "an exponent without a dot, which YAML 1.1 reads as text": (
        (RL, "beta: 1e-3"),
        "training.rl.beta: .*found the string '1e-3': write 1.0e-3, without quotes",
    ),
    "a number in quotes": (("2.0e-4", '"2e-4"'), "training.rl.learning_rate: .*'2e-4': write 2.0e-4"),
    "a number as text, deep in options": (
        (MODEL, "{mini: mini-l, lora: {r: 4, lora_dropout: 1e-1}}"),
        "models.mini-l.lora: lora_dropout: found the string '1e-1': write 1.0e-1",
    ),
    "another framework's name of a knob": (
        (RL, "kl_coef: 0.1"),
        r"training.rl: unknown key 'kl_coef' \(TRL's name is 'be",
    ),
    "an unknown knob": ((RL, "betta: 0.1"), r"training.rl: unknown key 'betta' \(did you mean 'beta'\?\)"),
    "a knob like none": ((RL, "zzz: 0.1"), r"training.rl: unknown key 'zzz' \(did you mean '"),
    "a key twice": (("top_k: 0", "top_k: 0\n    top_k: 0"), r"duplicate key 'top_k' \(line 72, column 5\)"),
    "a key twice, on one line": ((MODEL, "{mini: mini-l, mini: mini-s}"), "duplicate key 'mini'"),
    "a section twice": (("cost:", "world: {}\n\ncost:"), "duplicate key 'world'"),
    "a misspelt option of the data": (
        ("split: file", "splits: file"),
        r"unknown key 'data.sgg_anatomy_mini.splits' \(did you mean 'split'\?\)",
    ),
    "a default model that `models` lacks": (
        ("models: [mini-l]", "models: [mini-xl]"),
        r"default.models: unknown name 'mini-xl' \(did you mean 'mini-l'\?\)",
    ),
    "a default benchmark that `data` lacks": (
        ("benchmarks: [sgg_anatomy_mini,", "benchmarks: [sgg_anatomy,"),
        "default.benchmarks: unknown name 'sgg_anatomy'",
    ),
    "a released set that `data` lacks": (
        ("{size: 16", "{size: 16, seed: 0}\n  sgg: {size: 16"),
        "released: unknown name 'sgg'",
    ),
    "an arm of another name": (("equal-tokens]", "equal]"), r"default.arms\[1\]: .*found 'equal'"),
    "a misspelt option of the evaluation": (
        ("  repeats: 5", "  temprature: 1\n  repeats: 5"),
        r"unknown key 'evaluation.temprature' \(did you mean 'temperature'\?\)",
    ),
    "other repeats than the metrics have": (("repeats: 5", "repeats: 4"), "evaluation: repeats 4: the metrics"),
    "an engine that there is none of": (
        ("repeats: 5", "repeats: 5\n  engine: vlm"),
        "engine 'vlm': there are transformers",
    ),
    "a seed for a list of seeds": (
        ("seeds: [0]", "seeds: 0"),
        r"default.seeds: should be a list, found 0: write \[0\]",
    ),
    "a negative seed": (("seeds: [0]", "seeds: [-1]"), r"default.seeds\[0\]: .*found -1"),
    "a seed twice": (("seeds: [0]", "seeds: [0, 0]"), "default.seeds: 0 is listed twice"),
    "a method for a list of methods": (("models: [mini-l]", "models: mini-l"), r"default.models: .*write \[mini-l\]"),
    "a tab": (("  rl:", "\trl:"), "that cannot start any token .*YAML takes no tabs: indent with blanks"),
    "an unknown word of the launcher": (
        ("launch: {processes", "launch: {nodes: 2, processes"),
        "unknown key 'launch.nodes'",
    ),
    "no process": (("processes: 1", "processes: 0"), "launch.processes: .*found 0"),
    "a boolean for an integer": (("max_steps: 4", "max_steps: true"), "training.rl.max_steps: .*integer, found True"),
    "a fraction for an integer": (("max_steps: 4", "max_steps: 4.0"), "training.rl.max_steps: .*integer, found 4.0"),
    "no number": ((RL, "beta: .nan"), "training.rl.beta: should be a finite number .*found nan"),
    "infinity": ((RL, "beta: 1.0e+999"), "training.rl.beta: should be a finite number .*found inf"),
    "an integer beyond floats": (
        (RL, f"beta: {'9' * 400}"),
        r"training.rl.beta: should be a finite number below 2\*\*53",
    ),
    "a negative learning rate": (
        ("learning_rate: 2.0e-4", "learning_rate: -2.0e-4"),
        "should be above 0, found -0.0002",
    ),
    "a share above one": (("top_p: 1.0", "top_p: 1.5"), "training.rl.top_p: should be a share of at most 1, found 1.5"),
    "one completion for a group": (
        ("num_generations: 8", "num_generations: 1"),
        "training.rl.num_generations: .*found 1",
    ),
    "nothing to train on": (
        ("source: sgg, train: 24", "source: sgg, train: 0"),
        "data.sgg_anatomy_mini.train: .*found 0",
    ),
    "a seed where it has no effect": ((RL, "beta: 0.001\n    seed: 3"), "training.rl: seed: would have no effect here"),
    "octal": (("split: file, seed: 0", "split: file, seed: 010"), "seed: 010 is read differently by YAML 1.1 and 1.2"),
    "base 60": (("max_steps: 4", "max_steps: 1:30"), "max_steps: 1:30 is read differently"),
    "a month that there is none of": (("note: >-", "day: 2026-13-01\nnote: >-"), r"month must be in 1..12 \(line 5"),
    "an alias to itself": (("world: {", "world: &a {seed: *a, "), "an alias to a value that contains it"),
    "two documents": (("name: smoke", "name: a\n---\nname: smoke"), "another document"),
    "a Python object": (("note: >-", "note2: !!python/name:os.system\nnote: >-"), "could not determine a constructor"),
    "a name that is a path": (("name: smoke", "name: ../smoke"), "name: should match pattern"),
    "a model's name that is a path": (("  mini-l: {mini", "  ../up: {mini"), "should match pattern"),
    "weights from two places": ((MODEL, "{mini: mini-l, hub: a/b}"), "has both `mini` and `hub`"),
    "a precision that there is none of": (
        (MODEL, "{mini: mini-l, dtype: bf16}"),
        "models.mini-l.dtype: .*found 'bf16'",
    ),
    "adapters without options, which would train all": ((MODEL, "{mini: mini-l, lora: {}}"), "lora: is empty"),
    "pixels the wrong way round": ((MODEL, "{mini: mini-l, pixels: {min: 9, max: 4}}"), "min 9 is above max 4"),
    "an impossible world": (("train_videos: 3", "train_videos: 0"), "world: every count of a world must be at least 1"),
    "the mini world without generated data": (("generated: true", "generated: false"), "world: has no effect where"),
    "a misspelt budget": (("  cot-sft:\n", "  cot_sft:\n"), r"cost: missing key 'cot_sft' .*did you mean 'cot-sft'"),
    "no section for reinforcement learning": (("  rl:\n", "  grpo:\n"), "training: missing key 'rl'"),
    "no test questions": (("test_fraction: 0.4", "test_fraction: 0.0"), "mi_mini.test_fraction: .*above 0, found 0.0"),
    "only test questions": (
        ("test_fraction: 0.4", "test_fraction: 1.0"),
        "test_fraction: should be below 1, found 1.0",
    ),
    "a split of real videos in a generated world": (
        ("split: file", "split: unused"),
        "data.sgg_anatomy_mini.split: 'unused' splits the videos of SSG-VQA",
    ),
    "another split of real videos": (("split: file", "split: official"), "sgg_anatomy_mini.split: 'official' splits"),
    "a server, whose address a profile cannot have": (
        ("repeats: 5", "repeats: 5\n  engine: server"),
        "engine 'server': the grid evaluates weights on this machine: there are transformers, vllm",
    ),
    "noise beyond the range of a picture": ((RL, "noise_strength: 50"), "noise_strength: should be a share of at most"),
    "a bound of the ratio that would clip everything": ((RL, "delta: -1"), "delta: should be above 1, found -1"),
    "a learning rate that trains nothing": (
        ("learning_rate: 2.0e-4", "learning_rate: 2.0"),
        "learning_rate: should be a share of at most 1, found 2.0",
    ),
    "a section that is empty": (("needs: {gpus: 0, gpu_memory_gb: 0.0}", "needs:"), "needs: should be a mapping"),
}


@pytest.mark.parametrize("what", CASE_11)
def test_case_11_a_profile_that_would_not_do_what_it_says_is_refused_when_it_is_read(what, tmp_path):
    (before, after), message = CASE_11[what]
    assert before in SMOKE
    path = tmp_path / "own.yaml"
    path.write_text(SMOKE.replace(before, after, 1))
    with pytest.raises(AnatomyR1Error, match=rf"^{path}: not a valid profile: .*{message}") as caught:
        load_profile(str(path))
    assert "\n" not in str(caught.value)
    assert ". Fix: " in str(caught.value)


BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{after}: &{after} [{', '.join([f'*{before}'] * 10)}]\n" for before, after in zip("abcde", "bcdef", strict=True)
)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"# a comment\n", "the file is empty"),
        (b"- a\n- b\n", "should be a mapping of keys to values, found"),
        (b"smoke\n", "should be a mapping of keys to values, found 'smoke'"),
        (SMOKE.replace("A base", "B\xe4se").encode("latin-1"), "not UTF-8 text \\(byte 0xe4"),
        (SMOKE.encode("utf-16"), "not UTF-8 text"),
        (SMOKE.encode() + b"\0", "unacceptable character #x0000"),
        ((BOMB + SMOKE).encode(), "aliases make more than 100,000 values"),
        (b"a: " + b"[" * 5000, "nested too deeply"),
        (SMOKE.encode() + b"? [a, b]\n: c\n", "a key that is no plain word"),
        (f"x: {'9' * 5000}\n".encode(), r"4300 digits.*\(line 1, column 4\)"),
    ],
    ids=["empty", "a comment", "a list", "a word", "Latin-1", "UTF-16", "a zero byte", "aliases of aliases", "deep",
         "a list for a key", "5,000 digits"],
)  # fmt: skip
def test_case_11_what_is_no_profile_at_all_is_refused_in_one_line(content, message, tmp_path):
    path = tmp_path / "own.yaml"
    path.write_bytes(content)
    with pytest.raises(AnatomyR1Error, match=f"not a valid profile: .*{message}") as caught:
        load_profile(str(path))
    assert "\n" not in str(caught.value)


def test_case_11_a_byte_order_mark_and_aliases_within_reason_are_taken(tmp_path):
    path = tmp_path / "own.yaml"
    text = SMOKE.replace("  sft:\n", "  sft: &sft\n").replace("  rl:\n", "  mine: {<<: *sft, max_steps: 5}\n  rl:\n")
    path.write_bytes(b"\xef\xbb\xbf" + text.replace("cost: {", "cost: {mine: 1, ").encode())
    assert load_profile(str(path)).training["mine"] == {**load_profile("smoke").training["sft"], "max_steps": 5}
