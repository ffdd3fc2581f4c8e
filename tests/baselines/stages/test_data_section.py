"""A profile's data section: what it states reaches the preparation, and what it gets wrong is refused by its key."""

from dataclasses import fields
from pathlib import Path

import pytest

from anatomy_r1.cli.data import add_data_commands
from anatomy_r1.data.prepare.options import OmniMedOptions, ReleasedOptions, SggOptions
from anatomy_r1.errors import AnatomyR1Error
from baselines.experiment.profile import PROFILES, load_profile
from baselines.stages.data import read_section

ROOT, OUT = Path("data"), Path("prepared")


def read(section):
    return read_section(section, "profile p: data.b", ROOT, OUT)


@pytest.mark.parametrize("name", sorted(path.stem for path in PROFILES.glob("*.yaml")))
def test_every_profile_is_read(name):
    for section in load_profile(name).data.values():
        options = read(section)
        assert (options.root, options.out) == (ROOT, OUT)
        assert {key: getattr(options, key) for key in section if key != "source"} == {
            key: value for key, value in section.items() if key != "source"
        }


def test_a_null_leaves_the_default_and_paths_are_paths():
    section = {"source": "omnimed", "med_r1": "splits", "test_fraction": None, "validation_fraction": 0}
    assert read(section) == OmniMedOptions(root=ROOT, out=OUT, med_r1=Path("splits"))


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"train": 3}, r"data\.b\.source: None is no source.*sgg or omnimed"),
        ({"source": "released"}, r"data\.b\.source: 'released' is no source"),
        ({"source": "sgg", "trian": 3}, r"data\.b\.trian: unknown key 'trian' \(did you mean 'train'\?\)"),
        ({"source": "sgg", "test_fraction": 0.5}, r"data\.b\.test_fraction: unknown key 'test_fraction' \(known"),
        ({"source": "sgg", "train": "many"}, r"data\.b\.train: .*integer"),
        ({"source": "sgg", "train": True}, r"data\.b\.train: .*integer"),
        ({"source": "sgg", "seed": 1.5}, r"data\.b\.seed: .*integer"),
        ({"source": "sgg", "test": -1}, r"data\.b: test: -1 is below 0"),
        ({"source": "sgg", "split": "random"}, r"data\.b\.split: .*'unused', 'official' or 'file'"),
        ({"source": "omnimed", "questions": 3}, r"data\.b\.questions: .*string"),
        ({"source": "omnimed", "test_fraction": 1.0}, r"data\.b: fractions 1.0 and 0.0 leave nothing to train on"),
    ],
    ids=["no source", "a source that is no benchmark", "misspelt", "of the other source", "text", "truth value",
         "fraction", "negative", "unknown rule", "number for a path", "nothing left"],
)  # fmt: skip
def test_a_bad_key_is_named(section, message):
    with pytest.raises(AnatomyR1Error, match=rf"profile p: {message}"):
        read(section)


@pytest.mark.parametrize(
    ("words", "kind", "required"),
    [
        (["sgg", "--root", "data"], SggOptions, {"root": ROOT}),
        (["omnimed", "--root", "data"], OmniMedOptions, {"root": ROOT}),
        (["released", "a.json", "--frames", "f"], ReleasedOptions, {"files": [Path("a.json")], "frames": Path("f")}),
    ],
    ids=["sgg", "omnimed", "released"],
)
def test_the_command_line_has_the_same_options_and_defaults(words, kind, required):
    import argparse

    parser = argparse.ArgumentParser()
    add_data_commands(parser.add_subparsers())
    arguments = vars(parser.parse_args(["data", "prepare", *words, "--out", "prepared"]))
    for own in ("run", "program"):  # of the command line
        arguments.pop(own)
    assert arguments.keys() == {field.name for field in fields(kind)}
    assert kind(**arguments) == kind(out=OUT, **required)
