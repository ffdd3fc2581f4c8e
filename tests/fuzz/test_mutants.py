"""A short run of `scripts/mutate.py`: no command ends in a traceback, and none takes a file that is broken."""

import random
import subprocess
import sys
from dataclasses import replace

import pytest

from tests.fuzz.formats import FORMATS
from tests.fuzz.mutations import Mutant, Rules, mutants
from tests.fuzz.trial import Bench

COUNT, COSTLY = 20, 5
"""Mutants of each format; fewer where a run takes more than a tenth of a second."""
SECONDS = ("family YAML", "response log", "store JSON in a table", "figure statements", "audit JSON", "lm-eval results",
           "open_clip configuration", "training log", "training record", "recorded batch")  # fmt: skip


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    return Bench(tmp_path_factory.mktemp("mutants"))


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.name)
def test_no_mutant_is_a_traceback_or_silently_taken(bench, form):
    count = COSTLY if form.name in SECONDS else COUNT
    outcomes = list(bench.trials(form, random.Random(f"0/{form.name}"), count))
    assert len(outcomes) == count
    assert [one for one in outcomes if one.verdict in ("traceback", "accepted")] == []
    assert any(one.verdict == "refused" for one in outcomes)


def test_the_same_seed_gives_the_same_mutants():
    made = [list(mutants(b'{"a": [1, "x"], "b": {}}', "json", Rules(), random.Random(3), 50)) for _ in range(2)]
    assert made[0] == made[1]
    assert len(made[0]) == 50
    assert {one.broken for one in made[0]} == {True, False}


@pytest.mark.parametrize(
    ("ran", "broken", "verdict"),
    [
        ((0, "taken", ""), True, "accepted"),
        ((0, "warning: odd", ""), True, "harmless"),
        ((0, "taken", ""), False, "harmless"),
        ((-1, "", "file.py:3 KeyError: 'x'"), False, "traceback"),
        ((2, "error: no", ""), True, "refused"),
    ],
)
def test_what_counts_as_a_fault(bench, ran, broken, verdict):
    form = next(one for one in FORMATS if one.name == "similarity JSON")
    assert bench._judged(form, Mutant("delete names", b"", broken), ran, "valid").verdict == verdict


def test_a_command_that_breaks_off_is_a_traceback_with_its_place(bench):
    form = replace(FORMATS[0], main="tests.fuzz.test_mutants", words="x")
    assert bench._run(form)[2].startswith("tests/fuzz/test_mutants.py:")


@pytest.mark.slow
@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"[" * 50_000, b'{"names": NaN'])
def test_a_process_of_its_own_ends_in_one_line(content, tmp_path):
    path = tmp_path / "similarity.json"
    path.write_bytes(content)
    words = [sys.executable, "-m", "anatomy_r1.cli", "similarity", "show", str(path)]
    ended = subprocess.run(words, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert ended.stderr.startswith(f"error: {path}: ")
    assert "Traceback" not in ended.stderr


def main(words):
    return {}[words[0]]
